"""Too many beats: fast rates, and tachycardia that begins suddenly above the ventricles.

A rate is made of R peaks as they are found, whatever they are called; what is supraventricular of
known beats, and an unknown beat between them is passed over.
"""

from collections import deque
from itertools import pairwise
from typing import Final

from edge.chains import Alarms
from edge.events import AlarmName, Label
from edge.filters import STREAM_FS

RATE_INTERVALS: Final = 12
"""Of which a fast rate is the mean; our choice: under 5 s at every rate that is alarmed."""
LATEST: Final = 3
"""Of them that are fast themselves when it begins: none is told of what is over; our choice."""
STALE_S: Final = 30.0
"""Older intervals are left out; our choice."""
BEATS: Final = 8
"""Of a supraventricular tachycardia before it is told (PatientNet)."""
SUDDEN: Final = 0.85
"""Its first interval over the mean before: what a premature beat has (Spacelabs)."""
REGULAR: Final = 0.12
"""Most that its intervals differ from one to the next, on average, over their mean; our choice."""
OVER: Final = 3
"""Beats in a row that are slower, or ventricular, after which it is over; our choice."""

_RATES: Final[tuple[AlarmName, ...]] = ("extreme_tachycardia", "tachycardia")
_SUDDEN: Final[AlarmName] = "supraventricular_tachycardia"


class FastWatch:
    """Fed with R peaks, final beats and silences, sets the alarms of a fast heart."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._intervals: deque[tuple[int, float]] = deque(
            maxlen=RATE_INTERVALS + 1
        )  # start, seconds
        self._last: Label = "U"
        self._fast: deque[float] = deque(maxlen=BEATS - 1)  # intervals of the run, in a row
        self._start = 0
        self._sudden = False
        self._slowed = False  # by beats whose final observation is still to come
        self._others = 0

    def found(self, r: int, rr: float) -> None:
        """An R peak, as soon as it is found, and the interval before it in seconds."""
        self._intervals.append((r - round(rr * STREAM_FS), rr))
        while self._intervals and r - self._intervals[0][0] > STALE_S * STREAM_FS:
            self._intervals.popleft()
        last = list(self._intervals)[-RATE_INTERVALS:]
        if not last:
            return
        rate, latest = _rate(last), _rate(last[-LATEST:])
        for name in _RATES:
            limit = self._alarms.limits[name]
            slow = len(last) >= LATEST and rate < self._alarms.limits.release(name)
            if len(last) == RATE_INTERVALS and min(rate, latest) > limit:
                since = next(start for start, seconds in last if 60 / seconds > limit)
                self._alarms.set(name, True, since, f"rate {rate:.0f}/min")
            elif slow or self._alarms.hidden(name):
                self._alarms.set(name, False, r, f"rate {rate:.0f}/min")
        self._slowed = latest < self._alarms.limits.release(_SUDDEN)
        if self._slowed and self._alarms.hidden(_SUDDEN):
            self._alarms.set(_SUDDEN, False, r, f"rate {latest:.0f}/min")

    def beat(self, r: int, label: Label, rr: float | None) -> None:
        """A beat's R, its final label, and the interval before it in seconds or None."""
        known = rr is not None and "U" not in (label, self._last)
        self._last = label
        if rr is not None and known:
            self._supraventricular(r, r - round(rr * STREAM_FS), label, rr)

    def silence(self, at: int, seconds: float) -> None:
        """No beat for so long before sample `at`: what has stopped is fast no longer."""
        start = at - round(seconds * STREAM_FS)
        over: list[AlarmName] = []
        if seconds >= self._alarms.limits["pause"]:
            over += ["supraventricular_tachycardia", "tachycardia"]
            self._intervals.clear()
        if seconds >= self._alarms.limits["asystole"]:
            over.append("extreme_tachycardia")
        for name in over:
            self._alarms.set(name, False, start, "no beat")

    def forget(self) -> None:
        """The signal is lost: what was is known no longer."""
        self._intervals.clear()
        self._fast.clear()
        self._slowed = False
        self._last = "U"

    def _supraventricular(self, r: int, start: int, label: Label, rr: float) -> None:
        name = _SUDDEN
        if label == "V" or 60 / rr < self._alarms.limits.release(name):
            self._fast.clear()
            self._others += 1
            if self._others >= OVER:
                self._alarms.set(name, False, r, "other beats again")
            return
        self._others = 0
        if not self._fast:
            self._start = start
            before = [seconds for at, seconds in self._intervals if at < start]
            self._sudden = bool(before) and rr <= SUDDEN * sum(before) / len(before)
        self._fast.append(rr)
        mean = sum(self._fast) / len(self._fast)
        steps = sum(abs(b - a) for a, b in pairwise(self._fast))
        regular = steps <= REGULAR * mean * (len(self._fast) - 1)
        whole = len(self._fast) == BEATS - 1
        sudden = self._sudden and not self._slowed
        if whole and regular and sudden and 60 / mean > self._alarms.limits[name]:
            self._alarms.set(name, True, self._start, f"began suddenly, {60 / mean:.0f}/min")


def _rate(intervals: list[tuple[int, float]]) -> float:
    return 60 * len(intervals) / sum(seconds for _, seconds in intervals)
