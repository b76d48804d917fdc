"""Figures of BEAT-Net: what it attends to in a record, and what noise does to it."""

import math
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Final, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from train.data.corpus import LEADS
from train.data.windows import Windows
from train.engine.batches import Batch, given
from train.models.beatnet import BeatNet
from train.models.encoder import Classifier
from train.studies.captions import called, narrowed, title

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
STRIP: Final = "II"
"""The lead of the rhythm strip; the first that is there where it is absent."""
_CLASSES: Final = 5
"""Of many the likeliest are named, each as far as"""
_SHORT: Final = 14
"""characters go."""
_ROWS: Final = 3
"""Of the paper, at most."""
_SHADES: Final = LinearSegmentedColormap.from_list("attention", ["#ffffff", "#9ecae9", BLUE])
_ROW_MV: Final = 3.0
"""Between the rows of the paper."""
_STYLES: Final = ((BLUE, "o"), (ORANGE, "s"))
_TITLES: Final = {"bw": "baseline wander (bw)", "ma": "muscle (ma)", "leads": "leads that are left"}
_UNITS: Final = {"leads": "leads"}
_FULL: Final = {"leads": "12"}


class _Attended(NamedTuple):
    """One window, and the attention to its beats and to the leads within each."""

    names: Sequence[str]
    """Of the leads that are there."""
    ecg: NDArray[np.float32]
    """[leads, T]."""
    fs: float
    peaks: NDArray[np.float64]
    """[beats], in seconds."""
    beats: NDArray[np.float32]
    """Shares, [beats]."""
    leads: NDArray[np.float32]
    """Shares, [beats, leads]."""

    @property
    def seconds(self) -> float:
        """Of the window."""
        return float(self.ecg.shape[1]) / self.fs

    @property
    def ends(self) -> NDArray[np.float64]:
        """Between the beats, and of the window, [beats + 1]."""
        return np.array([0.0, *(self.peaks[1:] + self.peaks[:-1]) / 2, self.seconds])

    def shades(self) -> tuple[Normalize, NDArray[np.float32], NDArray[np.float32]]:
        """A scale, and on it beats and leads: relative to an even share, so that one fits both."""
        beats, leads = self.beats * len(self.beats), self.leads * len(self.names)
        return Normalize(1, max(2.0, float(leads.max()), float(beats.max())), True), beats, leads


def _attended(net: BeatNet, windows: Windows, batch: Batch) -> _Attended:
    _, attention = net.attentive(batch.ecg, batch.leads, batch.peaks)
    count = max(1, int((batch.peaks >= 0).sum()))
    there = batch.leads[0].cpu().numpy()
    return _Attended(
        [*compress(LEADS, there)],
        batch.ecg[0].cpu().numpy()[there],
        windows.cut.fs,
        batch.peaks[0, :count].clamp(min=0).cpu().numpy() / windows.cut.fs,
        attention.beats[0, :count].cpu().numpy(),
        attention.leads[0, :count].cpu().numpy()[:, there],
    )


@torch.no_grad()
def figure_of(net: Classifier, windows: Windows, row: int) -> Figure:
    """One window as an ECG sheet, each beat shaded by the attention of a `BeatNet` to its leads.

    Below it the rhythm strip, shaded by the attention to each beat. The bars are what leads and
    beats get of the whole. `net` was taught the classes of `windows`; `row` is the window's number.
    """
    if not isinstance(net.encoder, BeatNet):
        raise TypeError("only a BEAT-Net has attention to show")
    batch = given(net, windows, np.array([row]))
    shown = _attended(net.encoder, windows, batch)
    logits = net(batch.ecg, batch.leads, batch.peaks)[0].cpu()
    figure = Figure(figsize=(13, 7.2), layout="constrained")
    grid = figure.add_gridspec(3, 2, width_ratios=[7, 1], height_ratios=[9, 3, 1.6])
    _sheet(figure.add_subplot(grid[0, 0]), shown)
    strip = figure.add_subplot(grid[1, 0])
    _strip(strip, shown)
    bars = figure.add_subplot(grid[2, 0], sharex=strip)
    bars.bar(shown.peaks, 100 * shown.beats, 0.3, color=BLUE)
    bars.axhline(100 / len(shown.beats), color="#555555", linestyle="--", linewidth=1)
    bars.set_ylabel("of each beat, %")
    bars.set_xlabel("s   (large squares 0.2 s and 0.5 mV)")
    beside = figure.add_subplot(grid[0, 1])
    beside.barh(shown.names, 100 * shown.beats @ shown.leads, 0.6, color=BLUE)
    beside.axvline(100 / len(shown.names), color="#555555", linestyle="--", linewidth=1)
    beside.invert_yaxis()
    beside.set_xlabel("of each lead, %\n(dashed: even)")
    for axes in (bars, beside):
        axes.spines[["top", "right"]].set_visible(False)
    scale = figure.add_subplot(grid[1:, 1])
    scale.axis("off")
    colours = ScalarMappable(shown.shades()[0], _SHADES)
    figure.colorbar(colours, ax=scale, fraction=0.3, aspect=9, label="times an even share")

    shares = logits.sigmoid()
    likely = shares.argsort(descending=True)[:_CLASSES].tolist()
    said = [f"{narrowed(windows.classes[k], _SHORT)} {shares[k]:.0%}" for k in sorted(likely)]
    said += ["…"] * (len(shares) > len(said))
    labels = batch.labels[0].cpu()
    told = [name for name, holds in zip(windows.classes, labels, strict=True) if holds]
    by = [f"cardiologist: {narrowed(', '.join(told))}"] if told else []
    stated = f"BEAT-Net, not calibrated: {', '.join(said)}"
    figure.suptitle(title([called(windows, row), stated, *by]))
    return figure


def _sheet(axes: Axes, shown: _Attended) -> None:
    """Three rows of four leads, a quarter of the window each; of fewer leads each has more."""
    shade, _, leads = shown.shades()
    rows = min(_ROWS, len(shown.names))
    fs, ends = shown.fs, shown.ends
    column = shown.seconds / math.ceil(len(shown.names) / rows)
    # At least; a high lead gets what it needs.
    low, high = (0.5 - rows) * _ROW_MV, 0.5 * _ROW_MV
    for i, lead in enumerate(shown.names):
        start, level = i // rows * column, -(i % rows) * _ROW_MV
        for beat in range(len(leads)):
            left, right = np.clip(ends[beat : beat + 2], start, start + column)
            box = (left, level - _ROW_MV / 2), right - left, _ROW_MV
            axes.add_patch(Rectangle(*box, color=_SHADES(shade(leads[beat, i])), lw=0))
        part = shown.ecg[i, round(start * fs) : round((start + column) * fs)]
        t = start + np.arange(len(part)) / fs
        axes.plot(t, level + part, color="black", linewidth=0.9)
        low, high = min(low, level + part.min() - 0.1), max(high, level + part.max() + 0.1)
        axes.text(start + 0.05, level + 0.42 * _ROW_MV, lead, va="top", weight="bold")
        if start:
            axes.plot([start] * 2, [level - 0.3, level + 0.3], color="black", linewidth=0.9)
    _paper(axes, shown.seconds, low, high)
    axes.set_aspect(0.4)  # 25 mm/s and 10 mm/mV
    axes.set_title("Shaded: attention to each lead within its beat", loc="left", fontsize=10)


def _strip(axes: Axes, shown: _Attended) -> None:
    """One lead over the whole window."""
    shade, beats, _ = shown.shades()
    name = STRIP if STRIP in shown.names else shown.names[0]
    mv, ends = shown.ecg[shown.names.index(name)], shown.ends
    for beat, strength in enumerate(beats):
        axes.axvspan(*ends[beat : beat + 2], color=_SHADES(shade(strength)), lw=0)
    axes.plot(np.arange(len(mv)) / shown.fs, mv, color="black", linewidth=0.9)
    _paper(axes, shown.seconds, min(-1.5, mv.min() - 0.1), max(1.5, mv.max() + 0.1))
    axes.set_title(f"Lead {name}, shaded: attention to each beat", loc="left", fontsize=10)


def _paper(axes: Axes, seconds: float, low: float, high: float) -> None:
    """The grid of ECG paper, 0.2 s and 0.5 mV, finer 40 ms and 0.1 mV."""
    axes.set_xlim(0, seconds)
    axes.set_ylim(low, high)
    for step_s, step_mv, width, colour in (
        (0.04, 0.1, 0.25, "#f0b5b5"),
        (0.2, 0.5, 0.6, "#e89a9a"),
    ):
        axes.vlines(np.arange(0, seconds, step_s), low, high, colour, linewidth=width)
        axes.hlines(np.arange(0, low, -step_mv), 0, seconds, colour, linewidth=width)
        axes.hlines(np.arange(0, high, step_mv), 0, seconds, colour, linewidth=width)
    axes.tick_params(bottom=False, labelbottom=False, left=False, labelleft=False)


def curves(scores: Mapping[str, Sequence[Mapping[str, float]]], names: Mapping[str, str]) -> Figure:
    """Macro-AUC against noise and against the leads that are left.

    `scores` are of each network and seed by condition: clean, a noise and its dB, leads and their
    number. Lines are means over seeds, bands a standard deviation to either side.
    """
    conditions = [c.partition(" ") for c in next(iter(scores.values()))[0]]
    kinds = [*dict.fromkeys(kind for kind, _, value in conditions if value)]
    figure = Figure(figsize=(4 * len(kinds), 3.8), layout="constrained")
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        steps = [int(value) for k, _, value in conditions if k == kind]
        keys = ["clean", *(f"{kind} {step}" for step in steps)]
        for (net, name), (colour, mark) in zip(names.items(), _STYLES, strict=True):
            auc = 100 * np.array([[of[key] for key in keys] for of in scores[net]])
            mean, sd = auc.mean(0), auc.std(0, ddof=min(1, len(auc) - 1))
            axes.plot(range(len(keys)), mean, color=colour, marker=mark, label=name)
            axes.fill_between(
                range(len(keys)), mean - sd, mean + sd, color=colour, alpha=0.15, lw=0
            )
        axes.set_xticks(range(len(keys)), [_FULL.get(kind, "clean"), *map(str, steps)])
        axes.set_title(_TITLES[kind], fontsize=10)
        axes.set_xlabel(_UNITS.get(kind, "signal to noise, dB"))
        axes.grid(axis="y", color="#dddddd", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("macro-AUC, %")
    panels[0].legend(frameon=False)
    return figure
