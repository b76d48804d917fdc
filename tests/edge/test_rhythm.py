"""Alarms begin once, end once, do not flutter, and are never made of what is unknown."""

import math
from collections.abc import Iterable
from itertools import cycle, islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.alarms import Change
from edge.beats import P_PART, SAMPLES
from edge.ectopy import CYCLES, TACHYCARDIA_OVER
from edge.events import Label
from edge.fibrillation import BEATS, LEAST, PWaves
from edge.filters import STREAM_FS
from edge.rhythm import FORGOTTEN_S, RhythmWatch

AF = "atrial_fibrillation"
P, NO_P = 0.9, 0.05
P_WAVE = np.exp(-0.5 * ((np.arange(SAMPLES) - P_PART.start - 12) / 4) ** 2)


def window(p: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A beat before whose QRS the share `p` is the patient's P wave, and the rest is by chance.

    NaN where it cannot be judged.
    """
    chance = rng.normal(0, 0.5, SAMPLES)
    return np.array([p * P_WAVE + math.sqrt(1 - p**2) * chance])


class Player:
    """A watch, and the clock of what it is fed with."""

    def __init__(self) -> None:
        self.watch = RhythmWatch(1)
        self.rng = np.random.default_rng(0)
        self.at = 0
        self.changes: list[Change] = []

    def beat(
        self, label: Label = "N", rr: float | None = 0.8, p: float = P
    ) -> list[tuple[str, bool]]:
        self.at += round((rr or 1.0) * STREAM_FS)
        return self._take(self.watch.beat(self.at, label, rr, window(p, self.rng)))

    def beats(
        self, labels: Iterable[str], rr: float | None = 0.8, p: float = P
    ) -> list[tuple[str, bool]]:
        return [change for label in labels for change in self.beat(label, rr, p)]  # type: ignore[arg-type]

    def fibrillate(
        self, rng: np.random.Generator, beats: int, p: float = NO_P
    ) -> list[tuple[str, bool]]:
        rr = rng.uniform(0.45, 1.1, beats).tolist()
        return [change for interval in rr for change in self.beat("N", interval, p)]

    def silence(self, seconds: float) -> list[tuple[str, bool]]:
        return self._take(self.watch.silence(self.at + round(seconds * STREAM_FS), seconds))

    def interrupt(self, seconds: int = 1) -> list[tuple[str, bool]]:
        told = []
        for _ in range(seconds):
            self.at += round(STREAM_FS)
            told += self._take(self.watch.interrupt(self.at))
        return told

    def _take(self, changes: list[Change]) -> list[tuple[str, bool]]:
        self.changes += changes
        assert all(c.since <= self.at + STREAM_FS * 5 for c in changes)
        return [(c.name, c.active) for c in changes]

    def span(self, name: str) -> tuple[int, int]:
        on, off = (c.since for c in self.changes if c.name == name)
        return on, off


@pytest.fixture
def steady() -> Player:
    player = Player()
    assert player.beats("N" * 12) == []
    return player


def test_rate_and_regularity() -> None:
    player = Player()
    assert player.watch.rate_bpm is None
    labels = [player.watch.label]
    player.beats("N" * 10, 0.75)
    assert player.watch.rate_bpm == 80
    labels.append(player.watch.label)
    for rr in (0.5, 0.9, 0.6, 1.1, 0.7, 0.5, 0.9, 0.6):
        player.beat("N", rr)
    assert [*labels, player.watch.label] == ["unknown", "regular", "irregular"]


def test_slow_and_fast_alarm_once_and_end_beyond_the_second_limit(steady: Player) -> None:
    assert steady.beats("N" * 20, 60 / 35) == [("bradycardia", True)]
    assert steady.watch.label == "bradycardia"
    assert steady.beats("N" * 20, 60 / 43) == []
    assert steady.beats("N" * 20, 60 / 70) == [("bradycardia", False)]
    assert steady.beats("N" * 20, 60 / 150) == [("tachycardia", True)]
    assert steady.beats("N" * 20, 60 / 135) == []
    assert steady.beats("N" * 20, 60 / 90) == [("tachycardia", False)]


def test_a_few_fast_beats_are_no_tachycardia(steady: Player) -> None:
    steady.interrupt()
    assert steady.beats("N" * 7, 60 / 170) == []
    assert steady.beats("N", 60 / 170) == [("tachycardia", True)]


def test_pause_and_asystole_come_with_silence_and_go_with_a_beat(steady: Player) -> None:
    last = steady.at
    assert steady.silence(2.1) == []  # a beat may be there that is not decided yet
    assert steady.silence(2.3) == [("pause", True)]
    assert steady.silence(3.2) == []
    assert steady.silence(4.3) == [("asystole", True)]
    assert sorted(steady.beat("N", 4.6)) == [("asystole", False), ("pause", False)]
    assert steady.span("pause") == steady.span("asystole") == (last, steady.at)


def test_a_pause_that_no_second_saw_is_still_told(steady: Player) -> None:
    assert steady.beat("N", 2.3) == [("pause", True), ("pause", False)]
    assert steady.span("pause") == (steady.at - 575, steady.at)
    told = steady.beat("N", 4.1)
    assert told == [(name, on) for name in ("pause", "asystole") for on in (True, False)]


def test_couplets_are_two_and_not_more(steady: Player) -> None:
    assert steady.beats("VV") == []  # it may become a run
    assert steady.beats("NN") == [("couplet", True), ("couplet", False)]
    assert "couplet" not in dict(steady.beats("VVVNNVNN", 0.9))


@given(st.integers(1, 12), st.sampled_from([0.35, 0.5, 0.9]))
def test_what_is_told_of_a_run_is_its_length_and_rate(beats: int, rr: float) -> None:
    player = Player()
    player.beats("N" * 12)
    first = player.at + 175
    told = player.beats("V", 0.7) + player.beats("V" * (beats - 1), rr) + player.beats("N" * 5)
    expected = set()
    if beats == 2:
        expected = {"couplet"}
    elif rr < 0.6:
        expected |= {"ventricular_run"} if beats >= 3 else set()
        expected |= {"ventricular_tachycardia"} if beats >= 5 else set()
    told = [change for change in told if change[0] != "tachycardia"]
    assert {name for name, _ in told} == expected
    assert len(told) == 2 * len(expected)
    assert {player.span(name)[0] for name in expected} <= {first}


def test_a_misnamed_beat_does_not_end_a_tachycardia(steady: Player) -> None:
    assert ("ventricular_tachycardia", True) in steady.beats("V" * 8, 0.4)
    assert steady.watch.label == "ventricular_tachycardia"
    told = steady.beats("NVVVVVUVVVVV", 0.4)
    assert "ventricular_tachycardia" not in dict(told)
    assert ("ventricular_tachycardia", False) in steady.beats("N" * TACHYCARDIA_OVER)


@pytest.mark.parametrize(("name", "unit"), [("bigeminy", "NV"), ("trigeminy", "NNV")])
def test_bi_and_trigeminy_need_cycles_to_begin_and_to_end(
    steady: Player, name: str, unit: str
) -> None:
    assert steady.beats(unit * (CYCLES - 1)) == []
    first = steady.at - round((len(unit) * (CYCLES - 2)) * 0.8 * STREAM_FS)
    assert steady.beats(unit) == [(name, True)]
    assert steady.watch.label == name
    assert steady.beats(unit * 5 + "N" + unit * 5) == []  # one more normal beat changes nothing
    assert steady.beats("N" * 12) == [(name, False)]
    assert steady.span(name)[0] == first


def test_one_pattern_follows_the_other(steady: Player) -> None:
    told = steady.beats("NV" * 6 + "NNV" * 6 + "NV" * 6)
    assert told == [
        ("bigeminy", True),
        *(("bigeminy", False), ("trigeminy", True)),
        *(("trigeminy", False), ("bigeminy", True)),
    ]


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
    assert player.fibrillate(np.random.default_rng(3), 100, float("nan")) == []


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


def test_lost_signal_ends_every_alarm_and_forgets_the_rate(steady: Player) -> None:
    steady.beats("NV" * 10, 60 / 150)
    assert sorted(steady.interrupt()) == [("bigeminy", False), ("tachycardia", False)]
    assert steady.watch.rate_bpm is None
    assert steady.interrupt() == []
    assert steady.beats("V", None) + steady.beats("VN") == []  # what was before is not known


Event = tuple[str, float | None, float]
beats = st.tuples(
    st.sampled_from("NNNNSVVFQU"),
    st.one_of(st.none(), st.floats(0.2, 5.0)),
    st.one_of(st.just(float("nan")), st.floats(-1, 1)),
)
others = st.tuples(st.sampled_from(["silence", "interrupt"]), st.floats(0, 9), st.just(0.0))


@given(st.lists(st.one_of(beats, beats, others), max_size=300))
def test_alarms_alternate_and_their_stretches_are_apart(events: list[Event]) -> None:
    player = Player()
    for label, seconds, p in events:
        if label == "silence":
            player.silence(seconds or 0.0)
        elif label == "interrupt":
            player.interrupt()
        else:
            player.beats(label, seconds, p)
    for name in {c.name for c in player.changes}:
        own = [c for c in player.changes if c.name == name]
        assert [c.active for c in own] == [i % 2 == 0 for i in range(len(own))]
        assert [c.since for c in own] == sorted(c.since for c in own)


@given(st.lists(st.tuples(st.one_of(st.none(), st.floats(0.2, 6.0)), st.floats(-1, 1))))
def test_unknown_beats_and_a_lost_signal_make_no_alarm(
    events: list[tuple[float | None, float]],
) -> None:
    player = Player()
    for rr, p in events:
        if p > 0.5:
            player.interrupt()
        else:
            player.beat("U", rr, p)
    assert player.changes == []


@given(st.lists(beats, min_size=50, max_size=200), st.integers(0, 5))
def test_an_unknown_beat_makes_no_alarm_by_itself(events: list[Event], seed: int) -> None:
    """Whatever is on after it was on before it."""
    player = Player()
    rng = np.random.default_rng(seed)
    for label, rr, p in events:
        player.beats(label, rr, p)
        if rng.random() < 0.3:
            assert all(not active for _, active in player.beat("U", rr, p))
