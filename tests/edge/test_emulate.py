"""`edge-emulate` from its command line, read as a board is."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge import demo
from edge.cli.emulate import main
from edge.replay import blocks
from edge.sampled import as_board
from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import PROTOCOLS, probe
from firmware_bridge.link import SerialLink


@contextmanager
def emulate(*argv: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A running `edge-emulate`, and the port that it says."""
    command = [sys.executable, "-m", "edge.cli.emulate", *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            match = re.search(r" on (\S+):", process.stdout.readline())
            assert match
            yield match[1], process
        finally:
            process.kill()


def test_the_demo_is_read_to_the_last_sample() -> None:
    recording = demo.stream()[0]
    with emulate("demo", "--speed", "max") as (port, process):
        got: list[SampleBlock] = []
        for item in SerialLink(port, protocol="edge"):
            if isinstance(item, SampleBlock):
                got.append(item)
                if item.start + len(item) == len(recording.nv):
                    break
        assert process.wait() == 0
        assert process.stdout
        assert "Faults: none" in process.stdout.read()
    mv = np.concatenate([block.mv for block in got])
    valid = np.concatenate([np.full(len(b), LeadState.OFF not in b.lead_state, bool) for b in got])
    assert np.array_equal(mv[valid], mv_from_nv(recording.nv)[valid])
    assert valid.mean() > 0.9


@pytest.mark.parametrize(("protocol", "told"), [("edge", ""), ("cyton", " --protocol cyton")])
def test_says_how_to_read_it(protocol: str, told: str) -> None:
    with emulate("demo", "--as", protocol) as (port, process):
        assert process.stdout
        assert f": edge-run --port {port}{told};" in process.stdout.readline()


def test_a_link_leads_to_the_port_as_long_as_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "ecg"
    with emulate("demo", "--as", "ads1292r", "--link", str(path)) as (port, process):
        assert port == str(path)
        assert path.is_symlink()
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        assert not path.is_symlink()


@pytest.mark.parametrize(
    ("argv", "says", "code"),
    [
        (["nothing"], "no record nothing", 5),
        (["demo", "--lead", "V9"], "no lead V9", 5),
        (["demo", "--link", "/nowhere/ecg"], "cannot make /nowhere/ecg", 3),
        (["demo", "--as", "olimex", "--lead", "0", "--lead", "1"], "has 1 ECG lead", 4),
    ],
)
def test_refuses_in_one_sentence(
    argv: list[str], says: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == code
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "argv",
    [
        ["demo", "--faults", "rain:1"],
        ["demo", "--faults", "unplug@3:1"],
        ["demo", "--fs", "5"],
        ["demo", "--speed", "0"],
        ["demo", "--baud", "0"],
        ["demo", "--as", "morse"],
        [],
    ],
)
def test_usage(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(argv)
    assert error.value.code == 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_recording_has_the_boards_rate_and_leads(protocol: str) -> None:
    recording, row = demo.stream()[0], PROTOCOLS[protocol]
    board = as_board(recording, row)
    if row.leads != "sent":
        assert board.leads == row.leads
    if not isinstance(row.fs, str):
        assert board.fs == row.fs
    seconds = len(recording.nv) / recording.fs
    assert abs(len(board.nv) / board.fs - seconds) < 1.5 / min(board.fs, recording.fs)
    assert as_board(recording, row, 300.0).fs == 300.0


def test_a_daisy_is_told_from_a_cyton_whatever_the_recording_has() -> None:
    board = as_board(demo.stream()[0], PROTOCOLS["daisy"])
    encoder = PROTOCOLS["daisy"].encoder()
    guess = probe(b"".join(encoder.encode(block) for block in blocks(board))[: 33 * 400])
    assert guess
    assert (guess.name, guess.sure) == ("daisy", True)
