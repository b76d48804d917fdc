"""Recordings through the bytes of every board that there is."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.boards.replay import RECORDS, RESOLUTIONS, compare, quantised
from edge import replay
from edge.sampled import as_board
from firmware_bridge.decoders import PROTOCOLS


def test_every_board_has_its_resolution() -> None:
    assert set(PROTOCOLS) <= set(RESOLUTIONS)


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_events_over_a_pseudo_terminal_equal_those_of_direct_replay(
    mitdb: Path, protocol: str, record: str
) -> None:
    recording = replay.read(mitdb / record)
    recording = replace(recording, nv=recording.nv[: round(45 * recording.fs)])
    outcome = compare(recording, protocol)
    assert outcome.equal, outcome
    assert outcome.beats > 35


@pytest.mark.slow
@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("protocol", [name for name in PROTOCOLS if name != "edge"])
def test_ten_minutes(mitdb: Path, protocol: str) -> None:
    """Half an hour would see no more numbers turn over; for `edge` see test_whole_record.py."""
    recording = replay.read(mitdb / "208")
    recording = replace(recording, nv=recording.nv[: round(600 * recording.fs)])
    outcome = compare(recording, protocol)
    assert outcome.equal, outcome
    assert outcome.beats > 800


@pytest.mark.data_required("mitdb")
def test_a_board_one_step_off_is_seen(mitdb: Path) -> None:
    recording = replay.read(mitdb / "208", ["MLII"])
    board = as_board(recording, PROTOCOLS["ads1292r"])
    steps = quantised(board, "ads1292r").nv
    assert (steps % 6154 == 0).all()
    assert abs(steps - board.nv).max() <= 3077 + 1
