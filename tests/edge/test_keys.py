"""The keys of the view, on real pseudo-terminals that are the program's own."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.keys import split
from tests.edge.test_apart import CODE, STARTED_S, fill

UTF_8 = {"LC_ALL": "", "LANG": "C.UTF-8"}
UNSIZED = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """A terminal of 100 by 30, its program, and what that showed."""

    def __init__(self, *argv: str, env: dict[str, str] | None = None, **streams: Any) -> None:
        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, b"\x1e\0\x64\0\0\0\0\0")
        self.before = termios.tcgetattr(self.slave)
        self.shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge.cli.run", *argv],
            cwd=CODE,
            env={**UNSIZED, "TERM": "xterm", **UTF_8, "NO_COLOR": "1", **(env or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),
            **{"stdin": self.slave, "stdout": self.slave, "stderr": self.slave, **streams},
        )

    def look(self, what: str, gone: bool = False) -> None:
        """Read until the last whole frame shows it, or does not."""
        end = time.monotonic() + STARTED_S
        while not (frames := self.shown.split(b"\x1b[H")[1:-1]) or gone == bool(
            re.search(what, frames[-1].decode(errors="replace"))
        ):
            assert time.monotonic() < end, self.shown[-3000:].decode(errors="replace")
            self.shown += os.read(self.master, 65536)

    def press(self, keys: bytes) -> None:
        """Type them; what was shown before does not count."""
        self.shown = b""
        os.write(self.master, keys)

    def end(self) -> int:
        """Read on until the program has ended; its exit code."""
        deadline = time.monotonic() + STARTED_S
        os.set_blocking(self.master, False)
        while self.process.poll() is None:
            assert time.monotonic() < deadline
            with contextlib.suppress(BlockingIOError):
                self.shown += os.read(self.master, 65536)
            time.sleep(0.01)
        with contextlib.suppress(BlockingIOError):  # its last words
            while lump := os.read(self.master, 65536):
                self.shown += lump
        return self.process.returncode

    def modes(self) -> list[Any]:
        """Of the terminal, now."""
        return termios.tcgetattr(self.slave)


@contextlib.contextmanager
def terminal(*argv: str, **streams: Any) -> Iterator[Terminal]:
    opened = Terminal(*argv, **streams)
    try:
        yield opened
    finally:
        opened.process.kill()
        opened.process.wait()
        os.close(opened.master)
        os.close(opened.slave)


def test_each_key_does_what_it_says() -> None:
    with terminal("--demo") as at:
        at.look(r"q quit")
        at.look("[\u2801-\u28ff]")
        at.look(r"MLII  [\d.]+ mV/row  12 s")
        at.press(b"l")
        at.look(r"V5  [\d.]+ mV/row  12 s")
        for byte in b"\x1b[1;5A\x1bOA":  # as a slow line brings them; an A acknowledges
            os.write(at.master, bytes([byte]))
        at.press(b"?\xc3\xa9\x1b[B\t")  # of these only the last is a key
        at.look(r"MLII  [\d.]+ mV/row  12 s")
        at.press(b"+++++++++")
        at.look(r"MLII  0.00\d mV/row")
        at.press(b" ")
        at.look(r"FROZEN AT \d\d:\d\d:\d\d")
        at.press(b" ")
        at.look("FROZEN", gone=True)
        at.press(b"q")
        assert at.end() == 0
        assert b"beats in" in at.shown.partition(LEAVE)[2]
        assert at.modes() == at.before


@pytest.mark.parametrize("how", ["terminated", "interrupted", "at its end", "still"])
def test_the_terminal_is_left_as_it_was_found(how: str) -> None:
    speed = ["--speed", "60"] if how == "at its end" else []
    with terminal("--demo", *speed) as at:
        at.look("q quit")
        assert not at.modes()[3] & (termios.ECHO | termios.ICANON)
        if how == "terminated":
            at.process.terminate()
        elif how == "interrupted":
            os.write(at.master, b"\x03")
        elif how == "still":
            fill(at.slave)
            os.write(at.master, b"q")
            assert at.process.wait(STARTED_S) == 0  # nobody reads
        assert at.end() == 0
        assert at.modes() == at.before


def test_ctrl_z_gives_the_keys_back_and_fg_takes_them() -> None:
    """Under a shell of its own, with job control, as people have it."""
    command = f"set -m; {sys.executable} -m edge.cli.run --demo; echo at the prompt; read x; fg"
    master, slave = os.openpty()
    before = termios.tcgetattr(slave)
    shell = subprocess.Popen(
        ["bash", "-c", command],
        cwd=CODE,
        env={**os.environ, "TERM": "xterm"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),
    )
    shown = b""

    def await_shown(what: bytes) -> None:
        nonlocal shown
        end = time.monotonic() + STARTED_S
        while what not in shown:
            assert time.monotonic() < end, shown[-500:]
            shown += os.read(master, 65536)
        shown = shown.partition(what)[2]

    try:
        await_shown(b"q quit")
        os.write(master, b"\x1a")
        await_shown(b"at the prompt")
        assert termios.tcgetattr(slave)[3] == before[3]
        os.write(master, b"\n")
        await_shown(ENTER)
        await_shown(b"q quit")
        os.write(master, b"q")
        await_shown(b"beats in")
        assert shell.wait(STARTED_S) == 0
        assert termios.tcgetattr(slave)[3] == before[3]
    finally:
        os.killpg(shell.pid, signal.SIGKILL) if shell.poll() is None else None
        shell.wait()
        os.close(master)
        os.close(slave)


def test_a_pipe_has_no_keys() -> None:
    with terminal("--demo", stdin=subprocess.PIPE) as at:
        assert at.process.stdin
        at.process.stdin.write(b"q q q")
        at.process.stdin.close()
        at.look("mV/row")
        assert "q quit" not in at.shown.decode(errors="replace")
        assert at.modes() == at.before
        at.process.terminate()
        assert at.end() == 0


@given(
    st.lists(
        st.sampled_from(
            [b"q", b"a", b" ", b"\x1b[A", b"\x1b[1;5C", b"\x1bOP", b"\x1b[200~", b"\x1ba", b"\xff"]
        ),
        max_size=12,
    ),
    st.data(),
)
@settings(max_examples=30)
def test_no_sequence_is_taken_for_a_key_wherever_it_is_torn(
    parts: list[bytes], data: st.DataObject
) -> None:
    text = b"".join(parts)
    cut = data.draw(st.integers(0, len(text)))
    pressed: list[str] = []
    begun = b""
    for lump in (text[:cut], text[cut:]):
        keys, begun = split(begun + lump)
        pressed += keys
    assert "".join(pressed).encode() == b"".join(
        part for part in parts if part in (b"q", b"a", b" ")
    )
    assert not begun


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_CTYPE": ""},
        {"LC_ALL": "C"},
        {"TERM": "linux"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=str,
)
def test_no_braille_where_the_terminal_may_not_have_it(env: dict[str, str]) -> None:
    with terminal("--demo", "--speed", "4", env=env) as at:
        at.look(r"MLII .*\n.*\|")
        assert at.shown.isascii()
        at.press(b"q")
        assert at.end() == 0
