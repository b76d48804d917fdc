"""Ventricular fibrillation and flutter from the signal: no beat is needed, or asked for.

A fibrillating ventricle writes waves without an end: none stands out as a QRS does, and between
them there is no rest. Of each lead the last four seconds are looked at, once a second, as means of
five samples (50 Hz, which takes the hum away). Waves up to 7 Hz have three measures, all of them
free of the gain:

- *frequency* of the slope, the root of the energy of its change over its own: a sine's has its
  frequency, and every QRS, however fast the heart, adds what is far above (Hjorth 1970 calls it the
  mobility of the slope). That of the waves themselves has a lower limit;
- *crest* of the curvature, its largest over its mean: a QRS stands out, a wave among waves not;
- *occupancy*, the share of time away from the baseline: samples beyond a quarter of their second's
  largest, after a band-pass around 6 Hz (threshold crossing sample count, Arafat and others, Signal
  Image Video Process. 5, 2011, with a band-pass and a quarter for a taper and a fifth; our choice).

Faster waves have the frequency of a QRS's slope, but hardly any other. Of those, after a band-pass
around 8 Hz, the frequency of the waves and that of their slope must be nearly one (Hjorth calls the
quotient complexity), the band must hold most of the energy, and nothing may stand out of the sixth
difference, as a QRS does even in a tremor.

Tried and left out, since limits on them told no more: the leakage of the VF filter (Kuo & Dillman
1978), regularity, kurtosis, the slow swing, the least energy of half a second, and the height
against that of the last minute.
"""

import math
from collections import deque
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edge.filters import STREAM_FS

WINDOW_S: Final = 4
"""Seconds that are looked at: what the alarm's usual definition asks for."""
SLOWEST_HZ: Final = (2.5, 2.0)
"""On above the first; stays on above the second. Slower are breath and movement, and a ventricular
tachycardia that has the form of a sine."""
FREQUENCY_HZ: Final = (7.2, 8.6)
"""On below the first, stays on below the second. So the next."""
CREST: Final = (7.0, 9.0)
OCCUPANCY: Final = (0.55, 0.40)
"""On above the first, stays on above the second."""
FAST_HZ: Final = (6.0, 5.5)
"""On where the waves are above the first, stays where above the second."""
FASTEST_HZ: Final = (10.5, 11.5)
"""On below the first, of the slope. So the next."""
COMPLEXITY: Final = (1.08, 1.15)
"""The one frequency over the other: 1.00 to 1.05 in a sine that drifts, from 1.2 on in noise."""
SPIKE: Final = (5.0, 7.0)
"""The largest of the sixth difference over its mean."""
BAND: Final = (0.65, 0.5)
"""On above the first: the share of energy that the band-pass leaves, 1 of a sine in its middle."""
HEIGHT_MV: Final = (0.15, 0.10)
"""Peak to peak after the band-pass, in the second lowest of the four seconds, likewise. Asystole on
a restless line is lower; so is the finest fibrillation."""
FAST_HEIGHT_MV: Final = (0.20, 0.17)
"""That of the faster waves: what the means leave of 60 Hz is at 10, a sixth as high."""
QUIET_MV: Final = 0.03
"""Below it, of the same, a lead shows nothing, and has no vote."""
VOTES: Final = 0.75
"""The share of leads with a vote that must agree: both of two, three of four. Movement and bad
electrodes make waves in one lead while another shows the QRS."""
OVER: Final = 2
"""Windows in a row that show no fibrillation, before it is over."""
REST: Final = 8
"""Samples (0.16 s) below `LOW` of the usual height that are a rest: it begins after the last."""
LOW: Final = 0.25
LOST: Final = 0.1
"""The share of a window that may be missing in a lead, a straight line in its place."""

_SECOND: Final = int(STREAM_FS)
_MEAN: Final = 5
_FS: Final = _SECOND // _MEAN
_WINDOW: Final = WINDOW_S * _FS
_LAG: Final = 4  # of the band-pass: most at 6.25 Hz, nulls at 0 and 12.5
_HALF: Final = _WINDOW // 2 - 2 * _LAG  # where that of a window's second half begins
_FAST_LAG: Final = 3  # most at 8.3 Hz, nulls at 0 and 16.7
_ON, _STAYS = 0, 1


INTERVALS: Final = 5
SPAN_S: Final = 2.0
"""So many in a row, over so long, of beats that are surely found, make a rhythm of its own, if they
are regular,"""
REGULAR: Final = 1.12
"""the longest over the shortest,"""
RATES: Final = (40.0, 250.0)
"""of such a rate,"""
SAME: Final = 0.9
"""and the QRS of one shape: the least correlation of each with the one before. All our choice."""


class Flutter(NamedTuple):
    """Whether the ventricles fibrillate, as the second that ends before sample `at` shows."""

    at: int
    """Stream sample."""
    active: bool
    since: int
    """Stream sample from which on it is so; never before the last one, never after `at`."""
    waves: bool
    """Whether the last two seconds are such that it may have begun: waves, and no rest."""
    leads: tuple[bool | None, ...]
    """Of each lead, whether it shows it; None where it shows nothing, or too much is missing."""
    lost: bool = False
    """Whether too much is missing in every lead: what was so stays so, unseen."""


class FlutterWatch:
    """Fed with the stream, says once a second whether the ventricles fibrillate or flutter.

    The same samples give the same answers, bit for bit, however they are cut. Where every lead is
    missing what was so stays so.
    """

    def __init__(self, leads: int) -> None:
        self._at = 0  # stream samples that are judged
        self._rest = [np.empty((0, leads))]  # those of the next second that have come, in parts
        self._count = 0
        self._before = np.full((leads, _WINDOW - _FS), np.nan)  # means of what is judged
        self._active = False
        self._since = 0
        self._misses = 0  # windows in a row
        self._missed = 0  # where the first of them found the end

    def push(self, x: NDArray[np.float64]) -> list[Flutter]:
        """Stream samples [n, leads] in mV, NaN where there is no signal."""
        self._rest.append(x)
        self._count += len(x)
        if self._count < _SECOND:
            return []
        x = np.concatenate(self._rest)
        whole = len(x) // _SECOND * _SECOND
        self._rest, self._count = [x[whole:]], len(x) - whole
        means = np.concatenate([self._before, _means(x[:whole])], axis=1)
        self._before = means[:, _FS - _WINDOW :]
        # All seconds at once: each has windows of its own, a row a lead.
        windows = sliding_window_view(means, _WINDOW, axis=1)[:, ::_FS].swapaxes(0, 1)
        y, there = _filled(windows.reshape(-1, _WINDOW))
        slow, fast = _waves(y, _LAG), _waves(y, _FAST_LAG)
        rows = (
            there,
            there & (slow.height >= QUIET_MV),
            _seen(y, slow, fast, _ON),
            _seen(y, slow, fast, _STAYS),
            _restless(y),
        )
        leads = len(means)
        each = zip(*(row.reshape(-1, leads).tolist() for row in rows), strict=True)
        return [self._judge(y[i * leads : (i + 1) * leads], *of) for i, of in enumerate(each)]

    def skip(self, n: int) -> list[Flutter]:
        """`n` stream samples that never came; of what is longer than a window nothing is said."""
        ahead = max(0, n // _SECOND - WINDOW_S - 1) * _SECOND
        given = self.push(np.full((n - ahead, len(self._before)), np.nan))
        self._at += ahead
        return given

    def _judge(
        self,
        y: NDArray[np.float64],
        there: list[bool],
        shows: list[bool],
        begins: list[bool],
        stays: list[bool],
        restless: list[bool],
    ) -> Flutter:
        """The next second, by its window, [leads, 200], and what is seen in each lead of it."""
        self._at += _SECOND
        fibrillates = stays if self._active else begins
        agree = [a and b for a, b in zip(shows, fibrillates, strict=True)]
        if any(there):
            now = any(shows) and sum(agree) >= VOTES * sum(shows)
            if now and not self._active:
                began = _began(y[agree])
                self._since = max(self._since, self._at - WINDOW_S * _SECOND + began * _MEAN)
            self._take(now)
        waves = sum(a and b for a, b in zip(shows, restless, strict=True))
        return Flutter(
            self._at,
            self._active,
            self._since,
            any(there) and waves >= VOTES * sum(there),
            tuple(yes if has else None for has, yes in zip(shows, fibrillates, strict=True)),
            not any(there),
        )

    def _take(self, now: bool) -> None:
        if now:
            self._misses = 0
            self._active = True
        elif self._active:
            self._misses += 1
            if self._misses == 1:
                self._missed = self._at - _SECOND
            if self._misses == OVER:
                self._active = False
                self._since = max(self._since, self._missed)


class Regular:
    """Fed with R peaks, knows until when they made a regular rhythm: that is no fibrillation.

    However much the waves of a tachycardia, or a tremor on them, may look like it.
    """

    def __init__(self) -> None:
        self._last: deque[tuple[float, float]] = deque()
        self.until = 0
        """Stream sample of its last R peak so far."""

    def found(self, r: int, rr: float | None, alike: float, *, sure: bool) -> None:
        """An R peak, the seconds before it, its likeness to the one before, whether it is one."""
        if rr is None or not sure:
            self._last.clear()
            return
        self._last.append((rr, alike))
        each = [rr for rr, _ in self._last]
        while len(each) > INTERVALS and sum(each[1:]) > SPAN_S:
            del each[0]
            self._last.popleft()
        enough = len(each) >= INTERVALS and sum(each) >= SPAN_S
        regular = enough and max(each) <= REGULAR * min(each)
        fast = RATES[0] <= 60 * len(each) / sum(each) <= RATES[1]
        if regular and fast and min(alike for _, alike in self._last) >= SAME:
            self.until = r


class _Waves(NamedTuple):
    """Windows or parts of them in a band, [rows, n]; each row's height, [rows]."""

    wave: NDArray[np.float64]
    height: NDArray[np.float64]
    away: NDArray[np.float64]
    """The share of time away from the baseline, [rows]."""

    def unresting(self, height: tuple[float, float], limit: int) -> NDArray[np.intp]:
        """The rows that are so high, and have no rest."""
        return np.flatnonzero((self.away > OCCUPANCY[limit]) & (self.height > height[limit]))


def _means(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of five samples each, [leads, n / 5]; of those that are there, NaN where there is none."""
    fives = x.reshape(-1, _MEAN, x.shape[1])
    total = fives[:, 0] + fives[:, 1] + fives[:, 2] + fives[:, 3] + fives[:, 4]
    if not math.isnan(total.sum()):
        return total.T / _MEAN
    there = ~np.isnan(fives)
    count = there.sum(axis=1)
    total = np.where(there, fives, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).T


def _filled(windows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Windows without gaps, [rows, 200], and which have enough of it."""
    if not math.isnan(windows.sum()):
        return windows, np.ones(len(windows), np.bool_)
    missing = np.isnan(windows)
    there = missing.sum(axis=1) <= LOST * _WINDOW
    y = np.where(there[:, None], windows, 0.0)
    for row in np.flatnonzero(there & missing.any(axis=1)):
        known = np.flatnonzero(~missing[row])
        y[row] = np.interp(np.arange(_WINDOW), known, windows[row, known])
    return y, there


def _seen(y: NDArray[np.float64], slow: _Waves, fast: _Waves, limit: int) -> NDArray[np.bool_]:
    """Which windows, [rows, 200], show fibrillation.

    `limit`: those of its beginning, or of staying so. Nearly all that is none stops at the first
    two limits.
    """
    fibrillates = np.zeros(len(y), np.bool_)
    if len(rows := slow.unresting(HEIGHT_MV, limit)):
        fibrillates[rows] = _slow(y[rows], slow.wave[rows], limit)
    if len(rows := fast.unresting(FAST_HEIGHT_MV, limit)):
        fibrillates[rows] |= _fast(y[rows], fast.wave[rows], limit)
    return fibrillates


def _restless(y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which windows, [rows, 200], have slow waves of that kind in their second half."""
    restless = np.zeros(len(y), np.bool_)
    half = _waves(y[:, _HALF:], _LAG)
    if len(rows := half.unresting(HEIGHT_MV, _ON)):
        restless[rows] = _slow(y[rows, _HALF:], half.wave[rows], _ON)
    return restless


def _waves(y: NDArray[np.float64], lag: int) -> _Waves:
    """Windows or parts of them, [rows, n], in a band."""
    wave = y[:, 2 * lag :] - 2 * y[:, lag:-lag] + y[:, : -2 * lag]
    whole = wave.shape[1] // WINDOW_S * WINDOW_S
    size = np.abs(wave[:, :whole]).reshape(len(y), WINDOW_S, -1)
    largest = size.max(axis=2)
    height = np.sort(largest)[:, 1] / 2  # of a sine in its middle, peak to peak
    away = (size > 0.25 * largest[:, :, None]).sum(axis=(1, 2))
    return _Waves(wave, height, away / whole)


def _slow(y: NDArray[np.float64], wave: NDArray[np.float64], limit: int) -> NDArray[np.bool_]:
    """Whether the waves in the band are as slow, and as much alike, as up to 7 Hz."""
    flat, steep, bent = _energies(wave)
    slow = (steep > _gain(SLOWEST_HZ[limit]) * flat) & (bent < _gain(FREQUENCY_HZ[limit]) * steep)
    return np.asarray(slow & (_crest(y, 2) < CREST[limit]))


def _fast(y: NDArray[np.float64], wave: NDArray[np.float64], limit: int) -> NDArray[np.bool_]:
    """Whether there are faster waves of one frequency, and nothing else."""
    flat, steep, bent = _energies(wave)
    about = y - y.mean(axis=1, keepdims=True)
    most = 16 * (about * about).sum(axis=1) * (wave.shape[1] / y.shape[1])
    fast = (steep > _gain(FAST_HZ[limit]) * flat) & (bent < _gain(FASTEST_HZ[limit]) * steep)
    pure = (bent * flat < COMPLEXITY[limit] ** 2 * steep * steep) & (flat > BAND[limit] * most)
    return np.asarray(fast & pure & (_crest(y, 6) < SPIKE[limit]))


def _began(y: NDArray[np.float64]) -> int:
    """In which sample of a window, [leads, 200], that shows it in its whole, the waves begin.

    After the last rest in its first half: where all leads stay so low as no wave among waves does.
    """
    wave = np.abs(_waves(y, _LAG).wave)
    usual = np.median(wave.reshape(len(y), -1, _LAG * 2).max(axis=2), axis=1, keepdims=True)
    low = (wave < LOW * usual).all(axis=0)[: _WINDOW // 2]
    ends = np.flatnonzero(np.convolve(low, np.ones(REST), "valid") == REST)
    return int(ends[-1]) + REST + _LAG if len(ends) else 0


def _energies(wave: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Of waves, [leads, n], of their slope, and of its change, [leads] each."""
    slope = wave[:, 1:] - wave[:, :-1]
    change = slope[:, 1:] - slope[:, :-1]
    return [(x * x).sum(axis=1) for x in (wave, slope, change)]


def _crest(y: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """The largest over the mean of a difference of that order; 0 where it is all zero."""
    size = np.abs(np.diff(y, order))
    mean = size.sum(axis=1) / size.shape[1]
    return np.asarray(size.max(axis=1) / np.where(mean > 0, mean, 1.0))


def _gain(hz: float) -> float:
    """Of the energy of a sine, from one sample to the next."""
    return (2 * math.sin(math.pi * hz / _FS)) ** 2
