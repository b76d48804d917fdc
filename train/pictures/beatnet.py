"""Pictures of BEAT-Net: what it attends to in a record, and what noise does to it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from train.data.corpus import LEADS
from train.data.windows import Windows
from train.models.beatnet import BeatNet
from train.models.encoder import Classifier

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
PAPER: Final = {"major": "#f3c6c6", "minor": "#fbe9e9"}
STRIP: Final = "II"
_SHADES: Final = LinearSegmentedColormap.from_list("attention", ["#ffffff", "#56b4e9", BLUE])
_CLEAN_DB: Final = 30.0
"""Where clean recordings stand on the axis of noise."""


@torch.no_grad()
def picture(net: Classifier, windows: Windows, row: int) -> Figure:
    """One window as 12-lead paper, its beats shaded by the attention of a `BeatNet` under a head.

    Below it the rhythm strip with the attention to each beat, on its right the attention to each
    lead. `net` was taught the classes of `windows`; `row` is the window's number.
    """
    if not isinstance(net.encoder, BeatNet):
        raise TypeError("only a BEAT-Net has attention to show")
    batch = windows.batch(np.array([row]))
    inputs = (batch.ecg, batch.leads, batch.peaks)
    found = net.encoder.attentive(*inputs)[1]
    beats = int((batch.peaks >= 0).sum())
    said = dict(zip(windows.classes, net(*inputs).sigmoid()[0].tolist(), strict=True))
    told = [c for c, holds in zip(windows.classes, batch.labels[0].tolist(), strict=True) if holds]
    fs, mv = windows.cut.fs, batch.ecg[0].numpy()
    peaks = batch.peaks[0, :beats].numpy() / fs
    of_beats = found.beats[0, :beats].numpy()
    of_leads = found.leads[0, :beats].numpy()
    figure = Figure(figsize=(13, 8.2), layout="constrained")
    grid = figure.add_gridspec(3, 2, width_ratios=[8, 1], height_ratios=[6.0, 2.1, 1.2])
    paper = figure.add_subplot(grid[0, 0])
    strip = figure.add_subplot(grid[1, 0])
    _paper(paper, mv, fs, peaks, of_leads)
    _strip(strip, mv[LEADS.index(STRIP)], fs, peaks, of_beats)
    _beat_bars(figure.add_subplot(grid[2, 0], sharex=strip), peaks, of_beats)
    _lead_bars(figure.add_subplot(grid[0, 1]), of_beats @ of_leads, batch.leads[0].numpy())
    record = windows.records[int(windows.rows(np.array([row]))["record"][0])]
    figure.suptitle(
        "BEAT-Net says "
        + "  ".join(f"{name} {share:.0%}" for name, share in said.items())
        + f"      cardiologist: {', '.join(told) or 'none of these'}\n"
        f"{windows.name} {record.name.rpartition('/')[2]}",
        fontsize=11,
    )
    return figure
