"""Signals that monitors are tested with, drawn by the definitions that standards print.

ANSI/AAMI EC13 and IEC 60601-2-27, as the manuals of monitors and of test generators tell of them;
the standards' own drawings are not at hand. Our choices: a QRS is a symmetric triangle, a T wave a
raised cosine, ventricular beats of the irregular rhythms and of the tachycardias two unequal
triangles. Only pacing pulses, which are narrower than a sample, go through a front end's low-pass;
everything else is sampled as it is. All is in seconds and millivolts, shapes are [n].
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

NOISE_MV: Final = 0.005
"""RMS of the white noise that every signal carries: what a front end adds (our choice)."""
_FINE_HZ: Final = 20_000
_TAIL_S: Final = 0.6
"""How long a pulse's tail is followed: six of the longest time constants."""


class Board(NamedTuple):
    """A board's rate, and the corner of the low-pass (Butterworth, second order) before it."""

    fs: float
    low_pass_hz: float

    def __str__(self) -> str:
        """For people."""
        return f"{self.fs:g} Hz behind {self.low_pass_hz:g} Hz"


BOARDS: Final = (Board(125, 40), Board(250, 100), Board(500, 150))
"""Rates that boards have, each with the low-pass that is usual before it (our choice)."""


class Pulse(NamedTuple):
    """A pacing pulse at the electrodes."""

    mv: float
    width_s: float
    tail_mv: float = 0.0
    """Overshoot after the pulse, of the other polarity, that decays."""
    tail_s: float = 0.004
    """Its time constant."""


def line(seconds: float, fs: float, seed: int = 0) -> Signal:
    """Nothing but the front end's noise."""
    return np.random.default_rng(seed).normal(0, NOISE_MV, round(seconds * fs))


def times(rate: float, start: float, end: float) -> list[float]:
    """`rate` times a minute from `start` on, before `end`."""
    return np.arange(start, end, 60 / rate).tolist()


def triangles(at: Iterable[float], width_s: float, mv: float, seconds: float, fs: float) -> Signal:
    """A triangle of that base and height about each time."""
    t = np.arange(round(seconds * fs)) / fs
    out = np.zeros(len(t))
    for middle in at:
        near = _near(middle - width_s / 2, middle + width_s / 2, fs, len(t))
        out[near] += mv * (1 - np.abs(t[near] - middle) / (width_s / 2))
    return out


def t_waves(
    at: Iterable[float],
    mv: float,
    seconds: float,
    fs: float,
    *,
    qrs_s: float = 0.1,
    qt_s: float = 0.35,
    width_s: float = 0.18,
) -> Signal:
    """A raised cosine of that width for each R time, its end `qt_s` after the QRS begins."""
    t = np.arange(round(seconds * fs)) / fs
    out = np.zeros(len(t))
    for r in at:
        end = r - qrs_s / 2 + qt_s
        near = _near(end - width_s, end, fs, len(t))
        out[near] += mv * (1 - np.cos(2 * np.pi * (t[near] - end) / width_s)) / 2
    return out


def ventricular(
    at: Iterable[float], peak_to_peak_mv: float, seconds: float, fs: float, width_s: float = 0.24
) -> Signal:
    """Broad beats, each a triangle up and a lower one down: 60 and 40 % of the peak to peak."""
    at = [*at]
    up = triangles(at, width_s * 0.5, 0.6 * peak_to_peak_mv, seconds, fs)
    late = [t + width_s * 0.5 for t in at]
    return up + triangles(late, width_s * 0.5, -0.4 * peak_to_peak_mv, seconds, fs)


def hum(peak_to_peak_mv: float, hz: float, seconds: float, fs: float) -> Signal:
    """The mains, a sine."""
    turn = hz * np.arange(round(seconds * fs)) / fs
    out: Signal = peak_to_peak_mv / 2 * np.sin(2 * np.pi * turn)
    return out


def drift(peak_to_peak_mv: float, hz: float, seconds: float, fs: float) -> Signal:
    """A baseline that rises and falls in straight lines."""
    turn = hz * np.arange(round(seconds * fs)) / fs % 1
    out: Signal = peak_to_peak_mv * (2 * np.abs(turn - 0.5) - 0.5)
    return out


def paced(at: Iterable[float], pulse: Pulse, seconds: float, board: Board) -> Signal:
    """Pulses that begin at these times, as the board samples them behind its low-pass.

    The response of one pulse is made at 20 kHz, so that a pulse of 0.1 ms keeps its area.
    """
    n = round(_TAIL_S * _FINE_HZ)
    t = np.arange(n) / _FINE_HZ
    width = round(pulse.width_s * _FINE_HZ)
    shape = np.where(np.arange(n) < width, pulse.mv, 0.0)
    shape[width:] -= np.sign(pulse.mv) * pulse.tail_mv * np.exp(-t[: n - width] / pulse.tail_s)
    s = 1j * np.fft.rfftfreq(2 * n, 1 / _FINE_HZ) / board.low_pass_hz
    response = np.fft.irfft(np.fft.rfft(shape, 2 * n) / (1 + np.sqrt(2) * s + s**2), 2 * n)[:n]
    out = np.zeros(round(seconds * board.fs))
    for start in at:
        near = _near(start, start + _TAIL_S - 1 / _FINE_HZ, board.fs, len(out))
        out[near] += np.interp(np.arange(near.start, near.stop) / board.fs - start, t, response)
    return out


class Irregular(NamedTuple):
    """A rhythm of pairs, and the rate that counts every beat."""

    name: str
    rate: float
    coupling_s: float
    """From the first beat of a pair to the second."""
    normal: bool
    """Whether the first is a normal beat; else both are ventricular, of changing polarity."""


IRREGULAR: Final = (
    Irregular("ventricular bigeminy", 80, 0.50, True),
    Irregular("slow alternating ventricular bigeminy", 60, 0.60, True),
    Irregular("rapid alternating ventricular bigeminy", 120, 0.40, True),
    Irregular("bidirectional systoles", 90, 60 / 90, False),
)
"""Figures 3a to 3d of EC13, by name and rate; coupling and shapes are our choice."""


def irregular(rhythm: Irregular, seconds: float, fs: float) -> tuple[Signal, list[float]]:
    """One of the four, its beats about 1 mV high, and their R times."""
    first = times(rhythm.rate / 2, 0.5, seconds - 0.5)
    second = [t + rhythm.coupling_s for t in first]
    if rhythm.normal:
        mv = triangles(first, 0.08, 1.0, seconds, fs) + t_waves(first, 0.2, seconds, fs)
    else:
        mv = ventricular(first, -1.6, seconds, fs)
    return mv + ventricular(second, 1.6, seconds, fs), sorted([*first, *second])


def _near(start: float, end: float, fs: float, n: int) -> slice:
    """The samples from `start` to `end`, both included, of `n`."""
    first = max(0, int(np.ceil(start * fs - 1e-9)))
    return slice(min(first, n), max(min(first, n), min(n, int(end * fs + 1e-9) + 1)))
