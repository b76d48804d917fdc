"""Rhythm strips on millimetre paper, the trend and the histogram, as shapes."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.report.clock import Clock
from edge.report.counts import Counter
from edge.report.found import Found
from edge.report.layout import WIDTH, Drawing, Label, Path, Points
from edge.report.strips import ROW_S, Strip

MM_S: Final = 25.0
MM_MV: Final = 10.0
COLOURS: Final = {
    "N": "#333333",
    "S": "#0072b2",
    "V": "#d55e00",
    "F": "#aa3377",
    "Q": "#777777",
    "U": "#777777",
}
"""Of labels: told apart by the colour-blind too, and by their letters anyway."""
_INK, _FINE, _COARSE = "#000000", "#f6c9c4", "#e58f86"
_GREY, _FAINT = "#777777", "#dddddd"
LEFT: Final = WIDTH - ROW_S * MM_S
"""Where paper begins: before it stand names."""
_HEAD: Final = 8.0
"""Above the paper, for labels and intervals."""
MOST_MM: Final = 50.0
"""Of one lead, and less where all would not go on a page; what is higher is cut off, and told."""
_PAGE_MM: Final = 220.0
_PER_S: Final = 400.0
"""Points of a trace; of more the least and the greatest of each few are drawn."""
_BINS: Final = 720
_BIN_S: Final = (5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_TICKS_S: Final = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0)


def strip(
    of: Strip, found: Found, fs: float, names: Sequence[str], time: Callable[[float], str]
) -> Drawing:
    """A strip as it was cut, with the labels of its beats and the intervals between them in ms."""
    assert of.mv is not None
    shapes: list[Path | Label] = []
    y = 0.0
    cut_off = False
    size = round(ROW_S * fs)
    most = min(MOST_MM, 5.0 * (_PAGE_MM // (5 * of.rows * max(1, len(names)))))
    for row in range(of.rows):
        mv = of.mv[row * size : (row + 1) * size]
        start = of.start + row * ROW_S
        shapes += _beats(found, start, y)
        shapes.append(Label(0, y + 3, time(start).rpartition(" ")[2], 2.3, _GREY))
        y += _HEAD
        top = y
        traces: list[Path | Label] = []
        for lead, name in enumerate(names):
            up, down, drawn, cut = trace(mv[:, lead], fs, most)
            cut_off |= cut
            traces += mark(y + up, name)
            traces += [
                Path([[(LEFT + x, y + up + dy) for x, dy in line] for line in drawn], _INK, 0.25)
            ]
            y += up + down
        shapes += [*paper(LEFT, top, ROW_S * MM_S, y - top), *traces]
        y += 2
    note = "Also here: " * bool(of.also) + "; ".join(of.also[:4])
    if len(of.also) > 4:
        note += f"; and {len(of.also) - 4} more"
    if cut_off:
        note = "; ".join(filter(None, [note, "cut off at the edge of the paper"]))
    beats = found.label[np.searchsorted(found.t, of.start) : np.searchsorted(found.t, of.end)]
    says = f"{of.title}: beats {' '.join(beats.tolist()) or 'none'}"
    return Drawing(of.title, y, shapes, note, says)


def _beats(found: Found, start: float, y: float) -> list[Path | Label]:
    """The label over each R, a tick under it, and the interval before it in its middle."""
    shapes: list[Path | Label] = []
    first, last = np.searchsorted(found.t, [start, start + ROW_S])
    for i in range(int(first), int(last)):
        x = LEFT + (found.t[i] - start) * MM_S
        label = str(found.label[i])
        colour = COLOURS[label]
        bold = label not in "NU"
        shapes.append(Label(x, y + 3.2, label, 3.0, colour, "middle", bold))
        shapes.append(Path([[(x, y + 6.6), (x, y + _HEAD)]], colour, 0.3))
        rr = float(found.rr[i])
        middle = x - rr * MM_S / 2
        if rr * MM_S > 6 and middle > LEFT + 3:
            shapes.append(Label(middle, y + 6.6, f"{rr * 1000:.0f}", 2.1, _GREY, "middle"))
    return shapes


def paper(x: float, y: float, width: float, height: float) -> list[Path | Label]:
    """Lines each millimetre, stronger each fifth."""
    lines: list[list[Points]] = [[], []]
    for i in range(round(width) + 1):
        lines[i % 5 == 0].append([(x + i, y), (x + i, y + height)])
    for i in range(round(height) + 1):
        lines[i % 5 == 0].append([(x, y + i), (x + width, y + i)])
    return [Path(lines[0], _FINE, 0.08), Path(lines[1], _COARSE, 0.15)]


def mark(zero: float, name: str) -> list[Path | Label]:
    """A millivolt beside the paper, and the lead's name."""
    x = LEFT - 5
    pulse = [(x, zero), (x + 1, zero), (x + 1, zero - MM_MV), (x + 3, zero - MM_MV)]
    pulse += [(x + 3, zero), (x + 4, zero)]
    return [Path([pulse], _INK, 0.2), Label(0, zero + 3.2, name[:8], 2.4, bold=True)]


class Trace(NamedTuple):
    """A lead on paper, in millimetres."""

    up: float
    """Above 0, as `down` below it: whole squares."""
    down: float
    lines: list[Points]
    cut_off: bool
    """Whether some of it is higher than there is room."""


def trace(mv: NDArray[np.float32], fs: float, most: float) -> Trace:
    """A lead that has `most` millimetres of height; its median is 0."""
    known = ~np.isnan(mv)
    if not known.any():
        return Trace(5.0, 5.0, [], False)
    y = -(mv - np.median(mv[known])) * MM_MV
    up = 5.0 * math.ceil(max(5.0, -float(np.nanmin(y)) + 1) / 5)
    down = 5.0 * math.ceil(max(5.0, float(np.nanmax(y)) + 1) / 5)
    cut = up + down > most
    if cut:
        share = min(max(up / (up + down), 0.3), 0.7)
        up = 5.0 * round(most * share / 5)
        down = most - up
    x, y = _thinned(np.arange(len(mv)) / fs * MM_S, np.clip(y, -up, down).astype(np.float64), fs)
    edges = np.flatnonzero(np.diff(np.isnan(y))) + 1
    lines: list[Points] = []
    for a, b in pairwise([0, *edges.tolist(), len(y)]):
        if not np.isnan(y[a]):
            lines.append(list(zip(x[a:b].tolist(), y[a:b].tolist(), strict=True)))
    return Trace(up, down, lines, cut)


def _thinned(
    x: NDArray[np.float64], y: NDArray[np.float64], fs: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same for the eye in fewer points: of each few the least and the greatest, in order."""
    few = math.ceil(2 * fs / _PER_S)
    if few <= 2:
        return x, y
    n = len(y) // few * few
    groups = y[:n].reshape(-1, few)
    filled = np.where(np.isnan(groups), np.inf, groups)
    low = filled.argmin(axis=1)
    high = np.where(np.isnan(groups), -np.inf, groups).argmax(axis=1)
    both = np.sort(np.stack([low, high], axis=1), axis=1)
    at = (both + np.arange(len(groups))[:, None] * few).ravel()
    return x[at], y[at]


def trend(found: Found, counter: Counter, clock: Clock) -> Drawing:
    """Rate over the whole time, and under it V and S, fibrillation, and what nobody can judge."""
    seconds = max(found.seconds, 1e-3)
    left, width = 14.0, WIDTH - 15.0
    per = seconds / width

    def x(t: float) -> float:
        return left + min(max(t, 0.0), seconds) / per

    rates = counter.rates
    known = rates[~np.isnan(rates)]
    top = max(120.0, 20 * math.ceil(float(known.max()) / 20)) if len(known) else 120.0
    top = min(top, 300.0)
    bottom = min(40.0, 20 * math.floor(float(known.min()) / 20)) if len(known) else 40.0
    height = 45.0

    def y(rate: float) -> float:
        return 2 + height - (min(rate, top) - bottom) / (top - bottom) * height

    step = next((s for s in _TICKS_S if seconds / s <= 13), 86400.0)
    shapes: list[Path | Label] = []
    grid = [[(left, y(r)), (left + width, y(r))] for r in np.arange(bottom, top + 1, 20).tolist()]
    total = 2 + height + 32
    ticks: list[float] = np.arange(clock.until(step), seconds, step).tolist()
    grid += [[(x(t), 2), (x(t), total - 5)] for t in ticks]
    shapes.append(Path(grid, _FAINT, 0.15))
    shapes += [
        Label(left - 1, y(rate) + 1, f"{rate:.0f}", 2.4, _GREY, "end")
        for rate in np.arange(bottom, top + 1, 40).tolist()
    ]
    shapes.append(Label(0, 5, "1/min", 2.4, _GREY))
    for t in ticks:
        day, _, text = clock.time(t, seconds=step < 60).rpartition(" ")
        text = day if day and text == "00:00" else text
        if left + 3 < x(t) < left + width - 3:
            shapes.append(Label(x(t), total - 1.5, text, 2.3, _GREY, "middle"))
    size = next((s for s in _BIN_S if seconds / s <= _BINS), seconds / _BINS)
    least, mean, greatest = _binned(found.t, rates, size, seconds)
    middles = (np.arange(len(mean)) + 0.5) * size
    for a, b in _stretches(~np.isnan(mean)):
        over = [(x(t), y(v)) for t, v in zip(middles[a:b], greatest[a:b], strict=True)]
        under = [(x(t), y(v)) for t, v in zip(middles[a:b], least[a:b], strict=True)]
        shapes.append(Path([over + under[::-1]], "", 0, "#bcd3e6"))
    lines = [
        [(x(t), y(v)) for t, v in zip(middles[a:b], mean[a:b], strict=True)]
        for a, b in _stretches(~np.isnan(mean))
    ]
    shapes.append(Path(lines, "#1f4e79", 0.3))
    at = 2 + height + 2
    for label in "VS":
        counts, _ = np.histogram(found.t[found.label == label], len(mean), (0, len(mean) * size))
        most = max(int(counts.max(initial=0)), 1)
        bars = [
            [(x(m), at + 8), (x(m), at + 8 - 7.5 * min(1, c / most))]
            for m, c in zip(middles.tolist(), counts.tolist(), strict=True)
            if c
        ]
        shapes.append(Path(bars, COLOURS[label], max(0.15, min(1.0, size / per * 0.8))))
        shapes.append(Label(0, at + 5, label, 3.0, COLOURS[label], bold=True))
        shapes.append(Label(left - 1, at + 3, f"{most}" if bars else "", 2.0, _GREY, "end"))
        at += 9
    for name, colour, spans in (
        ("AF", COLOURS["F"], [e for e in found.episodes if e.name == "atrial_fibrillation"]),
        ("unseen", "#555555", found.unseen),
    ):
        areas = [
            [(x(s.start), at), (x(s.end), at), (x(s.end), at + 2.6), (x(s.start), at + 2.6)]
            for s in spans
        ]
        shapes.append(Path(areas, colour, 0.1, colour))
        shapes.append(Label(0, at + 2.4, name, 2.4, colour, bold=True))
        at += 4
    note = (
        f"Line: mean of {_words(size)}; band: least and greatest mean of 8 intervals in it. V and "
        f"S: beats in {_words(size)}, the number is the highest bar's. AF: atrial fibrillation. "
        "Unseen: no lead can be judged."
    )
    return Drawing("Heart rate over the whole time", total, shapes, note)


def _words(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} min"


def _binned(
    t: NDArray[np.float64], rates: NDArray[np.float64], size: float, seconds: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Least, mean and greatest of each stretch of `size` seconds; NaN where there is none."""
    bins = max(1, math.ceil(seconds / size))
    known = ~np.isnan(rates)
    at = np.minimum((t[known] / size).astype(int), bins - 1)
    values = rates[known]
    least, greatest, total = np.full(bins, np.inf), np.full(bins, -np.inf), np.zeros(bins)
    np.minimum.at(least, at, values)
    np.maximum.at(greatest, at, values)
    np.add.at(total, at, 1 / values)  # a mean rate is of intervals
    counts = np.bincount(at, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = counts / total
    return (
        np.where(counts > 0, least, np.nan),
        np.where(counts > 0, mean, np.nan),
        np.where(counts > 0, greatest, np.nan),
    )


def _stretches(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def histogram(found: Found) -> Drawing:
    """RR intervals in 20 ms: of two N in a row, and all others above them."""
    left, width, height = 14.0, WIDTH - 15.0, 34.0
    rr = found.rr
    normal = np.zeros(len(rr), bool)
    normal[1:] = (found.label[1:] == "N") & (found.label[:-1] == "N")
    edges = np.arange(0.2, 2.4001, 0.02)
    known = np.clip(rr, edges[0], edges[-1] - 1e-6)
    of_n, _ = np.histogram(known[normal & ~np.isnan(rr)], edges)
    every, _ = np.histogram(known[~np.isnan(rr)], edges)
    most = max(int(every.max(initial=0)), 1)

    def x(s: float) -> float:
        return left + (s - 0.2) / 2.2 * width

    shapes: list[Path | Label] = []
    bottom = 2 + height
    for counts, below, colour in (
        (every, of_n, COLOURS["V"]),
        (of_n, np.zeros_like(of_n), "#1f4e79"),
    ):
        bars = [
            [
                (x(a), bottom - low / most * height),
                (x(a), bottom - high / most * height),
                (x(b), bottom - high / most * height),
                (x(b), bottom - low / most * height),
            ]
            for (a, b), low, high in zip(pairwise(edges.tolist()), below, counts, strict=True)
            if high > low
        ]
        shapes.append(Path(bars, "", 0, colour))
    shapes.append(Path([[(left, bottom), (left + width, bottom)]], _GREY, 0.2))
    for s in np.arange(0.2, 2.41, 0.2).tolist():
        text = "longer" if s > 2.39 else f"{s * 1000:.0f}"
        shapes.append(Label(x(s), bottom + 3.6, text, 2.3, _GREY, "end" if s > 2.39 else "middle"))
    shapes.append(Label(0, bottom + 3.6, "ms", 2.3, _GREY))
    shapes.append(Label(left - 1, 4, f"{most}", 2.3, _GREY, "end"))
    note = "Blue: NN, between two N in a row. Orange: all other known intervals, on top of them."
    return Drawing("RR intervals", bottom + 5, shapes, note)
