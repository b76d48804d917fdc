"""The host's clocks: when a stream began, and whether the time of day or the machine jumped since.

Signal time knows none of them; what is found here is told beside it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

JUMP_S: Final = 0.9
"""The least jump that is told: a leap second is one."""
LOOK_S: Final = 1.0
"""Seconds between looks."""
_FIRST: Final = datetime(1, 1, 3, tzinfo=UTC).timestamp()
_LAST: Final = datetime(9999, 12, 29, tzinfo=UTC).timestamp()  # some zones are a day ahead
_TORN_S: Final = 0.05  # of a reading in which the process was stopped


class Moment(NamedTuple):
    """One moment, in seconds."""

    wall: float
    """Unix time."""
    running: float
    """Of a clock that stands still while the machine is suspended."""
    boot: float
    """Of one that does not, and that nobody sets; the one above where the system has none."""


@dataclass(frozen=True, slots=True)
class Jump:
    """What a clock did."""

    kind: Literal["set", "suspended"]
    by_s: float
    wall: float
    """Unix time after it."""


def now() -> Moment:
    """The present moment: the three readings are of one, even if the process is stopped among them.

    Raises no error: a system without a clock that counts suspends has two the same.
    """
    while True:
        began = time.monotonic()
        boot = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else began
        moment = Moment(time.time(), time.monotonic(), boot)
        if moment.running - began < _TORN_S:
            return moment


class ClockWatch:
    """Holds the clocks against each other."""

    def __init__(self, read: Callable[[], Moment] = now) -> None:
        self._read = read
        self._last = read()

    def look(self) -> list[Jump]:
        """What happened since it was told last; small steps add up until they are worth it."""
        before, moment = self._last, self._read()
        passed = moment.boot - before.boot
        jumps: list[Jump] = []
        wall, running = before.wall + passed, before.running + passed
        if abs(suspended := running - moment.running) >= JUMP_S:
            jumps.append(Jump("suspended", suspended, moment.wall))
            running = moment.running
        if abs(by := moment.wall - wall) >= JUMP_S:
            jumps.append(Jump("set", by, moment.wall))
            wall = moment.wall
        self._last = Moment(wall, running, moment.boot)
        return jumps


def utc(wall: float) -> str:
    """Unix time as ISO 8601 in UTC, to the millisecond: 2026-11-29T00:24:44.120Z.

    The years 1 to 9999 have such a form; one beyond them is their end.
    """
    bounded = min(max(wall, _FIRST), _LAST)
    return datetime.fromtimestamp(bounded, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def zone(wall: float) -> str:
    """The machine's distance from UTC at that time, such as +01:00; it may be a day and more."""
    offset = time.localtime(wall).tm_gmtoff
    minutes, seconds = divmod(abs(offset), 60)
    text = f"{'-' if offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text


def local(iso: str) -> str:
    """A time of `utc` as the machine's own, to the second: 19 characters, and its zone."""
    there = datetime.fromisoformat(iso)
    wall = there.timestamp()
    there += timedelta(seconds=time.localtime(wall).tm_gmtoff)
    return there.replace(tzinfo=None).isoformat(" ", "seconds") + zone(wall)


def of_day(wall: float) -> str:
    """Unix time as the machine's own time of day."""
    there = time.localtime(wall)
    return f"{there.tm_hour:02}:{there.tm_min:02}:{there.tm_sec:02}"
