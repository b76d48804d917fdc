"""Text that would steer a terminal, and a terminal that tells whether it was steered."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge import demo

CODE: Final = Path(demo.__file__).parent.parent  # where `-c` imports what the tests import

HOSTILE: Final = {
    "clear": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "answer back": "\x1b[6n\x05",
    "C1": "\x9b31m\x90q\x9c",
    "bidi": "\u202eII\u2066V\u200f",
    "lines": "I\r\n\x0b\x0c\x85\u2028beat",
    "null": "\0\x7f\x08\x08",
    "long": "I" * 10_000,
    "wide": "心電図" * 10,
    "stacked": "e" + "\u0301" * 100,
    "Hebrew": "\u05d0\u05d1\u05d2",
    "invisible": "\u200b\ufeff\xad\u2060",
    "private": "\ue000\U000e0041\U0010ffff",
}
_OURS: Final = re.compile(r"\x1b\[(?:\?1049[hl]|\?25[hl]|H|K|J|[\d;]*m)")
"""What the view itself sends."""


def steered(shown: bytes, columns: int | None = None) -> str:
    """What in these bytes steers a terminal but is not the view's; "" if nothing does.

    With `columns`, also a line that is too wide for it.
    """
    text = _OURS.sub("", shown.decode("utf-8", "surrogateescape"))
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.isprintable():
            return ascii(line)
        if columns and len(line) > columns:
            return f"{len(line)} columns: {line}"
    return ""


def on_terminal(code: str, argv: Sequence[str], **env: str) -> tuple[int, bytes]:
    """Exit code and all output of `main(argv)` on a pseudo-terminal; `code` must bring `main`."""
    master, slave = os.openpty()
    shown = bytearray()

    def read() -> None:
        try:
            while data := os.read(master, 1 << 16):
                shown.extend(data)
        except OSError:
            pass  # the other end is closed

    reader = threading.Thread(target=read)
    reader.start()
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"import sys\n{code}\nsys.exit(main(sys.argv[1:]))", *argv],
            stdin=slave, stdout=slave, stderr=slave, timeout=120, check=False,
            env={**os.environ, "PYTHONPATH": str(CODE), "TERM": "xterm", "COLUMNS": "60",
                 "LINES": "20", **env},
        )  # fmt: skip
    finally:
        os.close(slave)
        reader.join()
        os.close(master)
    return done.returncode, bytes(shown)
