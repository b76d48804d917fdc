"""edge-run stopped as a whole, as a suspended machine is, while its board sends on."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge import replay
from edge.demo import stream
from edge.sampled import as_board
from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.emulator import Emulator

STOPPED_S = 6.0


def test_what_lay_in_the_buffer_is_before_the_gap(tmp_path: Path) -> None:
    """One board that numbers its frames, and one that does not, at a time: it is all waiting."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(stop, ["chords", "spikershield"], [tmp_path / "1", tmp_path / "2"]))


def stop(name: str, events: Path) -> None:
    board = as_board(stream()[0], PROTOCOLS[name])
    fs, sent = board.fs, 0

    def blocks() -> Iterator[SampleBlock]:
        nonlocal sent
        for block in replay.blocks(board, round(board.fs / 10)):
            yield block
            sent = block.start + len(block)

    with Emulator(blocks(), name, overrun=True) as emulator:
        command = ["edge.cli.run", "--port", emulator.port, "--protocol", name, "--quiet"]
        process = subprocess.Popen([sys.executable, "-m", *command, "--jsonl", str(events)])
        while not (events.exists() and '"state":"up"' in events.read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        read_at = sent
        while sent < read_at + 4 * fs:
            time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)
        stopped_at = sent
        time.sleep(STOPPED_S)
        process.send_signal(signal.SIGCONT)
        while sent < stopped_at + (STOPPED_S + 3) * fs:
            time.sleep(0.05)
        process.terminate()
        assert process.wait(30) == 0
        ended_at = sent
    told = [json.loads(line) for line in events.read_text().splitlines()]
    (gap,) = [event for event in told if event["type"] == "gap"]
    (link,) = [event["detail"] for event in told if "stood still" in event.get("detail", "")]
    assert link.startswith(("Nothing was read for 6.", "Nothing was read for 5.9"))
    stats = told[-1]
    # The end is where the board is: all that was lost is counted.
    assert stats["lost_samples"] == stats["frames"]["lost"] == gap["lost"]
    assert stats["sample"] == pytest.approx(ended_at, abs=0.7 * fs)
    # The gap begins where the buffer was full, not where the reading stopped.
    assert gap["sample"] > stopped_at + 0.2 * fs
    assert gap["lost"] < (STOPPED_S - 0.2) * fs
