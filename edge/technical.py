"""What keeps the heart from being watched: electrodes off, no signal, noise.

Each reason fills up while it lasts and leaks half as fast while it does not: a contact that
chatters is told once, and one that slips once is not told.
"""

from typing import Final, Literal

from edge.chains import Alarms
from edge.events import AlarmName
from edge.filters import STREAM_FS

Unwatched = Literal["lead_off", "lost", "saturated", "noise"]
"""Why no lead can be watched."""

OVER_S: Final = 3.0
"""Seconds without, after which it is over; our choice."""
LEAK: Final = 0.5

_ALARM: Final[dict[Unwatched, AlarmName]] = {
    "lead_off": "lead_off",
    "lost": "signal_lost",
    "saturated": "signal_lost",
    "noise": "noise",
}
_TEXT: Final[dict[Unwatched, str]] = {
    "lead_off": "an electrode is off",
    "lost": "no samples",
    "saturated": "the converter is at its rail",
    "noise": "every lead too noisy to watch",
}


class TechnicalWatch:
    """Fed with what each moment could be watched for, sets the technical alarms."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms
        self._at = 0
        self._level: dict[AlarmName, float] = dict.fromkeys(_ALARM.values(), 0.0)
        self._seen: dict[AlarmName, int] = dict.fromkeys(_ALARM.values(), 0)
        self._since: dict[AlarmName, int] = dict.fromkeys(_ALARM.values(), 0)

    def tick(self, at: int, reason: Unwatched | None, held: list[AlarmName]) -> None:
        """Up to stream sample `at` the signal could not be watched because of `reason`, or could.

        `held` are the alarms that stay on meanwhile.
        """
        passed = max(0, at - self._at) / STREAM_FS
        now = None if reason is None else _ALARM[reason]
        for name, level in self._level.items():
            limit = self._alarms.limits[name]
            if reason is not None and name == now:
                if level == 0:
                    self._since[name] = min(self._at, at)
                self._seen[name] = at
                self._level[name] = min(level + passed, limit)
                if self._level[name] >= limit:
                    stays = "".join(f"; {n.replace('_', ' ')} may go on" for n in held)
                    self._alarms.set(name, True, self._since[name], _TEXT[reason] + stays)
            else:
                self._level[name] = max(level - LEAK * passed, 0.0)
                if at - self._seen[name] >= OVER_S * STREAM_FS:
                    self._alarms.set(name, False, self._seen[name], f"{OVER_S:.0f} s without")
        self._at = max(self._at, at)
