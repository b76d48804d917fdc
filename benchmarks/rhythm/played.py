"""The alarms that the monitor gives on a record."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.play import events
from benchmarks.report import Leads
from edge import replay
from edge.alarms import RULES
from edge.events import Alarm, AlarmName, Event

AF: Final[AlarmName] = "atrial_fibrillation"
ALARMS: Final[tuple[AlarmName, ...]] = tuple(n for n in RULES if RULES[n].priority != "technical")
"""What annotators can tell; whether a lead is off, or too noisy, they do not."""

Span = tuple[float, float]
"""Seconds, from and to."""


class Episode(NamedTuple):
    """One alarm, in seconds: when it was told, and from when to when it was said to hold."""

    told: Span
    dated: Span


@dataclass(frozen=True, slots=True)
class Watched:
    """The alarms of one record, by their names, and how many seconds it lasts."""

    record: str
    seconds: float
    alarms: dict[AlarmName, list[Episode]]


def watch(path: Path, leads: Leads, model: str) -> Watched:
    """One record, by its path without suffix, through the monitor; RecordError if it fails."""
    recording = replay.read(path, leads)
    seconds = len(recording.nv) / recording.fs
    return collect(recording.name, seconds, events(recording, model, None))


def collect(record: str, seconds: float, said: Iterable[Event]) -> Watched:
    """The alarms among a record's events; one that is still on ends with the record."""
    alarms: dict[AlarmName, list[Episode]] = {name: [] for name in RULES}
    begun: dict[AlarmName, Alarm] = {}
    for event in said:
        if isinstance(event, Alarm) and event.active:
            begun[event.name] = event
        elif isinstance(event, Alarm):
            on = begun.pop(event.name)
            alarms[event.name].append(Episode((on.t, event.t), (on.since, event.since)))
    for name, on in begun.items():
        alarms[name].append(Episode((on.t, seconds), (on.since, seconds)))
    return Watched(record, seconds, alarms)
