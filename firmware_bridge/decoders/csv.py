"""Comma-separated ASCII, a line a sample: what most home-made sketches print.

Two or more numbers with `,`, `;` or a tab between them, or one with a decimal point; a single
integer is the AD8232 sketch's line, and belongs to that protocol. `!` is taken as there, for an
electrode that is off. How many numbers a line has, and what they are, is settled by the first 64
such lines in a row, which are held back until then:

- a first number that rises with every line is a clock or a counter, no lead;
- numbers with a decimal point and none above 5 are volts at the converter, others its counts.

A line with a word in it is text, and no sample.

Volts and counts become millivolts as with the AD8232 sketch: gain 1100 around 1.65 V, 5 V for 10
bits, nominal. Leads are called by their place in the line: C1, C2, and so on. Rate as there.
"""

import re

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.decoders.ad8232 import BOOT, NV_PER_COUNT, TEXT, ZERO_COUNT
from firmware_bridge.decoders.base import Counters
from firmware_bridge.decoders.timeline import Timeline
from firmware_bridge.errors import ProtocolError

NV_PER_VOLT = 1e9 / 1100
ZERO_VOLTS = 1.65
NV_PER_STEP = NV_PER_VOLT * 1e-4
"""Of the encoder, which sends four decimals."""
SETTLE = 64
MAX_COLUMNS = 16
_LONGEST = 256
_NUMBER = rb"[+-]?\d{1,9}(?:\.\d{0,9})?"
_LINE = re.compile(rb"(?:%b(?:[,;\t] ?%b)+|[+-]?\d{1,9}\.\d{0,9})" % (_NUMBER, _NUMBER))
_SEPARATOR = re.compile(rb"[,;\t]")
_VOLTS_MAX = 5.0
_Row = list[float] | None
"""Numbers of a line; None where an electrode is off."""


class CsvEncoder:
    """Blocks of up to 16 leads to lines of volts."""

    def __init__(self) -> None:
        # A reader drops what comes before the first line's end, as it may be half a line.
        self._lead_in = b"\r\n"

    def encode(self, block: SampleBlock) -> bytes:
        """All lines of the block; gaps and saturation cannot be sent."""
        if not 1 <= len(block.leads) <= MAX_COLUMNS:
            raise ProtocolError(f"csv carries 1 to {MAX_COLUMNS} leads: choose as many")
        if LeadState.OFF in block.lead_state:
            lines = b"!\r\n" * len(block)
        else:
            volts = block.mv.astype(np.float64) * (1e6 / NV_PER_VOLT) + ZERO_VOLTS
            line = b",".join([b"%.4f"] * len(block.leads)) + b"\r\n"
            lines = b"".join(line % tuple(row) for row in volts.tolist())
        lead_in, self._lead_in = self._lead_in, b""
        return lead_in + lines


class CsvDecoder:
    """Lines to blocks; sample 0 is the first line of those that settled what a line is."""

    def __init__(self, fs: float | None = None) -> None:
        """`fs` in Hz; ProtocolError without, since a sketch does not tell it."""
        if fs is None:
            raise ProtocolError("csv does not tell its sampling rate: give fs in Hz")
        self.counters = Counters()
        self._fs = fs
        self._rest = b""
        self._whole = False  # a line's end has been seen
        self._columns = 0
        self._held: list[list[float]] = []
        self._points: set[int] = set()  # columns in which a decimal point was seen
        self._timeline: Timeline | None = None
        self._first = 0  # column that is the first lead
        self._scale = np.empty(0)
        self._zero = np.empty(0)
        self._last: list[float] = []
        self._texts = 0  # lines in a row
        self._tells_off = False

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks that these bytes complete, one for each stretch of equal lead state."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[: _LONGEST + 1]  # an over-long one stays over-long, to be counted once
        if lines and not self._whole:
            self._whole = True
            del lines[0]
        rows: list[_Row] = []
        for line in lines:
            line = line.strip() if len(line) <= _LONGEST else b"?"
            if TEXT.fullmatch(line):
                self.counters.unknown += 1
                self._texts += 1
                if self._timeline and self._texts >= BOOT:
                    self._give(rows)
                    rows = []
                    self._timeline.lose(0, restart=True)
                continue
            self._texts = 0
            if _LINE.fullmatch(line):
                numbers = _SEPARATOR.split(line)
                row = [float(number) for number in numbers]
                if self._timeline is None:
                    self._hold(row, {i for i, number in enumerate(numbers) if b"." in number})
                    continue
                if len(row) == self._columns:
                    self.counters.good += 1
                    rows.append(row)
                    continue
            elif line == b"!":
                self._held = []
                if self._timeline:
                    self.counters.good += 1
                    rows.append(None)
                else:  # the AD8232 sketch's, as far as one can see
                    self.counters.unknown += 1
                continue
            elif not line:
                continue
            self.counters.damaged += 1
            self._held = []
            if self._timeline:
                self._give(rows)
                rows = []
                self._timeline.lose(1)
        if self._timeline is None:
            return []
        self._give(rows)
        return self._timeline.take()

    def _hold(self, row: list[float], points: set[int]) -> None:
        self.counters.good += 1
        if len(row) != self._columns or not self._held:
            self._columns = len(row)
            self._held, self._points = [], set()
        self._held.append(row)
        self._points |= points
        if len(self._held) == SETTLE:
            self._settle(np.array(self._held))
            held, self._held = self._held, []
            self._give(list(held))

    def _settle(self, rows: NDArray[np.float64]) -> None:
        self._first = int(self._columns > 1 and bool((np.diff(rows[:, 0]) > 0).all()))
        columns = range(self._first, self._columns)
        volts = np.array([i in self._points for i in columns])
        volts &= (np.abs(rows[:, self._first :]) <= _VOLTS_MAX).all(axis=0)
        self._scale = np.where(volts, NV_PER_VOLT, NV_PER_COUNT)
        self._zero = np.where(volts, ZERO_VOLTS, ZERO_COUNT)
        self._last = rows[0].tolist()
        self._timeline = Timeline(self._fs, [f"C{i + 1}" for i in columns], self.counters)

    def _give(self, rows: list[_Row]) -> None:
        """Rows without a damaged line between them."""
        begin = 0
        for end in range(1, len(rows) + 1):
            if end < len(rows) and (rows[end] is None) == (rows[begin] is None):
                continue
            off = rows[begin] is None
            self._tells_off |= off
            on = LeadState.ON if self._tells_off else LeadState.UNKNOWN
            numbers = np.array([row or self._last for row in rows[begin:end]])
            self._last = numbers[-1].tolist()
            nv = np.rint((numbers[:, self._first :] - self._zero) * self._scale).astype(np.int64)
            states = (LeadState.OFF if off else on,) * nv.shape[1]
            assert self._timeline
            self._timeline.add(nv, states)
            begin = end
