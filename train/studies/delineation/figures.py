"""A record with its waves shaded, and ticks where a cardiologist marked them."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from train.metrics.delineation import WAVES, Waves

COLOURS: Final = ("#0072B2", "#E69F00", "#009E73")
"""Of P, QRS and T: Okabe's and Ito's, which the colour-blind tell apart."""


def figure_of(
    mv: NDArray[np.floating],
    fs: float,
    leads: Sequence[str],
    found: Sequence[Waves],
    marked: Sequence[Waves],
    title: str,
) -> Figure:
    """Leads one above the other, 1 mV apart at least; `mv` is [leads, T] at `fs` Hz."""
    figure = Figure(figsize=(10, 0.9 + 1.25 * len(leads)), layout="constrained")
    axes = figure.subplots()
    t = np.arange(mv.shape[1]) / fs
    level = 0.0
    ticks = []
    for x, waves, marks in zip(mv, found, marked, strict=True):
        low, high = min(x.min(), -0.3), max(x.max(), 0.3)
        y = level - high
        ticks.append(y)
        axes.plot(t, x + y, color="#222222", linewidth=0.8, zorder=3)
        for kind, onset, offset in zip(*waves, strict=True):
            axes.fill_between(
                [onset / 1000, offset / 1000], y + low - 0.05, y + high + 0.05,
                color=COLOURS[kind - 1], alpha=0.28, linewidth=0,
            )  # fmt: skip
        for k, colour in enumerate(COLOURS):
            ends = np.stack([marks.onset_ms, marks.offset_ms])[:, marks.kind == k + 1].ravel()
            axes.vlines(
                ends / 1000, y + low - 0.22, y + low - 0.07, color=colour, linewidth=1.4, zorder=4
            )
        level = y + low - 0.4
    axes.set(xlim=(t[0], t[-1] + 0.4), ylim=(level + 0.1, 0.1), xlabel="seconds", title=title)
    axes.set_yticks(ticks, leads)
    axes.set_xticks(np.arange(0, t[-1] + 0.01, 1))
    axes.set_xticks(np.arange(0, t[-1], 0.2), minor=True)
    axes.grid(axis="x", which="both", color="#e8c8c8", linewidth=0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.plot([t[-1] + 0.12] * 2, [level + 0.3, level + 1.3], color="#222222", linewidth=2)
    axes.annotate("1 mV", (t[-1] + 0.18, level + 0.8), rotation=90, va="center", fontsize=8)
    handles = [
        *(Patch(color=c, alpha=0.28, label=name) for c, name in zip(COLOURS, WAVES, strict=True)),
        Line2D([], [], color="#222222", marker="|", linestyle="", label="marked by a cardiologist"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure
