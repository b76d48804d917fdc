"""What recorders are given, and what wfdb finds in their files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wfdb

from edge.events import Beat, Event, Label, Session
from edge.sinks.recorder import Recorder
from firmware_bridge.block import LeadState, SampleBlock, Step

FS = 250.0
START = "2026-11-29T00:24:44.120Z"
STEP = Step(22.35, 24)


def session(start: str = START, fs: float = FS, leads: tuple[str, ...] = ("II",)) -> Session:
    return Session(0, 0.0, start, "+00:00", "0.1.0", "board", fs, leads, "student 3")


def block(
    start: int,
    counts: Sequence[int] | np.ndarray[Any, Any],
    state: LeadState = LeadState.UNKNOWN,
    fs: float = FS,
    step: Step = STEP,
) -> SampleBlock:
    column = np.array(counts, np.int64)[:, None]
    mv = (column * step.nv * 1e-6).astype(np.float32)
    return SampleBlock(start, mv, fs, ("II",), (state,), (False,), counts=column, step=(step,))


def beat(sample: int, label: Label = "N", id: int = 0) -> Beat:
    return Beat(sample, sample / FS, id, label, True, 0.9, 800.0, 1.0, 150.0, False)


def recorded(
    folder: Path, items: Sequence[SampleBlock | Event], start: str = START, **given: Any
) -> Recorder:
    """What a run writes that is over."""
    recorder = Recorder(folder, **given)
    recorder.write(session(start))
    for item in items:
        recorder.samples(item) if isinstance(item, SampleBlock) else recorder.write(item)
    recorder.flush()
    recorder.close()
    return recorder


def records(folder: Path) -> list[str]:
    return sorted(str(path.with_suffix("")) for path in folder.glob("*.hea"))


def digital(record: str) -> np.ndarray[Any, Any]:
    """As wfdb has it, checked by its checksum where there is one."""
    found = wfdb.rdrecord(record, physical=False)
    told = [c % 65536 for c in found.checksum]
    assert told == [int(c) % 65536 for c in found.calc_checksum()] or not any(told)
    return np.asarray(found.d_signal)


def notes(record: str) -> list[tuple[int, str, str]]:
    found = wfdb.rdann(record, "edge")
    assert (np.diff(found.sample) >= 0).all()
    return list(zip(found.sample.tolist(), found.symbol, found.aux_note, strict=True))
