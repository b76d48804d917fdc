"""BITalino: frames of 3 to 8 bytes without a header; the last byte is counter << 4 | CRC-4.

With n channels: ceil((12 + 10 n) / 8) bytes for up to four, else ceil((52 + 6 (n - 4)) / 8); so
five and six channels are frames of one size. Read from the end: b[-1] counter and CRC (polynomial
x^4 + x + 1 over the frame with that nibble zero), b[-2] four digital inputs and the upper bits of
the first channel, A1 = (b[-2] & 15) << 6 | b[-3] >> 2, A2 = (b[-3] & 3) << 8 | b[-4], and so on.

How many channels there are was said in the start command, not in the frames: the size in which
eight frames in a row fit is taken. On the boards' kits A2 carries the ECG ((r)evolution), so the
second channel that is sent is the lead, or the only one. Our start command asks for A2 alone, at
1000 Hz, which is the nominal rate (`--fs 100` for a board that was started otherwise). The ECG
sensor's gain is 1100, on 3.3 V and 10 bits, zero in the middle. Electrodes cannot be told off.

A counter of four bits wraps after 16 frames: lost frames are counted modulo 16, and the bytes that
fit no frame tell how often it wrapped. 16 frames that vanish without a trace are not noticed.
"""

import functools
import re

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import SampleBlock, Step
from firmware_bridge.decoders.frames import Layout, Rows, nanovolts, steps

NV_PER_STEP = 3.3e9 / 1024 / 1100
_ZERO = 512
_ONE_CHANNEL = 3
SIZES = (3, 4, 6, 7, 8)
"""Of frames with 1, 2, 3, 4, and 5 or 6 channels."""


def frame_size(channels: int) -> int:
    """Bytes of a frame with 1 to 6 channels."""
    bits = 12 + 10 * channels if channels <= 4 else 52 + 6 * (channels - 4)
    return -(-bits // 8)


def crc4(data: bytes) -> int:
    """The CRC over whole bytes, bit by bit."""
    crc = 0
    for byte in data:
        for bit in range(7, -1, -1):
            crc = (crc << 1) ^ (byte >> bit & 1)
            crc ^= 0x13 * (crc >> 4)
    return crc


@functools.cache
def _tables(size: int) -> NDArray[np.uint8]:
    """What each byte at each place adds to the CRC of a frame: it is linear."""
    tables = [
        [crc4(bytes([byte]) + bytes(size - 1 - place)) for byte in range(256)]
        for place in range(size)
    ]
    tables[-1] = [crc4(bytes([byte & 0xF0])) ^ (byte & 0x0F) for byte in range(256)]
    return np.array(tables, np.uint8)


def _layout(size: int) -> Layout:
    tables = _tables(size)

    def valid(rows: Rows) -> NDArray[np.bool_]:
        rest = tables[0][rows[:, 0]]
        for place in range(1, size):
            rest ^= tables[place][rows[:, place]]
        return np.asarray(rest == 0)

    def nv(rows: Rows) -> NDArray[np.int64]:
        wide = rows.astype(np.int64)
        if size == _ONE_CHANNEL:
            count = (wide[:, -2:-1] & 15) << 6 | wide[:, -3:-2] >> 2
        else:
            count = (wide[:, -3:-2] & 3) << 8 | wide[:, -4:-3]
        return nanovolts(count - _ZERO, NV_PER_STEP)

    return Layout(
        size=size,
        valid=valid,
        nv=nv,
        leads=("ECG",),
        fs=1000.0,
        step=Step(NV_PER_STEP, 10),
        counter=lambda rows: (rows[:, -1] >> 4).astype(np.int64),
        modulus=16,
        chain=3,
        sure=8,
    )


LAYOUTS = tuple(map(_layout, SIZES))
"""Eight frames tell which: a decoder begins after them."""

_LIVE = 0b01  # the low bits of a command that starts; channels are the six above
START = re.compile(b"[%b]" % re.escape(bytes(mask << 2 | _LIVE for mask in range(1, 64))))
"""Starts a board, for any set of channels."""
_A2 = 1


class BitalinoEncoder:
    """Blocks of one lead to frames, clipped to 10 bits: A2 is the ECG, others idle halfway."""

    def __init__(self) -> None:
        self._channels: tuple[int, ...] = (_A2,)

    def start(self, command: bytes) -> None:
        """Send the channels that this start command asks for."""
        self._channels = tuple(i for i in range(6) if command[0] >> 2 + i & 1)

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; lead states and saturation cannot be sent."""
        ecg = (steps(block, 1, NV_PER_STEP, "bitalino")[:, 0] + _ZERO).clip(0, 1023)
        idle = np.full(len(block), _ZERO)
        sent = [ecg if channel == _A2 else idle for channel in self._channels]
        # From the frame's end: 4 bits of the counter, 4 of digital inputs, 10 a channel, then 6.
        counter = (block.start + np.arange(len(block))) % 16
        bits = [counter >> 3 - i & 1 for i in range(4)] + [0 * counter] * 8
        for i, values in enumerate(sent):
            width = 10 if i < 4 else 6
            bits += [values >> 9 - j & 1 for j in range(width)]
        size = frame_size(len(sent))
        # The CRC stands between the counter and the rest.
        last = np.packbits(
            np.stack([*bits[:4], *[0 * counter] * 4], axis=1).astype(np.uint8), axis=1
        )
        rest = bits[8:] + [0 * counter] * (8 * (size - 1) - len(bits) + 8)
        rows = np.packbits(np.stack(rest, axis=1).astype(np.uint8), axis=1)[:, ::-1]
        rows = np.ascontiguousarray(np.concatenate([rows, last], axis=1))
        tables = _tables(size)
        for place in range(size - 1):
            rows[:, -1] ^= tables[place][rows[:, place]]
        rows[:, -1] ^= tables[-1][rows[:, -1] & 0xF0]
        return rows.tobytes()
