"""Figures of ECG-NAT: what it fills in of a masked record, and what its attention costs."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator, StrMethodFormatter

from train.data.corpus import LEADS
from train.data.windows import Windows
from train.engine.batches import given
from train.engine.devices import where
from train.engine.randomness import RandomStream
from train.objectives.ecgnat import MaskedAutoencoder, scale
from train.studies.captions import called

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
SHADE: Final = "#dbe7f1"
SHOWN: Final = ("I", "II", "aVF", "V1", "V3", "V5")
SECONDS: Final = 5.0


@torch.no_grad()
def figure_of(net: MaskedAutoencoder, windows: Windows, row: int, seed: int = 0) -> Figure:
    """A window with patches masked by the seed, and what the autoencoder puts there.

    A lead's scale is that of what was recorded. Errors are root mean squares over what is masked of
    the whole window, in mV.
    """
    net.eval()
    batch = given(net, windows, np.array([row]))
    masked = net.mask(1, batch.ecg.shape[2], RandomStream(seed, device=where(net)))
    there = batch.leads[:, :, None]
    guess = (net.reconstructed(batch.ecg, there & ~masked) * scale(batch.ecg))[0].cpu().numpy()
    ecg, gone = (x[0].cpu().numpy() for x in (batch.ecg, masked & there))
    fs = windows.cut.fs
    samples = min(ecg.shape[1], round(SECONDS * fs))
    t = np.arange(samples) / fs
    leads = [lead for lead in SHOWN if batch.leads[0, LEADS.index(lead)]]

    def error(at: np.ndarray) -> float:
        return float(np.sqrt(np.square(guess - ecg)[at].mean()))

    figure = Figure(figsize=(12, 1.35 * len(leads) + 1.2), layout="constrained")
    axes = figure.subplots(len(leads), 1, sharex=True, squeeze=False)[:, 0]
    for ax, lead in zip(axes, leads, strict=True):
        i = LEADS.index(lead)
        own = gone & (np.arange(len(LEADS)) == i)[:, None]
        part = gone[i, :samples]
        low, high = ecg[i, :samples].min(), ecg[i, :samples].max()
        middle, half = (low + high) / 2, max(0.5, (high - low) / 2 + 0.15)
        ax.set_ylim(middle - half, middle + half)
        ax.fill_between(
            t,
            0,
            1,
            part,
            transform=ax.get_xaxis_transform(),
            color=SHADE,
            lw=0,
            step="mid",
            zorder=0,
        )
        ax.plot(t, ecg[i, :samples], color="black", lw=0.8)
        ax.plot(t, np.where(part, guess[i, :samples], np.nan), color=ORANGE, lw=1.8, alpha=0.9)
        ax.set_ylabel(lead, rotation=0, ha="right", va="center", fontsize=12, fontweight="bold")
        ax.text(
            1.008, 0.5, f"{error(own):.2f} mV", transform=ax.transAxes, va="center", fontsize=11,
            color=ORANGE,
        )  # fmt: skip
        ax.xaxis.set_major_locator(MultipleLocator(0.2))
        ax.yaxis.set_major_locator(MultipleLocator(0.5))
        ax.grid(color="#eab8b2", lw=0.6)
        ax.set_axisbelow(True)
        ax.tick_params(length=0, labelleft=False, labelbottom=False)
        ax.spines[:].set_visible(False)
        ax.set_xlim(0, t[-1])
    seconds = ecg.shape[1] / fs
    figure.suptitle(
        f"{called(windows, row)}: {net.config.ratio:.0%} is masked; what ECG-NAT puts there is off "
        f"by {error(gone):.2f} mV\n(root mean square over all leads and {seconds:g} s; "
        "of each lead on the right)",
        fontsize=12,
    )
    figure.legend(
        handles=[
            Line2D([], [], color="black", lw=0.8, label="recorded"),
            Patch(color=SHADE, label="masked from the network"),
            Line2D([], [], color=ORANGE, lw=1.8, label="filled in"),
        ],
        loc="outside lower center", ncols=3, frameon=False, fontsize=11,
        title="a square is 0.2 s and 0.5 mV",
    )  # fmt: skip
    return figure


def exponent(seconds: Sequence[float], values: Sequence[float]) -> float:
    """Of the power law that fits best, from 10 s on if there are two such lengths."""
    x, y = np.log(seconds), np.log(values)
    long = x >= np.log(10)
    if long.sum() < 2:
        long[:] = True
    return float(np.polyfit(x[long], y[long], 1)[0])


def cost_figure(seconds: Sequence[float], costs: Mapping[str, Mapping[str, list[float]]]) -> Figure:
    """Time and multiply-adds over length, of both kinds of attention, as power laws."""
    panels = {
        "seconds": ("time of the whole network", "ms", 1e3),
        "attention_s": ("time of its first attention layer", "ms", 1e3),
        "attention_macs": ("multiply-adds of attention", "millions", 1e-6),
    }
    styles = {"neighbourhood": (BLUE, "o", "neighbourhood"), "full": (ORANGE, "s", "full")}
    figure = Figure(figsize=(12, 4), layout="constrained")
    for ax, (column, (title, unit, factor)) in zip(
        figure.subplots(1, len(panels)), panels.items(), strict=True
    ):
        for name, (colour, marker, label) in styles.items():
            y = costs[name][column]
            power = exponent(seconds, y)
            ax.loglog(
                seconds, factor * np.array(y), color=colour, marker=marker,
                label=f"{label}: length$^{{{power:.2f}}}$",
            )  # fmt: skip
        ax.set_title(title, fontsize=12)
        ax.set_ylabel(unit)
        ax.set_xlabel("length at 500 Hz (s)")
        ax.set_xticks(seconds)
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.minorticks_off()
        ax.grid(color="0.9")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, title="exponent from 10 s on")
    return figure
