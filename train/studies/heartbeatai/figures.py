"""What in a recording speaks for a class, drawn on the ECG itself.

Colour is gradient times input, sample by sample and lead by lead. The strips below ask in two other
ways, of all leads together: Grad-CAM, which the paper names, and what is lost when a piece is
bridged by straight lines.
"""

from typing import Final, cast

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
from torch import Tensor

from train.data.corpus import LEADS
from train.data.windows import Windows
from train.engine.batches import Batch, given
from train.models.encoder import Classifier
from train.models.heartbeatai import HeartBeatAi

COPIES: Final = 32
"""Of a recording, each in other noise, whose gradients are averaged."""
NOISE_MV: Final = 0.05
"""Deviation of that noise."""
SMOOTH_S: Final = 0.04
"""Deviation of the Gaussian that smooths what is shown."""
BRIDGED_S: Final = 0.4
"""Length of the pieces that are bridged."""
COLOURS: Final = LinearSegmentedColormap.from_list("speaks", ["#848c96", "#e69f00", "#b2182b"])


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
        ecg = (batch.ecg + noise.to(batch.ecg.device)).requires_grad_()
        logits = net(ecg, batch.leads, batch.peaks)[:, k].sum()
        total += torch.autograd.grad(logits, ecg)[0]
    return total * batch.ecg / COPIES


def grad_cam(net: Classifier, batch: Batch, k: int) -> NDArray[np.float32]:
    """Which frames of the concentrated depths speak for class `k` in one window, [frames], >= 0.

    Grad-CAM (Selvaraju et al., ICCV 2017): channels weighed by the mean gradient of the logit, and
    summed. A frame is `HeartBeatAi.stride` samples; it has seen some seconds around them.
    """
    net.eval()
    maps: list[Tensor] = []
    concentrate = cast(HeartBeatAi, net.encoder).concentrate
    hook = concentrate.register_forward_hook(lambda _module, _inputs, made: maps.append(made))
    logit = net(batch.ecg, batch.leads, batch.peaks)[0, k]
    hook.remove()
    gradient = torch.autograd.grad(logit, maps[0])[0]
    cam = (gradient.mean(2, keepdim=True) * maps[0]).sum(1).relu()[0]
    found: NDArray[np.float32] = cam.detach().cpu().numpy()
    return found


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


def figure_of(net: Classifier, windows: Windows, row: int, k: int) -> Figure:
    """A window's leads, coloured by what speaks for class `k`, and the leads' weights beside."""
    encoder = net.encoder
    if not isinstance(encoder, HeartBeatAi):
        raise TypeError("the weights of leads are HeartBeatAI's: another network has none")
    batch = given(net, windows, np.array([row]))
    speaks = attributed(net, batch, k)[0].cpu().numpy()
    fs = windows.cut.fs
    speaks = gaussian_filter1d(speaks, SMOOTH_S * fs, axis=1).clip(0)
    with torch.no_grad():
        probability = float(net(batch.ecg, batch.leads, batch.peaks)[0, k].sigmoid())
        weights = encoder.gate(batch.ecg, batch.leads)[1][0].cpu().numpy()
    record = windows.records[int(windows.column("record")[row])]
    there = batch.leads[0].cpu().numpy()
    figure = Figure((15, 10), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(7, 3, width_ratios=(1, 1, 0.28), height_ratios=(*[1] * 6, 0.5))
    middle, fall = lost(net, batch, k, round(BRIDGED_S * fs)).T
    top = float(np.quantile(speaks[there], 0.995)) or 1.0
    height = 1.05 * min(max(float(batch.ecg.abs().max()), 1.0), 3.0)
    for i, lead in enumerate(LEADS):
        axes = figure.add_subplot(grid[i % 6, i // 6])
        _paper(axes, windows.cut.seconds, height)
        _trace(axes, batch.ecg[0, i].cpu().numpy(), speaks[i] / top, fs)
        axes.set_title(lead if there[i] else f"{lead}: absent", loc="left", fontsize=10, pad=2)
        axes.tick_params(labelbottom=False, labelleft=i < 6)
        if i < 6:
            axes.set_ylabel("mV")
    cam = grad_cam(net, batch, k)
    frame = (np.arange(len(cam)) + 0.5) * encoder.stride
    strips = {
        "Grad-CAM, over its largest": (frame, cam / max(float(cam.max()), 1e-9)),
        f"logit lost if {BRIDGED_S:g} s are bridged": (middle, fall.clip(0)),
    }
    for column, (title, (at, height_)) in enumerate(strips.items()):
        strip = figure.add_subplot(grid[6, column])
        strip.fill_between(at / fs, height_, color="#b2182b", linewidth=0)
        strip.set(xlim=(0, windows.cut.seconds), ylim=(0, None), xlabel="s")
        strip.set_title(title, loc="left", fontsize=9, pad=2)
        strip.tick_params(length=0, labelsize=8)
        strip.spines[["top", "right", "left"]].set_visible(False)
    bars = figure.add_subplot(grid[:6, 2])
    bars.barh(LEADS, weights, color=["#4d5b6a" if x else "#d5d9de" for x in there])
    bars.invert_yaxis()
    bars.set(xlim=(0, 1), title="weight of each lead\n(excitation)")
    bars.spines[["top", "right"]].set_visible(False)
    scale = figure.add_subplot(grid[6, 2])
    scale.set_axis_off()
    figure.colorbar(
        ScalarMappable(Normalize(0, 1), COLOURS), ax=scale, orientation="horizontal", fraction=0.5,
        ticks=[0, 1], format=lambda x, _: "much" if x else "nothing",
    ).set_label(f"speaks for {windows.classes[k]}")  # fmt: skip
    said = [c for c, y in zip(windows.classes, batch.labels[0].tolist(), strict=True) if y == 1]
    figure.suptitle(
        f"{record.name}: {windows.classes[k]} with probability {probability:.2f}"
        f" (annotated: {', '.join(said) or 'none of the classes'})",
        fontsize=14,
    )
    return figure


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
