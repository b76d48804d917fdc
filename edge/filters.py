"""Causal filters that carry their state and know their delay.

Everything here is non-recursive and computed elementwise in a fixed order, so a sample's
result is the same, bit for bit, however the stream is cut into chunks, and NaN ("no signal")
is forgotten as soon as it has left a filter's support.
"""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STREAM_FS = 250.0
"""Sampling rate, in Hz, of the stream that everything in the runtime works on."""

FS_MIN, FS_MAX = 100.0, 1000.0
"""Input rates, in Hz, that can be brought to it."""

_MAX_PHASES = 4096


def boxcar(x: Array, n: int) -> Array:
    """Sums of `n` neighbours along the first axis: `out[i] = x[i] + ... + x[i + n - 1]`.

    `n - 1` samples shorter than `x`; group delay (n - 1) / 2 samples. Adds shifted copies by
    doubling: the order of the additions depends on `n` alone.
    """
    length = len(x) - n + 1
    total = None
    done, width = 0, 1
    while True:
        if n & width:
            part = x[done : done + length]
            total = part if total is None else total + part
            done += width
        if 2 * width > n:
            assert total is not None
            return total
        x = x[:-width] + x[width:]
        width *= 2


def sliding_max(x: Array, n: int) -> Array:
    """Largest of `n` neighbours along the first axis: `out[i] = max(x[i], ..., x[i + n - 1])`.

    `n - 1` samples shorter than `x`. NaN counts as absent; all NaN gives NaN.
    """
    width = 1
    while 2 * width <= n:
        x = np.fmax(x[:-width], x[width:])
        width *= 2
    if width < n:
        x = np.fmax(x[: width - n], x[n - width :])
    return x


def notch(x: Array, hz: float) -> Array:
    """Three taps with unit gain at 0 Hz and a null at `hz`, for a stream at STREAM_FS.

    Two samples shorter than `x`; group delay 1 sample.
    """
    middle = -2 * math.cos(2 * math.pi * hz / STREAM_FS)
    return (x[:-2] + x[2:] + middle * x[1:-1]) * (1 / (2 + middle))


class Resampler:
    """Any rate from 100 to 1000 Hz to STREAM_FS, by cubic convolution.

    Output k is the signal at input position k * fs / 250; the kernel is symmetric, so there is
    no delay to correct, only a wait of `lookahead` input samples (8 ms from 250 Hz up, 20 ms
    at 100 Hz). The kernel is Keys's (IEEE Trans. ASSP 29, 1981, a = -1/2); above 250 Hz it is
    stretched by fs / 250, which makes it the anti-alias low-pass too (-6 dB near 105 Hz). Its
    taps are normalised to unit gain at 0 Hz. 250 Hz passes through untouched.

    Before the stream began its first sample is taken to have lasted for ever.
    """

    def __init__(self, fs: float, leads: int) -> None:
        """Resample from `fs` Hz, kept to a thousandth; ValueError outside 100 to 1000 Hz."""
        if not FS_MIN <= fs <= FS_MAX:
            raise ValueError(f"sampling rate must be from 100 to 1000 Hz, not {fs}")
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
        phase = np.arange(self._phases) / self._phases
        tap = np.arange(1 - self.lookahead, self.lookahead + 1)[:, None]
        taps = _keys((tap - phase) / stretch)
        self._taps = taps / taps.sum(axis=0)

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
        at = np.arange(start, self._out) * self._p
        base = at // self._q
        phase = at - base * self._q
        if self._phases != self._q:
            phase = phase * self._phases // self._q
        base -= first + self.lookahead - 1
        # Relative to the sample before, so that a constant comes out as itself, exactly.
        out = before = x.take(base + self.lookahead - 1, axis=0)
        for j, taps in enumerate(self._taps):
            if j != self.lookahead - 1:
                out = out + taps.take(phase)[:, None] * (x.take(base + j, axis=0) - before)
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


class Fusion:
    """Weights that make one energy of several leads, by what each was like up to now.

    Leads are brought to one gain by their mean energy of 16 s, and count as the square of
    their peak over their mean energy of 1 s: beats stand out of a clean lead, not of noise.
    A lead alone, or beside dead ones, keeps its own scale exactly. (Our choice; tried on DS1.)
    """

    BLOCK = 64
    """Stream samples that share their weights."""
    _SHARE_BLOCKS = 4
    _GAIN_BLOCKS = 64

    def __init__(self, leads: int, history: int) -> None:
        """Weigh `leads` leads, and keep the weights of the last `history` samples."""
        self._leads = leads
        self._block = np.empty((0, leads))  # energy of the block that is not full yet
        self._means = np.full((self._GAIN_BLOCKS, leads), np.nan)  # of the blocks before it
        self._peaks = np.full((self._SHARE_BLOCKS, leads), np.nan)
        self._inverse = np.zeros((1, leads))  # one over the last known gain; 0 before any
        self._fresh = True
        self._weights = np.ones((history, 2, leads))

    def push(self, energy: Array, n: int) -> Array | None:
        """Weights of each row of `energy`, the history and `n` new ones: `[rows, 2, leads]`.

        [:, 0] multiplies the energy, [:, 1] is the lead's share; None for a single lead.
        """
        if self._leads == 1:
            return None
        begun = len(self._block)
        energy = np.concatenate([self._block, energy[len(energy) - n :]])
        full = len(energy) // self.BLOCK
        self._block = energy[full * self.BLOCK :].copy()
        total = peak = energy[: full * self.BLOCK].reshape(full, self.BLOCK, self._leads)
        while (half := total.shape[1] // 2) > 0:  # a fixed order of additions
            total = total[:, :half] + total[:, half:]
            peak = np.fmax(peak[:, :half], peak[:, half:])
        means = np.concatenate([self._means, total[:, 0] / self.BLOCK])
        peaks = np.concatenate([self._peaks, peak[:, 0]])
        self._means, self._peaks = means[full:], peaks[full:]

        # From here, one row a block: what the blocks before it say of it.
        crest = sliding_max(peaks, self._SHARE_BLOCKS) * _inverse(
            _known_mean(means[self._GAIN_BLOCKS - self._SHARE_BLOCKS :], self._SHARE_BLOCKS)
        )
        share = np.nan_to_num(crest) ** 2
        gain = self._gains(_inverse(_known_mean(means, self._GAIN_BLOCKS)))
        unknown = ~(share > 0).any(axis=1)
        gain[unknown] = share[unknown] = 1.0
        weights = np.stack([share * gain, share], axis=1)
        if self._fresh and full:  # nothing came before the first block: it weighs itself
            weights[0] = weights[1]
            self._fresh = False
        weights = np.repeat(weights, self.BLOCK, axis=0)[begun : begun + n]
        weights = np.concatenate([self._weights, weights])
        self._weights = weights[n:].copy()
        return weights

    def _gains(self, inverse: Array) -> Array:
        """Factors to the leads' mean scale; a lead that is dead keeps its last known gain."""
        inverse = np.concatenate([self._inverse, inverse])
        row = np.arange(len(inverse))[:, None]
        last = np.maximum.accumulate(np.where(inverse > 0, row, 0), axis=0)
        inverse = np.take_along_axis(inverse, last, axis=0)[1:]
        self._inverse = inverse[-1:]
        total = inverse[:, 0]
        for lead in range(1, self._leads):
            total = total + inverse[:, lead]
        scale: Array = np.count_nonzero(inverse, axis=1) * _inverse(total)
        return inverse * scale[:, None]


def fuse(values: Array, weights: Array | None) -> Array:
    """Leads, the last axis of `values`, made one by Fusion's weights; NaN has no part in it."""
    if weights is None:
        return values[..., 0]
    known = ~np.isnan(values)
    weighted = np.where(known, values * weights[..., 0, :], 0.0)
    share = np.where(known, weights[..., 1, :], 0.0)
    total, shares = weighted[..., 0], share[..., 0]
    for lead in range(1, values.shape[-1]):
        total = total + weighted[..., lead]
        shares = shares + share[..., lead]
    return np.divide(total, shares, out=np.full_like(total, np.nan), where=shares > 0)


def _known_mean(values: Array, n: int) -> Array:
    """Means of `n` neighbours in time, of those that are not NaN; 0 where there are none."""
    known = ~np.isnan(values)
    count = boxcar(known.astype(np.float64), n)
    return boxcar(np.where(known, values, 0.0), n) / np.maximum(count, 1.0)


def _inverse(x: Array) -> Array:
    """One over `x`, and 0 where that is not positive."""
    return np.divide(1.0, x, out=np.zeros_like(x), where=x > 0)


def _keys(t: Array) -> Array:
    """Keys's cubic convolution kernel, a = -1/2, at `t` samples from its middle."""
    t = np.abs(t)
    inner = (1.5 * t - 2.5) * t * t + 1
    outer = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t <= 1, inner, np.where(t < 2, outer, 0.0))
