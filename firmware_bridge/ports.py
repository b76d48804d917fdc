"""Serial ports of this machine: what there is, whose it is, and opening one."""

import contextlib
import errno
import os
import random
import termios
import time
from typing import Any

import serial
from serial.tools import list_ports as pyserial_ports
from serial.tools.list_ports_common import ListPortInfo

from firmware_bridge import streams
from firmware_bridge.errors import PortError
from firmware_bridge.text import printable

LUMP_S = 0.06
"""Pause between reads: 16 wake-ups a second, at 60 ms of delay."""
_WAIT_S = 0.25  # how long a read waits for its first byte
_DESCRIBED = 100  # characters of a description
_HURRY = 2048  # bytes in the last lumps, older ones fading: more than a board sends in LUMP_S


def list_ports() -> list[tuple[str, str]]:
    """Serial ports of this machine, each with its description, which a USB device writes."""
    ports = pyserial_ports.comports()
    return [(printable(port.device), printable(port.description, _DESCRIBED)) for port in ports]


def usb_ids() -> dict[str, str | None]:
    """Each port's path (links resolved), and who is plugged in there: vendor:product:serial.

    None where that tells no board from another: no USB, or no serial number.
    """
    return {os.path.realpath(port.device): _usb_id(port) for port in pyserial_ports.comports()}


def _usb_id(port: ListPortInfo) -> str | None:
    serial_number = port.serial_number or ""
    # It becomes a key in a file, and text on terminals: nothing that could steer those.
    if port.vid is None or not serial_number.isascii() or not serial_number.isprintable():
        return None
    return f"{port.vid:04x}:{port.pid:04x}:{serial_number}" if serial_number else None


def find(asked: str, board: str | None) -> list[str]:
    """Ports where the board may be now, the likeliest first.

    `asked` is the user's path, or "auto", which lets any port be tried at last; `board` is its USB
    identity, and where that is known, no port of another board is the asked one.
    """
    if streams.is_address(asked):
        return [asked]
    now = usb_ids()
    here = [path for path, who in now.items() if board and who == board]
    if asked == "auto":
        return list(dict.fromkeys([*here, *now]))
    if os.path.exists(asked) and (  # noqa: PTH110
        (real := os.path.realpath(asked)) in here or not (board and now.get(real))
    ):
        return [asked]
    return here


class Line:
    """An open port, for us alone, in low-latency mode where its driver has that.

    Or what stands for one: an address of pyserial's, a FIFO's path, or "-", our standard input.
    """

    def __init__(self, path: str, baud: int) -> None:
        """PortError where it cannot be opened."""
        self._port: Any = _opened(path, baud)
        self.path = path
        self.has_speed = not isinstance(self._port, streams.Stream) and (
            not path.lower().startswith("socket:")
        )
        """Whether a baud can be set, and means something."""
        self.board = usb_ids().get(os.path.realpath(path))
        """Its USB identity, if it has one."""
        self.cancelled = False
        self._recent = 0
        self.heard = False
        """Whether anything came at this baud."""
        self.stale = False
        """Whether what comes next may have been read at another baud, by an adapter that lumps."""

    @property
    def baud(self) -> int:
        """Bits a second."""
        return int(self._port.baudrate)

    @baud.setter
    def baud(self, baud: int) -> None:
        if self.has_speed and baud != self._port.baudrate:
            self._port.baudrate = baud
            self._port.reset_input_buffer()
            self.stale, self.heard = True, False

    @property
    def ended(self) -> bool:
        """Whether nothing more can come, because a stream has ended."""
        return isinstance(self._port, streams.Stream) and self._port.ended

    @property
    def is_open(self) -> bool:
        """Whether `close` was not called yet."""
        return bool(self._port.is_open)

    def read(self, at_once: bool = False) -> bytes:
        """What has arrived since the last call; waits up to `_WAIT_S` if that is nothing.

        `at_once`: as soon as it comes, for who must know when that was; else in modest lumps.
        OSError or termios.error when the port is gone.
        """
        if self._recent < _HURRY and not at_once:
            # Never in step with the board: some lumps must end just after its last byte.
            time.sleep(LUMP_S * random.uniform(0.9, 1.1))
        data: bytes = self._port.read(max(1, self._port.in_waiting))
        self._recent = self._recent // 2 + len(data)
        self.heard |= bool(data)
        return data

    def write(self, data: bytes) -> None:
        """Send a command; one that nobody takes is no error."""
        with contextlib.suppress(serial.SerialTimeoutException):
            self._port.write(data)

    def cancel(self) -> None:
        """Let `read` return at once; for signal handlers and other threads."""
        self.cancelled = True
        # It is being closed meanwhile, or cannot be woken.
        with contextlib.suppress(OSError, TypeError, AttributeError):
            self._port.cancel_read()

    def close(self) -> None:
        """Harmless if it is closed."""
        self._port.close()


def _opened(path: str, baud: int) -> Any:
    if streams.is_address(path):
        return streams.connect(path, baud, _WAIT_S)
    if streams.is_stream(path):
        return streams.Stream(path, _WAIT_S)
    try:
        port = serial.Serial(path, baud, timeout=_WAIT_S, write_timeout=1.0, exclusive=True)
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
        raise PortError(f"cannot open {path}: {reason}") from error
    # Else FTDI adapters hand over lumps of 16 ms or more; drivers without the mode refuse.
    with contextlib.suppress(OSError, ValueError):
        port.set_low_latency_mode(True)
    return port
