"""A causal streaming QRS detector: samples in, R peaks out.

Vectorised filters make one feature of the signal, the energy of its curvature in the QRS band;
its dominant local maxima (a few a second) are candidates, and only they reach the decision,
which keeps a signal and a noise level, a T-wave-proof threshold that falls with the time since
the last beat, and one look back when a beat is overdue (after Pan & Tompkins, IEEE Trans.
BME-32, 1985, and Hamilton, Comput. Cardiol. 2002). All of it runs at STREAM_FS.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.filters import STREAM_FS, Resampler, boxcar, notch, sliding_max

_LAG = 6  # samples between the three points of the curvature: passes 8 to 32 Hz, best at 20
_SMOOTH = 5  # nulls at 50 and 100 Hz
_SPAN = 21  # length of the integration, in samples
_FEATURE_HALF = (2 + _SMOOTH - 1 + 2 * _LAG + _SPAN - 1) // 2  # half of the feature's support
_DOMINANT = 20  # a candidate is the feature's maximum of this many samples on either side
_PLACE = 20  # R is looked for this many samples on either side of a candidate
_WAIT = _FEATURE_HALF + _DOMINANT  # samples from a candidate to the arrival that shows it
_BLOCK = 1 << 14  # stream samples worked on at a time, which bounds memory

_REFRACTORY = round(0.2 * STREAM_FS)
_LEARN = round(2.0 * STREAM_FS)
_LONGEST_RR = round(2.5 * STREAM_FS)
_KEPT = 16


class Peak(NamedTuple):
    """A heartbeat's R peak."""

    sample: int
    """Index of the R peak (or the dominant deflection) in the detector's input."""
    decided: int
    """Index of the input sample whose arrival let the peak be given."""
    confidence: float
    """0 to 1: how far the beat stands above the threshold that it had to pass."""
    searchback: bool
    """Whether it was found only on looking back, after a pause or the first learning."""


class _Candidate(NamedTuple):
    at: int  # stream index of the feature's maximum
    r: int  # stream index of the dominant deflection
    size: float


class QrsDetector:
    """R peaks of a stream; the same for any cut of it into chunks."""

    def __init__(self, fs: float, leads: int = 1) -> None:
        """Detect in `leads` leads sampled at `fs` Hz (ValueError outside 100 to 1000 Hz)."""
        self._leads = leads
        self._resampler = Resampler(fs, leads)
        self._history: NDArray[np.float64] | None = None
        self._now = 0  # stream samples so far
        self._decision = _Decision()

    def push(self, samples: NDArray[np.floating]) -> list[Peak]:
        """Peaks that `samples`, `[n]` or `[n, leads]`, let be decided.

        Any unit and gain; NaN is "no signal". ValueError for another number of leads.
        """
        x = np.asarray(samples, dtype=np.float64)
        if x.ndim == 1:
            x = x[:, None]
        if x.ndim != 2 or x.shape[1] != self._leads:
            raise ValueError(f"samples must be [n, {self._leads}], not {list(x.shape)}")
        return self._peaks(self._stream(self._resampler.push(x)))

    def skip(self, n: int) -> None:
        """Pass over `n` input samples that were lost."""
        skipped = self._resampler.skip(n)
        self._now += skipped
        self._history = np.full((2 * _WAIT, self._leads), np.nan)

    def flush(self) -> list[Peak]:
        """Peaks still undecided when the stream ends."""
        if self._history is None:
            return []
        end = self._now
        tail = np.repeat(self._history[-1:], _WAIT, axis=0)
        found = self._stream(tail) + self._decision.close()
        last = self._resampler.arrival(end - 1)
        return [
            peak._replace(decided=min(peak.decided, last))
            for peak in self._peaks([f for f in found if f[0].r < end])
        ]

    def _stream(self, x: NDArray[np.float64]) -> list[tuple[_Candidate, int, float, bool]]:
        found = []
        for start in range(0, len(x), _BLOCK):
            part = x[start : start + _BLOCK]
            if self._history is None:
                self._history = np.repeat(part[:1], 2 * _WAIT, axis=0)
            part = np.concatenate([self._history, part])
            for candidate in _candidates(part, self._now - 2 * _WAIT):
                found += self._decision.add(candidate)
            self._now += len(part) - 2 * _WAIT
            found += self._decision.advance(self._now - 1)
            self._history = part[-2 * _WAIT :].copy()
        return found

    def _peaks(self, found: list[tuple[_Candidate, int, float, bool]]) -> list[Peak]:
        return [
            Peak(
                self._resampler.position(candidate.r),
                self._resampler.arrival(decided),
                confidence,
                searchback,
            )
            for candidate, decided, confidence, searchback in found
        ]


def _candidates(x: NDArray[np.float64], first: int) -> list[_Candidate]:
    """Dominant maxima of the feature of `x`, whose first sample has stream index `first`."""
    y = boxcar(notch(x, 60.0), _SMOOTH)
    curvature = np.abs(y[2 * _LAG :] - 2 * y[_LAG:-_LAG] + y[: -2 * _LAG])
    feature = boxcar(boxcar(curvature, _SPAN // 2), _SPAN + 1 - _SPAN // 2)
    f = np.nansum(feature, axis=1)
    top = sliding_max(f, _DOMINANT)
    n = len(f) - 2 * _DOMINANT
    middle = f[_DOMINANT : _DOMINANT + n]
    (at,) = np.nonzero((middle > top[:n]) & (middle >= top[_DOMINANT + 1 :]))
    if len(at) == 0:
        return []
    sizes = middle[at]
    # y is 3 samples late at its start; around[i] spans the candidate i
    around = (at + _WAIT - _PLACE - 3)[:, None] + np.arange(2 * _PLACE + 1)
    wave = y[around, 0]
    wave = np.abs(wave - np.median(wave, axis=1)[:, None])
    r = at + _WAIT - _PLACE + np.argmax(wave, axis=1)
    return [
        _Candidate(a, b, c)
        for a, b, c in zip(
            (at + first + _WAIT).tolist(), (r + first).tolist(), sizes.tolist(), strict=True
        )
    ]


class _Decision:
    """Which candidates are beats."""

    def __init__(self) -> None:
        self._level = 0.0  # running size of beats; 0 while learning
        self._noise = 0.0
        self._rr = 0.8 * STREAM_FS
        self._last = -_REFRACTORY
        self._deadline = _LEARN
        self._open: list[_Candidate] = []  # passed over since the last beat

    def add(self, c: _Candidate) -> list[tuple[_Candidate, int, float, bool]]:
        now = c.at + _WAIT
        found = self.advance(now - 1)
        gap = c.r - self._last
        if gap < _REFRACTORY:
            return found
        if self._level > 0 and c.size > self._threshold(gap):
            found.append(self._accept(c, now, False))
        else:
            self._open = [*self._open[1 - _KEPT :], c]
            if self._level > 0:
                self._noise += 0.1 * (min(c.size, self._level) - self._noise)
        return found

    def advance(self, now: int) -> list[tuple[_Candidate, int, float, bool]]:
        found: list[tuple[_Candidate, int, float, bool]] = []
        while now >= self._deadline:
            found += self._look_back(self._deadline)
        return found

    def close(self) -> list[tuple[_Candidate, int, float, bool]]:
        return self._look_back(self._deadline) if self._level == 0 else []

    def _threshold(self, gap: int) -> float:
        early = max(0.0, 1 - gap / (0.5 * self._rr))
        return self._noise + (0.3 + 0.6 * early) * max(0.0, self._level - self._noise)

    def _accept(self, c: _Candidate, now: int, back: bool) -> tuple[_Candidate, int, float, bool]:
        gap = c.r - self._last
        confidence = min(1.0, c.size / (c.size + self._noise + 1e-300))
        if gap < _LONGEST_RR:
            self._rr += 0.125 * (gap - self._rr)
        self._level += 0.125 * (min(c.size, 2 * self._level) - self._level)
        self._last = c.r
        self._open = [o for o in self._open if o.r >= c.r + _REFRACTORY]
        self._deadline = max(now + 1, c.r + round(1.5 * self._rr) + _WAIT)
        return c, now, confidence, back

    def _look_back(self, now: int) -> list[tuple[_Candidate, int, float, bool]]:
        self._deadline = now + round(self._rr)
        if self._level == 0:
            if not self._open:
                return []
            sizes = sorted(c.size for c in self._open)
            self._level = 0.75 * sizes[-1]
            self._noise = 0.2 * self._level
            found = []
            for c in self._open[:]:
                if c.r - self._last >= _REFRACTORY and c.size > 0.4 * self._level:
                    found.append(self._accept(c, now, True))
            self._rr = min(max(self._rr, 0.4 * STREAM_FS), 1.2 * STREAM_FS)
            return found
        if now - self._last > _LONGEST_RR + _WAIT:
            self._level *= 0.8
        if not self._open:
            return []
        best = max(self._open, key=lambda c: c.size)
        if best.size > self._noise + 0.15 * (self._level - self._noise):
            return [self._accept(best, now, True)]
        return []
