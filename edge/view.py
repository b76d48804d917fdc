"""The view on a terminal, drawn in a thread of its own, so that the terminal may stand still."""

import threading
import time
from queue import SimpleQueue
from typing import TextIO

from edge.events import Event
from edge.sinks.terminal import Screen
from firmware_bridge.block import SampleBlock

_POLL_S = 0.01
_END_S = 0.05


class Glass:
    """Shows whole frames. One that comes while the last is not out yet is passed over."""

    def __init__(self, out: TextIO) -> None:
        self.gone = False
        """Whether the terminal hung up."""
        self._out = out
        self._busy = False  # set here, cleared by the thread
        self._frames: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._run, name="view", daemon=True).start()

    def write(self, frame: str) -> None:
        """Show it, or not; at once."""
        if not (self._busy or self.gone):
            self._busy = True
            self._frames.put(frame)

    def settle(self) -> None:
        """Wait a moment for the last frame to be out."""
        end = time.monotonic() + _END_S
        while self._busy and not self.gone and time.monotonic() < end:
            time.sleep(_POLL_S)

    def _run(self) -> None:
        while not self.gone:
            frame = self._frames.get()
            try:
                self._out.write(frame)
                self._out.flush()
            except BlockingIOError:  # who shares it wants that; the next frame covers this one
                time.sleep(_POLL_S)
            except (OSError, ValueError):
                self.gone = True
            self._busy = False


class View:
    """A screen behind glass: it always knows the present state, and shows it when it can."""

    def __init__(self, out: TextIO, title: str) -> None:
        self._glass = Glass(out)
        self._screen = Screen(self._glass, title)

    @property
    def gone(self) -> bool:
        """Whether the terminal hung up."""
        return self._glass.gone

    def show(self, block: SampleBlock) -> None:
        """Move the clock to the end of a block."""
        self._screen.show(block)

    def write(self, event: Event) -> None:
        """Take the event into the view; at once."""
        self._screen.write(event)

    def close(self) -> None:
        """Give the terminal back, if it takes that."""
        self._glass.settle()
        self._screen.close()
        self._glass.settle()
