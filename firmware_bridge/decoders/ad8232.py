"""The AD8232 sketch: a converter's number a line in ASCII, or `!` while an electrode is off.

How many bits the converter has the lines do not tell: the first numbers are held back, and the
least that is usual and holds them is taken, and said to be no more than that
(`decoders/scales.py`). The sketch's loop is as slow as its line is long, so the rate must be given
or estimated; while `!` is sent, shorter lines come faster and the time base runs fast.
"""

import enum
import itertools
from typing import NamedTuple

import numpy as np

from firmware_bridge.block import NANOVOLT, LeadState, SampleBlock, Scale, Step
from firmware_bridge.decoders.base import Counters
from firmware_bridge.decoders.lines import BOOT, Numbers, OffWords, Other, Splitter, parse
from firmware_bridge.decoders.scales import Column, Counts, columns, outgrown
from firmware_bridge.decoders.timeline import Timeline
from firmware_bridge.errors import ProtocolError

_UNO = Counts(10).column()
NV_PER_COUNT, ZERO_COUNT = _UNO.nv, _UNO.zero
LEADS = ("ECG",)
SETTLE = 64
"""Numbers that are held back,"""
HELD = 16 * SETTLE
"""or lines, where electrodes are off in between."""
_DIGITS = 5
_BITS = 18  # that hold as many, with a sign
_KNOWN = 64  # lines that tell that this is a converter, and not a signal around zero
_NEAR_ZERO = 64  # a number below may be followed by some below zero,
_SMALL = 256  # the more so where all are smaller than most of a converter's,
_LARGE = 1024  # or, where they are larger than the usual one's, if they swing as much


class _Kind(enum.Enum):
    SAMPLE = "sample"
    LOST = "lost"
    BEGAN = "began"
    """The board, anew: no sample."""


class _Line(NamedTuple):
    kind: _Kind = _Kind.SAMPLE
    off: bool = False
    number: int | None = None
    """None: the last one holds."""


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
    one with a word in it is text. While an electrode is off the last value is held. `!` before the
    first number needs no scale, and is given at once.
    """

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz; ProtocolError without, since the sketch does not tell it."""
        if fs is None:
            raise ProtocolError("ad8232 does not tell its sampling rate: give fs in Hz")
        self.counters = Counters()
        self._fs = fs
        self._splitter = Splitter()
        self._off_words = OffWords()
        # Before the first number all is 0, on any scale.
        self._timeline = Timeline(fs, LEADS, self.counters, (Scale(0.0, "counts", False),))
        self._column: Column | None = None  # once it is settled
        self._held: list[_Line] = []
        self._number: int | None = None  # the last that is a sample
        self._texts = 0  # lines in a row
        self._least, self._most, self._lines = 10**_DIGITS, 0, 0
        self._last = 0
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
        for line in self._splitter.feed(data):
            self._held += self._told(line)
            if not self._lines:
                self._give()
            elif not self._column and (self._lines >= SETTLE or len(self._held) >= HELD):
                self._settle()
        if self._column:
            self._timeline.scale = outgrown([self._column], [self._most])
            self._give()
        return self._timeline.take()

    def _settle(self) -> None:
        counts = [line.number for line in self._held if line.number is not None]
        (self._column,), _, _ = columns(np.array(counts, float)[:, None], [False], [""])

    def _told(self, line: bytes) -> list[_Line]:
        line = line.strip()
        if line.isdigit() and len(line) <= _DIGITS:
            self._texts = 0
            self.counters.good += 1
            self._weigh(int(line))
            return [_Line(off=self._off_words.sample(), number=int(line))]
        given = parse(line)
        if given is Other.EMPTY:
            return []
        if given is Other.SAID_OFF and (samples := self._off_words.said()):
            self._texts = 0
            self.counters.good += samples
            return [_Line(off=True)] * samples
        if given in (Other.TEXT, Other.SAID_OFF) or (isinstance(given, Numbers) and given.labelled):
            self.counters.unknown += 1
            self._texts += 1
            return [_Line(_Kind.BEGAN)] if self._texts == BOOT else []
        self._texts = 0
        if given is Other.OFF:
            self._off_words.sample()
            self._off += 1
            self.counters.good += 1
            return [_Line(off=True)]
        self.counters.damaged += 1
        self._others += isinstance(given, Numbers)
        return [_Line(_Kind.LOST)]

    def _weigh(self, count: int) -> None:
        """Takes a number into what is known of all."""
        if self._lines:
            self._jumps += 8 * abs(count - self._last) > self._most - self._least
            self._leaps += 2 * abs(count - self._last) > self._most - self._least
        self._lines += 1
        self._last = count
        self._least = min(self._least, count)
        self._most = max(self._most, count)

    def _give(self) -> None:
        """What is held becomes samples."""
        held, self._held = self._held, []
        nv, zero, *_ = self._column or _UNO
        self._timeline.resolve((Step(nv, _BITS) if zero == round(zero) else NANOVOLT,))
        for (off, kind), lines in itertools.groupby(held, key=lambda line: (line.off, line.kind)):
            if kind is not _Kind.SAMPLE:
                self._timeline.lose(
                    len([*lines]) * (kind is _Kind.LOST), restart=kind is _Kind.BEGAN
                )
                continue
            counts = []
            for line in lines:
                self._number = self._number if line.number is None else line.number
                counts.append(zero if self._number is None else self._number)
            given = np.rint((np.array(counts) - zero) * nv).astype(np.int64)
            state = LeadState.OFF if off else LeadState.ON
            self._timeline.add(given.reshape(-1, 1), (state,))
