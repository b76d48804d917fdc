"""A recording in another format: EDF+ or BDF+ with its annotations, or CSV."""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge import marks, whole
from edge.errors import RecordError
from edge.files import Start, damaged
from edge.files.edf import Edf
from edge.files.recorded import Recorded
from edge.marks import Mark
from edge.replay import INVALID, Opened

_SURE_NV: Final = (0.501, 1.001)
"""Samples are whole nanovolts here: so far they may be from steps that are counted from 0, and from
a sample."""
_NV_PER_MV: Final = 1e6


@dataclass(frozen=True)
class Export:
    """A recording, and what is beside its samples."""

    opened: Opened
    start: Start | None
    """When it began; with a zone, in UTC."""
    notes: list[Mark]
    """In order of time, those of missing samples left out."""


@dataclass(frozen=True)
class Survey:
    """What the samples are, by all of them."""

    length: int
    leads: tuple["Lead", ...]
    missing: list[Mark]
    """Where samples are invalid."""


@dataclass(frozen=True)
class Lead:
    """Samples of a lead are `base + k * step` nanovolts, k from `least` to `most`."""

    name: str
    step: float
    base: float
    least: int
    most: int


def load(
    record: str | Path,
    leads: Sequence[str | int] | None = None,
    annotator: str | None = None,
    fs: float | None = None,
) -> Export:
    """Open a recording, with the annotations `annotator`; None: those of edge-run, if there are.

    `fs` in Hz is the rate of a table or an array that tells none. RecordError where either cannot
    be used.
    """
    opened = Opened(record, leads, fs)
    file, start = opened.file, opened.began
    if start and start.at.tzinfo:
        start = start._replace(at=start.at.astimezone(UTC))
    if isinstance(file, Recorded | Edf) and annotator is None:
        notes = [mark for mark in file.marks if not marks.read_gap(mark.text)]
        return Export(opened, start, notes)
    notes = []
    if annotator:
        path = Path(os.path.expanduser(record))  # noqa: PTH111 (it raises for names that nobody has)
        path = path if os.path.isfile(f"{path}.hea") else path.with_suffix("")  # noqa: PTH113
        scale = opened.fs / _counted(path, opened.fs)
        found = _annotations(path, annotator)
        notes = [mark._replace(sample=round(mark.sample * scale)) for mark in found]
    return Export(opened, start, notes)


def _counted(path: Path, fs: float) -> float:
    """The rate at which a WFDB record's annotations count."""
    from wfdb import rdheader

    with suppress(Exception):  # a date that is none, and the like: it is read without
        return float(rdheader(str(path)).fs)
    return fs


def _annotations(path: Path, annotator: str) -> list[Mark]:
    from wfdb.io.annotation import rdann

    try:
        found = rdann(str(path), annotator)
    except FileNotFoundError:
        raise RecordError(f"there are no annotations {path.name}.{annotator}") from None
    except Exception as error:  # a damaged file surfaces as almost any
        raise damaged(path.with_suffix(f".{annotator}"), error) from None
    each = zip(found.sample.tolist(), found.symbol, found.aux_note, strict=True)
    return [Mark(sample, symbol, text.rstrip("\0")) for sample, symbol, text in each]


def survey(opened: Opened) -> Survey:
    """Go through all samples once."""
    seen = [_Seen(step) for step in opened.steps]
    missing = [_Runs() for _ in range(1 if opened.lost else len(seen))]
    length = 0
    for nv in opened.pieces():
        invalid = nv == INVALID
        gone = invalid.all(axis=1, keepdims=True) if opened.lost else invalid
        for runs, column in zip(missing, gone.T, strict=True):
            runs.take(column)
        for lead, x, no in zip(seen, nv.T, invalid.T, strict=True):
            lead.take(x[~no].astype(np.int64))
        length += len(nv)
    each = zip(opened.leads, seen, strict=True)
    return Survey(length, tuple(lead.told(name) for name, lead in each), _missing(missing, opened))


class _Seen:
    """What is known of a lead's samples: whole nanovolts, or steps that were rounded to these."""

    def __init__(self, step: float | None) -> None:
        self._step = step or 0.0
        self._first: int | None = None
        self._least = self._most = 0
        self._part = 0  # the greatest that all distances from the first are whole ones of
        # The same of numbers of steps, counted from 0 and from the first; how far these are off.
        self._parts, self._off = [0, 0], [0.0, 0.0]

    def take(self, x: NDArray[np.int64]) -> None:
        if not len(x):
            return
        if self._first is None:
            self._first = self._least = self._most = int(x[0])
        self._least, self._most = min(self._least, int(x.min())), max(self._most, int(x.max()))
        self._part = int(np.gcd(np.gcd.reduce(x - self._first), self._part))
        for i, zero in enumerate((0, self._first) if self._step else ()):
            numbers = np.rint((x - zero) / self._step)
            off = np.abs(numbers * self._step + zero - x).max()
            self._off[i] = max(self._off[i], float(off))
            part = np.gcd.reduce(numbers.astype(np.int64))
            self._parts[i] = int(np.gcd(part, self._parts[i]))

    def told(self, name: str) -> Lead:
        first = self._first or 0
        step = float(max(self._part, 1))
        zero = 0 if first % step == 0 else first
        for i, sure in enumerate(_SURE_NV):
            if self._step > max(step, 2 * sure) and self._off[i] <= sure:
                step, zero = self._step * max(self._parts[i], 1), first * i
                break
        least, most = ((x - zero) / step for x in (self._least, self._most))
        return Lead(name, step, zero, round(least), round(most))


class _Runs:
    """Stretches of what is true, as it comes."""

    def __init__(self) -> None:
        self.found: list[tuple[int, int]] = []
        self._end = 0

    def take(self, x: NDArray[np.bool_]) -> None:
        edges = np.flatnonzero(np.diff(x.astype(np.int8), prepend=0, append=0)) + self._end
        for first, end in edges.reshape(-1, 2).tolist():
            if self.found and self.found[-1][1] == first:
                first = self.found.pop()[0]
            self.found.append((first, end))
        self._end += len(x)


def _missing(found: list[_Runs], opened: Opened) -> list[Mark]:
    if opened.lost:
        each = ((first, end) for first, end in found[0].found)
        return [marks.gap(first, end - first, opened.fs) for first, end in each]
    return sorted(
        marks.invalid(first, end - first, lead, opened.fs)
        for lead, runs in enumerate(found)
        for first, end in runs.found
    )


def check(path: Path, *, overwrite: bool = False) -> None:
    """OutputError where a file is there that would be written, and is not to be overwritten."""
    for each in (path, beside(path)) if path.suffix.lower() == ".csv" else (path,):
        whole.check(each, overwrite=overwrite)


def beside(path: Path) -> Path:
    """Where the annotations go of a table at `path`."""
    return path.with_name(f"{path.stem}.annotations.csv")


def write_csv(export: Export, path: Path, *, overwrite: bool = False) -> list[str]:
    """A row a sample: seconds, and each lead in mV, empty where there is none.

    Annotations go into a table beside it. Gives what else was written. OutputError as `new`.
    """
    found, fs = survey(export.opened), export.opened.fs
    row = ",".join([f"%.{_digits(fs)}f", *["%.6f"] * len(found.leads)])  # nanovolts
    notes_path = beside(path)
    with whole.made(path, overwrite=overwrite) as part, part.open("w", encoding="utf-8") as file:
        names = [f"{_quoted(lead.name)} (mV)" for lead in found.leads]
        file.write(",".join(["time (s)", *names]) + "\n")
        at = 0
        for nv in export.opened.pieces():
            mv = np.where(nv == INVALID, np.nan, nv / _NV_PER_MV)
            times = (at + np.arange(len(nv))) / fs
            rows = [row % (t, *x) for t, x in zip(times.tolist(), mv.tolist(), strict=True)]
            file.write("\n".join(rows).replace("nan", "") + "\n")
            at += len(nv)
    notes = sorted([*export.notes, *found.missing], key=lambda mark: mark.sample)
    with (
        whole.made(notes_path, overwrite=overwrite) as part,
        part.open("w", encoding="utf-8") as file,
    ):
        clock = "utc" if export.start and export.start.at.tzinfo else "clock"
        file.write(f"time (s),{clock},symbol,text\n")
        for mark in notes:
            t = mark.sample / fs
            cells = f"{t:.{_digits(fs)}f}", _when(export.start, t), mark.symbol, mark.text
            file.write(",".join(map(_quoted, cells)) + "\n")
    return [f"annotations: {notes_path}"]


def _when(start: Start | None, t: float) -> str:
    """The time of day of `t` seconds, with its date, as far as the recording tells them."""
    try:
        at = start.at + timedelta(seconds=t) if start else None
    except OverflowError:  # the year 9999
        at = None
    if not start or not at:
        return ""
    if not start.dated:
        return at.time().isoformat("milliseconds")
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z" * bool(at.tzinfo)


def _digits(fs: float) -> int:
    """Of seconds, that no two samples have the same."""
    return max(3, math.ceil(math.log10(fs)) + 3)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\n') else text
