"""`edge-run` with outputs that stand still, on real terminals and pipes; signals and kills."""

import contextlib
import fcntl
import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wfdb

from benchmarks.system.live import Clocked
from edge import demo, replay
from edge.sampled import as_board
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.emulator import Emulator

CODE = Path(demo.__file__).parent.parent
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ENDS_S = 1.0
SLACK_S = 2.0  # of a machine that does other things besides
STARTED_S = 20.0
AT_ONCE = 6  # processes, which mostly wait
LOST_S, BEHIND_S = 2.0, 1.2  # by a kill; of events, which come after their beat


def fill(fd: int) -> None:
    """Nothing more goes into a pipe or a terminal."""
    os.set_blocking(fd, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(fd, b"x")
    os.set_blocking(fd, True)


def still(kind: str) -> tuple[int, int]:
    """The end to write to, and the other, which nobody reads."""
    if kind == "terminal":
        other, end = os.openpty()
    else:
        other, end = os.pipe()
        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, 4096)
    fill(end)
    return end, other


@contextlib.contextmanager
def run(*argv: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edge.cli.run", *argv],
        cwd=CODE,
        **{
            "env": {**os.environ, "TERM": "xterm"},
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.PIPE,
            **streams,
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()


def await_handlers(pid: int) -> None:
    """Waits until the program's first lines were run: before, a signal is the interpreter's."""
    end = time.monotonic() + STARTED_S
    while True:
        assert time.monotonic() < end
        caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
        if caught and int(caught[1], 16) >> (signal.SIGHUP - 1) & 1:
            return
        time.sleep(0.001)


def end_by(process: subprocess.Popen[bytes], *numbers: int) -> tuple[float, str]:
    """Seconds from the signals to the end, and what it said on standard error."""
    for number in numbers:
        process.send_signal(number)
    began = time.monotonic()
    process.wait(STARTED_S)
    took = time.monotonic() - began
    return took, process.stderr.read().decode() if process.stderr else ""


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def finals(path: Path) -> int:
    return path.read_bytes().count(b'"final":true') if path.exists() else 0


def await_finals(path: Path, n: int) -> None:
    end = time.monotonic() + STARTED_S
    while finals(path) < n:
        assert time.monotonic() < end
        time.sleep(0.01)


def assert_complete(path: Path) -> None:
    """Each beat that came is final, each line whole, the totals last."""
    happened = events(path)
    assert happened[0]["type"] == "session"
    beats = [e for e in happened if e["type"] == "beat"]
    assert {e["id"] for e in beats} == {e["id"] for e in beats if e["final"]}
    assert happened[-1]["type"] == "stats"
    assert sum(happened[-1]["beats"].values()) == sum(e["final"] for e in beats)
    assert happened[-1]["lost_samples"] == 0


def blocked(kind: str, file: Path) -> tuple[list[str], dict[str, Any], list[int]]:
    """Options and streams of a run whose output `kind` stands still; what to close at last."""
    if kind == "nothing":
        return ["--jsonl", str(file), "--quiet"], {}, []
    end, other = still("terminal" if "terminal" in kind else "pipe")
    options = ["--jsonl", str(file)]
    streams: dict[str, Any] = {"stdout": end}
    if kind == "dumb terminal":
        streams["env"] = {**os.environ, "TERM": "dumb"}
    if kind == "errors":
        streams["stderr"] = end
    if kind == "json":
        options = ["--jsonl", "-", "--annotate", str(file.parent)]
    return options, streams, [end, other]


KINDS = ["nothing", "terminal", "dumb terminal", "pipe", "errors", "json"]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_ends_it_within_a_second(tmp_path: Path, kind: str, number: int) -> None:
    file = tmp_path / "events"
    options, streams, fds = blocked(kind, file)
    with (
        Emulator(replay.blocks(demo.stream()[0]), speed=4.0, stay=True) as board,
        run("--port", board.port, *options, **streams) as process,
    ):
        if kind == "json":
            end = time.monotonic() + STARTED_S
            while not any(p.stat().st_size > 50 for p in tmp_path.glob("*.edge")):
                assert time.monotonic() < end
                time.sleep(0.01)
        else:
            await_finals(file, 2)
        took, said = end_by(process, number, number)  # a second one is harmless
    for fd in fds:
        os.close(fd)
    assert took < ENDS_S + SLACK_S
    assert "Traceback" not in said
    if kind == "json":
        (annotations,) = tmp_path.glob("*.edge")
        assert len(wfdb.rdann(str(annotations.with_suffix("")), "edge").sample) > 2
    else:
        assert_complete(file)
    # What is missing from an output is said; a view misses nothing but frames.
    missing = kind in ("dumb terminal", "pipe", "errors", "json")
    assert process.returncode == (8 if missing else 0), said
    assert ("did not get into standard output" in said) == (missing and kind != "errors")


@pytest.mark.parametrize("kind", ["terminal", "pipe", "json"])
def test_one_that_moves_again_goes_on(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "events"
    options, streams, (end, other) = blocked(kind, file)
    with Emulator(replay.blocks(demo.stream()[0]), speed=24.0) as board:
        argv = ["--port", board.port, "--once"]
        with run(*argv, *options, **streams) as process:
            os.close(end)
            board.wait()
            text = b""
            with contextlib.suppress(OSError):  # what a terminal gives at its end
                while lump := os.read(other, 65536):
                    text += lump
            process.wait(STARTED_S)
    os.close(other)
    assert process.returncode == 9
    text = text.lstrip(b"x")
    if kind == "terminal":
        assert b"beats in" in text
        assert_complete(file)
    elif kind == "pipe":
        assert_complete(file)
        assert text.count(b"RR") > 60
        assert b"beats in" in text
    else:
        happened = [json.loads(line) for line in text.splitlines()]
        assert [e["type"] for e in (happened[0], happened[-1])] == ["session", "stats"]
        assert happened[-1]["t"] > 59


def at_once(what: Callable[[int], None], n: int) -> None:
    """Calls `what` with 0 to n - 1, some at a time: most of it is waiting."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(what, range(n)))


@pytest.mark.parametrize("moments", [6, pytest.param(40, marks=pytest.mark.slow)])
def test_a_signal_at_any_moment(tmp_path: Path, moments: int) -> None:
    """From the first line of the program on; before, it is the interpreter's."""
    rng = random.Random(moments)
    waits_s = [rng.uniform(0.0, 3.0) for _ in range(moments)]
    kinds = [k for k in KINDS if k != "json"]

    def send(i: int) -> None:
        file = tmp_path / str(i) / "events"
        file.parent.mkdir()
        kind, number = kinds[i % len(kinds)], SIGNALS[i % 3]
        options, streams, fds = blocked(kind, file)
        with (
            Emulator(replay.blocks(demo.stream()[0]), speed=4.0, stay=True) as board,
            run("--port", board.port, *options, **streams) as process,
        ):
            await_handlers(process.pid)
            time.sleep(waits_s[i])
            took, said = end_by(process, number)
        for fd in fds:
            os.close(fd)
        assert took < ENDS_S + SLACK_S, (i, kind, number)
        assert "Traceback" not in said, (i, kind, number, said)
        assert process.returncode in (0, 8), (i, kind, number, said)
        if file.exists() and file.stat().st_size:
            happened = events(file)
            beats = [e for e in happened if e["type"] == "beat"]
            assert {e["id"] for e in beats} == {e["id"] for e in beats if e["final"]}, i
            assert happened[-1]["type"] == "stats" or not beats, i

    at_once(send, moments)


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.slow)])
def test_a_kill_leaves_whole_files(tmp_path: Path, kills: int) -> None:
    """All sessions of a file: each line is whole, and so is each annotation file."""
    rng = random.Random(kills)
    waits_s = [rng.uniform(0, 1.5) for _ in range(kills)]
    lanes = min(AT_ONCE, kills // 2)

    def kill(lane: int) -> None:
        file = tmp_path / f"events-{lane}"
        mine = range(lane, kills, lanes)
        for i in mine:
            before = file.read_bytes() if file.exists() else b""
            signal_ = Clocked(replay.blocks(demo.stream()[0]))
            with Emulator(signal_, stay=True) as board:
                folder = tmp_path / str(i)
                with run(
                    "--port", board.port, "--quiet", "--jsonl", str(file), "--annotate", str(folder)
                ) as process:
                    n = before.count(b'"final":true')
                    await_finals(file, n + 2)
                    time.sleep(waits_s[i])
                    process.kill()
                    killed_s = time.monotonic() - signal_.began
                    process.wait()
            assert file.read_bytes().startswith(before)
            assert file.read_bytes()[len(before) :].startswith(b'{"type":"session"')
            (annotations,) = folder.glob("*.edge")
            written = wfdb.rdann(str(annotations.with_suffix("")), "edge").sample
            session = file.read_bytes()[len(before) :].splitlines()
            happened = [json.loads(line) for line in session]
            assert max(e["t"] for e in happened) > killed_s - LOST_S - BEHIND_S - SLACK_S
            final = [e["sample"] for e in happened if e.get("final")]
            assert abs(len(written) - len(final)) <= 1
            assert written.tolist()[: len(final)] == final[: len(written)]
            assert min(written[-1], final[-1]) > 0
        assert sum(e["type"] == "session" for e in events(file)) == len(mine)

    at_once(kill, lanes)


def test_a_torn_line_is_not_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text('{"type":"session"}\n{"type":"be')
    with run("--demo", "--speed", "max", "--quiet", "--jsonl", str(file)) as process:
        assert process.wait(STARTED_S) == 0
    lines = file.read_text().splitlines()
    assert lines[:2] == ['{"type":"session"}', '{"type":"be']
    assert json.loads(lines[2])["type"] == "session"


@pytest.mark.parametrize("place", ["/dev/full", "folder", "fifo", "file/below", "/proc/nothing"])
def test_a_place_that_takes_nothing_stops_the_board(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    recording = as_board(demo.stream()[0], PROTOCOLS["cyton"])
    with Emulator(replay.blocks(recording, 25), "cyton", stay=True) as board:
        argv = ["--port", board.port, "--protocol", "cyton", "--jsonl", str(tmp_path / place)]
        with run(*argv) as process:
            assert process.wait(STARTED_S) == 8
            assert process.stderr
            said = process.stderr.read().decode()
        assert said.startswith(f"edge-run: cannot write {tmp_path / place}: ")
        assert said.count("\n") == 1
        end = time.monotonic() + STARTED_S
        while board._sending:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_nothing_is_opened_before_the_source_is(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text("of yesterday\n")
    argv = ["--overwrite", "--jsonl", str(file), "--annotate", str(tmp_path / "out")]
    for source in (["--port", "/dev/no-such-port"], ["--replay", str(tmp_path / "no-record")]):
        with run(*source, *argv) as process:
            assert process.wait(STARTED_S) in (3, 5)
    assert file.read_text() == "of yesterday\n"
    assert not (tmp_path / "out").exists()


def test_nobody_left_to_read_ends_a_port() -> None:
    with (
        Emulator(replay.blocks(demo.stream()[0]), stay=True) as board,
        run("--port", board.port, "--jsonl", "-", stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(STARTED_S) == 8
        assert process.stderr
        said = process.stderr.read().decode()
    assert said == "edge-run: cannot write standard output: nobody reads it\n"


def test_a_pipe_that_others_made_non_blocking_only_stands_still(tmp_path: Path) -> None:
    end, other = still("pipe")
    os.set_blocking(end, False)
    with Emulator(replay.blocks(demo.stream()[0]), speed=None) as board:
        argv = ["--port", board.port, "--once", "--protocol", "edge", "--jsonl", "-"]
        with run(*argv, "--annotate", str(tmp_path), stdout=end) as process:
            board.wait()
            os.close(end)
            with os.fdopen(other, "rb") as pipe:
                lines = pipe.read().lstrip(b"x").splitlines()
            assert process.wait(STARTED_S) == 9
    happened = [json.loads(line) for line in lines]
    assert [happened[0]["type"], happened[-1]["type"]] == ["session", "stats"]
    assert sum(happened[-1]["beats"].values()) > 60


def test_a_terminal_of_any_size_that_changes(tmp_path: Path) -> None:
    rng = random.Random(1)
    master, slave = os.openpty()
    shown = 0
    file = tmp_path / "events"
    with (
        Emulator(replay.blocks(demo.stream()[0]), speed=16.0) as board,
        run("--port", board.port, "--once", "--jsonl", str(file), stdout=slave) as process,
    ):
        os.close(slave)
        with contextlib.suppress(OSError):
            while lump := os.read(master, 65536):
                shown += len(lump)
                size = struct.pack("4H", rng.randint(0, 200), rng.randint(0, 500), 0, 0)
                fcntl.ioctl(master, termios.TIOCSWINSZ, size)
        process.wait(STARTED_S)
        assert process.stderr
        said = process.stderr.read().decode()
    os.close(master)
    assert process.returncode == 9, said
    assert "Traceback" not in said
    assert shown > 1000
    assert_complete(file)


def test_ctrl_z_leaves_the_shell_its_screen() -> None:
    master, slave = os.openpty()
    shown = b""

    def await_shown(what: bytes) -> None:
        nonlocal shown
        end = time.monotonic() + STARTED_S
        while what not in shown:
            assert time.monotonic() < end
            shown += os.read(master, 65536)

    # A group of its own, whose parent may let it go on: one without is not stopped.
    with run("--demo", stdout=slave, process_group=0) as process:
        os.close(slave)
        for _ in range(2):
            await_shown(b"/min")
            shown = b""
            process.send_signal(signal.SIGTSTP)
            await_shown(b"\x1b[?25h\x1b[?1049l")
            while (
                Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T"
            ):
                time.sleep(0.01)
            assert shown.endswith(b"\x1b[?25h\x1b[?1049l")
            process.send_signal(signal.SIGCONT)
            await_shown(b"\x1b[?1049h")
        process.terminate()
        os.set_blocking(master, True)
        with contextlib.suppress(OSError):
            while os.read(master, 65536):
                pass
        assert process.wait(STARTED_S) == 0
    os.close(master)
