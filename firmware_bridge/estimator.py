"""The rate of a board that does not tell it, from when its samples arrive, or by its clock."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.decoders import Counters, Decoder, decoder
from firmware_bridge.pace import Pace

SPEED_S = 1.0
"""Bytes are counted this long where their number a second tells the board."""
ESTIMATE_S = 3.0
"""Arrivals are timed this long at least."""
SURE = 0.35
"""And until the rate cannot be off by more than this part of it, as the waits between them tell."""
PATIENCE_S = 10.0
"""But no longer."""
BACKLOG_S = 1.0
"""So long after a reader stood still, what comes may have lain there."""
USUAL = (60, 75, 80, 90, 100, 120, 125, 128, 200, 250, 256, 300, 360, 400, 500, 512, 1000)
"""Rates, in Hz, that are meant where one is estimated that is nearly one of these."""
NEARLY = 0.01
_AGREES = 0.2  # lumps bend what arrivals tell, a clock in other units is off by a thousand


def rounded(rate: float, rates: tuple[float, ...] = ()) -> float:
    """What is meant by a measured rate: one of `rates` within 3 %, a usual one, or to 0.1 Hz."""
    for known, near in ((rates, 3 * NEARLY), (USUAL, NEARLY)):
        best = min(known, key=lambda meant: abs(meant - rate), default=None)
        if best and abs(rate / best - 1) <= near:
            return float(best)
    return round(rate, 1)


class SpeedChooser:
    """A decoder for boards that send the same frames at rates far apart: how fast tells which.

    Bytes are held back until then. What lay there before the first ones tells nothing.
    """

    def __init__(
        self, protocol: str, speeds: Mapping[float, float], clock: Callable[[], float]
    ) -> None:
        """`speeds`: bytes a second, and the rate in Hz; `clock` gives seconds."""
        self._protocol, self._speeds, self._clock = protocol, speeds, clock
        self.counters = Counters()
        self._decoder: Decoder | None = None
        self._held = b""
        self._began: tuple[float, int] | None = None  # when, and bytes until then

    @property
    def doubt(self) -> str:
        """That of the decoder that was chosen."""
        return self._decoder.doubt if self._decoder else ""

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks; none before the speed is known."""
        if self._decoder:
            return self._decoder.feed(data)
        if not data:
            return []
        self._held += data
        if self._began is None:
            self._began = self._clock(), len(self._held)
        at_s, size = self._began
        passed_s = self._clock() - at_s
        if passed_s < SPEED_S:
            return []
        speed = (len(self._held) - size) / passed_s
        nearest = min(self._speeds, key=lambda known: abs(math.log(known / max(speed, 1.0))))
        self._decoder = decoder(self._protocol, self._speeds[nearest])
        self.counters = self._decoder.counters
        held, self._held = self._held, b""
        return self._decoder.feed(held)


class RateEstimator:
    """A decoder that holds its blocks back until their arrivals have told the rate.

    Over a stretch without lead-off: the sketch that needs this runs at another rate then. The
    stream begins with that stretch.
    """

    def __init__(self, protocol: str, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self._decoder = decoder(protocol, fs=1.0)  # replaced in every block
        self.counters = self._decoder.counters
        self.doubt = ""
        self._clock = clock
        self._fs: float | None = None
        self._held: list[SampleBlock] = []
        self._origin = 0
        self._pace = Pace()
        self._old_until_s = -math.inf  # what comes before lay there while nobody read

    def stood(self) -> None:
        """Nobody read for a while, so no arrival before tells of one after: begin anew."""
        self._old_until_s = self._clock() + BACKLOG_S

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks, all with the estimated rate; none before that is known."""
        blocks = self._decoder.feed(data)
        if self._fs is None:
            old = self._clock() < self._old_until_s
            if old or any(LeadState.OFF in block.lead_state for block in blocks):
                self._pace, self._held = Pace(), []
                return []
            if not blocks:
                return []
            self._held += blocks
            self._pace.add(self._clock(), blocks[-1].start + len(blocks[-1]))
            rate = self._pace.rate_hz(ESTIMATE_S)
            if rate is None:
                return []
            # Just out of what boards send, it may be the estimate that is wrong.
            meant = min(max(rate, USUAL[0]), USUAL[-1])
            doubt = meant != rate and abs(rate / meant - 1) <= self._pace.error
            if (doubt or self._pace.error > SURE) and self._pace.span_s < PATIENCE_S:
                return []
            rate = meant if doubt else rate
            self._fs = rounded(self._told(rate))
            blocks, self._held = self._held, []
            self._origin = blocks[0].start - blocks[0].lost
        return [replace(block, fs=self._fs, start=block.start - self._origin) for block in blocks]

    def _told(self, rate: float) -> float:
        """The rate by the board's own clock, where it sends one that agrees with ours."""
        timed = [block for block in self._held if block.device_time_s is not None]
        if len(timed) < 2 or any(block.restart for block in timed[1:]):
            return rate
        first, last = timed[0], timed[-1]
        passed_s = (last.device_time_s or 0.0) - (first.device_time_s or 0.0)
        told = (last.start - first.start) / passed_s if passed_s > 0 else math.inf
        return told if abs(told / rate - 1) <= _AGREES else rate
