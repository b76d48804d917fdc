"""What the emulator sends is what a reader gets: all of it, and nothing else."""

import os
import re
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge import identify
from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import PROTOCOLS, Commands, decoder
from firmware_bridge.decoders.ads1292r import NV_PER_STEP
from firmware_bridge.emulator import REPLIES, Emulator
from firmware_bridge.errors import PortError, ProtocolError
from firmware_bridge.faults import Fault, Faults
from firmware_bridge.link import LinkChange, SerialLink

FS = 300.0


def segments(sizes: list[int], leads: int = 2) -> list[SampleBlock]:
    """Blocks of every lead state, with a gap and saturation."""
    rng = np.random.default_rng(len(sizes))
    states = list(LeadState)
    blocks, start = [], 0
    for i, n in enumerate(sizes):
        lost = 17 if i == 3 else 0
        blocks.append(
            SampleBlock(
                start=start + lost,
                mv=mv_from_nv(rng.integers(-(2**31), 2**31, (n, leads))),
                fs=FS,
                leads=("II", "V5", "V1")[:leads],
                lead_state=tuple(states[(i + lead) % 3] for lead in range(leads)),
                saturated=tuple((i + lead) % 4 == 1 for lead in range(leads)),
                lost=lost,
            )
        )
        start += lost + n
    return blocks


def flat(blocks: list[SampleBlock]) -> list[object]:
    return [
        (block.start + i, row.tobytes(), block.fs, block.leads, block.lead_state, block.saturated)
        for block in blocks
        for i, row in enumerate(block.mv)
    ]


def read(board: Emulator) -> list[SampleBlock]:
    return [item for item in SerialLink(board.port) if isinstance(item, SampleBlock)]


@pytest.mark.parametrize("sizes", [[1] * 40, [3000, 1, 500, 2, 4000], [30_000]])
@pytest.mark.parametrize("speed", [None, 300.0])
def test_replay_equals_the_blocks(sizes: list[int], speed: float | None) -> None:
    blocks = segments(sizes)
    with Emulator(blocks, speed=speed) as board:
        got = read(board)
    assert flat(got) == flat(blocks)
    assert sum(b.lost for b in got) == sum(b.lost for b in blocks)


@pytest.mark.parametrize("flushes", [False, True])
def test_a_slow_reader_gets_every_byte(flushes: bool) -> None:
    blocks = segments([20_000])
    expected = PROTOCOLS["edge"].encoder().encode(blocks[0])
    with Emulator(blocks, speed=None) as board:
        time.sleep(0.05)  # nothing may be lost before the port is open
        fd = os.open(board.port, os.O_RDONLY | os.O_NOCTTY)
        time.sleep(0.1)
        if flushes:  # as pyserial does, some time after opening
            termios.tcflush(fd, termios.TCIFLUSH)
        got = b""
        try:
            while data := os.read(fd, 50_000):
                got += data
                time.sleep(0.001)
        except OSError:
            pass  # the hang-up
        os.close(fd)
    assert got == expected


def test_an_overrun_loses_the_new_and_keeps_the_old() -> None:
    blocks = segments([60_000])
    expected = PROTOCOLS["edge"].encoder().encode(blocks[0])
    with Emulator(blocks, speed=None, overrun=True) as board:
        fd = os.open(board.port, os.O_RDONLY | os.O_NOCTTY)
        time.sleep(1.5)
        got = b""
        try:
            while data := os.read(fd, 50_000):
                got += data
        except OSError:
            pass
        os.close(fd)
    assert board.overrun > 0
    assert len(got) + board.overrun == len(expected)
    assert got == expected[: len(got)]


def test_real_time_takes_its_time() -> None:
    began = time.monotonic()
    with Emulator(segments([90]), speed=1.0) as board:
        read(board)
    assert time.monotonic() - began >= 90 / FS


def test_stops_with_no_reader_and_with_one_that_does_not_read() -> None:
    with Emulator(segments([100])):
        pass
    with Emulator(segments([50_000]), speed=None) as board:
        fd = os.open(board.port, os.O_RDONLY | os.O_NOCTTY)
        time.sleep(0.1)
    os.close(fd)


def test_playing_ends_when_the_reader_leaves() -> None:
    def endless() -> Iterator[SampleBlock]:
        while True:
            yield from segments([100])

    with Emulator(endless(), speed=None) as board:
        for _ in SerialLink(board.port):
            break
        for _ in range(1000):
            if not any(thread.name == "emulator" for thread in threading.enumerate()):
                break
            time.sleep(0.01)
        else:
            pytest.fail("still playing")


def test_what_goes_wrong_in_playing_comes_out() -> None:
    def bad() -> Iterator[SampleBlock]:
        yield from segments([100])
        raise ValueError("no more")

    def play() -> None:
        with Emulator(bad(), speed=None) as board:
            read(board)

    with pytest.raises(ValueError, match="no more"):
        play()


def test_refuses_what_the_protocol_cannot_carry() -> None:
    with pytest.raises(ProtocolError, match="choose edge"):
        Emulator([], "morse")
    board = Emulator(segments([100]), "ad8232", speed=None)
    with SerialLink(board.port, protocol="ad8232", fs=FS) as link:
        assert [item for item in link if isinstance(item, SampleBlock)] == []
    with pytest.raises(ProtocolError, match="one ECG lead"):
        board.close()


def ecg(seconds: float, fs: float = 125.0) -> list[SampleBlock]:
    """One lead, a block every fifth of a second, every sample another."""
    n = round(seconds * fs)
    mv = mv_from_nv(np.arange(n)[:, None] % 1000 * NV_PER_STEP)
    size = round(fs / 5)
    return [
        SampleBlock(at, mv[at : at + size], fs, ("ECG",), (LeadState.UNKNOWN,), (False,))
        for at in range(0, n, size)
    ]


def samples(blocks: list[SampleBlock]) -> list[int]:
    """The samples of `ecg` by their number."""
    return [round(float(x) * 1e6 / NV_PER_STEP) for block in blocks for x in block.mv[:, 0]]


@pytest.fixture
def commanded(monkeypatch: pytest.MonkeyPatch) -> str:
    """A protocol whose board obeys."""
    commands = Commands(b"who?", re.compile(b"it is me"), start=b"go!", stop=b"halt!")
    monkeypatch.setitem(PROTOCOLS, "ads1292r", replace(PROTOCOLS["ads1292r"], commands=commands))
    monkeypatch.setitem(REPLIES, "ads1292r", b"it is me")
    return "ads1292r"


def opened(board: Emulator) -> int:
    fd = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
    os.set_blocking(fd, False)
    return fd


def available(fd: int, until: float = 0.5) -> bytes:
    """What comes until nothing does for so many seconds."""
    data, quiet = b"", time.monotonic() + until
    while time.monotonic() < quiet:
        try:
            part = os.read(fd, 65536)
        except BlockingIOError:
            part = b""
        except OSError:  # hung up
            break
        if part:
            data, quiet = data + part, time.monotonic() + until
        time.sleep(0.01)
    return data


def test_answers_and_waits_for_its_start(commanded: str) -> None:
    with Emulator(ecg(4), commanded, speed=None) as board:
        fd = opened(board)
        assert available(fd) == b""
        os.write(fd, b"wh")
        assert available(fd) == b""
        os.write(fd, b"o?")
        assert available(fd) == b"it is me"
        os.write(fd, b"go!")
        assert samples(decoder(commanded).feed(available(fd))) == list(range(500))
        os.close(fd)


def test_a_stopped_board_is_silent_and_its_samples_are_lost(commanded: str) -> None:
    with Emulator(ecg(60), commanded, speed=10.0) as board:
        fd = opened(board)
        os.write(fd, b"go!")
        time.sleep(0.5)
        os.write(fd, b"halt!")
        before = available(fd)
        assert available(fd) == b""
        os.write(fd, b"go!")
        time.sleep(0.5)
        reader = decoder(commanded)
        first = samples(reader.feed(before))
        then = samples(reader.feed(os.read(fd, 65536)))
        assert first == list(range(len(first)))
        assert then[0] > len(first)
        os.close(fd)


def test_a_pulled_plug_comes_back_under_its_link(tmp_path: Path) -> None:
    path = tmp_path / "ecg"
    faults = Faults([Fault("unplug", 0, 2.0, 3.0)])
    got: list[SampleBlock] = []
    with Emulator(ecg(5), "ads1292r", None, link=path, faults=faults, stay=True) as board:
        assert board.port == str(path)
        for item in SerialLink(board.port, protocol="ads1292r", reconnect=True):
            if isinstance(item, SampleBlock):
                got.append(item)
                if len(samples(got)) >= 500:
                    break
    assert samples(got) == [*range(250), *range(375, 625)]
    assert not path.exists()


def test_unplugging_needs_a_link() -> None:
    with pytest.raises(ValueError, match="give its path"):
        Emulator(ecg(1), "ads1292r", faults=Faults([Fault("unplug", 0, 0.1, 0.2)]))


def test_a_file_is_not_made_a_link(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(PortError, match="no link"):
        Emulator(ecg(1), "ads1292r", link=path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(("baud", "right"), [(57600, True), (115200, False), (38400, False)])
def test_another_speed_reads_other_bytes(baud: int, right: bool) -> None:
    blocks = ecg(8)
    encoder = PROTOCOLS["ads1292r"].encoder()
    with Emulator(blocks, "ads1292r", speed=None, baud=57600) as board:
        fd = opened(board)
        settings = termios.tcgetattr(fd)
        settings[4] = settings[5] = getattr(termios, f"B{baud}")
        termios.tcsetattr(fd, termios.TCSANOW, settings)
        data = available(fd, 1.5)
        os.close(fd)
    assert (data == b"".join(encoder.encode(block) for block in blocks)) == right
    reader = decoder("ads1292r")
    assert (len(samples(reader.feed(data))) > 0) == right


def test_lumps_come_together() -> None:
    with Emulator(ecg(40), "ads1292r", speed=10.0, faults=Faults([Fault("lump", 5.0)])) as board:
        fd = opened(board)
        lumps = [lump for _ in range(25) if (lump := available(fd, 0.1))]
        os.close(fd)
    sizes = [len(decoder("ads1292r").feed(lump)[0]) for lump in lumps]
    assert len(sizes) >= 3
    assert all(abs(size - 625) <= 42 for size in sizes[1:])


def test_every_board_that_is_asked_answers_as_it_is_known_to() -> None:
    for name, row in PROTOCOLS.items():
        assert bool(row.commands.identify) == (name in REPLIES)
        if row.commands.reply:
            assert [who for who in REPLIES if row.commands.reply.search(REPLIES[who])] == [name]


@pytest.mark.parametrize("name", REPLIES)
def test_a_board_that_is_asked_is_found_and_started(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identify, "PROBE_S", 0.2)
    row = PROTOCOLS[name]
    assert isinstance(row.fs, float)
    with (
        Emulator(ecg(20, row.fs), name) as board,
        SerialLink(board.port, row.bauds[0], ask=True) as link,
    ):
        change = next(iter(link))
    assert isinstance(change, LinkChange)
    assert change.detail.startswith(f"{name} at {row.bauds[0]} baud")
