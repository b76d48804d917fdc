"""Events for people: a small live view on a terminal, plain lines anywhere else."""

import os
import shutil
import time
from collections import Counter, deque
from datetime import datetime
from typing import Final, Protocol, TextIO

from edge.alarms import RULES, number
from edge.clocks import local, of_day
from edge.events import (
    Acknowledged,
    Alarm,
    Beat,
    Clock,
    Event,
    Gap,
    Limit,
    Link,
    Output,
    Overrun,
    Priority,
    Quality,
    Rhythm,
    Session,
    Stats,
)
from edge.sinks.trace import CELLS, CELLS_PER_S, Trace, cell
from firmware_bridge.block import SampleBlock

_REDRAW_S: Final = 0.1
_NAME: Final = "edge-ecg"
_NOTICES: Final = 300
"""That are kept, for a tall terminal."""
_LEAST_NOTICES: Final = 4
"""That go before the strip of beats where there is little room."""
_KEPT_BEATS: Final = 500
"""More than a screen of 500 columns shows."""
_WIDEST, _TALLEST = CELLS, 300
"""Columns and rows that are used: what COLUMNS and LINES say need not be true."""
_LEAD_ROWS, _MOST_LEAD_ROWS = 6, 12
"""Of a lead's trace, where there are several, and at most."""
_SPACED: Final = 12
"""Rows for trace and log from which on there are blank lines between the rest."""
_MOST_ZOOM: Final = 9
_KEYS: Final = "q quit  space freeze  l next lead  + - gain  a acknowledge"
_BLANK: Final = 11
"""Rank of a line without anything on it."""
# The other screen, so that neither a resize nor an echoed ^C can shift the view; the cursor hides.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[H", "\x1b[?25h\x1b[?1049l"
_FROZEN: Final = "7"
_HOME, _CLEAR_BELOW = "\x1b[H", "\x1b[J"
_PLAIN, _BOLD, _DIM, _GOOD, _BAD = "0", "1", "2", "32", "33"
_ALARMS: Final[dict[Priority, str]] = {
    "high": "1;37;41",
    "medium": "1;30;43",
    "low": "30;43",
    "technical": "30;46",
}
"""Red, yellow and cyan, as bedside monitors have them."""
_LABELS: Final = {
    "N": ("normal", _GOOD),
    "S": ("supraventricular", "1;33"),
    "V": ("ventricular", "1;31"),
    "F": ("fusion", "1;35"),
    "Q": ("unclassifiable", "36"),
    "U": ("unknown", _DIM),
}

_NO_RATE: Final = ("asystole", "ventricular_fibrillation")
"""Rhythms in which the rate is that of the beats before."""

_Line = list[tuple[str, str]]
"""A line of the view: texts, each with its ANSI style."""


def clock(t: float) -> str:
    """Seconds as m:ss.s, from an hour on as h:mm:ss.s."""
    tenths = round(t * 10)
    minutes, seconds = divmod(tenths // 10, 60)
    hours, rest = divmod(minutes, 60)
    start = f"{hours}:{rest:02}" if hours else f"{minutes}"
    return f"{start}:{seconds:02}.{tenths % 10}"


def summary(stats: Stats, start: float | None = None) -> str:
    """The totals of a stream in a few lines; `start`: of the stream, Unix time."""
    lines = [f"{sum(stats.beats.values())} beats in {clock(stats.t)}"]
    if stats.mean_rate_bpm is not None:
        lines[0] += f", mean rate {stats.mean_rate_bpm:.0f}/min"
    for label, (name, _) in _LABELS.items():
        if count := stats.beats.get(label):
            lines.append(f"  {label} {count:6}  {name}")
    if stats.longest_rr_ms is not None:
        line = f"longest RR interval {stats.longest_rr_ms:.0f} ms"
        if (t := stats.longest_rr_t) is not None:
            line += f", until {clock(t)}" + (f" ({of_day(start + t)})" if start else "")
        lines.append(line)
    if stats.least_rate_bpm is not None and stats.greatest_rate_bpm is not None:
        lines.append(f"rate from {stats.least_rate_bpm:.0f} to {stats.greatest_rate_bpm:.0f}/min")
    if stats.unusable_s:
        lines.append(f"no lead could be judged for {clock(stats.unusable_s)}")
    if stats.lost_samples:
        lines.append(f"{stats.lost_samples} samples were lost on the way")
    if stats.dropped_samples:
        lines[-1] += f", {stats.dropped_samples} of them by this program"
    for name, count in stats.dropped_events.items():
        lines.append(f"{count} events were not written to {name}")
    if stats.frames:
        frames = ", ".join(f"{count} {kind}" for kind, count in stats.frames.items())
        lines.append(f"frames: {frames}")
    if stats.rate_hz is not None:
        lines.append(f"measured rate {stats.rate_hz:.3f} Hz, drift {stats.drift_ppm:+.0f} ppm")
    if stats.alarms:
        lines.append("alarms, and the longest of each:")
        for name, total in stats.alarms.items():
            times = f"{total.count} times" if total.count > 1 else "once"
            longest = (
                clock(total.longest_s) if total.longest_s else ""
            )  # a worse one took its place
            lines.append(f"  {name.replace('_', ' '):31} {times:>10}  {longest}".rstrip())
    return "\n".join(lines)


def _notice(event: Event) -> str:
    """What a person should hear of an event besides the beats; empty for the rest."""
    match event:
        case Alarm():
            over = "" if event.active else " over"
            high = " (high)" if event.priority == "high" else ""
            return f"{event.name.replace('_', ' ')}{over}: {event.text}{high}"
        case Acknowledged():
            names = ", ".join(name.replace("_", " ") for name in event.names)
            return f"acknowledged on the page: {names}"
        case Limit():
            limit = "off" if event.off else "on" if event.limit is None else number(event.limit)
            return f"limit of {event.name.replace('_', ' ')}, set on the page: {limit}"
        case Quality():
            return f"{event.lead}: {'good' if event.usable else event.reason.replace('_', ' ')}"
        case Gap():
            samples = "sample" if event.lost == 1 else "samples"
            return f"{event.lost} {samples} lost ({event.duration_s:.3f} s)"
        case Link():
            return f"link {event.state}: {event.detail}"
        case Session():
            board = f", {event.fs:g} Hz, {', '.join(event.leads)}" if event.fs else ""
            unsure = ", scale unknown" if event.scale else ""
            return f"began at {local(event.start)}: {event.source}{board}{unsure}"
        case Clock() | Overrun() | Output():
            return event.detail
        case _:
            return ""


class Lines:
    """Every final beat and every notice as a line of plain text."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._text = ""

    def write(self, event: Event) -> None:
        """Take the event's line, if it has one."""
        if isinstance(event, Beat) and event.final:
            rr = "" if event.rr_ms is None else f"RR {event.rr_ms:4.0f} ms"
            text = f"{event.label}  {rr:10}  {event.confidence:4.0%}"
        else:
            text = _notice(event)
        if text:
            self._text += f"{clock(event.t):>9}  {text}\n"

    def flush(self) -> None:
        """Write what was taken."""
        text, self._text = self._text, ""
        self._out.write(text)  # a buffer keeps what does not get out, for the next time
        self._out.flush()

    def close(self) -> None:
        """Nothing to close."""


class _Canvas(Protocol):
    def write(self, text: str, /) -> int:
        """0 where it does not take it."""


class Screen:
    """A view of the whole terminal, drawn at most ten times a second; `look` makes up for the rest.

    Beats stand where they fall in time, above the trace, so a premature one or a pause is seen
    as such; a label is dim while it is provisional. An alarm of high priority stays when it is
    over, as a latching one does, until it is acknowledged: who looks up late is to see it.
    """

    def __init__(self, out: _Canvas, title: str, *, dots: bool = False) -> None:
        """`out` is given whole frames. `dots`: in braille. NO_COLOR is heeded."""
        self.keys = False
        """Whether there are keys, and they are named."""
        self._out, self._title, self._dots = out, title, dots
        self._trace: Trace | None = None
        self._first_lead = self._zoom = 0
        self._frozen: tuple[float, Trace | None, dict[int, Beat]] | None = None
        self._quiet: set[str] = set()  # alarms that are acknowledged
        self._start: float | None = None  # Unix time
        self._rate = self._since = ""
        self._styled = not os.environ.get("NO_COLOR")
        self._drawn = time.monotonic()
        self._late = False  # what is shown is not the present state
        self._now = 0.0
        self._rhythm: Rhythm | None = None
        self._stale = False  # the rhythm is that of before the line failed
        self._away = ""  # how the line fails now
        self._measured_hz: float | None = None
        self._leads: dict[str, str] = {}
        self._beats: dict[int, Beat] = {}
        self._counts: Counter[str] = Counter()
        self._alarms: dict[str, Alarm] = {}
        self._notices: deque[str] = deque(maxlen=_NOTICES)
        self._draw(_ENTER, _CLEAR_BELOW)

    def show(self, block: SampleBlock) -> None:
        """Move the clock to the end of a block."""
        if not self._leads:
            self._leads = dict.fromkeys(block.leads, "ok")
            self._rate = f"  {block.fs:g} Hz"
        if self._trace is None:
            self._trace = Trace(block.leads)
        self._trace.push(block)
        self._now = (block.start + len(block)) / block.fs
        self._redraw()

    def write(self, event: Event) -> None:
        """Take the event into the view."""
        match event:
            case Session():
                self._start = datetime.fromisoformat(event.start).timestamp()
                self._since = f"  since {local(event.start)[:19]}"
                self._since += "  scale unknown" if event.scale else ""
            case Beat():
                self._stale = bool(self._away)
                self._beats[event.id] = event
                self._beats.pop(event.id - _KEPT_BEATS, None)
                self._counts[event.label] += event.final
            case Rhythm():
                self._rhythm, self._stale = event, bool(self._away)
            case Link():
                self._away = "" if event.state == "up" else f"link {event.state}"
                self._stale |= bool(self._away)
                if event.measured_hz or event.state == "down":
                    self._measured_hz = event.measured_hz
            case Clock(kind="set") if self._start is not None:
                self._start += event.by_s  # what comes is told by the clock that is right now
            case Quality():
                self._leads[event.lead] = event.reason.replace("_", " ")
            case Alarm():
                seen = event.name in self._quiet
                self._quiet.discard(event.name)  # one that comes again is a new one
                if event.active or (RULES[event.name].latching and not seen):
                    self._alarms[event.name] = event
                else:
                    self._alarms.pop(event.name, None)
        if notice := _notice(event):
            self._notices.append(f"{self._when(event.t)}  {notice}")
        self._now = max(self._now, event.t)
        self._redraw()

    def press(self, key: str) -> None:
        """Do what a key is for; nothing for others."""
        match key.lower():
            case " " if self._frozen:
                self._frozen = None
            case " ":
                trace = self._trace.copy() if self._trace else None
                self._frozen = self._now, trace, dict(self._beats)
            case "l" | "\t" if self._leads:
                self._first_lead = (self._first_lead + 1) % len(self._leads)
            case "+" | "=":
                self._zoom = min(self._zoom + 1, _MOST_ZOOM)
            case "-" | "_":
                self._zoom = max(self._zoom - 1, -_MOST_ZOOM)
            case "a":
                self._alarms = {name: a for name, a in self._alarms.items() if a.active}
                self._quiet = set(self._alarms)
            case _:
                return
        self._redraw()

    def look(self) -> None:
        """Show what could not be shown when it came. Call it now and then while nothing comes."""
        if self._late:
            self._redraw()

    def close(self) -> None:
        """Give the terminal back, with the last state on it."""
        self._draw(_LEAVE, "")
        self._late = False

    def pause(self) -> None:
        """Give the terminal back for a while."""
        self._out.write(_LEAVE)
        self._late = False

    def resume(self) -> None:
        """Take the terminal again."""
        self._draw(_ENTER, _CLEAR_BELOW)

    def _redraw(self) -> None:
        self._late = True
        if time.monotonic() - self._drawn >= _REDRAW_S:
            self._drawn = time.monotonic()
            self._draw(_HOME, _CLEAR_BELOW)

    def _draw(self, before: str, after: str) -> None:
        columns, rows = shutil.get_terminal_size()
        width, height = max(0, min(columns, _WIDEST) - 1), max(0, min(rows, _TALLEST) - 1)
        shown = _fitting(self._lines(width, height), height)
        lines = [_ansi(line, width, self._styled) for line in shown]
        frame = before + "".join(f"{line}\x1b[K\n" for line in lines) + after
        self._late = not self._out.write(frame)

    def _when(self, t: float) -> str:
        day = "" if self._start is None else f"{of_day(self._start + t)} "
        return f"{day}{clock(t):>9}"

    def _lines(self, width: int, height: int) -> list[tuple[int, _Line]]:
        """From top to bottom, each with its rank: where there is no room, the highest goes."""
        rate, rhythm = "--", "" if self._leads else "waiting for signal"
        if self._rhythm is not None:
            rhythm = self._rhythm.label.replace("_", " ")
            if self._rhythm.rate_bpm is not None and self._rhythm.label not in _NO_RATE:
                rate = f"{self._rhythm.rate_bpm:.0f}"
        times = f"  {time.strftime('%H:%M:%S')}  {clock(self._now)}"
        room = max(0, width - len(_NAME) - len(times))
        title = f"  {self._title}{self._rate}{self._since}"[:room]
        head = [(_NAME, _BOLD), (f"{title:{room}}{times}", _PLAIN)]
        vital = [(f"{rate:>4}", _DIM if self._stale else _BOLD), ("/min", _PLAIN)]
        if self._stale:
            vital.insert(0, ("last", _BAD))
        if self._measured_hz:
            vital.append((f"  wrong: give --fs {self._measured_hz:g}", _BAD))
        vital.append((f"  {rhythm:14}", _DIM if self._stale else _PLAIN))
        leads = {name: self._away or reason for name, reason in self._leads.items()}
        beside, below = vital, list[tuple[str, str]]()
        for reason in sorted(set(leads.values()), key=lambda r: (r != "ok", r)):
            names = " ".join(name for name, r in leads.items() if r == reason)
            style = _GOOD if reason == "ok" else _BAD
            beside = [*beside, (f"  {names} ", _PLAIN), (reason, style)]
            below = [("  ", _PLAIN), (reason, style), (f" {names}", _PLAIN), *below]
        if _length(beside) <= width:
            vital, below = beside, []
        shown = {k: v for k, v in _LABELS.items() if self._counts[k] or k in "NSVU"}
        wide = sum(len(f"  {name} {self._counts[k]}") for k, (name, _) in shown.items()) <= width
        counts: _Line = []
        for label, (name, style) in shown.items():
            text = f"  {name if wide else label} "
            counts += [(text, style), (f"{self._counts[label]}", _PLAIN)]
        alarms: _Line = [("  ", _PLAIN)]
        for alarm in sorted(self._alarms.values(), key=self._order):
            name = alarm.name.replace("_", " ").upper()
            text = alarm.text if alarm.active else f"until {clock(alarm.since)}"
            loud = alarm.active and alarm.name not in self._quiet
            alarms += [
                (f" {name}: {text} ", _ALARMS[alarm.priority] if loud else _DIM),
                (" ", _PLAIN),
            ]
        labels, intervals = self._strip(width)
        keys: _Line = []
        if self._frozen:
            keys = [(f" FROZEN AT {self._when(self._frozen[0])} ", _FROZEN)]
        if self.keys:
            keys += [("  ", _PLAIN), (_KEYS, _DIM)]
        fixed = [head, vital, below, labels, intervals, counts, alarms[1:], keys]
        room = height - sum(map(bool, fixed))
        spaced = room >= _SPACED
        if spaced:
            room -= 3 + (not self._alarms)  # so that one that comes moves nothing
        space = [(_BLANK, list[tuple[str, str]]())] * spaced
        trace = [(7, line) for line in self._waves(width, 2 * room // 3)] if room > 2 else []
        told = [(notice, 3 + i) for i, notice in enumerate(reversed(self._notices))]
        told = told[: room - len(trace)] if room > 2 else told[:_LEAST_NOTICES]
        empty = room - len(trace) - len(told) if room > 2 else 0
        return [
            (2, head),
            *space,
            (1, vital),
            *([(3, below)] if below else space),
            (8, labels),
            (9, intervals),
            *trace,
            *space,
            (10, counts),
            *([(0, alarms)] if self._alarms else space),
            *[(min(rank, 7), [(notice, _DIM)]) for notice, rank in reversed(told)],
            *[(_BLANK, list[tuple[str, str]]())] * max(0, empty),
            *([(6 if self._frozen else 10, keys)] if keys else []),
        ]

    def _waves(self, width: int, rows: int) -> list[_Line]:
        """The trace of as many leads as there is room for, the chosen one first."""
        now, trace, _ = self._frozen or (self._now, self._trace, {})
        if trace is None or width == 0 or rows == 0:
            return []
        n = max(1, min(len(trace.leads), rows // _LEAD_ROWS))
        lines: list[_Line] = []
        for i in range(n):
            lead = (self._first_lead + i) % len(trace.leads)
            height = min(_MOST_LEAD_ROWS, rows // n)
            drawn, mv = trace.draw(lead, cell(now), width, height, self._zoom, self._dots)
            name = f"{trace.leads[lead]}  {mv:g} mV/row"
            name += "" if i else f"  {width / CELLS_PER_S:.0f} s"
            name = f"{name} "[:width]
            lines.append([(name, _DIM), (drawn[0][len(name) :], _PLAIN)])
            lines += [[(line, _PLAIN)] for line in drawn[1:]]
        return lines

    def _order(self, alarm: Alarm) -> tuple[bool, bool, int]:
        """What is on and not acknowledged comes first, and of that the worst."""
        return not alarm.active, alarm.name in self._quiet, list(RULES).index(alarm.name)

    def _strip(self, width: int) -> tuple[_Line, _Line]:
        """The last beats at their place in time, and under each the interval before it in ms."""
        labels = [(" ", _PLAIN)] * width
        intervals = [" "] * width
        now, _, beats = self._frozen or (self._now, None, self._beats)
        for beat in beats.values():
            column = width - 1 - cell(now) + cell(beat.t)
            if not 0 <= column < width:
                continue
            style = _LABELS[beat.label][1]
            labels[column] = (beat.label, style if beat.final else f"{_DIM};{style}")
            text = "" if beat.rr_ms is None else f"{beat.rr_ms:.0f}"
            start = column + 1 - len(text)
            # Shown where the interval itself is wide enough, so that no number hides another.
            if start >= 0 and beat.rr_ms and beat.rr_ms * CELLS_PER_S / 1000 > len(text):
                intervals[start : column + 1] = text
        return labels, [("".join(intervals), _DIM)]


def _fitting(lines: list[tuple[int, _Line]], rows: int) -> list[_Line]:
    """The most important lines, in their order."""
    kept = sorted(range(len(lines)), key=lambda i: lines[i][0])[: max(0, rows)]
    return [lines[i][1] for i in sorted(kept)]


def _length(line: _Line) -> int:
    return sum(len(text) for text, _ in line)


def _ansi(line: _Line, width: int, styled: bool) -> str:
    """A line as bytes for the terminal, cut at its width."""
    parts = []
    for text, style in line:
        if text := text[:width]:
            plain = style == _PLAIN or not styled
            parts.append(text if plain else f"\x1b[{style}m{text}\x1b[0m")
        width -= len(text)
    return "".join(parts)
