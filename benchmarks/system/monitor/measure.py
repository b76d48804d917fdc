"""`edge-bench monitor`: the figures that makers of bedside monitors disclose, of our monitor.

ANSI/AAMI EC13 and IEC 60601-2-27 (201.7.9.2.9.101) say what a maker has to state, and how it is
measured. The requirements beside the figures are those that makers' manuals quote. Each signal is
played whole through `edge.monitor.Monitor`, one lead, without contact detection.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.system.monitor.waveforms import (
    BOARDS,
    IRREGULAR,
    Board,
    Pulse,
    Signal,
    drift,
    hum,
    irregular,
    line,
    paced,
    t_waves,
    times,
    triangles,
    ventricular,
)
from edge.bundle import Bundle
from edge.events import Alarm, Beat, Rhythm
from edge.monitor import Monitor
from edge.rhythm import RATE_BEATS
from firmware_bridge.block import LeadState, SampleBlock

_LEARNT_S: Final = 10.0
"""Beats are counted from then on: EC13 gives a meter time to settle."""
_WINDOW_S: Final = 0.15
_PHASES: Final = 5
"""Standards have each time measured five times."""
_RATES: Final = (20, 25, 30, 40, 60, 80, 100, 120, 150, 180, 200, 220, 240, 250, 270, 300)
_HEIGHTS_MV: Final = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0)
_WIDTHS_MS: Final = (5, 10, 20, 30, 40, 50, 70, 100, 120, 150, 200)
_T_MV: Final = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)
_HUM_MV: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
_DRIFT_MV: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
_PULSE_MS: Final = (0.1, 0.5, 1.0, 2.0)
_PULSE_MV: Final = (2.0, 20.0, 200.0, 700.0)
_TAILS_S: Final = (0.004, 0.025, 0.1)
_TAIL_MV: Final = 2.0
"""The largest overshoot of the standard."""
_VENTRICULAR: Final = {"ventricular_tachycardia", "ventricular_fibrillation"}
_FAST: Final = {
    *_VENTRICULAR,
    *("tachycardia", "extreme_tachycardia", "supraventricular_tachycardia"),
}
_SLOW: Final = {"bradycardia", "extreme_bradycardia"}


class Figure(NamedTuple):
    """A row: what was measured, beside what is asked for."""

    group: str
    what: str
    required: str
    """As makers' manuals quote the standard; "disclosed" where any figure will do."""
    measured: str
    met: bool | None
    """None where nothing is required."""
    makers: str
    """What makers print, by the letters of the page's list of sources."""
    data: dict[str, Any]
    """The figures behind it, for programs."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the monitor told of one signal."""

    beats: list[float]
    named: int
    """Beats with a class, not U."""
    rates: list[tuple[float, float | None]]
    """Every rate that was told, and when."""
    alarms: list[tuple[float, str]]
    """When each alarm began."""

    def rate(self, at: float = np.inf) -> float | None:
        """The rate on display at that time."""
        told = [rate for t, rate in self.rates if t <= at]
        return told[-1] if told else None

    def first(self, names: Iterable[str], after: float) -> float | None:
        """When the first of these alarms began, None if none did."""
        return min((t for t, name in self.alarms if name in names and t >= after), default=None)

    def wrong(self, at: Sequence[float], start: float = _LEARNT_S, end: float = np.inf) -> int:
        """Beats between that were missed, and such as are none.

        Within 150 ms, or 40 % of the interval where that is less, and one to one.
        """
        true = np.array([t for t in at if start <= t < end])
        found = np.array([t for t in self.beats if start <= t < end])
        if not len(true) or not len(found):
            return len(true) + len(found)
        apart = np.diff(true).min() if len(true) > 1 else np.inf
        near = np.abs(found[:, None] - true) <= min(_WINDOW_S, 0.4 * apart)
        paired = int(near.any(axis=0).sum())
        return len(true) + len(found) - 2 * paired


Listen = Callable[[Signal, float], Heard]


def listener(bundle: Bundle) -> Listen:
    """A function that plays a signal, in mV, at a rate, through a new monitor."""

    def listen(mv: Signal, fs: float) -> Heard:
        monitor = Monitor(bundle)
        column = mv.astype(np.float32)[:, None]
        block = SampleBlock(0, column, fs, ("II",), (LeadState.UNKNOWN,), (False,))
        events = [*monitor.push(block), *monitor.flush()]
        finals = [e for e in events if isinstance(e, Beat) and e.final]
        return Heard(
            [e.sample / fs for e in finals],
            sum(e.label != "U" for e in finals),
            [(e.t, e.rate_bpm) for e in events if isinstance(e, Rhythm)],
            [(e.t, e.name) for e in events if isinstance(e, Alarm) and e.active],
        )

    return listen


def figures(listen: Listen, fs: float) -> list[Figure]:
    """Every figure, at one board's rate; pacing pulses at those of `BOARDS`."""
    return [
        *rate_range(listen, fs),
        *heights_and_widths(listen, fs),
        *irregular_rhythms(listen, fs),
        *response(listen, fs),
        *alarm_times(listen, fs),
        *tall_t(listen, fs),
        *tolerance(listen, fs),
        *pacing(listen),
    ]


def rate_range(listen: Listen, fs: float) -> list[Figure]:
    """The rate on display after 45 s of triangles, 1 mV and 70 ms, from 20 to 300/min."""
    seconds = 45.0
    shown: dict[int, float | None] = {}
    for rate in _RATES:
        mv = triangles(times(rate, 0.5, seconds), 0.07, 1.0, seconds, fs)
        shown[rate] = listen(mv + line(seconds, fs), fs).rate()
    right = [rate for rate in _RATES if _right(shown[rate], rate)]
    inside = [rate for rate in _RATES if 30 <= rate <= 200]
    errors = [abs((shown[rate] or 0) - rate) for rate in right]
    above = [rate for rate in _RATES if rate > 200]
    below = [rate for rate in _RATES if rate < 30]
    return [
        Figure(
            "Rate",
            "rates shown within 10 % or 5/min",
            "30 to 200/min",
            _range(right, _RATES, "/min"),
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
            ", ".join(f"{rate}: {_shown(shown[rate])}" for rate in above),
            all((shown[rate] or 0) >= 195 for rate in above),
            "",
            {},
        ),
        Figure(
            "Rate",
            "below 30/min, to 20",
            "not shown above 30",
            ", ".join(f"{rate}: {_shown(shown[rate])}" for rate in below),
            all((shown[rate] or 0) <= 30 for rate in below),
            "",
            {},
        ),
    ]


def heights_and_widths(listen: Listen, fs: float) -> list[Figure]:
    """Which triangles are counted as QRS, at 80/min."""
    seconds = 40.0
    at = times(80, 0.5, seconds - 0.5)

    def share(width_s: float, mv: float) -> float:
        """Beats counted of those there were, from 10 s on."""
        signal = triangles(at, width_s, mv, seconds, fs) + line(seconds, fs)
        heard = listen(signal, fs)
        return sum(t >= _LEARNT_S for t in heard.beats) / sum(t >= _LEARNT_S for t in at)

    by_height = {mv: share(0.1, mv) for mv in _HEIGHTS_MV}
    by_width = {ms: share(ms / 1000, 1.0) for ms in _WIDTHS_MS}
    corners = {
        f"{mv:g} mV {ms} ms {rate}/min": _corner(listen, fs, mv, ms, rate)
        for mv in (0.5, 5.0)
        for ms in (40, 70, 120)
        for rate in (30, 80, 200)
    }
    counted = [mv for mv, of in by_height.items() if 0.98 <= of <= 1.02]
    wide = [ms for ms, of in by_width.items() if 0.98 <= of <= 1.02]
    wrong = [name for name, right in corners.items() if not right]
    return [
        Figure(
            "QRS",
            "heights counted, 100 ms at 80/min",
            "0.5 to 5 mV",
            _range(counted, _HEIGHTS_MV, "mV"),
            {mv for mv in _HEIGHTS_MV if 0.5 <= mv <= 5} <= set(counted),
            "0.5-5 mV (a)",
            {"share": {str(mv): of for mv, of in by_height.items()}},
        ),
        Figure(
            "QRS",
            "share of QRS of 0.15 mV and below that are counted",
            "none",
            f"{100 * max(by_height[mv] for mv in _HEIGHTS_MV if mv <= 0.15):.0f} %",
            not any(by_height[mv] > 0.02 for mv in _HEIGHTS_MV if mv <= 0.15),
            "",
            {},
        ),
        Figure(
            "QRS",
            "widths counted, 1 mV at 80/min",
            "70 to 120 ms (neonates 40 to 120)",
            _range(wide, _WIDTHS_MS, "ms"),
            {ms for ms in _WIDTHS_MS if 40 <= ms <= 120} <= set(wide),
            "40-120 ms (a)",
            {"share": {str(ms): of for ms, of in by_width.items()}},
        ),
        Figure(
            "QRS",
            "share of QRS of 10 ms and below at 1 mV that are counted",
            "none",
            f"{100 * max(by_width[ms] for ms in _WIDTHS_MS if ms <= 10):.0f} %",
            not any(by_width[ms] > 0.02 for ms in _WIDTHS_MS if ms <= 10),
            "",
            {},
        ),
        Figure(
            "QRS",
            "0.5 and 5 mV, 40, 70 and 120 ms, 30, 80 and 200/min: wrong rates",
            "none",
            f"{len(wrong)} of {len(corners)}" + (f", {_by_rate(wrong)}" if wrong else ""),
            not wrong,
            "",
            {"right": corners},
        ),
    ]


def _corner(listen: Listen, fs: float, mv: float, ms: float, rate: float) -> bool:
    seconds = 45.0
    signal = triangles(times(rate, 0.5, seconds), ms / 1000, mv, seconds, fs) + line(seconds, fs)
    return _right(listen(signal, fs).rate(), rate)


def _by_rate(names: Iterable[str]) -> str:
    counts = Counter(name.rsplit(" ", 1)[1] for name in names)
    return ", ".join(f"{count} at {rate}" for rate, count in counts.items())


def irregular_rhythms(listen: Listen, fs: float) -> list[Figure]:
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
        heard = listen(mv + line(60, fs), fs)
        shown = [heard.rate(20 + i) for i in range(39)]
        told = [rate for rate in shown if rate is not None]
        spread = f"{_shown(shown[0])} ({min(told):.0f} to {max(told):.0f})" if told else "none"
        rows.append(
            Figure(
                "Irregular rhythms",
                rhythm.name,
                f"disclosed; {rhythm.rate:.0f}/min counts every beat",
                f"{spread}; {heard.wrong(at)} beats wrong",
                None,
                others,
                {"shown": shown, "wrong": heard.wrong(at)},
            )
        )
    return rows


def response(listen: Listen, fs: float) -> list[Figure]:
    """How soon a new rate is shown, and over how many intervals it is averaged."""
    rows = [
        Figure(
            "Averaging and response",
            "how the rate is averaged",
            "disclosed",
            f"mean of the last {RATE_BEATS} RR intervals",
            None,
            "10 s median (a), 12 intervals, 4 where slow (b, c)",
            {"intervals": RATE_BEATS},
        )
    ]
    for rate, others in (
        (120, "6.9 s (a), < 11 s (b), 6.8 s (c), < 7 s (e)"),
        (40, "8.2 s (a), < 11 s (b), 6.0 s (c), < 8 s (e)"),
    ):
        mark = 80 + 0.63 * (rate - 80)
        to_63, to_right, beats, told_every = [], [], [], []
        for phase in range(_PHASES):
            before = _before(phase)
            last = before[-1]
            after = times(rate, last + 60 / rate, 69.5)
            mv = triangles([*before, *after], 0.1, 1.0, 70, fs)
            heard = listen(mv + line(70, fs), fs)
            told = [(t, r) for t, r in heard.rates if t > last and r is not None]
            reached = [t for t, r in told if (r - mark) * (rate - 80) >= 0]
            right = _since_right(told, rate)
            to_63.append(reached[0] - last if reached else None)
            to_right.append(None if right is None else right - last)
            if right is not None:
                beats.append(sum(last < t <= right for t in heard.beats))
            told_every += np.diff([t for t, _ in heard.rates]).tolist()
        rows.append(
            Figure(
                "Averaging and response",
                f"80 to {rate}/min: 63 % of the step",
                "disclosed",
                _spread(to_63),
                None,
                others,
                {"to_63_s": to_63},
            )
        )
        rows.append(
            Figure(
                "Averaging and response",
                f"80 to {rate}/min: right from then on",
                "disclosed",
                f"{_spread(to_right)}, {median(beats) if beats else 0:.0f} beats",
                None,
                "",
                {"to_right_s": to_right, "beats": beats},
            )
        )
        if rate == 120:
            rows.append(
                Figure(
                    "Averaging and response",
                    "how often a rate is told",
                    "disclosed",
                    f"every {median(told_every):.1f} s, at the longest {max(told_every):.1f} s"
                    if told_every
                    else "never",
                    None,
                    "1 s (b)",
                    {"told_every_s": median(told_every) if told_every else None},
                )
            )
    return rows


def alarm_times(listen: Listen, fs: float) -> list[Figure]:
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
                    listen,
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
        _alarm_time(listen, fs, "standstill: asystole", "10 s", narrow, 0, {"asystole"}, ""),
        _alarm_time(listen, fs, "low rate, 80 to 30/min", "10 s", narrow, 30, _SLOW, ""),
        _alarm_time(listen, fs, "high rate, 80 to 180/min", "10 s", narrow, 180, _FAST, ""),
    ]
    return rows


def _broad(mv: float) -> Callable[[Sequence[float], float], Signal]:
    def draw(at: Sequence[float], fs: float) -> Signal:
        return ventricular(at, mv, 60, fs)

    return draw


def _before(phase: int) -> list[float]:
    """Beats at 80/min before a change, at another part of a second and of ten beats each time."""
    return times(80, 0.5 + phase / _PHASES, 30 + 2 * phase)


def _alarm_time(
    listen: Listen,
    fs: float,
    what: str,
    required: str,
    draw: Callable[[Sequence[float], float], Signal],
    rate: float,
    names: Iterable[str],
    makers: str,
) -> Figure:
    seconds, to_alarm, early = 60, [], 0
    for phase in range(_PHASES):
        before = _before(phase)
        last = before[-1]
        mv = triangles(before, 0.08, 1.0, seconds, fs) + t_waves(before, 0.2, seconds, fs)
        if rate:
            mv += draw(times(rate, last + max(60 / rate, 0.4), seconds - 0.5), fs)
        heard = listen(mv + line(seconds, fs), fs)
        alarm = heard.first(names, last)
        to_alarm.append(None if alarm is None else alarm - last)
        early += any(t < last for t, _ in heard.alarms)
    worst = max((t for t in to_alarm if t is not None), default=np.inf)
    met = None not in to_alarm and worst <= 10
    measured = _spread(to_alarm) + (f", alarms before in {early}" if early else "")
    return Figure("Time to alarm", what, required, measured, met, makers, {"to_alarm_s": to_alarm})


def tall_t(listen: Listen, fs: float) -> list[Figure]:
    """QRS of 1 mV and 100 ms at 80/min, T of 180 ms, QT of 350 ms: the largest T passed over."""
    seconds = 40.0
    at = times(80, 0.5, seconds - 0.5)
    qrs = triangles(at, 0.1, 1.0, seconds, fs) + line(seconds, fs)
    right = {mv: _undisturbed(listen(qrs + t_waves(at, mv, seconds, fs), fs), at) for mv in _T_MV}
    most = _most(right)
    return [
        Figure(
            "Tall T",
            "largest T wave that changes neither beats nor rate",
            "1.2 mV",
            f"{most:g} mV" + (" and more" if most == _T_MV[-1] else ""),
            most >= 1.2,
            "> 1.4 mV (a), 1.2 mV (b, c)",
            {"right": {str(mv): ok for mv, ok in right.items()}},
        )
    ]


def tolerance(listen: Listen, fs: float) -> list[Figure]:
    """Hum and drift over QRS of 0.5 mV, 100 ms, 80/min."""
    seconds = 60.0
    at = times(80, 0.5, seconds - 0.5)
    qrs = triangles(at, 0.1, 0.5, seconds, fs) + line(seconds, fs)
    rows = []
    for hz in (50, 60):
        heard = {mv: listen(qrs + hum(mv, hz, seconds, fs), fs) for mv in _HUM_MV}
        most = _most({mv: _undisturbed(h, at) for mv, h in heard.items()})
        named = heard[0.1].named / max(1, len(heard[0.1].beats))
        rows.append(
            Figure(
                "Hum and drift",
                f"largest hum of {hz} Hz, peak to peak, that changes nothing",
                "0.1 mV",
                f"{most:g} mV; at 0.1 mV {100 * named:.0f} % of beats have a class",
                most >= 0.1,
                "",
                {
                    "right": {str(mv): _undisturbed(h, at) for mv, h in heard.items()},
                    "named_at_0.1_mv": named,
                },
            )
        )
    right = {
        mv: _undisturbed(listen(qrs + drift(mv, 0.1, seconds, fs), fs), at) for mv in _DRIFT_MV
    }
    most = _most(right)
    rows.append(
        Figure(
            "Hum and drift",
            "largest triangle of 0.1 Hz that changes nothing",
            "4 mV",
            f"{most:g} mV" + (" and more" if most == _DRIFT_MV[-1] else ""),
            most >= 4,
            "",
            {"right": {str(mv): ok for mv, ok in right.items()}},
        )
    )
    return rows


def pacing(listen: Listen, boards: Sequence[Board] = BOARDS) -> list[Figure]:
    """Pulses of 0.1 to 2 ms and 2 to 700 mV: how many of them leave the beats as they are."""
    return [
        _situation(listen, board, name, at, qrs, tail, makers)
        for name, at, qrs, tail, makers in _situations()
        for board in boards
    ]


def _situations() -> Iterable[tuple[str, list[float], list[float], bool, str]]:
    """Name, pulses, R times, with overshoot or not, and what makers print."""
    seconds = 40.0
    qrs = times(70, 0.8, seconds - 0.5)
    before = [t - 0.1 for t in qrs]  # 50 ms before the QRS begins
    atrial = sorted([*before, *(t - 0.15 for t in before)])
    alone = [t for t in qrs if t < 15]
    rejected = "all (b, c, e)"
    yield "ventricular, before each QRS", before, qrs, False, rejected
    yield "atrial and ventricular, 150 ms apart", atrial, qrs, False, "95 % (d)"
    yield "without capture, beside QRS", times(62, 0.55, seconds), qrs, False, rejected
    yield "alone after 15 s of QRS", [t - 0.1 for t in qrs], alone, False, rejected
    yield "with overshoot of 2 mV, 4 to 100 ms", before, qrs, True, "2 mV (e)"


def _situation(
    listen: Listen,
    board: Board,
    name: str,
    at: Sequence[float],
    qrs: Sequence[float],
    tail: bool,
    makers: str,
) -> Figure:
    seconds = 40.0
    heart = triangles(qrs, 0.1, 1.0, seconds, board.fs) + t_waves(qrs, 0.2, seconds, board.fs)
    heart += line(seconds, board.fs)
    right: dict[tuple[float, float, float], bool] = {}
    for width in _PULSE_MS:
        for mv in (sign * mv for mv in _PULSE_MV for sign in (1, -1)):
            for tail_s in _TAILS_S if tail else (0.0,):
                pulse = Pulse(mv, width / 1000, _TAIL_MV if tail else 0.0, tail_s or 1.0)
                heard = listen(heart + paced(at, pulse, seconds, board), board.fs)
                # a beat may be placed at the pulse before it: what counts is that it counts once
                right[width, mv, tail_s] = abs(_counted(heard) - _true(qrs)) <= 1
    wrong = [f"{w:g} ms {mv:g} mV" for (w, mv, _), ok in right.items() if not ok]
    named = f", not {', '.join(dict.fromkeys(wrong))}" if 0 < len(wrong) <= 4 else ""
    return Figure(
        "Pacing pulses",
        f"{name}; {board}",
        "0.1 to 2 ms, 2 to 700 mV: none counted",
        f"{sum(right.values())} of {len(right)} passed over{named}",
        all(right.values()),
        makers,
        {"right": {f"{w:g} ms {mv:g} mV {s:g} s": ok for (w, mv, s), ok in right.items()}},
    )


def _counted(heard: Heard) -> int:
    return sum(t >= _LEARNT_S for t in heard.beats)


def _true(at: Sequence[float]) -> int:
    return sum(t >= _LEARNT_S for t in at)


def _right(shown: float | None, rate: float) -> bool:
    """Within 10 % or 5/min, whichever is more."""
    return shown is not None and abs(shown - rate) <= max(5.0, 0.1 * rate)


def _since_right(told: Sequence[tuple[float, float]], rate: float) -> float | None:
    """From when on every rate told was right; None if the last was not."""
    since = None
    for t, shown in told:
        since = (since or t) if _right(shown, rate) else None
    return since


def _undisturbed(heard: Heard, at: Sequence[float]) -> bool:
    """At most one beat wrong, and the rate right at the end."""
    return heard.wrong(at) <= 1 and _right(heard.rate(), 60 / float(np.median(np.diff(at))))


def _most(right: dict[float, bool]) -> float:
    """The largest up to which all are right, 0 if none."""
    most = 0.0
    for value, ok in right.items():
        if not ok:
            break
        most = value
    return most


def _shown(rate: float | None) -> str:
    return "none" if rate is None else f"{rate:.0f}"


def _range(counted: Sequence[float], tried: Sequence[float], unit: str) -> str:
    """From the least to the largest, and what is missing between."""
    if not counted:
        return "none"
    holes = [x for x in tried if counted[0] < x < counted[-1] and x not in counted]
    text = f"{counted[0]:g} to {counted[-1]:g} {unit} of {tried[0]:g} to {tried[-1]:g}"
    return text + (f", but not {', '.join(f'{x:g}' for x in holes)}" if holes else "")


def _spread(seconds: Sequence[float | None]) -> str:
    """Median and range; how often never."""
    known = [s for s in seconds if s is not None]
    if not known:
        return "never"
    text = f"{median(known):.1f} s ({min(known):.1f} to {max(known):.1f})"
    lost = len(seconds) - len(known)
    return text + (f", never in {lost} of {len(seconds)}" if lost else "")
