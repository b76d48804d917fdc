"""What ventricular beats make together: couplets, runs, tachycardia, bi- and trigeminy.

Counted is what is known: a beat that is unknown, or that follows a gap, belongs to no pattern, so
it can end an alarm but never make one. Couplets (two) and runs (three and more) are those of
ANSI/AAMI EC57. Fusion beats are not ventricular here, as there.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from edge.alarms import Alarms, Change
from edge.events import AlarmName, Label

RUN_BEATS: Final = 3
TACHYCARDIA_BEATS: Final = 5
"""Guidelines speak of ventricular tachycardia from three beats on (AHA/ACC/HRS 2017); bedside
monitors commonly wait for five, and three are told as a run."""
RUN_BPM: Final = 100.0
"""Mean rate above which a run is told: that of tachycardia in the same guideline."""
SLOWEST_BPM: Final = 80.0
"""An interval slower than this ends a run; our choice. It is also the off-limit of its alarms."""
TACHYCARDIA_OVER: Final = 3
"""Beats in a row that are not ventricular, after which it is over; our choice, so that a single
one that is misnamed, or a capture beat, does not end it."""
CYCLES: Final = 3
"""Of bi- or trigeminy before it is told; our choice, as the next."""
CYCLES_OVER: Final = 2
"""Without it, before it is told to be over."""

_RUNS: Final[dict[AlarmName, int]] = {
    "ventricular_run": RUN_BEATS,
    "ventricular_tachycardia": TACHYCARDIA_BEATS,
}
_PERIODS: Final[tuple[tuple[AlarmName, int], ...]] = (("bigeminy", 2), ("trigeminy", 3))


class _Beat(NamedTuple):
    r: int
    ventricular: bool | None
    """None where not known."""


class EctopyWatch:
    """Fed with final beats, sets the alarms of ventricular beats."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._last: deque[_Beat] = deque(maxlen=1 + (CYCLES - 1) * 3)
        self._run: deque[float] = deque(maxlen=TACHYCARDIA_BEATS - 1)  # its last intervals
        self._run_beats = 0
        self._run_start = 0
        self._others = 0  # beats in a row that are not ventricular
        self._misfits: dict[AlarmName, int] = {}

    def beat(self, r: int, label: Label, rr: float | None) -> list[Change]:
        """A beat's R, its final label, and the interval before it in seconds or None."""
        if rr is None:
            self.forget()
        self._last.append(_Beat(r, None if label == "U" else label == "V"))
        changes = self._couplet(r)
        changes += self._runs(r, rr)
        for name, period in _PERIODS:
            changes += self._every(name, period)
        return changes

    def forget(self) -> None:
        """The signal is lost: what comes follows nothing that is known."""
        self._last.clear()
        self._run_beats = 0

    def _pattern(self, beats: Iterable[bool]) -> bool:
        """Whether the last beats are ventricular as in `beats`."""
        wanted = list(beats)
        return [b.ventricular for b in self._last][-len(wanted) :] == wanted

    def _couplet(self, r: int) -> list[Change]:
        # Told when it is known to be one, so a beat later, and over with the beat after that.
        changes = self._alarms.set("couplet", False, r, "other beats again")
        if self._pattern([False, True, True, False]):
            first = self._last[-3].r
            changes += self._alarms.set("couplet", True, first, "2 ventricular beats in a row")
        return changes

    def _runs(self, r: int, rr: float | None) -> list[Change]:
        if not self._last[-1].ventricular:
            self._run_beats = 0
            self._others += 1
            changes = self._alarms.set("ventricular_run", False, r, "another beat")
            if self._others >= TACHYCARDIA_OVER:
                changes += self._alarms.set(
                    "ventricular_tachycardia", False, r, "other beats again"
                )
            return changes
        self._others = 0
        slow = rr is None or rr > 60 / SLOWEST_BPM
        if self._run_beats == 0 or slow:
            self._run_beats = 1
            self._run_start = r
            self._run.clear()
            ended, text = _RUNS if slow else (), "an interval too long, or not known"
            return [c for name in ended for c in self._alarms.set(name, False, r, text)]
        self._run_beats += 1
        self._run.append(rr or 0.0)
        rate = 60.0 * len(self._run) / sum(self._run)
        text = f"{self._run_beats} ventricular beats in a row, {rate:.0f}/min"
        return [
            change
            for name, beats in _RUNS.items()
            if self._run_beats >= beats and rate > RUN_BPM
            for change in self._alarms.set(name, True, self._run_start, text)
        ]

    def _every(self, name: AlarmName, period: int) -> list[Change]:
        """One ventricular beat in every `period`."""
        cycle = [*[False] * (period - 1), True]
        if self._pattern([True, *cycle * (CYCLES - 1)]):
            changes = [
                change
                for other, _ in _PERIODS
                if other != name
                for change in self._alarms.set(other, False, self._last[-1].r, f"{name} instead")
            ]
            start = self._last[-1 - period * (CYCLES - 1)].r
            return changes + self._alarms.set(name, True, start, f"every {period}. beat")
        seen = [b.ventricular for b in self._last][-period:]
        fits = len(seen) == period and None not in seen and sum(map(bool, seen)) == 1
        self._misfits[name] = 0 if fits else self._misfits.get(name, 0) + 1
        if self._misfits[name] < CYCLES_OVER * period:
            return []
        return self._alarms.set(name, False, self._last[-1].r, "another pattern")
