"""Before the heart is there, and streams that begin in the middle of something."""

from collections.abc import Callable

import numpy as np
import pytest

from firmware_bridge.block import LeadState
from tests.edge.bedside import (
    ALARM_S,
    FAST,
    LEARNT_S,
    SILENT,
    SLOW,
    TECHNICAL,
    WIDE,
    assert_found,
    hookups,
    look,
    narrow_without_p,
)
from tests.edge.hearts import (
    Hookup,
    Shape,
    Signal,
    block,
    broad,
    draw,
    followed,
    monitored,
    narrow,
    seen,
    steady,
)

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
