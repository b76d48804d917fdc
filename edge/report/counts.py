"""What was found, in numbers: of each hour, and of the whole."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.hrv import Beats, Variability
from edge.report.found import Found

RATE_BEATS: Final = 8
"""Intervals that a rate is the mean of."""
RUN: Final = 3
"""Beats of one kind in a row that are a run; two are a couplet."""


class Run(NamedTuple):
    """Premature beats in a row, with signal between them."""

    first: int
    """Its first beat's number, and the last one's."""
    last: int
    rate: float
    """Mean, 1/min."""

    @property
    def beats(self) -> int:
        """How many."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Counts:
    """Of a stretch of time."""

    start: float
    end: float
    beats: dict[str, int]
    """By label."""
    seen_s: float
    """In which a lead can be judged."""
    least: float | None
    """Rates in 1/min, over eight intervals; the mean over all that are known."""
    mean: float | None
    greatest: float | None
    couplets: int
    runs: int
    """Of V."""
    s_runs: int
    longest_rr: float | None
    """Seconds."""
    fibrillating_s: float
    hrv: Variability

    @property
    def share_seen(self) -> float:
        """Of its time, 0 to 1."""
        return self.seen_s / (self.end - self.start)

    @property
    def burden(self) -> float | None:
        """Share of the time that can be judged in which the atria fibrillate."""
        return min(1.0, self.fibrillating_s / self.seen_s) if self.seen_s else None


class Counter:
    """Counts any stretch of a recording."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self.rates = _rates(found.rr)
        """Mean of the last eight intervals at each beat, 1/min; NaN where they are not known."""
        self.runs = {label: _runs(found, label) for label in "SV"}
        """Of each label, two beats and more."""
        self._beats = Beats(found.t, found.rr * 1000, found.label == "N")
        self._fibrillation = [
            (e.start, e.end) for e in found.episodes if e.name == "atrial_fibrillation"
        ]

    def whole(self) -> Counts:
        """Of all of it."""
        return self.between(0.0, max(self._found.seconds, 1e-3))

    def between(self, start: float, end: float) -> Counts:
        """Of start <= t < end, in seconds; a run belongs where it begins."""
        found = self._found
        first, last = (int(i) for i in np.searchsorted(found.t, [start, end]))
        if end >= found.seconds:
            last = len(found.t)
        rr, rates = found.rr[first:last], self.rates[first:last]
        known = rr[~np.isnan(rr)]
        names, counts = np.unique(found.label[first:last], return_counts=True)
        runs = {
            label: [run.beats for run in self.runs[label] if first <= run.first < last]
            for label in "SV"
        }
        return Counts(
            start,
            end,
            dict(zip(names.tolist(), counts.tolist(), strict=True)),
            end - start - overlap([(u.start, u.end) for u in found.unseen], start, end),
            _or_none(np.min, rates),
            60 / float(known.mean()) if len(known) else None,
            _or_none(np.max, rates),
            runs["V"].count(2),
            sum(n >= RUN for n in runs["V"]),
            sum(n >= RUN for n in runs["S"]),
            float(known.max()) if len(known) else None,
            overlap(self._fibrillation, start, end),
            self._beats.between(start, end).windowed(),
        )


def hours(seconds: float, first: float) -> list[tuple[float, float]]:
    """Stretches of an hour; the first lasts only `first` seconds, up to a full hour.

    None is shorter than a second, but in what is.
    """
    full = np.arange(first, seconds, 3600.0).tolist()
    edges = [0.0, *(t for t in full if 1.0 <= t <= seconds - 1.0), max(seconds, 1e-3)]
    return list(pairwise(edges))


def overlap(spans: Iterable[tuple[float, float]], start: float, end: float) -> float:
    """Seconds of the spans between start and end."""
    return sum(max(0.0, min(end, b) - max(start, a)) for a, b in spans)


def _rates(rr: NDArray[np.float64]) -> NDArray[np.float64]:
    rates = np.full(len(rr), np.nan)
    if len(rr) < RATE_BEATS:
        return rates
    means = np.lib.stride_tricks.sliding_window_view(rr, RATE_BEATS).mean(axis=1)
    rates[RATE_BEATS - 1 :] = 60 / means
    return rates


def _runs(found: Found, label: str) -> list[Run]:
    at = np.flatnonzero(found.label == label)
    if not len(at):
        return []
    linked = (np.diff(at) == 1) & ~np.isnan(found.rr[at[1:]])
    parts: Sequence[NDArray[np.intp]] = np.split(at, np.flatnonzero(~linked) + 1)
    return [
        Run(int(part[0]), int(part[-1]), 60 / float(found.rr[part[1:]].mean()))
        for part in parts
        if len(part) > 1
    ]


def _or_none(
    of: Callable[[NDArray[np.float64]], np.float64], values: NDArray[np.float64]
) -> float | None:
    known = values[~np.isnan(values)]
    return float(of(known)) if len(known) else None
