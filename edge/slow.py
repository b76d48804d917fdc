"""Too few beats: standstill, pauses, slow rates, single beats that are missing.

A silence is told while it lasts, and once more by the interval that it made, so that neither a
silence that began unseen nor one that a second never saw is missed. It is over when two known
beats are less than its limit apart: neither one beat alone, which may be an escape beat, nor an
unknown one, which may be none, nor a lost signal ends it.

A slow rate is that of three of the last four intervals, at its begin with a mean of all four below
the limit at which it ends: one pause makes no bradycardia, and one early beat ends none. Where the
heart is slow, every interval would be a pause: there a pause has to be as much longer than the
intervals before as a missed beat makes it.
"""

from collections import deque
from typing import Final, NamedTuple

from edge.alarms import with_unit
from edge.chains import Alarms
from edge.events import AlarmName, Label
from edge.filters import STREAM_FS

DECIDED_S: Final = 0.25
"""Time after R that a beat may take to be found: a silence is believed so much later."""
RATE_INTERVALS: Final = 4
"""Of which a slow rate is that of all but the shortest."""
REGULAR: Final = 1.2
"""Longest over shortest of the intervals before a beat that is missing; our choice."""
AGAIN: Final = 1.5
"""Times the mean interval that the one after a missed beat is shorter than (Mindray TM80): where
the heart has become slow, no beat is missing."""
LONGER: Final = 1.8
"""Times the mean interval that makes a pause in bradycardia: a missed beat's (GE EK-Pro)."""
RECENT_S: Final = 10.0
"""Alarms of single events stay on while they recur within so long: they do not flood; our choice,
in the place of the time-outs of makers."""
FINAL_S: Final = 2.0
"""A beat is final by then: of a shorter silence the interval before it may not be known yet."""


class _Long(NamedTuple):
    """An interval in which a beat may be missing."""

    start: int
    end: int
    mean: float
    """Seconds of the intervals before."""
    text: str


class SlowWatch:
    """Fed with final beats and with silences, sets the alarms of a slow heart."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._rr: deque[float] = deque(maxlen=RATE_INTERVALS)
        self._regular: deque[float] = deque(maxlen=3)  # intervals of N after N, in a row
        self._last: Label = "U"
        self._long: _Long | None = None  # the interval before the last beat
        self._missed = 0

    def beat(self, r: int, label: Label, rr: float | None) -> None:
        """A beat's R, its final label, and the interval before it in seconds or None."""
        known = rr is not None and "U" not in (label, self._last)
        before = self._rr_mean()
        self._missing(r, label, rr if known else None)
        self._last = label
        if rr is None or label == "U":
            return
        if known:
            self._rr.append(rr)
            self._rates(r, list(self._rr))
        start = r - round(rr * STREAM_FS)
        limits: tuple[tuple[AlarmName, float], ...] = (
            ("asystole", self._alarms.limits["asystole"]),
            ("pause", self._pause(before)),
        )
        for name, limit in limits:
            if rr >= limit:
                self._alarms.set(name, True, start, f"no beat for {rr:.1f} s")
            elif known:
                self._alarms.set(name, False, start, f"beats again, {rr:.1f} s apart")

    def silence(self, at: int, seconds: float) -> None:
        """No beat for so long before sample `at`, on a signal that would show one."""
        start = at - round(seconds * STREAM_FS)
        if seconds >= FINAL_S + DECIDED_S:
            running = [*self._rr, seconds][-RATE_INTERVALS:]
            self._rates(at, running, lasting=True)
            if "bradycardia" in self._alarms and seconds < self._pause(self._rr_mean()):
                self._alarms.set("pause", False, start, "a slow rhythm")
        limits: tuple[tuple[AlarmName, float], ...] = (
            ("asystole", self._alarms.limits["asystole"]),
            ("pause", self._pause(self._rr_mean())),
        )
        for name, limit in limits:
            if seconds >= limit + DECIDED_S:
                self._alarms.set(name, True, start, f"no beat for {with_unit(limit, 's')}")

    def forget(self) -> None:
        """The signal is lost: what was is known no longer."""
        self._rr.clear()
        self._regular.clear()
        self._long = None
        self._last = "U"

    def _rr_mean(self) -> float | None:
        return sum(self._rr) / len(self._rr) if self._rr else None

    def _pause(self, mean: float | None) -> float:
        """Seconds that a silence has to last to be a pause."""
        limit = self._alarms.limits["pause"]
        return max(limit, LONGER * mean) if mean and "bradycardia" in self._alarms else limit

    def _rates(self, end: int, rr: list[float], *, lasting: bool = False) -> None:
        """The last intervals up to stream sample `end`; one that still lasts ends no alarm."""
        if len(rr) < RATE_INTERVALS:
            return
        rate = 60 / sorted(rr)[1]
        mean = 60 * len(rr) / sum(rr)
        text = f"three of four intervals at {rate:.0f}/min or less"
        names: tuple[AlarmName, ...] = ("bradycardia", "extreme_bradycardia")
        for name in names:
            if rate < self._alarms.limits[name] and mean < self._alarms.limits.release(name):
                since = end - round(sum(rr) * STREAM_FS)
                self._alarms.set(name, True, since, text)
            elif rate > self._alarms.limits.release(name) and not lasting:
                self._alarms.set(name, False, end, f"beats at {rate:.0f}/min")

    @property
    def _irregular(self) -> bool:
        return "atrial_fibrillation" in self._alarms

    def _missing(self, r: int, label: Label, rr: float | None) -> None:
        """A beat, and the known interval before it, in the light of those before."""
        name: Final = "missed_beat"
        if self._long and rr and rr < AGAIN * self._long.mean:
            self._missed = self._long.end
            self._alarms.renew(name, self._long.start, self._long.text)
        self._long = None
        before = self._regular
        sinus = rr if label == self._last == "N" and not self._irregular else None
        if sinus and len(before) == before.maxlen and max(before) < REGULAR * min(before):
            mean = sum(before) / len(before)
            if sinus >= self._alarms.limits[name] * mean:
                text = f"an interval {sinus / mean:.1f} times as long as before"
                self._long = _Long(r - round(sinus * STREAM_FS), r, mean, text)
        if r - self._missed > RECENT_S * STREAM_FS:
            self._alarms.set(name, False, self._missed, "no other")
        if sinus:
            before.append(sinus)
        else:
            before.clear()
