"""Text that would steer a terminal, and a terminal that tells whether it was steered."""

import os
import re
import threading
from collections.abc import Sequence
from typing import Final

from tests.edge.forked import forked

_MODULES: Final = ("edge.cli.run", "edge.cli.emulate", "benchmarks.cli", "train.cli")

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


def on_terminal(code: str, *commands: Sequence[str], **env: str) -> list[tuple[int, bytes]]:
    """Exit code and all output of each `main(argv)`, one after the other, on a pseudo-terminal.

    `code` must bring `main`. One process runs them all.
    """
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
        usual = {"TERM": "xterm", "COLUMNS": "60", "LINES": "20"}
        path = os.ttyname(slave)
        text = f"{code}\ncommands = {[*map(list, commands)]!a}\n{_EACH}"
        end = forked(_MODULES, text, (path, path, path), {**os.environ, **usual, **env})
    finally:
        os.close(slave)
        reader.join()
        os.close(master)
    assert end == 0, bytes(shown)[-2000:]
    parts = bytes(shown).split(_MARK)
    assert len(parts) == 2 * len(commands) + 1, bytes(shown)[-2000:]
    return [(int(parts[i + 1]), parts[i]) for i in range(0, len(parts) - 1, 2)]


_MARK = b"\x1e"  # which steers a terminal, so that no output has it
_EACH = f"""
import os, sys
for argv in commands:
    try:
        code = main(argv)
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    os.write(1, {_MARK!r} + str(int(code or 0)).encode() + {_MARK!r})
"""
