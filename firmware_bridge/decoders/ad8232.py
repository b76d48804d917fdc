"""The AD8232 sketch: an ADC count a line in ASCII, or `!` while an electrode is off.

Scale and offset are nominal, our choice from what the usual parts say: the 10-bit ADC of a 5 V
Arduino (5 V / 1023), the gain of 1100 that Analog Devices' data sheet gives for its cardiac
monitor circuit, and 1.65 V, half of the board's 3.3 V, for zero. Another ADC changes the amplitude
of the beats and nothing else. The sketch's loop is as slow as its line is long, so the rate must
be given or estimated; while `!` is sent, shorter lines come faster and the time base runs fast.
"""

import numpy as np

from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders.base import Counters
from firmware_bridge.decoders.lines import BOOT, LONGEST, Numbers, Other, parse
from firmware_bridge.errors import ProtocolError

NV_PER_COUNT = 5e9 / 1023 / 1100
ZERO_COUNT = round(1.65 / 5 * 1023)
LEADS = ("ECG",)
_DIGITS = 5
_KNOWN = 64  # lines that tell that this is a converter, and not a signal around zero
_NEAR_ZERO = 64  # a number below may be followed by some below zero,
_SMALL = 256  # the more so where all are smaller than most of a converter's,
_LARGE = 1024  # or, where they are larger than the usual one's, if they swing as much


class Ad8232Encoder:
    """Blocks of one lead to lines, clipped to 10 bits."""

    def __init__(self) -> None:
        # A reader drops what comes before the first line's end, as it may be half a line.
        self._lead_in = b"\r\n"

    def encode(self, block: SampleBlock) -> bytes:
        """All lines of the block; gaps and saturation cannot be sent."""
        if len(block.leads) != 1:
            raise ProtocolError("ad8232 carries one ECG lead: choose one")
        if block.lead_state[0] is LeadState.OFF:
            lines = b"!\r\n" * len(block)
        else:
            counts = np.rint(block.mv[:, 0] * (1e6 / NV_PER_COUNT) + ZERO_COUNT).clip(0, 1023)
            lines = b"".join(b"%d\r\n" % count for count in counts.astype(int).tolist())
        lead_in, self._lead_in = self._lead_in, b""
        return lead_in + lines


class Ad8232Decoder:
    """Lines to blocks of one lead; sample 0 is the first line that is a sample.

    A line is a sample, so once the stream has begun a damaged line counts as a lost sample too, but
    one with a word in it is text. While an electrode is off the last value is held.
    """

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz; ProtocolError without, since the sketch does not tell it."""
        if fs is None:
            raise ProtocolError("ad8232 does not tell its sampling rate: give fs in Hz")
        self.counters = Counters()
        self._fs = fs
        self._rest = b""
        self._whole = False  # a line's end has been seen
        self._next = 0
        self._count = ZERO_COUNT
        self._lost = 0
        self._texts = 0  # lines in a row
        self._restart = False
        self._least, self._most, self._lines = 10**_DIGITS, 0, 0
        self._off = self._others = 0  # lines of `!`, and of other numbers
        self._feeds = False  # a line feed has been seen
        self._jumps = 0  # lines far from the one before,
        self._leaps = 0  # and so far that two numbers may come in turn

    @property
    def doubt(self) -> str:
        """Why this may be another sketch; "" if it is none."""
        if self._others > self._lines // 32:
            return "numbers of another kind come too"
        if self.counters.damaged > self._lines // 8:
            return f"{self.counters.damaged} lines are no numbers"
        swing = self._most - self._least if self._most >= _LARGE else 0
        near = self._least < max(_NEAR_ZERO, swing)
        more = (16 if self._most < _SMALL else 4) if near else 1
        if self._lines < _KNOWN * more and not self._off:
            return f"only {self._lines} numbers"
        if 2 * self._leaps > self._lines:
            return "two numbers may come in turn"
        if not self._feeds and 4 * self._jumps > self._lines:
            return "its lines end in CR alone, and are no steady signal"
        return ""

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks that these bytes complete, one for each stretch of equal lead state."""
        self._feeds |= b"\n" in data
        *lines, rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[: LONGEST + 1]  # an over-long one stays over-long, to be counted once
        if lines and not self._whole:
            self._whole = True
            del lines[0]
        blocks: list[SampleBlock] = []
        counts: list[int] = []
        state = LeadState.ON
        for line in lines:
            line = line.strip() if len(line) <= LONGEST else b"?"
            if line.isdigit() and len(line) <= _DIGITS:
                now = LeadState.ON
                before, self._count = self._count, int(line)
                self._lines += 1
                self._jumps += 8 * abs(self._count - before) > self._most - self._least
                self._leaps += 2 * abs(self._count - before) > self._most - self._least
                self._least = min(self._least, self._count)
                self._most = max(self._most, self._count)
            elif line == b"!":
                now = LeadState.OFF
                self._off += 1
            elif line:
                given = parse(line)
                if counts:
                    blocks.append(self._block(counts, state))
                    counts = []
                if given is Other.TEXT or (isinstance(given, Numbers) and given.labelled):
                    self.counters.unknown += 1
                    self._texts += 1
                    self._restart |= self._texts >= BOOT and self._next > 0
                    continue
                self._texts = 0
                self.counters.damaged += 1
                self._others += isinstance(given, Numbers)
                self._lost += bool(self._next)
                continue
            else:
                continue
            self._texts = 0
            if counts and now is not state:
                blocks.append(self._block(counts, state))
                counts = []
            state = now
            counts.append(self._count)
        if counts:
            blocks.append(self._block(counts, state))
        return blocks

    def _block(self, counts: list[int], state: LeadState) -> SampleBlock:
        restart, self._restart = self._restart, False
        lost, self._lost = max(self._lost, restart), 0
        start = self._next + lost
        self._next = start + len(counts)
        self.counters.good += len(counts)
        self.counters.lost += lost
        nv = np.rint((np.array(counts) - ZERO_COUNT) * NV_PER_COUNT).astype(np.int64)
        return SampleBlock(
            start=start,
            mv=mv_from_nv(nv.reshape(-1, 1)),
            fs=self._fs,
            leads=LEADS,
            lead_state=(state,),
            saturated=(False,),
            lost=lost,
            restart=restart,
        )
