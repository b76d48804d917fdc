"""What `edge-run` says of boards: lists, probing, calibration."""

import json
import os
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.cli.run import main
from firmware_bridge import identify
from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.calibration import Boards
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.emulator import Emulator

FS = 250.0


def square(seconds: int = 20, mv: float = 0.8) -> Iterator[SampleBlock]:
    """A calibrator's square wave on a board that reads 0.8 mV for one."""
    x = mv * (np.arange(round(seconds * FS)) % FS < FS / 2)
    x += np.random.default_rng(1).normal(0, 0.003, len(x))
    for at in range(0, len(x), 25):
        part = x[at : at + 25, None].astype(np.float32)
        yield SampleBlock(at, part, FS, ("I",), (LeadState.UNKNOWN,), (False,))


class Babble:
    """A port on which the same bytes come again and again."""

    def __init__(self, data: bytes) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        self._data, self._done = data, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._done.wait(0.02):
            try:
                os.write(self._master, self._data)
            except BlockingIOError:
                time.sleep(0.01)

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def babble() -> Iterator[Callable[[bytes], Babble]]:
    made: list[Babble] = []

    def make(data: bytes) -> Babble:
        made.append(Babble(data))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(autouse=True)
def impatient_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(identify, "PROBE_S", 0.4)
    monkeypatch.setattr(identify, "NEXT_S", 0.1)
    monkeypatch.setattr(identify, "ASK_S", 0.1)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_the_table_has_a_row_a_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-protocols"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == list(PROTOCOLS)
    for word in ("baud", "rate", "leads", "scale", "losses", "checksum", "lead off", "commands"):
        assert word in head


def test_probe_says_what_it_saw_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator(square(), "edge", speed=20.0) as board:
        assert main(["--port", board.port, "--probe"]) == 0
    out, err = capsys.readouterr()
    assert not err
    last = out.splitlines()[-1].split()
    assert last[2:4] == ["edge", "yes"]
    assert len(last) > 4  # and why


def test_probe_dumps_what_it_cannot_read(
    babble: Callable[[bytes], Babble], capsys: pytest.CaptureFixture[str]
) -> None:
    port = babble(b"\x01\xfe<?").port
    assert main(["--port", port, "--probe", "--baud", "9600"]) == 4
    out, err = capsys.readouterr()
    assert "no known protocol fits" in out
    assert "00000000  01 fe 3c 3f 01 fe 3c 3f" in out
    assert "..<?..<?" in out
    assert err.startswith(f"edge-run: nothing on {port} is recognised for sure")
    assert err.count("\n") == 1


def test_probe_tells_who_sends_text_what_is_wanted(
    babble: Callable[[bytes], Babble], capsys: pytest.CaptureFixture[str]
) -> None:
    port = babble(b"0x1FF\r\n").port
    assert main(["--port", port, "--probe", "--baud", "9600"]) == 4
    _, err = capsys.readouterr()
    assert "such as '0x1FF' at 9600 baud: wanted is a line a sample" in err


def test_probe_tries_every_baud(capsys: pytest.CaptureFixture[str]) -> None:
    master, slave = os.openpty()
    try:
        assert main(["--port", os.ttyname(slave), "--probe"]) == 4
    finally:
        os.close(master)
        os.close(slave)
    _, *rows = capsys.readouterr().out.splitlines()
    assert [int(row.split()[0]) for row in rows] == identify.bauds()


def test_a_pulse_sets_the_scale_and_the_next_run_tells_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Emulator(square(), "edge", speed=None) as board:
        assert main(["--port", board.port, "--calibrate"]) == 0
    out = capsys.readouterr().out
    path = tmp_path / "edge-ecg" / "boards.toml"
    assert str(path) in out
    assert Boards(path).scale(None, "edge") == pytest.approx(1.25, rel=0.02)
    with Emulator(square(), "edge", speed=None) as board:
        assert main(["--port", board.port, "--once"]) == 9
    assert "scaled by 1.2" in capsys.readouterr().out


def test_a_typed_scale_is_stored_for_the_boards_protocol(tmp_path: Path) -> None:
    with Emulator(square(), "ads1292r", speed=None) as board:
        assert main(["--port", board.port, "--protocol", "ads1292r", "--calibrate", "0.5"]) == 0
    assert Boards(tmp_path / "edge-ecg" / "boards.toml").scale(None, "ads1292r") == 0.5


def test_calibration_without_a_pulse_stores_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Emulator(square(70, 0.0), "edge", speed=None) as board:
        assert main(["--port", board.port, "--calibrate"]) == 11
    assert "no steady pulse" in capsys.readouterr().err
    assert not (tmp_path / "edge-ecg").exists()


def test_a_file_of_scales_that_cannot_be_used_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "edge-ecg" / "boards.toml"
    path.parent.mkdir()
    path.write_text("[usb")
    with Emulator(square(1), "edge", speed=None) as board:
        assert main(["--port", board.port]) == 11
    assert "mend it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--demo", "--once"], "--once belongs to --port"),
        (["--demo", "--probe"], "--probe belongs to --port"),
        (["--demo", "--ask"], "--ask belongs to --port"),
        (["--replay", "x", "--calibrate"], "--calibrate belongs to --port"),
        (["--port", "auto", "--probe"], "--probe needs the path of a port"),
        (["--port", "x", "--calibrate", "0"], "give a finite factor above 0"),
    ],
)
def test_usage_of_boards(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def typed(port: str, scale: str) -> int:
    return main(
        ["--port", port, "--protocol", "csv", "--baud", "9600", "--fs", "250", "--calibrate", scale]
    )


def test_a_scale_of_text_is_kept_for_its_sketch(
    babble: Callable[[bytes], Babble], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a USB serial number nothing else tells one board from another."""
    assert typed(babble(b"ECG:0.531 mV\r\n" * 20).port, "0.5") == 0
    assert typed(babble(b"512,300\r\n" * 20).port, "3") == 0
    out = capsys.readouterr().out
    assert 'protocol."csv ECG (mV)"' in out
    assert "it has no USB serial number: this holds for all that send the same" in out
    boards = Boards(tmp_path / "edge-ecg" / "boards.toml")
    assert boards.scale(None, "csv ECG (mV)") == 0.5
    assert boards.scale(None, "csv C1 (counts of 10 bits), C2 (counts of 10 bits)") == 3
    for line, said in (
        (b"ECG:0.531 mV\r\n", "leads: ECG, scaled by 0.5 as calibrated."),
        (b"ECG:531 uV\r\n", "leads: ECG, in µV."),
        (b"ECG:531\r\n", "leads: ECG, scale unknown, taken for counts of 10 bits."),
    ):
        main(
            [
                "--port",
                babble(line * 20).port,
                "--protocol",
                "csv",
                "--baud",
                "9600",
                "--fs",
                "250",
                "--duration",
                "1",
            ]
        )
        assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "scale"),
    [(b"ECG:0.531 mV\r\n", None), (b"ECG:2000\r\n", [pytest.approx(3300 / 4095 / 1100)])],
)
def test_the_session_tells_an_unknown_scale(
    babble: Callable[[bytes], Babble],
    capsys: pytest.CaptureFixture[str],
    line: bytes,
    scale: list[float] | None,
) -> None:
    port = babble(line * 20).port
    options = [
        "--protocol",
        "csv",
        "--baud",
        "9600",
        "--fs",
        "250",
        "--duration",
        "1",
        "--jsonl",
        "-",
    ]
    assert main(["--port", port, *options]) == 0
    session = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (session["type"], session["scale"]) == ("session", scale)


def test_numbers_of_no_usual_converter_cannot_be_calibrated(
    babble: Callable[[bytes], Babble], capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(babble(b"8388608,8388609\r\n" * 20).port, "2") == 11
    assert "another scale at each start" in capsys.readouterr().err


def test_text_that_is_not_understood_is_shown(
    babble: Callable[[bytes], Babble], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--port", babble(b"S512\r\n").port, "--once"]) == 4
    err = capsys.readouterr().err
    assert "sends text that is not understood, such as 'S512'" in err
    assert "wanted is a line a sample, such as 512 or 512,300 or 0.53 mV" in err


def test_numbers_beyond_what_the_scale_was_taken_for_are_told(
    babble: Callable[[bytes], Babble], capsys: pytest.CaptureFixture[str]
) -> None:
    port = babble(b"ECG:500\r\n" * 400 + b"ECG:2000\r\n").port
    main(["--port", port, "--protocol", "csv", "--baud", "9600", "--fs", "250", "--duration", "9"])
    assert "taken for counts of 10 bits, but larger numbers come" in capsys.readouterr().out
