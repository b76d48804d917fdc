"""Atrial fibrillation: when it is told, when it is over, and what is none."""

from itertools import cycle, islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.beats import P_PART, SAMPLES
from edge.events import Label
from edge.fibrillation import BEATS, LEAST, PWaves
from edge.filters import STREAM_FS
from edge.rhythm import FORGOTTEN_S
from tests.edge.watched import AF, NO_P, P, Player, window


def test_fibrillation_is_found_and_over_within_its_window(steady: Player) -> None:
    steady.beats("N" * BEATS)
    begins = steady.at
    told = steady.fibrillate(np.random.default_rng(0), 2 * BEATS)
    assert (AF, True) in told
    assert steady.watch.label == AF
    ends = steady.at
    assert steady.beats("N" * 2 * BEATS) == [(AF, False)]
    on, off = steady.span(AF)
    tolerance = BEATS // 2 * STREAM_FS  # half a window of one beat a second
    assert abs(on - begins) < tolerance
    assert abs(off - ends) < tolerance


@given(st.integers(0, 1000), st.sampled_from([0.5, 0.75, 1.5]))
@settings(max_examples=40)
def test_fibrillation_is_found_at_every_rate_at_the_same_beat(seed: int, scale: float) -> None:
    rr = np.random.default_rng(seed).uniform(0.45, 1.1, 2 * BEATS)

    def told(intervals: list[float]) -> list[int]:
        player = Player()
        return [i for i, x in enumerate(intervals) if (AF, True) in player.beat("N", x, NO_P)]

    found = told(rr.tolist())
    assert found[0] <= BEATS
    assert told((scale * rr).tolist()) == found


def test_fibrillation_that_was_there_from_the_start_dates_from_there() -> None:
    player = Player()
    player.beat("N", None, NO_P)
    first = player.at
    assert (AF, True) in player.fibrillate(np.random.default_rng(1), LEAST + 1)
    assert [c.since for c in player.changes] == [first]


@given(
    st.integers(0, 1000),
    st.floats(0.35, 1.5),
    st.floats(0, 0.04),
    st.floats(0, 0.25),
    st.booleans(),
)
@settings(max_examples=40)
def test_a_rhythm_that_jitters_and_breathes_is_no_fibrillation(
    seed: int, rr: float, jitter: float, breath: float, p: bool
) -> None:
    rng = np.random.default_rng(seed)
    player = Player()
    phase = 0.0
    for _ in range(150):
        phase += 2 * np.pi * 0.25 * rr
        interval = rr * (1 + breath * np.sin(phase) + jitter * rng.normal())
        player.beat("N", float(interval), P if p or breath > 0.05 or jitter > 0.02 else NO_P)
    assert AF not in {c.name for c in player.changes}


@given(
    st.lists(st.sampled_from(["NV", "NNV", "NS", "NNS", "NNNS", "NNNNV", "N"]), min_size=20),
    st.floats(0.5, 0.8),
    st.sampled_from(["told", "missed"]),
)
@settings(max_examples=60)
def test_ectopic_beats_are_no_fibrillation(units: list[str], early: float, named: str) -> None:
    """Not even where their labels are missed, for sinus beats keep their P wave."""
    player = Player()
    rr = 0.8
    for label in "".join(units):
        if label == "N":
            player.beat("N", rr)
            rr = 0.8
        else:
            said: Label = "N" if named == "missed" else "V" if label == "V" else "S"
            player.beat(said, 0.8 * early, NO_P)
            rr = 0.8 * (2 - early)
    assert AF not in {c.name for c in player.changes}


@given(st.sampled_from(["NNS", "NS", "NNNS"]), st.floats(0.5, 0.75))
def test_a_pattern_without_p_waves_repeats_itself_and_is_no_fibrillation(
    unit: str, early: float
) -> None:
    player = Player()
    rng = np.random.default_rng(1)
    last = "N"
    for label in islice(cycle(unit), 150):
        rr = 0.8 * early if label == "S" else 0.8 * (2 - early) if last == "S" else 0.8
        player.beat("N", float(rr * (1 + 0.01 * rng.normal())), NO_P)
        last = label
    assert AF not in {c.name for c in player.changes}


@given(st.integers(0, 1000), st.integers(4, 8), st.integers(16, 40))
@settings(max_examples=40)
def test_bursts_between_steady_beats_are_no_fibrillation(seed: int, burst: int, rest: int) -> None:
    """Not even where no P wave is seen."""
    rng = np.random.default_rng(seed)
    player = Player()
    player.beats("N" * BEATS, 0.8, NO_P)
    for _ in range(6):
        for rr in [*rng.uniform(0.35, 0.6, burst), 1.0, *rng.normal(0.8, 0.01, rest)]:
            player.beat("N", float(rr), NO_P)
    assert AF not in {c.name for c in player.changes}


@given(st.integers(0, 1000), st.integers(3, 16), st.floats(0, 1), st.floats(0.01, 100))
def test_p_waves_are_alike_as_any_two_of_them_correlate(
    seed: int, beats: int, p: float, gain: float
) -> None:
    """Smoothed, and about their straight line: neither gain nor baseline matters."""
    rng = np.random.default_rng(seed)
    waves = [window(p, rng)[0] for _ in range(beats)]
    at = np.arange(SAMPLES)
    p_waves = PWaves()
    for wave in waves:
        level, slope = rng.normal(0, 1, 2)
        alike = p_waves.learn(gain * (wave + level + slope * at))
    smooth = [np.convolve(wave, [1, 2, 3, 4, 3, 2, 1], "same")[P_PART] for wave in waves]
    parts = [x - np.polyval(np.polyfit(at[P_PART], x, 1), at[P_PART]) for x in smooth]
    pairs = np.corrcoef(parts)[np.triu_indices(beats, 1)]
    assert alike == pytest.approx(pairs.mean(), abs=1e-6)


def test_without_judged_p_waves_nothing_is_said(steady: Player) -> None:
    player = Player()
    assert AF not in dict(player.fibrillate(np.random.default_rng(3), 100, float("nan")))


def test_little_is_not_enough() -> None:
    player = Player()
    rng = np.random.default_rng(4)
    for _ in range(20):  # pairs of beats, unknown ones between
        assert AF not in dict(player.fibrillate(rng, LEAST // 2))
        player.beat("U", 0.8)
        player.interrupt(FORGOTTEN_S)
        player.beat("N", None)


def test_fibrillation_outlasts_a_short_loss_of_signal_and_no_long_one(steady: Player) -> None:
    rng = np.random.default_rng(5)
    steady.fibrillate(rng, 60)
    assert AF in steady.watch.label
    assert AF not in dict(steady.interrupt(FORGOTTEN_S - 1))
    assert steady.watch.label == "unknown"
    steady.beat("N", None)
    assert steady.watch.label == AF
    assert steady.interrupt(FORGOTTEN_S) == [(AF, False)]
    assert steady.beats("N", None) == []
    assert steady.watch.label == "unknown"
