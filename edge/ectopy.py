"""What ventricular beats make together: couplets, runs, tachycardia, bi- and trigeminy, R on T.

In a tachycardia, and there alone, a beat counts as ventricular too that is called S, or is unknown,
and whose QRS is unlike the patient's: a run that begins early looks like S to a classifier that
sees single beats.

Counted is what is known: a beat that is unknown, or that follows a gap, belongs to no pattern, so
it never makes an alarm. Couplets (two) and runs (three and more) are those of ANSI/AAMI EC57.
Fusion beats are not ventricular here, as there.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from edge.alarms import RULES
from edge.chains import Alarms
from edge.events import AlarmName, Label
from edge.filters import STREAM_FS
from edge.slow import RECENT_S

RUN_BEATS: Final = 3
TACHYCARDIA_BEATS: Final = 4
"""Guidelines speak of ventricular tachycardia from three beats on (AHA/ACC/HRS 2017), bedside
monitors commonly wait for five. On cinc2015 four find 27 of 33, five 20; three are told as a
run."""
COUPLET_S: Final = 0.75
"""Longest interval within a couplet. EC57 has none, GE EK-Pro 0.6 s; on DS1 0.6, 0.75 and 1.2 s
found 362, 375 and 380 of 393, with 6, 6 and 9 false alarms."""
UNLIKE: Final = 0.85
"""Correlation with the patient's QRS below which one is unlike it. Our choice, as all that follows
here: found on cinc2015."""
ALIKE: Final = 0.45
"""Mean correlation of each QRS with the one before that beats of a tachycardia have at least: what
movement makes is unlike itself, too. On cinc2015 false ones have up to 0.4, true ones from 0.5."""
RAGGED: Final = 1.6
"""Longest over shortest interval that its beats may have of which one is unknown; found on
DS1, too."""
CLEAR: Final = 10
"""Beats of which one at most may be unknown: runs of what is called V are made by noise, too."""
TACHYCARDIA_OVER: Final = 3
"""Beats in a row that are not ventricular, after which it is over; our choice, so that a single
one that is misnamed, or a capture beat, does not end it."""
CYCLES: Final = round(RULES["bigeminy"].limit or 0)
"""Of bi- or trigeminy before it is told, unless the user has set another number."""
CYCLES_OVER: Final = 2
"""Without it, before it is told to be over; our choice."""
ON_T_SLOWEST_S: Final = 0.6
"""Mean interval below which a short one is no R on T: the rate is above 100/min."""
ON_T_AFTER: Final = 1.25
"""Mean intervals that are the least pause after it."""
MINUTE: Final = round(60 * STREAM_FS)

_RHYTHMS: Final[tuple[AlarmName, ...]] = (
    "ventricular_tachycardia",
    "accelerated_ventricular_rhythm",
)
"""What one beat that is not ventricular does not end."""
RUNS: Final[tuple[AlarmName, ...]] = (*_RHYTHMS, "ventricular_run")
_PERIODS: Final[tuple[tuple[AlarmName, int], ...]] = (("bigeminy", 2), ("trigeminy", 3))
_EVERY: Final = {2: "second", 3: "third"}
_RATE_BEATS: Final = 8


class _Beat(NamedTuple):
    r: int
    label: Label
    rr: float | None
    like: float
    """Correlation of its QRS with the patient's,"""
    alike: float
    """and with that of the beat before."""

    @property
    def ventricular(self) -> bool | None:
        """None where not known."""
        return None if self.label == "U" else self.label == "V"

    @property
    def fits(self) -> bool:
        """Whether it counts as ventricular in a tachycardia."""
        return self.label == "V" or (self.label in ("S", "U") and self.like < UNLIKE)


class EctopyWatch:
    """Fed with observations of beats, sets the alarms of ventricular beats."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        cycles = max(round(RULES[name].most) for name, _ in _PERIODS)
        self._last: deque[_Beat] = deque(maxlen=max(1 + cycles * 3, CLEAR))
        self._normal: deque[float] = deque(maxlen=_RATE_BEATS)  # intervals of beats that are not V
        self._run: deque[float] = deque(maxlen=TACHYCARDIA_BEATS - 1)  # its last fast intervals
        self._run_beats = 0
        self._run_start = 0
        self._told_late: tuple[int, str] | None = None  # a run, which the next beat makes worse
        self._slow: deque[float] = deque(maxlen=TACHYCARDIA_BEATS - 1)  # likewise, slow ones too
        self._slow_start = 0
        self._others = 0  # known beats in a row that fit no tachycardia
        self._misfits: dict[AlarmName, int] = {}
        self._recent: dict[AlarmName, int] = {}
        self._row_start = 0  # of ventricular beats in a row
        self._minute: deque[int] = deque(maxlen=1 + round(RULES["pvcs_per_minute"].most))

    def found(self, r: int, label: Label, rr: float | None, like: float, alike: float) -> None:
        """A beat's R, its first label, the interval before it, and how like the patient's it is.

        And how like the one before.
        """
        if rr is not None:
            self._tachycardia([*self._last, _Beat(r, label, rr, like, alike)])
        self._tell_run()

    def beat(self, r: int, label: Label, rr: float | None, like: float, alike: float) -> None:
        """The same of its final label."""
        self._tell_run()
        if rr is None:
            self.forget()
        self._last.append(_Beat(r, label, rr, like, alike))
        self._tachycardia(list(self._last))
        self._couplet(r)
        self._on_t(r, rr)
        if label != "U":
            self._others = 0 if self._last[-1].fits else self._others + 1
        if self._last[-1].ventricular:
            self._accelerated(r, rr)
            self._fast(r, rr)
        else:
            self._no_run(r, known=label != "U")
        for name, period in _PERIODS:
            self._every(name, period)
        self._per_minute(r)

    def silence(self, at: int, seconds: float) -> None:
        """No beat for so long before sample `at`: what has stopped goes on no longer."""
        self._tell_run()
        if seconds >= self._alarms.limits["asystole"]:
            start = at - round(seconds * STREAM_FS)
            for name in RUNS:
                self._alarms.set(name, False, start, "no beat")
            self._run_beats = 0
            self._slow.clear()

    def forget(self) -> None:
        """The signal is lost: what comes follows nothing that is known."""
        self._tell_run()
        self._last.clear()
        self._normal.clear()
        self._run_beats = 0
        self._slow.clear()

    def _pattern(self, beats: Sequence[bool]) -> bool:
        """Whether the last beats are ventricular as in `beats`."""
        if len(self._last) < len(beats):
            return False
        for beat, wanted in zip(reversed(self._last), reversed(beats), strict=False):
            if beat.ventricular is not wanted:
                return False
        return True

    def _recurs(self, name: AlarmName, since: int, last: int, text: str) -> None:
        """An event from `since` to `last`, whose alarm stays on while it recurs."""
        self._recent[name] = last
        self._alarms.renew(name, since, text)

    def _rest(self, name: AlarmName, r: int) -> None:
        if name in self._alarms and r - self._recent[name] > RECENT_S * STREAM_FS:
            self._alarms.set(name, False, self._recent[name], "no other")

    def _couplet(self, r: int) -> None:
        # Told when it is known to be one, so a beat later.
        self._rest("couplet", r)
        if self._pattern([False, True, True, False]):
            first, second = self._last[-3], self._last[-2]
            if second.rr is not None and second.rr <= COUPLET_S:
                self._recurs("couplet", first.r, second.r, "2 ventricular beats in a row")

    def _on_t(self, r: int, rr: float | None) -> None:
        self._rest("r_on_t", r)
        if self._normal and rr and self._pattern([False, True, False]):
            mean = sum(self._normal) / len(self._normal)
            early = self._last[-2]
            limit = self._alarms.limits["r_on_t"]
            short = early.rr is not None and early.rr < limit * mean
            if short and mean > ON_T_SLOWEST_S and rr >= ON_T_AFTER * mean:
                text = "a ventricular beat on the T wave of the one before"
                self._recurs("r_on_t", early.r, early.r, text)
        if rr and self._pattern([False, False]):
            self._normal.append(rr)

    def _no_run(self, r: int, *, known: bool) -> None:
        """A beat that is not ventricular."""
        self._run_beats = 0
        self._slow.clear()
        if not known:
            return
        self._alarms.set("ventricular_run", False, r, "another beat")
        if self._others >= TACHYCARDIA_OVER:
            for name in _RHYTHMS:
                self._alarms.set(name, False, r, "other beats again")

    def _tachycardia(self, beats: list[_Beat]) -> None:
        """Whether the last of these make one, or are too slow for it."""
        name: Final = "ventricular_tachycardia"
        run = beats[-TACHYCARDIA_BEATS:]
        rr = [beat.rr for beat in run[1:] if beat.rr is not None]
        if len(rr) < TACHYCARDIA_BEATS - 1:
            return
        rate = 60 * len(rr) / sum(rr)
        known = all(beat.label != "U" for beat in run)
        if known and rate < self._alarms.limits.release(name):
            if name in self._alarms:
                self._told_late = None  # it was this one
            self._alarms.set(name, False, run[-1].r, "too slow")
            if 60 / rr[-1] < self._alarms.limits.release("ventricular_run"):
                self._alarms.set("ventricular_run", False, run[-1].r, "an interval too long")
        if not rate > self._alarms.limits[name]:
            return
        unknown = sum(beat.label == "U" for beat in beats[-CLEAR:])
        regular = known or max(rr) <= RAGGED * min(rr)
        alike = sum(beat.alike for beat in run[1:]) / len(rr) > ALIKE
        if regular and alike and unknown <= 1 and all(beat.fits for beat in run):
            text = f"{len(run)} ventricular beats in a row, {rate:.0f}/min"
            self._alarms.set(name, True, run[0].r, text)

    def _fast(self, r: int, rr: float | None) -> None:
        """A ventricular beat, and whether those before it are fast enough for a run."""
        name: Final = "ventricular_run"
        if rr is not None and 60 / rr < self._alarms.limits.release(name):
            self._alarms.set(name, False, r, "an interval too long")
            rr = None
        if self._run_beats == 0 or rr is None:
            self._run_beats = 1
            self._run_start = r
            self._run.clear()
            return
        self._run_beats += 1
        self._run.append(rr)
        rate = 60 * len(self._run) / sum(self._run)
        if self._run_beats >= RUN_BEATS and rate > self._alarms.limits[name]:
            text = f"{self._run_beats} ventricular beats in a row, {rate:.0f}/min"
            self._told_late = self._run_start, text

    def _tell_run(self) -> None:
        """A run is told once the beat after it has been looked at, or does not come."""
        if self._told_late:
            self._alarms.set("ventricular_run", True, *self._told_late)
            self._told_late = None

    def _accelerated(self, r: int, rr: float | None) -> None:
        """A ventricular beat, and whether those before it are a rhythm, if no fast one."""
        name: Final = "accelerated_ventricular_rhythm"
        if rr is None or 60 / rr < self._alarms.limits[name]:
            self._slow.clear()
            self._slow_start = r
            self._alarms.set(name, False, r, "an interval too long, or not known")
            return
        if not (len(self._last) > 1 and self._last[-2].ventricular):
            self._slow_start = r
            return
        self._slow.append(rr)
        rate = 60 * len(self._slow) / sum(self._slow)
        if rate > self._alarms.limits["ventricular_run"]:
            self._alarms.set(name, False, r, "faster")
        elif len(self._slow) >= RUN_BEATS - 1:
            text = f"ventricular beats in a row, {rate:.0f}/min"
            self._alarms.set(name, True, self._slow_start, text)

    def _every(self, name: AlarmName, period: int) -> None:
        """One ventricular beat in every `period`."""
        cycle = [*[False] * (period - 1), True]
        cycles = round(self._alarms.limits[name])
        if self._last[-1].ventricular and self._pattern([True, *cycle * (cycles - 1)]):
            for other, _ in _PERIODS:
                if other != name:
                    self._alarms.set(other, False, self._last[-1].r, f"{name} instead")
            start = self._last[-1 - period * (cycles - 1)].r
            self._alarms.set(name, True, start, f"every {_EVERY[period]} beat is ventricular")
            return
        seen = [b.ventricular for b in islice(reversed(self._last), period)]
        fits = len(seen) == period and None not in seen and sum(map(bool, seen)) == 1
        self._misfits[name] = 0 if fits else self._misfits.get(name, 0) + 1
        if self._misfits[name] >= CYCLES_OVER * period:
            self._alarms.set(name, False, self._last[-1].r, "another pattern")

    def _per_minute(self, r: int) -> None:
        if self._pattern([True] * RUN_BEATS):
            while self._minute and self._minute[-1] >= self._row_start:
                self._minute.pop()
        elif self._last[-1].ventricular:
            if not self._pattern([True, True]):
                self._row_start = r
            self._minute.append(r)
        while self._minute and r - self._minute[0] > MINUTE:
            self._minute.popleft()
        if any(name in self._alarms.told() for name, _ in _PERIODS):
            self._minute.clear()  # they are told
        name: Final = "pvcs_per_minute"
        count = len(self._minute)
        if count > self._alarms.limits[name]:
            if self._last[-1].ventricular:
                self._alarms.set(name, True, r, f"{count} ventricular beats in a minute")
        elif count <= self._alarms.limits.release(name):
            self._alarms.set(name, False, r, f"{count} in the last minute")
