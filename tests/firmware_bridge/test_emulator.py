"""What the emulator sends is what a reader gets: all of it, and nothing else."""

import os
import termios
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.emulator import REPLIES, Emulator
from firmware_bridge.errors import ProtocolError
from firmware_bridge.link import SerialLink

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


def test_every_board_that_is_asked_answers_as_it_is_known_to() -> None:
    for name, row in PROTOCOLS.items():
        assert bool(row.commands.identify) == (name in REPLIES)
        if row.commands.reply:
            assert row.commands.reply.search(REPLIES[name])
