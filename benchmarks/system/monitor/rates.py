"""Which rates are shown, how soon, and over how many intervals."""

from collections.abc import Sequence
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.system.monitor.figure import Figure, range_text, rate_text, spread_text
from benchmarks.system.monitor.response import PHASES, Play, before_change, is_right
from benchmarks.system.monitor.waveforms import IRREGULAR, irregular, line, times, triangles
from edge.rhythm import RATE_BEATS

_RATES: Final = (20, 25, 30, 40, 60, 80, 100, 120, 150, 180, 200, 220, 240, 250, 270, 300)


def rate_range(play: Play, fs: float) -> list[Figure]:
    """The rate on display after 45 s of triangles, 1 mV and 70 ms, from 20 to 300/min."""
    seconds = 45.0
    shown: dict[int, float | None] = {}
    for rate in _RATES:
        mv = triangles(times(rate, 0.5, seconds), 0.07, 1.0, seconds, fs)
        shown[rate] = play(mv + line(seconds, fs), fs).rate()
    right = [rate for rate in _RATES if is_right(shown[rate], rate)]
    inside = [rate for rate in _RATES if 30 <= rate <= 200]
    errors = [abs((shown[rate] or 0) - rate) for rate in right]
    above = [rate for rate in _RATES if rate > 200]
    below = [rate for rate in _RATES if rate < 30]
    return [
        Figure(
            "Rate",
            "rates shown within 10 % or 5/min",
            "30 to 200/min",
            range_text(right, _RATES, "/min"),
            set(inside) <= set(right),
            "30-300 (a), 15-300 (b)",
            {"shown": {str(rate): shown[rate] for rate in _RATES}},
        ),
        Figure(
            "Rate",
            "largest error where right",
            "10 % or 5/min",
            f"{max(errors):.1f}/min" if errors else "-",
            bool(errors),
            "5 % or 5/min (a), 1 % or 1/min (b)",
            {"error_bpm": max(errors, default=None)},
        ),
        Figure(
            "Rate",
            "beyond 200/min, to 300",
            "not shown below 200",
            ", ".join(f"{rate}: {rate_text(shown[rate])}" for rate in above),
            all((shown[rate] or 0) >= 195 for rate in above),
            "",
            {},
        ),
        Figure(
            "Rate",
            "below 30/min, to 20",
            "not shown above 30",
            ", ".join(f"{rate}: {rate_text(shown[rate])}" for rate in below),
            all((shown[rate] or 0) <= 30 for rate in below),
            "",
            {},
        ),
    ]


def irregular_rhythms(play: Play, fs: float) -> list[Figure]:
    """The rate on display after 20 s, and its spread from there to 60 s."""
    makers = (
        "80 (a), 80 (b), 80 (c), 78-82 (d)",
        "59 (a), 60 (b), 60 (c), 57-65 (d)",
        "122 (a), 120 (b), 120 (c), 118-123 (d)",
        "117 (a), 90 (b), 90 (c), 88-93 (d)",
    )
    rows = []
    for rhythm, others in zip(IRREGULAR, makers, strict=True):
        mv, at = irregular(rhythm, 60, fs)
        got = play(mv + line(60, fs), fs)
        shown = [got.rate(20 + i) for i in range(39)]
        told = [rate for rate in shown if rate is not None]
        spread = f"{rate_text(shown[0])} ({min(told):.0f} to {max(told):.0f})" if told else "none"
        rows.append(
            Figure(
                "Irregular rhythms",
                rhythm.name,
                f"disclosed; {rhythm.rate:.0f}/min counts every beat",
                f"{spread}; {got.wrong(at)} beats wrong",
                None,
                others,
                {"shown": shown, "wrong": got.wrong(at)},
            )
        )
    return rows


class _Step(NamedTuple):
    """One change of the rate from 80/min; times in seconds after the last R before it."""

    to_63_s: float | None
    """To 63 % of the step; None if it was never shown."""
    to_right_s: float | None
    """To a rate that is right from then on; None if the last was not."""
    beats: int
    """Until then."""
    every_s: list[float]
    """Between rates that were told."""


def step_response(play: Play, fs: float) -> list[Figure]:
    """How soon a new rate is shown, and over how many intervals it is averaged."""
    intervals = f"mean of the last {RATE_BEATS} RR intervals"
    others = "10 s median (a), 12 intervals, 4 where slow (b, c)"
    rows = [_disclosed("how the rate is averaged", intervals, others, {"intervals": RATE_BEATS})]
    for rate, others in (
        (120, "6.9 s (a), < 11 s (b), 6.8 s (c), < 7 s (e)"),
        (40, "8.2 s (a), < 11 s (b), 6.0 s (c), < 8 s (e)"),
    ):
        steps = [_step(play, fs, rate, phase) for phase in range(PHASES)]
        to_63 = [step.to_63_s for step in steps]
        to_right = [step.to_right_s for step in steps]
        beats = [step.beats for step in steps if step.to_right_s is not None]
        rows += [
            _disclosed(
                f"80 to {rate}/min: 63 % of the step",
                spread_text(to_63),
                others,
                {"to_63_s": to_63},
            ),
            _disclosed(
                f"80 to {rate}/min: right from then on",
                f"{spread_text(to_right)}, {median(beats) if beats else 0:.0f} beats",
                "",
                {"to_right_s": to_right, "beats": beats},
            ),
        ]
        if rate == 120:
            rows.append(_how_often([every for step in steps for every in step.every_s]))
    return rows


def _step(play: Play, fs: float, rate: float, phase: int) -> _Step:
    before = before_change(phase)
    last = before[-1]
    after = times(rate, last + 60 / rate, 69.5)
    mv = triangles([*before, *after], 0.1, 1.0, 70, fs)
    got = play(mv + line(70, fs), fs)
    told = [(t, r) for t, r in got.rates if t > last and r is not None]
    mark = 80 + 0.63 * (rate - 80)
    reached = [t for t, r in told if (r - mark) * (rate - 80) >= 0]
    since = _since_right(told, rate)
    return _Step(
        reached[0] - last if reached else None,
        None if since is None else since - last,
        0 if since is None else sum(last < t <= since for t in got.beats),
        np.diff([t for t, _ in got.rates]).tolist(),
    )


def _since_right(told: Sequence[tuple[float, float]], rate: float) -> float | None:
    """From when on every rate told was right; None if the last was not."""
    since = None
    for t, shown in told:
        since = (since or t) if is_right(shown, rate) else None
    return since


def _how_often(every_s: Sequence[float]) -> Figure:
    text = "never"
    if every_s:
        text = f"every {median(every_s):.1f} s, at the longest {max(every_s):.1f} s"
    data = {"told_every_s": median(every_s) if every_s else None}
    return _disclosed("how often a rate is told", text, "1 s (b)", data)


def _disclosed(what: str, measured: str, makers: str, data: dict[str, Any]) -> Figure:
    return Figure("Averaging and response", what, "disclosed", measured, None, makers, data)
