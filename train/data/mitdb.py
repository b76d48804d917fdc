"""The MIT-BIH Arrhythmia Database: its record sets and its reference annotations."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import wfdb
from numpy.typing import NDArray

from edge import replay
from edge.errors import RecordError
from edge.replay import Recording
from train.data.corpus import SHARED, Record, Reference, Span
from train.metrics.aami import CLASS_MAPS, aami_classes

# Sets between patients of de Chazal et al. 2004 (IEEE TBME 51(7)).
DS1: Final = (
    *("101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122"),
    *("124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230"),
)
DS2: Final = (
    *("100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210"),
    *("212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234"),
)
PACED: Final = ("102", "104", "107", "217")
"""Left out of both sets, as EC57 asks for records with paced beats."""
ALL: Final = tuple(sorted(DS1 + DS2 + PACED))
RECORD_SETS: Final = {"mitdb": ALL, "ds1": DS1, "ds2": DS2, "paced": PACED}


def require(folder: Path) -> None:
    """Raises RecordError where the folder of a data set is missing."""
    if not folder.is_dir():
        raise RecordError(
            f"{folder} is missing: run `edge-train fetch {folder.name} --data {folder.parent}`, "
            f"or name the folder that holds {folder.name}/ with --data"
        )


def subject(record: str) -> str:
    """The person whom a record is of, named by their first record: 201 and 202 are one man."""
    return "201" if record == "202" else record


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """What the reference annotators say of one record; sample indices at its own rate."""

    fs: float
    sample: NDArray[np.int64]
    """Beats in time order, [n]; none inside ventricular flutter or fibrillation."""
    symbol: NDArray[np.str_]
    """PhysioNet's symbol of each beat, [n]."""
    rhythm: tuple[tuple[int, str], ...]
    """Where a rhythm begins, and its name without the parenthesis: N, AFIB, B, ..."""
    vf: tuple[tuple[int, int], ...]
    """First and last sample of each stretch between `[` and `]`; an open one has no end."""

    def at(self, fs: float) -> "Annotations":
        """The same at another rate."""
        if fs == self.fs:
            return self
        ratio = fs / self.fs
        return replace(
            self,
            fs=fs,
            sample=np.rint(self.sample * ratio).astype(np.int64),
            rhythm=tuple((round(start * ratio), name) for start, name in self.rhythm),
            vf=tuple(
                (round(first * ratio), last if last == sys.maxsize else round(last * ratio))
                for first, last in self.vf
            ),
        )


def read_marks(record: Path, extension: str) -> Any:
    """The `wfdb.Annotation` of a record by its path without suffix; a RecordError if that fails."""
    try:
        cut = Path(f"{record}.{extension}").read_bytes()[-2:] != bytes(2)  # which end every file
        annotation = wfdb.rdann(str(record), extension)
        whole = len(annotation.sample) == len(annotation.symbol) == len(annotation.aux_note) > 0
        if cut or not whole or not all(isinstance(symbol, str) for symbol in annotation.symbol):
            raise ValueError
    # A damaged file surfaces in wfdb as almost any exception.
    except Exception as error:
        raise RecordError(
            f"the annotations {record}.{extension} are missing or damaged; "
            "fetch the data set, take it out of the split, or name another folder"
        ) from error
    return annotation


def read_annotations(record: Path, extension: str = "atr") -> Annotations:
    """Read a record's annotations by its path without suffix; a RecordError if that fails."""
    annotation = read_marks(record, extension)
    marks = list(
        zip(annotation.sample.tolist(), annotation.symbol, annotation.aux_note, strict=True)
    )
    if annotation.fs is None:
        raise RecordError(f"the header {record}.hea with the sampling rate is missing")
    beats: list[tuple[int, str]] = []
    rhythm: list[tuple[int, str]] = []
    vf: list[tuple[int, int]] = []
    vf_start: int | None = None
    for sample, symbol, aux in marks:
        if symbol == "[":
            vf_start = sample
        elif symbol == "]" and vf_start is not None:
            vf.append((vf_start, sample))
            vf_start = None
        elif symbol == "+":
            rhythm.append((sample, aux.strip("\x00 ").removeprefix("(")))
        elif symbol in CLASS_MAPS["papers"] and vf_start is None:
            beats.append((sample, symbol))
    if vf_start is not None:
        vf.append((vf_start, sys.maxsize))
    return Annotations(
        fs=float(annotation.fs),
        sample=np.array([sample for sample, _ in beats], dtype=np.int64),
        symbol=np.array([symbol for _, symbol in beats], dtype="U1"),
        rhythm=tuple(rhythm),
        vf=tuple(vf),
    )


_RHYTHMS = {"N": "SR", "SBR": "SR", "AFIB": "AF", "AFL": "AF"}
_BEATS = dict.fromkeys("AaJS", "PAC") | {"V": "PVC", "L": "LBBB", "R": "RBBB"}


def rhythm_spans(marks: Iterable[tuple[int, str]], n: int) -> tuple[Span, ...]:
    """SR and AF in a recording of `n` samples, from the beginnings of all rhythms in time order."""
    ends = pairwise([*marks, (n, "")])
    return tuple(
        Span(start, stop, _RHYTHMS[rhythm])
        for (start, rhythm), (stop, _) in ends
        if rhythm in _RHYTHMS and start < stop <= n
    )


def require_within(annotations: Annotations, recording: Recording) -> None:
    """Raises RecordError where beats are out of order or outside the recording."""
    beats = annotations.sample
    if len(beats) and (
        beats[0] < 0 or beats[-1] >= len(recording.nv) or np.any(np.diff(beats) < 0)
    ):
        raise RecordError(
            f"the annotations of record {recording.name} do not fit its signal: get it again"
        )


@dataclass(frozen=True)
class MitDb:
    """Records of mitdb as a `Corpus`; by default DS1, all that may be trained on.

    SR and AF (flutter too) are the annotators' rhythms, every other label is of single beats.
    """

    folder: Path
    names: tuple[str, ...] = DS1
    name = "mitdb"
    classes = SHARED

    @cached_property
    def records(self) -> Sequence[Record]:
        """All records, in a fixed order; RecordError where the folder is missing."""
        require(self.folder)
        return tuple(Record(name, subject(name)) for name in self.names)

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """Signal and annotations; RecordError where a file of theirs is missing or damaged."""
        recording = replay.read(self.folder / record.name)
        annotations = read_annotations(self.folder / record.name)
        require_within(annotations, recording)
        beats = tuple(
            Span(sample, sample + 1, _BEATS[symbol])
            for sample, symbol in zip(
                annotations.sample.tolist(), annotations.symbol.tolist(), strict=True
            )
            if symbol in _BEATS
        )
        return recording, Reference(
            beats=annotations.sample,
            aami=aami_classes(annotations.symbol),
            spans=rhythm_spans(annotations.rhythm, len(recording.nv)) + beats,
        )
