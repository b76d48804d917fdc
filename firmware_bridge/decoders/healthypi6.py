"""ProtoCentral HealthyPi 6 (USB CDC): blocks of samples with a sequence number, a clock and a CRC.

`"DBLK"`, u32 length of the whole block, u32 sequence number, u64 time in ms, u8 channel, u8 flags,
u16 samples, u32 0, the samples, u32 CRC-32 (zlib's, of all bytes before it); little-endian. Channel
1 is ECG, 20 bytes a sample: i32 respiration, I, II, V1 in µV, u8 electrodes that are off (bit 0 RA,
1 LA, 2 LL, 3 V1), u8 flags, two of padding; 500 Hz. Other channels count as good and give nothing.

The sequence number is taken to count the blocks of all channels. Where it jumps, the board's clock
tells how many ECG samples are missing. Firmware 1.0.0 always says that no electrode is off, so the
lead state is unknown until a bit has once been seen.
"""

import itertools
import struct
import zlib
from collections import deque

import numpy as np

from firmware_bridge.block import LeadState, SampleBlock, Step
from firmware_bridge.decoders.base import Counters
from firmware_bridge.decoders.frames import TextOrDamage, steps
from firmware_bridge.decoders.timeline import Timeline

MARK = b"DBLK"
LEADS = ("I", "II", "V1")
FS = 500.0
NV_PER_STEP = 1000
SAMPLE = np.dtype(
    {
        "names": ["respiration", "uv", "off"],
        "formats": ["<i4", ("<i4", 3), "u1"],
        "offsets": [0, 4, 16],
        "itemsize": 20,
    }
)
_HEAD = struct.Struct("<4sIIQBBHI")
_CRC = struct.Struct("<I")
_ECG = 1
_MOST_SAMPLES = 256  # of a block, half a second; boards send far less
_LONGEST = _HEAD.size + _MOST_SAMPLES * SAMPLE.itemsize + _CRC.size
_NEEDS = (0b0011, 0b0101, 0b1111)  # the electrodes of each lead
_OFF = (0b0010, 0b0100, 0b1000)  # what the encoder calls off
_PER_BLOCK = 8
_HISTORY = 16  # blocks back that a repetition may come from
_CYCLE = 1 << 32
_RESTART_MS = 86_400_000  # a longer gap is a clock that was set anew


class HealthyPi6Decoder:
    """Blocks of the board to ours, three leads; sample 0 is the first ECG block's first."""

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate."""
        self.counters = Counters()
        self.doubt = ""
        self._fs = fs or FS
        self._timeline = Timeline(self._fs, LEADS, self.counters, step=Step(NV_PER_STEP, 32))
        self._between = TextOrDamage(self.counters)
        self._rest = b""
        self._recent = deque[tuple[int, int]](maxlen=_HISTORY)  # sequence numbers and CRCs
        self._expected: int | None = None  # the next sequence number
        self._jumped = False  # it was another since the last ECG block
        self._blocks = 0  # by so many
        self._due_ms = 0.0  # when the next ECG block should begin
        self._tells_off = False

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks that these bytes complete, one for each stretch without gap or change of state."""
        data, at = self._rest + data, 0
        while True:
            mark = data.find(MARK, at)
            if mark < 0:
                mark = max(at, len(data) - len(MARK) + 1)
                self._between.skip(data[at:mark])
                at = mark
                break
            self._between.skip(data[at:mark])
            at = mark
            if len(data) < at + _HEAD.size:
                break
            _, length, sequence, time_ms, channel, _, n, zero = _HEAD.unpack_from(data, at)
            payload = length - _HEAD.size - _CRC.size
            fits = payload == n * SAMPLE.itemsize if channel == _ECG else payload >= 0
            if fits and zero == 0 and length <= _LONGEST:
                if len(data) < at + length:
                    break
                end = at + length - _CRC.size
                (crc,) = _CRC.unpack_from(data, end)
                if zlib.crc32(data[at:end]) == crc:
                    body = data[at + _HEAD.size : end] if channel == _ECG else b""
                    self._take(sequence, crc, time_ms, body)
                    at += length
                    continue
            self._between.skip(MARK)
            at += len(MARK)
        self._rest = data[at:]
        return self._timeline.take()

    def _take(self, sequence: int, crc: int, time_ms: int, body: bytes) -> None:
        self._between.over()
        n = len(body) // SAMPLE.itemsize
        if (sequence, crc) in self._recent:
            self.counters.repeated += n
            return
        self._recent.append((sequence, crc))
        self.counters.good += 1
        if self._expected not in (None, sequence):
            self._jumped = True
            self._blocks += (sequence - (self._expected or 0)) % _CYCLE
        self._expected = (sequence + 1) % _CYCLE
        if not n:
            return
        if self._jumped:
            restart, lost = self._missing(time_ms - self._due_ms, n)
            self._timeline.lose(lost, restart)
            self._jumped, self._blocks = False, 0
        self._due_ms = time_ms + n * 1e3 / self._fs
        samples = np.frombuffer(body, SAMPLE)
        off = samples["off"]
        cuts = [0, *(np.flatnonzero(np.diff(off)) + 1).tolist(), n]
        for begin, end in itertools.pairwise(cuts):
            bits = int(off[begin]) & 15
            self._tells_off |= bits > 0
            on = LeadState.ON if self._tells_off else LeadState.UNKNOWN
            states = tuple(LeadState.OFF if bits & need else on for need in _NEEDS)
            nv = samples["uv"][begin:end].astype(np.int64) * NV_PER_STEP
            self._timeline.add(nv, states, (time_ms + begin * 1e3 / self._fs) * 1e-3)

    def _missing(self, ms: float, n: int) -> tuple[bool, int]:
        """Whether the board started again, and samples in a gap of its clock, which counts ms.

        There are no more than the blocks that are missing may hold.
        """
        if not -1e3 < ms < _RESTART_MS:
            return True, 1  # the break is shown, its length is unknown
        samples = ms * 1e-3 * self._fs
        blocks = n * round(samples / n)
        lost = max(0, blocks if abs(blocks - samples) < 0.75 else round(samples))
        return False, min(lost, self._blocks * _MOST_SAMPLES)


class HealthyPi6Encoder:
    """Blocks of up to three leads (I, II, V1) to the board's, eight samples in each."""

    def __init__(self) -> None:
        self._sequence = 0

    def encode(self, block: SampleBlock) -> bytes:
        """All blocks of the block; a gap takes sequence numbers; saturation cannot be sent."""
        self._sequence += -(-block.lost // _PER_BLOCK)
        samples = np.zeros(len(block), SAMPLE)
        uv = steps(block, len(LEADS), NV_PER_STEP, "healthypi6")
        samples["uv"] = uv.clip(-(2**31), 2**31 - 1)
        for state, off in zip(block.lead_state, _OFF, strict=False):
            samples["off"] |= off * (state is LeadState.OFF)
        out = []
        for at in range(0, len(block), _PER_BLOCK):
            body = samples[at : at + _PER_BLOCK].tobytes()
            length = _HEAD.size + len(body) + _CRC.size
            n = len(body) // SAMPLE.itemsize
            time_ms = round((block.start + at) * 1e3 / block.fs)
            head = _HEAD.pack(MARK, length, self._sequence % _CYCLE, time_ms, _ECG, 0, n, 0)
            out.append(head + body + _CRC.pack(zlib.crc32(head + body)))
            self._sequence += 1
        return b"".join(out)
