"""Waves that are no beats: P waves of a block, tall T waves, and pacing."""

import pytest

from tests.edge.bedside import (
    FAST,
    LEARNT_S,
    SILENT,
    SLOW,
    TECHNICAL,
    VENTRICULAR,
    WIDE,
    assert_asystole,
    assert_found,
    hookups,
    look,
    times,
)
from tests.edge.hearts import (
    Hookup,
    P,
    Shape,
    alone,
    broad,
    draw,
    narrow,
    seen,
    spikes,
    steady,
    watched,
)


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
