"""ProtoCentral MAX86150 breakout: the ProtoCentral frame, type 2, six bytes.

They are i16 ECG and two u16 of light. Only the ECG is taken. The sketch sends the upper 16 of 18
bits: 0.645 µV a step, from the data sheet's 12.247 µV of 18 bits and gain 76 (9.5 by 8), nominal.
The chip samples 200 times a second by the library's settings. Lead-off detection is not sent.
"""

from firmware_bridge.block import SampleBlock, Step
from firmware_bridge.decoders.frames import (
    Layout,
    integers,
    marks,
    nanovolts,
    put,
    steps,
)
from firmware_bridge.decoders.protocentral import HEAD, blank, fixed, frame_size

NV_PER_STEP = 4 * 12247 / 76
LAYOUT = Layout(
    size=frame_size(6),
    valid=marks(fixed(6)),
    nv=lambda rows: nanovolts(integers(rows, HEAD, "<i2"), NV_PER_STEP),
    leads=("ECG",),
    fs=200.0,
    step=Step(NV_PER_STEP, 16),
)


class Max86150Encoder:
    """Blocks of one lead to frames, a frame a sample, clipped to 16 bits."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; gaps, lead states and saturation cannot be sent."""
        rows = blank(len(block), 6)
        ecg = steps(block, 1, NV_PER_STEP, "max86150").clip(-(2**15), 2**15 - 1)
        put(rows, HEAD, ecg, "<i2")
        return rows.tobytes()
