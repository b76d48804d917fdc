"""Hearts that stand still, and lines on which no beat is to be seen."""

import numpy as np
import pytest

from firmware_bridge.block import LeadState
from tests.edge.bedside import (
    ASYSTOLE_S,
    SILENT,
    SLOW,
    assert_asystole,
    assert_found,
    contacts,
    hookups,
    look,
    times,
)
from tests.edge.hearts import HOOKUPS, Hookup, P, alone, draw, narrow, seen, steady, watched


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


@pytest.mark.parametrize("noise_uv", [0, 5])
def test_a_line_without_any_beat_is_told_after_half_a_minute(noise_uv: float) -> None:
    mv = np.random.default_rng(5).normal(0, noise_uv / 1000, 250 * 60)
    assert 29 < watched(mv, 250).first(["asystole"]) < 32
    off = watched(mv, 250, LeadState.OFF)
    assert off.alarms() == {"lead_off"}


def test_noise_without_any_beat_is_no_standstill() -> None:
    mv = np.random.default_rng(5).normal(0, 0.3, 250 * 90)
    assert "asystole" not in watched(mv, 250).alarms()


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
