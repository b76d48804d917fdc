"""The README and the pages of docs say what the code does."""

import dataclasses
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import edfio
import numpy as np
import pytest
import wfdb

import benchmarks.cli
import edge.archive.cli
import quantize.cli
import train.cli
from edge import errors, events, replay
from edge.bundle import DEFAULT_BUNDLE, Bundle
from edge.cli import emulate, export, options, report, run
from edge.events import Session
from edge.sinks.recorder import Recorder
from edge.synthetic import LEADS, synthesize
from firmware_bridge.errors import BridgeError
from train.commands.student import DEFAULTS
from train.data.mitdb import DS1

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [page.read_text(encoding="utf-8") for page in sorted(ROOT.glob("docs/*.md"))]
_COMMAND = r"(edge-(?:run|emulate|export|report|score|train|quantize|bench)[^\n`]*)"
COMMANDS = re.findall(rf"(?:\.venv/bin/|`){_COMMAND}", README) + re.findall(
    rf"^(?:\.venv/bin/)?{_COMMAND}", "\n".join(PAGES), re.MULTILINE
)
COMMANDS += [re.split(" {2,}", line.strip())[0] for line in train.cli.EXAMPLES.splitlines()]
PARSERS: dict[str, Callable[[list[str]], object]] = {
    "edge-run": options.parse,
    "edge-emulate": emulate._parse,
    "edge-export": export._parse,
    "edge-report": report.parse,
    "edge-score": edge.archive.cli.parse,
    "edge-train": train.cli._parser().parse_args,
    "edge-quantize": quantize.cli._parser().parse_args,
    "edge-bench": benchmarks.cli._parser().parse_args,
}
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LINES = [line for line in "".join(BLOCKS).splitlines() if not line.lstrip().startswith("#")]
"""What the README tells to type, as it stands there."""
INSTALLED = Path(sys.prefix) / "bin"
EXCUSED = {
    "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/edge-run --demo":
        ".ci/run begins with it",
    "python3 -m venv .venv && .venv/bin/pip install '.[dev]' && .venv/bin/pytest":
        ".ci/run begins with it: this test is part of it",
    ".venv/bin/pip install '.[quantize,bench]'":
        "installs a part of what the one before does",
    ".venv/bin/pip install '.[archive]'": "likewise",
    ".venv/bin/edge-train fetch mitdb --data data        # PhysioNet, 100 MB":
        "tests/train/test_fetch.py downloads from a server of its own",
    ".venv/bin/edge-train fetch nstdb --data data        # its noise, to train with":
        "likewise",
}  # fmt: skip
"""Lines that are not typed here, and why."""
LEARNING = ".venv/bin/edge-train", ".venv/bin/edge-quantize"
"""These come as far as they can without recordings. With them they take minutes to hours: in small
tests/train/test_distilling.py, test_commands.py and studies/ run them to their end."""
BOARD = "/dev/ttyUSB0"
FOLLOWING = ".venv/bin/edge-run --port ecg                        # in another terminal"
"""Typed beside the line before it."""
DEMO = ".venv/bin/edge-run --demo --model runs/bundle"
ENOUGH_S = 300.0
BEAT = b"N  RR"
"""What is endless, or takes a minute, is ended by Ctrl-C once it has named a beat."""


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's commands are typed: what they name is there, but for boards and sets."""
    if not (INSTALLED / "edge-run").exists():
        pytest.skip("runs the commands that `pip install` makes")
    folder = tmp_path_factory.mktemp("readme")
    (folder / ".venv").symlink_to(sys.prefix)
    made = synthesize("NNNVNN", 360.0, np.random.default_rng(0))
    (folder / "mitdb").mkdir()
    wfdb.wrsamp(
        "208", 360, ["mV"] * 2, list(LEADS), made.mv, fmt=["16"] * 2, write_dir=folder / "mitdb"
    )
    signals = [
        edfio.EdfSignal(np.resize(mv, 360 * 6), 360, label=label, physical_dimension="mV")
        for mv, label in zip(made.mv.T, ("II", "V5"), strict=True)
    ]
    edfio.Edf(signals).write(folder / "night.edf")
    rows = (f"{i / 250:.3f},{mv:.4f}" for i, mv in enumerate(made.mv[:1500, 0]))
    (folder / "mine.csv").write_text("time_s,II (mV)\n" + "\n".join(rows) + "\n")
    (folder / "lab").mkdir()
    for name in ("a", "b"):
        wfdb.wrsamp(
            name, 360, ["mV"] * 2, list(LEADS), made.mv, fmt=["16"] * 2, write_dir=folder / "lab"
        )
        peaks, labels = (np.array(column) for column in zip(*made.beats, strict=True))
        wfdb.wrann(name, "atr", peaks, labels, write_dir=str(folder / "lab"))
    (folder / "split.csv").write_text("record,patient,part\na,1,train\nb,2,test\n")
    np.save(folder / "mine.npy", made.mv[:1500, 0])
    recorder = Recorder(folder / "kept")
    recorder.write(Session(0, 0.0, "2026-11-29T00:24:44.120Z", "", "", "", 360.0, LEADS, ""))
    for block in replay.blocks(replay.read(folder / "mitdb" / "208")):
        recorder.samples(block)
    recorder.close()
    shutil.copytree(
        Path(edge.__file__).parent / "bundles" / DEFAULT_BUNDLE, folder / "runs" / "bundle"
    )
    return folder


def typed(line: str, folder: Path, until: bytes | None = None) -> tuple[int, str, str]:
    """What becomes of a line of the README; one that goes `until` something is then interrupted."""
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        shell = subprocess.Popen(
            ["bash", "-c", line], cwd=folder, stdout=stdout, stderr=stderr, start_new_session=True
        )
        try:
            end = time.monotonic() + ENOUGH_S
            while until and shell.poll() is None and until not in out.read_bytes():
                assert time.monotonic() < end, out.read_text("utf-8")
                time.sleep(0.1)
            if until and shell.poll() is None:
                os.killpg(shell.pid, signal.SIGINT)
            code = shell.wait(ENOUGH_S)
        finally:
            if shell.poll() is None:
                os.killpg(shell.pid, signal.SIGKILL)
    return code, out.read_text("utf-8"), err.read_text("utf-8")


@pytest.mark.parametrize("line", [x for x in LINES if x not in {*EXCUSED, FOLLOWING}])
def test_a_line_of_the_readme_as_it_stands(
    line: str, terminal: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if line.startswith(LEARNING):
        monkeypatch.chdir(terminal)
        name, *arguments = shlex.split(line, comments=True)
        # In this process: torch takes seconds to import.
        mains = {"edge-train": train.cli.main, "edge-quantize": quantize.cli.main}
        assert mains[Path(name).name](arguments) == 5
        assert re.search(
            "edge-train fetch|train one first|edge-train writes", capsys.readouterr().err
        )
    elif BOARD in line:
        if Path(BOARD).exists():
            pytest.skip(f"there is something at {BOARD}")
        code, out, err = typed(line, terminal)
        assert (code, out, err.count("\n")) == (3, "", 1)
    elif LINES[LINES.index(line) + 1] == FOLLOWING:
        emulator = subprocess.Popen(["bash", "-c", line], cwd=terminal, start_new_session=True)
        try:
            while not (terminal / "ecg").is_symlink():
                assert emulator.poll() is None
                time.sleep(0.1)
            code, out, err = typed(FOLLOWING, terminal, BEAT)
        finally:
            os.killpg(emulator.pid, signal.SIGINT)
        assert code == 0, err
        assert "ads1292r" in out
        assert emulator.wait() == 0
    else:
        code, _, err = typed(line, terminal, BEAT if line == DEMO else None)
        assert code == 0, err


def test_no_line_is_excused_that_is_not_there() -> None:
    assert len(LINES) > 20
    assert set(LINES) >= {*EXCUSED, FOLLOWING, DEMO}


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_every_command_is_understood(command: str) -> None:
    name, *arguments = shlex.split(command, comments=True)
    if not arguments:
        return  # the name alone, in running text
    PARSERS[name](arguments)


def test_the_shipped_bundle_is_what_the_commands_make_by_default() -> None:
    """As "Train your own" says: with which settings, from which records, as which version."""
    manifest = Bundle.load(DEFAULT_BUNDLE).manifest
    made = re.search(r"made by these commands with their defaults \(torch ([\d.]+),", README)
    version = re.search(r"as version (\d+) \(`--version`\)", README)
    assert made
    assert version
    assert manifest.version == version[1]
    training = manifest.training
    # Bundles made since then name their torch, and their teachers.
    assert str(training.config.get("torch", made[1])).startswith(made[1])
    defaults = json.loads(json.dumps(dataclasses.asdict(DEFAULTS)))
    assert {name: training.config.get(name) for name in defaults} == defaults
    assert set(training.config) - set(defaults) <= {"torch", "teachers"}
    assert training.split == f"records {', '.join(DS1)}"
    assert training.seed == defaults["seed"]


def test_every_event_and_its_fields_are_listed() -> None:
    for kind in events.Event.__subclasses__():
        row = re.search(rf"^\| `{kind.type}` \| (.*) \|$", README, re.MULTILINE)
        assert row, kind.type
        if kind.type != "stats":
            own = {field.name for field in dataclasses.fields(kind)} - {"sample", "t"}
            assert all(f"`{name}`" in row[1] for name in own), kind.type


def test_every_exit_code_is_listed() -> None:
    kinds: list[type[errors.EdgeError | BridgeError]] = [*errors.EdgeError.__subclasses__()]
    kinds += BridgeError.__subclasses__()
    ours = ("edge.errors", "firmware_bridge.errors")
    codes = {kind.exit_code for kind in kinds if kind.__module__ in ours}
    assert len(codes) == 7
    for code in codes | {0, 2, run.VANISHED}:
        assert re.search(rf"^\| {code} \| ", README, re.MULTILINE), code
