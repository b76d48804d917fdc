"""A board on a serial port: found, identified, read in modest lumps, lost and found again."""

import contextlib
import math
import os
import termios
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, astuple, dataclass, replace
from types import TracebackType
from typing import Literal, Self

import numpy as np

from firmware_bridge import clock
from firmware_bridge.block import SampleBlock
from firmware_bridge.calibration import Boards
from firmware_bridge.decoders import PROTOCOLS, Counters, Decoder, Guess, Prober, decoder
from firmware_bridge.errors import PortError, ProtocolError
from firmware_bridge.estimator import ESTIMATE_S, RateEstimator, SpeedChooser, rounded
from firmware_bridge.identify import Sighting, bauds, look, not_understood, settle, text_line
from firmware_bridge.ports import Line, find, list_ports, usb_ids
from firmware_bridge.timebase import Timebase

__all__ = ["LinkChange", "SerialLink", "list_ports"]

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
DAMAGED = 0.1
"""Where a larger part of them is damaged, it is half right at best."""
_LEAST_FRAMES = 100
_MOST_MV = 1e30
BACK_OFF_S = (0.1, 1.0)
"""Pause before the first and, doubling, between all later looks for a port that vanished."""


@dataclass(frozen=True, slots=True)
class LinkChange:
    """The line's state, given when it changes."""

    state: Literal["up", "silent", "down"]
    """Samples arrive; none for `SILENT_S`, which may pass; the port is gone."""
    detail: str
    """One sentence for the user."""
    measured_hz: float | None = None
    """What the rate is by this machine's clock, where it is not that of the blocks."""


class SerialLink:
    """A board on a serial port; iterating, once, gives sample blocks and changes of its line.

    Leaving the iteration closes the port, whatever the reason. Rate and leads are those of the
    first block: a board that sends others is refused, with a `LinkChange`, until it is gone.
    """

    def __init__(
        self,
        port: str,
        baud: int | None = None,
        protocol: str = "auto",
        fs: float | None = None,
        *,
        reconnect: bool = False,
        ask: bool = False,
        boards: Boards | None = None,
        clock: Callable[[], float] | None = clock.now,
    ) -> None:
        """Opens the port, a pseudo-terminal's path too; PortError or ProtocolError if it cannot.

        `port` "auto": the first on which something is recognised. `baud` None: what the protocol's
        board uses; with protocol "auto", each known one in turn. `fs` in Hz overrides what the
        board tells or is known for. `reconnect`: when the port vanishes, wait for the board, under
        that path, or wherever its USB serial number is, or, with "auto", anywhere; else the
        iteration ends. `ask`: may write to a board that was not recognised. `boards`: scales.
        `clock`: seconds, by which gaps and rate are judged; None: by nothing, as what comes is
        played faster or slower than a board would send it.
        """
        # Refuses an unknown name or an impossible rate before a port is touched.
        decoder("edge" if protocol == "auto" else protocol, 1.0 if fs is None else fs)
        self._asked, self._protocol, self._fs = port, protocol, fs
        self._bauds = [baud] if baud else bauds(None if protocol == "auto" else protocol)
        self._reconnect, self._ask, self._boards = reconnect, ask, boards
        self._timed, self._clock = clock is not None, clock or time.monotonic
        self.began_s: float | None = None
        """When the first sample was taken, in seconds of `time.monotonic`; None before it came."""
        self._stopped = False
        self._name: str | None = None  # of the protocol, once it is known
        self._decoder: Decoder | None = None
        self._past = Counters()
        self._timebase = Timebase()
        self._shape: tuple[float, tuple[str, ...]] | None = None
        self._stranger: SampleBlock | None = None  # of another board
        self._state: Literal["up", "silent", "down"] | None = None
        self._board: str | None = None
        self._scaled = ""  # how text was last said to be
        self._sketch = ""  # what text is, once there is a sample
        self._started = False  # the board on this line, by us
        self._failures = 0  # in a row, to find the board again
        self._told_hz: float | None = None  # on this line: that this is the rate
        self._line = self._open_first()

    @property
    def counters(self) -> Counters:
        """Totals over all connections, lost samples that no decoder could count included."""
        total = _sum(self._past, self._decoder)
        return replace(total, lost=total.lost + self._timebase.estimated)

    @property
    def rate_hz(self) -> float | None:
        """Samples a second by this machine's clock; None before some three minutes."""
        return self._timebase.rate_hz

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the board's clock runs than it says, in millionths; None as above."""
        return self._timebase.drift_ppm

    @property
    def board(self) -> tuple[str | None, str | None]:
        """USB identity and protocol, as far as they are known: what its scale is kept for.

        A scale of text belongs to a sketch: with each is what its numbers were taken for.
        """
        usb, name = self._line.board, self._name
        if name and self._sketch:
            return usb and f"{usb} {self._sketch}", f"{name} {self._sketch}"
        return usb, name

    def __iter__(self) -> Iterator[SampleBlock | LinkChange]:
        """Blocks and changes until `stop`, or until the port vanishes and is not waited for.

        ProtocolError if nothing fits what comes from it at first.
        """
        try:
            while True:
                gone = False
                try:
                    yield from self._connection()
                except (OSError, termios.error):  # pyserial's own is an OSError
                    gone = True
                yield from self._disconnected(gone)
                if self._stopped or (gone and not self._reconnect):
                    return
                yield from self._open_again()
        finally:
            self.close()

    def stop(self) -> None:
        """Ends a running iteration at once; for signal handlers and other threads."""
        self._stopped = True
        self._line.cancel()

    def close(self) -> None:
        """Stops a board that was started, and closes the port; harmless if it is closed."""
        if self._line.is_open:
            if self._name and self._started:
                with contextlib.suppress(OSError, termios.error):
                    self._line.write(PROTOCOLS[self._name].commands.stop)
            self._line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open_first(self) -> Line:
        if self._asked != "auto":
            return Line(self._asked, self._bauds[0])
        refused = PortError("no serial port found: is the board plugged in?")
        for path in find("auto", None):
            try:
                return Line(path, self._bauds[0])
            except PortError as error:
                refused = error
        raise refused

    def _open(self, path: str) -> None:
        self._line = Line(path, self._line.baud)
        if self._stopped:
            self._line.cancel()

    def _open_again(self) -> Iterator[LinkChange]:
        """Looks for the board, less and less often, until a port is open or `stop`."""
        first, most = BACK_OFF_S
        stranger = None
        while not self._stopped:
            wait = min(most, first * 2 ** min(self._failures, 10))
            while wait > 0 and not self._stopped:  # in slices: a signal handler ends no sleep
                time.sleep(min(wait, 0.1))
                wait -= 0.1
            self._failures += 1
            paths = find(self._asked, self._board)
            if paths:
                with contextlib.suppress(PortError):
                    self._open(paths[(self._failures - 1) % len(paths)])
                    return
            elif stranger is None:
                stranger = usb_ids().get(os.path.realpath(self._asked))
                if stranger:
                    yield LinkChange(
                        "down",
                        f"Another board, {stranger}, is at {self._asked}: it is left alone until "
                        f"{self._board} is back.",
                    )

    def _recognise(self) -> bytes:
        """Sets the protocol's name, unless stopped; the bytes that told it."""
        if "auto" not in (self._protocol, self._asked):
            self._name = self._protocol
            return settle(self._line, self._protocol, self._bauds)
        seen: list[Sighting] = []
        for path in find("auto", None) if self._asked == "auto" else [self._asked]:
            try:
                if path != self._line.path:
                    self._line.close()
                    self._open(path)
                for sighting in look(self._line, self._bauds, self._ask):
                    guess = sighting.guess
                    if guess and guess.sure and self._protocol in ("auto", guess.name):
                        self._name = guess.name
                        return sighting.data
                    seen.append(sighting)
            except (PortError, OSError, termios.error):
                if self._asked != "auto":
                    raise
        if not self._stopped:
            raise ProtocolError(_unknown(self._asked, seen))
        return b""

    def _connection(self) -> Iterator[SampleBlock | LinkChange]:
        """What comes over the open port; OSError or termios.error when it vanishes.

        Ends with `stop`, and with "auto" where another port seems the better one.
        """
        again = self._name is not None
        data = b"" if again else self._recognise()
        if self._name is None:
            return
        # No board gets a command that may not be ours.
        known = not again or self._asked != "auto" or self._ask
        known = known or (self._board is not None and self._line.board == self._board)
        kept = self._decoder is not None
        self._decoder = self._decoder or self._new_decoder()
        estimating = isinstance(self._decoder, RateEstimator)
        self._start(known)
        prober, guess = Prober(), None
        # What was asked for, or seen first, may be wrong, and fit by half.
        checked = CHECK_BYTES if again else 0
        self._stranger, strange = None, False
        self._told_hz = None
        began = heard = sampled = started = asked = self._clock()
        awake = time.monotonic()  # stands still with a machine that is suspended
        stood_s = 0.0  # nothing was read for so long, which was not told yet
        while not self._stopped:
            now, slept, awake = self._clock(), awake, time.monotonic()
            if now - asked > STOOD_S:
                heard, sampled, started = (t + now - asked for t in (heard, sampled, started))
                stood_s = awake - slept
                if isinstance(self._decoder, RateEstimator):
                    self._decoder.stood()
            asked = now
            heard = now if data else heard
            blocks = self._fitting(self._decoder.feed(data))
            sampled = now if blocks else sampled
            given = self._timebase.take(blocks, now) if self._timed else blocks
            if given:
                # Of a suspended machine its clocks tell.
                if stood_s > STOOD_S and self._timed and self._state == "up":
                    yield LinkChange("up", self._stood(stood_s, given[0].fs))
                stood_s = 0.0
                if self.began_s is None:
                    last = given[-1]
                    self.began_s = time.monotonic() - (last.start + len(last)) / last.fs
                yield from self._up(given)
                yield from self._at_its_rate(given[0].fs)
                yield from self._jumped(given[0].fs)
            elif now - sampled > self._patience_s(estimating):
                if self._state != "silent" or (self._stranger and not strange):
                    self._state, strange = "silent", self._stranger is not None
                    silent = now - heard > SILENT_S
                    for_s = now - (heard if silent else sampled)
                    text = self._silence(silent, for_s, estimating, guess, again)
                    yield LinkChange("silent", text)
                if kept and heard > began:
                    # The count may have started anew in a way that this decoder cannot follow.
                    kept = False
                    self._renew()
                    self._decoder = self._new_decoder()
            if checked < CHECK_BYTES and data:
                checked += len(data)
                guess = prober.feed(data)
                wrong = self._wrong(guess)
                if wrong and self._state == "up":
                    checked = CHECK_BYTES
                    yield LinkChange("up", wrong)
            elif again and self._state != "up":
                guess = prober.feed(data)
                if now - began > ELSEWHERE_S and self._asked == "auto":
                    began = now
                    if len(find("auto", self._board)) > 1:
                        return
            if now - max(heard, started) > SILENT_S:
                started = now
                self._start(known)  # a board that has just been reset missed it
            data = self._line.read(at_once=self._timebase.holds)
            if self._line.ended and not data:
                if estimating and self._shape is None:
                    raise ProtocolError(
                        f"{self._line.path} ended before its rate could be told: give --fs"
                    )
                self._stopped = True

    def _patience_s(self, estimating: bool) -> float:
        """Seconds without samples that mean nothing."""
        known_s = max(SILENT_S, min(self._timebase.lump_s, LUMPS_S))
        return known_s + estimating * (self._state != "up") * ESTIMATE_S

    def _at_its_rate(self, fs: float) -> Iterator[LinkChange]:
        """Says, once, that the samples do not come at the rate that they are taken for."""
        rate = self._timebase.far_hz
        if rate is None or self._told_hz or not self._name or not self._timed:
            return
        self._told_hz = rounded(rate, PROTOCOLS[self._name].rates)
        yield LinkChange(
            "up",
            f"The board sends some {self._told_hz:g} samples a second by this machine's clock, not "
            f"{fs:g}: every time and heart rate is wrong by as much, so give --fs "
            f"{self._told_hz:g}.",
            self._told_hz,
        )

    def _jumped(self, fs: float) -> Iterator[LinkChange]:
        """Says that the board counts samples that cannot have been."""
        jumped, self._timebase.jumped = self._timebase.jumped, 0
        if jumped:
            yield LinkChange(
                "up",
                f"The board's count went on by {jumped} samples ({jumped / fs:.1f} s) at once, and "
                f"by this machine's clock so many cannot have been: the clock is believed"
                f"{self._lost(fs)}.",
            )

    def _wrong(self, guess: Guess | None) -> str:
        """What speaks against the protocol that was asked for; "" where nothing does."""
        assert self._decoder
        if guess and guess.sure and guess.name != self._name:
            return (
                f"What comes is {guess.name} ({guess.why}), and {self._name} fits it in part at "
                f"most: give --protocol {guess.name}."
            )
        counts = self._decoder.counters
        frames = counts.good + counts.damaged
        if frames >= _LEAST_FRAMES and counts.damaged > DAMAGED * frames:
            return (
                f"{counts.damaged} of {frames} frames are damaged: {self._name} may be the wrong "
                "protocol, or the line is bad; --probe shows what fits."
            )
        return ""

    def _stood(self, seconds: float, fs: float) -> str:
        text = f"Nothing was read for {seconds:.1f} s: this program stood still"
        return f"{text}{self._lost(fs)}."

    def _lost(self, fs: float) -> str:
        """What the last interruption took."""
        gap = self._timebase.gap
        if gap is None:
            return ""
        by = "counted by the board" if gap.exact else "estimated from the clock"
        return f"; {gap.lost} samples ({gap.lost / fs:.2f} s) were lost, as {by}"

    def _start(self, known: bool) -> None:
        assert self._name
        self._started = known
        if not known:
            return
        commands = PROTOCOLS[self._name].commands
        self._line.write(commands.start)
        if commands.beside and self._line.board:
            here = os.path.realpath(self._line.path)
            for path, who in usb_ids().items():
                if who == self._line.board and path != here:
                    with (
                        contextlib.suppress(PortError, OSError, termios.error),
                        contextlib.closing(Line(path, self._line.baud)) as other,
                    ):
                        other.write(commands.start)

    def _disconnected(self, gone: bool) -> Iterator[SampleBlock | LinkChange]:
        self._line.close() if gone else self.close()
        row = PROTOCOLS[self._name] if self._name else None
        # Without a checksum, a frame of two halves might pass as one.
        counted = bool(row and row.cycle == math.inf and row.checksum and self._shape)
        held = self._timebase.interrupt(counted=counted)
        if held:
            yield from self._up(held)
        if not counted:
            self._renew()
        if gone and self._state != "down":
            self._state = "down"
            yield LinkChange(
                "down", f"{self._line.path} went away: unplugged, or its other end closed."
            )

    def _up(self, blocks: Iterable[SampleBlock]) -> Iterator[SampleBlock | LinkChange]:
        for block in blocks:
            if not self._sketch and block.scale and block.scale[0].mv:
                units = [
                    f"{lead} ({s.unit})" for lead, s in zip(block.leads, block.scale, strict=True)
                ]
                self._sketch = ", ".join(units)
            usb, name = self.board
            scale = self._boards.scale(usb, name) if self._boards and name else 1.0
            if self._state != "up":
                self._state = "up"
                self._failures = 0
                self._board = self._line.board
                yield LinkChange("up", self._describe(block, scale))
            elif scale == 1 and block.scaled != self._scaled:
                yield LinkChange("up", f"Of its numbers: {block.scaled}.")
            self._scaled = block.scaled
            if scale != 1:
                mv = (block.mv.astype(np.float64) * scale).clip(-_MOST_MV, _MOST_MV)
                step = tuple(step._replace(nv=step.nv * scale) for step in block.step)
                block = replace(block, mv=mv.astype(np.float32), scale=(), step=step)
            yield block

    def _new_decoder(self) -> "Decoder":
        assert self._name
        self._timebase.cycle = PROTOCOLS[self._name].cycle
        if self._fs is None and PROTOCOLS[self._name].fs == "estimated":
            if self._shape:
                return decoder(self._name, self._shape[0])
            return RateEstimator(self._name, self._clock)
        speeds = PROTOCOLS[self._name].speeds
        if self._fs is None and speeds and self._timed:
            if self._shape:
                return decoder(self._name, self._shape[0])
            return SpeedChooser(self._name, speeds, self._clock)
        return decoder(self._name, self._fs)

    def _renew(self) -> None:
        """The next samples come from a new decoder."""
        self._past = _sum(self._past, self._decoder)
        self._decoder, self._sketch = None, ""
        self._timebase.interrupt(counted=False)

    def _fitting(self, blocks: list[SampleBlock]) -> list[SampleBlock]:
        """Those with the stream's rate and leads."""
        if blocks and self._shape is None:
            self._shape = blocks[0].fs, blocks[0].leads
        fit = [block for block in blocks if (block.fs, block.leads) == self._shape]
        if len(fit) < len(blocks):
            self._stranger = next(b for b in blocks if (b.fs, b.leads) != self._shape)
        return fit

    def _describe(self, block: SampleBlock, scale: float) -> str:
        assert self._name
        estimated = self._fs is None and PROTOCOLS[self._name].fs == "estimated"
        rate = f"rate estimated: {block.fs:.1f} Hz" if estimated else f"{block.fs:g} Hz"
        where = "" if self._line.path == self._asked else f" on {self._line.path}"
        speed = f" at {self._line.baud} baud" if self._line.has_speed else ""
        text = f"{self._name}{speed}{where}, {rate}, leads: "
        text += ", ".join(block.leads)
        if scale != 1:
            text += f", scaled by {scale:.4g} as calibrated"
        elif block.scaled:
            text += f", {block.scaled}"
        if note := PROTOCOLS[self._name].note:
            text += f"; {note}"
        return f"{text}{self._lost(block.fs)}."

    def _silence(
        self, no_bytes: bool, for_s: float, estimating: bool, guess: Guess | None, again: bool
    ) -> str:
        """Why no samples come; `again`: the line was lost, and found again, before."""
        if no_bytes:
            return f"No bytes for {for_s:.0f} s."
        known = guess if guess and guess.sure and guess.name != self._name else None
        if known and self._shape is None:
            return (
                f"Bytes come, but no samples: they are {known.name}: give --protocol {known.name}."
            )
        if self._stranger or known:
            what = (
                f"{', '.join(self._stranger.leads)} at {self._stranger.fs:g} Hz"
                if self._stranger
                else f"{guess.name if guess else ''}"
            )
            if self._stranger and not again:
                return f"The board sends {what}, and not what it was taken for first: start again."
            return f"Another board is here, which sends {what}: it is not read, put the first back."
        counters = self.counters
        if estimating and counters.good > 0:
            return "No rate yet: it is estimated while every electrode is on."
        counts = ", ".join(f"{name} {count}" for name, count in asdict(counters).items())
        return (
            f"Bytes come, but no samples for {for_s:.0f} s ({counts}): "
            "another baud or protocol, or the board has changed its rate or leads."
        )


def _unknown(port: str, seen: list[Sighting]) -> str:
    """Why nothing was recognised, and what to do."""
    ports = "any port" if port == "auto" else port
    speeds = ", ".join(map(str, dict.fromkeys(s.baud for s in seen if s.baud)))
    at = f" at {speeds} baud" if speeds else ""
    for sighting in seen:
        if sighting.guess:
            name, _, why = sighting.guess
            told = f" at {sighting.baud} baud" if sighting.baud else ""
            return (
                f"{ports} may be {name}{told} ({why}), which is not sure: "
                f"give --protocol {name} if it is"
            )
    text = next(filter(None, (text_line(sighting.data) for sighting in seen)), None)
    if text:
        return not_understood(ports, text, at)
    if count := sum(len(s.data) for s in seen):
        return (
            f"{count} bytes came from {ports}{at}, and no known protocol fits them: "
            f"give {'--baud, or ' if at else ''}--protocol, or see what --probe shows"
        )
    return (
        f"nothing came from {ports}{at}: check that the board is powered and sending; "
        "if it waits for a command to start, try --ask, or give --protocol"
    )


def _sum(total: Counters, part: Decoder | None) -> Counters:
    if part is None:
        return total
    return Counters(*(a + b for a, b in zip(astuple(total), astuple(part.counters), strict=True)))
