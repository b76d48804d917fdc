"""Fast and slow hearts, and those that change from one to the other."""

import numpy as np
import pytest

from tests.edge.bedside import (
    ALARM_S,
    FAST,
    SILENT,
    SLOW,
    TECHNICAL,
    VENTRICULAR,
    WIDE,
    assert_found,
    assert_found_but_around,
    hookups,
    look,
    narrow_without_p,
)
from tests.edge.hearts import (
    HOOKUPS,
    Hookup,
    P,
    Shape,
    broad,
    draw,
    fibrillating,
    followed,
    narrow,
    seen,
    steady,
    watched,
)


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


def test_a_slow_rate_dates_from_its_first_slow_interval() -> None:
    script = steady(75, 0.5, 40)
    script, onset = followed(script, 32, 40, narrow)
    (span,) = (s for s in look(script, 80, HOOKUPS[1]).spans if s.name == "bradycardia")
    assert script[-1][0] > span.since > onset - 60 / 32 - 0.1


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


def test_of_a_tachycardia_that_ends_no_run_is_left() -> None:
    for after in (1.16, 30.0):  # its last interval makes it too slow; or nothing follows
        script, _ = followed(steady(75, 0.5, 40), 102, 17, broad)
        script += steady(75, script[-1][0] + after, script[-1][0] + after + 20)
        told = look(script, script[-1][0] + 1, HOOKUPS[1])
        assert "ventricular_tachycardia" in told.alarms()
        assert "ventricular_run" not in told.alarms()


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
