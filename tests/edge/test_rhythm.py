"""Alarms begin once, end once, do not flutter, and are never made of what is unknown."""

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.alarms import CHAINS, RULES, Setting
from edge.filters import STREAM_FS
from edge.rhythm import LOST_S
from tests.edge.watched import P, Player


def test_technical_alarms_are_debounced_and_tell_why(steady: Player) -> None:
    steady.wait(1)
    for reason, name in (
        ("lead_off", "lead_off"),
        ("lost", "signal_lost"),
        ("saturated", "signal_lost"),
        ("noise", "noise"),
    ):
        limit = RULES[name].limit or 0  # type: ignore[index]
        first = steady.at
        assert (name, True) not in steady.interrupt(limit - 1, reason)
        assert (name, True) in steady.interrupt(1, reason)
        assert steady.changes[-1].since == first
        assert steady.interrupt(5, reason) == []
        assert steady.wait(2) == []
        assert steady.wait(1) == [(name, False)]
        steady.wait(10)


def test_a_contact_that_chatters_is_one_alarm(steady: Player) -> None:
    steady.wait(1)
    told = [c for _ in range(60) for c in steady.interrupt(1, "lead_off") + steady.wait(1)]
    assert told == [("lead_off", True)]
    steady.wait(10)
    assert [c for _ in range(9) for c in steady.interrupt(2, "lead_off") + steady.wait(8)] == []


@pytest.mark.parametrize("beats", ["", "V", "N"])
def test_a_lost_signal_ends_no_alarm_of_high_priority(steady: Player, beats: str) -> None:
    steady.beats(beats * 40, 0.3)
    if not beats:
        steady.silence(6)
    (high,) = [name for name in steady.watch._alarms.told() if RULES[name].latching]
    told = steady.interrupt(60)
    assert high not in dict(told)
    (lost,) = [c for c in steady.changes if c.name == "signal_lost"]
    assert f"{high.replace('_', ' ')} may go on" in lost.text
    assert high not in dict(steady.wait(5))
    assert high not in dict(steady.beats("UUUU"))
    steady.beat("N", None)
    assert (high, False) in steady.beats("N" * 12)


def test_limits_of_the_user_are_the_limits() -> None:
    player = Player({"pause": 3, "tachycardia": 100, "ventricular_tachycardia": 150, "bigeminy": 5})
    player.beats("N" * 12)
    assert player.silence(2.9) == []
    assert player.silence(3.3) == [("pause", True)]
    player.beats("N" * 3)
    player.beats("N" * 20, 0.55)
    assert player.changes[-1][:2] == ("tachycardia", True)
    assert "ventricular_tachycardia" not in dict(player.beats("V" * 10, 0.45))
    assert "ventricular_tachycardia" in dict(player.beats("V" * 10, 0.35))
    player.beats("N" * 40)
    assert "bigeminy" not in dict(player.beats("NV" * 4 + "N" * 10))
    assert "bigeminy" in dict(player.beats("NV" * 5))


def test_what_is_off_is_not_told_and_hides_nothing(steady: Player) -> None:
    player = Player({"asystole": "off", "bigeminy": "off"})
    player.beats("N" * 12)
    assert player.silence(10) == [("pause", True)]
    player.beats("NN")
    told = player.beats("NV" * 20)
    assert {name for name, _ in told} == {"pvcs_per_minute"}
    assert player.watch.label == "bigeminy"
    assert Player(dict.fromkeys(RULES, "off")).fibrillate(np.random.default_rng(0), 60) == []


def test_lost_signal_ends_what_is_not_grave_and_forgets_the_rate(steady: Player) -> None:
    steady.beats("NV" * 10, 60 / 145)
    steady.interrupt()
    assert steady.watch.rate_bpm is None
    told = dict(steady.interrupt(LOST_S))
    told |= {"signal_lost": any(c.name == "signal_lost" for c in steady.changes)}
    assert told == {"bigeminy": False, "tachycardia": False, "signal_lost": True}
    assert steady.interrupt() == []
    assert steady.beats("V", None) + steady.beats("VN") == []  # what was before is not known


Step = tuple[str, float | None, float]
beats = st.tuples(
    st.sampled_from("NNNNSVVFQU"),
    st.one_of(st.none(), st.floats(0.2, 5.0)),
    st.one_of(st.just(float("nan")), st.floats(-1, 1)),
)
rhythms = st.tuples(
    st.sampled_from(["N" * 14, "V" * 6, "NV" * 4, "NNV" * 4, "VVN", "S" * 9, "U"]),
    st.sampled_from([0.25, 0.35, 0.5, 0.8, 1.6, 2.2, 3.2, 4.5]),
    st.just(P),
)
others = st.tuples(
    st.sampled_from(["silence", "interrupt", "lead_off", "noise", "flutter", "calm"]),
    st.floats(0, 12),
    st.just(0.0),
)
SETTINGS: list[Mapping[str, Setting] | None] = [
    None,
    {"asystole": "off", "tachycardia": 100, "pause": 3},
    {"bigeminy": "off", "ventricular_tachycardia": "off", "lead_off": 1},
]


def play(player: Player, steps: Sequence[Step]) -> None:
    for what, seconds, p in steps:
        s = seconds or 0.0
        if what == "silence":
            player.silence(s)
        elif what in ("flutter", "calm"):
            player.flutter(what == "flutter", round(s))
        elif what in ("interrupt", "lead_off", "noise"):
            player.interrupt(s, "lost" if what == "interrupt" else what)
        else:
            player.beats(what, seconds, p)


@given(st.lists(st.one_of(beats, rhythms, rhythms, others), max_size=60), st.sampled_from(SETTINGS))
@settings(deadline=None)
def test_alarms_alternate_apart_and_one_of_a_chain_at_a_time(
    steps: list[Step], alarms: Mapping[str, Setting] | None
) -> None:
    player = Player(alarms)
    on: set[str] = set()
    told = 0
    for step in steps:
        play(player, [step])
        for change in player.changes[told:]:
            assert change.active != (change.name in on)  # begun once, ended once
            on ^= {change.name}
            assert (alarms or {}).get(change.name) != "off"
            assert change.text
            for chain in CHAINS:
                assert len(on.intersection(chain)) <= 1
        told = len(player.changes)
    for name in RULES:
        own = [c.since for c in player.changes if c.name == name]
        assert own == sorted(own)


@given(st.lists(st.one_of(beats, rhythms, others), max_size=40), st.integers(1, 100))
@settings(deadline=None)
def test_no_loss_of_signal_ends_a_grave_alarm(steps: list[Step], seconds: int) -> None:
    player = Player()
    play(player, steps)
    grave = {name for name in player.watch._alarms.told() if RULES[name].priority == "high"}
    told = dict(player.interrupt(seconds))
    assert not grave & told.keys()
    assert grave == {n for n in player.watch._alarms.told() if RULES[n].priority == "high"}


@given(st.lists(st.one_of(beats, rhythms, others), max_size=30), st.integers(0, 3))
@settings(deadline=None, max_examples=30)
def test_the_same_again_is_told_again(steps: list[Step], times: int) -> None:
    first, second = Player(), Player()
    play(first, steps * times)
    play(second, steps * times)
    assert first.changes == second.changes


def size(thing: object) -> int:
    """Elements of all that is kept."""
    if isinstance(thing, dict):
        return sum(map(size, thing.values()))
    if isinstance(thing, list | tuple | set | frozenset | deque):
        return sum(map(size, thing))
    if hasattr(thing, "__dict__"):
        return sum(map(size, vars(thing).values()))
    return 1


def test_memory_is_bounded() -> None:
    player = Player()
    rng = np.random.default_rng(0)
    sizes = []
    for _ in range(4):
        for _ in range(1500):
            player.beat(rng.choice(list("NNVVSU")), float(rng.choice([0.2, 0.5, 0.8, 2.5])))
            if rng.random() < 0.1:
                player.interrupt(4)
                player.silence(5)
        sizes.append(size(player.watch))
    assert max(sizes) < 1000
    assert sizes[-1] <= sizes[0] * 1.3


@given(st.lists(st.tuples(st.one_of(st.none(), st.floats(0.2, 6.0)), st.floats(-1, 1))))
def test_unknown_beats_and_a_lost_signal_make_no_alarm_of_the_heart(
    events: list[tuple[float | None, float]],
) -> None:
    player = Player()
    for rr, p in events:
        if p > 0.5:
            player.interrupt()
        else:
            player.beat("U", rr, p)
    assert {RULES[c.name].priority for c in player.changes} <= {"technical"}


@given(st.lists(beats, min_size=50, max_size=200), st.integers(0, 5))
@settings(deadline=None)
def test_an_unknown_beat_changes_no_condition_for_the_worse(steps: list[Step], seed: int) -> None:
    """Whatever holds after it has held before it."""
    player = Player()
    rng = np.random.default_rng(seed)
    for label, rr, p in steps:
        player.beats(label, rr, p)
        if rng.random() < 0.3:
            before = set(player.watch._alarms.holding())
            player.beat("U", rr, p)
            assert set(player.watch._alarms.holding()) <= before


def test_the_final_observation_of_the_beat_before_a_pause_does_not_end_it() -> None:
    """It may come later than a short limit."""
    player = Player({"pause": 1.6})
    player.beats("N" * 5)
    player.at += round(0.8 * STREAM_FS)
    player.found("N", 0.8)
    start = player.at
    told = player._take(player.watch.silence(start + round(1.9 * STREAM_FS), 1.9))
    assert told == [("pause", True)]
    player.at = start
    assert player.learn("N", 0.8) == []
    player.at = start + round(2.5 * STREAM_FS)
    assert player.beats("N", 2.5) == []
    assert ("pause", False) in player.beats("NN")
