"""The command line: what it writes, how it ends, what it refuses."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb

from edge import demo, replay
from edge.alarms import RULES
from edge.cli.run import main
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.emulator import Emulator

CODE = Path(demo.__file__).parent.parent  # where `-m edge.cli.run` is what the tests import


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's signal as a WFDB record: two leads, one of which is off for a while."""
    recording, _ = demo.stream()
    folder = tmp_path_factory.mktemp("record")
    wfdb.wrsamp(
        "made", recording.fs, ["mV"] * 2, list(recording.leads),
        np.where(recording.nv == replay.INVALID, np.nan, recording.nv * 1e-6),
        fmt=["16"] * 2, write_dir=str(folder),
    )  # fmt: skip
    return folder / "made"


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def replay_lines(record: Path, path: Path, *options: str) -> list[str]:
    """The JSON lines of a silent replay at full speed, without the session's and the link's own."""
    argv = ["--replay", str(record), "--speed", "max", "--quiet", "--jsonl", str(path), *options]
    assert main([*argv, "--overwrite"]) == 0
    first, *rest = path.read_text().splitlines()
    assert json.loads(first)["type"] == "session"
    return [line for line in rest if '"type":"link"' not in line]


def test_demo_goes_through_the_link_and_scores_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "demo.jsonl"
    assert main(["--demo", "--speed", "max", "--jsonl", str(path)]) == 0
    out, err = capsys.readouterr()
    assert not err
    assert "Score against the stream's own labels" in out
    happened = events(path)
    assert [e["state"] for e in happened if e["type"] == "link"] == ["up", "down"]
    stats = happened[-1]
    assert stats["type"] == "stats"
    assert stats["frames"]["good"] > 1000
    assert stats["frames"]["damaged"] == 0
    final = [e for e in happened if e["type"] == "beat" and e["final"]]
    assert len(final) == sum(stats["beats"].values())
    assert f"{len(final)} beats in" in out
    assert any(e["type"] == "alarm" and e["name"] == "pause" for e in happened)
    assert {e["state"] for e in happened if e["type"] == "lead"} == {"on", "off"}


@pytest.mark.parametrize("options", [[], ["--lead", "V5"], ["--duration", "20.0014"]])
def test_pty_and_direct_give_the_same_events(
    record: Path, tmp_path: Path, options: list[str]
) -> None:
    direct = replay_lines(record, tmp_path / "direct", *options)
    assert len(direct) > 20
    assert direct == replay_lines(record, tmp_path / "pty", "--via", "pty", *options)


@pytest.mark.data_required("mitdb")
def test_pty_and_direct_give_the_same_events_of_a_minute_of_mitdb(
    mitdb: Path, tmp_path: Path
) -> None:
    direct = replay_lines(mitdb / "208", tmp_path / "direct", "--duration", "60")
    assert len(direct) > 150
    assert direct == replay_lines(
        mitdb / "208", tmp_path / "pty", "--duration", "60", "--via", "pty"
    )


def test_duration_ends_the_signal(record: Path, tmp_path: Path) -> None:
    stats = json.loads(replay_lines(record, tmp_path / "events", "--duration", "10.5")[-1])
    assert (stats["type"], stats["sample"]) == ("stats", 3780)


@pytest.mark.parametrize("via", ["direct", "pty"])
def test_annotations_are_the_final_labels(record: Path, tmp_path: Path, via: str) -> None:
    lines = replay_lines(
        record, tmp_path / "events", "--annotate", str(tmp_path / "out"), "--via", via
    )
    final = [e for e in map(json.loads, lines) if e["type"] == "beat" and e["final"]]
    written = wfdb.rdann(str(tmp_path / "out" / "made"), "edge")
    assert written.fs == 360
    assert written.sample.tolist() == [e["sample"] for e in final]
    labels = [
        "U" if aux == "unknown" else symbol
        for symbol, aux in zip(written.symbol, written.aux_note, strict=True)
    ]
    assert labels == [e["label"] for e in final]
    assert "U" in labels


def test_a_name_that_is_taken_is_left_and_another_told(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay_lines(record, tmp_path / "events", "--annotate", str(tmp_path), "--duration", "5")
    before = (tmp_path / "made.edge").read_bytes()
    argv = ["--replay", str(record), "--speed", "max", "--quiet", "--annotate", str(tmp_path)]
    assert main([*argv, "--jsonl", str(tmp_path / "more")]) == 0
    assert (tmp_path / "made.edge").read_bytes() == before
    assert len((tmp_path / "made-2.edge").read_bytes()) > len(before)
    told = f"{tmp_path / 'made'}.edge is there already: made-2.edge is written"
    assert capsys.readouterr().err == f"edge-run: {told}\n"
    (output,) = [e for e in events(tmp_path / "more") if e["type"] == "output"]
    assert (output["output"], output["state"]) == (str(tmp_path / "made-2.edge"), "up")
    assert main([*argv, "--overwrite"]) == 0
    assert (tmp_path / "made.edge").read_bytes() == (tmp_path / "made-2.edge").read_bytes()


def test_folders_of_the_output_are_made(record: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    replay_lines(record, folder / "made.jsonl", "--duration", "5", "--annotate", str(folder))
    assert {path.name for path in folder.iterdir()} == {"made.jsonl", "made.edge"}


def test_json_to_standard_output_is_nothing_but_json(
    record: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--replay", str(record), "--speed", "max", "--jsonl", "-"]) == 0
    out, err = capfd.readouterr()
    assert [json.loads(line)["type"] for line in out.splitlines()][-1] == "stats"
    assert "beats in" in err


def test_alarms_have_the_limits_of_the_user(record: Path, tmp_path: Path) -> None:
    def alarms(*options: str) -> dict[str, float | None]:
        said = map(json.loads, replay_lines(record, tmp_path / "events", *options))
        return {e["name"]: e["limit"] for e in said if e["type"] == "alarm"}

    usual = alarms()
    assert usual["pause"] == 2
    changed = alarms("--alarm", "pause=1.9", "--alarm", "lead_off=off")
    assert changed["pause"] == 1.9
    assert usual.keys() - changed.keys() == {"lead_off"}


def test_quiet_is_quiet(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--replay", str(record), "--speed", "max", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_lists(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--list-protocols"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows[1:]] == list(PROTOCOLS)
    assert main(["--list-alarms", "--alarm", "pause=3"]) == 0
    listed = [row.split()[0] for row in capsys.readouterr().out.splitlines() if row[0] != " "]
    assert listed == list(RULES)
    monkeypatch.setattr("edge.cli.boards.list_ports", lambda: [("/dev/ttyX", "a board")])
    assert main(["--list-ports"]) == 0
    assert capsys.readouterr().out.split() == ["/dev/ttyX", "a", "board"]
    monkeypatch.setattr("edge.cli.boards.list_ports", list)
    assert main(["--list-ports"]) == 0
    assert "no serial port" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "nothing to watch"),
        (["--quiet"], "nothing to watch"),
        (["--demo", "--port", "x"], "not allowed with"),
        (["--demo", "--baud", "9600"], "--baud belongs to --port"),
        (["--port", "x", "--speed", "2"], "--speed belongs to --demo and --replay"),
        (["--demo", "--via", "pty"], "--via belongs to --replay"),
        (["--demo", "--speed", "0"], "--speed"),
        (["--demo", "--speed", "fast"], "--speed: give a number above 0, or max, not 'fast'"),
        (["--demo", "--duration", "-1"], "--duration"),
        (["--demo", "--duration", "nan"], "--duration"),
        (["--port", "x", "--fs", "50"], "60 to 1000 Hz"),
        (["--port", "x", "--protocol", "morse"], "--protocol"),
        (["--port", "x", "--baud", "0"], "--baud: give bits a second"),
        (["--port", "x", "--baud", "fast"], "not 'fast'"),
        (["--port", "x", "--baud", "99999999999"], "--baud: give bits a second"),
        (["--demo", "--backend", "torch"], "--backend"),
        (["--demo", "--alarm", "paus=3"], "argument --alarm: there is no alarm 'paus'"),
        (["--demo", "--alarm", "pause"], "argument --alarm: give NAME=LIMIT or NAME=off"),
        (["--demo", "--alarm", "pause=2s"], "pause takes a number, or off, not '2s'"),
        (["--demo", "--alarm", "pause=0.1"], "pause takes 1.5 to 5 s, or off, not 0.1"),
        (["--demo", "--alarm", "tachycardia=200"], "above that of tachycardia, 200"),
    ],
)
def test_usage(capsys: pytest.CaptureFixture[str], argv: list[str], says: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "edge-run --demo" in text
    assert "exit codes:" in text


class Talker:
    """A pseudo-terminal on which arbitrary bytes come, again and again, or none."""

    def __init__(self, data: bytes) -> None:
        self._master, slave = os.openpty()
        self.port = os.ttyname(slave)
        self._slave, self._data, self._stop = slave, data, threading.Event()
        os.set_blocking(self._master, False)
        self._thread = threading.Thread(target=self._talk)

    def _talk(self) -> None:
        while not self._stop.wait(0.01):
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, self._data)

    def __enter__(self) -> "Talker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._slave)
        os.close(self._master)


Argv = Callable[[Path, Path], Sequence[str]]


@pytest.mark.parametrize(
    ("code", "says", "argv"),
    [
        (3, "no such port", lambda r, t: ["--port", "/dev/no-such-port"]),
        (3, "no serial port", lambda r, t: ["--port", str(t)]),
        (3, "does not take", lambda r, t: ["--port", os.devnull, "--baud", str(2**31 - 1)]),
        (5, "no record", lambda r, t: ["--replay", str(t / "gone")]),
        (5, "no record", lambda r, t: ["--replay", "."]),
        (5, "no record", lambda r, t: ["--replay", "/"]),
        (5, "no record", lambda r, t: ["--replay", "x" * 5000]),
        (5, "no lead V9", lambda r, t: ["--replay", str(r), "--lead", "V9"]),
        (5, "no lead", lambda r, t: ["--demo", "--speed", "max", "--lead", "V9"]),
        (6, "no bundle", lambda r, t: ["--replay", str(r), "--model", "gone"]),
        (6, "no bundle", lambda r, t: ["--replay", str(r), "--model", "x" * 5000]),
        (8, "cannot write", lambda r, t: ["--replay", str(r), "--jsonl", str(t)]),
        (8, "No space left", lambda r, t: ["--demo", "--speed", "max", "--jsonl", "/dev/full"]),
        (8, "cannot write", lambda r, t: ["--replay", str(r), "--jsonl", f"{r}.hea/x"]),
        (
            8,
            "cannot write",
            lambda r, t: ["--replay", str(r), "--speed", "max", "--annotate", f"{r}.hea"],
        ),
    ],
)
def test_refusals(
    record: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    code: int,
    says: str,
    argv: Argv,
) -> None:
    assert main([*argv(record, tmp_path), "--quiet"]) == code
    err = capsys.readouterr().err
    assert says in err
    assert err.startswith("edge-run: ")
    assert err.count("\n") == 1


def test_what_the_wire_cannot_carry_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"ECG {i}" for i in range(17)]
    wfdb.wrsamp("r", 250, ["mV"] * 17, names, np.zeros((500, 17)), fmt=["16"] * 17,
        write_dir=str(tmp_path))  # fmt: skip
    argv = ["--replay", str(tmp_path / "r"), "--speed", "max", "--quiet"]
    assert main(argv) == 0
    assert main([*argv, "--via", "pty"]) == 4
    assert "choose or rename leads" in capsys.readouterr().err


def test_names_that_the_wire_cuts_come_back_whole(tmp_path: Path) -> None:
    names = ["Electrocardiogram lead I", "Electrocardiogram lead II", "ECG 1", "ECG", "ECG"]
    wfdb.wrsamp("r", 250, ["mV"] * 5, [*names[:3], "ECG x", "ECG y"], np.zeros((500, 5)),
        fmt=["16"] * 5, write_dir=str(tmp_path))  # fmt: skip
    header = (tmp_path / "r.hea").read_text()
    (tmp_path / "r.hea").write_text(header.replace("ECG x", "ECG").replace("ECG y", "ECG"))
    told = []
    for via in ("direct", "pty"):
        argv = ["--replay", str(tmp_path / "r"), "--speed", "max", "--quiet", "--via", via]
        assert main([*argv, "--jsonl", str(tmp_path / via)]) == 0
        events = [json.loads(line) for line in (tmp_path / via).read_text().splitlines()]
        told.append([e for e in events if e["type"] not in ("link", "session")])
        leads = next(e["leads"] for e in events if e["type"] == "session" and e["fs"])
        assert leads[:2] == names[:2]
        assert len(set(leads)) == 5
    assert told[0] == told[1]


def test_a_missing_back_end_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert main(["--demo", "--backend", "onnx"]) == 7
    assert "onnx is not installed" in capsys.readouterr().err


@pytest.mark.parametrize("data", [b"", bytes(range(256)) * 4])
def test_bytes_that_nobody_understands_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    for name in ("PROBE_S", "NEXT_S", "LUMPS_S"):
        monkeypatch.setattr(f"firmware_bridge.identify.{name}", 0.1)
    with Talker(data) as talker:
        assert main(["--port", talker.port]) == 4
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "words"), [("--annotate", "give a folder"), ("--jsonl", "give a file")]
)
def test_a_place_without_a_name_is_refused(
    option: str,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["--demo", option, ""])
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_lines_for_an_output_that_is_closed_are_no_success() -> None:
    command = f"exec {sys.executable} -m edge.cli.run --demo --speed max --jsonl - >&-"
    done = subprocess.run(["sh", "-c", command], cwd=CODE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 8
    assert done.stderr == "edge-run: cannot write standard output: it is closed\n"


def test_a_port_that_vanishes_is_said_after_the_last_beat(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "events"
    recording, _ = demo.stream()
    with Emulator(replay.blocks(recording), speed=None) as board:
        argv = ["--port", board.port, "--jsonl", str(path), "--annotate", str(tmp_path)]
        assert main([*argv, "--quiet", "--once"]) == 9
    assert "went away" in capsys.readouterr().err
    happened = events(path)
    assert happened[-1]["type"] == "stats"
    final = [e for e in happened if e["type"] == "beat" and e["final"]]
    assert len({e["id"] for e in happened if e["type"] == "beat"}) == len(final)
    started = datetime.fromisoformat(happened[0]["start"])
    name = str(tmp_path / f"{started:%Y%m%dT%H%M%SZ}")
    assert len(wfdb.rdann(name, "edge").sample) == len(final)
    header = wfdb.rdheader(name)
    assert (header.fs, header.n_sig) == (recording.fs, 0)
    assert header.base_datetime == started.replace(tzinfo=None, microsecond=0)


def start(*argv: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "edge.cli.run", *argv],
        cwd=CODE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("mode", ["demo", "replay"])
def test_signals_end_cleanly(record: Path, number: signal.Signals, mode: str) -> None:
    source = ["--demo"] if mode == "demo" else ["--replay", str(record)]
    process = start(*source, "--speed", "8", "--jsonl", "-")
    assert process.stdout
    lines: list[str] = []
    while sum('"final":true' in line for line in lines) < 3:
        lines.append(process.stdout.readline())
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    happened = [json.loads(line) for line in lines + out.splitlines()]
    assert happened[-1]["type"] == "stats"
    assert happened[-1]["t"] < 50
    beats = [e for e in happened if e["type"] == "beat"]
    assert {e["id"] for e in beats} == {e["id"] for e in beats if e["final"]}


@pytest.mark.parametrize("options", [["--jsonl", "-"], []])
def test_a_reader_that_dies_is_no_success(record: Path, options: list[str]) -> None:
    with start("--replay", str(record), "--speed", "50", *options) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == "edge-run: cannot write standard output: nobody reads it\n"
    assert process.returncode == 8


def test_a_full_standard_output_is_refused(record: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    process = start("--replay", str(record), "--speed", "max", stdout=full)
    os.close(full)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 8
    assert err == f"edge-run: cannot write standard output: {os.strerror(errno.ENOSPC)}\n"


@pytest.mark.parametrize("option", ["--list-ports", "--list-protocols"])
def test_a_list_that_cannot_be_written_is_refused(option: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    process = start(option, stdout=full)
    os.close(full)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 8
    assert err == f"edge-run: cannot write standard output: {os.strerror(errno.ENOSPC)}\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(record: Path, tmp_path: Path, closed: str) -> None:
    path = tmp_path / "events"
    command = f"{sys.executable} -m edge.cli.run --replay {record} --speed max --jsonl {path}"
    done = subprocess.run(
        ["bash", "-c", f"{command} {closed}"], cwd=CODE, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert events(path)[-1]["type"] == "stats"


def test_names_that_the_terminal_cannot_show_are_replaced() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge.cli.run", "--list-protocols"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        cwd=CODE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1 + len(PROTOCOLS)


def test_a_terminal_that_hangs_up_loses_no_beat(tmp_path: Path) -> None:
    path = tmp_path / "events"
    master, slave = os.openpty()
    process = start("--demo", "--speed", "8", "--jsonl", str(path), stdout=slave)
    os.close(slave)
    while not path.exists() or path.read_text().count('"final":true') < 3:
        os.read(master, 4096)
    os.close(master)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    happened = events(path)
    assert happened[-1]["type"] == "stats"
    beats = [e for e in happened if e["type"] == "beat"]
    assert {e["id"] for e in beats} == {e["id"] for e in beats if e["final"]}


def test_a_terminal_gets_the_view_and_then_the_summary() -> None:
    master, slave = os.openpty()
    text = b""
    with start("--demo", "--speed", "max", stdout=slave) as process:
        os.close(slave)
        with contextlib.suppress(OSError):  # what a pseudo-terminal says at its end
            while lump := os.read(master, 4096):
                text += lump
    os.close(master)
    assert process.returncode == 0
    view, _, rest = text.decode().partition("\x1b[?1049l")
    assert view.startswith("\x1b[?1049h")
    assert "edge-ecg" in rest
    assert "\x1b[?1049h" not in rest
    assert "Score against" in rest


def test_a_disk_that_fills_up_stops_only_what_is_on_it(record: Path, tmp_path: Path) -> None:
    path = tmp_path / "events"
    command = f"{sys.executable} -m edge.cli.run --replay {record} --speed max --quiet"
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 8; {command} --jsonl {path} --annotate {tmp_path}"],
        cwd=CODE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 8
    assert done.stderr == f"edge-run: cannot write {path}: {os.strerror(errno.EFBIG)}\n"
    final = [e for e in events(path) if e["type"] == "beat" and e["final"]]  # every line is whole
    written = wfdb.rdann(str(tmp_path / "made"), "edge").sample.tolist()
    expected = replay_lines(record, tmp_path / "whole")
    whole = [e for e in map(json.loads, expected) if e["type"] == "beat" and e["final"]]
    assert 5 < len(final) < len(whole)
    assert written == [e["sample"] for e in whole]
