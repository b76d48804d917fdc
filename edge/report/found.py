"""What the deployed path says of a recording, kept in a few bytes a beat."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.chains import INSTEAD
from edge.events import (
    Alarm,
    AlarmName,
    Beat,
    Event,
    Gap,
    Link,
    Quality,
    Reason,
    Session,
    Stats,
)

LABELS: Final = "NSVFQU"
_WHY: Final[tuple[Reason, ...]] = ("lead_off", "lost", "saturated", "noise", "flat")
"""Of leads that cannot be judged for different reasons the first is told, as in an alarm."""


@dataclass(slots=True)
class Episode:
    """An alarm from its onset to its end; times are seconds of signal."""

    name: AlarmName
    start: float
    end: float
    text: str

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Unseen:
    """A stretch in which no lead can be judged."""

    start: float
    end: float
    why: Reason


@dataclass(slots=True)
class Found:
    """Of one recording; arrays are [beats]."""

    session: Session
    seconds: float
    t: NDArray[np.float64]
    """Of R."""
    label: NDArray[np.str_]
    """One of `LABELS`."""
    rr: NDArray[np.float64]
    """Seconds since the beat before, NaN where unknown, as it is where one of the two is U."""
    episodes: list[Episode]
    """In order of their onset."""
    unseen: list[Unseen]
    """In order, without overlaps."""
    lost: dict[str, float]
    """Seconds in which each lead cannot be judged."""
    told: list[str] = field(default_factory=list)
    """Sentences about the recording as a whole."""


def gather(events: Iterable[Event]) -> Found:
    """Everything that a report needs of a whole stream of events."""
    t, rr, labels = array("d"), array("d"), bytearray()
    session: Session | None = None
    episodes: list[Episode] = []
    on: dict[str, Episode] = {}
    seen = _Seen()
    told: list[str] = []
    seconds = 0.0
    for event in events:
        match event:
            case Beat(final=True):
                t.append(event.t)
                rr.append(np.nan if event.rr_ms is None else event.rr_ms / 1000)
                labels += event.label.encode()
            case Alarm(active=True):
                on[event.name] = Episode(event.name, event.since, np.inf, event.text)
                episodes.append(on[event.name])
            case Alarm():
                # One that goes on as a worse one, which may date from before it, stood until now.
                instead = event.text.endswith(INSTEAD)
                on.pop(event.name).end = event.t if instead else event.since
            case Quality():
                seen.quality(event)
            case Gap():
                seen.gap(event)
            case Session():
                session = event
                seen.lead(event.leads)
            case Link(measured_hz=float()):
                told.append(event.detail)
            case Stats():
                seconds = event.t
    assert session
    for episode in on.values():
        episode.end = seconds
    label = np.frombuffer(bytes(labels), "S1").astype("U1")
    known = np.array(rr, np.float64)
    unsure = label == "U"
    known[unsure] = np.nan
    known[1:][unsure[:-1]] = np.nan
    episodes.sort(key=lambda episode: episode.start)
    return Found(
        session,
        seconds,
        np.array(t, np.float64),
        label,
        known,
        episodes,
        seen.spans(seconds),
        seen.each(seconds),
        [*session.told, *told],
    )


class _Seen:
    """Which leads can be judged."""

    def __init__(self) -> None:
        self._reasons: dict[str, Reason] = {}
        self._since: dict[str, float] = {}
        self._lost: dict[str, float] = {}
        self._open: tuple[float, Reason] | None = None
        self._spans: list[Unseen] = []
        self._gaps: list[Unseen] = []

    def lead(self, names: Iterable[str]) -> None:
        self._reasons = dict.fromkeys(names, "ok")
        self._lost = dict.fromkeys(names, 0.0)

    def gap(self, gap: Gap) -> None:
        self._gaps.append(Unseen(gap.t, gap.t + gap.duration_s, "lost"))

    def quality(self, event: Quality) -> None:
        if event.reason != "ok":
            self._since.setdefault(event.lead, event.t)
        elif event.lead in self._since:
            self._lost[event.lead] += event.t - self._since.pop(event.lead)
        self._reasons[event.lead] = event.reason
        self._turn(event.t)

    def _turn(self, t: float) -> None:
        reasons = set(self._reasons.values())
        why = None if "ok" in reasons else next(r for r in _WHY if r in reasons)
        if self._open and self._open[1] != why:
            self._spans.append(Unseen(self._open[0], t, self._open[1]))
            self._open = None
        if why and not self._open:
            self._open = t, why

    def each(self, end: float) -> dict[str, float]:
        return {
            lead: lost + (end - self._since[lead] if lead in self._since else 0.0)
            for lead, lost in self._lost.items()
        }

    def spans(self, end: float) -> list[Unseen]:
        """All of them, gaps too, made into one list."""
        rest = [Unseen(*self._open_to(end))] if self._open else []
        merged: list[Unseen] = []
        for span in sorted(self._spans + self._gaps + rest, key=lambda span: span.start):
            start = max(span.start, merged[-1].end) if merged else span.start
            if span.end <= start:
                continue
            if merged and merged[-1].why == span.why and start <= merged[-1].end:
                merged[-1] = Unseen(merged[-1].start, span.end, span.why)
            else:
                merged.append(Unseen(start, span.end, span.why))
        return merged

    def _open_to(self, end: float) -> tuple[float, float, Reason]:
        assert self._open
        return self._open[0], end, self._open[1]
