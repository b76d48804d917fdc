"""Where events go, a file a sink. `edge.outputs` runs each apart from the rest."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, Protocol, runtime_checkable

from edge.errors import OutputError
from edge.events import Event
from firmware_bridge.block import SampleBlock


class Sink(Protocol):
    """Takes every event in order."""

    def write(self, event: Event) -> None:
        """Take one event. It is out when `flush` returns."""

    def flush(self) -> None:
        """Write what was taken and is not out yet.

        OSError where that cannot be done: called again, it goes on where it was, so that nothing
        comes twice and no line stays torn.
        """

    def close(self) -> None:
        """No event comes any more; what could not be written is given up. OSError as above."""


@runtime_checkable
class SignalSink(Sink, Protocol):
    """Takes the samples too, all of the board's leads, each block before what is found in it."""

    def samples(self, block: SampleBlock) -> None:
        """Take a block, as `write` an event. One that begins later than the last ended is behind
        a gap: samples that never came, or that this sink was too slow for.
        """


REMOVED: Final = "it was removed, and what it held is lost: a new one is begun"


def away(fd: int, path: Path) -> Literal["", "moved", "removed"]:
    """What became of an open file: whether it is no more what is at `path`."""
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        return ""
    try:
        if os.path.samestat(info, path.stat()):
            return ""
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError:  # it cannot be told, and what is open can be written
        return ""
    return "moved" if info.st_nlink else "removed"


def because(error: OSError) -> str:
    """Why something cannot be written, in a few words."""
    if error.errno in (errno.EPIPE, errno.ENXIO):
        return "nobody reads it"
    return error.strerror or str(error)


@contextmanager
def writing(where: object) -> Iterator[None]:
    """Turn what the system says against writing to `where` into one sentence."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {where}: {because(error)}") from None
