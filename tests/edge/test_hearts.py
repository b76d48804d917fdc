"""Fast, slow, silent, clean and noisy hearts: what is right of each kind, whoever looks at it.

Each is a family: the cardiac rhythm is the case, and it is seen at every rate of board, height,
polarity and noise (`HOOKUPS`). No limit here is the code's own: they are what a person at the
bedside would expect, with the times that issue and standards give.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.system.monitor.waveforms import triangles
from firmware_bridge.block import LeadState
from tests.edge.hearts import (
    HOOKUPS,
    Hookup,
    P,
    Script,
    Shape,
    Signal,
    Told,
    Wave,
    alone,
    block,
    broad,
    draw,
    fibrillating,
    followed,
    monitored,
    narrow,
    seen,
    spikes,
    steady,
    watched,
)

LEARNT_S = 5.0
"""From then on every beat counts: a detector must have seen a few."""
ASYSTOLE_S = 4.5
"""Asystole is told so long after the last R, half a second of it to be sure."""
ALARM_S = 10.0
"""IEC 60601-2-27: time from a rate beyond its limit to the alarm."""

FAST = ("tachycardia", "extreme_tachycardia", "supraventricular_tachycardia")
"""A narrow tachycardia: the worst of the chain stands for it."""
WIDE = ("ventricular_tachycardia", "ventricular_fibrillation")
SLOW = ("bradycardia", "extreme_bradycardia")
SILENT = ("pause", "asystole")
VENTRICULAR = {
    *WIDE,
    *("ventricular_run", "accelerated_ventricular_rhythm", "couplet", "bigeminy", "trigeminy"),
    *("r_on_t", "pvcs_per_minute"),
}
TECHNICAL = {"lead_off", "signal_lost", "noise"}

hookups = pytest.mark.parametrize("hookup", HOOKUPS, ids=str)
contacts = pytest.mark.parametrize(
    "state", [LeadState.UNKNOWN, LeadState.ON], ids=lambda s: s.value
)


def narrow_without_p(rr: float) -> Shape:
    return narrow(rr, p=None)


def look(script: Script, seconds: float, hookup: Hookup) -> Told:
    return watched(seen(draw(script, seconds, hookup.fs), hookup), hookup.fs)


def times(script: Script) -> list[float]:
    return [t for t, _ in script]


def assert_found(
    told: Told, script: Script, start: float = LEARNT_S, end: float = np.inf, wrong: int = 0
) -> None:
    """Every beat between, and nothing else; but for `wrong` of each."""
    missed, extra = (count(times(script), start, end) for count in (told.missed, told.extra))
    assert missed <= wrong, f"{missed} missed, {extra} extra"
    assert extra <= wrong, f"{missed} missed, {extra} extra"


def assert_found_but_around(told: Told, script: Script, *changes: float) -> None:
    """As `assert_found`, but a change of morphology may take three seconds to be learnt."""
    edges = [LEARNT_S, *(t for change in changes for t in (change, change + 3)), np.inf]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        assert_found(told, script, start, end, wrong=1)


# Fast and slow


@hookups
@pytest.mark.parametrize("rate", [60, 120, 150, 180, 210, 240, 270, 300])
def test_every_narrow_rate_is_counted_from_the_start_on(rate: float, hookup: Hookup) -> None:
    script = steady(rate, 0.2, 29.5, narrow_without_p if rate > 140 else narrow)
    told = look(script, 30, hookup)
    assert_found(told, script, wrong=1 if rate > 200 else 0)
    assert told.rate() == pytest.approx(rate, rel=0.03)
    assert not told.alarms() & {*SLOW, *SILENT, *VENTRICULAR}
    if rate > 140:
        assert told.first(FAST) < ALARM_S
        assert told.silent(FAST, ALARM_S, 29) == 0
    else:
        assert not told.alarms()


@hookups
@pytest.mark.parametrize("rate", [140, 180, 206, 240, 300])
def test_every_broad_rate_is_counted_and_told_as_ventricular(rate: float, hookup: Hookup) -> None:
    script, onset = followed(steady(80, 0.5, 30), rate, 29, broad)
    told = look(script, script[-1][0] + 0.6, hookup)
    assert_found_but_around(told, script, onset - 0.1)
    assert onset < told.first(WIDE) < onset + ALARM_S
    assert told.silent(WIDE, onset + ALARM_S, 58.5) == 0
    assert not told.alarms() & {*SLOW, *SILENT, *TECHNICAL}
    assert not told.alarms(0, onset)


@hookups
@pytest.mark.parametrize(
    ("rate", "lsb_uv"),
    [(20, 0), (25, 0), (28.6, 0), (28.6, 5), (33, 0), (38, 0), (54, 0), (54, 5)],
)
def test_slow_hearts_are_slow_and_nothing_else(rate: float, lsb_uv: float, hookup: Hookup) -> None:
    script = steady(rate, 1.0, 69)
    mv = seen(draw(script, 70, hookup.fs), hookup)
    told = watched(np.round(mv * 1000 / lsb_uv) * lsb_uv / 1000 if lsb_uv else mv, hookup.fs)
    assert_found(told, script)
    assert not told.reasons()
    assert told.rate() == pytest.approx(rate, rel=0.03)
    assert told.alarms() <= {*SLOW, "pause", "missed_beat"}
    if rate < 39:
        known = 1 + 9 * 60 / rate + 1
        assert told.first(SLOW) < known
        # a pause may stand for it, as the worse of the chain, where beats are 2 s apart
        assert told.silent((*SLOW, "pause"), known, 69) == 0
    else:
        assert not told.alarms()


@hookups
def test_a_rate_that_climbs_and_falls_is_followed(hookup: Hookup) -> None:
    script: list[tuple[float, Shape]] = []
    t = 0.5
    while t < 119:
        rate = 60 * 4 ** (1 - abs(t - 60) / 60)  # 60 to 240 and back
        script.append((t, narrow(60 / rate, P if rate < 140 else None)))
        t += 60 / rate
    told = look(script, 120, hookup)
    assert_found(told, script, wrong=1)
    assert not told.alarms() & {*SLOW, *SILENT, *VENTRICULAR}
    assert told.alarms(50, 70) & {*FAST}


# Sudden change


@hookups
@pytest.mark.parametrize("rate", [160, 200, 240])
def test_sinus_rhythm_goes_over_into_a_tachycardia_and_back(rate: float, hookup: Hookup) -> None:
    fast, onset = followed(steady(80, 0.5, 30), rate, 25, narrow_without_p)
    script, end = followed(fast, 86, 32, narrow)
    told = look(script, script[-1][0] + 0.6, hookup)
    assert_found(told, script, wrong=1)
    assert onset < told.first(FAST) < onset + ALARM_S
    assert told.silent(FAST, onset + ALARM_S, end - 1) == 0
    assert not told.alarms() & {*SLOW, *SILENT, *VENTRICULAR, *TECHNICAL}
    assert not told.alarms(end + ALARM_S)
    after = told.named(end + ALARM_S)
    assert after.count("N") >= 0.95 * len(after)


@hookups
@pytest.mark.parametrize("height", [0.5, 2.0], ids=lambda x: f"{x:g}mV")
@pytest.mark.parametrize("rate", [150, 195, 240])
def test_sinus_rhythm_goes_over_into_ventricular_tachycardia_and_back(
    rate: float, height: float, hookup: Hookup
) -> None:
    def ventricular(rr: float) -> Shape:
        return broad(rr, height)

    fast, onset = followed(steady(80, 0.5, 30), rate, 20, ventricular)
    script, end = followed(fast, 80, 27, narrow)
    told = look(script, script[-1][0] + 0.6, hookup)
    assert_found_but_around(told, script, onset - 0.1, end - 0.1)
    assert onset < told.first(WIDE) < onset + ALARM_S
    assert told.silent(WIDE, onset + ALARM_S, end - 1) == 0
    assert not told.alarms() & {*SLOW, *SILENT, *TECHNICAL}
    assert told.alarms(end + ALARM_S) <= {"pvcs_per_minute"}  # those of the last minute
    after = told.named(end + ALARM_S)
    assert after.count("N") >= 0.95 * len(after)


@hookups
@pytest.mark.parametrize("beats", [3, 5])
@pytest.mark.parametrize("rate", [120, 150, 180, 200, 220])
def test_of_a_short_ventricular_run_no_beat_is_missed(
    rate: float, beats: int, hookup: Hookup
) -> None:
    rr = 60 / rate
    script = steady(75, 0.5, 20)
    onset = script[-1][0] + 0.45
    script += [(onset + i * rr, broad(rr, 1.3)) for i in range(beats)]
    script += steady(75, script[-1][0] + 1.1, 40)
    told = look(script, script[-1][0] + 0.6, hookup)
    assert_found(told, script)
    assert told.alarms() == {"ventricular_run" if beats == 3 else "ventricular_tachycardia"}


@hookups
@pytest.mark.parametrize("mv", [1.5, -1.5], ids=lambda x: f"{x:g}mV")
@pytest.mark.parametrize("coupling", [0.23, 0.26, 0.30, 0.34])
def test_a_ventricular_beat_on_the_t_wave_is_seen(
    coupling: float, mv: float, hookup: Hookup
) -> None:
    script: list[tuple[float, Shape]] = []
    for start in range(1, 60, 6):
        script += steady(70, start, start + 4.2)
        script.append((script[-1][0] + coupling, broad(0.8, mv)))
    told = look(script, 60, hookup)
    assert_found(told, script, start=12)  # what comes between beats is known by then


@hookups
@pytest.mark.parametrize("mv", [-1.2, 0.8])
@pytest.mark.parametrize("rate", [85, 130])
def test_a_ventricular_rhythm_does_not_become_normal_as_it_lasts(
    rate: float, mv: float, hookup: Hookup
) -> None:
    """Nor sinus rhythm ventricular when it comes back; and the next attack is told as the first."""

    def ventricular(rr: float) -> Shape:
        return broad(rr, mv)

    first, onset = followed(steady(75, 0.5, 30), rate, 120, ventricular)
    between, end = followed(first, 70, 20, narrow)
    second, again = followed(between, rate, 20, ventricular)
    script, over = followed(second, 70, 20, narrow)
    told = look(script, script[-1][0] + 0.6, hookup)
    rhythm = ("ventricular_tachycardia" if rate > 100 else "accelerated_ventricular_rhythm",)
    for start, stop in (onset, end), (again, over):
        assert start < told.first(rhythm, start) < start + ALARM_S
        assert told.silent(rhythm, start + ALARM_S, stop - 1) == 0
        assert set(told.named(start + ALARM_S, stop - 1)) <= {"V", "F"}
        assert not told.alarms(stop + ALARM_S, stop + ALARM_S + 5) & {*rhythm, "asystole"}
        after = told.named(stop + 0.5, stop + 19)
        assert after.count("N") >= 0.9 * len(after)


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
@pytest.mark.parametrize("height", [0.8, 1.2], ids=lambda x: f"{x:g}mV")
def test_ventricular_fibrillation_is_told_beats_or_not(height: float, hookup: Hookup) -> None:
    script = steady(80, 0.5, 29.3)
    mv = draw(script, 60, hookup.fs)
    onset = round(30 * hookup.fs)
    mv[onset:] += fibrillating(30, hookup.fs, height)[: len(mv) - onset]
    told = watched(seen(mv, hookup), hookup.fs)
    assert not told.alarms(0, 30)
    assert 30 < told.first(WIDE) < 30 + ALARM_S
    assert told.silent(WIDE, 30 + ALARM_S, 59) == 0
    assert "ventricular_fibrillation" in told.alarms()
    assert not told.alarms() & {"asystole", *SLOW}


# Silence


def assert_asystole(told: Told, last: float, again: float = np.inf) -> None:
    """Told in time after the last R and but once, over within 3 s of the first R after."""
    pause, asystole = told.first(SILENT, last), told.first(["asystole"], last)
    assert last + 2 < pause < last + 3.5
    assert last + 4 <= asystole <= last + ASYSTOLE_S
    (span,) = (s for s in told.spans if s.name == "asystole")
    assert span.since <= last + 4
    assert again <= span.off < again + 3 or span.off == again
    assert not told.alarms() & TECHNICAL
    assert told.extra([last], last - 0.1, again - 0.3) == 0


@hookups
@contacts
@pytest.mark.parametrize("onset", [12, 29.4, 45])
def test_a_heart_that_stops_is_told(onset: float, state: LeadState, hookup: Hookup) -> None:
    script = steady(75, 0.5, onset)
    told = watched(seen(draw(script, 60, hookup.fs), hookup), hookup.fs, state)
    assert_found(told, script)
    assert_asystole(told, script[-1][0])


@hookups
@contacts
@pytest.mark.parametrize("noise_mv", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("flat", [0, 1])
def test_a_heart_that_stops_beside_noise_is_told(
    flat: int, noise_mv: float, state: LeadState, hookup: Hookup
) -> None:
    fs, last = hookup.fs, 29.7
    quiet = hookup._replace(noise_uv=1)
    script = steady(75, 0.5, last + 0.1)
    heart = draw(script, 60, fs)
    leads = [seen(heart, quiet, 1), seen(-0.6 * heart, quiet, 2)]
    noise = np.random.default_rng(7).normal(0, noise_mv * abs(hookup.gain), len(heart))
    leads[1 - flat] += np.where(np.arange(len(heart)) < (script[-1][0] + 0.5) * fs, 0, noise)
    told = watched(np.stack(leads, axis=1), fs, state)
    (asystole,) = (s for s in told.spans if s.name == "asystole")
    assert abs(asystole.since - script[-1][0]) < 1.5  # the first waves of noise may pass for beats
    assert asystole.told < asystole.since + ASYSTOLE_S
    assert asystole.off == np.inf
    assert told.alarms() <= {*SILENT, "asystole", "noise"}
    assert "flat" in told.reasons()


@hookups
@contacts
def test_a_line_that_was_dead_before_says_nothing_when_the_other_is_noisy(
    state: LeadState, hookup: Hookup
) -> None:
    fs = hookup.fs
    script = steady(75, 0.5, 79)
    heart = draw(script, 80, fs)
    leads = [seen(heart, hookup, 1), seen(0.6 * heart, hookup, 2)]
    leads[0][round(20 * fs) :] = 0
    n = len(heart) - round(40 * fs)
    leads[1][-n:] += np.random.default_rng(7).normal(0, 0.8 * abs(hookup.gain), n)
    assert "asystole" not in watched(np.stack(leads, axis=1), fs, state).alarms()


@hookups
@pytest.mark.parametrize("rate", [45, 75, 110])
def test_a_heart_that_begins_again_ends_the_alarm(rate: float, hookup: Hookup) -> None:
    script = [*steady(75, 0.5, 29.4), *steady(rate, 45, 69)]
    told = look(script, 70, hookup)
    assert_found(told, script)
    assert_asystole(told, times(script)[times(script).index(45) - 1], 45)
    assert not told.alarms(60) - {*SLOW}


@hookups
@pytest.mark.parametrize(
    ("p_rate", "p_mv", "before_mv"),
    [
        *((60, mv, 0.12) for mv in (0.08, 0.15, 0.25)),
        *((120, mv, 0.12) for mv in (0.08, 0.15)),
        *((rate, 0.24, 0.24) for rate in (90, 120)),
    ],
)
def test_p_waves_alone_are_a_standstill(
    p_rate: float, p_mv: float, before_mv: float, hookup: Hookup
) -> None:
    script = steady(75, 0.5, 29.4, lambda rr: narrow(rr, P._replace(mv=before_mv)))
    p_waves = alone(P._replace(mv=p_mv), p_rate, script[-1][0] + 0.6, 69)
    told = look([*script, *p_waves], 70, hookup)
    assert_found(told, script)
    assert_asystole(told, script[-1][0])


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


# Block


@hookups
@pytest.mark.parametrize("p_mv", [0.08, 0.12], ids=lambda x: f"P{x:g}mV")
@pytest.mark.parametrize(("rate", "p_rate"), [(25, 90), (30, 75), (38, 100)])
def test_in_complete_block_the_ventricles_are_counted(
    rate: float, p_rate: float, p_mv: float, hookup: Hookup
) -> None:
    script = steady(rate, 0.9, 59, broad)
    told = look([*script, *alone(P._replace(mv=p_mv), p_rate, 0.3, 59.5)], 60, hookup)
    assert_found(told, script, wrong=1)
    assert told.rate() == pytest.approx(rate, rel=0.03)
    assert told.alarms() <= {*SLOW, "pause", "missed_beat"}
    known = 1 + 9 * 60 / rate + 1
    assert told.first(SLOW) < known
    assert told.silent((*SLOW, "pause"), known, 59) == 0


@hookups
@pytest.mark.parametrize("p_mv", [0.08, 0.25], ids=lambda x: f"P{x:g}mV")
@pytest.mark.parametrize(("p_rate", "of"), [(76, 2), (100, 2), (100, 3)])
def test_in_second_degree_block_no_dropped_p_wave_is_counted(
    p_rate: float, of: int, p_mv: float, hookup: Hookup
) -> None:
    p = P._replace(mv=p_mv)
    atrial = alone(p, p_rate, 0.7, 59.5)
    script = [(t - P.at, narrow(60 / p_rate, p=None)) for t, _ in atrial[::of]]
    told = look([*script, *atrial], 60, hookup)
    assert_found(told, script)
    assert told.rate() == pytest.approx(p_rate / of, rel=0.03)
    assert told.alarms() <= {*SLOW, "missed_beat"}


@hookups
@pytest.mark.parametrize("groups", [3, 4])
def test_wenckebach_groups_are_counted(groups: int, hookup: Hookup) -> None:
    atrial = alone(P, 80, 0.7, 59.0)
    script = [
        (t + 0.16 + (0.08, 0.11, 0.0)[i % groups - 1] * (i % groups > 0), narrow(0.75, p=None))
        for i, (t, _) in enumerate(atrial)
        if i % groups < groups - 1
    ]
    told = look([*script, *atrial], 60, hookup)
    assert_found(told, script)
    assert not told.alarms() & {*VENTRICULAR, *SILENT, *FAST, *SLOW}


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


@pytest.mark.parametrize("rate", [40, 60, 75])
@pytest.mark.parametrize("step_mv", [0.0, 0.05, 0.1])
def test_a_clean_lead_is_neither_flat_nor_unknown(step_mv: float, rate: float) -> None:
    script = steady(rate, 1, 59)
    mv = draw(script, 60, 250)
    if step_mv:
        mv = np.round(mv / step_mv) * step_mv
    else:
        mv = triangles(times(script), 0.1, 1.0, 60, 250)
    told = watched(mv, 250)
    assert "flat" not in told.reasons()
    assert told.named(LEARNT_S) == "N" * len(told.named(LEARNT_S))
    assert_found(told, script)


def test_of_a_tachycardia_that_ends_no_run_is_left() -> None:
    for after in (1.16, 30.0):  # its last interval makes it too slow; or nothing follows
        script, _ = followed(steady(75, 0.5, 40), 102, 17, broad)
        script += steady(75, script[-1][0] + after, script[-1][0] + after + 20)
        told = look(script, script[-1][0] + 1, HOOKUPS[1])
        assert "ventricular_tachycardia" in told.alarms()
        assert "ventricular_run" not in told.alarms()


def test_a_slow_rate_dates_from_its_first_slow_interval() -> None:
    script = steady(75, 0.5, 40)
    script, onset = followed(script, 32, 40, narrow)
    (span,) = (s for s in look(script, 80, HOOKUPS[1]).spans if s.name == "bradycardia")
    assert script[-1][0] > span.since > onset - 60 / 32 - 0.1


# Starts


@pytest.mark.parametrize("noise_uv", [0, 5])
def test_a_line_without_any_beat_is_told_after_half_a_minute(noise_uv: float) -> None:
    mv = np.random.default_rng(5).normal(0, noise_uv / 1000, 250 * 60)
    assert 29 < watched(mv, 250).first(["asystole"]) < 32
    off = watched(mv, 250, LeadState.OFF)
    assert off.alarms() == {"lead_off"}


def test_noise_without_any_beat_is_no_standstill() -> None:
    mv = np.random.default_rng(5).normal(0, 0.3, 250 * 90)
    assert "asystole" not in watched(mv, 250).alarms()


STARTS = ("flat", "microvolts", "wandering", "lead off", "rail")


def before_the_heart(kind: str, n: int, fs: float) -> Signal:
    """What a board gives while nobody wears it."""
    noise = np.random.default_rng(2).normal(0, 1, n)
    kinds: dict[str, Signal] = {
        "flat": np.zeros(n),
        "microvolts": 0.002 * noise,
        "wandering": 0.003 * noise + 0.01 * np.cumsum(noise) / np.sqrt(fs),
        "lead off": 0.3 * noise,
        "rail": np.full(n, 2.4),
    }
    return kinds[kind]


@hookups
@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("onset", [4, 20])
def test_nothing_is_made_of_the_time_before_the_heart(
    onset: float, kind: str, hookup: Hookup
) -> None:
    fs = hookup.fs
    script = steady(75, onset + 0.5, onset + 39.5)
    mv = seen(draw(script, onset + 40, fs), hookup)
    n = round(onset * fs)
    mv[:n] = before_the_heart(kind, n, fs)
    state = LeadState.OFF if kind == "lead off" else LeadState.UNKNOWN
    told = monitored([block(mv[:n], fs, 0, state), block(mv[n:], fs, n)])
    assert not told.named(0, onset - 0.3).strip("U")
    assert len(told.named(0, onset - 0.3)) <= 1  # the switch itself
    assert_found(told, script, onset + LEARNT_S)
    settled = told.named(onset + LEARNT_S)
    assert settled.count("N") >= len(settled) - 1
    assert told.alarms(0, onset + LEARNT_S) <= {*SILENT, *TECHNICAL}
    assert not told.alarms(onset + LEARNT_S)


@hookups
@pytest.mark.parametrize("rate", [160, 200, 240])
@pytest.mark.parametrize("shape", [narrow_without_p, broad], ids=["narrow", "broad"])
def test_a_stream_that_begins_in_a_tachycardia_ends_it_in_sinus_rhythm(
    rate: float, shape: Callable[[float], Shape], hookup: Hookup
) -> None:
    script, end = followed(steady(rate, 0.05, 20, shape), 80, 38, narrow)
    told = look(script, script[-1][0] + 0.6, hookup)
    assert_found(told, script, wrong=1)
    assert told.first((*FAST, *WIDE)) < ALARM_S
    assert told.silent((*FAST, *WIDE), ALARM_S, end - 1) == 0
    assert not told.alarms() & {*SLOW, *SILENT, *TECHNICAL}
    assert told.alarms(end + ALARM_S) <= {"pvcs_per_minute"}  # those of the last minute


# Noise of boards


with_mains = pytest.mark.parametrize("hookup", [h for h in HOOKUPS if h.fs > 120], ids=str)


@with_mains
@pytest.mark.parametrize("hz", [50, 60, 59.8])
@pytest.mark.parametrize("hum_mv", [0.1, 0.3])
def test_hum_changes_nothing(hum_mv: float, hz: float, hookup: Hookup) -> None:
    script = [*steady(75, 0.5, 59)]
    script[30] = (script[30][0] - 0.3, broad(0.8))  # one premature beat, to be told as one
    clean = seen(draw(script, 60, hookup.fs), hookup)
    hum = hum_mv * np.sin(2 * np.pi * hz * np.arange(len(clean)) / hookup.fs + 1)
    told, without = watched(clean + hum, hookup.fs), watched(clean, hookup.fs)
    assert_found(told, script)
    labels, right = (t.named(LEARNT_S) for t in (told, without))
    assert len(labels) == len(right)
    assert sum(a != b for a, b in zip(labels, right, strict=True)) <= 1, labels
    assert not told.alarms()


@pytest.mark.parametrize("hookup", [h for h in HOOKUPS if h.fs > 120 and h.fs != 250], ids=str)
@pytest.mark.parametrize("hz", [50, 60])
def test_hum_alone_is_no_heart(hz: float, hookup: Hookup) -> None:
    hum = 0.2 * np.sin(2 * np.pi * hz * np.arange(round(30 * hookup.fs)) / hookup.fs)
    told = watched(seen(hum, hookup), hookup.fs)
    assert not len(told.beats)
    assert told.alarms() <= {*SILENT, *TECHNICAL}


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


@hookups
@pytest.mark.parametrize(
    ("hold_s", "step_mv"), [(0.0, 0.5), (0.0, 3.0), (0.2, 1.0), (1.5, 1.0), (1.5, 3.0)]
)
def test_steps_and_calibration_pulses_among_beats_are_none(
    hold_s: float, step_mv: float, hookup: Hookup
) -> None:
    script = steady(75, 0.5, 59)
    mv = draw(script, 60, hookup.fs)
    at = np.arange(len(mv)) / hookup.fs
    for t, _ in script[12::6]:  # in the pause between T and P
        end = t + 0.5 + hold_s if hold_s else np.inf
        mv[(at >= t + 0.5) & (at < end)] += step_mv
        step_mv = step_mv if hold_s else -step_mv
    told = watched(seen(mv, hookup), hookup.fs)
    assert_found(told, script, wrong=1)
    assert not told.alarms() - TECHNICAL


@pytest.mark.parametrize("hookup", [h for h in HOOKUPS if h.fs not in (360, 500)], ids=str)
@pytest.mark.parametrize(("hold_s", "every_s"), [(0.25, 0.5), (0.2, 1.0)])
def test_calibration_pulses_without_beats_are_asystole(
    hold_s: float, every_s: float, hookup: Hookup
) -> None:
    script = steady(75, 0.5, 20)
    mv = draw(script, 50, hookup.fs)
    at = np.arange(len(mv)) / hookup.fs
    mv[(at > 20.9) & ((at - 20.9) % every_s < hold_s)] += 1.0
    told = watched(seen(mv, hookup), hookup.fs)
    assert_found(told, script, wrong=1)
    assert_asystole(told, script[-1][0])


# Waves that are no beats


@hookups
@pytest.mark.parametrize("t_mv", [0.8, 1.2, -1.0], ids=lambda x: f"T{x:g}mV")
@pytest.mark.parametrize(("rate", "t_sd"), [(50, 0.03), (75, 0.035), (110, 0.03)])
def test_a_tall_t_wave_is_no_beat(rate: float, t_sd: float, t_mv: float, hookup: Hookup) -> None:
    def shape(rr: float) -> Shape:
        return narrow(rr, P, t_mv, t_sd)

    script = steady(rate, 0.5, 59, shape)
    told = look(script, 60, hookup)
    assert_found(told, script)
    after = told.named(LEARNT_S)
    assert "V" not in after
    assert after.count("N") >= 0.97 * len(after)
    assert not told.alarms()


FRONT_ENDS = [(125, 40), (250, 40), (250, 100), (360, 100), (500, 100), (500, 150), (1000, 150)]
front_ends = pytest.mark.parametrize(("fs", "low_pass"), FRONT_ENDS)
pulses = pytest.mark.parametrize("mv", [2, -2], ids=lambda x: f"{x}mV")


def paced(rr: float) -> Shape:
    """A beat 40 ms after the ventricular spike at 0, broad as those from the right ventricle."""
    return [w._replace(at=w.at + 0.1) for w in broad(rr)]


@front_ends
@pulses
@pytest.mark.parametrize("dual", [False, True], ids=["single", "dual"])
def test_pacing_that_loses_capture_is_asystole(
    dual: bool, mv: float, fs: float, low_pass: float
) -> None:
    seconds = 60
    ventricular = [0.6 + 60 / 70 * i for i in range(69)]
    captured = [t for t in ventricular if t < 29.5]
    script: list[tuple[float, Shape]] = [(t, paced(60 / 70)) for t in captured]
    atrial = [t - 0.16 for t in ventricular] if dual else []
    heart = draw([*script, *((t + 0.04, [P._replace(at=0.0)]) for t in atrial)], seconds, fs)
    heart += spikes([*ventricular, *atrial], seconds, fs, low_pass, mv)
    told = watched(seen(heart, Hookup(fs, 1.0, 10)), fs)
    r = [(t + 0.1, s) for t, s in script]
    assert_found(told, r)
    assert not told.alarms(0, 29.5) & {*WIDE, *FAST, *SLOW, *SILENT, "ventricular_run"}
    assert_asystole(told, r[-1][0])


@front_ends
@pulses
def test_spikes_that_do_not_capture_are_passed_over(mv: float, fs: float, low_pass: float) -> None:
    """An intrinsic rhythm, and a pacemaker that does not see it."""
    script = steady(75, 0.5, 59)
    at = [0.9 + 60 / 62 * i for i in range(60)]
    apart = [t for t in at if min(abs(t - r) for r in times(script)) > 0.1]
    heart = draw(script, 60, fs) + spikes(apart, 60, fs, low_pass, mv)
    told = watched(seen(heart, Hookup(fs, 1.0, 5)), fs)
    assert_found(told, script)
    assert not told.alarms() - TECHNICAL


@front_ends
@pulses
def test_atrial_pacing_is_a_normal_rhythm(mv: float, fs: float, low_pass: float) -> None:
    script = steady(75, 0.5, 59)
    at = [t + P.at - 0.04 for t, _ in script]
    heart = draw(script, 60, fs) + spikes(at, 60, fs, low_pass, mv)
    told = watched(seen(heart, Hookup(fs, 1.0, 5)), fs)
    assert_found(told, script)
    assert not told.alarms()


def test_a_wave_is_drawn_as_it_is_told() -> None:
    mv = draw([(1.0, [Wave(0.1, 0.02, -0.5)])], 2, 500)
    assert int(np.argmin(mv)) == 550
    assert mv.min() == pytest.approx(-0.5)


@pytest.mark.parametrize("fs", [125, 250, 500, 1000])
def test_a_spike_keeps_its_area_behind_the_filter(fs: float) -> None:
    """2 ms of 100 mV are 0.2 mV s, whatever the low-pass, and it never comes before its time."""
    out = spikes([0.5, 1.5], 3, fs, 0.16 * fs, 100.0)
    assert np.sum(out) / fs == pytest.approx(0.4, rel=0.05)
    assert np.abs(out[: int(0.499 * fs)]).max() < 1e-6
