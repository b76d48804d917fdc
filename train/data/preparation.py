"""A recording as teachers see it, cut for training or read: what both must do alike.

Needs no torch.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from edge.qrs import QrsDetector
from edge.replay import INVALID, Recording, resampled

HIGHPASS_HZ: Final = 0.5
"""Baseline wander goes, forwards and backwards: a teacher need not be causal."""
_PIECE: Final = 2000
"""Samples that the detector is given at a time."""


def alive(nv: NDArray[np.int32]) -> bool:
    """Whether a lead, [n] in nanovolts, has a signal: two values that differ."""
    valid = nv[nv != INVALID]
    return len(valid) > 0 and bool(valid.min() < valid.max())


def prepare(
    recording: Recording, fs: float, highpass_hz: float = HIGHPASS_HZ
) -> NDArray[np.float32]:
    """A recording as teachers see it, [n, leads] in millivolts: at `fs`, without baseline wander.

    Where it has no signal it is flat.
    """
    nv = resampled(recording, fs).nv
    absent = nv == INVALID
    mv = np.where(absent, 0, nv) * 1e-6
    mv = signal.sosfiltfilt(
        _highpass(fs, highpass_hz), mv, axis=0, padlen=min(len(mv) - 1, round(3 * fs))
    )
    return np.where(absent, 0, mv).astype(np.float32)


@cache
def _highpass(fs: float, hz: float) -> NDArray[np.float64]:
    """Its design takes longer than a window does to be filtered."""
    return signal.butter(2, hz, "highpass", fs=fs, output="sos")


def r_peaks(recording: Recording) -> NDArray[np.int64]:
    """R peaks that the runtime finds, as samples of the recording."""
    mv = np.where(recording.nv == INVALID, np.nan, recording.nv * 1e-6)
    detector = QrsDetector(recording.fs, mv.shape[1])
    pieces = [detector.push(mv[i : i + _PIECE]) for i in range(0, len(mv), _PIECE)]
    return np.array([p.sample for piece in [*pieces, detector.flush()] for p in piece], np.int64)


def repeated(
    mv: NDArray[np.float32], peaks: NDArray[np.int64], samples: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A recording, [n, leads], and its R peaks, begun again until there are so many samples.

    A longer one is as it was. A flat rest would look like a heart that stands still, and make every
    mean over time smaller.
    """
    n = len(mv)
    if n >= samples:
        return mv, peaks
    starts = np.arange(0, samples, n)
    again = (starts[:, None] + peaks).ravel()
    return np.resize(mv, (samples, mv.shape[1])), again[again < samples]
