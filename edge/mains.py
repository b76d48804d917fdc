# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Mains hum, 50 and 60 Hz, taken out of what a board sends.

Hum is a steady sinusoid; nothing in an ECG is. So the signal is not filtered: the sinusoid is
estimated, and subtracted where it stands out of everything else. A tenth of a second at a time,
each line's complex amplitude is measured together with what there is at frequencies beside the
mains': a QRS, a step or muscle noise is as large there. Measurements are averaged with the inverse
of that power as their weight, over a second, so that a QRS next to never moves the estimate; two
in a row that say the same against it make it jump. The frequency, known to a hundredth, follows
the phase. What is subtracted from a tenth of a second is known from those before, hence there is
no delay, and what is not surely hum is left as it is, bit for bit.

It is done at the board's own rate, before the resampler: below 200 Hz that makes images of hum,
and hum above half the rate lies elsewhere, but in samples n both are still cos(2 pi 60 n / fs).
Where that is a slow wave (60 Hz at less than 70 samples a second) it is left alone.

The weighted mean is recursive least squares with forgetting; measuring noise beside a line is the
F test of Thomson (Proc. IEEE 70, 1982) for it. The rest, and all constants, are our choice.
"""

import math
from array import array

import numpy as np

from edge.filters import STREAM_FS, Array, floats

LINES = (50.0, 60.0)
"""Mains frequencies, in Hz."""
_BESIDE = (30.0, 40.0, 70.0, 80.0)
"""Where in Hz the noise is measured, if at this rate it is not at a line's place."""
_APART = 9.0  # Hz between that and a line, and between either and what does not move
_OFF = 1.25  # Hz that mains and the board's clock may be off together

_FORGET = 0.9  # of what is known of an amplitude, a block
_FORGET_PACE = 0.97  # of a frequency
_SURE = 10.0  # power over its variance, from which hum is subtracted, and wholly from twice that
_JUMP = 4.0  # power over the noise of two measurements that agree against the estimate
_FIRST_PACE = 1.0  # weight of the nominal frequency
_CAP = 1e-3  # noise over power, at the least
_SEEN = 0.75  # of a block, that it be measured
_LONG = 100  # missing blocks after which nothing is known any more


class Line:
    """One sinusoid in one lead."""

    def __init__(self, omega: float, size: int, sure: float) -> None:
        """`omega`: nominal radians a sample; `size`: samples of a block; `sure`: see `_SURE`."""
        self._sure = sure
        self._size = size
        self._half = (size + 1) / 2
        self._re, self._im = math.cos(omega), math.sin(omega)
        self._block_re, self._block_im = math.cos(omega * size), math.sin(omega * size)
        self._half_re, self._half_im = math.cos(omega * self._half), math.sin(omega * self._half)
        self._slack = 2 * math.pi * _OFF / 10
        self.forget()
        self._turn = 0.0  # of the phase in a block, beside the nominal one
        self._pace = _FIRST_PACE  # its weight

    def forget(self) -> None:
        """Nothing is known but the frequency."""
        # All are complex, and turned on with the blocks: the amplitude in the middle of this one,
        self._a_re = self._a_im = 0.0
        self._known = 0.0  # the inverse of its variance,
        self._c_re = self._c_im = 0.0  # what was measured last,
        self._e_re = self._e_im = 0.0  # that without what was expected,
        self._noise = 0.0  # and its variance, 0 where there is none.
        self.share = 0.0
        """How much of it is surely hum."""
        self.before = self.now = 0.0
        """The last two values of the sinusoid."""
        self.twice = 2 * self._re
        """The next is this times the last less the one before."""

    def learn(self, re: float, im: float, noise: float) -> None:
        """Take in what was measured beside what was subtracted, and its variance."""
        if self.share == 0:
            re, im = re - self._a_re, im - self._a_im
        c_re, c_im = self._a_re + re, self._a_im + im
        power = c_re * c_re + c_im * c_im
        noise = max(noise, _CAP * power)
        if noise > 0:
            if self._noise > 0:
                both = noise + self._noise
                self._follow(c_re, c_im, both)
                jump = re * self._e_re + im * self._e_im - _JUMP / 2 * both
                if jump * self._known > 1:
                    self._known = 1 / jump
            gain = 1 / (1 + self._known * noise)
            self._known += 1 / noise
            self._a_re += gain * re
            self._a_im += gain * im
        self._c_re, self._c_im, self._e_re, self._e_im = c_re, c_im, re, im
        self._noise = noise

    def _follow(self, c_re: float, c_im: float, noise: float) -> None:
        """The frequency: a mean of the turns since the last measurement, weighted by their size."""
        along = self._c_re * c_re + self._c_im * c_im
        ahead = self._c_re * c_im - self._c_im * c_re
        self._pace += max(abs(along), abs(ahead)) / noise  # nearly their length
        self._turn += ahead / noise / self._pace
        self._turn = min(max(self._turn, -self._slack), self._slack)

    def go_on(self) -> None:
        """To the next block."""
        self._known *= _FORGET
        self._pace *= _FORGET_PACE
        re, im = _turned(self._turn, self._block_re, self._block_im)
        self._a_re, self._a_im = _product(self._a_re, self._a_im, re, im)
        self._c_re, self._c_im = _product(self._c_re, self._c_im, re, im)
        self._e_re, self._e_im = _product(self._e_re, self._e_im, re, im)
        power = self._a_re * self._a_re + self._a_im * self._a_im
        self.share = min(max(power * self._known / self._sure - 1, 0.0), 1.0)
        re, im = _turned(self._turn / self._size * self._half, self._half_re, self._half_im)
        now_re, now_im = _product(self._a_re, self._a_im, re, -im)
        re, im = _turned(self._turn / self._size, self._re, self._im)
        self.now = now_re
        self.before = now_re * re + now_im * im
        self.twice = 2 * re

    def lose(self) -> None:
        """Nothing was measured in this block."""
        self._noise = 0.0


def _product(re: float, im: float, other_re: float, other_im: float) -> tuple[float, float]:
    return re * other_re - im * other_im, re * other_im + im * other_re


def _turned(angle: float, re: float, im: float) -> tuple[float, float]:
    """A complex number turned by less than one radian: Taylor's series, the same everywhere."""
    s = angle * angle
    c = 1 - s / 2 * (1 - s / 12 * (1 - s / 30 * (1 - s / 56 * (1 - s / 90))))
    s = angle * (1 - s / 6 * (1 - s / 20 * (1 - s / 42 * (1 - s / 72 * (1 - s / 110)))))
    return _product(re, im, c, s)


class Mains:
    """Takes the hum out of a stream, the same for any cut of it into chunks."""

    def __init__(self, fs: float, leads: int) -> None:
        """For `leads` leads sampled at `fs` Hz, each on its own."""
        self._leads = leads
        self._size = round(fs / 10)  # of a block: whole turns of both lines, or nearly
        self._lag = max(1, round(fs / STREAM_FS))  # of the difference that removes the baseline
        lines = [hz for hz in LINES if _apart(hz, 0.0, fs) > _APART]
        hums = [hz for i, hz in enumerate(lines) if all(_apart(hz, o, fs) > 3 for o in lines[:i])]
        beside = [hz for hz in _BESIDE if all(_apart(hz, o, fs) > _APART for o in (0.0, *hums))]
        self._lines, self._bins = len(hums), len(hums) + len(beside)
        turns = 2 * np.pi * np.array(hums + beside) / fs
        # A second difference is of the moment `lag` before; phases are those in the middle.
        place = np.arange(self._size)[:, None] - self._lag - (self._size - 1) / 2
        scale = 2 / self._size / (2 * np.cos(turns * self._lag) - 2)
        waves = np.stack([np.cos(turns * place) * scale, -np.sin(turns * place) * scale], axis=2)
        self._waves = array("d", waves.tobytes())  # [size, bins, re and im]
        self._sums = array("d", bytes(16 * self._bins))
        sure = _SURE * len(_BESIDE) / len(beside)  # the fewer they are, the more noise varies
        nominal = turns[: len(hums)].tolist()
        self._hum = [Line(omega, self._size, sure) for _ in range(leads) for omega in nominal]
        self._at = 0  # in the block
        self._row = self._size + 2 * self._lag
        missing = array("d", [math.nan]) * (leads * self._row)
        self._x, self._rest = missing, missing[:]  # the block and a little before; less the hum

    def push(self, x: Array) -> Array:
        """Samples [n, leads] without hum; NaN is "no signal", and stays it."""
        out = np.array(x, dtype=np.float64, order="C")
        if len(x):
            self._work(floats(out), len(x))
        return out

    def skip(self, n: int) -> None:
        """`n` samples that never came; the mains went on meanwhile."""
        missing = min(n, _LONG * self._size)
        self.push(np.full((missing, self._leads), math.nan))
        if n > missing:
            for line in self._hum:
                line.forget()

    def _work(self, x: "memoryview[float]", n: int) -> None:
        start = 0
        while start < n:
            piece = min(n - start, self._size - self._at)
            for lead in range(self._leads):
                self._subtract(x, lead, start, piece)
            self._at += piece
            start += piece
            if self._at == self._size:
                self._at = 0
                for lead in range(self._leads):
                    self._measure(lead)

    def _subtract(self, x: "memoryview[float]", lead: int, start: int, n: int) -> None:
        """Take the hum out of `n` samples from `start`, all in one block."""
        first = lead * self._row + 2 * self._lag + self._at
        kept, rest = self._x, self._rest
        for i in range(n):
            kept[first + i] = rest[first + i] = x[start + i, lead]
        for i in range(lead * self._lines, (lead + 1) * self._lines):
            line = self._hum[i]
            if line.share == 0:
                continue
            twice, before, now, share = line.twice, line.before, line.now, line.share
            for j in range(n):
                before, now = now, twice * now - before
                rest[first + j] -= now
                x[start + j, lead] -= share * now
            line.before, line.now = before, now

    def _measure(self, lead: int) -> None:
        """A block has ended: what hum there was, and so what there will be in the next."""
        row = lead * self._row
        seen = self._sum_up(row + 2 * self._lag)
        scale = self._size / seen if seen >= _SEEN * self._size else 0.0
        noise = 0.0
        for i in range(2 * self._lines, 2 * self._bins):
            noise += self._sums[i] * self._sums[i]
        noise *= scale * scale / (self._bins - self._lines)
        for i in range(2 * self._lag):
            self._x[row + i] = self._rest[row + i] = self._x[row + self._size + i]
        for i in range(self._lines):
            line = self._hum[lead * self._lines + i]
            if scale > 0:
                line.learn(scale * self._sums[2 * i], scale * self._sums[2 * i + 1], noise)
            else:
                line.lose()
            line.go_on()
            if line.share == 0:
                continue
            before, now = line.before, line.now
            for j in range(row + 2 * self._lag - 1, row - 1, -1):
                self._rest[j] -= now
                before, now = line.twice * before - now, before

    def _sum_up(self, first: int) -> int:
        """The spectrum of the rest's second difference, and of how many samples it is."""
        rest, waves, sums = self._rest, self._waves, self._sums
        bins, lag, seen = 2 * self._bins, self._lag, 0
        for b in range(bins):
            sums[b] = 0.0
        for i in range(self._size):
            at = first + i
            middle = rest[at - lag]
            bend = (rest[at] - middle) - (middle - rest[at - 2 * lag])
            if bend == bend:  # not NaN
                seen += 1
                for b in range(bins):
                    sums[b] += bend * waves[i * bins + b]
        return seen


def _apart(hz: float, other: float, fs: float) -> float:
    """How far in Hz two frequencies are from each other after sampling."""
    return abs(abs(hz - fs * round(hz / fs)) - abs(other - fs * round(other / fs)))
