"""ProtoCentral ADS1293 breakout: the ProtoCentral frame, type 2, three i32 (12 bytes).

They are the chip's 24-bit codes of channels 1 to 3, which the five-lead sketch wires as I, II, V1.
Codes are offset binary: by the chip's data sheet code = (3.5 V / (2 * 2.4 V) + 1/2) * 2^23 at the
sketch's decimation, hence 163 nV a step around 0x400000. (The library's own conversion multiplies
by the gain where it should divide, and its reference is not the chip's.)

About 100 SPS by the sketch, 128 by one host: give `--fs` where the board differs. Lead-off
detection is not sent. The MAX30003 breakout sends frames of the same type and length.
"""

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import SampleBlock, Step
from firmware_bridge.decoders.frames import (
    Layout,
    Rows,
    integers,
    marks,
    nanovolts,
    put,
    steps,
)
from firmware_bridge.decoders.protocentral import HEAD, blank, fixed, frame_size

NV_PER_STEP = 2 * 2.4e9 / 3.5 / 2**23
ZERO = 0x400000


def _valid(rows: Rows) -> NDArray[np.bool_]:
    """Each i32 is a 24-bit number, sign-extended."""
    ok = _frame(rows)
    for place in (HEAD, HEAD + 4, HEAD + 8):
        ok &= rows[:, place + 3] == (rows[:, place + 2] >> 7) * np.uint8(255)
    return ok


_frame = marks(fixed(12))
LAYOUT = Layout(
    size=frame_size(12),
    valid=_valid,
    nv=lambda rows: nanovolts(integers(rows, HEAD, "<i4", 3) - ZERO, NV_PER_STEP),
    leads=("I", "II", "V1"),
    fs=100.0,
    step=Step(NV_PER_STEP, 24),
)


class Ads1293Encoder:
    """Blocks of up to three leads to frames, clipped to the chip's codes."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; gaps, lead states and saturation cannot be sent."""
        rows = blank(len(block), 12)
        codes = steps(block, 3, NV_PER_STEP, "ads1293") + ZERO
        put(rows, HEAD, codes.clip(0, 2**23 - 1), "<i4")
        return rows.tobytes()
