"""ProtoCentral ADS1292R shield: the ProtoCentral frame, type 2, nine bytes of payload.

They are i16 ECG, i16 respiration, u16 respiration rate, u16 heart rate, u8 0. Only the ECG is
taken: respiration is no ECG lead, and both rates are the board's guesses (one host reads them
swapped, and expects eight bytes).

Rate and scale are nominal: 125 SPS; 6.154 µV a step = 2.42 V / 12 (gain, register 0x60; comments
in the firmware say 6) / 2^15. Lead-off detection is not switched on by the firmware, so the lead
state is unknown.
"""

from firmware_bridge.block import SampleBlock, Step
from firmware_bridge.decoders.frames import Layout, integers, marks, put, steps
from firmware_bridge.decoders.protocentral import HEAD, blank, fixed, frame_size

NV_PER_STEP = 6154
LAYOUT = Layout(
    size=frame_size(9),
    valid=marks(fixed(9)),
    nv=lambda rows: integers(rows, HEAD, "<i2") * NV_PER_STEP,
    leads=("ECG",),
    fs=125.0,
    step=Step(NV_PER_STEP, 16),
)


class Ads1292rEncoder:
    """Blocks of one lead to frames, a frame a sample, clipped to 16 bits."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; gaps, lead states and saturation cannot be sent."""
        rows = blank(len(block), 9)
        ecg = steps(block, 1, NV_PER_STEP, "ads1292r").clip(-(2**15), 2**15 - 1)
        put(rows, HEAD, ecg, "<i2")
        return rows.tobytes()
