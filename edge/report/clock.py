"""Seconds of signal as the time of day, where a recording tells when it began."""

from datetime import datetime, timedelta
from typing import Final

from edge.files import Start

_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)


class Clock:
    """Tells times of one recording.

    A start with a zone is told as the time of this machine's, with what is set forward or back in
    it; one without as it stands in the recording; without a start the time since the beginning.
    """

    def __init__(self, start: Start | None, seconds: float) -> None:
        """`seconds`: how long the recording lasts."""
        self._start = start
        self._days = start is not None and self._at(0).date() != self._at(seconds).date()
        self._zones = {self._at(t).strftime("%z") for t in (0.0, seconds)} if start else set()

    def _at(self, t: float) -> datetime:
        assert self._start
        try:
            at = self._start.at + timedelta(seconds=t)
            return at.astimezone() if at.tzinfo else at
        except (OverflowError, ValueError):  # the year 9999
            return self._start.at

    def until(self, step: float) -> float:
        """Seconds from the beginning to the first multiple of `step` seconds since midnight.

        At most `step`, which divides a day.
        """
        if not self._start:
            return step
        at = self._at(0.0)
        past = at.hour * 3600 + at.minute * 60 + at.second + at.microsecond * 1e-6
        return step - past % step

    def began(self) -> str:
        """The beginning in words."""
        if not self._start:
            return "not told by the recording: times are since its beginning"
        at = self._at(0.0)
        time = f"{at:%H:%M:%S}"
        if not self._start.dated:
            return f"{time}, the day is not told"
        text = f"{at.day} {_MONTHS[at.month - 1]} {at.year:04}, {time}"
        if not at.tzinfo:
            return f"{text}, by the recording's own clock"
        zones = " and ".join(f"{zone[:3]}:{zone[3:5]}" for zone in sorted(self._zones))
        return f"{text} (UTC {zones}{', as clocks are changed' if len(self._zones) > 1 else ''})"

    def time(self, t: float, *, seconds: bool = True) -> str:
        """Of day, or since the beginning; with the day where there is more than one."""
        whole = round(t)
        if not self._start:
            whole = whole if seconds else round(t / 60) * 60
            text = f"{whole // 3600}:{whole // 60 % 60:02}"
            return f"{text}:{whole % 60:02}" if seconds else text
        at = self._at(0.0 if self._start.at.tzinfo is None else whole)
        if self._start.at.tzinfo is None:
            at += timedelta(seconds=whole)
        if not seconds:
            at += timedelta(seconds=30)  # to the nearest minute, as the seconds are left out
        text = f"{at:%H:%M:%S}" if seconds else f"{at:%H:%M}"
        if not self._days:
            return text
        if self._start.dated:
            return f"{at.day} {_MONTHS[at.month - 1]} {text}"
        return f"day {(at.date() - self._at(0.0).date()).days + 1} {text}"


def lasted(seconds: float) -> str:
    """A duration, as short as it can be said."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s"
