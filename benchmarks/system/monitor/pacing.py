"""How many pacing pulses leave the beats as they are."""

from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.system.monitor.figure import Figure
from benchmarks.system.monitor.response import Play, settled
from benchmarks.system.monitor.waveforms import (
    BOARDS,
    Board,
    Pulse,
    line,
    paced,
    t_waves,
    times,
    triangles,
)

_PULSE_MS: Final = (0.1, 0.5, 1.0, 2.0)
_PULSE_MV: Final = (2.0, 20.0, 200.0, 700.0)
_TAILS_S: Final = (0.004, 0.025, 0.1)
_TAIL_MV: Final = 2.0
"""The largest overshoot of the standard."""


def pacing(play: Play, boards: Sequence[Board] = BOARDS) -> list[Figure]:
    """Pulses of 0.1 to 2 ms and 2 to 700 mV: how many of them leave the beats as they are."""
    return [
        _situation(play, board, name, at, qrs, tail, makers)
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
    play: Play,
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
                got = play(heart + paced(at, pulse, seconds, board), board.fs)
                # a beat may be placed at the pulse before it: what counts is that it counts once
                right[width, mv, tail_s] = abs(settled(got.beats) - settled(qrs)) <= 1
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
