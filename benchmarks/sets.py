"""Sets of recordings, each recording as a detector is given it, and where it is counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.remade import noise_stretches, remake
from benchmarks.report import Leads
from edge import replay
from edge.errors import RecordError
from edge.leads import select_leads
from firmware_bridge.block import mv_from_nv
from train.data import nstdb
from train.data.mitdb import DS1, DS2, PACED, read_annotations, require
from train.metrics.ec57 import WINDOW_S

OTHERS: Final = ("cpsc2021", "ludb", "qtdb")
"""Data sets besides mitdb."""
EM_MODEL: Final = """\
The electrode motion is a MODEL, not the recording: nstdb/em is not in the data folder."""
PARTS: Final = {"DS1": DS1, "DS2": DS2, "paced": PACED}
"""Of mitdb."""

STARTS: Final = {0: "0:00 (non-standard: EC57 starts at 5:00)", 300: "5:00 (EC57's start)"}
"""Seconds from which beats are counted."""

Span = tuple[float, float]
"""From one sample to another, which is no part of it."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """Recordings of one source."""

    name: str
    folder: Path
    records: tuple[str, ...]

    def parts(self) -> dict[str, list[str]]:
        """The records as they are summed up: all, and those of each part of mitdb."""
        found = {"all": list(self.records)}
        if self.name == "mitdb":
            parts = {name: [r for r in self.records if r in part] for name, part in PARTS.items()}
            found |= {
                name: part for name, part in parts.items() if 0 < len(part) < len(found["all"])
            }
        return found


class Condition(NamedTuple):
    """What is done to a recording: noise added, or its beats brought to another rate."""

    noise: str | None = None
    snr_db: float = np.inf
    rate: float | None = None
    """Beats a minute."""
    sudden: bool = False
    """The first half of what is remade keeps the rate it has."""

    def __str__(self) -> str:
        """For people."""
        if self.rate is not None:
            return f"{'suddenly ' if self.sudden else ''}{self.rate:g}/min"
        return "clean" if self.noise is None else f"{self.noise} at {self.snr_db:g} dB"


class Case(NamedTuple):
    """One recording, and what the annotators say of it."""

    mv: NDArray[np.float32]
    """As the monitor is given it, [n, leads]."""
    fs: float
    beats: NDArray[np.int64]
    symbol: NDArray[np.str_]
    """PhysioNet's symbol of each beat."""
    vf: tuple[tuple[int, int], ...]
    spans: dict[str, list[Span]]
    """Where beats are counted: `all`, and with noise its stretches alone, `noisy`."""


def data_set(data: Path, chosen: str | Sequence[str]) -> DataSet:
    """One of `OTHERS` by name, or these records of mitdb; a RecordError where it is missing."""
    if chosen not in OTHERS:
        require(data / "mitdb")
        return DataSet("mitdb", data / "mitdb", tuple(chosen))
    name = str(chosen)
    folder = data / name / "data" if name == "ludb" else data / name
    records = sorted((path.stem for path in folder.glob("*.hea")), key=_by_number)
    if not records:
        raise missing(folder, name)
    return DataSet(name, folder, tuple(records))


def missing(folder: Path, name: str) -> RecordError:
    """The error of a data set's folder without records."""
    return RecordError(
        f"{folder} holds no records: get the data set {name} from physionet.org, "
        f"or name the folder that holds {name}/ with --data"
    )


def read_case(
    data: DataSet, record: str, leads: Leads, start_s: float, condition: Condition
) -> Case:
    """Read one record, in the leads asked for; a RecordError if that fails.

    Counted is what lies at or after `start_s`. With noise that is at least the end of the clean
    five minutes, EC57's start. LUDB's annotators leave out the beats at the ends of a record, so
    there it is what lies at most a match window before their first beat or after their last;
    each lead has beats of its own, and the first lead's are taken. A recording that is remade to
    another rate has no stretches of fibrillation or of noise in the first lead, and is counted
    from where it has that rate.
    """
    path = data.folder / record
    recording = replay.read(path)
    columns = select_leads(recording.leads, leads)
    annotated = recording.leads[columns[0]] if data.name == "ludb" else "atr"
    marks = read_annotations(path, annotated)
    fs, mv = recording.fs, mv_from_nv(recording.nv).astype(np.float64)
    spans: dict[str, list[Span]] = {"all": [(start_s * fs, np.inf)]}
    if condition.rate is not None:
        bad = noise_stretches(path, columns[0], annotated)
        made = remake(mv[:, columns], marks, condition.rate, noise=bad, sudden=condition.sudden)
        spans = {"all": [(max(start_s * fs, made.change), np.inf)]}
        return Case(made.mv.astype(np.float32), fs, made.sample, made.symbol, (), spans)
    if condition.noise is not None:
        noisy = nstdb.stretches(len(mv))
        if fs != nstdb.FS or not noisy:
            raise RecordError(
                f"noise cannot be added to record {record}: choose records of mitdb, "
                "at 360 Hz and longer than five minutes"
            )
        noise = nstdb.read_noise(data.folder.parent / "nstdb", condition.noise)
        mv = nstdb.noisy(mv, marks, noise, condition.snr_db)
        spans = {"all": [(max(start_s, nstdb.CLEAN_S) * fs, np.inf)], "noisy": [*noisy]}
    elif data.name == "ludb":
        margin = WINDOW_S * fs
        first, last = marks.sample[0] - margin, marks.sample[-1] + margin + 1
        spans = {"all": [(max(first, start_s * fs), last)]}
    signal = mv[:, columns].astype(np.float32)
    return Case(signal, fs, marks.sample, marks.symbol, marks.vf, spans)


def _by_number(record: str) -> tuple[int, str]:
    """Orders names that are numbers as numbers."""
    return (int(record) if record.isdecimal() else 0, record)
