"""The first and the last steps of `edge-run`, where a signal would find no one to take it."""

import io
import os
import signal
import sys
from collections.abc import Iterable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Those that end a run."""


def interruptible(numbers: Iterable[int] = SIGNALS) -> None:
    """Each of them is a KeyboardInterrupt from now on, but those that `nohup` ignores."""
    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def printing() -> None:
    """What does not fit the terminal's locale is "?" on standard output, and no error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def main() -> int:
    """Run the command; a signal before it, or after, ends it quietly.

    An output that stands still must not hold up the end, as the interpreter's own would.
    """
    code = 0
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, lambda *_: os._exit(code))
    from edge.cli import run  # takes a while

    code = run.main()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
