"""Real recordings that boards are tried with."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.sets import missing
from edge import replay

Excerpt = tuple[NDArray[np.float64], float]
"""Two leads in millivolts, shape [n, 2], and their rate in Hz."""
_FIFTY: Final = (
    ("mitdb", 20),
    ("ludb", 10),
    ("ptbxl", 8),
    ("cinc2015", 6),
    ("qtdb", 4),
    ("svdb", 1),
)
"""Of each data set so many, and one of the noise."""


def excerpt(
    recording: Excerpt, seconds: float, fs: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Some seconds of it from anywhere, at another rate in Hz and a random height: [n, 2], mV."""
    mv, own_fs = recording
    n = int(seconds * own_fs)
    at = int(rng.integers(0, max(1, len(mv) - n)))
    some = mv[at : at + n]
    t = np.arange(int(seconds * fs)) / fs * own_fs
    height = rng.uniform(0.4, 1.5)
    sampled = [height * np.interp(t, np.arange(len(some)), x - np.median(x)) for x in some.T]
    return np.stack(sampled, axis=1)


def fifty(data: Path) -> list[Excerpt]:
    """Fifty recordings of many kinds: two leads in millivolts, and the rate in Hz.

    A RecordError where one of their data sets is missing or damaged.
    """
    found: list[Excerpt] = []
    for name, many in _FIFTY:
        headers = sorted((data / name).rglob("*.hea"))
        if not headers:
            raise missing(data / name, name)
        for i in range(many):
            header = headers[i * len(headers) // many]
            recording = replay.read(header)
            mv = np.asarray(recording.nv[:, [0, -1]] * 1e-6, np.float64)
            found.append((mv[: round(300 * recording.fs)], recording.fs))
    noise = replay.read(data / "nstdb" / "ma")
    return [*found, (np.asarray(noise.nv[:100_000, :2] * 1e-6, np.float64), noise.fs)]
