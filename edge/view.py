"""The view on a terminal, drawn in a thread of its own, so that the terminal may stand still."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TextIO

from edge.events import Event
from edge.keys import Keys
from edge.sinks.terminal import Screen
from firmware_bridge.block import SampleBlock

_POLL_S = 0.01
_END_S = 0.05
_IDLE_S = 0.1


class Glass:
    """Shows whole frames. One that comes while the last is not out yet is not taken."""

    def __init__(self, out: TextIO, idle: Callable[[], None]) -> None:
        """`idle` is called now and then while no frame comes, from another thread."""
        self.gone = False
        """Whether the terminal hung up."""
        self._out, self._idle = out, idle
        self._busy = False  # set here, cleared by the thread
        self._frames: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._run, name="view", daemon=True).start()

    def write(self, frame: str) -> int:
        """Show it, or do not take it, which is 0; at once."""
        if self._busy or self.gone:
            return 0
        self._busy = True
        self._frames.put(frame)
        return len(frame)

    def settle(self) -> None:
        """Wait a moment for the last frame to be out."""
        end = time.monotonic() + _END_S
        while self._busy and not self.gone and time.monotonic() < end:
            time.sleep(_POLL_S)

    def _run(self) -> None:
        while not self.gone:
            try:
                frame = self._frames.get(timeout=_IDLE_S)
            except Empty:
                self._idle()
                continue
            try:
                with suppress(BlockingIOError):  # who shares it wants that
                    self._out.write(frame)
                self._flush()
            except (OSError, ValueError):
                self.gone = True
            self._busy = False

    def _flush(self) -> None:
        while True:
            try:
                return self._out.flush()
            except BlockingIOError:
                time.sleep(_POLL_S)


class View:
    """A screen behind glass: it always knows the present state, and shows it when it can."""

    def __init__(self, out: TextIO, title: str) -> None:
        # Never held while the terminal is written to; a signal handler may want it a second time.
        self._lock = threading.RLock()
        with self._lock:
            self._glass = Glass(out, self._look)
            self._screen = Screen(self._glass, title, dots=_shows_braille(out))
            self._keys: Keys | None = None

    def listen(self) -> None:
        """Take keys where standard input is a terminal; call it once signals end all in order."""
        if sys.stdin and sys.stdin.isatty():
            self._keys = Keys(sys.stdin.fileno(), self._press)

    @property
    def gone(self) -> bool:
        """Whether the terminal hung up."""
        return self._glass.gone

    def show(self, block: SampleBlock) -> None:
        """Move the clock to the end of a block."""
        with self._lock:
            self._screen.show(block)

    def write(self, event: Event) -> None:
        """Take the event into the view; at once."""
        with self._lock:
            self._screen.write(event)

    def close(self) -> None:
        """Give the terminal back, if it takes that."""
        if self._keys:
            self._keys.release()
        self._glass.settle()
        with self._lock:
            self._screen.close()
        self._glass.settle()

    def pause(self) -> None:
        """Give the terminal back until `resume`; for signal handlers, as that."""
        if self._keys:
            self._keys.release()
        self._glass.settle()
        with self._lock:
            self._screen.pause()
        self._glass.settle()

    def resume(self) -> None:
        """Take the terminal again."""
        self._glass.settle()
        if self._keys:
            self._keys.take()
        with self._lock:
            self._screen.resume()

    def _press(self, key: str) -> None:
        if key in "qQ":
            os.kill(os.getpid(), signal.SIGINT)
        else:
            with self._lock:
                self._screen.press(key)

    def _look(self) -> None:
        if self._lock.acquire(blocking=False):  # else it is called again soon
            try:
                self._screen.keys = bool(self._keys and self._keys.taken)
                self._screen.look()
            finally:
                self._lock.release()


def _shows_braille(out: TextIO) -> bool:
    """Whether the terminal has such characters, as far as can be told.

    A Linux console's font lacks them. Where the locale is C, Python writes UTF-8 all the same, and
    sets LC_CTYPE so, but the terminal need not know that.
    """
    names = [os.environ.get(name) or "" for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    if not names[0] and names[1] == "C.UTF-8" and names[2] in ("", "C", "POSIX"):
        names[1] = ""
    said = next(filter(None, names), "C")
    utf = (out.encoding or "").lower().replace("-", "") == "utf8"
    return utf and said not in ("C", "POSIX") and os.environ.get("TERM") != "linux"
