"""What every figure that is made from labels says of itself, and labels against the reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.play import Played
from benchmarks.report import Leads, leads_data, leads_text
from train.data.mitdb import read_annotations, require
from train.metrics.aami import ClassMap, aami_classes
from train.metrics.ec57 import WINDOW_S, Counts, compare

MAPS: Final[dict[ClassMap, str]] = {"papers": "e, j and n are N", "bxb": "e, j and n are S"}
"""What each class map makes of escape beats."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """Which records and leads labels are of, and how they are compared: what each figure says."""

    folder: Path
    records: Sequence[str]
    leads: Leads
    class_map: ClassMap
    annotator: str = "atr"

    def paths(self) -> list[Path]:
        """Each record's without suffix; a RecordError where their folder is missing."""
        require(self.folder)
        return [self.folder / record for record in self.records]

    def text(self, labels: str = "final labels") -> str:
        """In words; `labels` says which are compared."""
        return (
            f"{len(self.records)} records of {self.folder.name}, {leads_text(self.leads)}; "
            f"detected peaks, {labels}\n"
            f"match window {WINDOW_S * 1000:.0f} ms, class map {self.class_map}: "
            f"{MAPS[self.class_map]}"
        )

    def data(self, labels: str = "final") -> dict[str, Any]:
        """As plain data."""
        return {
            "data": self.folder.name,
            "records": list(self.records),
            "leads": leads_data(self.leads),
            "peaks": "detected",
            "labels": labels,
            "class_map": self.class_map,
            "window_ms": round(WINDOW_S * 1000),
        }


def compare_all(played: Sequence[Played], protocol: Protocol, start_s: float) -> dict[str, Counts]:
    """Each record's final labels against its annotations from `start_s` seconds on, by its name.

    RecordError where it has none.
    """
    counts = {}
    for record in played:
        path = protocol.folder / record.record
        reference = read_annotations(path, protocol.annotator).at(record.fs)
        counts[record.record] = compare(
            reference.sample,
            aami_classes(reference.symbol, protocol.class_map),
            record.sample,
            record.final,
            record.fs,
            start_s=start_s,
            vf=reference.vf,
        )
    return counts
