"""The far end of a pseudo-terminal, which a reader opens like a serial port."""

import fcntl
import os
import pty
import select
import struct
import termios
import threading
import tty
from pathlib import Path

from firmware_bridge.errors import PortError

_SPEEDS = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name.startswith("B") and name[1:].isdigit()
}
_FLUSH_S = 0.5  # a reader other than pyserial may never flush; this is time enough to do it
_POLL_S = 0.005


class Terminal:
    """A port that is there until it is closed. Whatever waits here ends when `stop` is set."""

    def __init__(self, stop: threading.Event, link: Path | None = None, baud: int | None = None):
        """Makes the port, and `link` lead to it; `baud` is its speed until a reader sets another.

        PortError where the link cannot be made.
        """
        self._stop = stop
        self._link = link
        self._master, slave = pty.openpty()
        self.path = os.ttyname(slave)
        """The port itself, not the link."""
        tty.setraw(slave)
        settings = termios.tcgetattr(slave)
        settings[4] = settings[5] = {b: code for code, b in _SPEEDS.items()}.get(
            baud or 0, settings[5]
        )
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        os.close(slave)  # from now on, a hang-up on our side means that no reader is there
        os.set_blocking(self._master, False)
        # Packet mode tells us when the reader flushes its input, as pyserial does after opening.
        fcntl.ioctl(self._master, termios.TIOCPKT, struct.pack("i", 1))
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLIN | select.POLLPRI)
        self._room = select.poll()
        self._room.register(self._master, select.POLLOUT)
        if link:
            try:
                _lead(link, self.path)
            except PortError:
                os.close(self._master)
                raise

    def close(self) -> None:
        """The port vanishes, with everything that has not been read."""
        if self._link:
            self._link.unlink(missing_ok=True)
        os.close(self._master)

    def connected(self) -> bool:
        """Whether a reader has the port open and nobody has stopped us."""
        return not self._stop.is_set() and not any(
            events & select.POLLHUP for _, events in self._poll.poll(0)
        )

    def await_reader(self) -> bytes:
        """Waits until a reader has opened the port, and flushed it if it does; what it wrote."""
        while not self.connected() and not self._stop.wait(_POLL_S):
            pass
        for _ in range(round(_FLUSH_S / _POLL_S)):
            heard, flushed = self._take()
            if heard or flushed or self._stop.wait(_POLL_S):
                return heard
        return b""

    def heard(self) -> bytes:
        """What the reader has written since the last call."""
        return self._take()[0]

    def baud(self) -> int | None:
        """The speed that the reader has set; None where it is none of the usual ones."""
        return _SPEEDS.get(termios.tcgetattr(self._master)[5])

    def write(self, data: bytes, *, wait: bool = True) -> int:
        """Waits until the reader has taken everything, or is gone.

        Without `wait`, what the system has no room for is lost, the new and not the old, as a UART
        loses it; gives how many bytes.
        """
        rest = memoryview(data)
        while rest and self.connected():
            try:
                rest = rest[os.write(self._master, rest) :]
            except BlockingIOError:
                if not wait:
                    return len(rest)
                self._room.poll(20)
        return 0

    def drain(self) -> None:
        """Waits until the reader has read all: closing throws away what it has not.

        The kernel moves bytes to the reader's queue in the background, so only a queue that stays
        empty for a while is one.
        """
        empty = 0
        while empty < 5 and self.connected():
            slave = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            waiting = fcntl.ioctl(slave, termios.FIONREAD, b"\0" * 4)
            os.close(slave)
            empty = 0 if any(waiting) else empty + 1
            self._stop.wait(0.02)

    def _take(self) -> tuple[bytes, bool]:
        """What the reader has written, and whether it has flushed."""
        heard, flushed = b"", False
        try:
            while packet := os.read(self._master, 256):
                if packet[0] == termios.TIOCPKT_DATA:
                    heard += packet[1:]
                else:
                    flushed |= bool(packet[0] & termios.TIOCPKT_FLUSHREAD)
        except OSError:
            pass  # nothing more, or nobody
        return heard, flushed


def _lead(link: Path, port: str) -> None:
    """Makes a link to the port, in the place of an older one."""
    if link.exists() and not link.is_symlink():
        raise PortError(f"{link} is there already, and no link: choose another path")
    new = link.with_name(f"{link.name}.new")
    try:
        new.unlink(missing_ok=True)
        new.symlink_to(port)
        new.replace(link)
    except OSError as error:
        raise PortError(f"cannot make {link}: {error.strerror}") from error
