"""OpenBCI Cyton: 33 bytes: `A0`, u8 counter, 8 i24 big-endian, 6 auxiliary bytes, `C0` to `C6`.

The last byte tells what the auxiliary bytes are (accelerometer, time stamps, the user's own); the
channels are the same in all. 250 SPS; 22.35 nV a step = 4.5 V / 24 (gain) / (2^23 - 1), if the gain
was not changed. There are no lead-off bits. The board is silent until `b`; `v` resets it and is
answered by a text that ends in `$$$`.

With a Daisy module 16 channels take turns, at 125 SPS: a frame with an odd counter has the first
eight, the one before it, with an even counter, the other eight. Nothing in a frame tells that, but
the samples do: neighbours are of other electrodes, and so further apart than every second one.

`A0` and a last byte among seven are weak marks, so a frame is first believed when the next one,
with the next counter, follows it.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import SampleBlock, Step
from firmware_bridge.decoders.frames import (
    FrameDecoder,
    Layout,
    Rows,
    marks,
    nanovolts,
    steps,
)

NV_PER_STEP = 4.5e9 / 24 / (2**23 - 1)
_CHANNELS = 8


def i24(rows: Rows, first: int, count: int) -> NDArray[np.int64]:
    """Big-endian 24-bit integers."""
    wide = np.zeros((len(rows), count, 4), np.uint8)
    wide[:, :, :3] = rows[:, first : first + 3 * count].reshape(-1, count, 3)
    return wide.view(">i4")[:, :, 0].astype(np.int64) >> 8


def put_i24(rows: Rows, first: int, values: NDArray[np.int64]) -> None:
    """The opposite of `i24`, clipped."""
    clipped = values.clip(-(2**23), 2**23 - 1).astype(">i4")
    raw = np.ascontiguousarray(clipped).view(np.uint8).reshape(len(rows), -1, 4)
    rows[:, first : first + 3 * values.shape[1]] = raw[:, :, 1:].reshape(len(rows), -1)


LAYOUT = Layout(
    size=33,
    valid=marks({0: 0xA0, 32: (0xC0, 0xC6)}),
    nv=lambda rows: nanovolts(i24(rows, 2, _CHANNELS), NV_PER_STEP),
    leads=tuple(f"CH{i + 1}" for i in range(_CHANNELS)),
    fs=250.0,
    step=Step(NV_PER_STEP, 24),
    counter=lambda rows: rows[:, 1].astype(np.int64),
    modulus=256,
    chain=2,
)


FRAMES = 64
"""That tell whether they take turns."""
_APART, _MAYBE = 3.0, 1.5


def turns(rows: Rows) -> float:
    """How much further apart neighbours are than every second one; 1: no less, no more."""
    values = i24(rows, 2, _CHANNELS).astype(np.float64)
    near = np.abs(values[1:] - values[:-1]).sum()
    far = np.abs(values[2:] - values[:-2]).sum()
    return float(near / far) if far else 1.0 if not near else np.inf


class CytonDecoder(FrameDecoder):
    """Frames to blocks of eight leads."""

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate."""
        super().__init__([LAYOUT], fs)
        self._seen = np.empty((0, LAYOUT.size), np.uint8)
        self.doubt = f"fewer than {FRAMES} frames tell not whether a Daisy is there"

    def _give(self, layout: Layout, rows: Rows, lost: int) -> None:
        super()._give(layout, rows, lost)
        if self.doubt and len(self._seen) < FRAMES:
            self._seen = np.concatenate([self._seen, rows])[:FRAMES]
            if len(self._seen) == FRAMES:
                may = turns(self._seen) > _MAYBE
                self.doubt = "its frames may take turns, as with a Daisy" if may else ""


def _apart(rows: Rows) -> float:
    """How much more neighbours are apart by always the same: hum of half the rate changes sign."""
    values = i24(rows, 2, _CHANNELS).astype(np.float64)
    step = values[1::2] - values[: len(values) // 2 * 2 : 2]
    same = np.abs(step.mean(axis=0)).sum()
    rest = np.abs(step - step.mean(axis=0)).mean(axis=0).sum()
    return float(same / rest) if rest else np.inf


def _tell(rows: Rows) -> Layout | None:
    return DAISY if min(turns(rows), _apart(rows)) > _APART else None


DAISY = replace(LAYOUT, leads=tuple(f"CH{i + 1}" for i in range(2 * _CHANNELS)), fs=125.0)


class DaisyDecoder(FrameDecoder):
    """Pairs of frames to blocks of 16 leads; it begins with 64 frames that take turns."""

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate."""
        super().__init__([replace(DAISY, sure=FRAMES, tell=_tell)], fs)
        self._half = np.empty((0, LAYOUT.size), np.uint8)  # a frame whose other one is to come
        self._at: int | None = None  # the next frame's place; even with an even counter
        self._samples = 0

    def _give(self, layout: Layout, rows: Rows, lost: int) -> None:
        if not len(rows):
            return
        assert self._timeline
        self.counters.good += len(rows)
        if self._at is None:
            self._at = int(rows[0, 1]) % 2
            self._samples = self._at
        elif lost:
            self._half = rows[:0]
            self._at += lost
        first = self._at - len(self._half)
        self._at += len(rows)
        rows = np.concatenate([self._half, rows])[first % 2 :]
        first += first % 2
        n = len(rows) // 2
        self._half = rows[2 * n :]
        if n:
            self._timeline.lose(first // 2 - self._samples)
            self._samples = first // 2 + n
            halves = [i24(rows[i : 2 * n : 2], 2, _CHANNELS) for i in (1, 0)]
            self._timeline.add(nanovolts(np.concatenate(halves, axis=1), NV_PER_STEP))


class CytonEncoder:
    """Blocks of up to eight leads to frames, clipped to 24 bits."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; lead states and saturation cannot be sent."""
        counts = block.start + np.arange(len(block))
        return _frames(counts, steps(block, _CHANNELS, NV_PER_STEP, "cyton")).tobytes()


class DaisyEncoder:
    """Blocks of up to 16 leads to pairs of frames, clipped to 24 bits.

    Inputs without a lead are 10 mV off, as electrodes are in reality: else nothing tells the pairs.
    """

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; lead states and saturation cannot be sent."""
        values = steps(block, 2 * _CHANNELS, NV_PER_STEP, "daisy")
        values[:, max(len(block.leads), _CHANNELS) :] = round(1e7 / NV_PER_STEP)
        counts = 2 * (block.start + np.arange(len(block)))
        pairs = [_frames(counts, values[:, _CHANNELS:]), _frames(counts + 1, values[:, :_CHANNELS])]
        return np.stack(pairs, axis=1).tobytes()


def _frames(counts: NDArray[np.int64], values: NDArray[np.int64]) -> Rows:
    rows = np.zeros((len(values), LAYOUT.size), np.uint8)
    rows[:, 0], rows[:, 32] = 0xA0, 0xC0
    rows[:, 1] = counts % 256
    put_i24(rows, 2, values)
    return rows
