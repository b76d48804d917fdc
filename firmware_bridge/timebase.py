"""One time base for a stream whose line fails now and then. Pure: arrival times are passed in.

A decoder counts samples from the moment that it was made. Here they become one count over all
connections, and the host's clock, which keeps running while the line is away, tells how many
samples are missing where the board cannot. Arrival time is sample time nowhere else: bytes come
late by lumps of up to a second, but never early, so the clock is only read off the arrivals that
were least late (the lower envelope of the delays; V. Paxson, "On calibrating measurements of packet
transit times", SIGMETRICS 1998, takes the minima of intervals in the same way).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from firmware_bridge.block import SampleBlock

PAUSE_S = 2.0
"""After so long without samples the clock is asked whether any were lost."""
HOLD_S = 0.75
"""Samples after an interruption are held back until for so long none came closer to their time:
longer than the half second that drivers may take, so that a late lump is not called a loss."""
MAX_HOLD_S = 10.0
TOLERANCE_S = 1.0
"""How far clock and count may differ before the clock is believed: a lump, with room."""
OSCILLATOR = 0.01
"""The same, as a part of the time that the line was away: boards without a quartz."""
BUCKET_S = 10.0
"""The least late arrival of every so many seconds takes part in the rate."""
ENOUGH = 48450.0
"""Sum of the squared distances of their arrivals from the mean, in s²: three minutes unbroken."""
_CLOSER_S = 0.05


class _Arrival(NamedTuple):
    delay_s: float
    """Arrival less nominal time of the sample: its changes, not its size, mean something."""
    at_s: float
    end: int
    """Samples up to then, lost ones counted."""


@dataclass
class _Slope:
    """Least squares of samples over arrivals, each stretch with an offset of its own."""

    sxx: float = 0.0
    sxy: float = 0.0
    n: int = 0
    x: float = 0.0
    y: float = 0.0

    def add(self, x: float, y: float) -> None:
        self.n += 1
        dx = x - self.x
        self.x += dx / self.n
        self.y += (y - self.y) / self.n
        self.sxx += dx * (x - self.x)
        self.sxy += dx * (y - self.y)

    def new_stretch(self) -> None:
        self.n, self.x, self.y = 0, 0.0, 0.0


class Gap(NamedTuple):
    """What an interruption took."""

    lost: int
    exact: bool
    """Counted by the board; else estimated from the host's clock."""


class Timebase:
    """Blocks of one connection after another in; the same blocks on one time base out."""

    def __init__(self) -> None:
        self.gap: Gap | None = None
        """Of the last interruption that is over; None where nothing was lost by it."""
        self.estimated = 0
        """Lost samples that no decoder has counted; negative where decoders counted too many."""
        self._fs = 0.0
        self._offset = 0  # of the decoder's count
        self._next = 0
        self._broken = False  # the line was away since the last block
        self._counted = False  # by a board whose count ran on meanwhile
        self._last_s: float | None = None
        self._held: list[SampleBlock] = []
        self._held_since = self._closer_at = 0.0
        self._least: _Arrival | None = None  # of what is held
        self._bucket: _Arrival | None = None
        self._bucket_ends = 0.0
        self._anchor: _Arrival | None = None  # of the bucket before
        self._slope = _Slope()

    @property
    def rate_hz(self) -> float | None:
        """Samples per second of the host's clock; None before `ENOUGH` was seen."""
        return self._slope.sxy / self._slope.sxx if self._slope.sxx >= ENOUGH else None

    @property
    def drift_ppm(self) -> float | None:
        """How much faster than its nominal rate the board runs, in millionths."""
        rate = self.rate_hz
        return None if rate is None else (rate / self._fs - 1) * 1e6

    def interrupt(self, *, counted: bool) -> list[SampleBlock]:
        """The line went away; gives what was still held back.

        `counted`: the next blocks come from the same decoder, whose frames are numbered, and so
        tell what was lost, unless the board started anew. Else their count begins at 0.
        """
        held = self.flush()
        self._broken, self._counted = True, counted
        if not counted:
            self._offset = self._next
        return held

    def take(self, blocks: Sequence[SampleBlock], at_s: float) -> list[SampleBlock]:
        """What arrived at `at_s`, monotonic seconds, rebased; call it with nothing, too.

        After an interruption, and after `PAUSE_S` without samples, blocks are held back for a
        moment. Rate and leads are those of the first block, always.
        """
        if not blocks:
            return self.flush() if self._held and self._waited(at_s) else []
        released: list[SampleBlock] = []
        pause = self._last_s is not None and at_s - self._last_s >= PAUSE_S
        if pause and self._held:
            released = self.flush()
        self._last_s = at_s
        self._fs = blocks[0].fs
        rebased = [replace(block, start=block.start + self._offset) for block in blocks]
        if not (self._held or self._broken or pause):
            return self._pass(rebased, at_s)
        end = rebased[-1].start + len(rebased[-1])
        arrival = _Arrival(at_s - end / self._fs, at_s, end)
        if not self._held:
            self._held_since = self._closer_at = at_s
            self._least = arrival
        assert self._least
        if arrival.delay_s < self._least.delay_s - _CLOSER_S:
            self._closer_at = at_s
        self._least = min(self._least, arrival)
        self._held += rebased
        return released + (self.flush() if self._waited(at_s) else [])

    def flush(self) -> list[SampleBlock]:
        """The interruption is judged by what has come since; what was held back is given."""
        if not self._held:
            return []
        assert self._least
        blocks, self._held = self._held, []
        counted = blocks[0].start - self._next
        lost, exact = self._lost(self._least, counted)
        shift = lost - counted
        self.gap = Gap(lost, exact) if lost else None
        self.estimated += shift
        self._offset += shift
        if not exact:
            self._slope.new_stretch()
            self._bucket = self._anchor = None
        self._broken = False
        blocks = [replace(block, start=block.start + shift) for block in blocks]
        blocks[0] = replace(blocks[0], lost=lost)
        at_s, end = self._least.at_s, self._least.end + shift
        self._see(_Arrival(at_s - end / self._fs, at_s, end))
        self._next = blocks[-1].start + len(blocks[-1])
        return blocks

    def _waited(self, at_s: float) -> bool:
        return at_s - self._closer_at >= HOLD_S or at_s - self._held_since >= MAX_HOLD_S

    def _lost(self, now: _Arrival, counted: int) -> tuple[int, bool]:
        """Samples lost before what is held, of which the decoder has `counted` so many."""
        known = [seen for seen in (self._anchor, self._bucket) if seen]
        if not known:  # the stream begins
            return counted, True
        before = min(known)
        rate = self.rate_hz or self._fs
        excess = round((now.at_s - before.at_s) * rate) - (now.end - before.end)
        tolerance = TOLERANCE_S * self._fs
        if not self._broken:
            return (counted, True) if excess <= tolerance else (counted + excess, False)
        away = (now.at_s - before.at_s) * self._fs
        if self._counted and abs(excess) <= tolerance + OSCILLATOR * away:
            return counted, True
        return max(1, counted + excess), False

    def _pass(self, blocks: list[SampleBlock], at_s: float) -> list[SampleBlock]:
        self._next = blocks[-1].start + len(blocks[-1])
        self._see(_Arrival(at_s - self._next / self._fs, at_s, self._next))
        return blocks

    def _see(self, arrival: _Arrival) -> None:
        if self._bucket is None:
            self._bucket_ends = arrival.at_s + BUCKET_S
        elif arrival.at_s >= self._bucket_ends:
            self._slope.add(self._bucket.at_s, self._bucket.end)
            self._anchor, self._bucket = self._bucket, None
            self._bucket_ends += BUCKET_S * (1 + (arrival.at_s - self._bucket_ends) // BUCKET_S)
        self._bucket = min(self._bucket, arrival) if self._bucket else arrival
