"""Hum, steps and pulses of boards, and signals that are cleaner than any."""

from functools import cache

import numpy as np
import pytest

from benchmarks.system.monitor.waveforms import triangles
from tests.edge.bedside import LEARNT_S, SILENT, TECHNICAL, assert_found, hookups, times
from tests.edge.hearts import (
    HOOKUPS,
    Hookup,
    Script,
    Signal,
    Told,
    broad,
    draw,
    seen,
    steady,
    watched,
)

with_mains = pytest.mark.parametrize("hookup", [h for h in HOOKUPS if h.fs > 120], ids=str)


@cache
def without_hum(hookup: Hookup) -> tuple[Script, Signal, Told]:
    """A heart with one premature beat, which is to be told as one."""
    script = [*steady(75, 0.5, 59)]
    script[30] = (script[30][0] - 0.3, broad(0.8))
    clean = seen(draw(script, 60, hookup.fs), hookup)
    return script, clean, watched(clean, hookup.fs)


@with_mains
@pytest.mark.parametrize("hz", [50, 60, 59.8])
@pytest.mark.parametrize("hum_mv", [0.1, 0.3])
def test_hum_changes_nothing(hum_mv: float, hz: float, hookup: Hookup) -> None:
    script, clean, without = without_hum(hookup)
    hum = hum_mv * np.sin(2 * np.pi * hz * np.arange(len(clean)) / hookup.fs + 1)
    told = watched(clean + hum, hookup.fs)
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
