"""Upside Down Labs Chords: `C7 7C`, u8 counter, u16 big-endian a channel, `01`.

The boards send different numbers of channels at different resolutions and rates, and only the
answer to `WHORU` names the board; but the bytes tell as much: the distance between headers gives
the channels, and the largest of the first samples the resolution, one of those that the makers'
boards with so many channels have. Where all samples are in the lowest quarter of the smallest one
that holds them, every input is at its lower rail (electrodes off), or the resolution is another:
then the next frames are asked. With 10 bits the rate is 250 Hz, with more 500 Hz, on every board
that the makers list (UNO R3 and R4, GIGA R1, Nano, Mega, Pico, NPG Lite, STM32G4, Black Pill, and
clones).

The first channel (A0) is the lead; the others are whatever the user has wired, mostly nothing.
The amplifier is the user's too: a gain of 1000 is assumed (our choice), 5 V for 10 and 14 bits,
3.3 V for 12 and 16, zero in the middle. Electrodes cannot be told off. The board is silent until
`START`.
"""

from dataclasses import replace

import numpy as np

from firmware_bridge.block import SampleBlock, Step
from firmware_bridge.decoders.frames import (
    FrameDecoder,
    Layout,
    Rows,
    integers,
    marks,
    nanovolts,
    put,
    steps,
)

GAIN = 1000
_HEAD = 3
_VOLTS = {10: 5.0, 12: 3.3, 14: 5.0, 16: 3.3}
_BITS = {3: (12,), 6: (10, 14, 16), 8: (10, 12), 16: (10, 12)}
"""Resolutions that boards with so many channels have."""
_DAMAGED = 3  # frames of the first may be


def nv_per_step(bits: int) -> float:
    """Scale at a resolution."""
    return _VOLTS[bits] * 1e9 / (1 << bits) / GAIN


def _layout(channels: int, bits: int) -> Layout:
    size = _HEAD + 2 * channels + 1
    highs = {_HEAD + 2 * i: (0, (1 << bits - 8) - 1) for i in range(channels)}
    zero = 1 << bits - 1
    return Layout(
        size=size,
        valid=marks({0: 0xC7, 1: 0x7C, size - 1: 0x01, **highs}),
        nv=lambda rows: nanovolts(integers(rows, _HEAD, ">u2") - zero, nv_per_step(bits)),
        leads=("A0",),
        fs=250.0 if bits == 10 else 500.0,
        step=Step(nv_per_step(bits), bits),
        counter=lambda rows: rows[:, 2].astype(np.int64),
        modulus=256,
        chain=2,
        sure=32,
    )


def _board(channels: int) -> Layout:
    """Frames with so many channels, of a resolution that is not known yet."""

    def tell(rows: Rows) -> Layout | None:
        largest = integers(rows, _HEAD, ">u2", channels).max(axis=1)
        most = int(np.sort(largest)[-_DAMAGED])
        bits = next(bits for bits in _BITS[channels] if most < 1 << bits or bits == 16)
        known = len(_BITS[channels]) == 1 or 4 * most >= 1 << bits
        return _layout(channels, bits) if known else None

    return replace(_layout(channels, max(_BITS[channels])), tell=tell)


LAYOUTS = tuple(map(_board, _BITS))
_SENT = (6, 14)  # channels and bits of the encoder: a UNO R4


class ChordsDecoder(FrameDecoder):
    """Frames to blocks of one lead; it begins after 32 frames, which tell the layout."""

    _untold_good = True

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate."""
        super().__init__(LAYOUTS, fs)


class ChordsEncoder:
    """Blocks of one lead to a UNO R4's frames, clipped to 14 bits; other inputs idle halfway."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; lead states and saturation cannot be sent."""
        channels, bits = _SENT
        size = _HEAD + 2 * channels + 1
        rows = np.zeros((len(block), size), np.uint8)
        rows[:, :2], rows[:, -1] = (0xC7, 0x7C), 0x01
        rows[:, 2] = (block.start + np.arange(len(block))) % 256
        inputs = np.full((len(block), channels), 1 << bits - 1, np.int64)
        inputs[:, :1] += steps(block, 1, nv_per_step(bits), "chords")
        put(rows, _HEAD, inputs.clip(0, (1 << bits) - 1), ">u2")
        return rows.tobytes()
