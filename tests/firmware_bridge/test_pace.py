"""The rate, told early: never a false alarm on a right board, and soon on a wrong one."""

import math
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.estimator import RateEstimator, rounded
from firmware_bridge.pace import FAR, SOON_S, Pace


def arrivals(
    rate: float,
    seconds: float,
    lump_s: float = 0.0,
    backlog_s: float = 0.0,
    stall: tuple[float, float] = (0.0, 0.0),
    late_s: float = 0.02,
    seed: int = 0,
) -> Iterator[tuple[float, int]]:
    """Arrivals at a reader that looks every 60 ms or so, and once not at all for a while.

    `backlog_s`: what came before it began waits for it, 512 samples a read.
    """
    rng = random.Random(seed)
    at, taken = 0.0, 0
    while at < seconds:
        at += 0.06 + late_s * rng.random()
        if stall[0] <= at < sum(stall):
            at = sum(stall)
        seen_s = at + backlog_s
        if lump_s:
            seen_s = seen_s // lump_s * lump_s
        there = math.floor(seen_s * rate)
        while there > taken:
            taken = min(there, taken + 512)
            yield at, taken
            at += 0.001


boards = {
    "rate": st.sampled_from([90.0, 125.0, 250.0, 1000.0]),
    "lump_s": st.sampled_from([0.0, 0.1, 0.5, 2.0, 5.0]),
    "backlog_s": st.floats(0, 20),
    "stall": st.tuples(st.floats(0, 30), st.floats(0, 10)),
    "late_s": st.floats(0, 0.2),
    "seed": st.integers(0, 999),
}


@settings(deadline=None, max_examples=300)
@given(off=st.floats(-0.005, 0.005), **boards)
def test_no_false_alarm(
    off: float,
    rate: float,
    lump_s: float,
    backlog_s: float,
    stall: tuple[float, float],
    late_s: float,
    seed: int,
) -> None:
    pace = Pace()
    for at, end in arrivals(rate * (1 + off), 60.0, lump_s, backlog_s, stall, late_s, seed):
        pace.add(at, end)
        assert pace.far(rate) is None


@settings(deadline=None, max_examples=100)
@given(
    rate=st.sampled_from([60.0, 90.0, 125.0, 250.0]),
    ratio=st.one_of(st.floats(0.2, 0.94), st.floats(1.06, 5)),
    backlog_s=st.floats(0, 5),
    seed=st.integers(0, 999),
)
def test_a_wrong_rate_is_told_within_twelve_seconds(
    rate: float, ratio: float, backlog_s: float, seed: int
) -> None:
    pace = Pace()
    for at, end in arrivals(rate, 12.0, 0.0, backlog_s, seed=seed):
        pace.add(at, end)
    told = pace.far(rate / ratio)
    assert told == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize("lump_s", [0.5, 5.0])
def test_half_the_rate_is_told_in_lumps_too(lump_s: float) -> None:
    pace, told_s = Pace(), None
    for at, end in arrivals(125.0, 40.0, lump_s, 3.0):
        pace.add(at, end)
        if told_s is None and pace.far(250.0):
            told_s = at
            assert pace.far(250.0) == pytest.approx(125, rel=0.02)
    assert told_s is not None
    assert told_s <= (12 if lump_s < 1 else 30)


def test_it_is_not_told_before_it_is_known() -> None:
    pace = Pace()
    assert pace.rate_hz() is None
    for at, end in arrivals(125.0, SOON_S - 0.5):
        pace.add(at, end)
    assert pace.rate_hz() is None
    assert pace.far(250.0) is None


@pytest.mark.parametrize(
    ("rate", "rates", "meant"),
    [
        (125.7, (125.0, 250.0), 125.0),
        (189.96, (), 190.0),
        (99.6, (), 100.0),
        (1003.0, (), 1000.0),
        (59.8, (), 60.0),
        (121.0, (120.0, 128.0), 120.0),
        (93.14, (), 93.1),
        (140.0, (125.0, 250.0), 140.0),
    ],
)
def test_what_is_meant(rate: float, rates: tuple[float, ...], meant: float) -> None:
    assert rounded(rate, rates) == meant
    assert FAR == 0.03  # a rate of a board's list is meant up to where it would be told


def estimated(rate: float, seed: int = 0, lump_s: float = 0.5) -> float:
    """As `RateEstimator` does for a board of this rate, whose bytes come in lumps."""
    now, sent = 0.0, 0
    estimator = RateEstimator("ad8232", lambda: now)
    estimator.feed(b"\n")
    for at, end in arrivals(rate, 60.0, lump_s, seed=seed, late_s=0.2):
        now = at
        if blocks := estimator.feed(b"512\n" * (end - sent)):
            return blocks[0].fs
        sent = end
    raise AssertionError("no rate")


@settings(deadline=None, max_examples=30)
@given(
    rate=st.sampled_from([60.0, 1000.0]),
    off=st.floats(-0.02, 0.02),
    lump_s=st.sampled_from([0.5, 5.0]),
    seed=st.integers(0, 999),
)
def test_an_estimate_just_out_of_bounds_is_no_refusal(
    rate: float, off: float, lump_s: float, seed: int
) -> None:
    assert 60 <= estimated(rate * (1 + off), seed, lump_s) <= 1000


def test_a_rate_far_out_of_bounds_stays_so() -> None:
    assert estimated(30.0) < 50
    assert estimated(1500.0) > 1200
