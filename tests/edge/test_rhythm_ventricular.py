"""Alarms of ventricular beats: single ones, patterns, runs, and fibrillation."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ectopy import CYCLES, TACHYCARDIA_OVER
from edge.filters import STREAM_FS
from edge.rhythm import CALM_S
from tests.edge.watched import Player


def test_couplets_are_two_and_not_more(steady: Player) -> None:
    assert steady.beats("VV", 0.7) == []  # it may become a run
    assert steady.beats("N") == [("couplet", True)]
    assert steady.beats("VVN" * 3, 0.7) == []  # it stays while they recur
    last = steady.at - round(0.7 * STREAM_FS)
    assert steady.beats("N" * 20) == [("couplet", False)]
    assert steady.span("couplet")[1] == last
    assert "couplet" not in dict(steady.beats("VVVNNVNN", 0.9))
    assert "couplet" not in dict(steady.beats("NVVN", 0.76))


@given(st.integers(1, 12), st.sampled_from([0.35, 0.5, 0.9, 1.3]))
def test_what_is_told_of_a_run_is_its_length_and_rate(beats: int, rr: float) -> None:
    player = Player()
    player.beats("N" * 12)
    first = player.at + 175
    told = player.beats("V", 0.7) + player.beats("V" * (beats - 1), rr) + player.beats("N" * 20)
    expected = set()
    if beats == 2 and rr < 0.75:
        expected = {"couplet"}
    elif rr < 0.6:
        expected |= {"ventricular_run"} if beats == 3 else set()
        expected |= {"ventricular_tachycardia"} if beats > 3 else set()
    elif rr < 1.2 and beats >= 3:
        expected = {"accelerated_ventricular_rhythm"}
    told = [change for change in told if change[0] not in ("tachycardia", "extreme_tachycardia")]
    assert {name for name, _ in told} == expected
    assert len(told) == 2 * len(expected)
    assert {player.span(name)[0] for name in expected} <= {first}


@pytest.mark.parametrize(
    ("labels", "like", "rr", "told"),
    [
        ("VVVV", 1.0, 0.4, True),
        ("SSSS", 0.8, 0.4, True),
        ("SSSS", 0.9, 0.4, False),
        ("VVSV", 0.8, 0.4, True),
        ("VVUV", 0.8, 0.4, True),
        ("VVUV", 0.9, 0.4, False),
        ("VUVUV", 0.8, 0.4, False),
        ("VVNVV", 0.8, 0.4, False),
        ("VVFVV", 0.8, 0.4, False),
        ("SSSS", 0.8, 0.61, False),
    ],
)
def test_what_counts_as_ventricular_in_a_tachycardia(
    labels: str, like: float, rr: float, told: bool, steady: Player
) -> None:
    """And with the provisional observation of the fourth beat."""
    for i, label in enumerate(labels):
        said: Any = label
        steady.at += round(rr * STREAM_FS)
        steady.found(said, rr, like=like)
        assert ("ventricular_tachycardia" in steady.watch._alarms) == (told and i == 3)
        steady.learn(said, rr, like=like)
    assert ("ventricular_tachycardia" in steady.watch._alarms) == told


@pytest.mark.parametrize(
    ("alike", "told"),
    [((0.1, 1, 1, 1), True), ((1, 0.5, 0.2, 0.7), True), ((1, 0.3, 0.3, 0.7), False)],
)
def test_what_is_unlike_itself_is_no_tachycardia(
    alike: tuple[float, ...], told: bool, steady: Player
) -> None:
    """Movement; but what is like the beat before its first matters not."""
    for each in alike:
        steady.at += round(0.4 * STREAM_FS)
        steady.found("V", 0.4, alike=each)
        steady.learn("V", 0.4, alike=each)
    assert ("ventricular_tachycardia" in steady.watch._alarms) == told
    assert ("ventricular_run" in steady.watch._alarms.told()) != told


def test_a_tachycardia_of_which_one_beat_is_unknown_is_regular(steady: Player) -> None:
    for label, rr in (("V", 0.4), ("V", 0.4), ("U", 0.4), ("V", 0.81), ("V", 0.4)):
        said: Any = label
        steady.at += round(rr * STREAM_FS)
        steady.found(said, rr, like=0.5)
        steady.learn(said, rr, like=0.5)
    assert "ventricular_tachycardia" not in steady.watch._alarms


@pytest.mark.parametrize(("rr", "name"), [(1.6, "bradycardia"), (0.41, "tachycardia")])
def test_a_rate_is_made_of_sure_peaks_whatever_they_are(
    rr: float, name: str, steady: Player
) -> None:
    """Also while noise hides what they are: neither that nor their labels end it."""
    for sure in (False, True):
        told = []
        for _ in range(20):
            steady.at += round(rr * STREAM_FS)
            told += steady.found("U", rr, sure)
            told += steady.learn("U", rr)
            told += steady._take(steady.watch.interrupt(steady.at, "noise"))
        assert ((name, True) in told) == sure
        assert (name, False) not in told


def test_a_misnamed_or_unknown_beat_does_not_end_a_tachycardia(steady: Player) -> None:
    assert ("ventricular_tachycardia", True) in steady.beats("V" * 8, 0.4)
    assert steady.watch.label == "ventricular_tachycardia"
    told = steady.beats("NVVVVVUVVVVVUUUUU", 0.4)
    assert "ventricular_tachycardia" not in dict(told)
    assert ("ventricular_tachycardia", False) in steady.beats("N" * TACHYCARDIA_OVER)


def test_ventricular_escape_beats_are_bradycardia_alone(steady: Player) -> None:
    told = steady.beats("V" * 15 + "NN" + "V" * 10, 2.0)
    assert {name for name, _ in told} == {"pause", "bradycardia"}
    assert told[-1] == ("bradycardia", True)


def test_r_on_t_is_early_and_followed_by_a_pause(steady: Player) -> None:
    mean = 0.8
    for early, after, told in ((0.26, 1.1, True), (0.28, 1.1, False), (0.26, 0.9, False)):
        steady.beats("N" * 20, mean)
        first = steady.at + round(early * STREAM_FS)
        steady.beat("V", early)
        assert (steady.beat("N", after) == [("r_on_t", True)]) == told
        if told:
            assert steady.changes[-1].since == first
    player = Player()
    player.beats("N" * 12, 0.55)
    assert player.beats("V", 0.15) + player.beats("N", 0.9) == []  # above 100/min


def test_ventricular_beats_in_a_minute(steady: Player) -> None:
    unit = "NNNNV"  # every 4 s, 15 a minute
    assert steady.beats(unit * 10) == []
    assert steady.beats(unit) == [("pvcs_per_minute", True)]
    assert steady.changes[-1].since == steady.at  # not before it is so
    assert steady.beats(unit * 20) == []
    told = steady.beats("NNNNNNNV" * 20)  # 9 a minute
    assert told == []
    assert steady.beats("N" * 60) == [("pvcs_per_minute", False)]


def test_runs_are_not_counted_as_single_beats() -> None:
    player = Player()
    player.beats("N" * 12)
    assert "pvcs_per_minute" not in dict(player.beats("NNNNVVV" * 10, 0.5))


@pytest.mark.parametrize(("name", "unit"), [("bigeminy", "NV"), ("trigeminy", "NNV")])
def test_bi_and_trigeminy_need_cycles_to_begin_and_to_end(
    steady: Player, name: str, unit: str
) -> None:
    assert steady.beats(unit * (CYCLES - 1)) == []
    first = steady.at - round((len(unit) * (CYCLES - 2)) * 0.8 * STREAM_FS)
    assert steady.beats(unit) == [(name, True)]
    assert steady.watch.label == name
    assert steady.beats(unit * 5 + "N" + unit * 5) == []  # one more normal beat changes nothing
    told = steady.beats("N" * 12)
    assert told[0] == (name, False)
    assert steady.span(name)[0] == first


@pytest.mark.parametrize("unit", ["NV", "NNV"])
def test_what_was_told_as_a_pattern_is_not_told_again_as_a_rate(unit: str, steady: Player) -> None:
    told = steady.beats(unit * 60 + "N" * 15 + "NNNNV" * 5 + "N" * 100)
    assert "pvcs_per_minute" not in dict(told)
    assert len(told) == 2
    assert ("pvcs_per_minute", True) in steady.beats("NNNNV" * 12)


def test_a_rate_of_ventricular_beats_begins_with_one(steady: Player) -> None:
    """Not with an unknown one, while the signal comes and goes."""
    steady.beats("NNNNV" * 12, 0.7)
    steady.interrupt(4)
    for _ in range(5):
        assert "pvcs_per_minute" not in dict(steady.beat("U", 0.8))
        steady.interrupt(1)


def test_couplets_in_bigeminy_do_not_flood(steady: Player) -> None:
    told = steady.beats("NV" * 4 + ("NVNVV" * 1 + "NV" * 6) * 10)
    assert told == [("bigeminy", True)]


def test_one_pattern_follows_the_other() -> None:
    player = Player({"pvcs_per_minute": "off"})
    player.beats("N" * 12)
    told = player.beats("NV" * 6 + "NNV" * 6 + "NV" * 6)
    assert told == [
        ("bigeminy", True),
        *(("bigeminy", False), ("trigeminy", True)),
        *(("trigeminy", False), ("bigeminy", True)),
    ]


def test_fibrillation_of_the_ventricles_hides_all_that_beats_say(steady: Player) -> None:
    vf = "ventricular_fibrillation"
    steady.wait(1)
    begins = steady.at
    assert steady.flutter(True, 3) == []
    assert steady.flutter(True, 2) == []  # since a new second each call of ours
    told = steady._take(steady.watch.flutter(begins + 1000, True, begins))
    assert told == [(vf, True)]
    assert steady.watch.label == vf
    assert steady.silence(20) == []
    assert steady.beats("V" * 20, 0.25) == []
    assert steady.flutter(False, CALM_S - 1) == []
    steady.interrupt()
    assert steady.flutter(False, CALM_S - 1) == []  # none of a lost signal counts
    assert steady.flutter(False, 1)[0] == (vf, False)


def test_standstill_after_fibrillation_is_told_at_once(steady: Player) -> None:
    steady._take(steady.watch.flutter(steady.at + 1000, True, steady.at))
    assert steady.silence(6) == []
    told = steady.flutter(False, CALM_S)
    assert told == [("ventricular_fibrillation", False), ("asystole", True)]
