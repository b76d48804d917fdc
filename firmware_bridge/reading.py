"""What comes from a board: blocks of one stream, and what is to be said of its line meanwhile."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, replace

import numpy as np

from firmware_bridge import sentences
from firmware_bridge.block import SampleBlock
from firmware_bridge.calibration import Boards
from firmware_bridge.change import LinkChange, State
from firmware_bridge.decoders import PROTOCOLS, Counters, Decoder, Guess, Prober, decoder
from firmware_bridge.errors import ProtocolError
from firmware_bridge.estimator import ESTIMATE_S, RateEstimator, SpeedChooser, rounded
from firmware_bridge.finding import Finder
from firmware_bridge.timebase import Timebase

SILENT_S = 2.0
"""Without samples for this long, or longer than its lumps take, the line is said to be silent."""
LUMPS_S = 10.0
"""But no lump is waited for longer than this."""
STOOD_S = 2.0
"""When nothing was read for so long, because this program stood still, it is said."""
ELSEWHERE_S = 5.0
"""A port that gives no samples for this long is not the one that `auto` looks for."""
CHECK_BYTES = 1 << 16
"""Of so many first bytes it is looked whether the protocol that was asked for is the right one."""
_MOST_MV = 1e30


class Reader:
    """Bytes of one connection after another in; blocks of one stream out, and its line's state."""

    def __init__(
        self,
        finder: Finder,
        fs: float | None,
        boards: Boards | None,
        clock: Callable[[], float] | None,
    ) -> None:
        """`fs`, `boards` and `clock` are those of `SerialLink`."""
        self._finder, self._fs, self._boards = finder, fs, boards
        self._timed, self.clock = clock is not None, clock or time.monotonic
        self.timebase = Timebase()
        self.began_s: float | None = None
        """When the first sample was taken, in seconds of `time.monotonic`; None before it came."""
        self.state: State | None = None
        self.shape: tuple[float, tuple[str, ...]] | None = None
        """Rate and leads of the stream, once there is a sample."""
        self.stranger: SampleBlock | None = None
        """Of other rate or leads, from this connection."""
        self._decoder: Decoder | None = None
        self._past = Counters()
        self._scaled = ""  # how text was last said to be
        self._sketch = ""  # what text is, once there is a sample

    @property
    def counters(self) -> Counters:
        """Totals over all connections."""
        total = _sum(self._past, self._decoder)
        return replace(total, lost=total.lost + self.timebase.estimated)

    @property
    def current(self) -> Counters:
        """Totals of the decoder that reads now."""
        return self._decoder.counters if self._decoder else Counters()

    @property
    def estimating(self) -> bool:
        """Whether the rate is told by how fast samples arrive."""
        return isinstance(self._decoder, RateEstimator)

    @property
    def board(self) -> tuple[str | None, str | None]:
        """As `SerialLink.board`."""
        usb, name = self._finder.line.board, self._finder.name
        if name and self._sketch:
            return usb and f"{usb} {self._sketch}", f"{name} {self._sketch}"
        return usb, name

    def open(self) -> bool:
        """A connection begins; whether the decoder of the last one goes on."""
        self.stranger = None
        if self._decoder:
            return True
        self._decoder = self._new_decoder()
        return False

    def renew(self) -> None:
        """The next samples come from a new decoder."""
        self._close()
        self._decoder = self._new_decoder()

    def hang_up(self) -> Iterator[SampleBlock | LinkChange]:
        """The connection is over: what was held back."""
        row = PROTOCOLS[self._finder.name] if self._finder.name else None
        # Without a checksum, a frame of two halves might pass as one.
        counted = bool(row and row.cycle == math.inf and row.checksum and self.shape)
        held = self.timebase.interrupt(counted=counted)
        if held:
            yield from self.give(held)
        if not counted:
            self._close()

    def stood(self) -> None:
        """Nobody read for a while."""
        if isinstance(self._decoder, RateEstimator):
            self._decoder.stood()

    def decode(self, data: bytes) -> list[SampleBlock]:
        """The blocks that `data` completes, of those that have the stream's rate and leads."""
        assert self._decoder
        blocks = self._decoder.feed(data)
        if blocks and self.shape is None:
            self.shape = blocks[0].fs, blocks[0].leads
        fit = [block for block in blocks if (block.fs, block.leads) == self.shape]
        if len(fit) < len(blocks):
            self.stranger = next(b for b in blocks if (b.fs, b.leads) != self.shape)
        return fit

    def time(self, blocks: list[SampleBlock], now: float) -> list[SampleBlock]:
        """What can be given of the stream by now, in seconds of `clock`."""
        given = self.timebase.take(blocks, now) if self._timed else blocks
        if given and self.began_s is None:
            last = given[-1]
            self.began_s = time.monotonic() - (last.start + len(last)) / last.fs
        return given

    def give(self, blocks: Iterable[SampleBlock]) -> Iterator[SampleBlock | LinkChange]:
        """Blocks, scaled as it is known for the board, and that the line is up."""
        for block in blocks:
            if not self._sketch and block.scale and block.scale[0].mv:
                units = [
                    f"{lead} ({s.unit})" for lead, s in zip(block.leads, block.scale, strict=True)
                ]
                self._sketch = ", ".join(units)
            usb, name = self.board
            scale = self._boards.scale(usb, name) if self._boards and name else 1.0
            if self.state != "up":
                self.state = "up"
                self._finder.found()
                yield LinkChange("up", self._up(block, scale))
            elif scale == 1 and block.scaled != self._scaled:
                yield LinkChange("up", f"Of its numbers: {block.scaled}.")
            self._scaled = block.scaled
            if scale != 1:
                mv = (block.mv.astype(np.float64) * scale).clip(-_MOST_MV, _MOST_MV)
                block = replace(block, mv=mv.astype(np.float32), scale=())
            yield block

    def jumped(self, fs: float) -> Iterator[LinkChange]:
        """Says that the board counts samples that cannot have been."""
        jumped, self.timebase.jumped = self.timebase.jumped, 0
        if jumped:
            yield LinkChange("up", sentences.jumped(jumped, fs) + self.lost(fs))

    def far_hz(self) -> float | None:
        """What the rate is by our clock, where it is surely not that of the blocks."""
        rate = self.timebase.far_hz
        if rate is None or not self._timed or not self._finder.name:
            return None
        return rounded(rate, PROTOCOLS[self._finder.name].rates)

    def stood_still(self, seconds: float, fs: float) -> Iterator[LinkChange]:
        """Says that nothing was read for so long."""
        # Of a suspended machine its clocks tell.
        if seconds > STOOD_S and self._timed and self.state == "up":
            yield LinkChange("up", sentences.stood(seconds) + self.lost(fs))

    def lost(self, fs: float) -> str:
        """The end of a sentence: what the last interruption took."""
        return sentences.lost(self.timebase.gap, fs)

    def _up(self, block: SampleBlock, scale: float) -> str:
        finder, name = self._finder, self._finder.name
        assert name
        estimated = self._fs is None and PROTOCOLS[name].fs == "estimated"
        said = sentences.up(name, finder.line, finder.asked, block, scale, estimated=estimated)
        return said + self.lost(block.fs)

    def _close(self) -> None:
        self._past = _sum(self._past, self._decoder)
        self._decoder, self._sketch = None, ""
        self.timebase.interrupt(counted=False)

    def _new_decoder(self) -> Decoder:
        name = self._finder.name
        assert name
        row = PROTOCOLS[name]
        self.timebase.cycle = row.cycle
        told_by_speed = row.speeds if self._timed else None
        if self._fs is None and self.shape and (row.fs == "estimated" or told_by_speed):
            return decoder(name, self.shape[0])
        if self._fs is None and row.fs == "estimated":
            return RateEstimator(name, self.clock)
        if self._fs is None and told_by_speed:
            return SpeedChooser(name, told_by_speed, self.clock)
        return decoder(name, self._fs)


class Connection:
    """One connection to the board, until it is over."""

    def __init__(self, reader: Reader, finder: Finder, *, again: bool) -> None:
        """Starts the board; `again`: the line was lost, and found again, before."""
        self._reader, self._finder, self._again = reader, finder, again
        self._ours = not again or finder.is_ours()
        self._kept = reader.open()
        finder.start(ours=self._ours)
        self._prober = Prober()
        self._guess: Guess | None = None
        self._unchecked = CHECK_BYTES  # bytes; what was asked for, or seen first, may fit by half
        self._strange = False  # whether it was told of a stranger
        self._rate_told = False
        self._began = self._heard = self._sampled = self._started = self._asked = reader.clock()
        self._awake = time.monotonic()  # stands still with a machine that is suspended
        self._stood_s = 0.0  # nothing was read for so long, which was not told yet

    def read(self, data: bytes) -> Iterator[SampleBlock | LinkChange]:
        """What comes, `data` first; OSError or termios.error when the port vanishes.

        Ends with `stop`, and with "auto" where another port seems the better one.
        """
        reader, finder = self._reader, self._finder
        while not finder.stopped:
            now = self._now()
            self._heard = now if data else self._heard
            blocks = reader.decode(data)
            self._sampled = now if blocks else self._sampled
            if given := reader.time(blocks, now):
                yield from self._given(given)
            elif now - self._sampled > self._patience_s():
                yield from self._silent(now)
            if not self._again:
                yield from self._check(data)
            elif reader.state != "up" and self._misses(data, now):
                return
            if now - max(self._heard, self._started) > SILENT_S:
                self._started = now
                finder.start(ours=self._ours)  # a board that has just been reset missed it
            data = finder.line.read(at_once=reader.timebase.holds)
            if finder.line.ended and not data:
                if reader.estimating and reader.shape is None:
                    raise ProtocolError(
                        f"{finder.line.path} ended before its rate could be told: give --fs"
                    )
                finder.stopped = True

    def _now(self) -> float:
        """Seconds of the clock; time in which this program stood still is no silence."""
        now, slept, self._awake = self._reader.clock(), self._awake, time.monotonic()
        away_s = now - self._asked
        if away_s > STOOD_S:
            self._heard += away_s
            self._sampled += away_s
            self._started += away_s
            self._stood_s = self._awake - slept
            self._reader.stood()
        self._asked = now
        return now

    def _given(self, blocks: list[SampleBlock]) -> Iterator[SampleBlock | LinkChange]:
        fs = blocks[0].fs
        yield from self._reader.stood_still(self._stood_s, fs)
        self._stood_s = 0.0
        yield from self._reader.give(blocks)
        rate = None if self._rate_told else self._reader.far_hz()
        if rate is not None:
            self._rate_told = True
            yield LinkChange("up", sentences.other_rate(rate, fs), rate)
        yield from self._reader.jumped(fs)

    def _patience_s(self) -> float:
        """Seconds without samples that mean nothing."""
        known_s = max(SILENT_S, min(self._reader.timebase.lump_s, LUMPS_S))
        estimating = self._reader.estimating and self._reader.state != "up"
        return known_s + estimating * ESTIMATE_S

    def _silent(self, now: float) -> Iterator[LinkChange]:
        """Says, once, that no samples come."""
        stranger = self._reader.stranger
        if self._reader.state != "silent" or (stranger and not self._strange):
            self._reader.state, self._strange = "silent", stranger is not None
            yield LinkChange("silent", self._why(now))
        if self._kept and self._heard > self._began:
            # The count may have started anew in a way that this decoder cannot follow.
            self._kept = False
            self._reader.renew()

    def _why(self, now: float) -> str:
        """Why no samples come."""
        if now - self._heard > SILENT_S:
            return f"No bytes for {now - self._heard:.0f} s."
        reader, guess = self._reader, self._guess
        other = guess if guess and guess.sure and guess.name != self._finder.name else None
        begun = reader.shape is not None
        why = sentences.unread(other, reader.stranger, begun=begun, again=self._again)
        if not why and reader.estimating and reader.counters.good > 0:
            return "No rate yet: it is estimated while every electrode is on."
        return why or sentences.silent(now - self._sampled, reader.counters)

    def _check(self, data: bytes) -> Iterator[LinkChange]:
        """Says, once, what speaks against the protocol, by the first bytes."""
        if self._unchecked <= 0 or not data:
            return
        self._unchecked -= len(data)
        self._guess = self._prober.feed(data)
        assert self._finder.name
        wrong = sentences.wrong(self._finder.name, self._guess, self._reader.current)
        if wrong and self._reader.state == "up":
            self._unchecked = 0
            yield LinkChange("up", wrong)

    def _misses(self, data: bytes, now: float) -> bool:
        """Whether the board has to be looked for on another port."""
        self._guess = self._prober.feed(data)
        if self._finder.asked != "auto" or now - self._began <= ELSEWHERE_S:
            return False
        self._began = now
        return self._finder.may_be_elsewhere()


def _sum(total: Counters, part: Decoder | None) -> Counters:
    if part is None:
        return total
    return Counters(*(a + b for a, b in zip(astuple(total), astuple(part.counters), strict=True)))
