"""Heart rate variability of NN intervals, by the definitions of the Task Force of 1996.

An NN interval lies between two beats in a row that are both called N, with signal between them;
nothing is corrected or left out beside. Powers are by Welch's method on the intervals, resampled
by a quadratic spline, at NeuroKit2's frequencies, so that values can be held against others.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW_S: Final = 300.0
"""Of what powers are measured in, and of what is told live: the Task Force's short recording."""
EVERY_S: Final = 60.0
"""Between what is told live."""
LF_HZ: Final = (0.04, 0.15)
HF_HZ: Final = (0.15, 0.40)
LEAST: Final = 20
"""Intervals without which nothing is told; our choice."""
_COVERED: Final = 0.8
"""Of a window is to be NN intervals, or it has no powers; our choice."""
_HOLE_S: Final = 5.0
"""Between intervals, at most, for the same: a spline knows nothing of what is in it; our choice."""
_POINTS: Final = 1024
"""Of a window of Welch's: some 7 Hz, which is fast for any heart."""
_GRID_HZ: Final = 100.0
"""Of NeuroKit2's samples: its windows are as many of them, and ours are as long."""


@dataclass(frozen=True, slots=True)
class Variability:
    """Of one stretch of time; None is what it has too few intervals for."""

    intervals: int
    """NN intervals that it is of."""
    share: float
    """NN intervals a beat, 0 to 1: what is missing touches another beat, or a gap."""
    mean_nn_ms: float | None = None
    sdnn_ms: float | None = None
    rmssd_ms: float | None = None
    pnn50: float | None = None
    """Percent."""
    sd1_ms: float | None = None
    """Poincaré plot: across the line of identity, as the Task Force has no name for."""
    sd2_ms: float | None = None
    lf_ms2: float | None = None
    hf_ms2: float | None = None

    @property
    def lf_hf(self) -> float | None:
        """The ratio of the two powers."""
        return self.lf_ms2 / self.hf_ms2 if self.lf_ms2 is not None and self.hf_ms2 else None


class Beats:
    """The beats of a stretch of time, in order."""

    def __init__(
        self,
        t: Sequence[float] | Floats,
        rr_ms: Sequence[float | None] | Floats,
        normal: Sequence[bool] | NDArray[np.bool_],
    ) -> None:
        """`t` in seconds; `rr_ms` to the beat before, NaN or None where unknown; which are N.

        All [beats]. The first one's interval does not belong to the stretch.
        """
        self.t = np.asarray(t, np.float64)
        self.rr = np.asarray(rr_ms, np.float64)
        normal = np.asarray(normal, bool)
        self.nn = normal.copy()
        self.nn[:1] = False
        self.nn[1:] &= normal[:-1] & ~np.isnan(self.rr[1:])

    def between(self, start: float, end: float) -> "Beats":
        """Those with start <= t < end."""
        part = Beats.__new__(Beats)
        kept = slice(*np.searchsorted(self.t, [start, end]))
        part.t, part.rr, part.nn = self.t[kept], self.rr[kept], self.nn[kept].copy()
        part.nn[:1] = False
        return part

    def hrv(self) -> Variability:
        """Everything; the powers as if it were one window."""
        return self._hrv(powers(self.t[self.nn], self.rr[self.nn]))

    def windowed(self) -> Variability:
        """The same, with the mean powers of windows of 5 minutes from the first beat on."""
        if not len(self.t):
            return Variability(0, 0.0)
        found = []
        for start in np.arange(self.t[0], self.t[-1], WINDOW_S):
            part = self.between(start, start + WINDOW_S)
            found.append(powers(part.t[part.nn], part.rr[part.nn]))
        known = [both for both in found if both]
        return self._hrv(tuple(np.mean(known, axis=0).tolist()) if known else None)

    def _hrv(self, both: tuple[float, ...] | None) -> Variability:
        count = int(self.nn.sum())
        share = count / len(self.t) if len(self.t) else 0.0
        if count < LEAST:
            return Variability(count, share)
        rr = self.rr[self.nn]
        pairs = np.flatnonzero(self.nn[1:] & self.nn[:-1]) + 1
        now, before = self.rr[pairs], self.rr[pairs - 1]
        step = now - before
        of_pairs: tuple[float | None, ...] = (None,) * 4
        if len(pairs) > 1:
            of_pairs = (
                float(np.sqrt(np.mean(step**2))),
                100 * float(np.count_nonzero(np.abs(step) > 50)) / (len(pairs) + 1),
                float(np.std(step, ddof=1) / np.sqrt(2)),
                float(np.std(now + before, ddof=1) / np.sqrt(2)),
            )
        mean, deviation = float(np.mean(rr)), float(np.std(rr, ddof=1))
        return Variability(count, share, mean, deviation, *of_pairs, *(both or (None, None)))


class Live:
    """Fed with every final beat, tells of the last five minutes once a minute."""

    def __init__(self) -> None:
        self._beats: deque[tuple[float, float | None, bool]] = deque()
        self._due = WINDOW_S

    def take(self, t: float, rr_ms: float | None, *, normal: bool) -> Variability | None:
        """The next beat, at `t` seconds; what is to be told with it. Not in the first window."""
        self._beats.append((t, rr_ms, normal))
        while self._beats[0][0] <= t - WINDOW_S:
            self._beats.popleft()
        if t < self._due:
            return None
        self._due = t - t % EVERY_S + EVERY_S
        return Beats(*zip(*self._beats, strict=True)).hrv()


def powers(t: Floats, rr_ms: Floats) -> tuple[float, float] | None:
    """LF and HF in ms² of the intervals that end at `t` seconds, both [n].

    None where there are too few of them, or too little of the time is theirs.
    """
    if len(t) < LEAST:
        return None
    whole = t[-1] - t[0] + rr_ms[0] / 1000
    hole = np.max(np.diff(t) - rr_ms[1:] / 1000)
    if whole < WINDOW_S / 2 or rr_ms.sum() / 1000 < _COVERED * whole or hole > _HOLE_S:
        return None
    return _bands(*_welch(*_resampled(t, rr_ms)))


def _bands(hz: Floats, density: Floats) -> tuple[float, float]:
    lf, hf = ((hz >= low) & (hz < high) for low, high in (LF_HZ, HF_HZ))
    return _area(hz[lf], density[lf]), _area(hz[hf], density[hf])


def _area(x: Floats, y: Floats) -> float:
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2)


def _welch(x: Floats, step: float, windows: int) -> tuple[Floats, Floats]:
    """Frequencies, and the density of power there: Hann windows of half of it, half overlapping."""
    size = len(x) // 2
    x = x - x.mean()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    starts = [i * size // 2 for i in range(windows)]
    spectra = [np.abs(np.fft.rfft(x[at : at + size] * window, 2 * size)) ** 2 for at in starts]
    density = 2 * step * np.mean(spectra, axis=0) / np.sum(window**2)
    return np.arange(len(density)) / (2 * size * step), density


def _resampled(t: Floats, y: Floats) -> tuple[Floats, float, int]:
    """The quadratic spline through the points, whose knots are midway between them.

    Its samples, a power of two; seconds between them; and how many windows of half of it, in whole
    hundredths of a second, go into it: 3, or 2 where the last one is short of one of these.
    """
    # To the last bit, and in that order: a tick less, and there is a window more, or other edges.
    tick = 1 / _GRID_HZ
    whole = math.ceil((t[-1] + tick - t[0]) / tick)
    half = int(2 / (2 * _GRID_HZ / (whole / 2)) * _GRID_HZ)
    step = half / (_GRID_HZ * _POINTS)
    grid = np.minimum(t[0] + step * np.arange(2 * _POINTS), t[-1])
    middles = (t[1:-2] + t[2:-1]) / 2
    knots = np.concatenate([t[:1].repeat(3), middles, t[-1:].repeat(3)])
    b = _solved(_basis(knots, t)[1], y)
    at, weights = _basis(knots, grid)
    x: Floats = weights[0] * b[at - 2] + weights[1] * b[at - 1] + weights[2] * b[at]
    return x, step, (whole - half // 2) // (half - half // 2)


def _solved(weights: Floats, y: Floats) -> Floats:
    """How much of each B-spline makes the spline go through y: each point sees three of them.

    Elimination without a choice of pivots is safe, since no weight is negative.
    """
    x, c = y.tolist(), [0.0] * len(y)
    for i, (left, middle, right) in enumerate(weights.T.tolist()[1:-1], start=1):
        below = middle - left * c[i - 1]
        c[i], x[i] = right / below, (x[i] - left * x[i - 1]) / below
    for i in range(len(x) - 2, 0, -1):
        x[i] -= c[i] * x[i + 1]
    return np.array(x)


def _basis(knots: Floats, x: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The three B-splines of degree 2 that are not 0 at each x: the last one's number, and all."""
    at = np.clip(np.searchsorted(knots, x, "right") - 1, 2, len(knots) - 4)
    a = (x - knots[at]) / (knots[at + 1] - knots[at])
    rising = (x - knots[at - 1]) / (knots[at + 1] - knots[at - 1])
    falling = (x - knots[at]) / (knots[at + 2] - knots[at])
    return at, np.stack([(1 - a) * (1 - rising), (1 - a) * rising + a * (1 - falling), a * falling])
