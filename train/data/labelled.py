"""A laboratory's own labels: a table of records, patients, and what holds of each.

`record,patient,labels` with statements that `;` parts, or `record,patient` and a column of 1 and 0
for each label. Which columns are labels is not guessed: all others are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple
from unicodedata import normalize

from edge import replay
from edge.errors import RecordError
from edge.replay import Recording
from train.data.corpus import Record, Reference
from train.data.folder import Folder
from train.data.leads import whole
from train.data.tables import LABELS_SHOWN, listed, sheet

FEWEST: Final = 9
"""Patients who have a label, and who do not: one for each fold."""
RECORD, PATIENT, LABELS = "record", "patient", "labels"
_ALIKE: Final = 0.8
"""From which on `difflib` has two labels for one that was mistyped."""
_HOLDS: Final = dict.fromkeys(("1", "1.0", "yes", "true", "x"), True) | dict.fromkeys(
    ("0", "0.0", "no", "false", ""), False
)


@dataclass(frozen=True)
class Labelled:
    """Records below a folder as a `Corpus`, labelled by a table."""

    folder: Path
    classes: tuple[str, ...]
    records: tuple[Record, ...]

    @property
    def name(self) -> str:
        """The folder's own."""
        return self.folder.resolve().name

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """The leads as `diagnose` reads them; RecordError where there are none, or no file."""
        return whole(replay.read(self.folder / record.name))[0], Reference()


class Opened(NamedTuple):
    """A table that was read."""

    corpus: Labelled
    told: tuple[str, ...]
    """Sentences: what was left out, and whom a patient is taken for."""


def labelled(folder: Path, table: Path) -> Opened:
    """The records that a table names.

    RecordError where it cannot be read, names what is not there or a record twice, says something
    else than 1 or 0 of a label, or has too few patients to learn anything from.
    """
    there = {record.name for record in Folder(folder).records}
    head, *rows = sheet(table) or [[]]
    column = {name.casefold(): i for i, name in enumerate(head)}
    if RECORD not in column or not {*column} - {RECORD, PATIENT, ""}:
        raise RecordError(
            f"{table} does not begin with a line of names: record,patient,labels or, with a column "
            "for each label, record,patient,NAME,NAME"
        )
    if twice := [name for name, n in Counter(head).items() if n > 1 and name]:
        raise RecordError(f"{table} has {listed('column', twice)} more than once")
    for row in rows:
        if len(row) > len(head) and any(row[len(head) :]):
            raise RecordError(f"{table}: the line of {row[0]} has more cells than names above them")
    named = max(i for i, name in enumerate(head) if name) + 1
    short = [row[0] for row in rows if len(row) < named]
    rows = [[*row, *[""] * (len(head) - len(row))] for row in rows]
    names = [_name(row[column[RECORD]]) for row in rows]
    alike = {normalize("NFC", name): name for name in there}  # ä is one character, or two
    names = [n if n in there else alike.get(normalize("NFC", n), n) for n in names]
    _require(table, folder, names, there)
    said = (
        _statements(table, rows, column[LABELS]) if LABELS in column else _ones(table, head, rows)
    )
    patients = [row[column[PATIENT]] for row in rows] if PATIENT in column else names
    if nobodys := [name for name, patient in zip(names, patients, strict=True) if not patient]:
        raise RecordError(f"{table} names no patient of {listed('record', nobodys)}")
    told = []
    if short:
        told.append(
            f"{table} has fewer cells than names above them for {listed('record', short)}: those "
            "that lack are taken for empty"
        )
    beside = [name for name in head if name and name.casefold() not in (RECORD, PATIENT, LABELS)]
    if LABELS in column and beside:
        told.append(f"{table} has {listed('column', beside)} beside {LABELS}: not read")
    if PATIENT not in column:
        told.append(f"{table} has no column patient: each record is taken for a patient of its own")
    if left := sorted(there - {*names}):
        told.append(f"{table} does not name {listed('record', left)}: left out")
    labels = {label for of in said for label in of}
    if strange := sorted(label for label in labels if not label.isprintable()):
        raise RecordError(f"{table} has a label with control characters: {strange[0]!r}")
    _require_one_spelling(table, "label", labels)
    _require_one_spelling(table, "patient", {*patients})
    classes, few = _classes(table, said, patients)
    told += few
    if commas := [label for label in classes if "," in label]:
        told.append(f"{', '.join(map(repr, commas))}: one label, as `;` is between two")
    records = tuple(
        Record(name, patient, tuple(c for c in classes if c in of))
        for name, patient, of in zip(names, patients, said, strict=True)
    )
    return Opened(Labelled(folder, classes, records), tuple(told))


def _name(cell: str) -> str:
    """A record by its path, whichever file of it was named, on whichever system."""
    path = cell.replace("\\", "/").removeprefix("./")
    return path.removesuffix(".hea").removesuffix(".dat")


def _require(table: Path, folder: Path, names: Sequence[str], there: Iterable[str]) -> None:
    if not names:
        raise RecordError(f"{table} names no record")
    if twice := sorted(name for name, n in Counter(names).items() if n > 1):
        raise RecordError(f"{table} names {listed('record', twice)} more than once")
    if unknown := sorted({*names} - {*there}):
        raise RecordError(
            f"{table} names {listed('record', unknown)}, which {folder} does not hold: a record is "
            "its path below that folder, of an EDF file with .edf"
        )


def _statements(table: Path, rows: Sequence[Sequence[str]], at: int) -> list[frozenset[str]]:
    """Of each row what its one column states."""
    said = [frozenset(filter(None, (s.strip() for s in row[at].split(";")))) for row in rows]
    if not any(said):
        raise RecordError(f"{table} states nothing of any record: its column labels is empty")
    return said


def _ones(table: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[frozenset[str]]:
    """Of each row the columns that hold."""
    said = [set[str]() for _ in rows]
    for i, name in enumerate(head):
        if name.casefold() in (RECORD, PATIENT):
            continue
        for row, of in zip(rows, said, strict=True):
            holds = _HOLDS.get(row[i].casefold())
            if holds is None or (holds and not name):
                raise RecordError(
                    f"{table}: {row[i]!r} in column {name or i + 1} is neither 1 nor 0: a column "
                    "that is no label has to go"
                )
            if holds:
                of.add(name)
    return [frozenset(of) for of in said]


def _require_one_spelling(table: Path, what: str, names: Iterable[str]) -> None:
    """A label in two ways would be denied wherever it is the other; a patient be in two folds."""
    ways: dict[str, list[str]] = {}
    for name in sorted(names):
        ways.setdefault(" ".join(name.casefold().split()), []).append(name)
    if twice := [" and ".join(of) for of in ways.values() if len(of) > 1]:
        raise RecordError(f"{table} writes one {what} as {', '.join(twice)}: choose one way")


def _classes(
    table: Path, said: Sequence[frozenset[str]], patients: Sequence[str]
) -> tuple[tuple[str, ...], list[str]]:
    """What can be learned, in order of names, and a sentence about what cannot."""
    everyone = len({*patients})
    having: Mapping[str, set[str]] = {label: set() for of in said for label in of}
    lacking: Mapping[str, set[str]] = {label: set() for label in having}
    for of, patient in zip(said, patients, strict=True):
        for label in having:
            (having if label in of else lacking)[label].add(patient)
    known = sorted(
        label for label in having if min(len(having[label]), len(lacking[label])) >= FEWEST
    )
    few = []
    for label in sorted({*having} - {*known}):
        like = get_close_matches(label, known, 1, _ALIKE)
        meant = f"; is it {like[0]}?" if like else ""
        few.append(f"{label} ({len(having[label])} of {everyone} patients{meant})")
    what = f"{FEWEST} patients who have a label and {FEWEST} who do not are the least"
    left = listed("label", few, LABELS_SHOWN)
    if not known:
        raise RecordError(f"{table} has no label to learn: {what} ({left})")
    return tuple(known), [f"{left}: left out, {what}"] if few else []
