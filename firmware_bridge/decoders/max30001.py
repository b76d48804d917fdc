"""ProtoCentral MAX30001 breakout: the ProtoCentral frame, type 2, 12 bytes.

They are i32 ECG, i32 bioimpedance, u8 0, or FF in every frame without bioimpedance, which is 0
there (every second one), and three zeros. That tells it from the ADS1293, whose frames have the
same type and length: its third channel would have to stand at one end of its range. Only the ECG
is taken.

381 nV a step: 18 bits at gain 20 and 1 V. 128 SPS. Lead-off detection is not sent.
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

NV_PER_STEP = 1e9 / 20 / 2**17
_LARGEST = 1 << 17
_TAG = HEAD + 8


def _valid(rows: Rows) -> NDArray[np.bool_]:
    ok = _frame(rows)
    ecg, bioz = integers(rows, HEAD, "<i4"), integers(rows, HEAD + 4, "<i4")
    tag = rows[:, _TAG]
    ok &= (tag == 0) | ((tag == 0xFF) & (bioz[:, 0] == 0))
    return ok & (np.abs(ecg[:, 0]) <= _LARGEST)


_frame = marks({**fixed(12), **{_TAG + i: 0 for i in (1, 2, 3)}})
LAYOUT = Layout(
    size=frame_size(12),
    valid=_valid,
    nv=lambda rows: nanovolts(integers(rows, HEAD, "<i4"), NV_PER_STEP),
    leads=("ECG",),
    fs=128.0,
    step=Step(NV_PER_STEP, 19),
)


class Max30001Encoder:
    """Blocks of one lead to frames, a frame a sample, clipped to 18 bits; no bioimpedance."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; gaps, lead states and saturation cannot be sent."""
        rows = blank(len(block), 12)
        ecg = steps(block, 1, NV_PER_STEP, "max30001").clip(-_LARGEST, _LARGEST - 1)
        put(rows, HEAD, ecg, "<i4")
        rows[:, _TAG] = 0xFF
        return rows.tobytes()
