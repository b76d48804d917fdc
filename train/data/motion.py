"""A model of the noise of moving electrodes, where the recording of it is not at hand.

It is no recording. The `em` of the MIT-BIH Noise Stress Test Database comes from active volunteers
with electrodes on the limbs, where their ECG is not seen. It is described (Moody, Muldrow, Mark,
Computers in Cardiology 11, 1984) as the work of mechanical forces on the electrodes that come and
go, with much wander of the baseline and some muscle noise, and as the worst of the three noises:
its waves resemble ectopic beats, and no simple filter takes them away. Made here after that
description: bursts of pushes on a wandering baseline, most of the power below 10 Hz, and
amplitudes with heavy tails. A push is a swing, a wave as wide as a QRS complex, a step that
decays, or a spike. How many there are of each, and how strong, is our choice: so that known
detectors have about the F1 with it that they have with the recording, added to 118 and 119.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

Array = NDArray[np.float64]

FS: Final = 360.0
LENGTH: Final = 650_000
"""Samples, as in the recordings of nstdb: half an hour."""

_SEED = 118
_QUIET_S, _BURST_S = 0.7, 10.0  # mean lengths of what lies between bursts, and of bursts
_PUSH_S = 0.35  # mean time between two pushes of a burst
_SWING, _WAVE, _STEP = 0.05, 0.25, 0.6  # shares of the pushes; the rest are spikes
_WAVE_S = (0.05, 0.16)  # lengths, from to: of a wave, of a step's rise and of its time constant
_RISE_S, _TAU_S = (0.008, 0.035), (0.03, 0.16)
_TAIL = 0.45  # of the logarithm of a push's amplitude, standard deviation
_WANDER_MV, _MUSCLE_MV = 0.15, 0.01
_GAIN_SLOW, _GAIN_FAST = 0.030, 0.54  # what the filters leave of white noise
_OTHER = 0.5  # how much of what moves is the second channel's own


def electrode_motion(n: int = LENGTH, seed: int = _SEED) -> Array:
    """So many samples of it at 360 Hz, in mV, [n, 2]; a longer one begins with the shorter."""
    pushes, wander, muscle = np.random.default_rng(seed).spawn(3)
    made, tension = _pushed(n, pushes)
    slow = lfilter(*butter(2, 0.15, fs=FS), wander.standard_normal((n, 2)), axis=0)
    fast = lfilter(*butter(2, (10, 60), "bandpass", fs=FS), muscle.standard_normal((n, 2)), axis=0)
    made += _WANDER_MV * _mixed(slow) / _GAIN_SLOW
    return np.asarray(made + _MUSCLE_MV * (0.3 + tension[:, None]) * fast / _GAIN_FAST)


def _mixed(each: Array) -> Array:
    """Two channels that have much in common, of two that have nothing, [n, 2]."""
    return np.stack([each[:, 0], (1 - _OTHER) * each[:, 0] + _OTHER * each[:, 1]], axis=1)


def _pushed(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """What the pushes give, [n, 2], and where there are bursts of them, 0 to 1, [n]."""
    made, tension = np.zeros((n, 2)), np.zeros(n)
    at = 0.0
    while at * FS < n:
        at += rng.exponential(_QUIET_S)
        end = at + rng.exponential(_BURST_S)
        tension[round(at * FS) : round(end * FS)] = 1.0
        strength = rng.lognormal(0, _TAIL / 2)
        while at < end:
            push = _push(rng)
            height = strength * rng.lognormal(-1, _TAIL) * rng.choice([-1.0, 1.0])
            heights = height * np.array([1.0, rng.normal(1 - _OTHER, _OTHER)])
            first = round(at * FS)
            room = made[first : first + len(push)]
            room += push[: len(room), None] * heights
            at += rng.exponential(_PUSH_S)
    return made, tension


def _push(rng: np.random.Generator) -> Array:
    """The course of one, at most 1 high."""
    kind = rng.random()
    if kind < _SWING:  # up and back within some tenths of a second, each its own way
        up, down = rng.uniform(0.06, 0.25), rng.uniform(0.1, 0.6)
        return np.concatenate([_half(up), _half(down)[::-1]])
    if kind < _SWING + _WAVE:  # as a beat, sometimes with an opposite wave after it
        width, turn = rng.uniform(*_WAVE_S), rng.uniform(0, 0.8)
        wave = np.concatenate([_half(width / 2), _half(width / 2)[::-1]])
        return np.concatenate([wave, -turn * wave])
    if kind < _SWING + _WAVE + _STEP:  # what the amplifier's high-pass leaves of a step
        tau = rng.uniform(*_TAU_S)
        fall = np.exp(-np.arange(round(4 * tau * FS)) / (tau * FS))
        return np.concatenate([_half(rng.uniform(*_RISE_S)), fall])
    return np.concatenate([_half(0.012), _half(0.012)[::-1]])


def _half(seconds: float) -> Array:
    """A smooth way from 0 to 1."""
    count = max(2, round(seconds * FS))
    return np.asarray((1 - np.cos(np.pi * np.arange(count) / count)) / 2)
