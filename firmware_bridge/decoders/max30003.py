"""ProtoCentral MAX30003 breakout: the ProtoCentral frame, type 2, 12 bytes.

They are i32 ECG, u16 RR in ms, two zeros, u16 heart rate, two zeros. The chip's upper 16 bits are
the upper half of the i32; below them stand its last two bits, not in their place, and zeros. One
release of the sketch sends 17 bytes: five zeros first.

1.526 µV a step of the upper half: 1 V / (20 * 2^15), gain 20. The sketch asks the chip again and
again (nominally 128 times a second) without waiting for a new sample, so samples come twice or not
at all, and nothing tells which: equal neighbours are signal as well, so each frame is taken as a
sample, and the frames' own rate is the rate. Lead-off detection is not sent.
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

NV_PER_STEP = 1e9 / 20 / 2**15


def _layout(length: int) -> Layout:
    first = HEAD + length - 12
    zeros = {HEAD + i: 0 for i in range(length - 12)}
    ecg: dict[int, int | tuple[int, int]] = {first: (0, 3), first + 1: 0}
    rates = {first + place: 0 for place in (6, 7, 10, 11)}
    return Layout(
        size=frame_size(length),
        valid=marks({**fixed(length), **zeros, **ecg, **rates}),
        nv=lambda rows: nanovolts(integers(rows, first + 2, "<i2"), NV_PER_STEP),
        leads=("ECG",),
        fs=128.0,
        step=Step(NV_PER_STEP, 16),
    )


LAYOUTS = (_layout(12), _layout(17))


class Max30003Encoder:
    """Blocks of one lead to frames, a frame a sample, clipped to 16 bits."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; gaps, lead states and saturation cannot be sent."""
        rows = blank(len(block), 12)
        ecg = steps(block, 1, NV_PER_STEP, "max30003").clip(-(2**15), 2**15 - 1)
        put(rows, HEAD + 2, ecg, "<i2")
        return rows.tobytes()
