# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Where a beat may be: the dominant maxima of one feature, some three a second.

The feature is the energy of the signal's curvature over 100 ms. All filters are sums of a fixed
few samples: their results are the same, bit for bit, however the stream is cut, and NaN ("no
signal") is forgotten as soon as it has left their support. Their delays are known and removed.

Filtering, rectifying and integrating are Pan & Tompkins's (IEEE Trans. BME-32, 1985); curvature
in the place of slope is our choice.
"""

import math
from array import array
from collections.abc import Callable

import numpy as np

from edge.filters import STREAM_FS, Array, floats
from edge.fusion import BLOCK, Fusion

# In stream samples (4 ms); chosen on DS1 with and without added muscle noise.
_SMOOTH = 5  # the boxcar that y below is: nulls at 50 and 100 Hz
_LAG = 8  # the curvature's step: passes 7 to 24 Hz, most at 15
_SPAN = 25  # the feature's integration, as written out below
_BEFORE, _AFTER = 25, 7  # a candidate is the feature's maximum of so many neighbours
_SEEK = 20  # R is sought so far on either side of the feature's maximum,
_CLIMB = 5  # then moved so far at most to the top of its wave
_RISE = 2  # half the step of the steepest slope
_LEFT, _RIGHT = 15, 13  # the shape of a QRS, around R
_PULSE = 4  # samples of the widest pulse that is taken out, 16 ms,
_LEVEL, _SHOULDER = 0.25, 0.12  # of its height: what it begins and ends on is as level and flat,
_EDGE = 2.5  # and its last edge so many times as steep
_HALF = 2.6  # energy of a triangle of 100 ms and a height of 0.5, at its top
_LIMBS = 25  # a wave's steepest rise and fall are sought so far on either side of R

_SEEN = (_SPAN - 1) // 2 + _AFTER  # what has arrived after its middle
_CLEAN = _PULSE + 1  # delay until no pulse can be found any more
_Y = _CLEAN + (2 + _SMOOTH - 1) // 2  # delay of the smoothed signal
_C = _Y + _LAG  # delay of its curvature
_F = _C + (_SPAN - 1) // 2  # delay of the feature

WAIT = _F + _AFTER
"""From a candidate to the arrival that shows it: 140 ms."""
SHAPE = _LEFT + _RIGHT + 1
"""Samples of a QRS shape, a lead."""
SLOTS = 256
"""How many of the last candidates have their shapes kept; more than a searchback ever sees."""

_HISTORY = 128  # more than any support
_LENGTH = 1024
_NOTCH = -2 * math.cos(2 * math.pi * 60 / STREAM_FS)  # three taps with a null at 60 Hz,
_UNIT = 1 / (2 + _NOTCH)  # and unit gain at 0 Hz


class Candidate:
    """A dominant maximum of the feature."""

    __slots__ = ("balance", "r", "seen", "sharp", "size", "slot")

    def __init__(
        self, r: int, size: float, sharp: float, balance: float, seen: int, slot: int
    ) -> None:
        self.r = r
        """Stream sample of the R peak, if it is a beat."""
        self.size = size
        """Natural logarithm of its energy and slope."""
        self.sharp = sharp
        """Natural logarithm of its steepest slope, over 8 ms, over its energy: larger if narrow."""
        self.balance = balance
        """Its gentler limb's steepest slope over its steeper one's: 1 for a wave, 0 for a step."""
        self.seen = seen
        """Stream sample whose arrival showed it."""
        self.slot = slot
        """Which of the finder's shapes is its own."""


Take = Callable[[Candidate], None]


class Finder:
    """Finds the candidates of a stream of one lead or several."""

    def __init__(self, leads: int, least: float = 0.0) -> None:
        """No beat is smaller than a triangle of 100 ms and a height of `least`."""
        self._leads = leads
        self._fusion = Fusion(leads, _HALF * least)
        self._start = np.empty((0, leads))  # collected until the leads can be weighed
        self._begun = False
        self._now = 0  # stream sample of the next arrival
        self._end = _HISTORY  # its index in the buffers, whose rows are _LENGTH long
        rows = array("d", [math.nan]) * (_LENGTH * leads)
        self._x, self._hum, self._y, self._bend = rows[:], rows[:], rows[:], rows[:]
        self._weight, self._share = rows[:], rows[:]
        row = rows[:_LENGTH]
        self._energy, self._two, self._four, self._eight = row[:], row[:], row[:], row[:]
        self._sixteen, self._feature = row[:], row[:]
        self.shapes = array("d", bytes(8 * SLOTS * leads * SHAPE))
        """Curvature around each candidate's R, at unit energy: `[SLOTS, leads, SHAPE]`."""
        self._slot = 0

    def push(self, x: Array, take: Take, *, ending: bool = False) -> None:
        """`take` is given each candidate that stream samples `[n, leads]` show, in its turn."""
        if not self._begun:
            self._start = x = np.concatenate([self._start, x])
            if len(x) < (1 if ending or self._leads == 1 else BLOCK):
                return
            self._begun = True
            self._start = x[:0].copy()
            self._prime(np.repeat(x[:1], _HISTORY, axis=0))  # as if it had lasted for ever
            if self._leads > 1 and len(x) >= BLOCK:
                self._weigh_first(x[:BLOCK])
        if len(x):
            self._work(floats(x), len(x), take)

    def skip(self, n: int, take: Take) -> None:
        """`n` stream samples were lost."""
        self.push(self._start[:0], take, ending=True)
        self._begun = True
        self._now += n
        self._prime(np.full((_HISTORY, self._leads), math.nan))

    def _prime(self, x: Array) -> None:
        """Filter `_HISTORY` samples that nothing is sought in."""
        self._keep()
        self._bend_of(floats(x), 0, _HISTORY)
        self._feature_of(_HISTORY)
        self._end += _HISTORY

    def _weigh_first(self, x: Array) -> None:
        """Nothing came before the first block: it weighs itself."""
        self._keep()
        self._bend_of(floats(x), 0, BLOCK)
        self._learn(BLOCK)

    def _work(self, x: "memoryview[float]", n: int, take: Take) -> None:
        """Filter and search, in pieces that fit and that end with each block of weights."""
        start = 0
        while start < n:
            piece = min(n - start, _LENGTH - _HISTORY)
            if self._leads > 1:
                piece = min(piece, self._fusion.room)
            if self._end + piece > _LENGTH:
                self._keep()
            self._bend_of(x, start, piece)
            self._feature_of(piece)
            if self._leads > 1:
                self._learn(piece)
            self._search(piece, take)
            self._end += piece
            self._now += piece
            start += piece

    def _keep(self) -> None:
        """Move what is still needed to the front of the buffers."""
        kept = self._end - _HISTORY
        for lead in range(self._leads):
            self._keep_row(self._x, lead, kept)
            self._keep_row(self._hum, lead, kept)
            self._keep_row(self._y, lead, kept)
            self._keep_row(self._bend, lead, kept)
            self._keep_row(self._weight, lead, kept)
            self._keep_row(self._share, lead, kept)
        self._keep_row(self._energy, 0, kept)
        self._keep_row(self._two, 0, kept)
        self._keep_row(self._four, 0, kept)
        self._keep_row(self._eight, 0, kept)
        self._keep_row(self._sixteen, 0, kept)
        self._keep_row(self._feature, 0, kept)
        self._end = _HISTORY

    def _keep_row(self, rows: "array[float]", row: int, kept: int) -> None:
        for i in range(row * _LENGTH, row * _LENGTH + _HISTORY):
            rows[i] = rows[i + kept]

    def _bend_of(self, x: "memoryview[float]", start: int, n: int) -> None:
        """Each lead's curvature, of `n` samples of `x` from `start`."""
        for lead in range(self._leads):
            first = lead * _LENGTH + self._end
            for i in range(n):
                self._x[first + i] = x[start + i, lead]
                self._take_out(first + i)
            for i in range(first, first + n):
                j = i - _CLEAN
                self._hum[i] = (self._x[j - 2] + self._x[j] + _NOTCH * self._x[j - 1]) * _UNIT
            for i in range(first, first + n):
                pairs = (self._hum[i - 3] + self._hum[i - 2]) + (self._hum[i - 1] + self._hum[i])
                self._y[i] = self._hum[i - 4] + pairs
            for i in range(first, first + n):
                middle = self._y[i - _LAG]
                self._bend[i] = (self._y[i] - middle) - (middle - self._y[i - 2 * _LAG])

    def _take_out(self, last: int) -> None:
        """Draw a line through the pulse that ended two samples before index `last`, if one did.

        Pacing spikes, and single samples that are wrong; the narrowest QRS has sloping shoulders.
        """
        end = self._x[last - 1]
        beside = abs(self._x[last] - end)
        if not abs(self._x[last - 2] - end) > _EDGE * beside:
            return  # in most places, and where there is NaN
        for width in range(1, _PULSE + 1):
            first = last - 1 - width
            begin = self._x[first - 1]
            step = (end - begin) / (width + 1)
            height = 0.0
            for i in range(width):
                height = max(height, abs(self._x[first + i] - begin - step * (i + 1)))
            shoulder = max(beside, abs(begin - self._x[first - 2]))
            if height > max(abs(end - begin) / _LEVEL, shoulder / _SHOULDER):
                for i in range(width):
                    self._x[first + i] = begin + step * (i + 1)
                return

    def _feature_of(self, n: int) -> None:
        """The leads' energy, and its sum over `_SPAN`: 16 + 8 + 1, by doubling."""
        first, last = self._end, self._end + n
        if self._leads == 1:
            for i in range(first, last):
                self._energy[i] = abs(self._bend[i])
        else:
            for lead in range(self._leads):
                row = lead * _LENGTH
                for i in range(row + first, row + last):
                    self._weight[i] = self._fusion.weight[lead]
                    self._share[i] = self._fusion.share[lead]
            for i in range(first, last):
                self._energy[i] = self._fused(self._bend, 0, i, i)
        for i in range(first, last):
            self._two[i] = self._energy[i - 1] + self._energy[i]
        for i in range(first, last):
            self._four[i] = self._two[i - 2] + self._two[i]
        for i in range(first, last):
            self._eight[i] = self._four[i - 4] + self._four[i]
        for i in range(first, last):
            self._sixteen[i] = self._eight[i - 8] + self._eight[i]
        for i in range(first, last):
            self._feature[i] = self._energy[i - 24] + self._eight[i - 16] + self._sixteen[i]

    def _fused(self, rows: "array[float]", step: int, at: int, weighed: int) -> float:
        """The leads' absolute values at `at`, or differences over `step`, made one; NaN: none."""
        total = shares = 0.0
        for lead in range(self._leads):
            i = lead * _LENGTH + at
            value = abs(rows[i] - rows[i - step] if step else rows[i])
            if value >= 0:  # false for NaN, which has no part in it
                total += value * self._weight[lead * _LENGTH + weighed]
                shares += self._share[lead * _LENGTH + weighed]
        return total / shares if shares > 0 else math.nan

    def _learn(self, n: int) -> None:
        """Tell the fusion what the leads were like."""
        for lead in range(self._leads):
            first = lead * _LENGTH + self._end
            for i in range(first, first + n):
                self._fusion.add(lead, abs(self._bend[i]))
        self._fusion.count(n)

    def _search(self, n: int, take: Take) -> None:
        """Candidates that the last `n` samples show."""
        for last in range(self._end, self._end + n):
            top = last - _AFTER
            if self._is_top(top):
                self._take(top, self._now + last - self._end, take)

    def _is_top(self, top: int) -> bool:
        """Whether the feature is larger than before and no smaller than after."""
        value = self._feature[top]
        if not (value > self._feature[top - 1] and value >= self._feature[top + 1]):
            return False  # NaN too
        for i in range(top - _BEFORE, top):
            if self._feature[i] >= value:
                return False
        for i in range(top + 1, top + _AFTER + 1):  # noqa: SIM110 -- a generator is slow
            if self._feature[i] > value:
                return False
        return True  # NaN is never larger

    def _take(self, top: int, seen: int, take: Take) -> None:
        """The candidate at the feature's maximum `top`, if there is any wave."""
        middle = top - (_SPAN - 1) // 2  # in energy
        highest, at = -1.0, middle
        steepest = 0.0
        for i in range(-_SEEK, _SEEN + 1):
            place = middle + i
            value = self._energy[place] * (1 - 0.5 * (i * i) / (_SEEK * _SEEK))
            if value > highest:
                highest, at = value, place
            slope = self._slope(place - _LAG + _RISE, place)
            if slope > steepest:
                steepest = slope
        power = self._feature[top] * steepest
        if not power > 0:
            return
        at = self._climbed(at)
        self._slot = (self._slot + 1) % SLOTS
        self._shape(at, top + _AFTER)
        r = seen - (top + _AFTER - at) - _C
        sharp = math.log(self._edge(at, top + _AFTER) / self._feature[top])
        balance = self._balance(at, top + _AFTER)
        take(Candidate(r, 0.5 * math.log(power), sharp, balance, seen, self._slot))

    def _slope(self, last: int, weighed: int) -> float:
        if self._leads == 1:
            return abs(self._y[last] - self._y[last - 2 * _RISE])
        return self._fused(self._y, 2 * _RISE, last, weighed)

    def _edge(self, at: int, last: int) -> float:
        """The steepest slope over two samples, around index `at` of energy."""
        steepest = 0.0
        for i in range(max(-_SEEK, at - last), _SEEK + 1):
            place = min(at + i, last) - _LAG - 2
            if self._leads == 1:
                slope = abs(self._hum[place] - self._hum[place - 2])
            else:
                slope = self._fused(self._hum, 2, place, min(at, last))
            if slope > steepest:
                steepest = slope
        return max(steepest, 1e-300)

    def _balance(self, at: int, last: int) -> float:
        """The gentler limb's slope over the steeper one's, around index `at` of energy."""
        gentle = steep = 0.0
        for lead in range(self._leads):
            row = lead * _LENGTH
            weight = self._weight[row + min(at, last)] if self._leads > 1 else 1.0
            rise = fall = 0.0
            for i in range(max(-_LIMBS, at - last), _LIMBS + 1):
                j = row + min(at + i, last) - _LAG + _RISE
                slope = self._y[j] - self._y[j - 2 * _RISE]
                if slope > rise:
                    rise = slope
                if -slope > fall:
                    fall = -slope
            if weight > 0:
                gentle += weight * min(rise, fall)
                steep += weight * max(rise, fall)
        return gentle / steep if steep > 0 else 1.0

    def _climbed(self, at: int) -> int:
        """From the largest curvature at index `at` of energy to the top of its wave.

        That may be later than the last sample whose curvature and weight are known.
        """
        highest, top = -math.inf, at - _CLIMB
        for i in range(at - _CLIMB, at + _CLIMB + 1):
            total = 0.0
            shares = 0.0
            for lead in range(self._leads):
                row = lead * _LENGTH
                bend = self._bend[row + at]
                height = self._y[row + i - _LAG]
                if height != height or bend != bend:  # NaN has no part in it
                    continue
                wave = -height if bend > 0 else height
                if self._leads == 1:
                    total, shares = wave, 1.0
                else:
                    total += wave * self._weight[row + at]
                    shares += self._share[row + at]
            if shares > 0 and total / shares > highest:
                highest, top = total / shares, i
        return top

    def _shape(self, at: int, last: int) -> None:
        """Keep the curvature around index `at` of energy, up to `last`, at unit energy."""
        total = 0.0
        width = _LEFT + _RIGHT + 1
        first = self._slot * self._leads * width
        for lead in range(self._leads):
            row = lead * _LENGTH
            for i in range(width):
                j = at - _LEFT + i
                value = self._bend[row + j] if j <= last else 0.0
                if self._leads > 1:
                    value *= self._weight[row + min(at, last)]
                if value != value:  # NaN
                    value = 0.0
                self.shapes[first + lead * width + i] = value
                total += value * value
        total = math.sqrt(total)
        if total > 0:
            for i in range(first, first + self._leads * width):
                self.shapes[i] /= total
