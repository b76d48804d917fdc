"""Where events go, a file a sink. `edge.outputs` runs each apart from the rest."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from edge.errors import OutputError
from edge.events import Event


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
