"""A causal streaming QRS detector: samples in, R peaks out.

Vectorised filters make one feature, the energy of the signal's curvature over 100 ms. Its
dominant maxima (three a second) are the candidates; only they reach the decision, which works
on logarithms, so that gain does not matter: a signal and a noise level, a threshold that is
high just after a beat (T waves) and falls when one is late, a short hold for the doubtful in
which a larger candidate may follow (P waves), and a look back when a beat is overdue, or when
one has come that leaves room for an early one before it.

The elements are Pan & Tompkins's (IEEE Trans. BME-32, 1985) and Hamilton's (Comput. Cardiol.
2002); curvature, logarithmic score, and hold are our choice. All of it runs at STREAM_FS.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.filters import STREAM_FS, Array, Fusion, Resampler, boxcar, fuse, notch, sliding_max

# The filters, in stream samples (4 ms); chosen on DS1 with and without added muscle noise.
_SMOOTH = 5  # nulls at 50 and 100 Hz
_LAG = 8  # the curvature's step: passes 7 to 24 Hz, most at 15
_SPAN = 25  # the feature's integration
_BEFORE, _AFTER = 25, 12  # a candidate is the feature's maximum of so many neighbours
_SEEK = 20  # R is sought so far on either side of the feature's maximum,
_CLIMB = 5  # then moved so far at most to the top of its wave

_Y = (2 + _SMOOTH - 1) // 2  # delay of the smoothed signal
_C = _Y + _LAG  # delay of its curvature
_F = _C + (_SPAN - 1) // 2  # delay of the feature
_WAIT = _F + _AFTER  # from a candidate to the arrival that shows it: 140 ms
_HISTORY = _F + _BEFORE + _WAIT
_STRIDE = 1 << 14  # input samples worked on at a time, which bounds memory


class Peak(NamedTuple):
    """The R peak of a heartbeat."""

    sample: int
    """Index of the R peak (or dominant deflection) in the detector's input."""
    decided: int
    """Index of the input sample whose arrival let the peak be given."""
    confidence: float
    """Probability that it is a beat, by its height above the noise and its score."""
    searchback: bool
    """Whether it was found on looking back, not in its turn; then `decided` may be late."""


class QrsDetector:
    """R peaks of a stream, the same for any cut of it into chunks."""

    def __init__(self, fs: float, leads: int = 1) -> None:
        """Detect in `leads` leads sampled at `fs` Hz (ValueError outside 100 to 1000 Hz)."""
        self._leads = leads
        self._resampler = Resampler(fs, leads)
        self._fusion = Fusion(leads, _HISTORY - 2 * _C)
        self._decision = _Decision()
        self._start = np.empty((0, leads))  # collected until the leads can be weighed
        self._history: Array | None = None  # then, the last _HISTORY stream samples
        self._now = 0  # stream samples so far, those skipped too
        self._resumed = 0  # the first after those skipped last

    def push(self, samples: NDArray[np.floating]) -> list[Peak]:
        """Peaks that `samples`, `[n]` or `[n, leads]`, let be decided, in order of time.

        Any unit and gain; NaN is "no signal". ValueError for another number of leads.
        """
        x = np.asarray(samples, dtype=np.float64)
        if x.ndim == 1:
            x = x[:, None]
        if x.ndim != 2 or x.shape[1] != self._leads:
            raise ValueError(f"samples must be [n, {self._leads}], not {list(x.shape)}")
        found = []
        for start in range(0, len(x), _STRIDE):
            found += self._search(self._resampler.push(x[start : start + _STRIDE]))
        return self._peaks(found)

    def skip(self, n: int) -> None:
        """Pass over `n` input samples that were lost."""
        if n == 0:
            return
        self._search(self._start[:0], ending=True)
        self._now += self._resampler.skip(n)
        self._resumed = self._now
        self._history = np.full((_HISTORY, self._leads), np.nan)

    def flush(self) -> list[Peak]:
        """Peaks still undecided when the stream ends; the detector is done then."""
        found = self._search(self._start[:0], ending=True)
        last = self._now - 1
        found += self._search(np.full((_WAIT, self._leads), np.nan), ending=True)
        found += self._decision.close(last)
        return self._peaks([f._replace(now=min(f.now, last)) for f in found])

    def _search(self, x: Array, *, ending: bool = False) -> list["_Found"]:
        """Work through stream samples."""
        if self._history is None:
            self._start = x = np.concatenate([self._start, x])
            if len(x) < (1 if ending else Fusion.BLOCK):
                return []
            self._history = np.repeat(x[:1], _HISTORY, axis=0)
        if len(x) == 0:
            return []
        x = np.concatenate([self._history, x])
        found = []
        for r, size, at in self._candidates(x):
            found += self._decision.add(r, size, at + _WAIT)
        self._now += len(x) - _HISTORY
        found += self._decision.advance(self._now - 1)
        self._history = x[-_HISTORY:].copy()
        return found

    def _candidates(self, x: Array) -> list[tuple[int, float, int]]:
        """Candidates in `x`, which begins with the history: R, log size, and feature maximum."""
        n = len(x) - _HISTORY
        y = boxcar(notch(x, 60.0), _SMOOTH)
        step = y[_LAG:] - y[:-_LAG]
        bend = step[_LAG:] - step[:-_LAG]
        curvature = np.abs(bend)
        weights = self._fusion.push(curvature, n)
        energy = fuse(curvature, weights)
        feature = boxcar(energy, _SPAN)
        middle = feature[_BEFORE : _BEFORE + n]
        before = sliding_max(feature, _BEFORE)[:n]
        after = sliding_max(feature[_BEFORE + 1 :], _AFTER)
        (top,) = np.nonzero((middle > before) & (middle >= after))
        if len(top) == 0:
            return []
        at = top + _F + _BEFORE  # in x
        seek = np.arange(-_SEEK, _SEEK + 1)
        near = (at - _C)[:, None] + seek
        taper = 1 - 0.5 * (seek / _SEEK) ** 2
        place = np.argmax(np.nan_to_num(energy[near]) * taper, axis=1)
        r = at + place - _SEEK
        climb = (r - _Y)[:, None] + np.arange(-_CLIMB, _CLIMB + 1)
        wave = -np.sign(bend[r - _C])[:, None] * y[climb]
        rise = np.abs(y[near + _C - _Y + 2] - y[near + _C - _Y - 2])
        steep = np.fmax.reduce(fuse(rise, None if weights is None else weights[near]), axis=1)
        wave = fuse(wave, None if weights is None else weights[r - _C][:, None])
        r += np.argmax(np.where(np.isnan(wave), -np.inf, wave), axis=1) - _CLIMB
        first = self._now - _HISTORY
        return [
            (first + a, 0.5 * math.log(b * c), first + d)
            for a, b, c, d in zip(
                r.tolist(), middle[top].tolist(), steep.tolist(), at.tolist(), strict=True
            )
            if b * c > 0
        ]

    def _peaks(self, found: list["_Found"]) -> list[Peak]:
        position, arrival = self._resampler.position, self._resampler.arrival
        return [
            Peak(position(f.r), arrival(max(f.now, self._resumed)), f.confidence, f.back)
            for f in found
        ]


# The decision: sizes are natural logarithms, times are stream samples. Chosen on DS1.
_REFRACTORY = 50
_LEARN = 500  # how long the levels are learned, unless two candidates are
_LEARN_EARLY, _ALIKE = 200, 0.4  # alike when the first is so old
_LONG = 625  # an interval that says nothing about the rate
_RR = (75.0, 400.0)  # bounds of the mean RR interval
_KEPT, _PAST = 16, 750  # how many candidates a look back sees, and how long
_NEVER = 1 << 62  # nothing to look back on
_HOLD = 60  # how long a doubtful candidate waits for a larger one
_SURE, _DOUBTFUL = -0.3, -0.9  # scores that make a beat, at once and after the hold,
_OVERDUE, _BETWEEN = -1.54, -1.8  # and on looking back: a beat is late, or one has come
_AFTER_BEAT, _BEFORE_BEAT = 108, 150  # so far from beats, "between" is neither T nor P wave
_NOISE_WEIGHT, _CLEAR, _UNCLEAR = 0.4, 1.95, 0.3  # heights above the noise
_EARLY_WEIGHT, _EARLY = 2.3, 0.62  # of the mean RR
_T_WEIGHT, _T_END = 1.57, 88
_LATE_WEIGHT, _LATE = 1.4, 0.85  # of the mean RR past the first
_BACK = 1.58  # of the mean RR, when a look back is due
_LEVEL_RATE, _LEVEL_STEP = 0.3, 1.5
_NOISE_RATE, _NOISE_STEP = 0.2, 2.0
_RR_RATE = 0.045
_FADE, _FLOOR = 0.9, 3.9  # the level's fall at a look back in vain, and its end above the noise
_FIRST_LEVEL, _FIRST_NOISE = -0.43, -2.5  # after the largest, and after the level


class _Candidate(NamedTuple):
    r: int
    size: float
    seen: int


class _Found(NamedTuple):
    r: int
    now: int
    confidence: float
    back: bool


class _Decision:
    """Which candidates are beats; time is what has arrived, never how it was cut."""

    def __init__(self) -> None:
        self._level: float | None = None  # of beats; None while it is learned
        self._noise = 0.0  # of candidates that are none
        self._rr = 0.8 * STREAM_FS
        self._last = -_REFRACTORY
        self._passed: list[_Candidate] = []  # over since the last beat
        self._held: _Candidate | None = None
        self._due = _LEARN

    def add(self, r: int, size: float, now: int) -> list[_Found]:
        """A candidate has arrived; give the beats that are decided."""
        found = self.advance(now - 1)
        if r - self._last < _REFRACTORY:
            return found
        candidate = _Candidate(r, size, now)
        if self._level is None:
            self._passed = [*self._passed[1 - _KEPT :], candidate]
            self._due = min(self._due, now + _LEARN)
            return found + (self._learn(now) if self._learned_early(now) else [])
        if self._held is not None:
            if size <= self._held.size:
                self._pass(candidate)
                return found
            self._pass(self._held)
            self._held = None
        score = self._score(candidate)
        if score > _SURE:
            found += self._accept(candidate, score, now)
        elif score > _DOUBTFUL:
            self._held = candidate
        else:
            self._pass(candidate)
        return found

    def advance(self, now: int) -> list[_Found]:
        """Sample `now` has arrived; give the beats that time alone decides."""
        found: list[_Found] = []
        while True:
            if self._held is not None and self._held.seen + _HOLD <= self._due:
                if self._held.seen + _HOLD > now:
                    return found
                found += self._release(self._held)
            elif self._due > now:
                return found
            else:
                found += self._look_back(self._due)

    def _learned_early(self, now: int) -> bool:
        """Whether the two largest candidates are so alike that they must be beats."""
        if now - self._passed[0].seen < _LEARN_EARLY:
            return False
        sizes = sorted(c.size for c in self._passed)
        return sizes[-1] - sizes[-2] < _ALIKE

    def close(self, now: int) -> list[_Found]:
        """No more samples come; give what is still held, or being learned."""
        if self._level is None:
            return self._look_back(now)
        return [] if self._held is None else self._release(self._held)

    def _score(self, c: _Candidate) -> float:
        """How much like a beat: size against the level and the noise, at such a time."""
        assert self._level is not None
        clear = c.size - self._noise
        if clear < _UNCLEAR:
            return -math.inf
        score = c.size - self._level + _NOISE_WEIGHT * min(clear - _CLEAR, 0.0)
        gap = c.r - self._last
        part = gap / self._rr
        if part < _EARLY:
            score -= _EARLY_WEIGHT * (_EARLY - part)
        elif part > 1:
            score += _LATE_WEIGHT * min(part - 1, _LATE)
        if gap < _T_END:
            score -= _T_WEIGHT * (1 - gap / _T_END)
        return score

    def _accept(self, c: _Candidate, score: float, now: int) -> list[_Found]:
        """A beat that came in its turn, and before it the one it makes plausible."""
        between = [
            p for p in self._passed if p.r - self._last >= _AFTER_BEAT and c.r - p.r >= _BEFORE_BEAT
        ]
        return [*self._recall(between, _BETWEEN, now), self._beat(c, score, now, back=False)]

    def _recall(self, passed: list[_Candidate], least: float, now: int) -> list[_Found]:
        """The best of the candidates passed over, if it scores above `least`."""
        score, best = max(((self._score(c), c) for c in passed), default=(-math.inf, None))
        if best is None or score <= least:
            return []
        return [self._beat(best, score, now, back=True)]

    def _beat(self, c: _Candidate, score: float, now: int, *, back: bool) -> _Found:
        """Take `c` for a beat: tell, and learn from it."""
        # Logistic regression on the peaks found in DS1, clean and with muscle noise at 12, 6, 0 dB.
        odds = 1.56 * min(c.size - self._noise, 3.0) + 0.37 * min(score, 0.5)
        confidence = 1 / (1 + math.exp(-odds))
        gap = c.r - self._last
        if gap < _LONG:
            self._rr = min(max(self._rr + _RR_RATE * (gap - self._rr), _RR[0]), _RR[1])
        assert self._level is not None
        self._level += _LEVEL_RATE * max(-_LEVEL_STEP, min(c.size - self._level, _LEVEL_STEP))
        self._last = c.r
        self._held = None
        self._passed = [p for p in self._passed if p.r >= c.r + _REFRACTORY]
        self._due = max(now + 1, math.ceil(c.r + _WAIT + _BACK * self._rr))
        return _Found(c.r, now, confidence, back)

    def _pass(self, c: _Candidate) -> None:
        self._passed = [*self._passed[1 - _KEPT :], c]
        self._due = min(self._due, c.seen + _PAST)
        self._noise += _NOISE_RATE * max(-_NOISE_STEP, min(c.size - self._noise, _NOISE_STEP))

    def _release(self, held: _Candidate) -> list[_Found]:
        """Nothing larger came after the candidate that was held."""
        score = self._score(held)
        if score > _DOUBTFUL:
            return self._accept(held, score, held.seen + _HOLD)
        self._held = None
        self._pass(held)
        return []

    def _look_back(self, now: int) -> list[_Found]:
        """A beat is overdue, or the levels have been learned."""
        if self._level is None:
            return self._learn(now)
        found = self._recall(self._passed, _OVERDUE, now)
        if found:
            return found
        self._passed = [c for c in self._passed if c.r > now - _PAST]
        self._due = now + math.ceil(self._rr) if self._passed else _NEVER
        if now - self._last > _LONG:
            lowest = min(self._level, self._noise + _FLOOR)
            self._level = max(self._level - _FADE, lowest)
        return []

    def _learn(self, now: int) -> list[_Found]:
        """The levels, from the candidates so far, and the beats among those."""
        if not self._passed:
            self._due = _NEVER
            return []
        self._level = max(c.size for c in self._passed) + _FIRST_LEVEL
        self._noise = self._level + _FIRST_NOISE
        self._due = now + math.ceil(self._rr)
        return [
            self._beat(c, score, now, back=True)
            for c in self._passed
            if c.r - self._last >= _REFRACTORY and (score := self._score(c)) > _SURE
        ]
