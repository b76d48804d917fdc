"""Text of any sketch, a line a sample: `decoders/lines.py` tells what a line may be.

A single whole number of up to five digits, never below zero, is the AD8232 sketch's line, and
belongs to that protocol. Everything else is settled by the first 64 lines of one shape (the same
number of numbers, with the same names and units), which are held back until then, by 256 where some
column stands still, may be a clock or a signal that rises, or has no known scale. What the columns
are, `decoders/columns.py` tells, by a header too, and `decoders/scales.py` what the numbers are.

Several columns may be one lead's samples in turn: they are samples then, and no lead each.

A line of another shape is damage, or, with a word in it, text, and no sample, unless it has all
that the settled one has, by name. `!` is taken as by
the AD8232 sketch, for an electrode that is off, and so are words for it that stand in place of
samples, or before each, and a column LO that is not 0.

Leads without a name are called by their place in the line: C1, C2, and so on.
"""

import itertools
import math
import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.block import NANOVOLT, LeadState, SampleBlock, Step
from firmware_bridge.decoders.base import Counters
from firmware_bridge.decoders.columns import (
    Clock,
    Columns,
    header,
    is_ecg,
    is_no_lead,
    split_unit,
    tell,
    unwrapped,
)
from firmware_bridge.decoders.lines import (
    BOOT,
    COMMA,
    Numbers,
    OffWords,
    Other,
    Splitter,
    is_decimal,
    parse,
)
from firmware_bridge.decoders.scales import NV_PER_VOLT, ZERO_V, outgrown
from firmware_bridge.decoders.timeline import Timeline
from firmware_bridge.errors import ProtocolError
from firmware_bridge.text import narrow

NV_PER_STEP = NV_PER_VOLT * 1e-4
"""Of the encoder, which sends four decimals."""
SETTLE = 64
LONGER = 4 * SETTLE
_HELD_BYTES = 8_000  # of one shape: more are not waited for
MAX_COLUMNS = 16
_SHAPES = 4  # that are looked at together
_AD8232 = re.compile(rb"\d{1,5}")
_MOST_NV = 9e18
_WHOLE = 5  # volts, of a number with a decimal comma
_PAUSE = 2.5  # periods of a clock from which on lines are missing
_LONG_S = 86_400.0  # a longer one is a clock that was set
_UNCLEAR = re.compile(
    rb"(?!.*\d:\d)[^,{\[]*(?:[A-Za-z=][^,{\[]*\d,\d[^,]*|\d,\d+\s*[A-Za-z;][^,]*)\r?\n?"
)
_APART = re.compile(rb"[^A-Za-z]*?(?:[6-9]|\d\d+),[^A-Za-z]*")  # beyond `_WHOLE`, without a unit
_THOUSANDS = re.compile(rb"[+-]?[1-9]\d{0,2}(?:(?:[ ,']|\xc2\xa0)\d{3})+")
_MAY_BE_POINT = "its comma may stand for a decimal point"
_MOST_TOLD_NV = 20e6  # that a heart's voltage moves, at the electrodes


class _Row(NamedTuple):
    values: tuple[float, ...]
    """Of a line; none where it tells only that an electrode is off."""
    off: bool


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
            volts = block.mv.astype(np.float64) * (1e6 / NV_PER_VOLT) + ZERO_V
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
        self.doubt = ""
        self._fs = fs
        self._splitter = Splitter()
        self._off_words = OffWords()
        self._header: list[tuple[str, str]] = []  # names and units, from the last line of such
        self._decimal_comma = False
        self._held: dict[tuple[str, ...], list[bytes]] = {}
        self._shape: tuple[str, ...] = ()
        self._columns: Columns | None = None
        self._needed: tuple[int, ...] = ()  # columns without which there is no sample
        self._timeline: Timeline | None = None
        self._last: tuple[float, ...] = ()
        self._now: float | None = None  # the clock's last
        self._fall = (0.0, 0.0)  # its last that was set back, or wrapped: from, and to
        self._time_s = 0.0  # since the first line, by the clock
        self._unclocked = 0  # lines without numbers since then
        self._missing = 0  # damaged lines since the last row
        self._texts = 0  # lines in a row
        self._tells_off = False
        self._rows: list[_Row] = []  # since the last damaged line
        self._zero = self._nv = np.empty(0)  # of the leads
        self._range: NDArray[np.float64] | None = None  # of the leads, least and most

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks that these bytes complete, one for each stretch of equal lead state."""
        for line in self._splitter.feed(data):
            if self._timeline is None:
                for values in self._unsettled(line):
                    self._put(values)
            else:
                self._line(line, self._timeline)
        if self._timeline is None:
            return []
        self._give()
        return self._timeline.take()

    def _line(self, line: bytes, timeline: Timeline) -> None:
        given = parse(line, self._decimal_comma)
        if given is Other.EMPTY:
            return
        if given is Other.SAID_OFF and (samples := self._off_words.said()):
            self._texts = 0
            self.counters.good += samples
            self._rows += [_Row((), off=True)] * samples
        elif self._is_text(line, given):
            self._text(timeline)
        elif given is Other.OFF:
            self._texts = 0
            self._off_words.sample()
            self.counters.good += 1
            self._rows.append(_Row((), off=True))
        else:
            self._texts = 0
            self._put(self._picked(given) if isinstance(given, Numbers) else ())

    def _text(self, timeline: Timeline) -> None:
        """A line for people; so many in a row are of a board that starts."""
        self.counters.unknown += 1
        self._texts += 1
        if self._texts == BOOT:
            self._give()
            timeline.lose(0, restart=True)
            self._now = None

    def _is_text(self, line: bytes, given: Numbers | Other) -> bool:
        """Whether a line is for people, and none of the settled shape, if a broken one."""
        if isinstance(given, Numbers):
            own = {self._shape[i] for i in self._needed} - {""}
            return given.labelled and given.shape != self._shape and own.isdisjoint(given.shape)
        name = self._shape[0].partition("\n")[0].encode()
        row = name and re.match(re.escape(name) + rb"\s*[:=]", line.strip())
        return given in (Other.TEXT, Other.SAID_OFF) and not row

    def _picked(self, given: Numbers) -> tuple[float, ...]:
        """Its numbers in the order of the settled shape, which may stand among others."""
        if given.shape == self._shape:
            return given.values
        keys, own = given.shape[:-1], self._shape[:-1]
        if given.labelled and keys[: len(own)] == own:
            return given.values[: len(own)]
        if any(keys.count(self._shape[i]) != 1 or not self._shape[i] for i in self._needed):
            return ()
        at = dict(zip(keys, given.values, strict=True))
        return tuple(at.get(key, 0.0) for key in own)

    def _put(self, values: tuple[float, ...]) -> None:
        """One more row; where a number that it should have is not in it, a line that is missing."""
        if values and not any(math.isnan(values[i]) for i in self._needed):
            self.counters.good += 1
            off = self._off_words.sample()
            turns = self._columns.turns if self._columns else ()
            self._rows += [_Row((values[i],), off) for i in turns] or [_Row(values, off)]
        else:
            self.counters.damaged += 1
            self._give()
            self._missing += max(1, len(self._columns.turns)) if self._columns else 1

    def _unsettled(self, line: bytes) -> list[tuple[float, ...]]:
        """Holds the line back; all that are held, once they tell what they are."""
        given = parse(line)
        if isinstance(given, Numbers):
            self._off_words.sample()
            if given.labelled:
                for shape in [*self._held][: max(0, len(self._held) - _SHAPES)]:
                    del self._held[shape]
            else:
                self._held = {k: v for k, v in self._held.items() if k == given.shape}
            held = self._held.setdefault(given.shape, [])
            held.append(line)
            if len(held) >= SETTLE and len(held) % (SETTLE // 2) == 0:
                return self._settle(given.shape, held)
        elif given is Other.TEXT:
            self.counters.unknown += 1
            self._head(header(line))
        elif given in (Other.OFF, Other.SAID_OFF):
            self.counters.unknown += 1  # the AD8232 sketch's, as far as one can see
            if given is Other.OFF or self._off_words.said():
                self._held = {}
        elif given is Other.DAMAGED:
            self.counters.damaged += 1
            self._held = {}
        return []

    def _head(self, head: list[tuple[str, str]]) -> None:
        """Takes a header; one of units under one of names is of the same columns."""
        if len(head) == len(self._header) and not all(name for name, _ in head):
            head = [(old, unit) for (old, _), (_, unit) in zip(self._header, head, strict=True)]
        self._header = head or self._header

    def _settle(self, shape: tuple[str, ...], held: list[bytes]) -> list[tuple[float, ...]]:
        """Looks what lines of this shape are; the rows if that is clear."""
        del held[:-LONGER]
        if all(_AD8232.fullmatch(line.strip()) for line in held):
            del held[: SETTLE // 2]
            return []
        comma, doubt = _comma(held)
        given = [row for line in held if isinstance(row := parse(line, comma), Numbers)]
        names, units = self._named(given[0])
        others = [
            k[0].partition("\n")[0]
            for k, lines in self._held.items()
            if k != shape and len(lines) > SETTLE // 2
        ]
        if others and all(map(is_no_lead, names)):
            return []
        if not all(map(is_no_lead, others)) and (
            not any(map(is_ecg, names)) or any(map(is_ecg, others))
        ):
            doubt = f"other lines come as often: {narrow(others[0])}"
        rows = _known(np.array([row.values for row in given]))
        points = [any(column) for column in zip(*(row.points for row in given), strict=True)]
        columns = tell(rows, names, units, given[0].times, points)
        if columns is None:
            del held[: SETTLE // 2]
            return []
        if len(names) == 1 and _in_turn(rows[:, 0]):
            doubt = "two numbers may come in turn"
        full = len(held) >= LONGER or len(held) * len(held[-1]) > _HELD_BYTES
        self.counters.good = len(given)
        if (columns.waits or doubt) and not full:
            return []
        self.counters.good = 0
        self._decimal_comma, self.doubt = comma, doubt or columns.doubt
        self._shape, self._columns = given[0].shape, columns
        self._needed = columns.turns or columns.leads
        self._needed += (columns.clock.column,) if columns.clock else ()
        self._last = given[0].values[: 1 if columns.turns else None]
        self._timeline = Timeline(self._fs, columns.names, self.counters)
        self._zero = np.array([scale.zero for scale in columns.scales])
        self._nv = np.array([scale.nv for scale in columns.scales])
        self._whole = self._zero == np.rint(self._zero)
        self._held = {}
        return [row.values for row in given]

    def _named(self, given: Numbers) -> tuple[list[str], list[str]]:
        """Names and units of its columns, by themselves or a header."""
        head = self._header or header(self._splitter.first, cut=True)
        if not any(given.names) and len(head) == len(given.names):
            named = head
        else:
            named = [split_unit(name) for name in given.names]
        units = [own or unit for own, (_, unit) in zip(given.units, named, strict=True)]
        return [name for name, _ in named], units

    def _give(self) -> None:
        """Rows without a damaged line between them."""
        rows, self._rows = self._rows, []
        if not rows or self._columns is None or self._timeline is None:
            return
        columns = self._columns
        off = [row.off or any(row.values[i] for i in columns.off) for row in rows]
        numbers = self._filled(rows)
        times: list[float | None] = [None] * len(rows)
        missing = [self._missing] + [0] * (len(rows) - 1)
        if columns.clock:
            known = np.array([bool(row.values) for row in rows])
            times, missing = self._clocked(columns.clock, numbers, known)
        self._missing = 0
        begin = 0
        for end in range(1, len(rows) + 1):
            if end < len(rows) and off[end] == off[begin] and not missing[end]:
                continue
            self._tells_off |= bool(off[begin] or columns.off)
            on = LeadState.ON if self._tells_off else LeadState.UNKNOWN
            self._timeline.lose(max(missing[begin], 0), restart=missing[begin] < 0)
            given = numbers[begin:end, list(columns.leads)]
            nv = (given - self._zero) * self._nv
            self._watch(given)
            self._whole &= (given == np.rint(given)).all(axis=0)
            self._timeline.resolve(tuple(map(_step, self._nv.tolist(), self._whole.tolist())))
            self._timeline.add(
                np.rint(nv.clip(-_MOST_NV, _MOST_NV)).astype(np.int64),
                (LeadState.OFF if off[begin] else on,) * len(columns.leads),
                times[begin],
            )
            begin = end

    def _watch(self, numbers: NDArray[np.float64]) -> None:
        """Doubts a scale by which a lead is more than a converter, or a heart, lets it be."""
        assert self._columns
        assert self._timeline
        scales = self._columns.scales
        seen = numbers if self._range is None else np.concatenate([self._range, numbers])
        self._range = np.stack([seen.min(axis=0), seen.max(axis=0)])
        self._timeline.scale = outgrown(scales, np.abs(self._range).max(axis=0).tolist())
        swing = np.ptp(self._range, axis=0) * self._nv
        if any(s.scale.told and nv > _MOST_TOLD_NV for s, nv in zip(scales, swing, strict=True)):
            self.doubt = self.doubt or "its unit makes it larger than an ECG is"

    def _filled(self, rows: list[_Row]) -> NDArray[np.float64]:
        """The rows, with the last numbers where an electrode was off."""
        out = []
        for row in rows:
            self._last = row.values or self._last
            out.append(self._last)
        return np.array(out)

    def _turned(
        self, counts: NDArray[np.float64], step: NDArray[np.float64], clock: Clock
    ) -> NDArray[np.float64]:
        """`step`, where a count that falls from what it fell from before, and to that, goes on."""
        for i in np.flatnonzero(np.diff(counts) < 0).tolist():
            fall = (counts[i], counts[i + 1])
            if fall == self._fall:
                step[i] = clock.period
            self._fall = fall
        return step

    def _clocked(
        self, clock: Clock, numbers: NDArray[np.float64], known: NDArray[np.bool_]
    ) -> tuple[list[float | None], list[int]]:
        """Seconds of each row by its clock, and the lines missing before it; -1: it began anew.

        `known`: which rows have numbers.
        """
        times: list[float | None] = [None] * len(known)
        missing = [0] * len(known)
        at = np.flatnonzero(known)
        if not len(at):
            self._unclocked += len(known)
            return times, missing
        now = numbers[at, clock.column]
        counts = np.append(now[0] if self._now is None else self._now, now)
        step = self._turned(counts, unwrapped(counts, clock.period, clock.turn), clock)
        fresh, self._now = self._now is None, float(now[-1])
        back = (step < 0) | (step * (clock.unit_s or 0.0) > _LONG_S)
        # Lines without numbers take their time, too.
        between = np.diff(at, prepend=-1) - 1
        between[0] += self._unclocked
        self._unclocked = len(known) - 1 - int(at[-1])
        periods = np.rint(step / clock.period) - 1 - between
        gap = np.where(step > (_PAUSE + between) * clock.period, periods, 0)
        if self._missing:
            # What stood there lasted as long as the clock says, if it says anything.
            gap[0] = max(periods[0], 0) if step[0] > 0 and not fresh else self._missing
        gap = np.where(back, -1, gap.clip(0))
        seconds = (
            self._time_s + np.where(back, 0.0, step).cumsum() * (clock.unit_s or 0.0)
        ).tolist()
        self._time_s = seconds[-1]
        for i, n, time_s in zip(at.tolist(), gap.astype(int).tolist(), seconds, strict=True):
            missing[i] = n
            times[i] = time_s if clock.unit_s else None
        return times, missing


def _step(nv: float, whole: bool) -> Step:
    """Whole numbers are counted as they are, others in nanovolts."""
    return Step(nv, 32) if whole and nv >= 1 else NANOVOLT


def _known(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows, shape [n, columns], with the number before each that is none, or 0."""
    if not np.isnan(rows).any():
        return rows
    last = np.where(np.isnan(rows), -1, np.arange(len(rows))[:, None])
    last = np.maximum.accumulate(last, axis=0)
    return np.where(last < 0, 0.0, np.take_along_axis(rows, last.clip(0), axis=0))


def _in_turn(values: NDArray[np.float64]) -> bool:
    """Whether most lines are farther from the one before than half of all that comes."""
    return bool(np.mean(2 * np.abs(np.diff(values)) > np.ptp(values)) > 0.5)


def _comma(held: list[bytes]) -> tuple[bool, str]:
    """Whether the only comma of these lines is a decimal one, and what is not sure about that."""
    matches = [COMMA.fullmatch(line.strip()) for line in held]
    if not all(matches):
        if all(_THOUSANDS.fullmatch(line.strip()) for line in held) and any(
            part.startswith(b"0") for line in held for part in re.split(rb"\D+", line)[1:]
        ):
            return False, "its columns may be one number with its thousands apart"
        points = [point for line in held for point in re.findall(rb"(\d+),(\d+)", line)]
        if (
            all(map(is_decimal, held))
            and all(fraction[:1] != b"0" for _, fraction in points)
            and any(int(whole) > _WHOLE for whole, _ in points)
        ):
            return False, _MAY_BE_POINT
        unclear = all(_UNCLEAR.fullmatch(line) and not _APART.fullmatch(line) for line in held)
        return False, _MAY_BE_POINT if unclear else ""
    parts = [(match[1], match[2]) for match in matches if match]
    first = {whole for whole, _ in parts}
    if b"-0" in first or any(part.startswith(b"0") and part.strip(b"0") for _, part in parts):
        return True, ""
    widths = {len(part) for _, part in parts}
    if len(widths) > 1 or first == {b"0"} or max(abs(int(whole)) for whole in first) > _WHOLE:
        return False, ""
    if len(first) == 1:
        return False, _MAY_BE_POINT
    # Across a change of the whole number one number goes on, and two jump.
    values = np.array([float(whole + b"." + part) for whole, part in parts])
    changes = np.flatnonzero([a[0] != b[0] for a, b in itertools.pairwise(parts)])
    return bool(np.median(np.abs(np.diff(values)[changes])) < 0.5), ""
