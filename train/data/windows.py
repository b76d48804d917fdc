"""Windows of one length and rate, cut once from any corpus and read back from disk.

A window is one entry of a structured array: its twelve leads, which of them there are, the R peaks
that the runtime's own detector finds, and what the annotators say. Entries lie in shards of a few
dozen megabytes that are mapped, not loaded: memory holds what a batch needs, whatever the size of
the corpus, and a process of many touches only its own part of a shard's pages.
"""

import json
import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, is_dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from edge.errors import EdgeError, OutputError, RecordError
from edge.replay import INVALID, Recording
from edge.workers import end_with_parent
from train.data import shards
from train.data.cache import INDEX, ROOM_GB, entries
from train.data.corpus import LEADS, Corpus, Record, Reference, standard_lead
from train.data.preparation import alive, prepare, r_peaks, repeated
from train.engine.batches import Batch
from train.engine.files import write_text
from train.engine.manifest import Manifest, contents, described, manifest
from train.metrics.aami import LEARNED
from train.metrics.ec57 import WINDOW_S, match

AAMI: Final = LEARNED
"""Classes of `beats`."""
SHARD: Final = 1024
"""Windows a shard: 25 MB at 100 Hz and 10 s."""
_FASTEST: Final = 5.0
"""Beats a second at most."""
_TOGETHER: Final = 4
"""Records that a process cuts before it is given others."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How windows are cut."""

    fs: float = 100.0
    seconds: float = 10.0
    stride: float = 10.0
    """From the start of a window to the next one's, in seconds."""
    waves: bool = False
    """Whether delineation is kept; it takes half the room of the signal."""

    @property
    def samples(self) -> int:
        """Length of a window."""
        return round(self.fs * self.seconds)

    @property
    def peaks(self) -> int:
        """Room for R peaks in a window."""
        return round(_FASTEST * self.seconds)

    def dtype(self, classes: int) -> np.dtype[np.void]:
        """One window of a corpus that has so many classes."""
        fields: list[Any] = [
            ("ecg", "f2", (len(LEADS), self.samples)),
            ("leads", "?", (len(LEADS),)),
            ("peaks", "i2", (self.peaks,)),
            ("beats", "i1", (self.peaks,)),
            ("labels", "?", (classes,)),
            ("record", "i4"),
            ("start", "i8"),
        ]
        if self.waves:
            fields.append(("waves", "i1", (len(LEADS), self.samples)))
        return np.dtype(fields)


class Windows:
    """All windows of a corpus, mapped from disk."""

    def __init__(self, folder: Path) -> None:
        """Opens what `cut` wrote; RecordError if it is damaged."""
        try:
            index = json.loads((folder / INDEX).read_text("utf-8"))
            self.name: str = index["name"]
            self.classes: tuple[str, ...] = tuple(index["classes"])
            self.cut = Cut(**index["cut"])
            self.records = [
                Record(r["name"], r["patient"], tuple(r["labels"]), r["fold"])
                for r in index["records"]
            ]
            self.skipped: dict[str, str] = index["skipped"]
            self.identity: Mapping[str, Any] = index["manifest"]
            dtype = self.cut.dtype(len(self.classes))
            self._shards: list[NDArray[np.void]] = [
                np.load(folder / f"{i:05}.npy", mmap_mode="r") for i in range(index["shards"])
            ]
            if any(shard.dtype != dtype for shard in self._shards):
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"the windows in {folder} are damaged: remove that folder, and they are cut again"
            ) from error
        self._ends = np.cumsum([len(shard) for shard in self._shards], dtype=np.int64)
        with suppress(OSError):  # it may not be ours
            os.utime(folder / INDEX)  # for `cache --prune`

    def __len__(self) -> int:
        """Number of windows."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def rows(self, rows: NDArray[np.int64]) -> NDArray[np.void]:
        """Windows by number, copied from disk, in the order that was asked for."""
        shard = np.searchsorted(self._ends, rows, side="right")
        found = np.empty(len(rows), self.cut.dtype(len(self.classes)))
        for s in np.unique(shard):
            start = self._ends[s] - len(self._shards[s])
            found[shard == s] = self._shards[s][rows[shard == s] - start]
        return found

    def column(self, name: str) -> NDArray[Any]:
        """One field of all windows, in memory: for the small ones."""
        parts = [shard[name] for shard in self._shards]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """Windows by number, as tensors."""
        found = self.rows(rows)
        peaks, beats = (torch.from_numpy(found[n].astype(np.int64)) for n in ("peaks", "beats"))
        return Batch(
            ecg=torch.from_numpy(found["ecg"].astype(np.float32)),
            leads=torch.from_numpy(found["leads"].copy()),
            labels=torch.from_numpy(found["labels"].astype(np.float32)),
            waves=torch.from_numpy(found["waves"].astype(np.int64)) if self.cut.waves else None,
            peaks=peaks,
            beats=beats,
        )

    def of(self, other: "Windows", rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the windows that `other` has as `rows`: those of the same record and place.

        KeyError where there is none.
        """
        place = {key: i for i, key in enumerate(self._keys(np.arange(len(self))))}
        return np.array([place[key] for key in other._keys(rows)], np.int64)

    def _keys(self, rows: NDArray[np.int64]) -> list[tuple[str, int]]:
        record, start = (self.column(name)[rows].tolist() for name in ("record", "start"))
        return [(self.records[r].name, first) for r, first in zip(record, start, strict=True)]

    def where(
        self, folds: Sequence[int] | None = None, patients: Sequence[str] | None = None
    ) -> NDArray[np.int64]:
        """Numbers of the windows whose records are of these folds, and of these patients."""
        chosen = [
            (folds is None or r.fold in folds) and (patients is None or r.patient in patients)
            for r in self.records
        ]
        return np.flatnonzero(np.array(chosen, bool)[self.column("record")])


def cut(corpus: Corpus, how: Cut, cache: Path, bar: bool = True) -> Windows:
    """The windows of a corpus, cut on all cores if they are not in `cache` yet.

    A stopped cut is gone on with, one that another process is at is waited for. A record that
    cannot be read, or has no signal, is skipped, and named with the reason in `Windows.skipped`.
    """
    try:
        mine = identity(corpus, how, cache)
        folder = cache / f"{corpus.name}-{mine.digest}"
        with shards.claimed(folder) as unfinished:
            if unfinished:
                _cut(corpus, how, mine, unfinished, bar)
                shards.finish(unfinished, folder)
    except OSError as error:
        why = error.strerror or f"{error}: is the disk full?"  # NumPy tells no more
        raise OutputError(f"cannot write windows of {corpus.name} to {cache}: {why}") from error
    taken = sum(entry.size for entry in entries(cache)) / 1e9
    if bar and taken > ROOM_GB:
        print(
            f"{cache} has grown to {taken:.0f} GB: `edge-train cache --prune` leaves {ROOM_GB:g}",
            file=sys.stderr,
        )
    return Windows(folder)


def identity(corpus: Corpus, how: Cut, cache: Path) -> Manifest:
    """What the windows of a corpus are made of; files that `cache` remembers are not read again."""
    settings = {"name": corpus.name, "classes": corpus.classes, "cut": how, "corpus": corpus}
    known = list(corpus.records)
    names = [r.name for r in known]
    data: dict[str, list[Any]] = {r.name: [*described(r).values()] for r in known}
    modules: list[str] = []
    within: list[Any] = [corpus]
    for of in within:
        modules.append(type(of).__module__)
        parts = [getattr(of, f.name) for f in fields(of)] if is_dataclass(of) else []
        within += [part for part in parts if is_dataclass(part)]
        for folder in (*(p for p in parts if isinstance(p, Path)), *getattr(of, "beside", ())):
            for name, found in contents(folder, names, cache).items():
                data.setdefault(name, []).append(found)
    return manifest(settings, data, __name__, *modules)


def learned_from(*windows: Windows) -> dict[str, Any]:
    """What several sets are made of, by name; with a number where two are called the same."""
    found: dict[str, Any] = {}
    for i, of in enumerate(windows):
        found[f"{of.name} {i}" if of.name in found else of.name] = of.identity
    return found


def _cut(corpus: Corpus, how: Cut, mine: Manifest, folder: Path, bar: bool) -> None:
    """Writes all windows and their index to a folder that may hold some."""
    records = corpus.records
    at = shards.stand(folder)
    left = list(islice(enumerate(records), at.item, None))
    with (
        ProcessPoolExecutor(initializer=_begin, initargs=(corpus, how)) as pool,
        tqdm(
            None, f"windows of {corpus.name}", len(records),
            unit="rec", initial=at.item, disable=not bar,
        ) as shown,
    ):  # fmt: skip
        at = shards.write(folder, SHARD, _made(pool, left, shown), at)
    index = {
        "name": corpus.name,
        "classes": corpus.classes,
        "cut": asdict(how),
        "records": [asdict(r) for r in records],
        "skipped": at.skipped,
        "shards": at.shards,
        "manifest": asdict(mine),
    }
    write_text(folder / INDEX, json.dumps(index))


def _made(
    pool: ProcessPoolExecutor, items: Sequence[tuple[int, Record]], shown: Any
) -> Iterator[tuple[str, shards.Made]]:
    """The windows of some records by name, in order, with no more than a few waiting."""
    some = [items[i : i + _TOGETHER] for i in range(0, len(items), _TOGETHER)]
    waiting = iter(some)
    first = islice(waiting, 4 * (os.cpu_count() or 1))
    queue = deque(pool.submit(_cut_some, part) for part in first)
    for part in some:
        made = queue.popleft().result()
        queue.extend(pool.submit(_cut_some, part) for part in islice(waiting, 1))
        yield from zip((record.name for _, record in part), made, strict=True)
        shown.update(len(part))


_cutting: tuple[Corpus, Cut]
"""What the process of a pool was given once: with each task it would be sent, records and all."""


def _begin(corpus: Corpus, how: Cut) -> None:
    global _cutting
    _cutting = corpus, how
    end_with_parent()


def _cut_some(items: Sequence[tuple[int, Record]]) -> list[shards.Made]:
    return [_windows(*_cutting, item) for item in items]


def _windows(corpus: Corpus, how: Cut, item: tuple[int, Record]) -> NDArray[np.void] | str:
    """The windows of one record, which comes with its number, or why there are none."""
    number, record = item
    try:
        recording, reference = corpus.read(record)
    except EdgeError as error:
        return str(error)
    place = [LEADS.index(lead) for lead in map(standard_lead, recording.leads) if lead]
    column = [i for i, lead in enumerate(recording.leads) if standard_lead(lead)]
    if not place:
        return f"record {record.name} has none of the twelve standard leads"
    if not any(alive(recording.nv[:, i]) for i in column):
        return f"record {record.name} has no signal in {', '.join(LEADS[i] for i in place)}"
    scale = how.fs / recording.fs
    prepared = prepare(recording, how.fs)
    known, beats = _peaks(recording, reference, how.fs)
    mv, peaks = repeated(prepared, known, how.samples)
    beats = np.append(beats, np.full(len(peaks) - len(known), -1))  # annotated once
    starts = range(0, max(1, len(mv) - how.samples + 1), max(1, round(how.stride * how.fs)))
    found = np.zeros(len(starts), how.dtype(len(corpus.classes)))
    found["record"] = number
    found["start"] = starts
    found["leads"][:, place] = (recording.nv[:, column] != INVALID).any(0)
    labelled = np.array([name in record.labels for name in corpus.classes], bool)
    for window, start in zip(found, starts, strict=True):
        part = mv[start : start + how.samples].T
        window["ecg"][place, : part.shape[1]] = part[column]
        inside = (peaks >= start) & (peaks < start + how.samples)
        n = min(int(inside.sum()), how.peaks)
        window["peaks"], window["beats"] = -1, -1
        window["peaks"][:n] = peaks[inside][:n] - start
        window["beats"][:n] = beats[inside][:n]
        window["labels"] = labelled
        for span in reference.spans:
            first, last = span.start * scale, span.stop * scale
            shared = min(last, start + how.samples) - max(first, start)
            if shared >= min(last - first, how.samples / 2):
                window["labels"][corpus.classes.index(span.label)] = True
        if how.waves and reference.waves is not None:
            there = min(part.shape[1], len(prepared) - start)
            at = np.rint((start + np.arange(there)) / scale).astype(np.int64)
            waves = reference.waves[at.clip(max=len(reference.waves) - 1)]
            window["waves"] = -1
            window["waves"][place, :there] = waves.T[column]
    return found


def _peaks(
    recording: Recording, reference: Reference, fs: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """R peaks, at `fs`, and the class that the annotators give each."""
    r = r_peaks(recording)
    beats = np.full(len(r), -1, np.int64)
    pairs = match(reference.beats, r, round(WINDOW_S * recording.fs))
    for found, name in zip(pairs, reference.aami, strict=True):
        if found >= 0 and name in AAMI:
            beats[found] = AAMI.index(name)
    return np.rint(r * fs / recording.fs).astype(np.int64), beats
