"""A rhythm watch under test: what it is fed with, beat by beat, and what it tells."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.alarms import Setting
from edge.beats import P_PART, SAMPLES
from edge.chains import Change
from edge.events import Label
from edge.filters import STREAM_FS
from edge.rhythm import RhythmWatch

AF = "atrial_fibrillation"
P, NO_P = 0.9, 0.05
P_WAVE = np.exp(-0.5 * ((np.arange(SAMPLES) - P_PART.start - 12) / 4) ** 2)


def window(p: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A beat before whose QRS the share `p` is the patient's P wave, and the rest is by chance.

    NaN where it cannot be judged.
    """
    chance = rng.normal(0, 0.5, SAMPLES)
    return np.array([p * P_WAVE + math.sqrt(1 - p**2) * chance])


class Player:
    """A watch, and the clock of what it is fed with."""

    def __init__(self, alarms: Mapping[str, Setting] | None = None) -> None:
        self.watch = RhythmWatch(1, alarms)
        self.rng = np.random.default_rng(0)
        self.at = 0
        self.changes: list[Change] = []

    def beat(
        self, label: Label = "N", rr: float | None = 0.8, p: float = P
    ) -> list[tuple[str, bool]]:
        self.at += round((rr or 1.0) * STREAM_FS)
        return [*self.found(label, rr), *self.learn(label, rr, p)]

    def found(
        self,
        label: Label,
        rr: float | None,
        sure: bool | None = None,
        like: float = 1.0,
        alike: float = 1.0,
    ) -> list[tuple[str, bool]]:
        """The provisional observation of this beat; unless said, an unknown one may be none."""
        sure = label != "U" if sure is None else sure
        return self._take(self.watch.found(self.at, label, rr, sure=sure, like=like, alike=alike))

    def learn(
        self, label: Label, rr: float | None, p: float = P, like: float = 1.0, alike: float = 1.0
    ) -> list[tuple[str, bool]]:
        """The final observation of this beat."""
        return self._take(self.watch.beat(self.at, label, rr, window(p, self.rng), like, alike))

    def beats(
        self, labels: Iterable[str], rr: float | None = 0.8, p: float = P
    ) -> list[tuple[str, bool]]:
        return [change for label in labels for change in self.beat(label, rr, p)]  # type: ignore[arg-type]

    def fibrillate(
        self, rng: np.random.Generator, beats: int, p: float = NO_P
    ) -> list[tuple[str, bool]]:
        rr = rng.uniform(0.45, 1.1, beats).tolist()
        return [change for interval in rr for change in self.beat("N", interval, p)]

    def silence(self, seconds: float) -> list[tuple[str, bool]]:
        return self._take(self.watch.silence(self.at + round(seconds * STREAM_FS), seconds))

    def wait(self, seconds: int) -> list[tuple[str, bool]]:
        """Seconds of signal, with a beat no one hears of: what is technical passes."""
        told = []
        for _ in range(seconds):
            self.at += round(STREAM_FS)
            told += self._take(self.watch.silence(self.at, 0.5))
        return told

    def interrupt(self, seconds: float = 1, reason: Any = "lost") -> list[tuple[str, bool]]:
        told = []
        for _ in range(round(seconds)):
            self.at += round(STREAM_FS)
            told += self._take(self.watch.interrupt(self.at, reason))
        return told

    def flutter(self, active: bool, seconds: int) -> list[tuple[str, bool]]:
        """So many seconds of it, or without."""
        told = []
        since = self.at
        for _ in range(seconds):
            self.at += round(STREAM_FS)
            told += self._take(self.watch.flutter(self.at, active, since))
        return told

    def _take(self, changes: list[Change]) -> list[tuple[str, bool]]:
        self.changes += changes
        assert all(c.since <= self.at + STREAM_FS * 5 for c in changes)
        return [(c.name, c.active) for c in changes]

    def span(self, name: str) -> tuple[int, int]:
        on, off = (c.since for c in self.changes if c.name == name)
        return on, off


def live(
    beats: Sequence[tuple[str, float]], alarms: Mapping[str, Setting] | None = None, rest: float = 0
) -> list[tuple[float, Change]]:
    """A heart as a monitor hears it: label and interval before of each beat, changes by second.

    A beat is found after 0.19 s, final 0.2 s after the next R, or 2 s after its own; a silence is
    heard every 0.2 s.
    """
    r = np.cumsum([rr for _, rr in beats])
    end = r[-1] + max(rest, 2.1)
    heard: list[tuple[float, int, bool]] = []
    for i, at in enumerate(r):
        following = r[i + 1] + 0.2 if i + 1 < len(r) else math.inf
        heard += [(at + 0.19, i, False), (min(at + 2, following), i, True)]
    heard += [(t, -1, False) for t in np.arange(0.2, end, 0.2)]
    watch = RhythmWatch(1, alarms)
    changes = []
    rng = np.random.default_rng(0)
    for t, i, final in sorted(heard):
        at = round(t * STREAM_FS)
        if i >= 0:
            label, rr = beats[i]
            said: Any = label
            before, place = rr if i else None, round(r[i] * STREAM_FS)
            if final:
                told = watch.beat(place, said, before, window(P, rng))
            else:
                told = watch.found(place, said, before, sure=label != "U")
        else:
            past = r[r <= t - 0.2]
            silence = t - past[-1] if len(past) else 0.0
            told = watch.silence(at, float(silence))
        changes += [(float(t), change) for change in told]
    return changes


def on_and_off(changes: list[tuple[float, Change]]) -> list[tuple[str, bool]]:
    return [(change.name, change.active) for _, change in changes]


def names(changes: list[tuple[float, Change]]) -> set[str]:
    return {change.name for _, change in changes}
