"""Too few beats: standstill, pauses, slow rates, single beats that are missing.

A silence is told while it lasts, and once more by the interval that it made, so that neither a
silence that began unseen nor one that a second never saw is missed. It is over when two known
beats are less than its limit apart: neither one beat alone, which may be an escape beat, nor an
unknown one, which may be none, nor a lost signal ends it. A dying heart beats now and then, at less
than the limit too: an asystole that comes again soon stands until its beats have a rate again.

A slow rate is the mean of the last four intervals, whatever the beats are called, with the R peak
that ends them: nothing waits for a label. Two of them have to be as long, so that one pause makes
no bradycardia.
"""

import math
from collections import deque
from typing import Final, NamedTuple

from edge.alarms import with_unit
from edge.chains import Alarms
from edge.events import AlarmName, Label
from edge.filters import STREAM_FS

DECIDED_S: Final = 0.25
"""Time after R that a beat may take to be found: a silence is believed so much later."""
RATE_INTERVALS: Final = 4
"""Of which a slow rate is the mean: five beats, as in cinc2015."""
LONG: Final = 2
"""Of them that are as long themselves; our choice, found on cinc2015."""
REGULAR: Final = 1.2
"""Longest over shortest of the intervals before a beat that is missing; our choice."""
AGAIN: Final = 1.5
"""Times the mean interval that the one after a missed beat is shorter than (Mindray TM80): where
the heart has become slow, no beat is missing."""
RECENT_S: Final = 10.0
"""Alarms of single events stay on while they recur within so long: they do not flood; our choice,
in the place of the time-outs of makers."""
DOUBT_S: Final = 1.0
"""So much later is asystole told where there are waves: by then they are known to be fibrillation,
or not. Our choice."""
SOON_S: Final = 30.0
"""After the end of an asystole; one that begins by then is over after as many known intervals in a
row that are less than its limit as a rate is made of. Our choice."""

_SILENT: Final[tuple[AlarmName, ...]] = ("asystole", "pause")


class _Long(NamedTuple):
    """An interval in which a beat may be missing."""

    start: int
    end: int
    mean: float
    """Seconds of the intervals before."""
    text: str


class SlowWatch:
    """Fed with R peaks, final beats and silences, sets the alarms of a slow heart."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._rr: deque[float] = deque(maxlen=RATE_INTERVALS)
        self._regular: deque[float] = deque(maxlen=3)  # intervals of N after N, in a row
        self._last: Label = "U"
        self._long: _Long | None = None  # the interval before the last beat
        self._missed = 0
        self._silent = 0  # since when, when it was last told
        self._found = 0  # the last R of a rate
        self._waves = -math.inf  # when there were waves without rest
        self._known: deque[int] = deque(maxlen=RATE_INTERVALS)  # starts, since the last asystole
        self._back: int | None = None  # when an asystole was last told to be over
        self._enough = 1  # known intervals, for this one to be over

    def found(self, r: int, rr: float) -> None:
        """An R peak, as soon as it is found, and the interval before it in seconds."""
        self._found = r
        self._rr.append(rr)
        self._rates(r, list(self._rr))

    def beat(self, r: int, label: Label, rr: float | None) -> None:
        """A beat's R, its final label, and the interval before it in seconds or None."""
        known = rr is not None and "U" not in (label, self._last)
        self._missing(r, label, rr if known else None)
        self._last = label
        if rr is None or label == "U":
            return
        start = r - round(rr * STREAM_FS)
        if known and start >= self._silent:
            self._known.append(start)
        for name in _SILENT:
            if rr >= self._alarms.limits[name]:
                self._stands(name, start, f"no beat for {rr:.1f} s")
            elif known and start >= self._silent:
                self._over(name, start, r, f"beats again, {rr:.1f} s apart")

    def silence(self, at: int, seconds: float) -> None:
        """No beat for so long before sample `at`, on a signal that would show one."""
        start = at - round(seconds * STREAM_FS)
        lasted = seconds - DECIDED_S
        if lasted > 0 and start >= self._found:  # else an interval would count twice
            end = at - round(DECIDED_S * STREAM_FS)
            self._rates(end, [*self._rr, lasted][-RATE_INTERVALS:], lasting=True)
        for name in _SILENT:
            limit = self._alarms.limits[name]
            doubt = name == "asystole" and at - self._waves <= DOUBT_S * STREAM_FS
            if seconds >= limit + DECIDED_S + (DOUBT_S if doubt else 0):
                self._silent = start
                self._stands(name, start, f"no beat for {with_unit(limit, 's')}")

    def waves(self, at: int) -> None:
        """Before `at` were such waves as fibrillation begins with, which is no silence."""
        self._waves = at

    def forget(self) -> None:
        """The signal is lost: what was is known no longer."""
        self._rr.clear()
        self._regular.clear()
        self._long = None
        self._last = "U"

    def _stands(self, name: AlarmName, start: int, text: str) -> None:
        if name == "asystole":
            self._known.clear()
            if name not in self._alarms:
                soon = self._back is not None and start - self._back < SOON_S * STREAM_FS
                self._enough = RATE_INTERVALS if soon else 1
        self._alarms.set(name, True, start, text)

    def _over(self, name: AlarmName, start: int, r: int, text: str) -> None:
        if name == "asystole" and name in self._alarms:
            if len(self._known) < self._enough:
                return
            start, self._back = self._known[-self._enough], r
        self._alarms.set(name, False, start, text)

    def _rates(self, end: int, rr: list[float], *, lasting: bool = False) -> None:
        """The last intervals up to stream sample `end`; one that still lasts ends no alarm."""
        if len(rr) < RATE_INTERVALS:
            return
        rate, longer = 60 * len(rr) / sum(rr), 60 / sorted(rr)[-LONG]
        last = f"four beats and none for {rr[-1]:.1f} s, less than"
        beats = last if lasting else "five beats at"
        names: tuple[AlarmName, ...] = ("bradycardia", "extreme_bradycardia")
        for name in names:
            if max(rate, longer) < self._alarms.limits[name]:
                limit = self._alarms.limits[name]
                slow = next(i for i, each in enumerate(rr) if 60 / each < limit)
                since = end - round(sum(rr[slow:]) * STREAM_FS)
                below = math.floor(10 * rate) / 10  # never rounded up to the limit
                self._alarms.set(name, True, since, f"{beats} {below:g}/min")
            elif rate > self._alarms.limits.release(name) and not lasting:
                self._alarms.set(name, False, end, f"beats at {rate:.0f}/min")

    @property
    def _longest(self) -> float:
        """Interval that a missed beat makes, at most, in seconds."""
        limits = self._alarms.limits
        return min((limits[name] for name in _SILENT if name not in limits.off), default=math.inf)

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
            if self._longest > sinus >= self._alarms.limits[name] * mean:
                text = f"an interval {sinus / mean:.1f} times as long as before"
                self._long = _Long(r - round(sinus * STREAM_FS), r, mean, text)
        if r - self._missed > RECENT_S * STREAM_FS:
            self._alarms.set(name, False, self._missed, "no other")
        if sinus:
            before.append(sinus)
        else:
            before.clear()
