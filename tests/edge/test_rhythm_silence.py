"""Alarms of a heart that pauses or stands still, and of beats that were only missed."""

import numpy as np
import pytest

from edge.alarms import RULES, Setting
from edge.events import Label
from tests.edge.watched import Player, live, on_and_off


def test_pause_and_asystole_come_with_silence(steady: Player) -> None:
    last = steady.at
    assert steady.silence(2.1) == []  # a beat may be there that is not decided yet
    assert steady.silence(2.3) == [("pause", True)]
    assert steady.silence(3.2) == []
    assert steady.silence(4.3) == [("pause", False), ("asystole", True)]
    assert steady.watch.label == "asystole"
    assert steady.span("pause") == (last, last)
    assert steady.beat("N", 4.6) == []  # it may be an escape beat
    first = steady.at
    assert steady.beat("N") == [("asystole", False)]
    assert steady.span("asystole") == (last, first)


def test_asystole_is_told_within_four_and_a_half_seconds_of_the_last_beat() -> None:
    for rr in (0.25, 0.5, 0.8, 1.5):
        changes = live([("N", rr)] * 20, rest=30)
        assert next(t for t, c in changes if c.name == "asystole") <= 20 * rr + 4.5
        assert on_and_off(changes)[-1] == ("asystole", True)


def test_escape_beats_and_unknown_ones_do_not_end_asystole(steady: Player) -> None:
    steady.silence(5)
    assert steady.beats("N" * 5, 5.0) == []
    assert steady.beats("U" * 5) == []
    assert steady.beats("NUNUNU") == []
    told = steady.beats("NN")
    assert told[0] == ("asystole", False)
    told = steady.beats("NNN")  # slow so far
    assert dict(told).keys() <= {"extreme_bradycardia", "bradycardia"}
    assert not any(dict(told).values())


def test_a_pause_that_no_second_saw_is_still_told(steady: Player) -> None:
    assert steady.beat("N", 2.3) == [("pause", True)]
    end = steady.at
    assert steady.beat("N") == [("pause", False)]
    assert steady.span("pause") == (end - 575, end)
    steady.beats("NNN")
    assert steady.beats("N", 4.1) == [("asystole", True)]
    assert steady.beats("N") == [("asystole", False)]


@pytest.mark.parametrize("rest", [29.0, 31.0, 300.0])
def test_a_heart_may_come_back_after_any_silence(rest: float, steady: Player) -> None:
    steady.silence(5)
    assert "asystole" not in dict(steady.beat("N", rest))
    assert ("asystole", False) in steady.beats("NNN")


def heart_that_dies(rng: np.random.Generator, beats: int) -> list[tuple[str, float]]:
    """Sinus rhythm, then escape beats now and then."""
    return [("N", 0.8)] * 20 + [("N", rr) for rr in rng.uniform(2.2, 6, beats).tolist()]


@pytest.mark.parametrize("seed", range(8))
def test_a_dying_heart_is_calm_and_never_without_alarm(seed: int) -> None:
    changes = live(heart_that_dies(np.random.default_rng(seed), 30))
    high = [c for _, c in changes if c.active and RULES[c.name].priority == "high"]
    assert sum(c.name == "asystole" for c in high) <= 4
    assert len(high) <= 8
    on = {c.name: c.active for _, c in changes}
    assert any(on.values())


@pytest.mark.parametrize("rate", [32, 45, 75, 140])
@pytest.mark.parametrize("seed", range(4))
def test_a_heart_that_came_back_and_stops_again_is_told(seed: int, rate: float) -> None:
    dying = heart_that_dies(np.random.default_rng(seed), 15)
    first = len(dying)
    back = [("N", 60 / rate)] * 8
    times = np.cumsum([rr for _, rr in [*dying, *back]])
    told = [(t, c) for t, c in live([*dying, *back], rest=20) if c.name == "asystole"]
    assert told[-1][1].active
    assert times[-1] + 4 <= told[-1][0] < times[-1] + 4.5
    assert not told[-2][1].active
    assert told[-2][0] < times[first + 5] + 2


@pytest.mark.parametrize("rest", [1.44, 1.9, 2.1, 3.9, 4.1, 16.0])
@pytest.mark.parametrize("usual", [0.5, 0.8])
def test_one_silence_is_one_alarm(usual: float, rest: float) -> None:
    for off in ([], ["pause"], ["pause", "asystole"]):
        alarms: dict[str, Setting] = {**dict.fromkeys(off, "off"), "bradycardia": "off"}
        alarms["extreme_bradycardia"] = "off"
        told = live([("N", usual)] * 20 + [("N", rest)] + [("N", usual)] * 40, alarms)
        silent = {c.name for _, c in told if c.active}
        if rest < 4 and "asystole" not in off:
            assert len(silent) <= 1
        if rest >= 4 and "asystole" not in off:
            assert "asystole" in silent
            assert "missed_beat" not in silent
        if rest >= 2 and "pause" not in off:
            assert "missed_beat" not in silent
        if "asystole" in off and rest >= 1.8 * usual:
            assert silent == {"missed_beat"}


def test_a_missed_beat_is_one_long_interval_among_regular_ones(steady: Player) -> None:
    assert steady.beats("N", 1.46) == []
    end = steady.at
    assert steady.beats("N") == [("missed_beat", True)]
    assert steady.beats("N" * 20) == [("missed_beat", False)]
    assert steady.span("missed_beat") == (end - 365, end)


@pytest.mark.parametrize(
    "beats",
    [
        [("N", 1.8 * 0.8 - 0.01)],
        [("V", 0.5), ("N", 1.6)],
        [("U", 0.8), ("N", 1.6)],
        [("N", 1.6)] * 2,  # slow from then on
        [("N", 1.0), ("N", 1.6)],
    ],
)
def test_what_is_no_missed_beat(beats: list[tuple[Label, float]]) -> None:
    player = Player()
    player.beats("N" * 12)
    for label, rr in [*beats, *[beats[-1]] * (beats[-1] == ("N", 1.6) and len(beats) == 2)]:
        player.beat(label, rr)
    assert {c.name for c in player.changes} <= {"bradycardia"}


def test_missed_beats_that_recur_are_one_alarm(steady: Player) -> None:
    told = [c for _ in range(10) for c in steady.beats("N", 1.6) + steady.beats("NNNN")]
    assert told == [("missed_beat", True)]
