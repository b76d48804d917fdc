"""The firmware: its own tests, its bytes against Python's, and a board under QEMU."""

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from binascii import crc_hqx
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import demo, replay
from edge.events import Stats
from edge.live import follow
from edge.monitor import Monitor
from firmware_bridge import cobs
from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import edge_frame
from firmware_bridge.decoders.edge_frame import EdgeDecoder

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware_bridge" / "firmware"
VECTORS: list[dict[str, Any]] = json.loads(
    (FIRMWARE / "vectors.json").read_text(encoding="utf-8"),
)
HOST = ("make", "gcc")
ARM = ("make", "arm-none-eabi-gcc", "qemu-system-arm")
QEMU = ("qemu-system-arm", "-M", "mps2-an386", "-display", "none")
ON_STDOUT = ("-monitor", "none", "-semihosting", "-serial", "stdio")
PLAYED_S = 20.0
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def need(request: pytest.FixtureRequest, tools: tuple[str, ...]) -> None:
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        text = (
            f"needs {', '.join(missing)}: "
            "apt-get install make gcc g++ cmake libc6-dev gcc-arm-none-eabi qemu-system-arm "
            "gcc-avr avr-libc arduino-core-avr"
        )
        if request.config.getoption("--require-firmware"):
            pytest.fail(text)
        pytest.skip(text)


def make(build: Path, *words: str) -> str:
    """What `make` prints, warnings and errors included."""
    done = subprocess.run(
        ["make", "-s", "-C", FIRMWARE, f"BUILD={build}", f"PYTHON={sys.executable}", *words],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One build folder for all tests of this module."""
    return tmp_path_factory.mktemp("firmware")


@pytest.fixture
def host(build: Path, request: pytest.FixtureRequest) -> Path:
    need(request, HOST)
    return build


@pytest.fixture
def arm(build: Path, request: pytest.FixtureRequest) -> Path:
    need(request, (*HOST, *ARM))
    return build


def stream(data: bytes) -> list[SampleBlock]:
    """The blocks of a whole stream, none of whose frames is bad."""
    decoder = EdgeDecoder()
    blocks = decoder.feed(data)
    counters = decoder.counters
    assert (counters.damaged, counters.lost, counters.repeated, counters.unknown) == (0,) * 4
    return blocks


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["says"])
def test_vectors(vector: dict[str, Any]) -> None:
    body, wire = bytes.fromhex(vector["body"]), bytes.fromhex(vector["wire"])
    crc = crc_hqx(body, 0xFFFF).to_bytes(2, "big")
    assert crc == bytes.fromhex(vector["crc"])
    assert cobs.decode(wire[:-1]) == body + crc
    if vector["type"] == "hello":
        leads, fs = tuple(vector["leads"]), vector["millihertz"] / 1000
        assert edge_frame.hello(fs, leads) == wire
        (block,) = stream(wire + edge_frame.data(0, 0, bytes(len(leads)), bytes(4 * len(leads))))
        assert (block.fs, block.leads) == (fs, leads)
    else:
        nv = np.array(vector["nanovolts"], "<i4")
        status = bytes(vector["status"])
        first, time_us = vector["first_sample"], vector["time_us"]
        assert edge_frame.data(first, time_us, status, nv.tobytes()) == wire
        names = tuple(f"lead {i}" for i in range(len(status)))
        (block,) = stream(edge_frame.hello(250, names) + wire)
        np.testing.assert_array_equal(block.mv, mv_from_nv(nv))
        assert block.saturated == tuple(bool(s & 4) for s in status)
        assert block.device_time_s == pytest.approx(time_us / 1e6)


def test_the_document_shows_the_first_vectors() -> None:
    document = (ROOT / "docs" / "frame.md").read_text(encoding="utf-8")
    shown = re.findall(r"^(body|crc|wire) +([0-9a-f ]+)$", document, re.MULTILINE)
    assert len(shown) == 12
    for (name, digits), vector in zip(shown, np.repeat(np.array(VECTORS[:4]), 3), strict=True):
        assert digits.replace(" ", "") == vector[name]


def test_units_on_the_host_with_sanitizers(host: Path) -> None:
    told = make(host, "test")
    assert re.search(r"[1-9]\d{3,} checks passed, 0 failed\n200000 samples, 0 wrong\n$", told)


def test_units_on_the_cortex_m4(arm: Path) -> None:
    assert re.search(r"[1-9]\d{3,} checks passed, 0 failed\n$", make(arm, "arm-test"))


@pytest.fixture(scope="module")
def encoder(
    build: Path, request: pytest.FixtureRequest
) -> tuple[ctypes.CDLL, ctypes.Array[ctypes.c_uint64], list[bytes]]:
    """The C encoder, its memory, and what it has written."""
    need(request, HOST)
    make(build, f"{build}/libedge.so")
    library = ctypes.CDLL(str(build / "libedge.so"))
    written: list[bytes] = []
    write = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint8), ctypes.c_size_t)
    take = write(lambda _, data, n: written.append(bytes(data[:n])))
    memory = (ctypes.c_uint64 * 64)()
    library.edge_encoder_init(memory, take, None)
    vars(library)["take"] = take  # lives as long as the library
    return library, memory, written


@settings(max_examples=50)
@given(
    first=st.integers(0, 2**32 - 1),
    time_us=st.integers(0, 2**32 - 1),
    status=st.binary(min_size=1, max_size=16),
    n=st.integers(1, 255),
    seed=st.integers(0, 2**32 - 1),
    small=st.booleans(),
)
def test_any_frame_in_c_is_that_in_python(
    encoder: tuple[ctypes.CDLL, ctypes.Array[ctypes.c_uint64], list[bytes]],
    first: int,
    time_us: int,
    status: bytes,
    n: int,
    seed: int,
    small: bool,
) -> None:
    library, memory, written = encoder
    limit = 200 if small else 2**31  # small values have zero bytes, large ones hardly any
    nv = np.random.default_rng(seed).integers(-limit, limit, (n, len(status))).astype("<i4")
    written.clear()
    library.edge_data_begin(
        memory, ctypes.c_uint32(first), ctypes.c_uint32(time_us), n, len(status), status
    )
    for sample in nv:
        library.edge_data_sample(memory, len(status), sample.tobytes())
    library.edge_data_end(memory)
    assert b"".join(written) == edge_frame.data(first, time_us, status, nv.tobytes())


def check_played(data: bytes, recording: replay.Recording) -> None:
    """`data` is the recording, but for what does not fill its last frame."""
    blocks, expected = stream(data), list(replay.blocks(recording))
    mv = np.concatenate([block.mv for block in blocks])
    assert len(recording.nv) - 60 < len(mv) <= len(recording.nv)
    np.testing.assert_array_equal(mv, np.concatenate([b.mv for b in expected])[: len(mv)])
    states, expected_states = (
        [state for block in some for state in [block.lead_state] * len(block)]
        for some in (blocks, expected)
    )
    assert states == expected_states[: len(mv)]
    assert {(block.fs, block.leads) for block in blocks} == {(recording.fs, recording.leads)}
    for block in blocks:
        assert block.device_time_s == pytest.approx(block.start / recording.fs, abs=1e-6)


def test_what_is_compiled_in_is_played(host: Path) -> None:
    make(host, f"{host}/play")
    check_played(subprocess.check_output([host / "play"]), demo.stream()[0])


@pytest.mark.data_required("mitdb")
def test_a_recording_can_be_compiled_in(
    mitdb: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    need(request, HOST)
    make(tmp_path, f"RECORD={mitdb.resolve() / '208'}", "SECONDS=10", f"{tmp_path}/play")
    whole = replay.read(mitdb / "208")
    beginning = replay.Recording(whole.name, whole.fs, whole.leads, whole.nv[:3600])
    check_played(subprocess.check_output([tmp_path / "play"]), beginning)


def test_host_and_arm_write_the_same_bytes(arm: Path) -> None:
    make(arm, f"{arm}/play", f"{arm}/play.elf")
    there = subprocess.check_output(
        [*QEMU, *ON_STDOUT, "-kernel", arm / "play.elf"],
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert len(there) > 100_000
    assert there == subprocess.check_output([arm / "play"])


def test_the_encoder_is_small(arm: Path) -> None:
    told = make(arm, "figures")
    flash = re.search(r"^ +(\d+)\t +0\t +0\t.*edge_frame\.o$", told, re.MULTILINE)
    ram = re.search(r"^RAM of an encoder: (\d+) bytes$", told, re.MULTILINE)
    frame = re.search(
        r"^data, .*: (\d+) instructions, on the wire: 112 bytes, stack at most: (\d+) bytes$",
        told,
        re.MULTILINE,
    )
    assert flash
    assert ram
    assert frame
    assert int(flash[1]) < 2048
    assert int(ram[1]) + int(frame[2]) < 512
    assert 0 < int(frame[1]) < 10_000
    cycles = re.search(r"^data: at most (\d+) cycles$", told, re.MULTILINE)
    assert cycles
    assert int(frame[1]) < int(cycles[1]) < 4 * int(frame[1])


@contextmanager
def board(elf: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A board that waits for "cont" on its monitor, and the pseudo-terminal of its UART."""
    with subprocess.Popen(
        [*QEMU, "-S", "-monitor", "stdio", "-serial", "pty", "-kernel", str(elf)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    ) as qemu:
        try:
            assert qemu.stdin
            assert qemu.stdout
            qemu.stdin.write("info chardev\n")  # its answer ends what else may be buffered
            told = ""
            while not (port := re.search(r"redirected to (/dev/pts/\d+) ", told)):
                line = qemu.stdout.readline()
                assert line, told
                told += line
            yield port[1], qemu
        finally:
            qemu.kill()


@pytest.mark.slow
def test_a_board_gives_the_events_of_a_direct_replay(arm: Path) -> None:
    make(arm, f"{arm}/board.elf")
    events = []
    with board(arm / "board.elf") as (port, qemu):
        command = ["--port", port, "--protocol", "edge", "--duration", str(PLAYED_S)]
        with subprocess.Popen(
            [sys.executable, "-m", "edge.cli.run", *command, "--jsonl", "-"],
            cwd=arm,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            text=True,
        ) as run:
            assert run.stdout
            for line in run.stdout:
                event = json.loads(line)
                events.append(event)
                if event.get("state") == "silent":  # so the port is open, and has been flushed
                    assert qemu.stdin
                    qemu.stdin.write("cont\n")
        assert run.returncode == 0
    expected = [
        event
        for _, some in follow(replay.blocks(demo.stream()[0]), Monitor(), PLAYED_S)
        for event in some
    ]
    # A machine with other work may emulate the board too slowly, which is told as its rate.
    links = [e for e in events if e["type"] == "link" and e["measured_hz"] is None]
    assert [e["state"] for e in links] == ["silent", "up"]
    frames = events[-1].pop("frames")
    assert frames.pop("good") >= PLAYED_S * demo.FS / 12
    assert not any(frames.values())
    assert isinstance(expected[-1], Stats)
    told = [json.loads(event.to_json()) for event in expected]
    del told[-1]["frames"]
    assert [e["fs"] for e in events if e["type"] == "session"] == [None, demo.FS]
    assert [e for e in events if e["type"] not in ("link", "session")] == told
    assert sum(e["type"] == "beat" and e["final"] for e in told) > 20


SOURCES = ("ads1292r", "edge_frame", "edge_stream", "player", "ring")
HEADERS = (*SOURCES, "edge_ecg", "front_end")
SKETCHES = ("ADS1292R", "AnaloguePin")
ARDUINO = Path("/usr/share/arduino")


def run(*words: object) -> bytes:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        [str(word) for word in words], cwd=FIRMWARE, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("compiler", ["g++", "arm-none-eabi-g++"])
def test_the_headers_are_for_cpp_too(
    compiler: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    need(request, (compiler,))
    strict = ("-Wall", "-Wextra", "-Werror", "-pedantic", "-ffreestanding", "-fsyntax-only")
    for header in HEADERS:
        code = f'#include "{header}.h"\n#include "{header}.h"\n'
        (tmp_path / "a.cpp").write_text(code)
        for standard in ("c++98", "c++11", "c++20"):
            long = () if standard != "c++98" else ("-Wno-long-long", "-Wno-c++11-extensions")
            run(compiler, f"-std={standard}", *strict, *long, f"-I{FIRMWARE}", tmp_path / "a.cpp")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[Path]:
    """The C sources, as this machine's C compiler makes them."""
    need(request, ("gcc", "g++"))
    folder = tmp_path_factory.mktemp("objects")
    for name in SOURCES:
        run("gcc", "-std=c99", "-c", f"{name}.c", "-o", folder / f"{name}.o")
    return sorted(folder.glob("*.o"))


@pytest.mark.parametrize("sketch", SKETCHES)
def test_a_sketch_is_cpp_that_links_with_the_c(
    sketch: str, objects: list[Path], tmp_path: Path
) -> None:
    run(
        "g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-I.", "-Itests/arduino", "-include",
        "Arduino.h", "-x", "c++", f"examples/{sketch}/{sketch}.ino", "tests/arduino/main.cpp",
        "-x", "none", *objects, "-o", tmp_path / "sketch",
    )  # fmt: skip
    if sketch == "AnaloguePin":
        blocks = stream(run(tmp_path / "sketch"))
        mv = np.concatenate([block.mv[:, 0] for block in blocks])
        assert {(block.fs, block.leads) for block in blocks} == {(250, ("ECG",))}
        assert 2400 < len(mv) <= 2500
        assert np.median(np.diff(mv)) == pytest.approx(5000 / 1024 / 1100, rel=0.01)
        off = [b.start for b in blocks if b.lead_state[0] is LeadState.OFF]
        assert off[0] == pytest.approx(750, abs=2)


@pytest.mark.parametrize("sketch", SKETCHES)
def test_a_sketch_fits_an_uno(sketch: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    need(request, ("avr-gcc", "avr-g++"))
    told = run("sh", "tests/avr.sh", f"examples/{sketch}/{sketch}.ino", tmp_path, ARDUINO).decode()
    text, data, bss = map(int, told.splitlines()[1].split()[:3])
    assert text + data < 32_256
    assert data + bss < 1024  # of 2048: the stack has the rest


def test_cmake_builds_the_library(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    need(request, ("cmake", "make", "gcc", "g++"))
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(app LANGUAGES C CXX)\n"
        f"add_subdirectory({FIRMWARE} edge)\n"
        "target_compile_definitions(edge_ecg PUBLIC EDGE_LEADS=8)\n"
        "add_executable(app app.cpp)\ntarget_link_libraries(app PRIVATE edge_ecg)\n"
    )
    (tmp_path / "app.cpp").write_text(
        '#include <edge_ecg.h>\nstatic_assert(EDGE_LEADS == 8, "");\n'
        "int main() { return ads1292r_nanovolts(0, ADS1292R_VREF_2V42, 6); }\n"
    )
    run("cmake", "-S", tmp_path, "-B", tmp_path / "b", "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror")
    run("cmake", "--build", tmp_path / "b")
    run(tmp_path / "b" / "app")


def test_no_header_is_taken_for_one_of_arduinos(request: pytest.FixtureRequest) -> None:
    need(request, ("avr-gcc",))
    cores = {path.name.lower() for path in ARDUINO.rglob("cores/*/*.h")}
    assert "stream.h" in cores  # which is ours too, where a file system knows no capitals
    assert not cores & {path.name for path in FIRMWARE.glob("*.h")}


def test_package_files_name_what_there_is() -> None:
    about = json.loads((FIRMWARE / "library.json").read_text())
    lines = (FIRMWARE / "library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    with (ROOT / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    assert about["version"] == properties["version"] == version
    assert about["name"] == properties["name"]
    kept = [word[2:-1] for word in about["build"]["srcFilter"] if word[0] == "+"]
    zephyr = (FIRMWARE / "zephyr" / "CMakeLists.txt").read_text()
    assert kept == [f"{name}.c" for name in SOURCES] == sorted(p.name for p in FIRMWARE.glob("*.c"))
    assert all(f"../{name}.c" in zephyr for name in SOURCES)
    assert (FIRMWARE / properties["includes"]).is_file()
    assert (FIRMWARE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    for example in about["examples"]:
        assert all((FIRMWARE / example["base"] / name).is_file() for name in example["files"])
