"""What is right of any heart, whoever looks at it: times and names of alarms, and beats found.

Each test of hearts is a family: the cardiac rhythm is the case, and it is seen at every rate of
board, height, polarity and noise (`hookups`). No limit here is the code's own: they are what a
person at the bedside would expect, with the times that issue and standards give.
"""

import numpy as np
import pytest

from firmware_bridge.block import LeadState
from tests.edge.hearts import HOOKUPS, Hookup, Script, Shape, Told, draw, narrow, seen, watched

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
