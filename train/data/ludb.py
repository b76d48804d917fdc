"""LUDB: 200 recordings of 12 leads and 10 s with the waves of each lead marked by hand.

Kalyakulina et al. 2020 (IEEE Access 8:186181).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge import replay
from edge.errors import RecordError
from edge.replay import Recording
from train.data import tables
from train.data.corpus import SHARED, Record, Reference
from train.data.mitdb import read_marks, require

RHYTHMS: Final = (
    *("Sinus rhythm", "Sinus bradycardia", "Sinus tachycardia", "Sinus arrhythmia"),
    *("Irregular sinus rhythm", "Atrial fibrillation", "Atrial flutter, typical"),
    *("Wandering atrial pacemaker", "Aberrant conduction"),
)
"""The column `Rhythms` of `ludb.csv`; a record may have several."""

KINDS: Final = {"p": 1, "N": 2, "t": 3}
"""Annotation symbol of a wave's peak to the wave's number in `Reference.waves`."""

_SHARED = (
    dict.fromkeys(RHYTHMS[:5], "SR")
    | dict.fromkeys(RHYTHMS[5:7], "AF")
    | {
        "Complete left bundle branch block": "LBBB",
        "Complete right bundle branch block": "RBBB",
        "Atrial extrasystole": "PAC",
        "Ventricular extrasystole": "PVC",
    }
)
_COLUMNS = ("Rhythms", "Conduction abnormalities", "Extrasystolies")

# A wave is ( peak ). Two T waves are marked several times over. A wave that begins with its peak,
# such as a QS, may have its onset one sample late or not at all.
_WAVE = re.compile(r"\(+([pNt])\1*\)+|[pNt]\(?\)")


class Waves(NamedTuple):
    """The marked waves of one lead in time order, as samples, each [n]."""

    onset: NDArray[np.int64]
    peak: NDArray[np.int64]
    offset: NDArray[np.int64]
    """The last sample that belongs to the wave."""
    kind: NDArray[np.int8]
    """1 for P, 2 for QRS, 3 for T."""
    doubtful: tuple[tuple[int, int], ...] = ()
    """First and last sample of each stretch whose marks tell no wave, such as one without end."""


def read_waves(path: Path, lead: str) -> Waves:
    """One lead's waves of a record by its path without suffix; a RecordError if that fails."""
    annotation = read_marks(path, lead.lower())
    samples = annotation.sample.astype(np.int64)
    symbols = "".join(annotation.symbol)
    if len(symbols) > len(samples) or samples[0] < 0 or np.any(np.diff(samples) < 0):
        raise RecordError(
            f"the waves of lead {lead} of record {path.name} are damaged: get it again"
        )
    waves: list[tuple[int, int, int, int]] = []
    doubtful: list[tuple[int, int]] = []
    seen = 0
    for match in _WAVE.finditer(symbols):
        start, stop = match.span()
        peaks = [i for i in range(start, stop) if symbols[i] in KINDS]
        peak = peaks[len(peaks) // 2]
        waves.append((samples[start], samples[peak], samples[stop - 1], KINDS[symbols[peak]]))
        if seen < start:
            doubtful.append((samples[seen], samples[start] - 1))
        seen = stop
    if seen < len(samples):
        doubtful.append((samples[seen], samples[-1]))
    table = np.array(waves, np.int64).reshape(-1, 4)
    onset, peak_, offset, kind = table.T
    return Waves(onset, peak_, offset, kind.astype(np.int8), tuple(doubtful))


def mask(waves: Waves, n: int) -> NDArray[np.int8]:
    """One lead's column of `Reference.waves`, [n].

    -1 before the first wave's onset and after the last one's offset, where LUDB marks nothing
    (often nearly a second at either end), and where its marks are doubtful.
    """
    result = np.full(n, -1, np.int8)
    if len(waves.kind):
        result[waves.onset[0] : waves.offset[-1] + 1] = 0
    for onset, offset, kind in zip(waves.onset, waves.offset, waves.kind, strict=True):
        result[onset : offset + 1] = kind
    for start, stop in waves.doubtful:
        result[start : stop + 1] = -1
    return result


@dataclass(frozen=True)
class Ludb:
    """The data set as a `Corpus`; each record is of another person."""

    folder: Path
    labels: Literal["rhythm", "shared"] = "rhythm"
    """`RHYTHMS`, or what sets share: complete blocks only, extrasystoles of any type."""
    name = "ludb"

    @property
    def classes(self) -> tuple[str, ...]:
        """What records may be labelled."""
        return RHYTHMS if self.labels == "rhythm" else SHARED

    @cached_property
    def records(self) -> Sequence[Record]:
        """All records of `ludb.csv`, in its order; RecordError where that is damaged."""
        require(self.folder)
        path = self.folder / "ludb.csv"
        try:
            return tuple(
                Record(f"data/{int(row['ID'])}", str(int(row["ID"])), self._labels(row))
                for row in tables.rows(path)
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise tables.damaged(path) from error

    def _labels(self, row: dict[str, str]) -> tuple[str, ...]:
        cells = [row[column].strip().split("\n") for column in _COLUMNS]
        if not set(cells[0]) <= set(RHYTHMS):
            raise ValueError
        if self.labels == "rhythm":
            return tuple(rhythm for rhythm in RHYTHMS if rhythm in cells[0])
        # An extrasystole's type or place stands behind a colon or a comma.
        words = {re.split(r": |, (?:type|loc|morph)", value)[0] for cell in cells for value in cell}
        said = {_SHARED[word] for word in words if word in _SHARED}
        return tuple(label for label in SHARED if label in said)

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """Signal and waves, beats as lead II has them (else the first lead).

        RecordError where a file is missing or damaged.
        """
        path = self.folder / record.name
        recording = replay.read(path)
        n = len(recording.nv)
        leads = [read_waves(path, lead) for lead in recording.leads]
        if any(len(waves.offset) and waves.offset.max() >= n for waves in leads):
            raise RecordError(
                f"the waves of record {record.name} do not fit its signal: get it again"
            )
        names = [lead.lower() for lead in recording.leads]
        waves = leads[names.index("ii") if "ii" in names else 0]
        beats = waves.peak[waves.kind == KINDS["N"]]
        return recording, Reference(
            beats=beats,
            aami=np.full(len(beats), "", "U1"),
            waves=np.stack([mask(waves, n) for waves in leads], axis=1),
        )
