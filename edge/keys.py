"""Keys of a terminal, without echo and without Enter, while this is its foreground process."""

import os
import re
import select
import signal
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_POLL_S = 0.2
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\[O])", re.DOTALL)


def split(lump: bytes) -> tuple[str, bytes]:
    """The keys in it, escape sequences left out, and the beginning of one at its end."""
    pressed, escape, rest = _SEQUENCE.sub(b"", lump).partition(b"\x1b")
    return pressed.decode("ascii", "ignore"), escape + rest


class Keys:
    """Reads them in a thread of its own, which the end of the program does not wait for."""

    def __init__(self, fd: int, press: Callable[[str], None]) -> None:
        """`fd` is a terminal; `press` is given each key, from another thread.

        What comes as an escape sequence, such as an arrow, is no key.
        """
        self._fd, self._press = fd, press
        # A signal handler may want it a second time.
        self._lock = threading.RLock()
        self._wanted = False
        self._before: list[Any] | None = None  # the terminal's modes, while they are ours
        self.take()
        threading.Thread(target=self._run, name="keys", daemon=True).start()

    @property
    def taken(self) -> bool:
        """Whether keys are read at present."""
        return self._before is not None

    def take(self) -> None:
        """Read keys from now on, whenever this is the foreground process."""
        with self._lock:
            self._wanted = True
            self._grab()

    def release(self) -> None:
        """Leave the terminal as it was found."""
        with self._lock:
            self._wanted = False
            before, self._before = self._before, None
            # In the background its modes are the shell's.
            if before and self._in_front():
                with suppress(termios.error):
                    termios.tcsetattr(self._fd, termios.TCSANOW, before)

    def _in_front(self) -> bool:
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:  # not the terminal that this was started from, or it is gone
            return False

    def _grab(self) -> None:
        """Again, too: a shell that stopped this set its own modes."""
        if not self._in_front():
            self._before = None
            return
        with suppress(termios.error):
            modes = termios.tcgetattr(self._fd)
            if not modes[3] & (termios.ICANON | termios.ECHO):
                return
            before = [*modes[:6], list(modes[6])]
            modes[3] &= ~(termios.ICANON | termios.ECHO)
            # One byte at a time; and Ctrl-\ would leave the terminal as it is now.
            modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
            modes[6][termios.VQUIT] = b"\0"
            termios.tcsetattr(self._fd, termios.TCSANOW, modes)
            self._before = before

    def _run(self) -> None:
        # From the background a read is an error then, and does not stop the whole program.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})
        begun = b""  # a sequence, of which a slow line brings a byte at a time
        while True:
            with self._lock:
                if self._wanted:
                    self._grab()
            if not self.taken:
                time.sleep(_POLL_S)
                continue
            try:
                if not select.select([self._fd], [], [], _POLL_S)[0] or not self._in_front():
                    begun = b""
                    continue
                if not (lump := os.read(self._fd, 64)):
                    return
            except OSError:
                if self._in_front():
                    return  # it hung up
                continue
            pressed, begun = split(begun + lump)
            for key in pressed:
                self._press(key)
