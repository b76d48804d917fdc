"""Which strips are shown, and their signal, cut from the recording as it is read again."""

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.alarms import RULES
from edge.events import AlarmName
from edge.replay import INVALID, Opened
from edge.report.counts import RATE_BEATS, RUN, Counter
from edge.report.found import Episode, Found

ROW_S: Final = 6.8
"""Seconds in a row of paper, 170 mm."""
_BEFORE_S: Final = 2.0
"""Shown before what a strip is of."""
_REST_S: Final = ROW_S - _BEFORE_S
_ROWS: Final = 2
"""Of one strip, at most."""
_OF_A_KIND: Final = {"high": 6, "medium": 3, "low": 2, "technical": 1}
"""Strips of one alarm by its priority: of its longest episodes."""
_LEADS: Final = 3
_PREFERRED: Final = ("ii", "mlii", "v1", "v5")
_PAUSE_S: Final = 2.0


@dataclass(slots=True)
class Strip:
    """A piece of the recording that is shown."""

    title: str
    start: float
    rows: int
    also: list[str] = field(default_factory=list)
    """What else it shows, that would have been a strip of its own."""
    mv: NDArray[np.float32] | None = None
    """Its signal, [n, leads], NaN where there is none; None until it is cut."""

    @property
    def end(self) -> float:
        """Seconds of signal."""
        return self.start + self.rows * ROW_S


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is shown."""

    strips: list[Strip]
    """What matters most first, then the alarms."""
    shown: Tally[AlarmName]
    """Episodes of each alarm that are to be seen."""


def choose(found: Found, counter: Counter, time: Callable[[float], str]) -> Chosen:
    """The strips of a recording; `time` tells a moment in words."""
    strips: list[Strip] = []

    def add(title: str, at: float, seconds: float, most: int = _ROWS) -> None:
        rows = 1 if seconds + _BEFORE_S <= ROW_S else most
        latest = max(0.0, found.seconds - rows * ROW_S)
        start = min(max(0.0, at - _BEFORE_S), latest)
        title = f"{title}, {time(at)}"
        for strip in strips:
            if strip.start <= at and min(at + seconds, at + ROW_S / 2) <= strip.end:
                strip.also.append(title)
                return
        strips.append(Strip(title, start, rows))

    for title, at, seconds in _moments(found, counter):
        add(title, at, seconds)
    shown: Tally[AlarmName] = Tally()
    for name, rule in RULES.items():
        episodes = [e for e in found.episodes if e.name == name]
        longest = sorted(episodes, key=lambda e: -e.seconds)[: _OF_A_KIND[rule.priority]]
        for episode in sorted(longest, key=lambda e: e.start):
            most = _ROWS if rule.priority in ("high", "medium") else 1
            add(_told(episode, rule.priority), episode.start, episode.seconds, most)
            shown[name] += 1
    return Chosen(strips, shown)


def _told(episode: Episode, priority: str) -> str:
    return f"Alarm ({priority}): {episode.name.replace('_', ' ')}, {episode.text}"


def _moments(found: Found, counter: Counter) -> Iterator[tuple[str, float, float]]:
    """What is of interest in any recording: in words, when it begins, how long it lasts."""
    t, rr, label = found.t, found.rr, found.label
    usual = _usual(found)
    yield "Usual rhythm" if usual is not None else "The beginning", usual or 0.0, _REST_S
    if not len(t):
        return
    if not np.isnan(rr).all():
        i = int(np.nanargmax(rr))
        name = "Longest pause" if rr[i] >= _PAUSE_S else "Longest RR interval"
        yield f"{name}, {rr[i]:.2f} s", t[i] - rr[i], rr[i]
    rates = counter.rates
    if not np.isnan(rates).all():
        ends = (("Greatest", np.nanargmax(rates)), ("Least", np.nanargmin(rates)))
        for name, at in ends:
            i = int(at)
            first = max(0, i - RATE_BEATS)
            yield f"{name} rate, {rates[i]:.0f}/min over 8 intervals", t[first], _REST_S
    for kind, word in (("V", "ventricular"), ("S", "supraventricular")):
        runs = [run for run in counter.runs[kind] if run.beats >= RUN]
        if runs:
            fast = max(runs, key=lambda run: run.rate)
            text = f"{fast.beats} beats, {fast.rate:.0f}/min"
            yield f"Fastest {word} run, {text}", t[fast.first], t[fast.last] - t[fast.first]
            long = max(runs, key=lambda run: run.beats)
            if long.beats > fast.beats:
                text = f"{long.beats} beats, {long.rate:.0f}/min"
                yield f"Longest {word} run, {text}", t[long.first], t[long.last] - t[long.first]
        couplet = next((run for run in counter.runs[kind] if run.beats == 2), None)
        if couplet:
            yield f"A {word} couplet", t[couplet.first], t[couplet.last] - t[couplet.first]
    for kind, word in (("V", "ventricular"), ("S", "supraventricular"), ("F", "fusion")):
        alone = np.flatnonzero(label == kind)
        among = [i for i in alone.tolist() if (label[max(0, i - 2) : i + 3] == "N").sum() == 4]
        if among:
            i = min(among, key=lambda i: rr[i] if rr[i] == rr[i] else np.inf)
            yield f"A {word} beat, the most premature alone", t[i], 1.0


def _usual(found: Found) -> float | None:
    """Where normal beats alone are in a whole row, with the least RR change: when it begins."""
    normal = found.label == "N"
    bad = np.concatenate([[0], np.cumsum(~normal | np.isnan(found.rr))])
    first = np.arange(len(found.t))
    last = np.searchsorted(found.t, found.t + ROW_S)
    clean = np.flatnonzero(
        (bad[np.minimum(last + 1, len(found.t))] == bad[first])
        & (last - first >= 3)
        & (last < len(found.t))
    )
    if not len(clean):
        return None
    middle = float(np.nanmedian(found.rr))
    near = np.abs(found.rr[clean] - middle)
    return float(found.t[clean[int(np.argmin(near))]]) + _BEFORE_S - 0.4


def leads(names: Sequence[str]) -> list[int]:
    """Those that are drawn: all, but of many those that a rhythm is read from."""
    if len(names) <= _LEADS:
        return list(range(len(names)))
    liked = [i for like in _PREFERRED for i, name in enumerate(names) if name.casefold() == like]
    rest = [i for i in range(len(names)) if i not in liked]
    return sorted((liked + rest)[:_LEADS])


def cut(opened: Opened, strips: Sequence[Strip], columns: Sequence[int]) -> None:
    """Read the recording once more, and give each strip its signal in those columns."""
    fs, at = opened.fs, 0
    waiting = sorted(strips, key=lambda strip: strip.start)
    for strip in waiting:
        size = round(strip.rows * ROW_S * fs)
        strip.mv = np.full((size, len(columns)), np.nan, np.float32)
    for nv in opened.pieces():
        for strip in waiting:
            start = round(strip.start * fs)
            if start >= at + len(nv):
                break
            assert strip.mv is not None
            a, b = max(start, at), min(start + len(strip.mv), at + len(nv))
            if a < b:
                part = nv[a - at : b - at, list(columns)]
                strip.mv[a - start : b - start] = np.where(part == INVALID, np.nan, part * 1e-6)
        at += len(nv)
        waiting = [strip for strip in waiting if strip.end * fs > at]
        if not waiting:
            break
