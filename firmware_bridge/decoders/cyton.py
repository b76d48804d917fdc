"""OpenBCI Cyton: 33 bytes: `A0`, u8 counter, 8 i24 big-endian, 6 auxiliary bytes, `C0` to `C6`.

The last byte tells what the auxiliary bytes are (accelerometer, time stamps, the user's own); the
channels are the same in all. 250 SPS; 22.35 nV a step = 4.5 V / 24 (gain) / (2^23 - 1), if the gain
was not changed. There are no lead-off bits. The board is silent until `b`; `v` resets it and is
answered by a text that ends in `$$$`. With a Daisy module frames of 16 channels take turns, which
is not told apart here: leave it off.

`A0` and a last byte among seven are weak marks, so a frame is first believed when the next one,
with the next counter, follows it.
"""

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import SampleBlock
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
    counter=lambda rows: rows[:, 1].astype(np.int64),
    modulus=256,
    chain=2,
)


class CytonDecoder(FrameDecoder):
    """Frames to blocks of eight leads."""

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate."""
        super().__init__([LAYOUT], fs)


class CytonEncoder:
    """Blocks of up to eight leads to frames, clipped to 24 bits."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; lead states and saturation cannot be sent."""
        rows = np.zeros((len(block), LAYOUT.size), np.uint8)
        rows[:, 0], rows[:, 32] = 0xA0, 0xC0
        rows[:, 1] = (block.start + np.arange(len(block))) % 256
        put_i24(rows, 2, steps(block, _CHANNELS, NV_PER_STEP, "cyton"))
        return rows.tobytes()
