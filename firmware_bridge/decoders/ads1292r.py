"""ProtoCentral ADS1292R shield: `0A FA 09 00 02`, nine bytes of payload, `00 0B`.

The payload is i16 ECG, i16 respiration, u16 respiration rate, u16 heart rate, u8 0, all
little-endian. Only the ECG is taken: respiration is no ECG lead, and both rates are the board's
guesses. The frame has no checksum and no sequence number, so the whole header, the length, the
type and both footer bytes must match. (Some hosts take a bare `0B` as the footer; that would give
away a quarter of the little there is to check, and the shield's firmware sends both.)

Rate and scale are nominal: 125 SPS; 6.154 µV a step = 2.42 V / 12 (gain, register 0x60) / 2^15.
Lead-off detection is not switched on by the firmware, so the lead state is unknown.
"""

import re
import struct

import numpy as np

from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders.base import Counters
from firmware_bridge.errors import ProtocolError

FS = 125.0
NV_PER_STEP = 6154
LEADS = ("ECG",)
_HEAD, _FOOT = b"\x0a\xfa\x09\x00\x02", b"\x00\x0b"
_FRAME = re.compile(re.escape(_HEAD) + b"(..).{7}" + re.escape(_FOOT), re.DOTALL)
_SIZE = 16


class Ads1292rEncoder:
    """Blocks of one lead to frames, a frame a sample, clipped to 16 bits."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; gaps, lead states and saturation cannot be sent."""
        if len(block.leads) != 1:
            raise ProtocolError("ads1292r carries one ECG lead: choose one")
        steps = np.rint(block.mv[:, 0] * (1e6 / NV_PER_STEP)).clip(-(2**15), 2**15 - 1)
        return b"".join(
            _HEAD + struct.pack("<h7x", step) + _FOOT for step in steps.astype(int).tolist()
        )


class Ads1292rDecoder:
    """Frames to blocks of one lead; sample 0 is the first frame.

    Bytes that belong to no frame count, in units of a frame, as damaged, and once the stream has
    begun as lost samples too: an estimate, exact where bytes were changed and none was dropped.
    """

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate."""
        self.counters = Counters()
        self._fs = fs or FS
        self._rest = b""
        self._skipped = 0
        self._next = 0

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks that these bytes complete, one for each stretch without a gap."""
        data = self._rest + data
        blocks: list[SampleBlock] = []
        samples: list[bytes] = []
        at = lost = 0
        for match in _FRAME.finditer(data):
            skipped = self._skipped + match.start() - at
            if skipped:
                self._skipped = 0
                if samples:
                    blocks.append(self._block(samples, lost))
                    samples = []
                frames = -(-skipped // _SIZE)
                self.counters.damaged += frames
                lost = frames if self._next else 0
            samples.append(match[1])
            at = match.end()
        if samples:
            blocks.append(self._block(samples, lost))
        keep = max(at, len(data) - _SIZE + 1)  # a frame may begin in the last 15 bytes
        self._skipped += keep - at
        self._rest = data[keep:]
        return blocks

    def _block(self, samples: list[bytes], lost: int) -> SampleBlock:
        steps = np.frombuffer(b"".join(samples), "<i2").reshape(-1, 1)
        start = self._next + lost
        self._next = start + len(steps)
        self.counters.good += len(steps)
        self.counters.lost += lost
        return SampleBlock(
            start=start,
            mv=mv_from_nv(steps.astype(np.int64) * NV_PER_STEP),
            fs=self._fs,
            leads=LEADS,
            lead_state=(LeadState.UNKNOWN,),
            saturated=(False,),
            lost=lost,
        )
