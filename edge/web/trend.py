"""The trend of the last 24 hours: a row a minute."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from edge.events import Beat, Rhythm

MINUTES: Final = 24 * 60
_MINUTE_S: Final = 60.0
_LATE_S: Final = 3.0  # after a minute its last beats are final

Row = tuple[int, float | None, float | None, float | None, int, int, int, float]
"""Number of the minute since the stream's start; mean, least and greatest rate in 1/min, where
there is one; beats, those that are V, those that are S; seconds that could be watched."""


@dataclass
class _Minute:
    beats: int = 0
    ventricular: int = 0
    supraventricular: int = 0
    rr_ms: float = 0.0
    intervals: int = 0
    rates: list[float] = field(default_factory=list)
    watched_s: float = 0.0


class Trend:
    """Fed with what comes, by the minute that it belongs to."""

    def __init__(self) -> None:
        self.rows: deque[Row] = deque(maxlen=MINUTES)
        self._open: dict[int, _Minute] = {}

    def beat(self, beat: Beat) -> None:
        """A beat; those that are not final do not count."""
        minute = self._at(beat.t)
        if not beat.final or minute is None:
            return
        minute.beats += 1
        minute.ventricular += beat.label == "V"
        minute.supraventricular += beat.label == "S"
        if beat.rr_ms is not None and beat.label != "U":
            minute.rr_ms += beat.rr_ms
            minute.intervals += 1

    def rhythm(self, rhythm: Rhythm) -> None:
        """A rate."""
        minute = self._at(rhythm.t)
        if minute and rhythm.rate_bpm is not None:
            minute.rates = [*minute.rates, rhythm.rate_bpm]
            minute.rates = [min(minute.rates), max(minute.rates)]

    def passed(self, t: float, watched_s: float) -> list[Row]:
        """The signal came to `t` seconds, the last `watched_s` of which could be watched.

        Gives the rows of minutes that are over.
        """
        if minute := self._at(t):
            minute.watched_s += watched_s
        over = [number for number in self._open if t >= (number + 1) * _MINUTE_S + _LATE_S]
        rows = [_row(number, self._open.pop(number)) for number in over]
        self.rows.extend(rows)
        return rows

    def _at(self, t: float) -> _Minute | None:
        """The minute of a time; None where its row is made."""
        number = int(t // _MINUTE_S)
        if self.rows and number <= self.rows[-1][0]:
            return None
        return self._open.setdefault(number, _Minute())


def _row(number: int, minute: _Minute) -> Row:
    mean = round(60_000 * minute.intervals / minute.rr_ms, 1) if minute.rr_ms else None
    least, most = (min(minute.rates), max(minute.rates)) if minute.rates else (None, None)
    counts = minute.beats, minute.ventricular, minute.supraventricular
    return number, mean, least, most, *counts, round(min(minute.watched_s, _MINUTE_S), 1)
