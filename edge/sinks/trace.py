"""The signal as characters: braille of 2 by 4 dots a cell, or plain ASCII.

Each column of dots shows the least and the greatest sample in it, so that no spike is lost, and is
joined to the one before. The baseline, a median over two seconds, is taken out; of what is left the
usual height decides the gain, in steps, so that one artefact does not make the beats small.
"""

import copy
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from firmware_bridge.block import LeadState, SampleBlock

CELLS_PER_S: Final = 8
"""So that the usual 80 columns show ten seconds."""
CELLS: Final = 1000
"""So many of them are kept."""
_DOTS_PER_S: Final = 2 * CELLS_PER_S
_KEPT: Final = 2 * CELLS
_WIDTH: Final = 2 * _DOTS_PER_S  # of the baseline's median, and of what is one height
_APART: Final = _DOTS_PER_S // 2  # of the baseline's
_STEPS: Final = tuple(m * 10.0**e for e in range(-3, 4) for m in (1, 2, 5))
"""Millivolts a row."""
_ROOM: Final = 1.15  # above and below
_SMALL: Final = 0.3  # of the height: the next step is taken
_LEAST_MV: Final = 0.5
"""The least height that fills the rows: the noise of a standstill shall not look like waves."""
_USUAL: Final = 0.75
"""Quantile of the heights of two seconds: a slow heart's beats are not in each."""
_NONE, _SIGNAL, _GAP, _OFF = range(4)
_WORDS: Final = {_GAP: (".", " gap "), _OFF: ("x", " lead off ")}
_BRAILLE: Final = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint32)
_LEVELS: Final = np.frombuffer(b"_-`", np.uint8).astype(np.uint32)
_BLANK, _BAR = ord(" "), ord("|")


def cell(t: float) -> int:
    """Where `t` seconds are, in cells from the stream's start."""
    return round(t * CELLS_PER_S)


class _Fit(NamedTuple):
    """How a lead is shown."""

    step: int
    """Index into `_STEPS`."""
    centre: float
    """Millivolts at half the height."""


class Trace:
    """The last two minutes of every lead."""

    def __init__(self, leads: tuple[str, ...]) -> None:
        self.leads = leads
        self._low = np.full((_KEPT, len(leads)), np.nan, np.float32)
        self._high = self._low.copy()
        self._state = np.zeros((_KEPT, len(leads)), np.uint8)
        self._last: int | None = None  # the column of the last sample
        self._fits: list[_Fit | None] = [None] * len(leads)

    def push(self, block: SampleBlock) -> None:
        """The next block of the stream; what lies between it and the last one is a gap."""
        if not len(block):
            return
        at = (
            np.arange(block.start, block.start + len(block)) * (_DOTS_PER_S / block.fs) + 1
        ).astype(np.int64)
        begins = np.concatenate([[0], np.flatnonzero(np.diff(at)) + 1])
        mv = np.where(np.isfinite(block.mv), block.mv, np.nan)
        low, high = np.fmin.reduceat(mv, begins), np.fmax.reduceat(mv, begins)
        columns = at[begins]
        if columns[0] == self._last:  # begun by the block before
            here = columns[0] % _KEPT
            low[0] = np.fmin(low[0], self._low[here])
            high[0] = np.fmax(high[0], self._high[here])
        elif self._last is not None:
            missing = np.arange(max(self._last + 1, columns[0] - _KEPT), columns[0]) % _KEPT
            self._state[missing] = _GAP
            self._low[missing] = self._high[missing] = np.nan
        kept = columns[-_KEPT:] % _KEPT
        off = np.array([state is LeadState.OFF for state in block.lead_state])
        self._low[kept] = np.where(off, np.nan, low[-_KEPT:])
        self._high[kept] = np.where(off, np.nan, high[-_KEPT:])
        self._state[kept] = np.where(off, _OFF, _SIGNAL)
        self._last = int(columns[-1])

    def copy(self) -> "Trace":
        """As it is now; what comes does not change it."""
        return copy.deepcopy(self)

    def draw(
        self, lead: int, end: int, cells: int, rows: int, zoom: int, dots: bool
    ) -> tuple[list[str], float]:
        """`rows` lines of `cells` characters, the last of which is cell `end`; millivolts a row.

        `zoom`: steps of gain above the automatic one. `dots`: braille, else ASCII.
        """
        low, high, state = self._seen(lead, end, cells)
        base = _baseline((low + high) / 2)
        low, high = low - base, high - base
        fit = self._fit(lead, low, high, rows)
        per_row = _STEPS[max(0, min(len(_STEPS) - 1, fit.step - zoom))]
        levels = rows * (4 if dots else 3)
        below = fit.centre - per_row * rows / 2
        low, high = _joined(low, high)
        if not dots:
            low = np.fmin(low[::2], low[1::2])
            high = np.fmax(high[::2], high[1::2])
        scale = levels / (per_row * rows)
        bottom, top = (
            np.clip(np.nan_to_num((x - below) * scale, nan=-1.0), -1, levels - 1).astype(np.int64)
            for x in (low, high)
        )
        there = np.isfinite(low)
        bottom, top = np.maximum(bottom, 0), np.maximum(top, 0)
        codes = (_braille if dots else _ascii)(bottom, top, there, rows)
        _tell(codes[rows // 2], state.reshape(-1, 2).max(axis=1))
        return [line.tobytes().decode("utf-32-le") for line in codes.astype("<u4")], per_row

    def _seen(
        self, lead: int, end: int, cells: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
        """Least, greatest and state of each column of dots."""
        at = np.arange(2 * (end - cells + 1), 2 * (end + 1))
        last = -1 if self._last is None else self._last
        known = (at >= 0) & (at <= last) & (at > last - _KEPT)
        here = at % _KEPT
        low = np.where(known, self._low[here, lead], np.nan).astype(np.float64)
        high = np.where(known, self._high[here, lead], np.nan).astype(np.float64)
        return low, high, np.where(known, self._state[here, lead], np.uint8(_NONE))

    def _fit(
        self, lead: int, low: NDArray[np.float64], high: NDArray[np.float64], rows: int
    ) -> _Fit:
        """Kept while the usual height fits into it and fills a part."""
        spare = -len(low) % _WIDTH
        lows = np.fmin.reduce(_pieces(low, spare), axis=1)
        highs = np.fmax.reduce(_pieces(high, spare), axis=1)
        known = np.isfinite(lows)
        fit = self._fits[lead]
        if not known.any():
            return fit or _Fit(_STEPS.index(0.5), 0.0)
        least = -float(np.quantile(-lows[known], _USUAL, method="lower"))
        most = float(np.quantile(highs[known], _USUAL, method="lower"))
        needed = max(most - least, _LEAST_MV) * _ROOM
        if fit is not None:
            whole = _STEPS[fit.step] * rows
            middle, half = fit.centre, whole / 2
            if middle - half <= least and most <= middle + half and needed > _SMALL * whole:
                return fit
        step = next((i for i, mv in enumerate(_STEPS) if mv * rows >= needed), len(_STEPS) - 1)
        fit = self._fits[lead] = _Fit(step, (least + most) / 2)
        return fit


def _pieces(x: NDArray[np.float64], spare: int) -> NDArray[np.float64]:
    return np.concatenate([np.full(spare, np.nan), x]).reshape(-1, _WIDTH)


def _baseline(middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of the two seconds around each column, taken each half second."""
    at = np.arange(0, len(middle) + _APART, _APART)
    around = np.pad(middle, (_WIDTH // 2, _WIDTH // 2 + _APART), constant_values=np.nan)
    pieces = np.sort(sliding_window_view(around, _WIDTH + 1)[at], axis=1)  # NaN comes last
    known = np.isfinite(pieces).sum(axis=1)
    medians = pieces[np.arange(len(at)), (known - 1) // 2]
    if not known.any():
        return np.zeros_like(middle)
    between = np.interp(np.arange(len(middle)), at[known > 0], medians[known > 0])
    return np.asarray(between, np.float64)


def _joined(
    low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each column reaches to the one before."""
    known = np.isfinite(low)
    before_low, before_high = np.roll(low, 1), np.roll(high, 1)
    before_low[0] = before_high[0] = np.nan
    joined = np.fmin(low, before_high), np.fmax(high, before_low)
    return np.where(known, joined[0], np.nan), np.where(known, joined[1], np.nan)


def _braille(
    bottom: NDArray[np.int64], top: NDArray[np.int64], there: NDArray[np.bool_], rows: int
) -> NDArray[np.uint32]:
    height = np.arange(rows * 4)[::-1, None]
    dots = (height >= bottom) & (height <= top) & there
    cells = dots.reshape(rows, 4, -1, 2)
    sums = np.einsum("rycx,yx->rc", cells.astype(np.uint32), _BRAILLE)
    return np.where(sums, 0x2800 + sums, _BLANK).astype(np.uint32)


def _ascii(
    bottom: NDArray[np.int64], top: NDArray[np.int64], there: NDArray[np.bool_], rows: int
) -> NDArray[np.uint32]:
    row = np.arange(rows)[::-1, None]
    first, last = bottom // 3, top // 3
    filled = (row >= first) & (row <= last) & there
    alone = np.where(first == last, _LEVELS[(bottom + top) // 2 % 3], _BAR)
    return np.where(filled, alone, _BLANK).astype(np.uint32)


def _tell(row: NDArray[np.uint32], state: NDArray[np.uint8]) -> None:
    """Write into the middle row where there is no signal, and why."""
    edges = [0, *(np.flatnonzero(np.diff(state)) + 1).tolist(), len(state)]
    for begin, end in pairwise(edges):
        if begin < end and (told := _WORDS.get(int(state[begin]))):
            mark, word = told
            n = end - begin
            text = f"{word if len(word) <= n else '':{mark}^{n}}"
            row[begin:end] = [ord(c) for c in text]
