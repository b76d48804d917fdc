"""What in a recording speaks for a class, drawn on the ECG itself.

Colour is gradient times input, sample by sample and lead by lead. Beside it stands what each
network can tell: the weights that it gives its leads, or else what is lost without each of them;
below it where in time it looks, in its own maps, and what is lost when a piece is bridged by
straight lines.
"""

import math
from collections.abc import Sequence
from itertools import compress
from typing import Final, NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from train.data.corpus import LEADS
from train.data.windows import Windows
from train.engine.batches import Batch, given
from train.models.beatssl import BeatSsl
from train.models.ecgnat import STRIDE, EcgNat
from train.models.encoder import Classifier
from train.models.xresnet import XResNet
from train.studies.captions import called, narrowed, title

COPIES: Final = 32
"""Of a recording, each in other noise, whose gradients are averaged."""
NOISE_MV: Final = 0.05
"""Deviation of that noise."""
SMOOTH_S: Final = 0.04
"""Deviation of the Gaussian that smooths what is shown."""
BRIDGED_S: Final = 0.4
"""Length of the pieces that are bridged."""
COLOURS: Final = LinearSegmentedColormap.from_list("speaks", ["#848c96", "#e69f00", "#b2182b"])
_ROWS: Final = 6
"""Of leads as long as the page; more than so many stand in two columns."""
FOR, AGAINST = "#b2182b", "#9aa5b1"


class Strip(NamedTuple):
    """Something over time, below the leads."""

    title: str
    at: NDArray[np.floating]
    """Samples."""
    height: NDArray[np.floating]


class Maps(NamedTuple):
    """Where a network pools over time what it then weighs."""

    title: str
    module: nn.Module
    """It makes the map."""
    stride: int
    """Samples a frame."""
    time: int
    """Which dimension of the map is time; the other one is channels."""


def attributed(net: Classifier, batch: Batch, k: int) -> Tensor:
    """How much each sample speaks for class `k`: gradient of its logit times input, [B, 12, T].

    The gradient is a mean over copies in noise (SmoothGrad, Smilkov et al., arXiv 1706.03825).
    Integrated gradients from a flat line say little here: group norm takes out a record's gain, so
    that on the way there the logit does not move until the signal is all but gone.
    """
    net.eval()
    total = torch.zeros_like(batch.ecg)
    generator = torch.Generator().manual_seed(0)
    for _ in range(COPIES):
        noise = NOISE_MV * torch.randn(batch.ecg.shape, generator=generator)
        noise = noise.to(batch.ecg.device) * batch.leads[:, :, None]  # what is absent stays so
        ecg = (batch.ecg + noise).requires_grad_()
        logits = net(ecg, batch.leads, batch.peaks)[:, k].sum()
        total += torch.autograd.grad(logits, ecg)[0]
    return total * batch.ecg / COPIES


@torch.no_grad()
def lost(net: Classifier, batch: Batch, k: int, piece: int) -> NDArray[np.float32]:
    """By how much class `k`'s logit falls when a piece of one window is bridged, [pieces, 2].

    The first column is the middle sample of the piece; pieces overlap by half.
    """
    net.eval()
    logit = net(batch.ecg, batch.leads, batch.peaks)[0, k]
    rows = []
    for start in range(0, batch.ecg.shape[2] - piece + 1, piece // 2):
        ecg = batch.ecg.clone()
        part = ecg[:, :, start : start + piece]
        share = torch.linspace(0, 1, piece, device=ecg.device)
        part[:] = torch.lerp(part[:, :, :1], part[:, :, -1:], share)
        fall = logit - net(ecg, batch.leads, batch.peaks)[0, k]
        rows.append((start + piece / 2, float(fall)))
    return np.array(rows, np.float32)


def maps(encoder: nn.Module) -> list[Maps]:
    """The maps of which the features of a record are the means and the maxima over time.

    TypeError where they are not so.
    """
    if isinstance(encoder, XResNet):
        return [Maps("last block", encoder.blocks, encoder.stride, 2)]
    if isinstance(encoder, BeatSsl):
        return [Maps("the map that beats are cut from", encoder.trunk, encoder.stride, 2)]
    if isinstance(encoder, EcgNat):
        return [
            Maps(f"level {i + 1}", norm, STRIDE * 2**i, 1) for i, norm in enumerate(encoder.norms)
        ]
    raise TypeError(f"a {type(encoder).__name__} does not pool maps over time")


def adding_up(net: Classifier, batch: Batch, k: int) -> list[NDArray[np.float32]]:
    """What each frame of each of the `maps` adds to class `k`'s logit in one window, [frames] each.

    Gradient times map, summed over channels (HiResCAM, Draelos and Carin, arXiv 2011.08891), where
    Grad-CAM takes the gradient's mean over time. As means, maxima and the head are linear, or so
    here, all frames of all maps and the head's bias add up to the logit.
    """
    net.eval()
    known = maps(net.encoder)
    made: list[Tensor] = []
    hooks = [
        of.module.register_forward_hook(lambda _module, _inputs, out: made.append(out))
        for of in known
    ]
    logit = net(batch.ecg, batch.leads, batch.peaks)[0, k]
    for hook in hooks:
        hook.remove()
    gradients = torch.autograd.grad(logit, made)
    return [
        (gradient * x).sum(3 - of.time)[0].detach().cpu().numpy()
        for of, gradient, x in zip(known, gradients, made, strict=True)
    ]


@torch.no_grad()
def without(net: Classifier, batch: Batch, k: int) -> NDArray[np.float32]:
    """By how much class `k`'s logit falls without each lead of one window, [12]."""
    net.eval()
    n = len(LEADS)
    left = batch.leads & ~torch.eye(n, dtype=torch.bool, device=batch.leads.device)
    ecg = batch.ecg * left[:, :, None]
    logits = net(ecg, left, batch.peaks.expand(n, -1))[:, k]
    found: NDArray[np.float32] = (
        (net(batch.ecg, batch.leads, batch.peaks)[0, k] - logits).cpu().numpy()
    )
    return found


def figure_of(net: Classifier, windows: Windows, row: int, k: int, name: str) -> Figure:
    """A window's leads as `sheet` has them, for a network that pools `maps` over time."""
    batch = given(net, windows, np.array([row]))
    strips = [
        Strip(
            f"added to the logit by {1000 * of.stride / windows.cut.fs:g} ms of {of.title}",
            (np.arange(len(added)) + 0.5) * of.stride,
            added,
        )
        for of, added in zip(maps(net.encoder), adding_up(net, batch, k), strict=True)
    ]
    bars = "logit lost\nwithout each lead", without(net, batch, k)
    return sheet(net, windows, row, k, name, strips, bars)


def sheet(
    net: Classifier,
    windows: Windows,
    row: int,
    k: int,
    name: str,
    strips: Sequence[Strip],
    bars: tuple[str, NDArray[np.floating]],
) -> Figure:
    """A window's leads, coloured by what speaks for class `k`; strips below, bars [12] beside.

    `name` is the network's.
    """
    batch = given(net, windows, np.array([row]))
    fs, seconds = windows.cut.fs, windows.cut.seconds
    speaks = attributed(net, batch, k)[0].cpu().numpy()
    speaks = gaussian_filter1d(speaks, SMOOTH_S * fs, axis=1).clip(0)
    there = batch.leads[0].cpu().numpy()
    middle, fall = lost(net, batch, k, round(BRIDGED_S * fs)).T
    strips = [*strips, Strip(f"logit lost if {BRIDGED_S:g} s are bridged", middle, fall)]
    names = [*compress(LEADS, there)]
    tall = len(names) if len(names) <= _ROWS else math.ceil(len(names) / 2)
    rows = tall + (len(strips) + 1) // 2
    figure = Figure((15, 1.8 + 0.93 * tall + 0.6 * (rows - tall)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        rows, 3, width_ratios=(1, 1, 0.28), height_ratios=(*[1] * tall, *[0.5] * (rows - tall))
    )
    top = float(np.quantile(speaks[there], 0.995)) or 1.0
    height = 1.05 * min(max(float(batch.ecg.abs().max()), 1.0), 3.0)
    for i, (lead, mv, speaking) in enumerate(
        zip(names, batch.ecg[0].cpu().numpy()[there], speaks[there], strict=True)
    ):
        across = slice(i // tall, i // tall + 1) if len(names) > tall else slice(2)
        axes = figure.add_subplot(grid[i % tall, across])
        _paper(axes, seconds, height)
        _trace(axes, mv, speaking / top, fs)
        axes.set_title(lead, loc="left", fontsize=10, pad=2)
        axes.tick_params(labelbottom=False, labelleft=i < tall)
        if i < tall:
            axes.set_ylabel("mV")
    for i, strip in enumerate(strips):
        _strip(figure.add_subplot(grid[tall + i // 2, i % 2]), strip, fs, seconds)
    heading, values = bars
    beside = figure.add_subplot(grid[:tall, 2])
    beside.barh(names, values[there], color="#4d5b6a")
    beside.invert_yaxis()
    beside.set_title(heading)
    beside.spines[["top", "right"]].set_visible(False)
    scale = figure.add_subplot(grid[tall:, 2])
    scale.set_axis_off()
    figure.colorbar(
        ScalarMappable(Normalize(0, 1), COLOURS), ax=scale, orientation="horizontal", fraction=0.5,
        ticks=[0, 1], format=lambda x, _: "much" if x else "nothing",
    ).set_label(f"speaks for {narrowed(windows.classes[k], 24)}")  # fmt: skip
    with torch.no_grad():
        share = float(net(batch.ecg, batch.leads, batch.peaks)[0, k].sigmoid())
    said = [c for c, y in zip(windows.classes, batch.labels[0].tolist(), strict=True) if y == 1]
    stated = f"{name}, not calibrated: {narrowed(windows.classes[k])} {share:.0%}"
    annotated = [f"annotated: {narrowed(', '.join(said))}"] if said else []
    figure.suptitle(title([called(windows, row), stated, *annotated]))
    return figure


def _strip(axes: Axes, strip: Strip, fs: float, seconds: float) -> None:
    """What is above 0 speaks for the class, what is below against it."""
    for colour, part in ((FOR, strip.height.clip(min=0)), (AGAINST, strip.height.clip(max=0))):
        axes.fill_between(strip.at / fs, part, color=colour, linewidth=0)
    axes.set(xlim=(0, seconds), xlabel="s")
    axes.set_title(strip.title, loc="left", fontsize=9, pad=2)
    axes.tick_params(length=0, labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _paper(axes: Axes, seconds: float, height: float) -> None:
    """The grid of ECG paper: lines at 0.2 s and 0.5 mV."""
    axes.set(xlim=(0, seconds), ylim=(-height, height))
    axes.xaxis.set_major_locator(MultipleLocator(1))
    axes.xaxis.set_minor_locator(MultipleLocator(0.2))
    axes.yaxis.set_major_locator(MultipleLocator(1))
    axes.yaxis.set_minor_locator(MultipleLocator(0.5))
    axes.grid(which="minor", color="#f3e3e0", linewidth=0.5)
    axes.grid(which="major", color="#e9cfca", linewidth=0.8)
    axes.tick_params(which="both", length=0, labelsize=8)
    axes.spines[:].set_visible(False)


def _trace(axes: Axes, mv: NDArray[np.float32], speaks: NDArray[np.float32], fs: float) -> None:
    """One lead as a line whose colour and width say how much it speaks, 0 to 1."""
    points = np.stack([np.arange(len(mv)) / fs, mv], 1)
    pieces = np.stack([points[:-1], points[1:]], 1)
    strength = speaks[1:].clip(0, 1)
    axes.add_collection(
        LineCollection(
            list(pieces), array=strength, cmap=COLOURS, norm=Normalize(0, 1),
            linewidths=0.9 + 1.6 * strength, capstyle="round",
        )
    )  # fmt: skip
