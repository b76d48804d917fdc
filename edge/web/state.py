"""What there is to know of a run at this moment, bounded however long it lasts."""

from collections import Counter, deque
from typing import Any, Final

from edge.alarms import RULES, Limits, Setting, changed
from edge.events import (
    Acknowledged,
    Alarm,
    Beat,
    Clock,
    Event,
    Hrv,
    Lead,
    Limit,
    Link,
    Quality,
    Rhythm,
    Session,
)
from edge.web.past import Past
from edge.web.trend import Trend
from firmware_bridge.block import SampleBlock

_LOG: Final = 300
_BEATS: Final = 2000
"""More than five minutes have, at 300/min."""


class State:
    """Fed with all events and blocks; `full` tells it to who comes late."""

    def __init__(self, settings: dict[str, Setting]) -> None:
        """`settings`: limits that are not the table's from the beginning."""
        self.settings = dict(settings)
        self.past: Past | None = None
        self._now = 0.0
        self._clock_s = 0.0  # by which the clock was set since the stream began
        self._session: Session | None = None
        self._link: Link | None = None
        self._rhythm: Rhythm | None = None
        self._hrv: Hrv | None = None
        self._quality: dict[str, str] = {}
        self._contact: dict[str, str] = {}
        self._alarms: dict[str, Alarm] = {}
        self._seen: set[str] = set()
        self._beats: dict[int, Beat] = {}
        self._counts: Counter[str] = Counter()
        self._log: deque[Event] = deque(maxlen=_LOG)
        self._trend = Trend()

    def show(self, block: SampleBlock) -> list[dict[str, Any]]:
        """The next samples; what is to be told beside them."""
        if self.past is None:
            self.past = Past(block.fs, len(block.leads))
        self.past.put(block)
        end = block.start + len(block)
        self._now = end / block.fs
        usable = not self._quality or "ok" in self._quality.values()
        rows = self._trend.passed(self._now, len(block) / block.fs if usable else 0.0)
        return [{"type": "minute", "row": row} for row in rows]

    def take(self, event: Event) -> list[dict[str, Any]]:
        """The next event; what is to be told, itself first."""
        told = [event.to_dict()]
        match event:
            case Session():
                self._session = event
                self._log.append(event)
                return [self.full()]
            case Beat():
                self._beats[event.id] = event
                self._beats.pop(event.id - _BEATS, None)
                self._counts[event.label] += event.final
                self._trend.beat(event)
                return told
            case Rhythm():
                new = self._rhythm is None or self._rhythm.label != event.label
                self._rhythm = event
                self._trend.rhythm(event)
                if new:
                    self._log.append(event)
                return told
            case Hrv():
                self._hrv = event
                return told
            case Alarm():
                self._alarm(event)
                told.append(self._on())
            case Acknowledged():
                for name in event.names:
                    self._acknowledge(name)
                told.append(self._on())
            case Limit():
                setting: Setting | None = "off" if event.off else event.limit
                self.settings = changed(self.settings, {event.name: setting})
                told.append(self._limits())
            case Quality():
                self._quality[event.lead] = event.reason
            case Lead():
                self._contact[event.lead] = event.state
            case Link():
                self._link = event
            case Clock(kind="set"):
                self._clock_s += event.by_s
        self._log.append(event)
        return told

    def full(self) -> dict[str, Any]:
        """All of it, but for the samples."""
        latest: dict[str, Event | None] = {
            "session": self._session,
            "link": self._link,
            "rhythm": self._rhythm,
            "hrv": self._hrv,
        }
        return {
            "type": "state",
            **{name: event and event.to_dict() for name, event in latest.items()},
            "keep_s": self.past.keep_s if self.past else None,
            "now": self._now,
            "clock_s": self._clock_s,
            "quality": self._quality,
            "contact": self._contact,
            "beats": [beat.to_dict() for beat in self._beats.values() if self._shown(beat)],
            "counts": self._counts,
            "log": [event.to_dict() for event in self._log],
            "trend": list(self._trend.rows),
            "alarms": self._on(),
            "limits": self._limits(),
        }

    def _shown(self, beat: Beat) -> bool:
        return self.past is not None and beat.t > self._now - self.past.keep_s

    def _alarm(self, event: Alarm) -> None:
        """One that is over stays, if it is of high priority, until somebody has seen it."""
        latched = RULES[event.name].latching and event.name not in self._seen
        self._seen.discard(event.name)
        if event.active or latched:
            self._alarms[event.name] = event
        else:
            self._alarms.pop(event.name, None)

    def _acknowledge(self, name: str) -> None:
        if alarm := self._alarms.get(name):
            if alarm.active:
                self._seen.add(name)
            else:
                del self._alarms[name]

    def _on(self) -> dict[str, Any]:
        return {
            "type": "alarms",
            "on": [self._alarms[name].to_dict() for name in RULES if name in self._alarms],
            "seen": sorted(self._seen),
        }

    def _limits(self) -> dict[str, Any]:
        limits = Limits(self.settings)
        return {
            "type": "limits",
            "rules": [
                {
                    "name": rule.name,
                    "priority": rule.priority,
                    "limit": limits.told(rule.name),
                    "usual": rule.limit,
                    "unit": rule.unit,
                    "least": rule.least,
                    "most": rule.most,
                    "off": rule.name in limits.off,
                }
                for rule in RULES.values()
            ],
        }
