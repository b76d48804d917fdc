"""The line to a board: opened, told what speaks there, and found again when it is lost."""

import contextlib
import os
import termios
import time
from collections.abc import Iterator

from firmware_bridge import sentences
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.errors import PortError, ProtocolError
from firmware_bridge.identify import Sighting, bauds, look, settle
from firmware_bridge.ports import Line, find, usb_ids

BACK_OFF_S = (0.1, 1.0)
"""Pause before the first and, doubling, between all later searches for a port that vanished."""


class Finder:
    """The board's line, on whichever port it is."""

    def __init__(self, port: str, baud: int | None, protocol: str, *, ask: bool) -> None:
        """Opens the port; arguments are those of `SerialLink`, PortError if none can be opened."""
        self.asked = port
        self._protocol, self._ask = protocol, ask
        self._bauds = [baud] if baud else bauds(None if protocol == "auto" else protocol)
        self.name: str | None = None
        """Of the protocol, once it is known."""
        self.stopped = False
        """Whether nothing more is wanted of the line."""
        self._usb: str | None = None  # the board that is looked for
        self._started = False  # the board on this line, by us
        self._failures = 0  # in a row, to find the board again
        self.line = self._open_first()

    def stop(self) -> None:
        """Lets whatever waits for the line return; for signal handlers and other threads."""
        self.stopped = True
        self.line.cancel()

    def close(self) -> None:
        """Stops a board that was started, and closes the port; harmless if it is closed."""
        if self.line.is_open:
            if self.name and self._started:
                with contextlib.suppress(OSError, termios.error):
                    self.line.write(PROTOCOLS[self.name].commands.stop)
            self.line.close()

    def recognise(self) -> bytes:
        """Sets the protocol's name, unless stopped; the bytes that told it.

        ProtocolError where nothing fits; OSError or termios.error where the port vanishes.
        """
        if "auto" not in (self._protocol, self.asked):
            self.name = self._protocol
            return settle(self.line, self._protocol, self._bauds)
        seen: list[Sighting] = []
        for path in find("auto", None) if self.asked == "auto" else [self.asked]:
            try:
                if path != self.line.path:
                    self.line.close()
                    self._open(path)
                for sighting in look(self.line, self._bauds, self._ask):
                    guess = sighting.guess
                    if guess and guess.sure and self._protocol in ("auto", guess.name):
                        self.name = guess.name
                        return sighting.data
                    seen.append(sighting)
            except (PortError, OSError, termios.error):
                if self.asked != "auto":
                    raise
        if not self.stopped:
            raise ProtocolError(sentences.unknown(self.asked, seen))
        return b""

    def open_again(self) -> Iterator[str]:
        """Looks for the board, less and less often, until a port is open or `stop`.

        Gives a sentence where another one is in its place.
        """
        first, most = BACK_OFF_S
        stranger = None
        while not self.stopped:
            wait = min(most, first * 2 ** min(self._failures, 10))
            while wait > 0 and not self.stopped:  # in slices: a signal handler ends no sleep
                time.sleep(min(wait, 0.1))
                wait -= 0.1
            self._failures += 1
            paths = find(self.asked, self._usb)
            if paths:
                with contextlib.suppress(PortError):
                    self._open(paths[(self._failures - 1) % len(paths)])
                    return
            elif stranger is None:
                stranger = usb_ids().get(os.path.realpath(self.asked))
                if stranger:
                    yield sentences.left_alone(stranger, self.asked, self._usb)

    def found(self) -> None:
        """What sends samples on this line is the board."""
        self._failures = 0
        self._usb = self.line.board

    def is_ours(self) -> bool:
        """Whether a line that was opened again may be written to.

        No board gets a command that may not be ours.
        """
        same = self._usb is not None and self.line.board == self._usb
        return same or self.asked != "auto" or self._ask

    def may_be_elsewhere(self) -> bool:
        """Whether there are other ports on which the board may be."""
        return len(find("auto", self._usb)) > 1

    def start(self, *, ours: bool) -> None:
        """Gives the board its command to start, where it is ours and waits for one."""
        assert self.name
        self._started = ours
        if not ours:
            return
        commands = PROTOCOLS[self.name].commands
        self.line.write(commands.start)
        if commands.beside and self.line.board:
            here = os.path.realpath(self.line.path)
            for path, who in usb_ids().items():
                if who == self.line.board and path != here:
                    with (
                        contextlib.suppress(PortError, OSError, termios.error),
                        contextlib.closing(Line(path, self.line.baud)) as other,
                    ):
                        other.write(commands.start)

    def _open_first(self) -> Line:
        if self.asked != "auto":
            return Line(self.asked, self._bauds[0])
        refused = PortError("no serial port found: is the board plugged in?")
        for path in find("auto", None):
            try:
                return Line(path, self._bauds[0])
            except PortError as error:
                refused = error
        raise refused

    def _open(self, path: str) -> None:
        self.line = Line(path, self.line.baud)
        if self.stopped:
            self.line.cancel()
