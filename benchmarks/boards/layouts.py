"""`edge-bench layouts`: frames that are written by their layout alone, of real recordings.

No encoder of ours takes part: each board's bytes are packed as its makers describe them
(`packing.py`). They are given to the prober in lumps; right is who is sure of the board and whose
samples are those that were packed, each at its scale.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.boards import packing
from benchmarks.boards.probing import guess
from benchmarks.boards.recordings import Excerpt, excerpt, tried
from benchmarks.report import Report
from firmware_bridge.decoders import decoder

SECONDS: Final = 4.0
_WAITS: Final = {"ganglion": 205, "daisy": 1, "spikershield": 16}
"""Samples that a reader may wait for first: the next whole value, the other half, what moves."""


class Kind(NamedTuple):
    """A board's frames: its rate in Hz, step in nV and range in steps, and how they are packed."""

    protocol: str
    fs: float
    step_nv: float
    low: int
    high: int
    pack: packing.Pack
    """Steps of two leads, shape [n, 2], to bytes."""
    leads: int = 1
    """Of those, how many are read."""
    within: float = 0.5
    """Steps that a sample may be off."""
    slew: int = 0
    """Steps that a sample may be from the one before; 0: any."""
    told_fs: float | None = None
    """The rate that the bytes do not tell, but when they come."""


KINDS: Final[dict[str, Kind]] = {
    "ADS1292R": Kind("ads1292r", 125, 6154, -(2**15), 2**15 - 1, packing.ads1292r),
    "ADS1293": Kind(
        "ads1293", 100, 2 * 2.4e9 / 3.5 / 2**23, -(2**20), 2**20, packing.ads1293, leads=2
    ),
    "MAX30003": Kind("max30003", 128, 1e9 / 20 / 2**15, -(2**15), 2**15 - 1, packing.max30003),
    "MAX30001": Kind("max30001", 128, 1e9 / 20 / 2**17, -(2**17), 2**17 - 1, packing.max30001),
    "MAX86150": Kind("max86150", 200, 4 * 12247 / 76, -(2**15), 2**15 - 1, packing.max86150),
    "HealthyPi v4": Kind("healthypi4", 125, 6154, -(2**15), 2**15 - 1, packing.healthypi4),
    "HealthyPi 5": Kind(
        "healthypi5", 128, 1e9 / 20 / 2**17, -(2**17), 2**17 - 1, packing.healthypi5
    ),
    **{
        f"HealthyPi 5, {firmware}": Kind(
            "healthypi5", fs, 1e9 / 80 / 2**17, -(2**17), 2**17 - 1, pack
        )
        for firmware, fs, pack in (
            ("1.0", 128, packing.healthypi5_eights),
            ("1.1", 128, lambda x, rng: packing.healthypi5_eights(x << 8, rng)),
            ("2.0", 256, lambda x, rng: packing.healthypi5(x << 8, rng)),
        )
    },
    "HealthyPi 6": Kind("healthypi6", 500, 1000, -(2**20), 2**20, packing.healthypi6, leads=2),
    "Cyton": Kind("cyton", 250, 4.5e9 / 24 / (2**23 - 1), -(2**22), 2**22, packing.cyton, leads=2),
    "Cyton, Daisy": Kind(
        "daisy", 125, 4.5e9 / 24 / (2**23 - 1), -(2**22), 2**22, packing.daisy, leads=2
    ),
    "Ganglion": Kind(
        "ganglion",
        200,
        1.2e9 / (2**23 - 1) / 1.5 / 51,
        -(2**22),
        2**22,
        packing.ganglion,
        leads=2,
        within=2,
        slew=2**18 - 4,
    ),
    **{
        f"Chords, {board}": Kind(
            "chords",
            250 if bits == 10 else 500,
            (3.3e9 if bits in (12, 16) else 5e9) / 2**bits / 1000,
            -(1 << bits - 1),
            (1 << bits - 1) - 1,
            packing.chords(channels, bits),
        )
        for board, channels, bits in (
            ("UNO R3", 6, 10),
            ("UNO R4", 6, 14),
            ("GIGA R1", 6, 16),
            ("Pico", 3, 12),
            ("Nano", 8, 10),
            ("Black Pill", 8, 12),
            ("Mega", 16, 10),
            ("STM32G4", 16, 12),
        )
    },
    "SpikerShield": Kind(
        "spikershield", 500, 5e9 / 1024 / 1000, -511, 510, packing.spikershield(10)
    ),
    "Human SpikerBox": Kind(
        "spikershield", 500, 5e9 / 2**14 / 1000, 1 - 2**13, 2**13 - 2, packing.spikershield(14)
    ),
    "SpikerBox Pro": Kind(
        "spikershield",
        1000,
        5e9 / 1024 / 1000,
        -511,
        510,
        packing.spikershield(10, 1),
        told_fs=1000,
    ),
    "Olimex": Kind("olimex", 250, 5e9 / 1024 / 2848, -512, 511, packing.olimex),
    **{
        f"BITalino, {n} channels": Kind(
            "bitalino", 1000, 3.3e9 / 1024 / 1100, -512, 511, packing.bitalino(n)
        )
        for n in range(1, 7)
    },
}


def layouts(data: Path) -> Report:
    """Every layout of fifty recordings; RecordError where one is missing."""
    verdicts = ("right", "unsure", "another", "unequal")
    return tried(data, "board", KINDS, judge, verdicts, "taken for another")


def judge(kind: Kind, recording: Excerpt, rng: packing.Rng) -> str:
    """Packs some seconds from anywhere, at a drawn height; what is made of it.

    "another": taken for another, for sure; "unequal": recognised, and other samples.
    """
    mv = excerpt(recording, SECONDS, kind.fs, rng)
    steps = np.rint(mv * 1e6 / kind.step_nv).astype(np.int64)
    steps = steps.clip(kind.low, kind.high)
    while kind.slew and np.abs(np.diff(steps, axis=0)).max() > kind.slew:
        steps //= 2
    data = kind.pack(steps, rng)
    said = guess(data)
    if said is None or not said.sure:
        return "unsure"
    if said.name != kind.protocol:
        return "another"
    return "right" if _equal(kind, data, steps) else "unequal"


def _equal(kind: Kind, data: bytes, steps: packing.Steps) -> bool:
    """Whether the samples are the packed ones: all but the last few, at the board's rate."""
    blocks = decoder(kind.protocol, kind.told_fs).feed(data)
    if not blocks or {block.fs for block in blocks} != {kind.fs}:
        return False
    got = np.concatenate([block.mv for block in blocks])[:, : kind.leads].astype(float)
    late = len(steps) - len(got)
    if late > 12 + _WAITS.get(kind.protocol, 0):
        return False
    # The first are missing, or the last.
    sent = [steps[at : at + len(got), : kind.leads] * kind.step_nv * 1e-6 for at in (0, late)]
    error = min(np.abs(got - those).max() for those in sent) / (kind.step_nv * 1e-6)
    return bool(error <= kind.within + 1e-6 * np.abs(steps).max() + 1 / kind.step_nv)
