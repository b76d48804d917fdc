"""Serial ports of this machine: what there is, whose it is, and opening one."""

import contextlib
import errno
import os
import termios

import serial
from serial.tools import list_ports as pyserial_ports

from firmware_bridge.errors import PortError

WAIT_S = 0.25
"""How long a read waits for its first byte."""


def list_ports() -> list[tuple[str, str]]:
    """Serial ports of this machine, each with its description."""
    return [(port.device, port.description) for port in pyserial_ports.comports()]


def usb_ids() -> dict[str, str | None]:
    """Each port's path (links resolved), and who is plugged in there: vendor:product:serial.

    None where that tells no board from another: no USB, or no serial number.
    """
    return {
        os.path.realpath(port.device): (
            f"{port.vid:04x}:{port.pid:04x}:{port.serial_number}"
            if port.vid is not None
            and port.pid is not None
            and (port.serial_number or "").isascii()
            and (port.serial_number or "").isprintable()
            and port.serial_number
            else None
        )
        for port in pyserial_ports.comports()
    }


def usb_id(path: str) -> str | None:
    """Who is plugged in at `path`, which may be a link."""
    return usb_ids().get(os.path.realpath(path))


def find(asked: str, last: str, board: str | None) -> list[str]:
    """Where the board that was at `last` may be now, the likeliest first.

    `asked` is the user's path, or "auto", which lets any port be tried at last; `board` is its
    USB identity. Another board's port, as far as that is known, is not the asked one.
    """
    now = usb_ids()
    here = [path for path, who in now.items() if who == board and board]
    if asked != "auto":
        stranger = now.get(os.path.realpath(asked))
        if not here and os.path.exists(asked) and not (board and stranger):  # noqa: PTH110
            here = [asked]
        return here
    return list(dict.fromkeys(here + [path for path in now if path == last] + list(now)))


def open_port(path: str, baud: int) -> serial.Serial:
    """The port, for us alone, in low-latency mode where its driver has that."""
    try:
        opened = serial.Serial(path, baud, timeout=WAIT_S, write_timeout=1.0, exclusive=True)
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
        opened.set_low_latency_mode(True)
    return opened
