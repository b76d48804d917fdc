"""What the annotators say of a record's rhythm: what ought to be alarmed, and where.

It is read off the reference beats and rhythms with plain definitions, without the hysteresis, the
learning and the detector of `edge`. Of one condition `edge` tells the worst alarm alone, so an
episode is found by the alarm of its name or by a worse one of its chain (`tallies.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.rhythm.played import AF, ALARMS, Span
from edge import fast, slow
from edge.alarms import Limits
from edge.ectopy import (
    CYCLES,
    MINUTE,
    ON_T_AFTER,
    ON_T_SLOWEST_S,
    RUN_BEATS,
    TACHYCARDIA_BEATS,
)
from edge.events import AlarmName
from edge.filters import STREAM_FS
from train.data.mitdb import Annotations, read_annotations
from train.metrics.aami import aami_classes

LIMIT: Final = Limits()
MARGIN_S: Final = 1.0
"""An alarm and a reference episode belong together if they are no further apart; our choice."""
RATE_ERROR: Final = 5.0
"""Beats a minute that a monitor's rate may be wrong by, as makers print of ANSI/AAMI EC13."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the annotators say of one record, in seconds."""

    episodes: dict[AlarmName, list[Span]]
    allowed: dict[AlarmName, list[Span]] = field(default_factory=dict)
    """Where an alarm is neither right nor wrong."""


def read_reference(path: Path, seconds: float) -> Reference:
    """What is right to alarm in a record that has annotations of beats and rhythm.

    The record is given by its path without suffix and its length in seconds; RecordError if its
    annotations cannot be read.
    """
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
        **dict.fromkeys(ALARMS, flutter),
        AF: rhythm("AFL"),
        "ventricular_fibrillation": ventricular,
        "ventricular_run": [*ventricular, *rhythm("IVR")],
        "accelerated_ventricular_rhythm": [*ventricular, *rhythm("IVR")],
        "ventricular_tachycardia": ventricular,
        "supraventricular_tachycardia": rhythm("SVTA") + flutter,
        "bradycardia": _slow(marks, LIMIT["bradycardia"]) + flutter,
        "extreme_bradycardia": _slow(marks, LIMIT["extreme_bradycardia"]) + flutter,
        "bigeminy": rhythm("B"),
        "trigeminy": rhythm("T"),
        "missed_beat": rhythm("BII") + flutter,
    }
    least = LIMIT["ventricular_fibrillation"]
    fibrillation = [(a, b) for a, b in flutter if b - a >= least]
    episodes = {AF: rhythm("AFIB"), "ventricular_fibrillation": fibrillation, **from_beats(marks)}
    atrial = episodes[AF] + allowed[AF]
    episodes["missed_beat"] = [s for s in episodes["missed_beat"] if not near(s, atrial)]
    return Reference(episodes, allowed)


def from_beats(marks: Annotations) -> dict[AlarmName, list[Span]]:
    """Episodes of every alarm but fibrillation, as the annotated beats have them."""
    t = marks.sample / marks.fs
    rr = np.diff(t)
    for first, last in marks.vf:  # there are beats in it, but none is annotated
        rr[(marks.sample[1:] > first) & (marks.sample[:-1] < last)] = 0.0
    v = aami_classes(marks.symbol) == "V"
    pairs = [(a, b) for a, b in _runs(v) if b - a == 2 and a > 0 and b < len(v)]
    ventricular = [(a, b) for a, b in _runs(v) if b - a >= RUN_BEATS]

    def fast_v(name: AlarmName, beats: int) -> list[Span]:
        return [
            (t[a], t[b - 1])
            for a, b in ventricular
            if b - a >= beats and _rates(t[a:b], beats - 1).max() > LIMIT[name]
        ]

    def rhythm_v(a: int, b: int) -> bool:
        rates = _rates(t[a:b], RUN_BEATS - 1)
        least, most = LIMIT["accelerated_ventricular_rhythm"], LIMIT["ventricular_run"]
        return bool(
            ((least <= rates) & (rates <= most)).any() and np.diff(t[a:b]).max() < 60 / least
        )

    def beats_below(bpm: float) -> list[Span]:
        return [(t[a], t[b]) for a, b in _runs(rr > 60 / bpm) if b - a >= slow.RATE_INTERVALS]

    def fast_beats(bpm: float) -> list[Span]:
        n = fast.RATE_INTERVALS
        return [(t[a], t[b - 1 + n]) for a, b in _runs(_rates(t, n) > bpm)]

    return {
        "asystole": [(t[i], t[i + 1]) for i in np.flatnonzero(rr >= LIMIT["asystole"])],
        "ventricular_tachycardia": fast_v("ventricular_tachycardia", TACHYCARDIA_BEATS),
        "extreme_bradycardia": beats_below(LIMIT["extreme_bradycardia"]),
        "extreme_tachycardia": fast_beats(LIMIT["extreme_tachycardia"]),
        "pause": [(t[i], t[i + 1]) for i in np.flatnonzero(rr >= LIMIT["pause"])],
        "bradycardia": beats_below(LIMIT["bradycardia"]),
        "supraventricular_tachycardia": _sudden(t, rr, v),
        "tachycardia": fast_beats(LIMIT["tachycardia"]),
        "ventricular_run": fast_v("ventricular_run", RUN_BEATS),
        "accelerated_ventricular_rhythm": [
            (t[a], t[b - 1]) for a, b in ventricular if rhythm_v(a, b)
        ],
        "bigeminy": _every(t, v, 2),
        "trigeminy": _every(t, v, 3),
        "r_on_t": _on_t(t, rr, v),
        "couplet": [
            (t[a], t[b - 1])
            for a, b in pairs
            if t[b - 1] - t[a] <= 60 / LIMIT["accelerated_ventricular_rhythm"]
        ],
        "pvcs_per_minute": _per_minute(t, v),
        "missed_beat": _missed(t, rr, aami_classes(marks.symbol) == "N"),
    }


def _slow(marks: Annotations, bpm: float) -> list[Span]:
    """Where the mean of as many intervals as a slow rate takes is below `bpm`, or nearly."""
    t, n = marks.sample / marks.fs, slow.RATE_INTERVALS
    return [(t[a], t[b - 1 + n]) for a, b in _runs(_rates(t, n) < bpm + RATE_ERROR)]


def _sudden(t: NDArray[np.float64], rr: NDArray[np.float64], v: NDArray[np.bool_]) -> list[Span]:
    """Eight beats and more that are not ventricular, fast, regular, and begin suddenly."""
    bpm = LIMIT["supraventricular_tachycardia"]
    n = fast.BEATS - 1
    spans = []
    for a, b in _runs(
        (rr > 0) & (rr < 60 / LIMIT.release("supraventricular_tachycardia")) & ~v[1:]
    ):
        before, run = rr[max(a - fast.RATE_INTERVALS, 0) : a], rr[a:b]
        if b - a < n or not len(before) or run[0] > fast.SUDDEN * before.mean():
            continue
        parts = np.lib.stride_tricks.sliding_window_view(run, n)
        steps = np.abs(np.diff(parts, axis=1)).mean(axis=1)
        mean = parts.mean(axis=1)
        if ((60 / mean > bpm) & (steps <= fast.REGULAR * mean)).any():
            spans.append((t[a], t[b]))
    return spans


def _on_t(t: NDArray[np.float64], rr: NDArray[np.float64], v: NDArray[np.bool_]) -> list[Span]:
    """Ventricular beats, each alone, on the T wave of the beat before."""
    normal = ~v[1:] & ~v[:-1] & (rr > 0)
    spans = []
    for i in np.flatnonzero(~v[:-2] & v[1:-1] & ~v[2:]).tolist():
        around = rr[:i][normal[:i]][-8:]
        mean = around.mean() if len(around) else 0.0
        early, after = rr[i], rr[i + 1]
        if (
            mean > ON_T_SLOWEST_S
            and 0 < early < LIMIT["r_on_t"] * mean
            and after >= ON_T_AFTER * mean
        ):
            spans.append((t[i], t[i + 2]))
    return spans


def _per_minute(t: NDArray[np.float64], v: NDArray[np.bool_]) -> list[Span]:
    """Where more ventricular beats than the limit, those of runs left out, lie within a minute."""
    single = v.copy()
    for a, b in _runs(v):
        single[a:b] = b - a < RUN_BEATS
    at = t[single]
    n = round(LIMIT["pvcs_per_minute"])
    close = at[n:] - at[:-n] <= MINUTE / STREAM_FS
    return [(at[a], at[b - 1 + n]) for a, b in _runs(close)]


def _missed(t: NDArray[np.float64], rr: NDArray[np.float64], n: NDArray[np.bool_]) -> list[Span]:
    """Intervals of normal beats that are much longer than three regular ones before."""
    spans = []
    for i in range(3, len(rr) - 1):
        before = rr[i - 3 : i]
        regular = n[i - 3 : i + 2].all() and 0 < before.max() < slow.REGULAR * before.min()
        again = rr[i + 1] < slow.AGAIN * before.mean()
        long = LIMIT["missed_beat"] * before.mean() <= rr[i] < LIMIT["pause"]
        if regular and again and long:
            spans.append((t[i], t[i + 1]))
    return spans


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


def near(span: Span, others: Iterable[Span]) -> bool:
    """Whether one of the others is at most `MARGIN_S` seconds from it."""
    return any(a <= span[1] + MARGIN_S and span[0] <= b + MARGIN_S for a, b in others)
