"""One time base: nothing closed silently, nothing invented, and the board's clock measured."""

import math
import random
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.timebase import ENOUGH, MAX_HOLD_S, PAUSE_S, Gap, Timebase

FS = 250.0


class Sent(NamedTuple):
    at_s: float
    """When it arrives, by the host's clock."""
    first: int
    """Index of its first sample in truth; the samples' values are their indices."""
    n: int


def block(start: int, n: int, true: int | None = None, lost: int = 0) -> SampleBlock:
    first = start if true is None else true
    mv = np.arange(first, first + n, dtype=np.float32)[:, None]
    return SampleBlock(start, mv, FS, ("I",), (LeadState.UNKNOWN,), (False,), lost)


def board(
    begin_s: float, end_s: float, ppm: float = 0.0, lump_s: float = 0.0, seed: int = 0
) -> Iterator[Sent]:
    """What a board sends, ten blocks a second; delays of 0 to 20 ms, or lumps."""
    rng = random.Random(seed)
    rate = FS * (1 + ppm * 1e-6)
    held = first = math.ceil(begin_s * rate)
    at = begin_s
    while at < end_s:
        at += lump_s or 0.1
        end = math.floor(at * rate)
        yield Sent(at + rng.random() * 0.02, held, end - held)
        held = end
    assert held > first


def run(timebase: Timebase, sent: Iterator[Sent], origin: int = 0) -> list[SampleBlock]:
    """Passes it on from a decoder that counts from `origin`, with empty reads between."""
    got: list[SampleBlock] = []
    last_s: float | None = None
    for at_s, first, n in sent:
        asked_s = at_s - 0.01 if last_s is None else last_s + 0.25
        while asked_s < at_s:
            got += timebase.take([], asked_s)
            asked_s += 0.25
        got += timebase.take([block(first - origin, n, first)], at_s)
        last_s = at_s
    return got


def check(got: list[SampleBlock]) -> list[SampleBlock]:
    """What always holds; the blocks after losses."""
    after, end = [], got[0].start
    for item in got:
        assert item.start == end + item.lost
        assert item.lost >= 0
        if item.lost:
            after.append(item)
        end = item.start + len(item)
    return after


def slip(item: SampleBlock) -> int:
    """By how many samples the index is off."""
    return item.start - int(item.mv[0, 0])


@given(
    delays=st.lists(st.floats(0, PAUSE_S - 0.2), min_size=1, max_size=30),
    lost=st.lists(st.integers(0, 120), min_size=30, max_size=30),
)
def test_without_interruption_blocks_pass_as_they_are(delays: list[float], lost: list[int]) -> None:
    timebase, at, start = Timebase(), 100.0, 0
    for delay, gap in zip(delays, lost, strict=False):
        start += gap
        sent = block(start, 25, lost=gap)
        at += delay
        (got,) = timebase.take([sent], at)
        assert (got.start, got.lost) == (start, gap)
        assert got.mv is sent.mv
        start += 25
    assert timebase.estimated == 0
    assert timebase.gap is None


@settings(deadline=None)
@given(
    before_s=st.floats(0.5, 60),
    away_s=st.floats(0.2, 300),
    lump_s=st.sampled_from([0.0, 0.25, 0.5]),
    ppm=st.floats(-200, 200),
)
def test_a_board_that_counts_anew_gets_a_gap_as_long_as_the_clock_says(
    before_s: float, away_s: float, lump_s: float, ppm: float
) -> None:
    timebase = Timebase()
    got = run(timebase, board(0.0, before_s, ppm, lump_s))
    got += timebase.interrupt(counted=False)
    again = list(board(before_s + away_s, before_s + away_s + 10, ppm, lump_s, seed=1))
    got += run(timebase, iter(again), again[0].first)
    (first,) = check(got)
    # What lumps and delays can hide at both ends, and what the board's clock is off.
    error_s = abs(slip(first)) / FS
    assert error_s <= lump_s + 0.15 + (away_s + 60) * abs(ppm) * 1e-6
    assert timebase.gap == Gap(first.lost, exact=False)
    assert timebase.estimated == first.lost
    # All that came is there, once.
    assert sum(map(len, got)) == sum(
        sent.n for sent in [*board(0.0, before_s, ppm, lump_s), *again]
    )


@given(away_s=st.floats(0.2, 300), lump_s=st.sampled_from([0.0, 0.5]))
def test_a_board_whose_count_ran_on_gets_a_gap_to_the_sample(away_s: float, lump_s: float) -> None:
    timebase = Timebase()
    got = run(timebase, board(0.0, 20.0, 100.0, lump_s))
    got += timebase.interrupt(counted=True)
    got += run(timebase, board(20 + away_s, 30 + away_s, 100.0, lump_s, seed=1))
    for item in check(got):
        assert slip(item) == 0
    assert timebase.estimated == 0
    assert timebase.gap is None or timebase.gap.exact


def test_even_the_shortest_interruption_is_a_gap() -> None:
    timebase = Timebase()
    got = run(timebase, board(0.0, 10.0))
    got += timebase.interrupt(counted=False)
    again = list(board(10.0, 20.0))
    got += run(timebase, iter(again), again[0].first)
    (first,) = check(got)
    assert 1 <= first.lost <= 0.15 * FS


def test_a_late_lump_is_no_loss() -> None:
    """Everything of five seconds comes at once: as long as it comes, no sample is missing."""
    timebase = Timebase()
    sent = list(board(0.0, 30.0))
    late = [s._replace(at_s=max(s.at_s, 15.0 + s.at_s / 1000)) if s.at_s > 10 else s for s in sent]
    got = run(timebase, iter(late)) + timebase.flush()
    assert not check(got)
    assert [slip(item) for item in got] == [0] * len(got)


def test_what_is_lost_in_a_pause_and_counted_by_nobody_is_a_gap() -> None:
    timebase = Timebase()
    got = run(timebase, board(0.0, 10.0))
    again = list(board(15.0, 30.0, seed=1))
    end = got[-1].start + len(got[-1])
    got += run(timebase, iter(again), again[0].first - end)  # the decoder noticed nothing
    (first,) = check(got)
    assert first.lost == pytest.approx(5 * FS, abs=0.15 * FS)
    assert abs(slip(first)) <= 0.15 * FS
    assert timebase.gap == Gap(first.lost, exact=False)


@pytest.mark.parametrize("empty", [False, True])
def test_what_is_lost_while_nobody_reads_is_a_gap_also_in_the_first_seconds(empty: bool) -> None:
    """The read that stood still may end with nothing; the one after it gets what lay there."""
    timebase = Timebase(cycle=0)
    got = run(timebase, board(0.0, 4.0))
    if empty:
        got += timebase.take([], 10.0)
    end = got[-1].start + len(got[-1])
    got += timebase.take([block(end, 125)], 10.01)
    for i in range(40):
        got += timebase.take([block(end + 125 + 25 * i, 25)], 10.1 + i / 10)
    got += timebase.flush()
    (lost,) = [b.lost for b in got if b.lost]
    assert lost == pytest.approx(5.5 * FS, abs=0.1 * FS)


def test_samples_are_not_held_back_for_ever() -> None:
    """Arrivals that come closer and closer to their time end the wait at last."""
    timebase = Timebase()
    run(timebase, board(0.0, 10.0))
    timebase.interrupt(counted=False)
    sent, at = 0, 20.0
    while not timebase.take([block(sent, 50)], at):
        sent, at = sent + 50, at + 0.1  # twice as fast as it should
        assert at <= 20.0 + MAX_HOLD_S + 0.2


def test_held_samples_come_out_at_the_end() -> None:
    timebase = Timebase()
    run(timebase, board(0.0, 10.0))
    timebase.interrupt(counted=False)
    assert not timebase.take([block(0, 25)], 15.0)
    assert [len(item) for item in timebase.flush()] == [25]
    assert not timebase.flush()


@pytest.mark.parametrize("lump_s", [0.0, 0.5])
@pytest.mark.parametrize("ppm", [-20_000.0, -300.0, 0.0, 40.0, 24_000.0])
def test_drift_over_ten_minutes(ppm: float, lump_s: float) -> None:
    timebase = Timebase()
    got = run(timebase, board(0.0, 600.0, ppm, lump_s))
    assert not check(got)  # a fast or slow clock is no loss
    assert timebase.drift_ppm == pytest.approx(ppm, abs=10)
    assert timebase.rate_hz == pytest.approx(FS * (1 + ppm * 1e-6), rel=1e-5)


@pytest.mark.parametrize(("lump_s", "told_s"), [(0.0, 12), (0.5, 14), (2.0, 20), (5.0, 35)])
def test_half_the_rate_is_told_and_is_no_loss(lump_s: float, told_s: float) -> None:
    timebase = Timebase()
    got: list[SampleBlock] = []
    for sent in board(0.0, told_s, -500_000, lump_s):
        assert timebase.far_hz is None or sent.at_s > 10
        got += run(timebase, iter([sent]))
        if lump_s > 1:
            for wait in range(int(lump_s / 0.25)):
                got += timebase.take([], sent.at_s + 0.25 * wait)
    assert timebase.far_hz == pytest.approx(FS / 2, rel=0.02)
    assert not check(got)


def test_drift_is_not_told_before_it_is_known() -> None:
    timebase = Timebase()
    run(timebase, board(0.0, 120.0))
    assert timebase.drift_ppm is None
    assert math.sqrt(ENOUGH) < 600


def test_lost_samples_are_no_drift() -> None:
    """A tenth of all blocks is lost, and counted."""
    timebase, rng = Timebase(), random.Random(1)
    sent = [s for s in board(0.0, 600.0, 50.0) if rng.random() > 0.1]
    run(timebase, iter(sent))
    assert timebase.drift_ppm == pytest.approx(50, abs=10)


@pytest.mark.parametrize("counted", [False, True])
def test_drift_over_interruptions(counted: bool) -> None:
    """Five connections of two minutes, too short for a figure each, with a minute between."""
    timebase = Timebase()
    for i in range(5):
        sent = list(board(180.0 * i, 180.0 * i + 120, 80.0, seed=i))
        run(timebase, iter(sent), 0 if counted else sent[0].first)
        timebase.interrupt(counted=counted)
    assert timebase.drift_ppm == pytest.approx(80, abs=30)
