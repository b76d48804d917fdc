"""Alarms of the heart's rate: slow, fast, and suddenly fast."""

import pytest

from edge.alarms import RULES
from edge.events import AlarmName
from edge.filters import STREAM_FS
from tests.edge.watched import Player, live, names, on_and_off


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


@pytest.mark.parametrize("rate", [14.0, 15.5, 18.0, 20.0, 22.0, 25.0, 28.6, 30.0, 35.0, 39.0])
def test_a_slow_heart_gives_one_standing_alarm(rate: float) -> None:
    changes = live([("N", 0.8)] * 10 + [("N", 60 / rate)] * 30)
    last = on_and_off(changes)[-1]
    standing: AlarmName = (
        "asystole" if rate < 15 else "extreme_bradycardia" if rate < 20 else "bradycardia"
    )
    assert last == (standing, True)
    assert len(changes) <= 5  # at most a pause first, and what is less grave
    t, _ = changes[-1]
    assert t <= 8.0 + 60 / rate * 4 + 2.5


@pytest.mark.parametrize("rate", [41.0, 60.0, 100.0, 139.0])
def test_an_ordinary_rate_gives_none(rate: float) -> None:
    assert live([("N", 60 / rate)] * 40) == []


def test_bradycardia_ends_beyond_its_second_limit(steady: Player) -> None:
    assert steady.beats("N" * 20, 60 / 35) == [("bradycardia", True)]
    assert steady.watch.label == "bradycardia"
    assert steady.beats("N" * 20, 60 / 43) == []
    assert steady.beats("N" * 20, 60 / 70) == [("bradycardia", False)]


def test_tachycardia_ends_beyond_its_second_limit(steady: Player) -> None:
    told = [c for rate in range(80, 150) for c in steady.beat("N", 60 / rate)]
    assert told + steady.beats("N" * 20, 60 / 150) == [("tachycardia", True)]
    assert steady.watch.label == "tachycardia"
    assert steady.beats("N" * 20, 60 / 130) == []
    assert steady.beats("N" * 20, 60 / 90) == [("tachycardia", False)]


def test_bradycardia_is_told_in_the_silence_that_makes_it(steady: Player) -> None:
    steady.beats("N", 2.6)  # this is a pause so far
    assert steady.watch._alarms.told() == ["pause"]
    assert steady.silence(2.3) == [("pause", False), ("bradycardia", True)]
    assert steady.beats("N" * 9, 2.6) == []


@pytest.mark.parametrize(
    ("name", "rr", "told"),
    [
        ("bradycardia", 1.49, False),
        ("bradycardia", 1.51, True),
        ("extreme_bradycardia", 2.99, False),
        ("extreme_bradycardia", 3.01, True),
        ("tachycardia", 0.432, False),
        ("tachycardia", 0.425, True),
        ("extreme_tachycardia", 0.377, False),
        ("extreme_tachycardia", 0.373, True),
    ],
)
def test_a_limit_of_the_rate_is_met_from_its_own_side(name: str, rr: float, told: bool) -> None:
    player = Player()
    assert ((name, True) in player.beats("N" * 14, rr)) == told


def test_one_pause_is_no_bradycardia_and_one_early_beat_does_not_end_it(steady: Player) -> None:
    assert dict(steady.beat("N", 5.0)).keys() == {"asystole"}
    assert "bradycardia" not in dict(steady.beats("N" * 8))
    steady.beats("N" * 8, 1.7)
    assert steady.beats("SNNNSNNN", None) == []
    assert "bradycardia" in steady.watch.label


def test_fast_beats_are_told_within_eight_seconds() -> None:
    for rate in (165, 180, 206, 240, 300):
        for label in "NSV":
            before = [("N", 0.75)] * 20
            changes = live(before + [(label, 60 / rate)] * 60)
            high = [t for t, c in changes if c.active and RULES[c.name].priority == "high"]
            assert high
            assert high[0] < 15 + 8
            told = names(changes)
            assert told <= {
                "supraventricular_tachycardia",
                "extreme_tachycardia",
                "tachycardia",
                "ventricular_run",
                "ventricular_tachycardia",
            }
            assert ("ventricular_tachycardia" in told) == (label == "V")


@pytest.mark.parametrize("label", "NSV")
@pytest.mark.parametrize("pause", [0.0, 1.5, 6.0])
@pytest.mark.parametrize("rate", [143, 165, 210, 290])
@pytest.mark.parametrize("usual", [45, 100])
def test_no_tachycardia_is_told_of_what_is_over(
    usual: float, rate: float, pause: float, label: str
) -> None:
    """And none begins before the first fast interval does."""
    before, fast, after = 20 * [("N", 60 / usual)], 80 * [(label, 60 / rate)], 60 / usual
    changes = live([*before, *fast, ("N", pause + after), *[("N", after)] * 30])
    onset = 20 * 60 / usual
    end = onset + 80 * 60 / rate
    rates = ("tachycardia", "extreme_tachycardia", "supraventricular_tachycardia")
    told = [(t, c) for t, c in changes if c.name in (*rates, "ventricular_tachycardia")]
    assert all(t < end + 0.3 for t, c in told if c.active)
    assert all(c.since >= onset * STREAM_FS - 2 for _, c in told)
    assert names(told)
    assert max(t for t, c in told if not c.active) < end + pause + 12 * after


@pytest.mark.parametrize("label", ["N", "S"])
def test_supraventricular_tachycardia_is_eight_sudden_regular_fast_beats(
    steady: Player, label: str
) -> None:
    svt = "supraventricular_tachycardia"
    first = steady.at
    assert steady.beats(label * 6, 60 / 155) == []
    assert steady.beats(label, 60 / 155) == [(svt, True)]  # the beat before the first is the first
    assert steady.watch.label == svt
    assert steady.beats(label * 30, 60 / 155) == []  # no tachycardia beside it
    assert steady.beats("N" * 2, 0.8) == []
    assert steady.beats("N", 0.8) == [(svt, False)]
    assert steady.span(svt)[0] == first


def test_a_rate_that_rises_or_is_irregular_is_no_supraventricular_tachycardia() -> None:
    rising = [("N", 60 / rate) for rate in range(80, 158)]
    assert names(live(rising + [("N", 60 / 155)] * 20)) == {"tachycardia"}
    irregular = [("N", rr) for rr in [0.3, 0.5] * 15]
    assert names(live([("N", 0.8)] * 10 + irregular)) == {"tachycardia"}
