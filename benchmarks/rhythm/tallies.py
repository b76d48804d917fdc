"""What is counted of alarms and of a reference: episodes, and seconds of fibrillation."""

import math
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.rhythm.played import AF, ALARMS, Span, Watched
from benchmarks.rhythm.reference import Reference, near
from edge.alarms import CHAINS
from edge.events import AlarmName
from train.metrics.ec57 import Rates

CLINICAL_S: Final = 30.0
"""Fibrillation that lasts so long is told apart: the least that guidelines (ESC 2020) call it."""
COVERED: Final[dict[AlarmName, frozenset[AlarmName]]] = {
    name: frozenset({name, *(w for c in CHAINS if name in c for w in c[: c.index(name)])})
    for name in ALARMS
}
"""The alarms that tell an episode."""
Flutter = Literal["left out", "fibrillation", "another rhythm"]
"""What atrial flutter counts as."""


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
    telling = [e.dated for other in COVERED[name] for e in watched.alarms[other]]
    right = [near(span, spans) for span in dated]
    wrong = sum(not ok and not near(span, allowed) for ok, span in zip(right, dated, strict=True))
    asked = [span for span in spans if span[1] - span[0] >= least_s]
    return Tally(len(asked), sum(near(span, telling) for span in asked), sum(right) + wrong, wrong)


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
