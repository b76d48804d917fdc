"""What the monitor tells of one signal, and whether it is right."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.system.monitor.waveforms import Signal, times
from edge.bundle import Bundle
from edge.events import Alarm, Beat, Rhythm
from edge.monitor import Monitor
from firmware_bridge.block import LeadState, SampleBlock

SETTLED_S: Final = 10.0
"""Beats are counted from then on: EC13 gives a meter time to settle."""
PHASES: Final = 5
"""Standards have each time measured five times."""
_WINDOW_S: Final = 0.15


@dataclass(frozen=True, slots=True)
class Response:
    """What the monitor told of one signal; all times in seconds."""

    beats: list[float]
    named: int
    """Beats with a class, not U."""
    rates: list[tuple[float, float | None]]
    """Every rate that was told, and when."""
    alarms: list[tuple[float, str]]
    """When each alarm began."""

    def rate(self, at: float = np.inf) -> float | None:
        """The rate on display at that time."""
        told = [rate for t, rate in self.rates if t <= at]
        return told[-1] if told else None

    def first(self, names: Iterable[str], after: float) -> float | None:
        """When the first of these alarms began, None if none did."""
        return min((t for t, name in self.alarms if name in names and t >= after), default=None)

    def wrong(self, at: Sequence[float], start: float = SETTLED_S, end: float = np.inf) -> int:
        """Beats between that were missed, and such as are none.

        Within 150 ms, or 40 % of the interval where that is less, and one to one.
        """
        true = np.array([t for t in at if start <= t < end])
        found = np.array([t for t in self.beats if start <= t < end])
        if not len(true) or not len(found):
            return len(true) + len(found)
        apart = np.diff(true).min() if len(true) > 1 else np.inf
        near = np.abs(found[:, None] - true) <= min(_WINDOW_S, 0.4 * apart)
        paired = int(near.any(axis=0).sum())
        return len(true) + len(found) - 2 * paired

    def undisturbed(self, at: Sequence[float]) -> bool:
        """At most one beat wrong, and the rate right at the end."""
        return self.wrong(at) <= 1 and is_right(self.rate(), 60 / float(np.median(np.diff(at))))


Play = Callable[[Signal, float], Response]
"""From a signal in mV, [n], and its rate in Hz."""


def player(bundle: Bundle) -> Play:
    """A function that plays a signal through a new monitor with this bundle."""

    def play(mv: Signal, fs: float) -> Response:
        monitor = Monitor(bundle)
        column = mv.astype(np.float32)[:, None]
        block = SampleBlock(0, column, fs, ("II",), (LeadState.UNKNOWN,), (False,))
        events = [*monitor.push(block), *monitor.flush()]
        finals = [e for e in events if isinstance(e, Beat) and e.final]
        return Response(
            [e.sample / fs for e in finals],
            sum(e.label != "U" for e in finals),
            [(e.t, e.rate_bpm) for e in events if isinstance(e, Rhythm)],
            [(e.t, e.name) for e in events if isinstance(e, Alarm) and e.active],
        )

    return play


def is_right(shown: float | None, rate: float) -> bool:
    """Whether a rate on display is within 10 % or 5/min, whichever is more."""
    return shown is not None and abs(shown - rate) <= max(5.0, 0.1 * rate)


def settled(at: Iterable[float]) -> int:
    """How many of these times are to be counted."""
    return sum(t >= SETTLED_S for t in at)


def before_change(phase: int) -> list[float]:
    """Beats at 80/min before a change, at another part of a second and of ten beats each time."""
    return times(80, 0.5 + phase / PHASES, 30 + 2 * phase)
