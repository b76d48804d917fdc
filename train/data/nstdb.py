"""The MIT-BIH Noise Stress Test Database: its noises, added as the WFDB tool `nst` adds them.

The definitions are those of nst(1) and sigamp(1). The signal's power is that of a sine with the
mean peak-to-peak amplitude of the QRS complexes; the noise's, the square of its mean RMS over a
second. A record stays clean for five minutes; then two minutes with noise and two without
alternate to its end. Offsets cancel the steps where the noise begins, ends, or starts again.
Unlike `nst`, nothing is rounded to the steps of a converter.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import trim_mean

from edge import replay
from firmware_bridge.block import mv_from_nv
from train.data.mitdb import Annotations, require
from train.data.motion import electrode_motion

Array = NDArray[np.float64]

NOISES: Final = ("bw", "em", "ma")
"""Baseline wander, electrode motion, muscle."""
FS: Final = 360.0
CLEAN_S, PERIOD_S = 300, 120
"""Seconds before the first noise, and then of each stretch with it or without."""

_MEASUREMENTS = 300  # the first QRS complexes, and the first seconds of noise
_TRIMMED = 0.05  # of the lowest measurements, and of the highest
_QRS_S = 0.05  # on either side of its annotation
_NOT_NORMAL = "VEFr?"  # WFDB's map1: every other beat is normal, paced ones too


def modelled(folder: Path, name: str) -> bool:
    """Whether `read_noise` gives a model: for `em`, where the folder has no such recording."""
    return name == "em" and not (folder / "em.hea").exists()


def read_noise(folder: Path, name: str) -> Array:
    """One noise of the data set's folder, in mV, [n, 2]; a RecordError if that fails.

    Where `modelled`, it is `train.data.motion`'s.
    """
    if modelled(folder, name):
        return electrode_motion()
    require(folder)
    return mv_from_nv(replay.read(folder / name).nv).astype(np.float64)


def stretches(n: int) -> list[tuple[int, int]]:
    """First sample of each noisy stretch of a record of `n` samples, and that after its last."""
    period = int(PERIOD_S * FS)
    starts = range(int(CLEAN_S * FS), n, 2 * period)
    return [(start, min(start + period, n)) for start in starts]


def qrs_amplitude(mv: Array, beats: Annotations) -> Array:
    """Mean peak-to-peak amplitude of the first normal QRS complexes of each lead, [leads].

    Of the first of any kind where none is normal.
    """
    half = int(_QRS_S * beats.fs)
    normal = beats.sample[~np.isin(beats.symbol, list(_NOT_NORMAL))]
    normal = normal if len(normal) else beats.sample
    whole = normal[(normal >= half) & (normal < len(mv) - half)][:_MEASUREMENTS]
    windows = mv[whole[:, None] + np.arange(-half, half + 1)]
    return np.asarray(trim_mean(windows.max(axis=1) - windows.min(axis=1), _TRIMMED))


def noise_amplitude(noise: Array, fs: float = FS) -> Array:
    """Mean RMS of the first seconds of noise, each about its own mean, [channels]."""
    second = int(fs)
    count = min(len(noise) // second, _MEASUREMENTS)
    seconds = noise[: count * second].reshape(count, second, -1)
    return np.asarray(trim_mean(seconds.std(axis=1), _TRIMMED))


def noise_ratio(snr_db: float) -> float:
    """RMS of noise to the peak-to-peak amplitude of QRS complexes."""
    return float(10 ** (-snr_db / 20) / np.sqrt(8))


def _gain(amplitude: Array, noise: Array, channels: NDArray[np.int64], snr_db: float) -> Array:
    """What the noise's channel of each lead is multiplied with, [leads], for QRS of `amplitude`."""
    return np.asarray(amplitude * noise_ratio(snr_db) / noise_amplitude(noise)[channels])


def stressed(
    mv: Array, beats: Annotations, noises: Sequence[Array], rng: np.random.Generator
) -> Array:
    """A record in mV at 360 Hz, [n, leads], to train with: noise of another kind every minute.

    Drawn are the noise, its strength (24 to 0 dB), its channel for each lead, and the place in
    it, out of the minutes that `noisy` never plays.
    """
    minute, leads = int(60 * FS), mv.shape[1]
    amplitude = qrs_amplitude(mv, beats)
    result = mv.copy()
    for start in range(0, len(mv), minute):
        part = result[start : start + minute]
        noise = noises[int(rng.integers(len(noises)))]
        played = stretches(len(noise))
        pauses = [(end, after) for (_, end), (after, _) in pairwise(played)]
        first, last = pauses[int(rng.integers(len(pauses)))]
        place = int(rng.integers(first, last - minute + 1))
        channels = rng.integers(noise.shape[1], size=(leads,))
        gain = _gain(amplitude, noise, channels, rng.uniform(0, 24))
        added = noise[place : place + len(part)][:, channels]
        part += gain * (added - added.mean(axis=0))
    return result


def noisy(mv: Array, beats: Annotations, noise: Array, snr_db: float) -> Array:
    """A record in mV at 360 Hz, [n, leads], with noise at `snr_db` in its noisy stretches.

    Lead i is given the noise's channel i, those beginning again where there are more leads, and
    the noise does so where the record is longer.
    """
    leads = np.arange(mv.shape[1]) % noise.shape[1]
    gain = _gain(qrs_amplitude(mv, beats), noise, leads, snr_db)
    steps = np.diff(noise, axis=0, prepend=noise[:1])  # none from the noise's end to its beginning
    added = np.zeros_like(mv)
    for start, end in stretches(len(mv)):
        at = np.arange(start, end) % len(noise)
        added[start:end] = steps[at][:, leads] * gain
    return mv + np.cumsum(added, axis=0)
