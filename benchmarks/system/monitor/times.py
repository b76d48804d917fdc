"""From a change of the rhythm to the alarm."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from benchmarks.system.monitor.figure import Figure, spread_text
from benchmarks.system.monitor.response import PHASES, Play, before_change
from benchmarks.system.monitor.waveforms import Signal, line, t_waves, times, triangles, ventricular

_VENTRICULAR: Final = {"ventricular_tachycardia", "ventricular_fibrillation"}
_FAST: Final = {
    *_VENTRICULAR,
    *("tachycardia", "extreme_tachycardia", "supraventricular_tachycardia"),
}
_SLOW: Final = {"bradycardia", "extreme_bradycardia"}


def alarm_times(play: Play, fs: float) -> list[Figure]:
    """From the change to the alarm, from 80/min on; our limits as they are without options."""
    rows = []
    for rate, mv, others in (
        (206, 1.0, ("9.9 s (a), 7.2 s (c)", "7.1 s (a), 6.5 s (c)", "4.4 s (a), 6.3 s (c)")),
        (195, 2.0, ("5.8 s (c)", "6.1 s (c)", "5.7 s (c)")),
    ):
        for (name, gain), other in zip(
            (("half", 0.5), ("normal", 1.0), ("double", 2.0)), others, strict=True
        ):
            rows.append(
                _alarm_time(
                    play,
                    fs,
                    f"ventricular tachycardia, {rate}/min, {mv:g} mV, {name} height",
                    "disclosed; aim 10 s",
                    _broad(mv * gain),
                    rate,
                    _VENTRICULAR,
                    f"{other}, < 11 s (b), < 8 s (e)",
                )
            )

    def narrow(at: Sequence[float], fs: float) -> Signal:
        return triangles(at, 0.08, 1.0, 60, fs)

    rows += [
        _alarm_time(play, fs, "standstill: asystole", "10 s", narrow, 0, {"asystole"}, ""),
        _alarm_time(play, fs, "low rate, 80 to 30/min", "10 s", narrow, 30, _SLOW, ""),
        _alarm_time(play, fs, "high rate, 80 to 180/min", "10 s", narrow, 180, _FAST, ""),
    ]
    return rows


def _broad(mv: float) -> Callable[[Sequence[float], float], Signal]:
    def draw(at: Sequence[float], fs: float) -> Signal:
        return ventricular(at, mv, 60, fs)

    return draw


def _alarm_time(
    play: Play,
    fs: float,
    what: str,
    required: str,
    draw: Callable[[Sequence[float], float], Signal],
    rate: float,
    names: Iterable[str],
    makers: str,
) -> Figure:
    seconds, to_alarm, early = 60, [], 0
    for phase in range(PHASES):
        before = before_change(phase)
        last = before[-1]
        mv = triangles(before, 0.08, 1.0, seconds, fs) + t_waves(before, 0.2, seconds, fs)
        if rate:
            mv += draw(times(rate, last + max(60 / rate, 0.4), seconds - 0.5), fs)
        got = play(mv + line(seconds, fs), fs)
        alarm = got.first(names, last)
        to_alarm.append(None if alarm is None else alarm - last)
        early += any(t < last for t, _ in got.alarms)
    worst = max((t for t in to_alarm if t is not None), default=np.inf)
    met = None not in to_alarm and worst <= 10
    measured = spread_text(to_alarm) + (f", alarms before in {early}" if early else "")
    return Figure("Time to alarm", what, required, measured, met, makers, {"to_alarm_s": to_alarm})
