"""`edge-bench rhythm`: the monitor's alarms against what the annotators say of the rhythm.

What ought to have been alarmed is read off the reference beats and rhythms with plain
definitions, without the hysteresis, the learning and the detector of `edge`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.play import Engine, events
from benchmarks.report import Leads
from edge import replay
from edge.ectopy import CYCLES, RUN_BEATS, RUN_BPM, TACHYCARDIA_BEATS
from edge.events import Alarm, AlarmName, Event
from edge.rhythm import ASYSTOLE_S, BRADYCARDIA_BPM, PAUSE_S, RATE_BEATS, TACHYCARDIA_BPM
from train.data.aami import aami_classes
from train.data.mitdb import Annotations, read_annotations
from train.evaluation import Rates

AF: Final[AlarmName] = "atrial_fibrillation"
ALARMS: Final[tuple[AlarmName, ...]] = get_args(AlarmName)
MARGIN_S: Final = 1.0
"""An alarm and a reference episode belong together if they are no further apart; our choice."""
CLINICAL_S: Final = 30.0
"""Fibrillation that lasts so long is told apart: the least that guidelines (ESC 2020) call it."""

Span = tuple[float, float]
"""Seconds, from and to."""
Flutter = Literal["left out", "fibrillation", "another rhythm"]
"""What atrial flutter counts as."""


class Episode(NamedTuple):
    """One alarm, in seconds: when it was told, and from when to when it was said to hold."""

    told: Span
    dated: Span


@dataclass(frozen=True, slots=True)
class Watched:
    """The alarms of one record."""

    record: str
    seconds: float
    alarms: dict[AlarmName, list[Episode]]


@dataclass(frozen=True, slots=True)
class Reference:
    """What the annotators say of one record, in seconds."""

    episodes: dict[AlarmName, list[Span]]
    allowed: dict[AlarmName, list[Span]] = field(default_factory=dict)
    """Where an alarm is neither right nor wrong."""


def watch(path: Path, leads: Leads, model: str, engine: Engine | None) -> Watched:
    """One record, by its path without suffix, through the monitor."""
    recording = replay.read(path, leads)
    seconds = len(recording.nv) / recording.fs
    return collect(recording.name, seconds, events(recording, model, engine))


def collect(record: str, seconds: float, said: Iterable[Event]) -> Watched:
    """The alarms among a record's events; one that is still on ends with the record."""
    alarms: dict[AlarmName, list[Episode]] = {name: [] for name in ALARMS}
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


def read_reference(path: Path, seconds: float) -> Reference:
    """What is right to alarm in a record that has annotations of beats and rhythm."""
    marks = read_annotations(path)

    def rhythm(*names: str) -> list[Span]:
        ends = [*(sample / marks.fs for sample, _ in marks.rhythm[1:]), seconds]
        return [
            (sample / marks.fs, end)
            for (sample, name), end in zip(marks.rhythm, ends, strict=False)
            if name in names
        ]

    flutter = [(a / marks.fs, min(b / marks.fs, seconds)) for a, b in marks.vf]
    ventricular = rhythm("VT", "VFL") + flutter
    allowed: dict[AlarmName, list[Span]] = {
        AF: rhythm("AFL"),
        "ventricular_run": [*ventricular, *rhythm("IVR")],
        "ventricular_tachycardia": ventricular,
        "bigeminy": rhythm("B"),
        "trigeminy": rhythm("T"),
        **dict.fromkeys(("pause", "asystole", "bradycardia", "tachycardia", "couplet"), flutter),
    }
    return Reference({AF: rhythm("AFIB"), **from_beats(marks)}, allowed)


def from_beats(marks: Annotations) -> dict[AlarmName, list[Span]]:
    """Episodes of every alarm but fibrillation, as the annotated beats have them."""
    t = marks.sample / marks.fs
    rr = np.diff(t)
    for first, last in marks.vf:  # there are beats in it, but none is annotated
        rr[(marks.sample[1:] > first) & (marks.sample[:-1] < last)] = 0.0
    v = aami_classes(marks.symbol) == "V"
    couplets = [(a, b) for a, b in _runs(v) if b - a == 2 and a > 0 and b < len(v)]

    def fast(beats: int) -> list[Span]:
        return [
            (t[a], t[b - 1])
            for a, b in _runs(v)
            if b - a >= beats and _rates(t[a:b], beats - 1).max() > RUN_BPM
        ]

    rates = _rates(t, RATE_BEATS)
    return {
        "pause": [(t[i], t[i + 1]) for i in np.flatnonzero(rr >= PAUSE_S)],
        "asystole": [(t[i], t[i + 1]) for i in np.flatnonzero(rr >= ASYSTOLE_S)],
        "bradycardia": [
            (t[a], t[b - 1 + RATE_BEATS]) for a, b in _runs(rates < BRADYCARDIA_BPM[0])
        ],
        "tachycardia": [
            (t[a], t[b - 1 + RATE_BEATS]) for a, b in _runs(rates > TACHYCARDIA_BPM[0])
        ],
        "couplet": [(t[a], t[b - 1]) for a, b in couplets],
        "ventricular_run": fast(RUN_BEATS),
        "ventricular_tachycardia": fast(TACHYCARDIA_BEATS),
        "bigeminy": _every(t, v, 2),
        "trigeminy": _every(t, v, 3),
    }


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and end of each stretch of true flags."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _rates(t: NDArray[np.float64], intervals: int) -> NDArray[np.float64]:
    """Mean rate per minute over so many intervals, from each beat on that has them."""
    return np.asarray(60.0 * intervals / (t[intervals:] - t[:-intervals]))


def _every(t: NDArray[np.float64], v: NDArray[np.bool_], period: int) -> list[Span]:
    """Where at least `CYCLES` ventricular beats stand exactly `period` beats apart."""
    at = np.flatnonzero(v)
    chains = _runs(np.diff(at) == period)
    return [(t[at[a]], t[at[b]]) for a, b in chains if b - a + 1 >= CYCLES]


def _near(span: Span, others: Iterable[Span]) -> bool:
    return any(a <= span[1] + MARGIN_S and span[0] <= b + MARGIN_S for a, b in others)


class Tally(NamedTuple):
    """Episodes of one alarm: of the reference, and those that were found; alarms, and false."""

    reference: int
    found: int
    given: int
    false: int

    def __add__(self, other: object) -> "Tally":
        """Pooled."""
        assert isinstance(other, Tally)
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def se(self) -> float:
        """Share of the reference episodes that were found, NaN without one."""
        return Rates(self.found, self.reference - self.found, 0).se

    @property
    def ppv(self) -> float:
        """Share of the alarms that the reference supports, NaN without one."""
        return Rates(self.given - self.false, 0, self.false).ppv


def tally(watched: Watched, reference: Reference, name: AlarmName, least_s: float = 0.0) -> Tally:
    """One record's episodes of one alarm; where it is allowed it is not counted.

    Episodes of the reference that are shorter than `least_s` seconds need not be found.
    """
    spans = reference.episodes.get(name, [])
    allowed = reference.allowed.get(name, [])
    dated = [episode.dated for episode in watched.alarms[name]]
    right = [_near(span, spans) for span in dated]
    wrong = sum(not ok and not _near(span, allowed) for ok, span in zip(right, dated, strict=True))
    asked = [span for span in spans if span[1] - span[0] >= least_s]
    return Tally(len(asked), sum(_near(span, dated) for span in asked), sum(right) + wrong, wrong)


class Durations(NamedTuple):
    """Seconds of fibrillation: found, missed, and said where there is none."""

    found: float
    missed: float
    false: float

    def __add__(self, other: object) -> "Durations":
        """Pooled."""
        assert isinstance(other, Durations)
        return Durations(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def se(self) -> float:
        """Sensitivity by duration, NaN without fibrillation."""
        asked = self.found + self.missed
        return self.found / asked if asked else math.nan

    @property
    def ppv(self) -> float:
        """Positive predictivity by duration, NaN where none is said."""
        said = self.found + self.false
        return self.found / said if said else math.nan


def durations(
    watched: Watched, reference: Reference, *, dated: bool, flutter: Flutter = "left out"
) -> Durations:
    """Of one record, to 10 ms; alarms count from when they are told or from when they date.

    Atrial flutter is left out, or counts as fibrillation, or as none.
    """
    n = round(watched.seconds * 100)
    said = _mask((e.dated if dated else e.told for e in watched.alarms[AF]), n)
    asked = _mask(reference.episodes.get(AF, []), n)
    other = _mask(reference.allowed.get(AF, []), n)
    if flutter == "fibrillation":
        asked |= other
    counted = ~other if flutter == "left out" else np.ones(n, np.bool_)
    masks = (said & asked, ~said & asked, said & ~asked)
    return Durations(*(float(np.count_nonzero(mask & counted)) / 100 for mask in masks))


def _mask(spans: Iterable[Span], n: int) -> NDArray[np.bool_]:
    mask = np.zeros(n, np.bool_)
    for start, end in spans:
        mask[max(round(start * 100), 0) : max(round(end * 100), 0)] = True
    return mask
