"""Which QRS are counted, and what beside them is not: tall T, hum, drift."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from benchmarks.system.monitor.figure import Figure, most, most_text, range_text
from benchmarks.system.monitor.response import Play, is_right, settled
from benchmarks.system.monitor.waveforms import drift, hum, line, t_waves, times, triangles

_HEIGHTS_MV: Final = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 10.0)
_WIDTHS_MS: Final[tuple[float, ...]] = (5, 10, 20, 30, 40, 50, 70, 100, 120, 150, 200)
_T_MV: Final = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4)
_HUM_MV: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
_DRIFT_MV: Final = (1.0, 2.0, 4.0, 8.0, 16.0)


def heights_and_widths(play: Play, fs: float) -> list[Figure]:
    """Which triangles are counted as QRS, at 80/min."""
    seconds = 40.0
    at = times(80, 0.5, seconds - 0.5)

    def share(width_s: float, mv: float) -> float:
        """Beats counted of those there were, from 10 s on."""
        signal = triangles(at, width_s, mv, seconds, fs) + line(seconds, fs)
        return settled(play(signal, fs).beats) / settled(at)

    by_height = {mv: share(0.1, mv) for mv in _HEIGHTS_MV}
    by_width = {ms: share(ms / 1000, 1.0) for ms in _WIDTHS_MS}
    corners = {
        f"{mv:g} mV {ms} ms {rate}/min": _corner(play, fs, mv, ms, rate)
        for mv in (0.5, 5.0)
        for ms in (40, 70, 120)
        for rate in (30, 80, 200)
    }
    wrong = [name for name, right in corners.items() if not right]
    return [
        *_counted(
            by_height,
            ("heights counted, 100 ms at 80/min", "mV", "0.5 to 5 mV", "0.5-5 mV (a)"),
            (0.5, 5),
            (0.15, "share of QRS of 0.15 mV and below that are counted"),
        ),
        *_counted(
            by_width,
            (
                "widths counted, 1 mV at 80/min",
                "ms",
                "70 to 120 ms (neonates 40 to 120)",
                "40-120 ms (a)",
            ),
            (40, 120),
            (10, "share of QRS of 10 ms and below at 1 mV that are counted"),
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


def _counted(
    shares: Mapping[float, float],
    row: tuple[str, str, str, str],
    needed: tuple[float, float],
    below: tuple[float, str],
) -> list[Figure]:
    """Of sizes with their shares counted: those that are, and that none is below some size.

    `row`: what is counted, its unit, what is required, what makers print. `needed`: the sizes, from
    and to, that must be counted; `below`: up to which none must be, and that row's name.
    """
    what, unit, required, makers = row
    counted = [size for size, share in shares.items() if 0.98 <= share <= 1.02]
    small = max(share for size, share in shares.items() if size <= below[0])
    wanted = {size for size in shares if needed[0] <= size <= needed[1]}
    return [
        Figure(
            "QRS",
            what,
            required,
            range_text(counted, [*shares], unit),
            wanted <= set(counted),
            makers,
            {"share": {str(size): share for size, share in shares.items()}},
        ),
        Figure("QRS", below[1], "none", f"{100 * small:.0f} %", small <= 0.02, "", {}),
    ]


def _corner(play: Play, fs: float, mv: float, ms: float, rate: float) -> bool:
    seconds = 45.0
    signal = triangles(times(rate, 0.5, seconds), ms / 1000, mv, seconds, fs) + line(seconds, fs)
    return is_right(play(signal, fs).rate(), rate)


def _by_rate(names: Iterable[str]) -> str:
    counts = Counter(name.rsplit(" ", 1)[1] for name in names)
    return ", ".join(f"{count} at {rate}" for rate, count in counts.items())


def tall_t(play: Play, fs: float) -> list[Figure]:
    """QRS of 1 mV and 100 ms at 80/min, T of 180 ms, QT of 350 ms: the largest T passed over."""
    seconds = 40.0
    at = times(80, 0.5, seconds - 0.5)
    qrs = triangles(at, 0.1, 1.0, seconds, fs) + line(seconds, fs)
    right = {mv: play(qrs + t_waves(at, mv, seconds, fs), fs).undisturbed(at) for mv in _T_MV}
    what = "largest T wave that changes neither beats nor rate"
    return [_largest("Tall T", what, 1.2, right, "> 1.4 mV (a), 1.2 mV (b, c)")]


def tolerance(play: Play, fs: float) -> list[Figure]:
    """Hum and drift over QRS of 0.5 mV, 100 ms, 80/min."""
    seconds = 60.0
    at = times(80, 0.5, seconds - 0.5)
    qrs = triangles(at, 0.1, 0.5, seconds, fs) + line(seconds, fs)
    rows = []
    for hz in (50, 60):
        got = {mv: play(qrs + hum(mv, hz, seconds, fs), fs) for mv in _HUM_MV}
        right = {mv: response.undisturbed(at) for mv, response in got.items()}
        named = got[0.1].named / max(1, len(got[0.1].beats))
        rows.append(
            Figure(
                "Hum and drift",
                f"largest hum of {hz} Hz, peak to peak, that changes nothing",
                "0.1 mV",
                f"{most(right):g} mV; at 0.1 mV {100 * named:.0f} % of beats have a class",
                most(right) >= 0.1,
                "",
                {**_data(right), "named_at_0.1_mv": named},
            )
        )
    right = {mv: play(qrs + drift(mv, 0.1, seconds, fs), fs).undisturbed(at) for mv in _DRIFT_MV}
    what = "largest triangle of 0.1 Hz that changes nothing"
    return [*rows, _largest("Hum and drift", what, 4, right)]


def _largest(
    group: str, what: str, needed_mv: float, right: dict[float, bool], makers: str = ""
) -> Figure:
    """The largest size, in mV, up to which all are right."""
    largest = most(right)
    said, met = most_text(largest, [*right]), largest >= needed_mv
    return Figure(group, what, f"{needed_mv:g} mV", said, met, makers, _data(right))


def _data(right: Mapping[float, bool]) -> dict[str, dict[str, bool]]:
    return {"right": {str(mv): ok for mv, ok in right.items()}}
