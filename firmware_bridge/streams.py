"""Lines that are no serial ports: a TCP connection, a server of serial ports, a FIFO, our input.

Each has what `firmware_bridge.ports.Line` uses of a `serial.Serial`.
"""

import errno
import os
import select
import socket
import stat
import sys
import time
from typing import Any, Final

import serial

from firmware_bridge.errors import PortError

STDIN: Final = "-"
"""The port that is this program's standard input."""
SCHEMES: Final = ("socket", "rfc2217")
"""Of the addresses that pyserial knows: spy, loop and alt are for its tests, hwgrep is `auto`."""
_LUMP: Final = 1 << 16  # bytes of the most that is read at once

_ALIVE: Final = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""A server that lost its power or its network hangs up for nobody: it is asked when it is quiet."""


def is_address(port: str) -> bool:
    """Whether that is no path, but something like socket://HOST:PORT."""
    return "://" in port


def is_stream(port: str) -> bool:
    """Whether that is a FIFO, or our standard input."""
    try:
        return port == STDIN or stat.S_ISFIFO(os.stat(port).st_mode)  # noqa: PTH116
    except OSError:
        return False


def connect(address: str, baud: int, timeout: float) -> Any:
    """A connection, as pyserial's own handler of its scheme makes it; PortError if it cannot."""
    scheme = address.partition("://")[0].lower()
    if scheme not in SCHEMES:
        known = " and ".join(f"{name}://HOST:PORT" for name in SCHEMES)
        raise PortError(f"cannot open {address}: of addresses only {known} are read")
    port: Any = None
    try:
        port = serial.serial_for_url(address, baud, timeout=timeout, do_not_open=True)
        port.open()
        if scheme == "socket":
            port.write_timeout = 1.0  # the other has none
        port._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _ALIVE.items():
            if hasattr(socket, option):  # not every system has each
                port._socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    except (OSError, ValueError, TypeError) as error:
        if port and port._socket:  # pyserial leaves it open where the server hangs up at once
            port._socket.close()
        raise PortError(f"cannot open {address}: {_reason(error)}") from error
    return _Lumps(port) if scheme == "socket" else port


def _reason(error: Exception) -> str:
    cause: BaseException | None = error
    while cause:
        match cause:
            case ConnectionRefusedError():
                return "nothing listens there: check the port, and that its server runs"
            case socket.gaierror() | UnicodeError():
                return "no such host is known: check the name"
            case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
                return "it hung up at once: check that nobody else has it open"
            case TimeoutError():
                return "it does not answer: check the address, and that it is switched on"
            case OSError(errno=errno.EHOSTUNREACH | errno.ENETUNREACH):
                return "there is no way to that host: check the network"
            case TypeError() | ValueError():
                return "give it as socket://HOST:PORT or rfc2217://HOST:PORT"
        cause = cause.__context__
    if "Remote" in str(error):
        return "what answers there is no server of serial ports (RFC 2217)"
    return str(error)


class _Lumps:
    """pyserial's connection, which says of what has come only that there is something."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def read(self, size: int) -> bytes:
        """At least one byte if it comes in time, and all that has come; `size` means nothing."""
        data: bytes = self._port.read(1)
        if data:
            timeout, self._port.timeout = self._port.timeout, 0
            try:
                data += self._port.read(_LUMP)
            except serial.SerialException:  # it is closed: the next read says so
                pass
            finally:
                self._port.timeout = timeout
        return data

    def close(self) -> None:
        """Harmless if it is closed; pyserial leaves a connection open that was lost."""
        held = self._port._socket
        self._port.close()
        if held:
            held.close()


class Stream:
    """A FIFO or our standard input; with its end the stream ends, and nothing can be sent."""

    def __init__(self, path: str, timeout: float) -> None:
        """Waits for the first byte, or the end: who sends may come later.

        PortError where it cannot be read.
        """
        self._timeout = timeout
        self.ended = False
        """Whether its other end was closed, and everything is read."""
        try:
            if path == STDIN and sys.__stdin__ is None:
                raise PortError(f"cannot open {path}: standard input is closed")
            self._fd = (
                os.dup(sys.__stdin__.fileno())  # type: ignore[union-attr]
                if path == STDIN
                else os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            )
        except (OSError, ValueError) as error:
            raise PortError(f"cannot open {path}: it cannot be read ({error})") from error
        if os.isatty(self._fd):
            os.close(self._fd)
            raise PortError(f"cannot open {path}: that is a terminal, which sends no samples")
        select.select([self._fd], [], [])
        self.baudrate = 0
        self.is_open = True
        self._wake, self._waker = os.pipe()

    @property
    def in_waiting(self) -> int:
        """As much as is read at once."""
        return _LUMP

    def read(self, size: int) -> bytes:
        """What has come; waits a moment where that is nothing, as it does after the end."""
        if self.ended:
            time.sleep(self._timeout)
            return b""
        ready, _, _ = select.select([self._fd, self._wake], [], [], self._timeout)
        if self._fd not in ready:
            return b""
        try:
            data = os.read(self._fd, size)
        except BlockingIOError:
            return b""
        self.ended = not data
        return data

    def write(self, data: bytes) -> None:
        """Nobody would hear it."""

    def reset_input_buffer(self) -> None:
        """Nothing is thrown away: what has come is the signal."""

    def cancel_read(self) -> None:
        """Let `read` return."""
        os.write(self._waker, b"x")

    def close(self) -> None:
        """Harmless if it is closed."""
        if self.is_open:
            self.is_open = False
            for fd in (self._fd, self._wake, self._waker):
                os.close(fd)
