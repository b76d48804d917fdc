"""MIMIC-IV-ECG 1.0: some 800,000 recordings of 12 leads and 10 s at 500 Hz, of 160,000 patients.

Gow et al. 2023 (PhysioNet). Labels are what the machine printed on each: no doctor's, often right.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from edge import replay
from edge.replay import Recording
from train.data import tables
from train.data.corpus import SHARED, Record, Reference
from train.data.mitdb import require

REPORTS: Final = 18
"""Columns of statements, `report_0` and so on."""
COMMONEST: Final = 100
"""Statements that are classes; there are thousands, most of them hardly ever made."""

_SAYS: Final = {
    "SR": r"\bsinus (rhythm|bradycardia|tachycardia|arrhythmia)",
    "AF": r"\batrial (fibrillation|flutter)",
    "PAC": r"\bpacs?\b|\b(atrial|supraventricular|junctional) premature|premature (atrial|supra)",
    "PVC": r"\bpvcs?\b|\bventricular premature|premature ventricular",
    "LBBB": r"(?<!incomplete )(\blbbb\b|\bleft bundle[ -]branch block)",
    "RBBB": r"(?<!incomplete )(\brbbb\b|\bright bundle[ -]branch block)",
}
"""How a statement says what sets share."""
_DOUBTS: Final = re.compile(
    r"\b(possibl[ey]|probabl[ey]|consider|suspect|cannot|rule out|suggests?|no longer|or)\b"
)


@dataclass(frozen=True)
class MimicEcg:
    """The data set as a `Corpus`."""

    folder: Path
    labels: Literal["statements", "shared"] = "statements"
    """The commonest statements as they are, or what sets share, where it is said without doubt."""
    name = "mimic-iv-ecg"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """What records may be labelled; RecordError where the table of statements is damaged."""
        if self.labels == "shared":
            return SHARED
        count = Counter(text for said in self._said.values() for text in said)
        ranked = sorted(count, key=lambda text: (-count[text], text))
        return tuple(ranked[:COMMONEST])

    @cached_property
    def _said(self) -> dict[str, tuple[str, ...]]:
        """The statements of each study."""
        require(self.folder)
        path = self.folder / "machine_measurements.csv"
        columns = [f"report_{i}" for i in range(REPORTS)]
        try:
            return {
                row["study_id"]: tuple(
                    dict.fromkeys(filter(None, (_plain(row[c]) for c in columns)))
                )
                for row in tables.rows(path, columns)
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise tables.damaged(path) from error

    @cached_property
    def records(self) -> Sequence[Record]:
        """In the order of `record_list.csv`; RecordError where a table is damaged."""
        require(self.folder)
        path = self.folder / "record_list.csv"
        try:
            return tuple(
                Record(row["path"], str(int(row["subject_id"])), self._labels(row["study_id"]))
                for row in tables.rows(path, ("path", "subject_id", "study_id"))
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise tables.damaged(path) from error

    def _labels(self, study: str) -> tuple[str, ...]:
        said = self._said.get(study, ())
        if self.labels == "shared":
            found = {label for text in said for label in shared(text)}
            return tuple(label for label in SHARED if label in found)
        return tuple(text for text in said if text in self._known)

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.classes)

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """The signal; RecordError where a file is missing or damaged."""
        return replay.read(self.folder / record.name), Reference()


def shared(statement: str) -> list[str]:
    """What a statement says of `SHARED`; nothing where it doubts."""
    text = statement.lower()
    if _DOUBTS.search(text):
        return []
    return [label for label, says in _SAYS.items() if re.search(says, text)]


def _plain(text: str) -> str:
    """A statement without what the machine decorates it with."""
    return " ".join(text.split()).strip(" .-*")
