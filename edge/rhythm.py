"""What beats mean together: rate, regularity, pauses, runs, and the alarms they raise.

Every limit is our choice, near common monitor defaults; each alarm has an on- and an off-limit,
so that it does not flutter.
"""

from collections import deque
from itertools import pairwise
from typing import Final, NamedTuple

from edge.events import AlarmName, Label, RhythmName

PAUSE_S: Final = 2.0
ASYSTOLE_S: Final = 4.0
BRADYCARDIA_BPM: Final = (40.0, 45.0)
"""On below the first, off above the second."""
TACHYCARDIA_BPM: Final = (140.0, 130.0)
"""On above the first, off below the second."""
RUN_BEATS: Final = 3
RUN_BPM: Final = 100.0
IRREGULAR: Final = 0.12
"""Mean absolute difference of successive intervals over their mean."""
RATE_BEATS: Final = 8


class Change(NamedTuple):
    """An alarm that begins or ends."""

    name: AlarmName
    active: bool
    text: str


class RhythmWatch:
    """Fed with final beats and with the silence after the last one, gives changes of alarms."""

    def __init__(self) -> None:
        self._rr: deque[float] = deque(maxlen=RATE_BEATS)
        self._run = 0
        self._active: set[AlarmName] = set()

    @property
    def rate_bpm(self) -> float | None:
        """Mean rate over the last eight intervals; None before there are three."""
        return 60.0 * len(self._rr) / sum(self._rr) if len(self._rr) >= 3 else None

    @property
    def label(self) -> RhythmName:
        """The rhythm in one word."""
        if self.rate_bpm is None:
            return "unknown"
        if "bradycardia" in self._active:
            return "bradycardia"
        if "tachycardia" in self._active:
            return "tachycardia"
        rr = list(self._rr)
        steps = [abs(b - a) for a, b in pairwise(rr)]
        irregular = sum(steps) / len(steps) > IRREGULAR * sum(rr) / len(rr)
        return "irregular" if irregular else "regular"

    def beat(self, label: Label, rr: float | None) -> list[Change]:
        """A beat's final label and the interval before it in seconds, None where unknown.

        An unknown beat may be none: it ends a silence, but makes no rate.
        """
        changes: list[Change] = []
        if rr is not None and rr >= PAUSE_S and label != "U":
            changes += self._set("pause", True, f"no beat for {rr:.1f} s")
        for name in ("asystole", "pause"):
            changes += self._set(name, False, "a beat again")
        if rr is None or label == "U":
            self._rr.clear()
            self._run = 0
            return changes
        self._rr.append(rr)
        changes += self._runs(label, rr)
        if (rate := self.rate_bpm) is not None:
            changes += self._limits("bradycardia", -rate, [-x for x in BRADYCARDIA_BPM], rate)
            changes += self._limits("tachycardia", rate, list(TACHYCARDIA_BPM), rate)
        return changes

    def silence(self, seconds: float) -> list[Change]:
        """No beat for so long, on a signal that would show one."""
        changes: list[Change] = []
        if seconds >= PAUSE_S:
            changes += self._set("pause", True, f"no beat for {PAUSE_S:g} s")
        if seconds >= ASYSTOLE_S:
            changes += self._set("asystole", True, f"no beat for {ASYSTOLE_S:g} s")
        return changes

    def interrupt(self) -> list[Change]:
        """The signal is lost: nothing that was true is known any longer."""
        self._rr.clear()
        self._run = 0
        return [c for name in sorted(self._active) for c in self._set(name, False, "signal lost")]

    def _runs(self, label: Label, rr: float) -> list[Change]:
        if label != "V":
            self._run = 0
            return self._set("ventricular_run", False, "run ended")
        # the interval that leads into the run says nothing about its rate
        self._run = self._run + 1 if self._run == 0 or rr < 60 / RUN_BPM else 1
        if self._run < RUN_BEATS:
            return []
        return self._set("ventricular_run", True, f"{RUN_BEATS} ventricular beats in a row")

    def _limits(
        self, name: AlarmName, value: float, limits: list[float], rate: float
    ) -> list[Change]:
        on, off = limits
        if value > on:
            return self._set(name, True, f"rate {rate:.0f}/min")
        return self._set(name, False, f"rate {rate:.0f}/min") if value < off else []

    def _set(self, name: AlarmName, active: bool, text: str) -> list[Change]:
        if active == (name in self._active):
            return []
        (self._active.add if active else self._active.discard)(name)
        return [Change(name, active, text)]
