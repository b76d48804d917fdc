"""What beats mean together: rate, regularity, and the alarms of all of `edge`.

What each alarm is, its limit and its source: `edge.alarms`. What is slow is in `edge.slow`, what is
fast in `edge.fast`, what ventricular beats make together in `edge.ectopy`, atrial fibrillation in
`edge.fibrillation`, and what keeps the heart from being watched in `edge.technical`.
"""

from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.alarms import RULES, Limits, Setting
from edge.chains import Alarms, Change
from edge.ectopy import RUNS, EctopyWatch
from edge.events import AlarmName, Label, RhythmName
from edge.fast import FastWatch
from edge.fibrillation import FibrillationWatch
from edge.filters import STREAM_FS
from edge.flutter import Regular
from edge.slow import SlowWatch
from edge.technical import TechnicalWatch, Unwatched

IRREGULAR: Final = 0.12
"""Mean absolute difference of successive intervals over their mean."""
RATE_BEATS: Final = 8
"""Intervals that the rate told is the mean of; three are enough for it."""
SLOW_BEATS: Final = 4
SLOW_S: Final = 1.2
"""Where three intervals in a row are longer, the mean of four is told, so that a heart that has
become slow is seen in seconds; the limits of Philips's monitors."""
LOST_S: Final = 3.0
"""Seconds without a signal after which what was known of single beats is known no more, and alarms
of medium and low priority end. Those of high priority never do: the signal has to come back and
show otherwise. Our choice."""
FORGOTTEN_S: Final = 10.0
"""The same for atrial fibrillation, known from tens of beats."""
CALM_S: Final = 3
"""Seconds of signal in a row without ventricular fibrillation, after which it is over."""

_LABELS: Final[dict[AlarmName, RhythmName]] = {
    "ventricular_fibrillation": "ventricular_fibrillation",
    "asystole": "asystole",
    "ventricular_tachycardia": "ventricular_tachycardia",
    "supraventricular_tachycardia": "supraventricular_tachycardia",
    "accelerated_ventricular_rhythm": "accelerated_ventricular_rhythm",
    "atrial_fibrillation": "atrial_fibrillation",
    "bigeminy": "bigeminy",
    "trigeminy": "trigeminy",
    "bradycardia": "bradycardia",
    "extreme_bradycardia": "bradycardia",
    "tachycardia": "tachycardia",
    "extreme_tachycardia": "tachycardia",
}
"""Conditions that name the rhythm, the first that holds."""

_RATES: Final[tuple[AlarmName, ...]] = ("bradycardia", "tachycardia")


class RhythmWatch:
    """Gives changes of alarms, of observations of beats and of what each moment's signal shows.

    Times are stream samples, intervals seconds. Each change tells since when it holds.
    """

    def __init__(self, leads: int, alarms: Mapping[str, Setting] | None = None) -> None:
        """`alarms`: limits that are not the table's, or "off", by name; ValueError if not so."""
        self._leads = leads
        self._alarms = Alarms(Limits(alarms))
        self._slow = SlowWatch(self._alarms)
        self._fast = FastWatch(self._alarms)
        self._ectopy = EctopyWatch(self._alarms)
        self._fibrillation = FibrillationWatch(leads)
        self._technical = TechnicalWatch(self._alarms)
        self._rr: deque[float] = deque(maxlen=RATE_BEATS)
        self._watched = 0  # the last stream sample that could be
        self._beating = 0  # likewise, for rates
        self._sure = False  # whether the last R peak is one
        self._lost = False
        self._regular = Regular()
        self._flutter = 0  # when the ventricles were last seen to fibrillate
        self._unseen = 0  # when nothing showed whether they do
        self._calm = 0

    @property
    def limits(self) -> Limits:
        """Of every alarm."""
        return self._alarms.limits

    def limit(self, limits: Limits) -> None:
        """Others from now on."""
        self._alarms.limit(limits)

    @property
    def rate_bpm(self) -> float | None:
        """Mean rate over the last eight intervals, or four slow ones; None before three."""
        rr = list(self._rr)
        if len(rr) < 3:
            return None
        if min(rr[-3:]) > SLOW_S:
            rr = rr[-SLOW_BEATS:]
        return 60.0 * len(rr) / sum(rr)

    @property
    def fibrillates(self) -> bool:
        """Whether the atria fibrillate, as far as the beats so far tell."""
        return "atrial_fibrillation" in self._alarms

    @property
    def ventricular(self) -> bool:
        """Whether ventricular beats are a run, or a rhythm of their own."""
        return self._alarms.first(RUNS) is not None

    @property
    def tachycardia(self) -> bool:
        """Whether they are a ventricular tachycardia."""
        return "ventricular_tachycardia" in self._alarms

    @property
    def label(self) -> RhythmName:
        """The rhythm in one word."""
        if self._lost:
            return "unknown"
        if name := self._alarms.first(_LABELS):
            return _LABELS[name]
        if self.rate_bpm is None:
            return "unknown"
        rr = list(self._rr)
        steps = [abs(b - a) for a, b in pairwise(rr)]
        irregular = sum(steps) / len(steps) > IRREGULAR * sum(rr) / len(rr)
        return "irregular" if irregular else "regular"

    def found(
        self,
        r: int,
        label: Label,
        rr: float | None,
        *,
        sure: bool,
        like: float = 1.0,
        alike: float = 1.0,
    ) -> list[Change]:
        """An R peak, as soon as it is found: as `beat`, and whether it is `sure` to be one.

        Rates are made of these, whatever they are called, also where noise hides what they are.
        """
        if sure:
            self._beating = max(self._beating, r)
            if rr is not None and self._sure:
                self._slow.found(r, rr)
                self._fast.found(r, rr)
        self._regular.found(r, rr if self._sure else None, alike, sure=sure)
        self._sure = sure
        self._ectopy.found(r, label, rr, like, alike)
        return self._alarms.changes(r)

    def beat(
        self,
        r: int,
        label: Label,
        rr: float | None,
        window: NDArray[np.floating],
        like: float = 1.0,
        alike: float = 1.0,
    ) -> list[Change]:
        """A beat's R, its final label, the interval before it, and its window, [leads, SAMPLES].

        The interval is None where unknown, the window NaN in a lead that cannot be judged. `like`
        is the correlation of its QRS with the patient's, `alike` that with the beat before. An
        unknown beat may be none: no interval that touches it is known, and it ends nothing. Each
        has been `found` before.
        """
        if label != "U":
            self._lost = False
            self._watched = max(self._watched, r)
        self._slow.beat(r, label, rr)
        self._fast.beat(r, label, rr)
        self._ectopy.beat(r, label, rr, like, alike)
        self._fibrillates(r, label, rr, window)
        if rr is None or label == "U":
            self._rr.clear()
        else:
            self._rr.append(rr)
        return self._alarms.changes(r)

    def silence(self, at: int, seconds: float) -> list[Change]:
        """No beat for so long before sample `at`, on a signal that would show one."""
        self._lost = False
        self._watched = self._beating = max(self._watched, at)
        self._technical.tick(at, None, [])
        self._slow.silence(at, seconds)
        self._fast.silence(at, seconds)
        self._ectopy.silence(at, seconds)
        return self._alarms.changes(at)

    def interrupt(self, at: int, reason: Unwatched = "lost") -> list[Change]:
        """Up to sample `at` no lead could be watched: what was true is known no longer."""
        self._lost = True
        self._calm = 0
        self._rr.clear()
        self._ectopy.forget()
        standing = [name for name in self._alarms.told() if RULES[name].latching]
        self._technical.tick(at, reason, standing)
        lost = (at - self._watched) / STREAM_FS
        beating = (at - self._beating) / STREAM_FS < LOST_S
        if lost >= LOST_S:
            if not beating:
                self._slow.forget()
                self._fast.forget()
            stay = ("atrial_fibrillation", *(_RATES if beating else ()))
            for name in self._alarms.holding():
                if RULES[name].priority in ("medium", "low") and name not in stay:
                    self._alarms.set(name, False, at, "signal lost")
        if lost >= FORGOTTEN_S:
            self._fibrillation = FibrillationWatch(self._leads)
            self._alarms.set("atrial_fibrillation", False, at, "signal lost")
        return self._alarms.changes(at)

    def flutter(
        self, at: int, active: bool, since: int, waves: bool = False, lost: bool = False
    ) -> list[Change]:
        """Whether the ventricles fibrillate or flutter at sample `at`, as the signal shows.

        Once a second; where they do, they have done so from sample `since` on, but not while there
        were regular beats of one shape. `waves`: it may have begun, which the next second shows.
        `lost`: nothing shows it, so it neither begins nor ends.
        """
        if lost:
            self._unseen = at
            return self._alarms.changes(at)
        if waves:
            self._slow.waves(at)
        name: Final = "ventricular_fibrillation"
        if active:
            self._flutter, self._calm = at, 0
            since = max(since, self._regular.until, self._unseen)
            seconds = (at - since) / STREAM_FS
            if seconds >= self._alarms.limits[name]:
                self._alarms.set(name, True, since, f"fibrillation or flutter for {seconds:.0f} s")
        else:
            self._calm += 1
            if self._calm >= CALM_S:
                self._alarms.set(name, False, self._flutter, "another rhythm")
        return self._alarms.changes(at)

    def _fibrillates(
        self, r: int, label: Label, rr: float | None, window: NDArray[np.floating]
    ) -> None:
        now = self._fibrillation.beat(r, label, rr, window)
        if now is not None:
            text = "irregular without P waves" if now else "regular, or with P waves"
            self._alarms.set("atrial_fibrillation", now, self._fibrillation.middle, text)
