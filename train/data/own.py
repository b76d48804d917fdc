"""A laboratory's own WFDB records with beat annotations, and its split of them by patient."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from edge import replay
from edge.errors import RecordError
from edge.replay import INVALID, Recording
from firmware_bridge.block import mv_from_nv
from train.data.corpus import Record, standard_lead
from train.data.mitdb import Annotations, read_annotations, read_marks, require_within
from train.data.nstdb import FS
from train.data.tables import listed, sheet
from train.metrics.aami import CLASS_MAPS

COLUMNS: Final = ("record", "patient", "part")
ANNOTATOR: Final = "atr"
"""What annotation files are called as, where nobody says otherwise."""
TRAIN: Final = "train"
TEST: Final = "test"
FEWEST: Final = 2
"""Beats of a record that is learned from."""
_NO_BEATS: Final = frozenset("|~+sT*D=\"@[]!x()ptu`'^")
"""WFDB's symbols of everything else than beats."""


@dataclass(frozen=True, slots=True)
class Own:
    """Records of one folder that have annotations."""

    folder: Path
    annotator: str
    """What the names of the annotation files end with."""
    records: tuple[Record, ...]
    """Without those of the test; `fold` is set where the split names folds."""
    test: tuple[Record, ...] = ()
    told: tuple[str, ...] = ()
    """Sentences: what was left out, and whom a patient is taken for."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the records without the test's."""
        return tuple(record.name for record in self.records)

    @property
    def patients(self) -> dict[str, str]:
        """Whom each record is of, the test's left out."""
        return {record.name: record.patient for record in self.records}

    def learned(self) -> Self:
        """Without all that belongs to the test, so that it can neither be read nor decide."""
        if not self.records:
            raise RecordError(f"{self.folder} has no record to learn from: all are of the test")
        return replace(self, test=(), told=())

    def signal(self, name: str) -> tuple[Recording, Annotations]:
        """A record and its beats, at the rate of mitdb and nstdb, which is what is learned from.

        RecordError where it is damaged, its annotations do not fit, or there are hardly any.
        """
        recording = replay.read(self.folder / name)
        require_within(self.beats(name).at(recording.fs), recording)
        recording = replay.resampled(recording, FS)
        reference = self.beats(name).at(FS)
        sample = reference.sample.clip(max=len(recording.nv) - 1)
        first = np.diff(sample, prepend=-1) > 0  # one QRS marked twice is one beat
        if first.sum() < FEWEST:
            raise RecordError(
                f"record {name} has fewer than {FEWEST} annotated beats: leave it out"
            )
        return recording, replace(reference, sample=sample[first], symbol=reference.symbol[first])

    def observed(self, name: str) -> tuple[NDArray[np.float64], Annotations]:
        """The same in mV, [n, leads]; NaN where there is no signal."""
        recording, reference = self.signal(name)
        mv = mv_from_nv(recording.nv).astype(np.float64)
        return np.where(recording.nv == INVALID, np.nan, mv), reference

    def beats(self, name: str) -> Annotations:
        """A record's annotations, at their own rate; RecordError where they are damaged."""
        return read_annotations(self.folder / name, self.annotator)

    def strange(self, name: str) -> Counter[str]:
        """Symbols in a record's annotations that WFDB does not know, and how many there are."""
        symbols = Counter(read_marks(self.folder / name, self.annotator).symbol)
        known = _NO_BEATS | set(CLASS_MAPS["papers"])
        return Counter({symbol: n for symbol, n in symbols.items() if symbol not in known})

    def has_standard_leads(self) -> bool:
        """Whether a record has a lead that teachers know; they see twelve, by name."""
        opened = (replay.Opened(self.folder / name) for name in self.names)
        return any(standard_lead(lead) for record in opened for lead in record.leads)


def own(folder: Path, annotator: str = ANNOTATOR, split: Path | None = None) -> Own:
    """The records below a folder by a split file, or without one all, each a patient of its own.

    RecordError where there are none, or the split is damaged, names what is not there, or has one
    patient in two parts.
    """
    if not folder.is_dir():
        raise RecordError(f"{folder} is no folder: name one with WFDB records")
    headers = sorted(folder.rglob("*.hea"))
    there = [header.relative_to(folder).with_suffix("").as_posix() for header in headers]
    if not there:
        raise RecordError(f"{folder} holds no WFDB record: name a folder with .hea files")
    told: list[str] = []
    if split is None:
        known = [(Record(name, name), TRAIN) for name in there]
        told.append("no split file is given: each record is taken for a patient of its own")
    else:
        known = _by_split(split)
        named = {record.name for record, _ in known}
        if unknown := sorted(named - set(there)):
            raise RecordError(
                f"{split} names {listed('record', unknown)}, of which {folder} has no header"
            )
        segments = _segments(set(there) - named, folder)
        if unnamed := [name for name in there if name not in named and name not in segments]:
            told.append(f"{split} does not name {listed('record', unnamed)}: left out")
    has = [pair for pair in known if (folder / f"{pair[0].name}.{annotator}").is_file()]
    bare = sorted({r.name for r, _ in known} - {r.name for r, _ in has})
    if not has:
        raise RecordError(f"{folder} has no annotations NAME.{annotator} beside its records")
    if bare := [name for name in bare if name not in _segments(bare, folder)]:
        told.append(f"no annotations NAME.{annotator} for {listed('record', bare)}: left out")
    records = tuple(record for record, part in has if part != TEST)
    test = tuple(record for record, part in has if part == TEST)
    return Own(folder, annotator, records, test, tuple(told))


def _by_split(split: Path) -> list[tuple[Record, str]]:
    """Each record of a split file, and its part."""
    rows = sheet(split)
    head = [cell.casefold() for cell in rows[0]] if rows else []
    if head not in (list(COLUMNS), list(COLUMNS[:2])):
        raise RecordError(f"{split} does not begin with the line record,patient,part")
    found: list[tuple[str, str, str]] = []
    for row in rows[1:]:
        record, patient, part = (*row, *[""] * len(COLUMNS))[: len(COLUMNS)]
        if len(row) > len(head) or not record or not patient:
            raise RecordError(
                f"{split}: the line {','.join(row)} is not of a record and its patient"
            )
        found.append((record, patient, part.casefold() or TRAIN))
    if not found:
        raise RecordError(f"{split} names no record")
    twice = sorted(name for name, n in Counter(name for name, *_ in found).items() if n > 1)
    if twice:
        raise RecordError(f"{split} names {listed('record', twice)} more than once")
    parts: dict[str, set[str]] = {}
    for _, patient, part in found:
        parts.setdefault(patient, set()).add(part)
    for patient, of in parts.items():
        if len(of) > 1:
            raise RecordError(
                f"{split} has patient {patient} in {' and '.join(sorted(of))}: "
                "all records of one patient belong to one part"
            )
    folds = sorted({part for *_, part in found} - {TRAIN, TEST})
    if folds and any(part == TRAIN for *_, part in found):
        raise RecordError(
            f"{split} has {TRAIN} beside {listed('fold', folds)}: a part is {TRAIN} or {TEST}, "
            f"or for all that are not {TEST} the name of a fold"
        )
    return [
        (Record(record, patient, fold=folds.index(part) if part in folds else None), part)
        for record, patient, part in found
    ]


def _segments(names: Iterable[str], folder: Path) -> set[str]:
    """Of some records those that are only parts of another one, as its header says."""
    named: set[str] = set()
    for header in {path for name in names for path in (folder / name).parent.glob("*.hea")}:
        head, *lines = header.read_text("latin-1").splitlines() or [""]
        if "/" in head.split(" ")[0]:
            place = header.parent.relative_to(folder)
            named |= {(place / line.split()[0]).as_posix() for line in lines if line.split()}
    return named
