"""Backyard Brains SpikerShield: two bytes a channel: `hi = x >> 7`, `lo = x & 0x7F`.

Only the first byte of a frame has its high bit set (`hi | 0x80`); samples have 10 bits, those of
the Human SpikerBox 14: the first 16 frames tell, or, where they are next to zero, or all the same,
the next ones. Between `FF FF 01 01 80 FF` and `FF FF 01 01 81 FF` stands text, as the answer to
`b:;` (the hardware's type): it is taken out, and counts as unknown. `conf s:10000;c:1;` configures.

10 kHz over all channels is more than an ECG needs and than is taken further on: samples are put
together by 20 / channels (rounded down) to their plain mean, so one channel gives 500 Hz. The mean
is of integers, rounded once, and always over the same samples, however the bytes are cut; where a
sample of it is lost, the whole mean is. The Heart & Brain SpikerBox Pro sends the same frames at
1000 Hz, which only the clock can tell: they are taken one by one where the rate is said to be that.
The first channel is the lead. `--fs` is the rate after that.

Without counter or checksum a pair of bytes that vanishes leaves no trace (0.1 ms). The gain is not
documented for all boards: 1000 is assumed (our choice), on 5 V for all bits, zero in the middle.
Electrodes cannot be told off.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import SampleBlock, Step
from firmware_bridge.decoders.frames import (
    FrameDecoder,
    Layout,
    Rows,
    marks,
    nanovolts,
    steps,
)

RATE = 10_000
"""Samples a second over all channels."""
TEXT, TEXT_END = b"\xff\xff\x01\x01\x80\xff", b"\xff\xff\x01\x01\x81\xff"
NV_PER_STEP = 5e9 / 1024 / 1000
PRO = 1000.0
"""Frames a second of the Heart & Brain SpikerBox Pro."""
_ZERO = 512
_HUMAN = 14  # bits
_PART = 1 << _HUMAN - 10
_LOW = 64
_LONGEST_TEXT = 512
_FAR = 64  # steps of 14 bits, that a quiet input does not go
_ENOUGH = 2048  # bytes, by which the others' are known


def together(channels: int) -> int:
    """Samples that make one of ours."""
    return max(1, 20 // channels)


def _layout(channels: int, bits: int, pro: bool) -> Layout:
    lows = dict.fromkeys(range(1, 2 * channels, 2), (0, 127))
    high = (1 << bits - 7) - 1
    highs = dict.fromkeys(range(2, 2 * channels, 2), (0, high))
    return Layout(
        size=2 * channels,
        valid=marks({0: (0x80, 0x80 + high), **lows, **highs}),
        nv=lambda rows: _parts(rows, bits),  # not yet nanovolts
        leads=("ECG",),
        fs=PRO if pro else RATE / channels / together(channels),
        step=Step(NV_PER_STEP / _PART / (1 if pro else together(channels)), 19),
        sure=16,
    )


def _parts(rows: Rows, bits: int) -> NDArray[np.int64]:
    """The first channel in steps of 14 bits, whatever it was sent with, from the middle."""
    value = (rows[:, 0].astype(np.int64) & 0x7F) << 7 | rows[:, 1]
    return (value << _HUMAN - bits) - _ZERO * _PART


def _either(channels: int, pro: bool) -> Layout:
    """Frames of so many channels, of a resolution that is not known yet."""

    def tell(rows: Rows) -> Layout | None:
        values = (rows[:, ::2].astype(np.int64) & 0x7F) << 7 | rows[:, 1::2]
        most = int(np.sort(values.max(axis=1))[-3])  # some may be damaged
        if most < 1024:
            return _layout(channels, 10, pro) if most >= _LOW else None
        return _layout(channels, _HUMAN, pro) if (rows != rows[0]).any() else None

    return replace(_layout(channels, _HUMAN, pro), tell=tell)


LAYOUTS = tuple(_either(channels, False) for channels in range(1, 7))
_PRO = tuple(_either(channels, True) for channels in range(1, 7))


class SpikerShieldDecoder(FrameDecoder):
    """Frames to blocks of one lead at 500 Hz or so; it begins after 16 frames."""

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz overrides the nominal rate, after putting together; 1000: nothing is."""
        self._pro = fs == PRO
        super().__init__(_PRO if self._pro else LAYOUTS, fs)
        self._bytes = 0
        self._held = b""
        self._in_text = False
        self._raw = 0  # frames since the stream began, lost ones too
        self._means = 0  # the same in means
        self._part = np.empty(0, np.int64)  # the beginning of a mean
        self._jumps = 0  # frames far from the one before
        self._least, self._most = _ZERO * _PART, -_ZERO * _PART

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks that these bytes complete, one for each stretch without a gap."""
        self._bytes += len(data)
        blocks = super().feed(self._without_text(data))
        if self._bytes < _ENOUGH:
            self.doubt = f"only {self._bytes} bytes, and frames of others may look the same"
        elif self._most - self._least < _FAR:
            self.doubt = "it hardly moves"
        else:
            self.doubt = "it is no steady signal" if 2 * self._jumps > self.counters.good else ""
        return blocks

    def _without_text(self, data: bytes) -> bytes:
        data, out = self._held + data, []
        while True:
            if self._in_text:
                end = data.find(TEXT_END)
                if end < 0 and len(data) < _LONGEST_TEXT + len(TEXT_END):
                    break
                # Too long for a text: its beginning was damage.
                data = data[end + len(TEXT_END) if 0 <= end <= _LONGEST_TEXT else 0 :]
                self._in_text = False
            begin = data.find(TEXT)
            if begin < 0:
                keep = next((n for n in range(5, 0, -1) if data.endswith(TEXT[:n])), 0)
                out.append(data[: len(data) - keep])
                data = data[len(data) - keep :]
                break
            out.append(data[:begin])
            data = data[begin + len(TEXT) :]
            self.counters.unknown += 1
            self._in_text = True
        self._held = data
        return b"".join(out)

    def _give(self, layout: Layout, rows: Rows, lost: int) -> None:
        assert self._timeline
        width = 1 if self._pro else together(layout.size // 2)
        values = layout.nv(rows)
        self.counters.good += len(rows)
        self._least = min(self._least, int(values.min()))
        self._most = max(self._most, int(values.max()))
        far = max(_FAR, (self._most - self._least) // 8)
        self._jumps += int(np.count_nonzero(np.abs(np.diff(values)) > far))
        if lost and self._raw:
            self._raw += lost
            self._part = values[:0]
        behind = (len(self._part) - self._raw) % width  # of a mean that lost its beginning
        first = (self._raw - len(self._part) + behind) // width
        self._raw += len(values)
        values = np.concatenate([self._part, values[behind:]])
        whole = len(values) // width * width
        self._part = values[whole:]
        if whole:
            self._timeline.lose(first - self._means)
            self._means = first + whole // width
            sums = values[:whole].reshape(-1, width).sum(axis=1, keepdims=True)
            self._timeline.add(nanovolts(sums, NV_PER_STEP / _PART / width))


class SpikerShieldEncoder:
    """Blocks of one lead to frames of one channel, 20 equal ones a sample, clipped to 10 bits."""

    def encode(self, block: SampleBlock) -> bytes:
        """All frames of the block; gaps, lead states and saturation cannot be sent."""
        count = (steps(block, 1, NV_PER_STEP, "spikershield")[:, 0] + _ZERO).clip(0, 1023)
        count = np.repeat(count, together(1))
        return np.stack([count >> 7 | 0x80, count & 0x7F], axis=1).astype(np.uint8).tobytes()
