# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""The one rate that everything runs at, and how any other is brought to it."""

import math
from array import array
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from edge.rates import check_rate

Array = NDArray[np.float64]

STREAM_FS = 250.0
"""Sampling rate, in Hz, of the stream that everything in the runtime works on."""

_MAX_PHASES = 4096


class Resampler:
    """Any rate from 60 to 1000 Hz to STREAM_FS, by cubic convolution.

    Output k is the signal at input position k * fs / 250; the kernel is symmetric, so there is
    no delay to correct, only a wait of `lookahead` input samples (8 ms from 250 Hz up, 33 ms
    at 60 Hz). The kernel is Keys's (IEEE Trans. ASSP 29, 1981, a = -1/2); above 250 Hz it is
    stretched by fs / 250, which makes it the anti-alias low-pass too (-6 dB near 105 Hz). Its
    taps are normalised to unit gain at 0 Hz. 250 Hz passes through untouched.

    Each output is a fixed sum of inputs, so it is the same, bit for bit, however the stream is
    cut, and NaN ("no signal") is forgotten when it has left the kernel. Before the stream began
    its first sample is taken to have lasted for ever.
    """

    def __init__(self, fs: float, leads: int) -> None:
        """Resample from `fs` Hz, kept to a thousandth; ValueError outside 60 to 1000 Hz."""
        check_rate(fs, "sampling rate", ValueError)
        step = Fraction(fs).limit_denominator(1000) / int(STREAM_FS)
        self._p, self._q = step.as_integer_ratio()
        stretch = max(1.0, self._p / self._q)
        self.lookahead = 0 if step == 1 else math.ceil(2 * stretch)
        self._leads = leads
        self._in = 0
        self._out = 0
        self._history: Array | None = None
        # One set of taps a phase: all of them where they are few, else the nearest 1/4096.
        self._phases = min(self._q, _MAX_PHASES)
        phase = np.arange(self._phases)[:, None] / self._phases
        taps = _keys((np.arange(1 - self.lookahead, self.lookahead + 1) - phase) / stretch)
        self._taps = array("d", (taps / taps.sum(axis=1, keepdims=True)).tobytes())

    def position(self, k: int) -> int:
        """Index of the input sample nearest to stream sample `k`."""
        return (2 * k * self._p + self._q) // (2 * self._q)

    def arrival(self, k: int) -> int:
        """Index of the input sample whose arrival gives stream sample `k`."""
        return k * self._p // self._q + self.lookahead

    def push(self, x: Array) -> Array:
        """Input `[n, leads]` to the stream samples it completes, `[m, leads]`."""
        if self.lookahead == 0 or len(x) == 0:
            self._advance(len(x))
            return x if self.lookahead == 0 else x[:0]
        if self._history is None:
            self._history = np.repeat(x[:1], self.lookahead - 1, axis=0)
        first = self._in - len(self._history)  # input index of the oldest sample kept
        x = np.concatenate([self._history, x])
        start = self._out
        self._advance(first + len(x) - self._in)
        out = np.empty((self._out - start, self._leads))
        if len(out):
            at = start * self._p - (first + self.lookahead - 1) * self._q
            _convolve(
                floats(x), floats(out), self._leads, self._taps, at, self._p, self._q, self._phases
            )
        self._history = x[self._oldest() - first :].copy()
        return out

    def skip(self, n: int) -> int:
        """Pass over `n` input samples that never came; give how many stream samples that makes.

        The next outputs are NaN until the lost samples have left the kernel.
        """
        if n == 0:
            return 0
        start = self._out
        self._advance(n)
        kept = max(0, self._in - self._oldest())
        self._history = np.full((kept, self._leads), np.nan)
        return self._out - start

    def _advance(self, n: int) -> None:
        """Count `n` inputs, and all the outputs they complete."""
        self._in += n
        self._out = max(self._out, -((self.lookahead - self._in) * self._q // self._p))

    def _oldest(self) -> int:
        """Index of the oldest input that the next output needs."""
        return self._out * self._p // self._q - self.lookahead + 1


def floats(x: NDArray[np.floating]) -> "memoryview[float]":
    """The elements of `x` as plain numbers; of a copy where it is not contiguous."""
    return cast("memoryview[float]", np.ascontiguousarray(x).data)


def _convolve(
    x: "memoryview[float]",
    out: "memoryview[float]",
    leads: int,
    taps: "array[float]",
    at: int,
    p: int,
    q: int,
    phases: int,
) -> None:
    """Outputs every p / q samples of `x`, [n, leads], the first from position `at` / q on."""
    width = len(taps) // phases
    for k in range(len(out)):
        base = at // q
        phase = (at - base * q) * phases // q * width
        for lead in range(leads):
            # Relative to the sample before, so that a constant comes out as itself, exactly.
            before = total = x[base + width // 2 - 1, lead]
            for j in range(width):
                total += taps[phase + j] * (x[base + j, lead] - before)
            out[k, lead] = total
        at += p


def _keys(t: Array) -> Array:
    """Keys's cubic convolution kernel, a = -1/2, at `t` samples from its middle."""
    t = np.abs(t)
    inner = (1.5 * t - 2.5) * t * t + 1
    outer = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t <= 1, inner, np.where(t < 2, outer, 0.0))
