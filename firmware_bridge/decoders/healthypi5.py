"""ProtoCentral HealthyPi 5: the ProtoCentral frame; type 2 with 22 bytes, or type 3 with 50.

22 bytes, one sample: i32 ECG, i32 bioimpedance, u8 flag, i32 red, i32 infrared, i16 temperature,
u8 SpO2, u8 heart rate, u8 respiration rate. 50 bytes (firmware 1.0 and later), eight samples: 8 i32
ECG, 4 i32 respiration, u8 heart rate, u8 respiration rate. Only the ECG is taken; the first frame
that is found tells which kind the board sends.

Samples have 18 bits of the MAX30001, at 1 V: in firmware before 1.0 at gain 20 as far as is known,
381 nV a step; in 1.0 at gain 80 (the device tree's), 95.4 nV a step. From 1.1 on they are shifted
left by 8 bits, 0.3725 nV a step, which the first 64 frames (of 22 bytes, 16 of 50) tell: their last
eight bits are 0, or they are too large for 18 bits. Those that are neither, but move as if shifted,
are left out, twelve times as many at most before they are taken for unshifted ones.
Nominal: 128 SPS (sources say 128, 125 and 104), but 256 in the firmware that sends shifted samples
one by one (2.0.0 to 2.0.4). Lead-off detection is not sent.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import SampleBlock, Step
from firmware_bridge.decoders.frames import (
    FrameDecoder,
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
"""Of firmware before 1.0."""
GAIN_80 = 1e9 / 80 / 2**17
"""Of 1.0."""
SHIFTED = GAIN_80 / 2**8
"""Of later ones."""
_SHIFTED = Step(SHIFTED, 32)
_LARGEST = 1 << 17
_DAMAGED = 3
_STEP = 6000
"""Mean step between neighbours, of the first samples, that hardly any unshifted ECG has."""
_PATIENCE = 12
"""Times that samples may leave it open."""


def _layout(length: int, kind: int, samples: int, step: Step, fs: float) -> Layout:
    return Layout(
        size=frame_size(length),
        valid=marks(fixed(length, kind)),
        nv=lambda rows: nanovolts(integers(rows, HEAD, "<i4", samples).reshape(-1, 1), step.nv),
        leads=("ECG",),
        fs=fs,
        step=step,
        samples=samples,
    )


def _of_18_bits(layout: Layout) -> Callable[[Rows], NDArray[np.bool_]]:
    def valid(rows: Rows) -> NDArray[np.bool_]:
        fits = np.abs(integers(rows, HEAD, "<i4", layout.samples)) <= _LARGEST
        return layout.valid(rows) & fits.all(axis=1)

    return valid


def _either(unshifted: Layout, shifted: Layout, sure: int) -> Layout:
    narrow = replace(unshifted, valid=_of_18_bits(unshifted), sure=sure)
    open_still = _PATIENCE

    def tell(rows: Rows) -> Layout | None:
        nonlocal open_still
        ecg = integers(rows, HEAD, "<i4", unshifted.samples).ravel()
        # Some may be of damaged frames.
        wide = np.count_nonzero(np.abs(ecg) > _LARGEST) > _DAMAGED
        moves = len(np.unique(ecg)) > 1 + _DAMAGED
        if wide or (moves and np.count_nonzero(ecg & 0xFF) <= _DAMAGED):
            return replace(shifted, sure=sure)
        steps = np.sort(np.abs(np.diff(ecg)))[:-_DAMAGED]
        if open_still and steps.mean() > _STEP:
            open_still -= 1
            return None
        return narrow

    return replace(unshifted, sure=sure, tell=tell)


def _layouts() -> tuple[Layout, Layout]:
    return (
        _either(
            _layout(22, 2, 1, Step(NV_PER_STEP, 19), 128.0), _layout(22, 2, 1, _SHIFTED, 256.0), 64
        ),
        _either(
            _layout(50, 3, 8, Step(GAIN_80, 19), 128.0), _layout(50, 3, 8, _SHIFTED, 128.0), 16
        ),
    )


LAYOUTS = _layouts()


class HealthyPi5Decoder(FrameDecoder):
    """Frames of either kind to blocks of one lead; it begins when they have told its scale."""

    _untold_good = True

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate."""
        super().__init__(_layouts(), fs)


class HealthyPi5Encoder:
    """Blocks of one lead to frames of the first kind, a frame a sample, clipped to 18 bits."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; gaps, lead states and saturation cannot be sent."""
        rows = blank(len(block), 22)
        ecg = steps(block, 1, NV_PER_STEP, "healthypi5").clip(-(2**17), 2**17 - 1)
        put(rows, HEAD, ecg, "<i4")
        return rows.tobytes()
