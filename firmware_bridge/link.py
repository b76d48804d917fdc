"""The serial port: opened, identified, read in modest lumps, its silences told."""

import contextlib
import errno
import termios
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from types import TracebackType
from typing import Literal, Self

import numpy as np
import serial
from serial.tools import list_ports as pyserial_ports

from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.decoders import PROTOCOLS, Counters, Prober, decoder
from firmware_bridge.errors import PortError, ProtocolError

SILENT_S = 2.0
"""Without samples for this long, the line is said to be silent."""
PROBE_S = 3.0
"""Bytes are looked at this long at each baud: an Arduino that the open port reset needs up to 2."""
PROBE_BYTES = 1 << 18
ESTIMATE_S = 3.0
"""Arrivals are timed this long where the board's rate is not known."""
LUMP_S = 0.06
"""Pause between reads: 16 wake-ups a second, at 60 ms of delay."""
_WAIT_S = 0.25  # how long a read waits for its first byte
_HURRY = 2048  # bytes in the last lumps, older ones fading: more than a board sends in LUMP_S


@dataclass(frozen=True, slots=True)
class LinkChange:
    """The line's state, given when it changes."""

    state: Literal["up", "silent", "down"]
    """Samples arrive; none for `SILENT_S`, which may pass; the port is gone, which ends all."""
    detail: str
    """One sentence for the user."""


def list_ports() -> list[tuple[str, str]]:
    """Serial ports of this machine, each with its description."""
    return [(port.device, port.description) for port in pyserial_ports.comports()]


class SerialLink:
    """An open serial port; iterating gives sample blocks and changes of the line's state, once.

    Leaving the iteration closes the port, whatever the reason.
    """

    def __init__(
        self,
        port: str,
        baud: int | None = None,
        protocol: str = "auto",
        fs: float | None = None,
    ) -> None:
        """Opens the port, a pseudo-terminal's path too; PortError or ProtocolError if it cannot.

        `baud` None: what the protocol's board uses; with protocol "auto", each known one in turn.
        `fs` in Hz overrides what the board tells or is known for.
        """
        self.counters = Counters()
        """The decoder's, from the moment that the protocol is known."""
        # Refuses an unknown name or an impossible rate before a port is touched.
        decoder("edge" if protocol == "auto" else protocol, 1.0 if fs is None else fs)
        boards = PROTOCOLS.values() if protocol == "auto" else [PROTOCOLS[protocol]]
        self._bauds = (
            [baud]
            if baud
            else sorted({baud for board in boards for baud in board.bauds}, reverse=True)
        )
        self._protocol = protocol
        self._fs = fs
        self._stopped = False
        self._recent = 0
        self._port = _open(port, self._bauds[0])

    def __iter__(self) -> Iterator[SampleBlock | LinkChange]:
        """Blocks and changes until the port vanishes or `stop`; ProtocolError if nothing fits."""
        try:
            yield from self._read_blocks()
        except (OSError, termios.error):  # pyserial's own is an OSError
            yield LinkChange(
                "down", f"{self._port.port} went away: unplugged, or its other end closed."
            )
        finally:
            self.close()

    def stop(self) -> None:
        """Ends a running iteration at once; for signal handlers and other threads."""
        self._stopped = True
        self._port.cancel_read()

    def close(self) -> None:
        """Closes the port; harmless if it is closed."""
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read_blocks(self) -> Iterator[SampleBlock | LinkChange]:
        name, data = (
            self._identify() if self._protocol == "auto" else (self._protocol, self._read())
        )
        if self._stopped:
            return
        estimating = self._fs is None and PROTOCOLS[name].fs == "estimated"
        source = _RateEstimator(name) if estimating else decoder(name, self._fs)
        self.counters = source.counters
        state = None
        last_bytes = last_samples = time.monotonic()
        while not self._stopped:
            now = time.monotonic()
            patience = SILENT_S + ESTIMATE_S if estimating and state is None else SILENT_S
            blocks = source.feed(data)
            if data:
                last_bytes = now
            if blocks:
                last_samples = now
                if state != "up":
                    state = "up"
                    yield LinkChange("up", self._describe(name, blocks[0], estimating))
                yield from blocks
            elif state != "silent" and now - last_samples > patience:
                state = "silent"
                yield LinkChange("silent", self._silence(now - last_bytes > SILENT_S, estimating))
            data = self._read()

    def _read(self) -> bytes:
        """What has arrived since the last call; waits up to `_WAIT_S` if that is nothing."""
        if self._recent < _HURRY:
            time.sleep(LUMP_S)
        data: bytes = self._port.read(max(1, self._port.in_waiting))
        self._recent = self._recent // 2 + len(data)
        return data

    def _identify(self) -> tuple[str, bytes]:
        """The protocol's name, and the bytes that told it."""
        seen = 0
        for baud in self._bauds:
            self._port.baudrate = baud
            prober, data = Prober(), b""
            end = time.monotonic() + PROBE_S
            while time.monotonic() < end and len(data) < PROBE_BYTES and not self._stopped:
                lump = self._read()
                data += lump
                guess = prober.feed(lump)
                if guess and guess.sure:
                    return guess.name, data
            if self._stopped:
                return "", b""
            seen += len(data)
        bauds = ", ".join(map(str, self._bauds))
        raise ProtocolError(
            f"{seen} bytes came from {self._port.port} at {bauds} baud, and no known protocol fits "
            "them: give --baud, or --protocol"
            if seen
            else f"nothing came from {self._port.port} in {PROBE_S * len(self._bauds):.0f} s: "
            "check that the board is powered and sending"
        )

    def _describe(self, name: str, block: SampleBlock, estimated: bool) -> str:
        rate = f"rate estimated: {block.fs:.1f} Hz" if estimated else f"{block.fs:g} Hz"
        leads = ", ".join(block.leads)
        return f"{name} at {self._port.baudrate} baud, {rate}, leads: {leads}."

    def _silence(self, no_bytes: bool, estimating: bool) -> str:
        if no_bytes:
            return f"No bytes for {SILENT_S:.0f} s."
        if estimating and self.counters.good > 0:
            return "No rate yet: it is estimated while every electrode is on."
        counts = ", ".join(f"{name} {count}" for name, count in asdict(self.counters).items())
        return (
            f"Bytes come, but no samples for {SILENT_S:.0f} s ({counts}): "
            "another baud or protocol, or the board has changed its rate or leads."
        )


class _RateEstimator:
    """A decoder that holds its blocks back until their arrivals have told the rate.

    The rate is the slope of samples over arrival time (least squares), to 0.1 Hz, over a stretch
    of `ESTIMATE_S` without lead-off or pause: the sketch that needs this runs at another rate
    then. The stream begins with that stretch.
    """

    def __init__(self, protocol: str) -> None:
        self._decoder = decoder(protocol, fs=1.0)  # replaced in every block
        self.counters = self._decoder.counters
        self._fs: float | None = None
        self._held: list[SampleBlock] = []
        self._origin = 0
        self._arrivals: list[tuple[float, int]] = []

    def feed(self, data: bytes) -> list[SampleBlock]:
        blocks = self._decoder.feed(data)
        if self._fs is None:
            if not data or any(LeadState.OFF in block.lead_state for block in blocks):
                self._arrivals, self._held = [], []
                return []
            if not blocks:
                return []
            self._held += blocks
            self._arrivals.append((time.monotonic(), self.counters.good))
            times, samples = np.array(self._arrivals).T
            if times[-1] - times[0] < ESTIMATE_S:
                return []
            self._fs = round(float(np.polyfit(times - times[0], samples, 1)[0]), 1)
            blocks, self._held = self._held, []
            self._origin = blocks[0].start - blocks[0].lost
        return [replace(block, fs=self._fs, start=block.start - self._origin) for block in blocks]


def _open(port: str, baud: int) -> serial.Serial:
    try:
        opened = serial.Serial(port, baud, timeout=_WAIT_S, exclusive=True)
    except (OSError, ValueError, OverflowError, termios.error) as error:
        match getattr(error, "errno", None):
            case errno.ENOENT | errno.ENXIO | errno.ENODEV:
                reason = "there is no such port: check the plug, and --list-ports"
            case errno.EACCES | errno.EPERM:
                reason = "no permission: add yourself to the group dialout and log in again"
            case errno.EBUSY | errno.EAGAIN:
                reason = "another program has it open: close that first"
            case _:
                reason = f"it is no serial port, or does not take {baud} baud ({error})"
        raise PortError(f"cannot open {port}: {reason}") from error
    # Else FTDI adapters hand over lumps of 16 ms or more; drivers without the mode refuse.
    with contextlib.suppress(OSError, ValueError):
        opened.set_low_latency_mode(True)
    return opened
