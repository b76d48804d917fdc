"""Olimex SHIELD-EKG-EMG: 17 bytes: `A5 5A 02`, u8 counter, 6 u16 big-endian, u8 switches.

Samples have 10 bits and the switches four, so the other bits must be zero: the frame has no end
mark, but a switch byte cannot be the `A5` that a dropped byte would put in its place. The first
channel is the lead: shields are stacked for more, and the inputs of those that are not there float.

The firmware says 256 Hz, its timer gives 250, which is taken; a variant runs at 125 Hz and 115200
baud (`--fs`). The shield's gain is set by a trimmer: 2848 is assumed, as in its manual, with 5 V
for 10 bits and zero in the middle. Electrodes cannot be told off.
"""

import numpy as np

from firmware_bridge.block import SampleBlock, Step
from firmware_bridge.decoders.frames import (
    Layout,
    integers,
    marks,
    nanovolts,
    put,
    steps,
)

NV_PER_STEP = 5e9 / 1024 / 2848
_ZERO = 512
_CHANNELS = 6
_HEAD = 4
_FIXED: dict[int, int | tuple[int, int]] = {0: 0xA5, 1: 0x5A, 2: 0x02, 16: (0, 15)}
LAYOUT = Layout(
    size=17,
    valid=marks({**_FIXED, **{_HEAD + 2 * i: (0, 3) for i in range(_CHANNELS)}}),
    nv=lambda rows: nanovolts(integers(rows, _HEAD, ">u2") - _ZERO, NV_PER_STEP),
    leads=("ECG",),
    fs=250.0,
    step=Step(NV_PER_STEP, 10),
    counter=lambda rows: rows[:, 3].astype(np.int64),
    modulus=256,
    chain=2,
)


class OlimexEncoder:
    """Blocks of one lead to frames, clipped to 10 bits; the other inputs idle halfway."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; lead states and saturation cannot be sent."""
        rows = np.zeros((len(block), LAYOUT.size), np.uint8)
        rows[:, :3], rows[:, 16] = (0xA5, 0x5A, 0x02), 0x01
        rows[:, 3] = (block.start + np.arange(len(block))) % 256
        inputs = np.full((len(block), _CHANNELS), _ZERO, np.int64)
        inputs[:, :1] += steps(block, 1, NV_PER_STEP, "olimex")
        put(rows, _HEAD, inputs.clip(0, 1023), ">u2")
        return rows.tobytes()
