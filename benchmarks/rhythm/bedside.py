"""`edge-bench alarms`: the monitor's alarms where a bedside monitor alarmed, rightly or not.

The records of cinc2015 are played as a device would see them up to 5:00, where the bedside monitor
alarmed: nothing later is used, and the stream does not end there. The monitor's answer is "true"
if an alarm that implies the bedside monitor's condition is on at some moment of the ten seconds
before, in which a true alarm's event lies; else it is "false".
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.report import Leads
from edge import replay
from edge.bundle import Bundle
from edge.events import Alarm, Event
from edge.monitor import Monitor
from train.data.cinc2015 import ALARM_S, EVENT_S, BedsideAlarm, Kind

IMPLYING: Final[dict[Kind, tuple[str, ...]]] = {
    "Asystole": ("asystole",),
    "Bradycardia": ("bradycardia", "extreme_bradycardia"),
    "Tachycardia": (
        "tachycardia",
        "extreme_tachycardia",
        "supraventricular_tachycardia",
        "ventricular_tachycardia",
    ),
    "Ventricular_Flutter_Fib": ("ventricular_fibrillation",),
    "Ventricular_Tachycardia": ("ventricular_tachycardia", "ventricular_fibrillation"),
}
"""Our alarms that are an answer to each of the bedside monitor's: the same condition, or one that
is told in its place because it is worse. A pause implies no bradycardia, asystole neither."""


class Answer(NamedTuple):
    """An alarm of ours that was on, in seconds of the record."""

    name: str
    told: float
    """When it was given."""
    since: float
    """From when on it said that it holds."""
    ended: float
    """When its end was told; 5:00 if it was not."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One record's bedside alarm, and what was on in the ten seconds before it."""

    bedside: BedsideAlarm
    on: tuple[Answer, ...]
    """All of our alarms, in the order in which they were told."""

    @property
    def answer(self) -> Answer | None:
        """The first that implies the bedside monitor's."""
        implying = IMPLYING[self.bedside.kind]
        return next((alarm for alarm in self.on if alarm.name in implying), None)

    @property
    def delay_s(self) -> float:
        """Seconds from the event's beginning, by our own dating, to our alarm; NaN without one.

        Nobody has annotated when the event began.
        """
        return self.answer.told - self.answer.since if self.answer else math.nan


class Verdicts(NamedTuple):
    """True and false alarms of the bedside monitor, by what ours says of them."""

    tp: int
    fn: int
    fp: int
    tn: int

    @property
    def tpr(self) -> float:
        """Share of the true alarms that ours gives too, NaN without one."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else math.nan

    @property
    def tnr(self) -> float:
        """Share of the false alarms that ours does not give, NaN without one."""
        return self.tn / (self.tn + self.fp) if self.tn + self.fp else math.nan

    @property
    def score(self) -> float:
        """The challenge's, of 100: a true alarm that is missed counts five times."""
        weighed = self.tp + self.tn + self.fp + 5 * self.fn
        return 100 * (self.tp + self.tn) / weighed if weighed else math.nan


def verdicts(judged: Iterable[Judged]) -> Verdicts:
    """Counts over records."""
    found = [(j.bedside.true, j.answer is not None) for j in judged]
    return Verdicts(*(found.count(pair) for pair in _PAIRS))


_PAIRS: Final = ((True, True), (True, False), (False, True), (False, False))


def judge(bedside: BedsideAlarm, folder: Path, leads: Leads, model: str) -> Judged:
    """Play one record to its alarm; a RecordError where it cannot be read."""
    recording = replay.read(folder / bedside.record, leads)
    n = round(ALARM_S * recording.fs)
    monitor = Monitor(Bundle.load(model))
    played = replay.blocks(dataclasses.replace(recording, nv=recording.nv[:n]))
    return Judged(bedside, on_before([e for block in played for e in monitor.push(block)]))


def on_before(events: Sequence[Event]) -> tuple[Answer, ...]:
    """The alarms that are on at some moment of the ten seconds before 5:00, as they are told."""
    begun: dict[str, Alarm] = {}
    answers = []
    for event in events:
        if not isinstance(event, Alarm):
            continue
        if event.active:
            begun.setdefault(event.name, event)
        elif on := begun.pop(event.name, None):
            answers.append(Answer(on.name, on.t, on.since, event.t))
    answers += [Answer(on.name, on.t, on.since, ALARM_S) for on in begun.values()]
    late = [a for a in answers if a.ended >= ALARM_S - EVENT_S and a.told <= ALARM_S]
    return tuple(sorted(late, key=lambda answer: answer.told))
