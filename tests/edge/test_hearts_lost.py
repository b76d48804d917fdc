"""Hearts of which part is not seen: leads that die, contacts off, dropouts and holes."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from firmware_bridge.block import LeadState
from tests.edge.bedside import LEARNT_S, TECHNICAL, assert_found, contacts, hookups, times
from tests.edge.hearts import (
    HOOKUPS,
    Hookup,
    Signal,
    Told,
    block,
    broad,
    draw,
    followed,
    monitored,
    seen,
    steady,
    watched,
)


@hookups
@pytest.mark.parametrize("kind", ["off", "gap"])
def test_a_lost_signal_is_told_as_such_and_is_no_asystole(kind: str, hookup: Hookup) -> None:
    fs = hookup.fs
    script = steady(75, 0.5, 59)
    mv = seen(draw(script, 60, fs), hookup)
    off, on = round(25 * fs), round(40 * fs)
    blocks = [block(mv[:off], fs, 0, LeadState.ON), block(mv[on:], fs, on, LeadState.ON)]
    if kind == "off":
        blocks.insert(1, block(0 * mv[off:on], fs, off, LeadState.OFF))
    told = monitored(blocks)
    assert_found(told, script, end=24.5)
    assert_found(told, script, start=40 + LEARNT_S)
    assert told.alarms() <= TECHNICAL
    lost = {"lead_off", "signal_lost"}
    assert 25 <= told.first(lost) < (35 if kind == "off" else 40 + LEARNT_S)
    assert not told.alarms(40 + LEARNT_S)


def still(kind: str, last: Signal, n: int, fs: float) -> Signal:
    """What a dead lead gives for `n` samples after `last`."""
    if kind == "hum":
        return np.asarray(0.05 * np.sin(2 * np.pi * 50 * np.arange(n) / fs))
    if kind == "microvolt":
        return np.random.default_rng(4).normal(0, 0.001, n)
    return np.full(n, 0.0 if kind == "zero" else last[-1])


@hookups
@contacts
@pytest.mark.parametrize("kind", ["zero", "held", "microvolt", "hum"])
@pytest.mark.parametrize("dead", [(0,), (1,), (0, 2)], ids=str)
def test_a_lead_that_dies_beside_a_good_one_costs_no_beat_nor_does_its_return(
    dead: tuple[int, ...], kind: str, state: LeadState, hookup: Hookup
) -> None:
    fs = hookup.fs
    script = steady(75, 0.5, 119)
    heart = draw(script, 120, fs)
    gains = (1.0, -0.5, 0.7)[: 2 if len(dead) == 1 else 3]
    leads = [seen(gain * heart, hookup, i) for i, gain in enumerate(gains)]
    off, on = round(30 * fs), round(90 * fs)
    for lead in dead:
        leads[lead][off:on] = still(kind, leads[lead][:off], on - off, fs)
    told = watched(np.stack(leads, axis=1), fs, state)
    two = len(dead) > 1  # of three at once: the beat just then may be lost
    assert_found(told, script, end=30.0)
    assert_found(told, script, start=30.0, end=32.0, wrong=two)
    assert_found(told, script, start=32.0)
    assert told.alarms() <= ({"missed_beat"} if two else set())


@pytest.mark.parametrize("uv", [0.3, 1, 3, 10])
@pytest.mark.parametrize("inputs", [1, 2, 3, 6])
def test_inputs_that_nothing_is_connected_to_hide_no_beat_and_make_none(
    inputs: int, uv: float
) -> None:
    """One lead or two beside them, as on a board of eight; and the heart then stands still."""
    script = steady(75, 0.5, 30)
    noise = np.random.default_rng(inputs).normal(0, uv / 1000, (45 * 250, inputs + 2))
    mv = draw(script, 45, 250)
    for leads in ([0], [0, 1]):
        x = noise.copy()
        x[:, leads] += mv[:, None]
        told = monitored([block(x, 250)])
        assert_found(told, script, end=30)
        assert told.extra(times(script), 31, 45) <= 1
        assert "asystole" in told.alarms(34, 35)


@hookups
def test_a_contact_that_chatters_floods_nobody(hookup: Hookup) -> None:
    fs = hookup.fs
    mv = seen(draw(steady(75, 0.5, 59), 60, fs), hookup)
    cuts = [0, *(round(t * fs) for t in np.arange(20, 40, 0.7)), len(mv)]
    states = [LeadState.ON, LeadState.OFF]
    told = monitored(
        block(mv[a:b], fs, a, states[i % 2 if b < len(mv) else 0])
        for i, (a, b) in enumerate(pairwise(cuts))
    )
    assert told.alarms() <= TECHNICAL
    assert len(told.spans) <= 3
    assert not told.alarms(45)


DROPOUTS = [(2, 300), (3, 300), (3, 500), (3, 1000), (4, 500), (5, 900)]


def dropping(mv: Signal, every_s: float, lost_ms: float, start: float, fs: float) -> Told:
    """What is told of a stream that loses so many milliseconds again and again from `start` on."""
    lost, step = round(lost_ms / 1000 * fs), round(every_s * fs)
    edges = range(round(start * fs), len(mv), step)
    blocks = [block(mv[: edges[0]], fs)]
    return monitored(blocks + [block(mv[e + lost : e + step], fs, e + lost) for e in edges])


@pytest.mark.parametrize(("every_s", "lost_ms"), DROPOUTS)
@pytest.mark.parametrize("offset", [0.2, 0.9])
def test_a_standstill_is_told_on_a_line_that_drops_out(
    every_s: float, lost_ms: float, offset: float
) -> None:
    script = steady(80, 0.5, 30)
    mv = seen(draw(script, 90, 250), HOOKUPS[2]._replace(noise_uv=5))
    told = dropping(mv, every_s, lost_ms, 30 + offset, 250)
    last = script[-1][0]
    assert last + 4 <= told.first(["asystole"]) or "asystole" not in told.alarms()
    assert told.silent(["asystole", "signal_lost"], last + 13, 90) == 0
    if lost_ms < every_s * 1000 / 3 and every_s > 2:
        assert "asystole" in told.alarms(last, last + 13)


@pytest.mark.parametrize(("every_s", "lost_ms"), DROPOUTS)
@pytest.mark.parametrize("rate", [30, 45, 75, 140])
def test_no_standstill_is_made_of_dropouts(every_s: float, lost_ms: float, rate: float) -> None:
    script = [*steady(75, 0.5, 20), *steady(rate, 20.9, 119.0)]
    mv = seen(draw(script, 120, 250), HOOKUPS[2]._replace(noise_uv=5))
    assert "asystole" not in dropping(mv, every_s, lost_ms, 30.2, 250).alarms()


@pytest.mark.parametrize("rate", [150, 180, 220])
def test_no_fibrillation_begins_in_a_signal_that_is_lost(rate: float) -> None:
    script, _ = followed(steady(80, 0.5, 30), rate, 60, broad)
    mv = seen(draw(script, 90, 250), HOOKUPS[2]._replace(noise_uv=10))
    for lost in range(48, 52):
        blocks = [block(mv[: lost * 250], 250), block(mv[65 * 250 :], 250, 65 * 250)]
        told = monitored(blocks)
        vf = [s.told for s in told.spans if s.name == "ventricular_fibrillation"]
        assert not [t for t in vf if lost <= t <= 66]
        assert told.silent(["ventricular_tachycardia"], 45, 90) == 0


def with_holes(
    mv: Signal, fs: float, lost: int, every: int, kind: str
) -> Iterator[tuple[int, Signal, LeadState]]:
    """The stream with `lost` samples missing in every `every`, as each way of losing them."""
    known = LeadState.ON if kind == "off" else LeadState.UNKNOWN
    for start in range(0, len(mv), every):
        end = min(start + every, len(mv))
        hole = min(start + every - lost, end)
        yield start, mv[start:hole], known
        if kind != "gap" and hole < end:
            state = LeadState.OFF if kind == "off" else known
            yield hole, np.full(end - hole, 0.0 if kind == "off" else np.nan), state


@hookups
@pytest.mark.parametrize("kind", ["gap", "invalid", "off"])
@pytest.mark.parametrize("lost_ms", [4, 12, 40])
def test_holes_of_a_few_samples_cost_no_beat(lost_ms: float, kind: str, hookup: Hookup) -> None:
    fs = hookup.fs
    script = steady(73.5, 0.5, 59)
    mv = seen(draw(script, 60, fs), hookup)
    lost = max(1, int(lost_ms * fs / 1000))
    told = monitored(
        block(part, fs, start, state)
        for start, part, state in with_holes(mv, fs, lost, round(fs), kind)
    )
    assert_found(told, script, wrong=lost_ms == 40)  # such a hole may swallow all of an R wave
    after = told.named(LEARNT_S)
    assert after.count("N") >= 0.98 * len(after)
    assert told.alarms() <= ({"missed_beat"} if lost_ms == 40 else set())
    if kind == "gap":
        assert [g.lost for g in told.gaps] == [lost] * len(told.gaps)
        assert len(told.gaps) == 59


@hookups
@pytest.mark.parametrize("kind", ["gap", "invalid", "off"])
@pytest.mark.parametrize("lost_ms", [50, 80, 120, 180])
def test_longer_holes_cost_the_beats_they_hit_and_make_no_slow_heart(
    lost_ms: float, kind: str, hookup: Hookup
) -> None:
    fs = hookup.fs
    script = steady(73.5, 0.5, 59)
    mv = seen(draw(script, 60, fs), hookup)
    lost = int(lost_ms * fs / 1000)
    told = monitored(
        block(part, fs, start, state)
        for start, part, state in with_holes(mv, fs, lost, round(fs), kind)
    )
    true = np.array([t for t in times(script) if t > LEARNT_S])
    into = (true - 0.11) % 1 > 1 - 0.26 - lost_ms / 1000  # a hole ends each second
    clear = [t for t, hit in zip(true, into, strict=True) if not hit]
    assert told.missed(clear) <= 1
    named = told.named(LEARNT_S)
    assert named.count("N") >= len(clear) - 2
    assert set(named) <= {"N", "U"}
    assert not told.alarms()


@hookups
@pytest.mark.parametrize("rate", [33, 36])
def test_a_slow_heart_with_holes_is_slow(rate: float, hookup: Hookup) -> None:
    fs = hookup.fs
    mv = seen(draw(steady(rate, 0.5, 59), 60, fs), hookup)
    told = monitored(
        block(part, fs, start, state)
        for start, part, state in with_holes(mv, fs, int(0.05 * fs), round(fs), "gap")
    )
    assert "bradycardia" in told.alarms()


@hookups
@pytest.mark.parametrize("off_ms", [300, 500])
def test_a_contact_that_is_off_for_long_each_second_is_told_as_that(
    off_ms: float, hookup: Hookup
) -> None:
    fs = hookup.fs
    mv = seen(draw(steady(75, 0.5, 59), 60, fs), hookup)
    parts = with_holes(mv, fs, int(off_ms * fs / 1000), round(fs), "off")
    told = monitored(block(part, fs, start, state) for start, part, state in parts)
    assert told.first(["lead_off"]) < 12
    assert "signal_lost" not in told.alarms()
    assert told.reasons() <= {"lead_off", "noise"}
