"""The times beside the samples of a table or an array: their rate, and the rows that are missing.

Whatever clock a file has, its times come by quanta, in lumps, or late: a row is late by as much as
its time is behind those of the rows before, and only what no row makes up for is missing.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.files import Channel, Start, choice
from firmware_bridge.decoders.columns import turn_of, unit_of, unwrapped

_RATES_HZ: Final = (45.0, 1500.0)
"""Of rows, where nothing but a name tells the unit of a clock."""
LARGEST: Final = 1e100
"""What is not below it is no time, and no sample."""
_LEAST_HZ, _MOST_HZ = 1.0, 1e5  # no clock of samples
_MS: Final = 1e-3
_SMALLEST: Final = 1e-12  # step of a clock
_LEAST: Final = 8  # steps that tell a rate
_BLOCK: Final = 16  # of them are looked at as one
_UNSTEADY: Final = 0.2  # of a period, from which on most blocks are no clock's
_USUAL: Final = 0.9  # of the steps are no gaps
_RARE: Final = 0.02  # of the steps are after rows that are missing, at most
_ALIKE: Final = 1e-3  # of a step
_MOST_SWING: Final = 2048.0  # rows, which are held
_MOSTLY: Final = 0.99
_GAP: Final = 1.5  # periods from which on rows may be missing
_WINDOW: Final = 64  # rows before and after that tell how many, at least
_WINDOW_S: Final = 0.5
_BACK_S: Final = 1.0  # a clock that is set by less goes on
_LONG_S: Final = 86_400.0
_DAY_S: Final = 86_400.0
_MOST_ROWS: Final = 1e8  # that a gap is of, by their numbers
_TICK: Final = 8  # rows to a step of a clock from which on fewer ones tell of missing ones
_PIECE: Final = 1 << 14  # rows given at a time
_CLOCK: Final = re.compile(
    r"#|n|t|s|ms|us|ts|index|idx|(unnamed.*)|.*(time|date|clock|sample|epoch|millis|micros|elapsed"
    r"|second|zeit|tijd|tiempo).*|temps|heure|hora|ora|tempo",
    re.IGNORECASE,
)
_NUMBERS: Final = re.compile(
    r"#|n|index|idx|unnamed.*|(sample|frame|row)s?([ _]*(#|n[or]?|num\w*|ind\w*|idx|count\w*))?",
    re.IGNORECASE,
)
_EPOCH: Final = 1e8  # a number from which on one is no row's
_SURE: Final = 250  # rows that tell a counter whose name is none
_FALLS: Final = 0.3  # of the rows, as no clock does that is not written down in lumps
_GAPS: Final = 0.01  # of the rows are after a gap, or a wrap, at most
_TICKS: Final = 0.02  # of the rows at which a clock goes on
_UNIX_S: Final = (1e9, 1e10)
"""What seconds since 1970 are taken to be between: 2001 and 2286."""
_UNITS: Final = (
    (re.compile(r"(?<![a-zµμ])(s|secs?|seconds?)(?![a-z])"), 1.0),
    (re.compile(r"(?<![a-zµμ])(ms|msecs?|millis|milliseconds?)(?![a-z])"), 1e-3),
    (re.compile(r"(?<![a-z])([uµμ]s|[uµμ]secs?|micros|microseconds?)(?![a-z])"), 1e-6),
    (re.compile(r"(?<![a-zµμ])(ns|nsecs?|nanos|nanoseconds?)(?![a-z])"), 1e-9),
)


@dataclass(frozen=True, slots=True)
class Times:
    """A column that tells the time of each row, or numbers the rows."""

    column: int
    name: str
    unit_s: float | None
    """Seconds of a step; None where it numbers the rows."""
    period: float
    """Steps from a row to the next."""
    swing: float
    """Periods by which times may stand still, or come late, where no row is missing."""
    turn: float
    """Where it begins anew, as `turn_of` has it."""
    fs: float | None
    """Rows a second."""
    unsure: float = 0.0
    """Of the rate, as a part of it."""
    of_day: bool = False
    """Whether it is a time of day, which begins anew at midnight."""
    stamped: bool = False
    """Whether it is a date and time, or a time of day."""

    def start(self, first: float) -> Start | None:
        """When it was, where this is its first time, and one that tells."""
        if self.unit_s is None or math.isnan(first):
            return None
        if self.stamped:
            at = datetime(2000, 1, 1) if self.of_day else datetime(1970, 1, 1)
            try:
                return Start(at + timedelta(seconds=first), dated=not self.of_day)
            except OverflowError:
                return None
        wall = first * self.unit_s
        if not _UNIX_S[0] < wall < _UNIX_S[1]:
            return None
        return Start(datetime.fromtimestamp(wall, UTC), dated=True)

    def filled(self, pieces: Iterator[NDArray[Any]], file: str) -> Iterator[NDArray[Any]]:
        """Rows of times and samples, [n, 1 + leads], as samples, NaN where rows are missing.

        RecordError where the times of the file, which is called `file`, go back or far ahead.
        """
        parts: list[NDArray[Any]] = []
        for part in self._parts(pieces, file):
            parts.append(part)
            if sum(map(len, parts)) >= _PIECE:
                yield np.concatenate(parts)
                parts = []
        if parts:
            yield np.concatenate(parts)

    def _parts(self, pieces: Iterator[NDArray[Any]], file: str) -> Iterator[NDArray[Any]]:
        """The same, in parts of any size."""
        window = math.ceil(max(_WINDOW, 2 * self.swing, _WINDOW_S * (self.fs or 0.0)))
        late = np.empty(0)  # periods that rows are late by: those that are held, and some before
        held: NDArray[Any] | None = None
        last: tuple[float, int] | None = None
        rows, begun = 0, 0  # before those of `late`; the last gap, in `late`
        for piece in chain(pieces, [None]):
            if piece is not None:
                grown, last = self._grown(piece[:, 0], last, rows + len(late), file)
                late = np.append(late, grown.cumsum() + (late[-1] if len(late) else 0.0))
                held = piece[:, 1:] if held is None else np.concatenate([held, piece[:, 1:]])
            if held is None:
                return
            first = at = len(late) - len(held)
            end = max(first, len(late) - (window if piece is not None else 0))
            steps = np.diff(late[:end], prepend=late[:1]) + 1
            far = np.flatnonzero(steps > _GAP)
            for k in far[far >= first].tolist():
                before = late[max(begun, k - window) : k].min(initial=math.inf)
                cut = max(0, self.swing - (len(late) - k))  # the end may have, of a slow clock
                missing = late[k : k + window].min() - before - cut
                if missing < 0.5:
                    continue
                yield held[at - first : k - first]
                yield from _nothing(round(float(missing)), held.shape[1])
                at = begun = k
            yield held[at - first : end - first]
            held = held[end - first :]
            gone = max(0, end - window)
            late, begun, rows = late[gone:], max(0, begun - gone), rows + gone

    def _grown(
        self, values: NDArray[Any], last: tuple[float, int] | None, row: int, file: str
    ) -> tuple[NDArray[np.float64], tuple[float, int] | None]:
        """Periods that each row is later by than the one before; one without a time by none.

        `last` and what is returned as such: the last time that there is, and rows since then.
        """
        grown = np.zeros(len(values))
        at = np.flatnonzero(np.abs(values) < LARGEST)
        if not len(at):
            return grown, last and (last[0], last[1] + len(values))
        known = values[at]
        before, since = last or (known[0], -1 - int(at[0]))
        step = self._steps(np.append(before, known))
        if self.unit_s is None:  # numbers that begin anew
            step[(step < 0) | (step > _MOST_ROWS)] = self.period
        else:
            self._check(step * self.unit_s, row + at + 1, file)
        grown[at] = step / self.period - np.diff(at, prepend=-1 - since)
        return grown, (float(known[-1]), len(values) - 1 - int(at[-1]))

    def _check(self, step_s: NDArray[np.float64], rows: NDArray[np.intp], file: str) -> None:
        wrong = (step_s < -_BACK_S) | (step_s > _LONG_S)
        if wrong.any():
            i = int(wrong.argmax())
            how = "back" if step_s[i] < 0 else "ahead"
            raise RecordError(
                f"{file} has times ({self.name}) that go {how} by {abs(step_s[i]):g} s at row "
                f"{rows[i]} of its samples: cut it in two there"
            )

    def _steps(self, values: NDArray[Any]) -> NDArray[np.float64]:
        step = unwrapped(values, self.period, self.turn)
        return _over_midnight(step) if self.of_day else step


def is_clock(name: str, column: NDArray[np.float64]) -> bool:
    """Whether a column is times, or numbers of the rows, up or down."""
    steps = np.diff(column[~np.isnan(column)])
    falls = np.count_nonzero(steps < 0) >= _FALLS * len(column)
    if _CLOCK.fullmatch(name) and (not falls or 2 * abs(steps.sum()) > np.abs(steps).sum()):
        return True
    if name and (len(column) < _SURE or choice.is_named(Channel(name, None, 0.0))):
        return False
    return _counts(column) or _counts(-column)


def _counts(column: NDArray[np.float64]) -> bool:
    """Whether a column never falls and does not stay, or wraps evenly, but for some gaps."""
    column = column[~np.isnan(column)]
    steps = np.diff(column)
    if len(steps) < 4:
        return False
    sizes, counts = np.unique(steps, return_counts=True)
    sizes = sizes[counts > _GAPS * len(steps)]
    if len(sizes) == 2 and -sizes[0] > 2 * sizes[1] > 0:
        return True
    if 0 < np.count_nonzero(steps < 0) <= _GAPS * len(steps):
        steps = unwrapped(column, float(np.median(steps)), turn_of(column))
    return bool((steps >= 0).all() and (steps > 0).mean() > _TICKS)


def told_by(
    column: int,
    values: NDArray[np.float64],
    name: str,
    unit: str | None,
    stamped: bool,
    *,
    beside: bool = False,
) -> Times | None:
    """The times that a column of the first rows tells, if it does; NaN for rows without one.

    `stamped`: they are times of day, with a date or without, in seconds. `beside`: nothing stands
    above it, but something above others, as programs leave it above the numbers of rows.
    """
    at = np.flatnonzero(~np.isnan(values))
    known = values[at]
    if len(known) <= _LEAST:
        return None
    of_day = stamped and bool(known.max() < _DAY_S)
    turn = np.inf if stamped else _turn(known)
    step = unwrapped(known, float(np.median(np.diff(known))), turn)
    step = _over_midnight(step) if of_day else step
    edges = np.flatnonzero(step > _SMALLEST)
    if len(edges) <= _LEAST:
        return None
    # From one change of the time to another, so that a coarse clock tells a rate too.
    t, n = np.append(0.0, step.cumsum())[edges + 1], at[edges + 1]
    period, unsure = _even(np.diff(t), np.diff(n)) or _uneven(t, n)
    if not period > 0:
        return None
    late = np.append(0.0, step.cumsum()) / period - at
    swing = float(np.quantile(np.maximum.accumulate(late) - late, _MOSTLY)) * 1.02 + 1
    swing = min(swing, _MOST_SWING)
    named = _named(f"{name} {unit or ''}")
    if named and not _RATES_HZ[0] <= 1 / (period * named) <= _RATES_HZ[1]:
        named = unit_of(period) or named
    if (
        not stamped
        and np.median(step) == 1
        and period == 1
        and not (named and 1 / named <= _RATES_HZ[1])
    ):
        return Times(column, name, None, 1.0, swing, turn, None)
    unit_s = 1.0 if stamped else named or unit_of(period)
    if not stamped and not named and not (_CLOCK.fullmatch(name) and not _NUMBERS.fullmatch(name)):
        # A row in ten was kept, with its number: that is no count of milliseconds.
        other = not beside and _is_other(name, unit)
        whole = period == round(period) == np.median(step) and known[0] < _EPOCH
        if whole and (other or unit_s == _MS) and (other or beside or _NUMBERS.fullmatch(name)):
            return Times(column, name, None, period, swing, turn, None)
        if other:
            return None  # a heart rate that rises
    if unit_s is None:
        return None
    fs = 1 / (period * unit_s)
    if not _LEAST_HZ < fs < _MOST_HZ:
        return None
    told = _plain(fs, fs * unsure)
    return Times(column, name, unit_s, period, swing, turn, told, unsure, of_day, stamped)


def _is_other(name: str, unit: str | None) -> bool:
    channel = Channel(name, unit, 0.0)
    return choice.is_beside(channel) or choice.is_other(channel)


def _even(step: NDArray[np.float64], rows: NDArray[np.intp]) -> tuple[float, float] | None:
    """Steps a row, and how unsure these are, as a part of them.

    Of a clock with steps of a few sizes, as all have that are not written down by another clock;
    None for others. `rows`: that each step takes.
    """
    least = float(np.median(step)) * _ALIKE
    if not least > 0:
        return None
    sizes, counts = np.unique(np.rint(step / least), return_counts=True)
    often = sizes[counts > _RARE * len(step)]
    usual = float(often.max(initial=0.0)) * least * (1 + _ALIKE)
    middle = float(np.median(rows))
    lengths, counts_of = np.unique(rows, return_counts=True)
    usually = np.isin(rows, lengths[counts_of > _RARE * len(rows)])
    kept = (step > 0) & (step <= usual) & (usually if middle <= _TICK else rows > 0.8 * middle)
    if kept.mean() < _USUAL or counts[np.isin(sizes, often)].sum() < _USUAL * len(step):
        return None
    whole = float(step[kept].sum())
    if not whole > 0:
        return None
    quantum = usual if len(often) > 1 else 0.0
    return whole / int(rows[kept].sum()), 2 * quantum / whole


def _uneven(t: NDArray[np.float64], n: NDArray[np.intp]) -> tuple[float, float]:
    """The same of any other clock, its changes `t` at the rows `n`; a period of 0 for none."""
    size = int(np.clip((len(t) - 1) // _BLOCK, 1, _BLOCK))
    periods = np.diff(t[::size]) / np.diff(n[::size])
    middle = float(np.median(periods))
    spread = float(np.median(np.abs(periods - middle)))
    if not 0 < middle < math.inf or spread > _UNSTEADY * middle:
        return 0.0, 0.0
    steady = periods[np.abs(periods - middle) <= max(2 * spread, middle / (2 * size))]
    unsure = float(np.ptp(steady)) / middle / math.sqrt(len(steady))
    return float(steady.mean()), unsure


def _turn(values: NDArray[np.float64]) -> float:
    """Where they begin anew, though a gap lie there once."""
    whole = turn_of(values)
    return whole if whole < np.inf else float(np.median([*map(turn_of, np.array_split(values, 9))]))


def _plain(fs: float, unsure: float) -> float:
    """The roundest rate that this may be, to the millihertz."""
    for digits in (-1, 0, 1, 2):
        if abs(round(fs, digits) - fs) <= unsure:
            return round(fs, digits)
    return round(fs, 3)


def _named(text: str) -> float | None:
    """Seconds of the unit of a clock that is called so."""
    text = text.casefold().replace("_", " ")
    return next((unit_s for unit, unit_s in _UNITS if unit.search(text)), None)


def _over_midnight(step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Steps of a time of day: back by more than half a day is the next day."""
    return np.where(step < -_DAY_S / 2, step + _DAY_S, step)


def _nothing(rows: int, leads: int) -> Iterator[NDArray[np.float64]]:
    """So many rows of NaN, not all at once."""
    for done in range(0, rows, _PIECE):
        yield np.full((min(_PIECE, rows - done), leads), np.nan)
