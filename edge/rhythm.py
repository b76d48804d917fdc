"""What beats mean together: rate, regularity, pauses, and the alarms of all of `edge`.

Limits are our choice, near common monitor defaults, where nothing else is said; each alarm has an
on- and an off-limit, so that it does not flutter. What ventricular beats make together is in
`edge.ectopy`, atrial fibrillation in `edge.fibrillation`.
"""

from collections import deque
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.alarms import Alarms, Change
from edge.ectopy import EctopyWatch
from edge.events import AlarmName, Label, RhythmName
from edge.fibrillation import FibrillationWatch
from edge.filters import STREAM_FS

PAUSE_S: Final = 2.0
ASYSTOLE_S: Final = 4.0
DECIDED_S: Final = 0.25
"""Time after R that a beat may take to be found: a silence is believed so much later."""
BRADYCARDIA_BPM: Final = (40.0, 45.0)
"""On below the first, off above the second."""
TACHYCARDIA_BPM: Final = (140.0, 130.0)
"""On above the first, off below the second."""
IRREGULAR: Final = 0.12
"""Mean absolute difference of successive intervals over their mean."""
RATE_BEATS: Final = 8
"""Intervals that a rate is the mean of; an alarm needs them all, the figure alone three."""
FORGOTTEN_S: Final = 10
"""Seconds without a signal after which fibrillation, known from tens of beats, is known no more;
every other alarm ends at once."""

_SILENCES: Final[tuple[tuple[AlarmName, float], ...]] = (
    ("pause", PAUSE_S),
    ("asystole", ASYSTOLE_S),
)
_LABELS: Final[tuple[RhythmName, ...]] = (
    *(
        "ventricular_fibrillation",
        "ventricular_tachycardia",
        "atrial_fibrillation",
        "bigeminy",
        "trigeminy",
    ),
    *("bradycardia", "tachycardia"),
)
"""Alarms that name the rhythm, the first that is on."""


class RhythmWatch:
    """Fed with final beats and with each second's silence, gives changes of alarms.

    Times are stream samples, intervals seconds. Each change tells since when it holds.
    """

    def __init__(self, leads: int) -> None:
        self._leads = leads
        self._alarms = Alarms()
        self._ectopy = EctopyWatch(self._alarms)
        self._fibrillation = FibrillationWatch(leads)
        self._rr: deque[float] = deque(maxlen=RATE_BEATS)
        self._r: deque[int] = deque(maxlen=RATE_BEATS + 1)
        self._lost = 0  # seconds in a row

    @property
    def rate_bpm(self) -> float | None:
        """Mean rate over the last eight intervals; None before there are three."""
        return 60.0 * len(self._rr) / sum(self._rr) if len(self._rr) >= 3 else None

    @property
    def fibrillates(self) -> bool:
        """Whether the atria fibrillate, as far as the beats so far tell."""
        return "atrial_fibrillation" in self._alarms

    @property
    def label(self) -> RhythmName:
        """The rhythm in one word."""
        if self._lost:
            return "unknown"
        for name in _LABELS:
            if name in self._alarms:
                return name
        if self.rate_bpm is None:
            return "unknown"
        rr = list(self._rr)
        steps = [abs(b - a) for a, b in pairwise(rr)]
        irregular = sum(steps) / len(steps) > IRREGULAR * sum(rr) / len(rr)
        return "irregular" if irregular else "regular"

    def beat(
        self, r: int, label: Label, rr: float | None, window: NDArray[np.floating]
    ) -> list[Change]:
        """A beat's R, its final label, the interval before it, and its window, [leads, SAMPLES].

        The interval is None where unknown, the window NaN in a lead that cannot be judged. An
        unknown beat may be none: it ends a silence, but makes no rate.
        """
        self._lost = 0
        changes: list[Change] = []
        known = rr if rr is not None and label != "U" else 0.0
        since = r - round(known * STREAM_FS)
        for name, limit in _SILENCES:
            if known >= limit:
                changes += self._alarms.set(name, True, since, f"no beat for {known:.1f} s")
            changes += self._alarms.set(name, False, r, "a beat again")
        changes += self._ectopy.beat(r, label, rr)
        changes += self._fibrillates(r, label, rr, window)
        if rr is None or label == "U":
            self._rr.clear()
            self._r.clear()
        else:
            self._rr.append(rr)
        self._r.append(r)
        if len(self._rr) == RATE_BEATS and (rate := self.rate_bpm) is not None:
            changes += self._limits("bradycardia", -rate, [-x for x in BRADYCARDIA_BPM], rate)
            changes += self._limits("tachycardia", rate, list(TACHYCARDIA_BPM), rate)
        return changes

    def silence(self, at: int, seconds: float) -> list[Change]:
        """No beat for so long before sample `at`, on a signal that would show one."""
        self._lost = 0
        changes: list[Change] = []
        since = at - round(seconds * STREAM_FS)
        for name, limit in _SILENCES:
            if seconds >= limit + DECIDED_S:
                changes += self._alarms.set(name, True, since, f"no beat for {limit:g} s")
        return changes

    def flutter(self, at: int, active: bool, since: int) -> list[Change]:
        """Whether the ventricles fibrillate or flutter at sample `at`, as the signal shows."""
        text = "fibrillation or flutter in the signal" if active else "another rhythm"
        return self._alarms.set("ventricular_fibrillation", active, min(since, at), text)

    def interrupt(self, at: int) -> list[Change]:
        """A second without a signal: what was true is known no longer."""
        self._lost += 1
        self._rr.clear()
        self._r.clear()
        self._ectopy.forget()
        if self._lost < FORGOTTEN_S:
            return self._alarms.end_all(at, "signal lost", but="atrial_fibrillation")
        self._fibrillation = FibrillationWatch(self._leads)
        return self._alarms.end_all(at, "signal lost")

    def _fibrillates(
        self, r: int, label: Label, rr: float | None, window: NDArray[np.floating]
    ) -> list[Change]:
        now = self._fibrillation.beat(r, label, rr, window)
        if now is None:
            return []
        text = "irregular without P waves" if now else "regular, or with P waves"
        return self._alarms.set("atrial_fibrillation", now, self._fibrillation.middle, text)

    def _limits(
        self, name: AlarmName, value: float, limits: list[float], rate: float
    ) -> list[Change]:
        on, off = limits
        if value > on:
            return self._alarms.set(name, True, self._r[0], f"rate {rate:.0f}/min")
        if value < off:
            return self._alarms.set(name, False, self._r[-1], f"rate {rate:.0f}/min")
        return []
