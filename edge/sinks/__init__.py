"""Where events go, a file a sink."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from edge.errors import OutputError
from edge.events import Event


class Sink(Protocol):
    """Takes every event in order; what `write` has taken is out, whatever fails later."""

    def write(self, event: Event) -> None:
        """Take one event. Raises OutputError, or BrokenPipeError when its reader went away."""

    def close(self) -> None:
        """No event comes any more."""


@contextmanager
def writing(where: object) -> Iterator[None]:
    """Turn what the system says against writing to `where` into one sentence."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {where}: {error.strerror}") from None
