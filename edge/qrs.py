"""A causal streaming QRS detector: samples in, R peaks out.

`edge.candidates` says where a beat may be; here it is decided, on logarithms, so that gain does
not matter: a signal and a noise level, a threshold that is high just after a beat (T waves) and
falls when one is late, in noise the likeness to the beats before, a short hold for the doubtful
in which a larger candidate may follow (P waves), and a searchback when a beat is overdue, or when
one has come that leaves room for an early one before it. What is much smaller than beats (P waves),
blunter (T waves), sharper (pacing spikes) or one-sided (steps) is none; what has the beats' own
shape may come early; and waves that keep coming, all alike, are beats after all.

The elements are Pan & Tompkins's (IEEE Trans. BME-32, 1985) and Hamilton's (Comput. Cardiol.
2002); likeness is after the template matching of Orphanidou and others (IEEE J. Biomed. Health
19, 2015); logarithmic score and hold are our choice. All of it runs at STREAM_FS.
"""

import math
from array import array
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.candidates import SHAPE, WAIT, Candidate, Finder
from edge.filters import STREAM_FS, Array, Resampler

LEAST_MV = 0.16
"""A smaller QRS complex is not to be counted: ANSI/AAMI EC13 and IEC 60601-2-27 name 0.15 mV."""
_TRIANGLE = 2.33  # size of a triangle of 100 ms and a height of 1

_STRIDE = 1 << 14  # input samples worked on at a time, which bounds memory

UNSURE = 0.6
"""A peak with less confidence is too likely noise to be named; so is 0.1 % of DS1's clean beats."""
USABLE = 0.95
"""Confidence from which on the signal counts as good enough to rely on a peak."""


class Peak(NamedTuple):
    """The R peak of a heartbeat."""

    sample: int
    """Index of the R peak (or dominant deflection) in the detector's input."""
    decided: int
    """Index of the input sample whose arrival let the peak be given."""
    confidence: float
    """Probability that it is a beat: how far beats stand out of the noise (Pan & Tompkins's two
    levels), how like each other they are, and how like them this one is (after Orphanidou)."""
    searchback: bool
    """Whether it was found by searchback, not in its turn; then `decided` may be late."""


class QrsDetector:
    """R peaks of a stream, the same for any cut of it into chunks."""

    def __init__(self, fs: float, leads: int = 1, least: float = 0.0) -> None:
        """Detect in `leads` leads sampled at `fs` Hz (ValueError outside 60 to 1000 Hz).

        No wave is a beat that is smaller than a triangle of 100 ms and a height of `least`, in the
        unit of the samples.
        """
        self._leads = leads
        self._resampler = Resampler(fs, leads)
        self._finder = Finder(leads, least)
        least = math.log(least) + _TRIANGLE if least > 0 else -math.inf
        self._decision = _Decision(self._finder.shapes, leads * SHAPE, least)
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
        for start in range(0, len(x), _STRIDE):
            self._search(self._resampler.push(x[start : start + _STRIDE]))
        return self._peaks()

    def skip(self, n: int) -> None:
        """Pass over `n` input samples that were lost."""
        if n == 0:
            return
        lost = self._resampler.skip(n)
        self._finder.skip(lost, self._decision.add)
        self._now += lost
        self._resumed = self._now

    def flush(self) -> list[Peak]:
        """Peaks still undecided when the stream ends; the detector is done then."""
        last = self._now - 1
        self._search(np.empty((0, self._leads)), ending=True)
        self._search(np.full((WAIT, self._leads), np.nan))
        self._decision.close(last)
        return self._peaks(last)

    def _search(self, x: Array, *, ending: bool = False) -> None:
        """Work through stream samples."""
        self._finder.push(x, self._decision.add, ending=ending)
        self._now += len(x)
        self._decision.advance(self._now - 1)

    def _peaks(self, last: int | None = None) -> list[Peak]:
        """What has been decided, at the `last` stream sample at the latest."""
        position, arrival = self._resampler.position, self._resampler.arrival
        peaks = []
        for f in self._decision.take():
            now = max(f.now, self._resumed)  # decided before samples were lost, it is given after
            now = now if last is None else min(now, last)
            r = max(position(f.r), 0)  # half a wave may lie before the first sample
            peaks.append(Peak(r, arrival(now), f.confidence, f.back))
        return peaks


# The decision: sizes are natural logarithms, times are stream samples. Chosen on DS1.
_REFRACTORY = 39  # after a beat, or
_REFRACTORY_PART = 0.482  # of the mean RR where that is less
_LEARN = 1250  # how long the levels are learned, unless two candidates are
_LEARN_EARLY, _ALIKE, _ALIKE_SHAPE = 238, 0.415, 0.856  # alike when the first is so old
_LONG = 625  # an interval that says nothing about the rate
_RR_LEAST, _RR_MOST = 48.9, 750.0  # bounds of the mean RR interval
_KEPT, _PAST = 24, 750  # how many candidates a searchback sees, and how long
_NEVER = 1 << 62  # nothing to search back in
_HOLD = 64  # how long a doubtful candidate waits for one that is larger
_T_WAVE, _T_BLUNT = 119.0, 0.26  # after a beat, and blunt
_ONE = 9  # samples apart, two candidates are of one wave
_OUTDO, _SHARPER = 0.0199, 0.119  # by so much, what is sharper counting for larger
_OUTGROWN = 0.791  # what is so much larger than the beats, right after one, raises their level
_SURE, _DOUBTFUL = -0.335, -1.0  # scores that make a beat, at once and after the hold,
_OVERDUE, _BETWEEN = -1.6, -2.19  # and in a searchback: a beat is late, or one has come
_AFTER_BEAT, _BEFORE_BEAT = 95, 194  # so far from beats, "between" is neither T nor P wave
_NOISE_WEIGHT, _CLEAR, _UNCLEAR = 0.453, 1.85, 0.189  # heights above the noise
_EARLY_WEIGHT, _EARLY = 3.0, 0.634  # of the mean RR
_T_WEIGHT, _T_END = 2.3, 83.3
_BLUNT_WEIGHT, _BLUNT, _BLUNT_END = 2.24, 0.238, 115.0  # less sharp than beats, so soon after one
_SHORT = 145.0  # a mean RR below which T waves come sooner
# The largest wave between two beats, and its mean deviation:
_BETWEEN_RATE, _BETWEEN_FALL, _BETWEEN_RISE, _VARIES_RATE = 0.512, 2.39, 3.26, 0.335
_VARIES, _ABOVE, _FAR_ABOVE = 1.79, 0.835, 0.661  # what is so far above it is no T wave
_SAME_SHAPE, _SAME_SIZE, _SAME_SHARP = 0.86, 0.86, 0.516  # a wave like the beats may come early
_LATE_WEIGHT, _LATE = 0.552, 0.366  # of the mean RR past the first
_STEP_WEIGHT, _STEP = 2.8, 0.221  # balance of a step
_ONE_SIDED, _STEEP = 0.08, 0.2  # and of what is nothing else, if it is that much sharper
_SHARPEST = -2.5  # what is sharper is hum, or no wave at all
_SPIKE_WEIGHT, _SPIKE = 6.58, 0.66  # sharper than beats
_BACK = 1.63  # of the mean RR, when a searchback is due
_LEVEL_RATE, _LEVEL_STEP = 0.264, 1.31
_NOISE_RATE, _NOISE_STEP = 0.195, 1.92
_RR_RATE = 0.0333
_STEADY, _STEADY_RATE = 0.127, 0.117  # intervals so much alike, three in a row, are the rhythm
_FADE, _FLOOR = 0.35, 3.84  # the level's fall at a searchback in vain, and its end above the noise
_LOWER_RATE, _HIGHER_RATE = 0.151, 0.015  # of the level of the smaller beats of the last minutes,
_DEPTH, _WEAK = 0.616, 1.29  # below which that end is so far, and no beat is so far
_GIVEN_UP = 30000  # a silence after which it is learned anew
_ANEW = 2.09  # two so far above all that was learned: it was of no beats
_ABSURD = 2.1  # one so far above is no wave of a heart
_FIRST_LEVEL, _FIRST_NOISE = -0.208, -4.08  # after the largest, and after the level
_SHAPE_WEIGHT, _UNLIKE, _ALIKER = 0.421, -1.14, 0.743  # likeness below and above that of beats,
_QUIET, _QUIETER = 2.03, 0.581  # which counts where beats rise less above the noise
_SHAPE_RATE, _LIKE_RATE, _FIRST_LIKE = 0.0795, 0.0918, 0.87
_SHARP_RATE = 0.166
_TYPICAL = -0.666  # a smaller beat, against the level, does not teach the shape
# Waves in a row, all alike and at one pace, that are beats after all:
_ROW, _ROW_MISSED = 5, 2
_ROW_SHAPE, _ROW_SIZE, _ROW_SHARP, _ROW_PACE = 0.86, 0.4, 0.4, 0.2
_ROW_SMALLER = 0.7  # what is so much smaller does not count as being between
_ROW_DEPTH, _ROW_LONGEST = 1.71, 247.0  # they are so little below the beats, and so close,
_ROW_OWN, _ROW_OWN_SHARP = 0.93, 0.15  # or have their very shape: the gain has changed
_ROW_GAIN = 4.15  # by no more than that
_P_FIRST, _P_LAST, _P_RATE, _P_STEP = 75, 20, 0.1, 0.5  # P waves come so long before beats,
_ROW_P, _P_PACE = 0.35, 113.0  # and what is so little larger, and so slow, is a row of them


class _Found:
    """A beat."""

    __slots__ = ("back", "confidence", "now", "r")

    def __init__(self, r: int, now: int, confidence: float, back: bool) -> None:
        self.r, self.now, self.confidence, self.back = r, now, confidence, back


class _Decision:
    """Which candidates are beats; time is what has arrived, never how it was cut."""

    def __init__(self, shapes: "array[float]", size: int, least: float = -math.inf) -> None:
        self._least = least
        self._learned = False  # whether the levels are known
        self._level = 0.0  # of beats
        self._low = 0.0  # of the smaller beats of the last minutes
        self._noise = 0.0  # of candidates that are none
        self._between = 0.0  # of the largest wave from beat to beat, mostly T,
        self._varies = 0.0  # and how much that varies
        self._p_wave = -math.inf  # of what comes before a beat
        self._rr = 0.8 * STREAM_FS
        self._gap, self._steady = 0.0, 0  # the last interval, and how many were like it
        self._last = -_REFRACTORY
        self._beats: list[int] = []  # the last ones
        self._passed: list[Candidate] = []  # over since the last beat
        self._recent: list[Candidate] = []  # the last candidates of all
        self._held: Candidate | None = None
        self._huge: Candidate | None = None  # the last that was far larger than beats
        self._due = _LEARN
        self._shapes, self._size = shapes, size
        self._shape = array("d", bytes(8 * size))  # of the beats
        self._like = _FIRST_LIKE  # how like it they were
        self._sharp = 0.0  # how sharp they were
        self._found: list[_Found] = []

    def take(self) -> list[_Found]:
        """The beats decided since last taken."""
        found, self._found = self._found, []
        return found

    def add(self, c: Candidate) -> None:
        """A candidate has arrived."""
        self.advance(c.seen - 1)
        if c.size < self._least or c.sharp > _SHARPEST:
            self._heed(c.size)
            return
        if len(self._recent) == _KEPT:
            del self._recent[0]
        self._recent.append(c)
        if self._learned and (self._outgrown(c) or c.r - self._last > _GIVEN_UP):
            self._forget()
        if not self._learned:
            if c.balance < _ONE_SIDED:
                return
            self._keep(c)
            self._due = min(self._due, c.seen + _LEARN)
            if self._learned_early(c.seen):
                self._learn(c.seen)
            return
        if c.r - self._last < min(_REFRACTORY, _REFRACTORY_PART * self._rr):
            if c.size > self._level + _OUTGROWN:  # a P wave was taken for a beat
                self._raise(c.size)
            return
        if self._held is not None and c.r - self._held.r < _ONE:
            if c.size <= self._held.size:
                return
            self._held = None  # the same wave, of which more has been seen
        if self._held is not None:
            ahead = c.size - self._held.size + _SHARPER * (c.sharp - self._held.sharp)
            if ahead <= _OUTDO:
                self._pass(c)
                return
            self._pass(self._held)
            self._held = None
        if self._score(c, False) > _SURE:
            self._accept(c, c.seen)
        elif self._score(c, True) > _DOUBTFUL:
            self._held = c
        else:
            self._pass(c)

    def advance(self, now: int) -> None:
        """Sample `now` has arrived, without a candidate."""
        while True:
            if self._held is not None and self._held.seen + _HOLD <= self._due:
                if self._held.seen + _HOLD > now:
                    return
                self._release(self._held)
            elif self._due > now:
                return
            else:
                self._search_back(self._due)

    def close(self, now: int) -> None:
        """No more samples come: decide on what is still held, or being learned."""
        if not self._learned:
            self._learn(now)
        elif self._held is not None:
            self._release(self._held)

    def _outgrown(self, c: Candidate) -> bool:
        """Whether two waves that are alike are far larger than all that was learned."""
        if c.size <= max(self._level, self._low) + _ANEW or c.balance < _STEP:
            return False
        before, self._huge = self._huge, c
        if before is None or c.r - before.r > _LEARN:
            return False
        return self._alike(before, c) > _ALIKE_SHAPE and abs(before.size - c.size) < _ALIKE

    def _forget(self) -> None:
        """What was learned was not of beats."""
        self._learned = False
        self._held = None
        self._passed = []
        self._like = _FIRST_LIKE
        self._due = _NEVER

    def _learned_early(self, now: int) -> bool:
        """Whether the two largest candidates are so alike that they must be beats."""
        if now - self._passed[0].seen < _LEARN_EARLY:
            return False
        largest, second, *_ = sorted(self._passed, key=attrgetter("size"), reverse=True)
        return largest.size - second.size < _ALIKE and self._alike(largest, second) > _ALIKE_SHAPE

    def _score(self, c: Candidate, late: bool) -> float:
        """How much like a beat: size against the level and the noise, at such a time, and shape.

        `late`: whether it counts for it that a beat is overdue.
        """
        clear = c.size - self._noise
        if clear < _UNCLEAR or c.size < self._low - _WEAK:
            return -math.inf
        if self._steps(c) or c.size > max(self._level, self._low) + _ABSURD:
            return -math.inf
        height = c.size - self._level
        score = height + _NOISE_WEIGHT * min(clear - _CLEAR, 0.0)
        likeness = self._likeness(c)
        blunt = self._sharp - c.sharp
        gap = c.r - self._last
        part = gap / self._rr
        early = 0.0
        if part < _EARLY:
            early += _EARLY_WEIGHT * (_EARLY - part)
        late_t = min(1.0, self._rr / _SHORT)  # T waves come sooner at high rates
        if gap < _T_END * late_t:
            early += _T_WEIGHT * (1 - gap / (_T_END * late_t))
        if gap < _BLUNT_END * late_t and blunt > _BLUNT:
            early += _BLUNT_WEIGHT * (blunt - _BLUNT)
        if early > 0 and c.balance > _STEP:
            above = (c.size - self._between - _VARIES * self._varies - _ABOVE) / _FAR_ABOVE
            early *= 1 - max(0.0, min(above, 1.0))
        if early > 0:
            same = max(0.0, (likeness - _SAME_SHAPE) / (1 - _SAME_SHAPE))
            same *= max(0.0, 1 - abs(height) / _SAME_SIZE)
            same *= max(0.0, 1 - abs(blunt) / _SAME_SHARP)
            score -= early * (1 - min(1.0, 2 * same))
        elif late and part > 1:
            score += _LATE_WEIGHT * min(part - 1, _LATE)
        if c.balance < _STEP:
            score -= _STEP_WEIGHT * (_STEP - c.balance)
        noisy = (_QUIET - (self._level - self._noise)) / _QUIETER
        if noisy > 0:
            unlike = max(_UNLIKE, min(likeness - self._like, _ALIKER))
            score += _SHAPE_WEIGHT * unlike * min(noisy, 1.0)
        if -blunt > _SPIKE and noisy < 1:
            score -= _SPIKE_WEIGHT * (-blunt - _SPIKE) * min(1 - noisy, 1.0)
        return score

    def _likeness(self, c: Candidate) -> float:
        """Correlation of its shape with that of the beats, -1 to 1."""
        product = power = 0.0
        first = c.slot * self._size
        for i in range(self._size):
            product += self._shape[i] * self._shapes[first + i]
            power += self._shape[i] * self._shape[i]
        return product / math.sqrt(power) if power > 0 else 0.0

    def _alike(self, a: Candidate, b: Candidate) -> float:
        """Correlation of two candidates' shapes, -1 to 1."""
        product = 0.0
        for i in range(self._size):
            product += self._shapes[a.slot * self._size + i] * self._shapes[b.slot * self._size + i]
        return product

    def _accept(self, c: Candidate, now: int) -> None:
        """A beat that came in its turn, and before it the one it makes plausible."""
        between = [
            p for p in self._passed if p.r - self._last >= _AFTER_BEAT and c.r - p.r >= _BEFORE_BEAT
        ]
        if between:
            self._recall(between, _BETWEEN, now)
        self._beat(c, now, False)

    def _recall(self, passed: list[Candidate], least: float, now: int) -> bool:
        """Take the best of the candidates passed over, if it scores above `least`."""
        best = None
        for c in passed:
            score = self._score(c, True)
            if score > least:
                best, least = c, score
        if best is None:
            return False
        self._beat(best, now, True)
        return True

    def _beat(self, c: Candidate, now: int, back: bool) -> None:
        """Take `c` for a beat: tell, and learn from it."""
        # Logistic regression on the peaks found in DS1, clean and with noise from 18 to -6 dB.
        clear = min(self._level - self._noise, 3.0)
        likeness = self._likeness(c)
        odds = 0.97 * clear + 1.61 * self._like + 1.18 * likeness - 0.76
        confidence = 1 / (1 + math.exp(-odds))
        self._learn_between(c.r)
        self._pace(c.r - self._last)
        height = c.size - self._level
        if height > _TYPICAL:
            self._learn_shape(c, likeness)
        self._raise(c.size)
        rate = _LOWER_RATE if self._level < self._low else _HIGHER_RATE
        self._low += rate * (self._level - self._low)
        self._last = c.r
        self._beats = [*self._beats[1 - _ROW :], c.r]
        self._held = None
        self._passed = [p for p in self._passed if p.r >= c.r + _REFRACTORY]
        self._due = max(now + 1, math.ceil(c.r + WAIT + _BACK * self._rr))
        self._found.append(_Found(c.r, now, confidence, back))

    def _raise(self, size: float) -> None:
        self._level += _LEVEL_RATE * max(-_LEVEL_STEP, min(size - self._level, _LEVEL_STEP))

    def _learn_between(self, r: int) -> None:
        """Learn how large waves between beats are, P waves too: there is now a beat at `r`."""
        # What is too small to be seen was there, if there was time for a T wave.
        largest = self._least if r - self._last > _T_WAVE else -math.inf
        p_wave = -math.inf
        for c in self._passed:
            if c.r < r - _REFRACTORY and c.size > largest:
                largest = c.size
            if -_P_FIRST < c.r - r < -_P_LAST and c.size > p_wave:
                p_wave = c.size
        if largest > -math.inf:
            step = max(-_BETWEEN_FALL, min(largest - self._between, _BETWEEN_RISE))
            self._between += _BETWEEN_RATE * step
            self._varies += _VARIES_RATE * (abs(step) - self._varies)
        if self._p_wave == -math.inf:
            self._p_wave = p_wave
        elif p_wave > -math.inf:
            self._p_wave += _P_RATE * max(-_P_STEP, min(p_wave - self._p_wave, _P_STEP))

    def _pace(self, gap: float) -> None:
        """Learn from an interval."""
        if gap >= _LONG and gap > 1.5 * self._rr:
            self._steady = 0
            return
        rate = _RR_RATE
        if abs(gap - self._gap) < _STEADY * self._gap:
            self._steady += 1
            if self._steady >= 3:
                rate = _STEADY_RATE
        else:
            self._steady = 0
        self._gap = gap
        self._rr = min(max(self._rr + rate * (gap - self._rr), _RR_LEAST), _RR_MOST)

    def _learn_shape(self, c: Candidate, likeness: float) -> None:
        self._like += _LIKE_RATE * (likeness - self._like)
        self._sharp += _SHARP_RATE * (c.sharp - self._sharp)
        first = c.slot * self._size
        for i in range(self._size):
            self._shape[i] += _SHAPE_RATE * (self._shapes[first + i] - self._shape[i])

    def _pass(self, c: Candidate) -> None:
        if self._row(c):
            return
        self._keep(c)
        self._due = min(self._due, c.seen + _PAST)
        t_wave = c.r - self._last < _T_WAVE and c.sharp < self._sharp - _T_BLUNT
        if not (t_wave or self._steps(c)):
            self._heed(c.size)

    def _steps(self, c: Candidate) -> bool:
        """Whether it is a step of the baseline."""
        return c.balance < _ONE_SIDED and c.sharp > self._sharp + _STEEP

    def _heed(self, size: float) -> None:
        """Learn the noise from what is no beat."""
        self._noise += _NOISE_RATE * max(-_NOISE_STEP, min(size - self._noise, _NOISE_STEP))

    def _row(self, c: Candidate) -> bool:
        """Take a row of waves that were passed over for beats, if `c` is the last of one."""
        row = [c]
        for p in reversed(self._recent):
            if p.r >= row[-1].r or p.size < c.size - _ROW_SMALLER:
                continue
            if (
                abs(p.size - c.size) > _ROW_SIZE
                or abs(p.sharp - c.sharp) > _ROW_SHARP
                or self._alike(p, c) < _ROW_SHAPE
            ):
                break
            row.append(p)
            if len(row) == _ROW:
                break
        if len(row) < _ROW or c.sharp > self._sharp + _SPIKE:
            return False
        row.reverse()
        gaps = [b.r - a.r for a, b in pairwise(row)]
        pace = sum(gaps) / len(gaps)
        if max(gaps) - min(gaps) > _ROW_PACE * pace or min(gaps) < _RR_LEAST:
            return False
        p_waves = c.size < self._p_wave + _ROW_P and pace > _P_PACE
        if (p_waves or c.size < self._low - _ROW_DEPTH or pace > _ROW_LONGEST) and not (
            c.size > self._low - _ROW_GAIN
            and abs(c.sharp - self._sharp) < _ROW_OWN_SHARP
            and min([self._likeness(p) for p in row]) > _ROW_OWN
        ):
            return False
        if sum(p.r not in self._beats for p in row) < _ROW_MISSED:
            return False
        self._level = sum(p.size for p in row) / _ROW
        self._low = min(self._low, self._level)
        self._noise = min(self._noise, self._level + _FIRST_NOISE)
        self._rr = pace
        self._sharp = c.sharp
        self._like = _FIRST_LIKE
        for i in range(self._size):
            self._shape[i] = self._shapes[c.slot * self._size + i]
        for p in row:
            if p.r - self._last >= _RR_LEAST:
                self._beat(p, c.seen, p is not c)
        return True

    def _keep(self, c: Candidate) -> None:
        if len(self._passed) == _KEPT:
            del self._passed[0]
        self._passed.append(c)

    def _release(self, held: Candidate) -> None:
        """Nothing larger came after the candidate that was held."""
        if self._score(held, True) > _DOUBTFUL:
            self._accept(held, held.seen + _HOLD)
        else:
            self._held = None
            self._pass(held)

    def _search_back(self, now: int) -> None:
        """A beat is overdue, or the levels have been learned."""
        if not self._learned:
            self._learn(now)
            return
        if self._recall(self._passed, _OVERDUE, now):
            return
        self._passed = [c for c in self._passed if c.r > now - _PAST]
        self._due = now + math.ceil(self._rr) if self._passed else _NEVER
        if now - self._last > _LONG:
            lowest = min(self._level, max(self._noise + _FLOOR, self._low - _DEPTH))
            self._level = max(self._level - _FADE, lowest)

    def _learn(self, now: int) -> None:
        """The levels and the shape, from the candidates so far, and the beats among those."""
        if not self._passed:
            self._due = _NEVER
            return
        largest = max(self._passed, key=lambda c: c.size)
        self._level = self._low = largest.size + _FIRST_LEVEL
        self._noise = self._level + _FIRST_NOISE
        self._between, self._varies, self._p_wave = self._level, 0.0, -math.inf
        self._learned = True
        self._sharp = largest.sharp
        first = largest.slot * self._size
        for i in range(self._size):
            self._shape[i] = self._shapes[first + i]
        self._due = now + math.ceil(self._rr)
        for c in self._passed:
            if c.r - self._last >= _REFRACTORY and self._score(c, False) > _DOUBTFUL:
                self._beat(c, now, True)
