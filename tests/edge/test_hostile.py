"""Nothing from a wire, a USB device, a file or a bundle steers a terminal."""

import json
import os
import re
import shutil
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import demo, replay
from edge.bundle import FIGURES, Bundle, figures
from edge.errors import EdgeError
from firmware_bridge.decoders import decoder
from firmware_bridge.decoders.edge_frame import EdgeEncoder, hello
from firmware_bridge.errors import ProtocolError
from tests.edge.hostile import HOSTILE, on_terminal, steered

RUN = "from edge.cli.run import main"
EMULATE = "from edge.cli.emulate import main"
BENCH = "from benchmarks.cli import main"
TRAIN = "from train.cli import main"

USUAL = ("clear", "C1", "bidi", "wide")
hostile = pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=kind, marks=[] if kind in USUAL else pytest.mark.slow)
        for kind, text in HOSTILE.items()
    ],
)


REFUSED = {text for text in HOSTILE.values() if not text.isprintable() or len(text) > 1000}
"""By a manifest."""


def json_lines(path: Path) -> list[dict[str, object]]:
    data = path.read_bytes()
    assert data.isascii()
    return [json.loads(line) for line in data.splitlines()]


@hostile
def test_the_terminal_of_these_tests_notices(text: str) -> None:
    alone = text in (HOSTILE["long"], HOSTILE["wide"], HOSTILE["stacked"], HOSTILE["Hebrew"])
    assert bool(steered(text.encode("utf-8", "surrogatepass"))) is not alone
    assert not steered(b"\x1b[?1049h\x1b[Hplain \x1b[1;31mtext\x1b[0m\x1b[K\r\n")


@hostile
def test_what_a_usb_device_calls_itself(text: str) -> None:
    code = f"""
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo
port = ListPortInfo("/dev/ttyUSB0")
port.description = port.product = port.manufacturer = {text!r}
port.vid, port.pid, port.serial_number = 0x403, 0x6001, {text!r}
list_ports.comports = lambda: [port]
{RUN}"""
    listed, tried = on_terminal(code, ["--list-ports"], ["--port", "auto", "--once"])
    assert (listed[0], tried[0]) == (0, 3)
    assert b"/dev/ttyUSB0" in listed[1]
    assert not steered(listed[1], columns=130)
    assert not steered(tried[1])


def write_record(folder: Path, file: str, text: str) -> Path:
    """The demo's first seconds, with `text` wherever a header has text."""
    recording, _ = demo.stream()
    wfdb.wrsamp(
        "made", recording.fs, ["mV"] * 2, ["AAA", "BBB"], recording.nv[:7200] * 1e-6,
        fmt=["16"] * 2, comments=["CCC"], write_dir=str(folder),
    )  # fmt: skip
    header = (folder / "made.hea").read_bytes()
    raw = text.encode("utf-8", "surrogatepass")
    header = header.replace(b"AAA", raw).replace(b"CCC", raw)
    path = folder / f"{file}.hea"
    path.write_bytes(header)
    return path.with_suffix("")


@hostile
def test_what_a_recording_calls_its_leads(text: str, tmp_path: Path) -> None:
    record = write_record(tmp_path, "made", text)
    out = tmp_path / "out.jsonl"
    argv = ["--replay", str(record), "--speed", "max", "--jsonl", str(out), "--annotate",
            str(tmp_path / "out")]  # fmt: skip
    listing = ["--replay", str(record), "--lead", "nonsense"]  # a sentence that lists them
    (exit_code, shown), listed = on_terminal(RUN, argv, listing)
    assert exit_code in (0, 5)  # wfdb does not take every header
    assert not steered(shown, columns=60 if exit_code == 0 else None)
    if exit_code == 0:
        assert json_lines(out)[-1]["type"] == "stats"
    assert listed[0] == 5
    assert not steered(listed[1])
    [(exit_code, shown)] = on_terminal(EMULATE, [str(record), "--as", "olimex", "--lead", "9"])
    assert exit_code != 0
    assert not steered(shown)


@hostile
def test_what_a_recording_is_called(text: str, tmp_path: Path) -> None:
    name = text.replace("/", "").replace("\0", "")[:60]
    try:
        record = write_record(tmp_path, name, "II")
    except OSError:
        pytest.skip("no such file name here")
    kinds = (["--speed", "max"], ["--lead", "nonsense"], ["--model", str(record)])
    commands = [["--replay", str(record), *argv] for argv in kinds]
    commands.append(["--replay", str(tmp_path / name / "missing")])
    for _, shown in on_terminal(RUN, *commands):
        assert not steered(shown)


@contextmanager
def board(sent: bytes) -> Iterator[str]:
    """A port that sends these bytes again and again."""
    master, slave = os.openpty()
    stop = threading.Event()
    os.set_blocking(master, False)

    def send() -> None:
        rest = b""
        while not stop.is_set():
            rest = rest or sent
            with suppress(OSError):
                rest = rest[os.write(master, rest) :]
            time.sleep(0.02)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield os.ttyname(slave)
    finally:
        stop.set()
        sender.join()
        os.close(master)
        os.close(slave)


def frames(leads: tuple[str, ...]) -> bytes:
    """Those of a board with such leads; names that no reader takes come before its own."""
    recording, _ = demo.stream()
    taken = "".join(leads).isprintable()
    if taken:
        recording = replace(recording, leads=leads)
    data = map(EdgeEncoder().encode, islice(replay.blocks(recording, size=100), 40))
    return (b"" if taken else hello(360, leads)) + b"".join(data)


@pytest.mark.parametrize("name", ["clear", "title", "C1", "bidi", "wide", "Hebrew", "stacked"])
def test_what_a_board_calls_its_leads(name: str) -> None:
    text = HOSTILE[name].encode()[:16].decode(errors="ignore")
    with board(frames((text, "V5"))) as port:
        argv = ["--port", port, "--protocol", "edge", "--duration", "1"]
        [(exit_code, shown)] = on_terminal(RUN, argv)
    assert exit_code == 0
    view = re.sub(rb"frames: .*", b"", shown)  # as long as its numbers
    assert not steered(view, columns=60)


def test_what_comes_over_the_wire() -> None:
    texts = [text.encode("utf-8", "surrogatepass")[:100] for text in HOSTILE.values()]
    lines = b"".join(b"%b,%d,%b\r\n%b" % (text, 500, text, text) for text in texts)
    with board(lines) as port:
        for argv in (["--probe", "--baud", "115200"], ["--baud", "115200", "--once"]):
            [(exit_code, shown)] = on_terminal(RUN, ["--port", port, *argv])
            assert exit_code == 4
            assert not steered(shown)


@given(st.lists(st.text(st.characters(exclude_categories=()), min_size=1, max_size=8), min_size=1,
                max_size=3))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_no_name_of_a_lead_passes_the_decoder(names: list[str]) -> None:
    reader = decoder("edge")
    try:
        sent = hello(360, tuple(names))
    except (ProtocolError, UnicodeEncodeError):
        return
    one = replay.Recording("x", 360, tuple(map(str, range(len(names)))),
                           np.zeros((100, len(names)), np.int32))  # fmt: skip
    frame = EdgeEncoder().encode(next(replay.blocks(one)))
    for block in reader.feed(sent + frame.split(b"\0", 2)[2]):
        assert not steered(" ".join(block.leads).encode())


@hostile
def test_a_bundle(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(Path(demo.__file__).parent / "bundles" / "student", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for place in ("name", "version"):
        (folder / "manifest.json").write_text(json.dumps(manifest | {place: text}))
        with pytest.raises(EdgeError) if text in REFUSED else nullcontext():
            read = Bundle.load(folder).manifest
            assert not steered(f"{read.name} {read.version}".encode())
    (folder / FIGURES).write_text(json.dumps({"hostile": {text: text}}))
    with pytest.raises(EdgeError) if text in REFUSED else nullcontext():
        figures(folder)
    manifest["classes"][0] = text
    (folder / "manifest.json").write_text(json.dumps(manifest))
    argv = ["--demo", "--speed", "max", "--model", str(folder)]
    [(exit_code, shown)] = on_terminal(RUN, argv)
    assert exit_code == 6
    assert not steered(shown)
    argv = ["page", "--model", str(folder), "--out", str(tmp_path)]
    [(exit_code, shown)] = on_terminal(BENCH, argv)
    assert exit_code == (6 if text in REFUSED else 0)
    assert not steered(shown)


@hostile
def test_a_file_of_scales(text: str, tmp_path: Path) -> None:
    file = tmp_path / "edge-ecg" / "boards.toml"
    file.parent.mkdir()
    key = json.dumps(text, ensure_ascii=True)
    if "\\ud" in key:
        key = json.dumps(text.replace("\U000e0041", "").replace("\U0010ffff", ""))
    with board(b"") as port:
        for content in (f"{text} = 1", f"[usb.{key}]\nscale = 0\n", f"[{key}.x]\nscale = 1\n"):
            file.write_bytes(content.encode("utf-8", "surrogatepass"))
            argv = ["--port", port]
            [(exit_code, shown)] = on_terminal(RUN, argv, XDG_CONFIG_HOME=str(tmp_path))
            assert exit_code == 11
            assert not steered(shown)
    assert tomllib.loads(f"[usb.{key}]\nscale = 0\n")


def test_folders_of_recordings(tmp_path: Path) -> None:
    for kind in ("clear", "bidi", "C1"):
        folder = tmp_path / HOSTILE[kind]
        folder.mkdir()
        (folder / "x.hea").write_text(f"{HOSTILE[kind]} nonsense")
    argv = ["pretrain", "--set", str(tmp_path), "--model", "ecgnat", "--tiny"]
    [(exit_code, shown)] = on_terminal(TRAIN, argv)
    assert exit_code == 5
    assert not steered(shown)
