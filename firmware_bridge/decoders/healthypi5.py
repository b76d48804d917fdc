"""ProtoCentral HealthyPi 5: the ProtoCentral frame; type 2 with 22 bytes, or type 3 with 50.

22 bytes, one sample: i32 ECG, i32 bioimpedance, u8 flag, i32 red, i32 infrared, i16 temperature,
u8 SpO2, u8 heart rate, u8 respiration rate. 50 bytes (firmware 1.0), eight samples: 8 i32 ECG,
4 i32 respiration, u8 heart rate, u8 respiration rate. Only the ECG is taken; the first frame that
is found tells which kind the board sends.

Nominal: 128 SPS (sources say 128, 125 and 104), and 381 nV a step, that is 18 bits of the MAX30001
at gain 20 and 1 V. Lead-off detection is not sent.
"""

from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders.frames import (
    FrameDecoder,
    Layout,
    integers,
    marks,
    nanovolts,
    put,
    steps,
)
from firmware_bridge.decoders.protocentral import HEAD, blank, fixed, frame_size

NV_PER_STEP = 1e9 / 20 / 2**17


def _layout(length: int, kind: int, samples: int) -> Layout:
    return Layout(
        size=frame_size(length),
        valid=marks(fixed(length, kind)),
        nv=lambda rows: nanovolts(integers(rows, HEAD, "<i4", samples).reshape(-1, 1), NV_PER_STEP),
        leads=("ECG",),
        fs=128.0,
        samples=samples,
    )


LAYOUTS = (_layout(22, 2, 1), _layout(50, 3, 8))


class HealthyPi5Decoder(FrameDecoder):
    """Frames of either kind to blocks of one lead."""

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate."""
        super().__init__(LAYOUTS, fs)


class HealthyPi5Encoder:
    """Blocks of one lead to frames of the first kind, a frame a sample, clipped to 18 bits."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; gaps, lead states and saturation cannot be sent."""
        rows = blank(len(block), 22)
        ecg = steps(block, 1, NV_PER_STEP, "healthypi5").clip(-(2**17), 2**17 - 1)
        put(rows, HEAD, ecg, "<i4")
        return rows.tobytes()
