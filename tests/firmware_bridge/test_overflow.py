"""Boards whose reader stands still, simulated: what lay in a buffer belongs to what was before."""

import math
import random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.timebase import JITTER_S, Timebase

WARM_S = 25.0
AFTER_S = 12.0


class Board(NamedTuple):
    """What sends, and where it waits."""

    fs: float
    cycle: float
    """Of its count, in samples; 0: it has none."""
    traced: bool
    """Without a count: whether a frame is cut where bytes are lost."""
    ppm: float
    lump_s: float
    room: int
    """Samples that wait until they are read; the newest are lost."""


def block(start: int, true: range, fs: float, lost: int, restart: bool = False) -> SampleBlock:
    mv = np.array(true, dtype=np.float64)[:, None]
    states = (LeadState.UNKNOWN,)
    return SampleBlock(start, mv, fs, ("I",), states, (False,), lost, restart=restart)  # type: ignore[arg-type]


def play(
    board: Board, stand_s: float, seed: int, times: int = 1
) -> tuple[list[SampleBlock], list[int], Timebase]:
    """What comes out, and how many samples were lost each time that nobody reads for so long."""
    rng = random.Random(seed)
    rate = board.fs * (1 + board.ppm * 1e-6)
    timebase = Timebase(board.cycle)
    got: list[SampleBlock] = []
    at = 1000.0
    origin = at - rng.random() / rate
    sampled = counted = lost = 0
    missing: list[int] = []
    stands_s, end_s = at + WARM_S, at + WARM_S + times * (stand_s + AFTER_S)
    while at < end_s:
        at += 0.06 + 0.02 * rng.random()
        if stands_s <= at and times:
            at += stand_s
            stands_s, times = at + AFTER_S, times - 1
        seen_s = at - origin - 0.001
        if board.lump_s:
            seen_s = seen_s // board.lump_s * board.lump_s
        came = range(sampled, max(sampled, math.floor(seen_s * rate)))
        sampled = came.stop
        kept = came[: board.room]
        blocks = []
        if kept:
            blocks = [block(counted + lost, kept, board.fs, lost)]
            counted += lost + len(kept)
            lost = 0
        got += timebase.take(blocks, at)
        if dropped := len(came) - len(kept):
            missing.append(dropped)
            lost = int(dropped % board.cycle) if board.cycle else int(board.traced)
    return got + timebase.flush(), missing, timebase


def slips(got: list[SampleBlock]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """By how many samples each is off; the index never goes back."""
    end = 0
    for item in got:
        assert item.start == end + item.lost
        end = item.start + len(item)
    return np.concatenate(
        [item.start + np.arange(len(item)) - item.mv[:, 0].astype(np.int64) for item in got]
    )


rates = st.sampled_from([90.0, 125.0, 250.0, 500.0])
rooms = st.floats(0.3, 30)


@settings(deadline=None, max_examples=60)
@given(
    fs=rates,
    cycle=st.sampled_from([256.0, 201.0, math.inf]),
    ppm=st.floats(-300, 300),
    lump_s=st.sampled_from([0.0, 0.25, 0.5]),
    room_s=rooms,
    stand_s=st.floats(2.0, 100.0),
    seed=st.integers(0, 999),
    times=st.integers(1, 4),
)
def test_a_board_that_numbers_loses_no_place(
    fs: float,
    cycle: float,
    ppm: float,
    lump_s: float,
    room_s: float,
    stand_s: float,
    seed: int,
    times: int,
) -> None:
    room = max(round(room_s * fs), round((lump_s + 0.1) * fs))
    board = Board(fs, cycle, False, ppm, lump_s, room)
    got, missing, timebase = play(board, stand_s, seed, times)
    slip = slips(got)
    if cycle < math.inf and any(n % cycle == 0 for n in missing):
        return  # no number jumps
    assert not slip.any()
    assert sum(item.lost for item in got) == sum(missing)
    counted = [n if cycle == math.inf else n % cycle for n in missing]
    assert timebase.estimated == sum(missing) - sum(counted)


@settings(deadline=None, max_examples=60)
@given(
    fs=rates,
    traced=st.booleans(),
    ppm=st.floats(-300, 300),
    lump_s=st.sampled_from([0.0, 0.25, 0.5]),
    room_s=rooms,
    stand_s=st.floats(2.0, 60.0),
    seed=st.integers(0, 999),
)
def test_a_board_that_numbers_nothing_gets_the_gap_behind_what_lay_there(
    fs: float,
    traced: bool,
    ppm: float,
    lump_s: float,
    room_s: float,
    stand_s: float,
    seed: int,
) -> None:
    room = max(round(room_s * fs), round((lump_s + 0.1) * fs))
    board = Board(fs, 0, traced, ppm, lump_s, room)
    got, losses, _ = play(board, stand_s, seed)
    missing = sum(losses)
    slip = slips(got)
    # The last samples are as far off as the clock and the board's differ, and as arrivals vary.
    little = missing <= 2 * JITTER_S * fs
    read_s = 0.08 if lump_s else 0.03  # lumps are few, and each waits for a read
    error_s = max(JITTER_S * little, read_s) + stand_s * abs(ppm) * 1e-6
    if traced or missing > 1.1 * fs or not missing:
        assert abs(slip[-1]) <= error_s * fs + 1
    else:  # no more than a lump may hide
        assert abs(slip[-1]) <= missing
    # All that lay there keeps its place, up to what comes within two reads.
    moved = np.count_nonzero((slip != 0) & (slip != slip[-1]))
    assert moved <= (0 if traced else (0.2 + lump_s) * fs)


@settings(deadline=None, max_examples=30)
@given(stand_s=st.floats(2.0, 60.0), room_s=rooms, seed=st.integers(0, 999))
def test_a_count_of_four_bits_makes_no_more_of_it_than_the_clock_knows(
    stand_s: float, room_s: float, seed: int
) -> None:
    got, losses, _ = play(Board(1000.0, 16, False, 0.0, 0.0, round(room_s * 1000)), stand_s, seed)
    missing = sum(losses)
    slip = slips(got)
    if missing % 16 or missing > 1100:
        assert abs(slip[-1]) <= 48
        assert slip[-1] % 16 == 0 or missing % 16 == 0
    else:  # no number jumps, and a lump may hide as much
        assert abs(slip[-1]) <= missing


@settings(deadline=None, max_examples=30)
@given(
    cycle=st.sampled_from([0, 256, math.inf]),
    days=st.floats(0.001, 3000),
    seed=st.integers(0, 999),
)
def test_a_count_that_jumps_by_days_moves_nothing(cycle: float, days: float, seed: int) -> None:
    """Both clocks know better: that of this machine, and the rate."""
    fs, rng = 250.0, random.Random(seed)
    timebase, got, at, jump = Timebase(cycle), list[SampleBlock](), 50.0, 0
    for i in range(400):
        at += 0.1
        lost = round(days * 86400 * fs) if i == 250 else 0
        jump += lost
        got += timebase.take(
            [block(25 * i + jump, range(25 * i, 25 * i + 25), fs, lost)], at + 0.01 * rng.random()
        )
    got += timebase.flush()
    assert np.abs(slips(got)).max() <= 0.02 * fs
    assert timebase.estimated == pytest.approx(-jump, abs=0.02 * fs)


@settings(deadline=None, max_examples=30)
@given(away_s=st.floats(0.3, 60), cycle=st.sampled_from([0, 16, 256, math.inf]))
def test_a_board_that_starts_anew_goes_on_where_the_clock_is(away_s: float, cycle: float) -> None:
    fs = 250.0
    timebase, got, at, sent = Timebase(cycle), list[SampleBlock](), 50.0, 0
    for i in range(400):
        at += 0.1
        asked = at
        if i == 250:
            at += away_s
            while asked < at:
                got += timebase.take([], asked)
                asked += 0.25
        true = round((at - 50.0) * fs)
        again = i == 250
        sent += again
        got += timebase.take([block(sent, range(true, true + 25), fs, int(again), again)], at)
        sent += 25
    slip = slips(got + timebase.flush())
    slip -= slip[0]
    assert np.abs(slip).max() <= 2
