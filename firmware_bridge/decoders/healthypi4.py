"""ProtoCentral HealthyPi v4: the ProtoCentral frame, type 2, 20 bytes.

They are i16 ECG (filtered by the board), i16 respiration, i32 infrared, i32 red, i16 temperature
in 0.01 °C, u8 respiration rate, u8 SpO2, u8 heart rate, two blood pressures that are constants,
and u8 status of its ADS1292R: any of the low five bits tells that an electrode is off, and the ECG
is zero then. As on the ADS1292R shield, nothing switches the comparators on, so zeros mean unknown
until a bit has once been seen. Only the ECG is taken.

125 SPS; the scale is that of the ADS1292R shield, and nominal.
"""

from firmware_bridge.block import LeadState, SampleBlock, Step
from firmware_bridge.decoders.ads1292r import NV_PER_STEP
from firmware_bridge.decoders.frames import Layout, integers, marks, put, steps
from firmware_bridge.decoders.protocentral import HEAD, blank, fixed, frame_size

_STATUS = HEAD + 19
LAYOUT = Layout(
    size=frame_size(20),
    valid=marks(fixed(20)),
    nv=lambda rows: integers(rows, HEAD, "<i2") * NV_PER_STEP,
    leads=("ECG",),
    fs=125.0,
    step=Step(NV_PER_STEP, 16),
    states=lambda rows: (rows[:, _STATUS] & 0x1F) > 0,
)


class HealthyPi4Encoder:
    """Blocks of one lead to frames, a frame a sample, clipped to 16 bits."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; gaps and saturation cannot be sent."""
        rows = blank(len(block), 20)
        off = block.lead_state[0] is LeadState.OFF
        ecg = steps(block, 1, NV_PER_STEP, "healthypi4").clip(-(2**15), 2**15 - 1)
        put(rows, HEAD, ecg * (not off), "<i2")
        rows[:, _STATUS] = 0x1F * off
        return rows.tobytes()
