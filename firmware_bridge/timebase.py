"""One time base for a stream whose line fails now and then. Pure: arrival times are passed in.

A decoder counts samples from the moment that it was made. Here they become one count over all
connections, and the host's clock, which keeps running while the line is away, tells how many
samples are missing where the board cannot. Arrival time is sample time nowhere else: bytes come
late by lumps of up to a second, but never early, so the clock is only read off the arrivals that
were least late (the lower envelope of the delays; V. Paxson, "On calibrating measurements of packet
transit times", SIGMETRICS 1998, takes the minima of intervals in the same way).

While nobody reads, the system's buffers fill, and what then comes is lost: the new, not the old. So
what lies there when reading goes on belongs to what was read before, and the gap is behind it:
where the bytes tell, by a number that jumps or by a frame that is cut, else where there came more
than can have been sampled since.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.pace import LONG_S, Pace

PAUSE_S = 1.0
"""After so long without samples, or longer than lumps take, the clock is asked whether any were
lost."""
HOLD_S = 0.75
"""Samples after an interruption are held back until for so long none came closer to their time:
longer than the half second that drivers may take, so that a late lump is not called a loss."""
FRESH_S = 2.5
"""But where nothing else came for so long, when there may be nothing: some boards (OpenBCI's
Ganglion) give nothing for a second after a loss."""
MAX_HOLD_S = 10.0
TOLERANCE_S = 0.5
"""How far clock and count may differ before the clock is believed: a lump."""
OSCILLATOR = 0.01
"""The same, as a part of the time that the line was away: boards without a quartz."""
JITTER_S = 0.05
"""Where a break is seen in the bytes the clock is believed from this difference on."""
NEAR_S = 0.5
"""A break that is seen in the bytes is the clock's where they are no further apart."""
YOUNG_S = 5.0
"""A wait in the first seconds of a stream is taken for a lump: the rate may be another."""
BUCKET_S = 10.0
"""The least late arrival of every so many seconds takes part in the rate."""
ENOUGH = 48450.0
"""Sum of the squared distances of their arrivals from the mean, in s²: three minutes unbroken."""
_CLOSER_S = 0.05
_LIKELY = 0.25  # of what bounds its error, that of a rate that is told soon
_MEASURED = 1e-4  # the part by which a rate of three minutes may be wrong
_ROOM = 1.5  # lumps are not equal


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

    def __init__(self, cycle: float = math.inf) -> None:
        self.cycle = cycle
        """Samples after which the board's count begins anew; 0: it does not count."""
        self.gap: Gap | None = None
        """Of the last interruption that is over; None where nothing was lost by it."""
        self.jumped = 0
        """Samples by which the board's count went forward last, which the clock denies; whoever
        tells of that sets it to 0."""
        self.estimated = 0
        """Lost samples that no decoder has counted; negative where decoders counted too many."""
        self._fs = 0.0
        self._offset = 0  # of the decoder's count
        self._next = 0
        self._broken = False  # the line was away since the last block
        self._counted = False  # by a board whose count ran on meanwhile
        self._asked_s: float | None = None  # the last call
        self._stood_s = -math.inf  # the first one after nobody had read for a while
        self._last_s: float | None = None  # the last samples
        self._lump_s = (0.0, 0.0)  # the longest wait that lost nothing, in this bucket and the last
        self._held: list[SampleBlock] = []
        self._arrivals: list[tuple[float, int]] = []  # of what is held: samples held until then
        self._held_since = self._closer_at = 0.0
        self._wait_s = 0.0  # before what is held
        self._stood = False  # nobody had read before it came
        self._least: _Arrival | None = None  # of what is held
        self._bucket: _Arrival | None = None
        self._bucket_ends = 0.0
        self._anchor: _Arrival | None = None  # of the bucket before
        self._slope = _Slope()
        self._pace = Pace()
        self._quick: tuple[float, float] | None = None  # rate of the pace before, and its error

    @property
    def lump_s(self) -> float:
        """Longest wait, in seconds, that lumps of bytes make, and some room."""
        return _ROOM * max(self._lump_s)

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

        `counted`: the next blocks come from the same decoder, whose count never wraps, and so
        tells what was lost, unless the board started anew. Else their count begins at 0.
        """
        held = self.flush()
        self._broken, self._counted = True, counted
        self._new_pace()  # what lies at a port that is opened came late
        if not counted:
            self._offset = self._next
        return held

    @property
    def far_hz(self) -> float | None:
        """Samples per second, where that is surely not the rate of the blocks; after some 10 s."""
        return self._pace.far(self._fs) if self._fs else None

    @property
    def holds(self) -> bool:
        """Whether blocks are held back: when what comes now came, tells how much was lost."""
        return bool(self._held)

    def take(self, blocks: Sequence[SampleBlock], at_s: float) -> list[SampleBlock]:
        """What arrived at `at_s`, seconds of a clock that never jumps, rebased.

        Call it with nothing, too: it tells a line on which nothing came from a reader that stood
        still. After an interruption, a pause, a restart of the board and a count that jumps,
        blocks are held back for a moment. Rate and leads are those of the first block, always.
        """
        if self._asked_s is not None and at_s - self._asked_s >= PAUSE_S:
            self._stood_s = at_s
        self._asked_s = at_s
        if not blocks:
            return self.flush() if self._held and self._waited(at_s) else []
        released: list[SampleBlock] = []
        wait = 0.0 if self._last_s is None else at_s - self._last_s
        pause = wait >= max(PAUSE_S, self.lump_s)
        if pause and self._held:
            released = self.flush()
        self._last_s = at_s
        self._fs = blocks[0].fs
        rebased = [replace(block, start=block.start + self._offset) for block in blocks]
        doubt = any(block.restart or block.lost > TOLERANCE_S * self._fs for block in blocks)
        if not (self._held or self._broken or pause or doubt):
            self._lump_s = (max(self._lump_s[0], wait), self._lump_s[1])
            return self._pass(rebased, at_s)
        end = rebased[-1].start + len(rebased[-1])
        arrival = _Arrival(at_s - end / self._fs, at_s, end)
        if not self._held:
            self._held_since = self._closer_at = at_s
            self._least, self._wait_s = arrival, wait
            # The first call after it may have come too soon for any.
            self._stood = at_s - self._stood_s < PAUSE_S
        assert self._least
        if arrival.delay_s < self._least.delay_s - _CLOSER_S:
            self._closer_at = at_s
        self._least = min(self._least, arrival)
        self._held += rebased
        self._arrivals.append((at_s, sum(map(len, self._held))))
        return released + (self.flush() if self._waited(at_s) else [])

    def flush(self) -> list[SampleBlock]:
        """The interruption is judged by what has come since; what was held back is given."""
        if not self._held:
            return []
        held, self._held = self._held, []
        arrivals, self._arrivals = self._arrivals, []
        blocks, i, more, exact = self._judge(held, arrivals)
        self.estimated += more
        self._offset += more
        if not exact:
            self._new_stretch()
        elif not (more or self._broken or self._stood):
            self._lump_s = (max(self._lump_s[0], self._wait_s), self._lump_s[1])
        self._broken = False
        blocks[i:] = [replace(block, start=block.start + more) for block in blocks[i:]]
        before = blocks[i - 1].start + len(blocks[i - 1]) if i else self._next
        lost = blocks[i].start - before
        blocks[i] = replace(blocks[i], lost=lost)
        self.gap = Gap(lost, exact) if lost else None
        assert self._least
        end = self._least.end + more * (self._least.end > before)
        self._see(self._least.at_s, end)
        self._next = blocks[-1].start + len(blocks[-1])
        return blocks

    def _judge(
        self, blocks: list[SampleBlock], arrivals: list[tuple[float, int]]
    ) -> tuple[list[SampleBlock], int, int, bool]:
        """Which of the blocks comes after the loss, how much more that is, whether to the sample.

        One of them may be cut for it.
        """
        known = [seen for seen in (self._anchor, self._bucket) if seen]
        if not known:  # the stream begins
            return blocks, 0, 0, True
        before, now = min(known), self._least
        assert now
        rate, error = self._rate()
        away_s = now.at_s - before.at_s
        excess = round(away_s * rate) - (now.end - before.end)
        lump_s = max(TOLERANCE_S, *self._lump_s)
        # A count that does not wrap is believed sooner than a clock.
        believed_s = TOLERANCE_S if self.cycle == math.inf else 0.0
        tolerance = (lump_s + believed_s + error * away_s) * self._fs
        if self._broken:
            lost = blocks[0].start - self._next
            if self._counted and abs(excess) <= tolerance:
                return blocks, 0, 0, True
            return blocks, 0, max(1 - lost, excess), False
        seen = [i for i, block in enumerate(blocks) if block.lost or block.restart]
        if seen and excess < -tolerance:  # a count that is far ahead of the clock
            i = max(seen, key=lambda i: blocks[i].lost)
            self.jumped = blocks[i].lost
            return blocks, i, max(excess, -blocks[i].lost), False
        begins = [0, *itertools.accumulate(map(len, blocks))]
        # More than can have come since reading went on lay there before.
        old = round(max(n - (at_s - arrivals[0][0]) * rate for at_s, n in arrivals))
        old = min(max(old, 0), begins[-1] - 1)
        for i in sorted(seen, key=lambda i: (not blocks[i].restart, abs(begins[i] - old))):
            if blocks[i].restart or abs(begins[i] - old) <= max(NEAR_S, lump_s) * self._fs:
                return blocks, i, *self._more(blocks[i], excess, tolerance)
        young = self._pace.span_s < YOUNG_S and not (self._quick or self.rate_hz)
        if excess <= tolerance or (young and not self._stood):
            return blocks, 0, 0, True
        if not self._stood and old <= lump_s * self._fs:
            return blocks, 0, excess, False
        return *_cut(blocks, begins, old), excess, False

    def _more(self, block: SampleBlock, excess: int, tolerance: float) -> tuple[int, bool]:
        """What the clock adds to a loss that the bytes tell, and whether that is to the sample."""
        if block.restart:
            return max(excess, 1 - block.lost), False
        if self.cycle == math.inf:
            return (excess, False) if excess > tolerance else (0, True)
        if self.cycle:
            cycle = int(self.cycle)
            more = cycle * max(round(excess / cycle), -(block.lost // cycle))
            return more, more == 0 or cycle > 2 * tolerance
        if abs(excess) <= JITTER_S * self._fs:
            return 0, True
        return max(excess, 1 - block.lost), False

    def _rate(self) -> tuple[float, float]:
        """The best that is known of it, and by what part of it that may be wrong."""
        if rate := self.rate_hz:
            return rate, _MEASURED
        quick = [known for known in (self._quickly(), self._quick) if known]
        rate, bound = min(quick, key=lambda known: known[1], default=(self._fs, 0.0))
        # What is told soon is no better than what the board tells, unless that is plainly wrong.
        near = abs(rate / self._fs - 1) <= _LIKELY * bound
        return (self._fs if near else rate), OSCILLATOR

    def _quickly(self) -> tuple[float, float] | None:
        rate = self._pace.rate_hz(YOUNG_S)
        return None if rate is None else (rate, self._pace.error)

    def _waited(self, at_s: float) -> bool:
        hold_s = min(MAX_HOLD_S, max(HOLD_S, self.lump_s))
        held_s = at_s - self._held_since
        # What lay there tells nothing of what came after it.
        old = not self._broken and self._arrivals[-1][0] - self._held_since < hold_s / 2
        waited = at_s - self._closer_at >= hold_s and not (old and held_s < FRESH_S)
        return waited or held_s >= MAX_HOLD_S

    def _pass(self, blocks: list[SampleBlock], at_s: float) -> list[SampleBlock]:
        self._next = blocks[-1].start + len(blocks[-1])
        if any(LeadState.OFF in block.lead_state for block in blocks):
            self._new_pace()  # sketches run faster while they print less
        self._see(at_s, self._next)
        return blocks

    def _see(self, at_s: float, end: int) -> None:
        arrival = _Arrival(at_s - end / self._fs, at_s, end)
        if self._pace.span_s > LONG_S:
            self._new_pace()
        self._pace.add(at_s, end)
        if self._bucket is None:
            self._bucket_ends = at_s + BUCKET_S
        elif at_s >= self._bucket_ends:
            self._slope.add(self._bucket.at_s, self._bucket.end)
            self._anchor, self._bucket = self._bucket, None
            self._lump_s = (0.0, self._lump_s[0])
            self._bucket_ends += BUCKET_S * (1 + (at_s - self._bucket_ends) // BUCKET_S)
        self._bucket = min(self._bucket, arrival) if self._bucket else arrival

    def _new_stretch(self) -> None:
        """What comes is no longer related to what was."""
        self._slope.new_stretch()
        self._bucket = self._anchor = None
        self._new_pace()

    def _new_pace(self) -> None:
        self._quick = self._quickly() or self._quick
        self._pace = Pace()


def _cut(blocks: list[SampleBlock], begins: list[int], at: int) -> tuple[list[SampleBlock], int]:
    """The blocks with a cut before sample `at` of them all, and which comes after it."""
    i = max(i for i, begin in enumerate(begins[:-1]) if begin <= at)
    block, n = blocks[i], at - begins[i]
    if n == 0:
        return blocks, i
    return [*blocks[:i], block.part(0, n), block.part(n), *blocks[i + 1 :]], i + 1
