"""The last minutes of the signal, for who comes late: a ring of samples, in messages."""

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import LeadState, SampleBlock

KEEP_S: Final = 300.0
_MOST_BYTES: Final = 4 << 20
_CHUNK_BYTES: Final = 1 << 16
HEAD: Final = struct.Struct("<dII")
"""Of a message of samples: the first one's number, how many, of how many leads; then they, as
float32 in millivolts, sample by sample, NaN where there is none."""


def message(start: int, mv: NDArray[np.float32]) -> bytes:
    """Samples `[n, leads]`, the first of which is number `start`."""
    return HEAD.pack(start, *mv.shape) + mv.astype("<f4").tobytes()


def seen(block: SampleBlock) -> NDArray[np.float32]:
    """The samples that there is something to see of: NaN where the electrode is off."""
    off = [state is LeadState.OFF for state in block.lead_state]
    return np.where(off, np.float32(np.nan), block.mv) if any(off) else block.mv


class Past:
    """Keeps five minutes, less where these were more than 4 MiB."""

    def __init__(self, fs: float, leads: int) -> None:
        most = _MOST_BYTES // (4 * leads)
        self._mv = np.full((min(round(KEEP_S * fs), most), leads), np.nan, np.float32)
        self.keep_s = len(self._mv) / fs
        self._first = self._end = 0  # of what it holds

    def put(self, block: SampleBlock) -> None:
        """The next block; what is missing before it is missing in the ring too."""
        size = len(self._mv)
        if self._end == self._first:
            self._first = self._end = block.start
        kept = seen(block)[-size:]
        start = block.start + len(block) - len(kept)
        lost = np.arange(max(self._end, start - size), start)
        self._mv[lost % size] = np.nan
        self._mv[np.arange(start, start + len(kept)) % size] = kept
        self._end = start + len(kept)
        self._first = max(self._first, self._end - size)

    def messages(self) -> Iterator[bytes]:
        """What it holds now, the newest first, as far as it still holds that when it is taken."""
        size, leads = self._mv.shape
        step = max(1, _CHUNK_BYTES // (4 * leads))
        end = self._end
        while end > self._first:
            start = max(self._first, end - step)
            yield message(start, self._mv[np.arange(start, end) % size])
            end = start
