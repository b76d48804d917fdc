"""The picture of `edge-bench qrs`: against noise and the decision's delay, or against the rate."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.pictures import in_percent, save, share_axis
from benchmarks.qrs.compare import OURS
from benchmarks.qrs.peers import PEERS

_COLOURS: Final = ("#8c564b", "#1f77b4", "#2ca02c", "#9467bd", "#e08a00", "#17a2b8", "#7f7f7f")
_MARKS: Final = "osD^vPX"
_OURS: Final[dict[str, Any]] = {"color": "#d62728", "marker": "o", "linewidth": 2.4, "zorder": 5}
_NOISES: Final = {"bw": "baseline wander (bw)", "em": "electrode motion (em)", "ma": "muscle (ma)"}
_CLEAN_DB: Final = 30.0
"""Where the clean recordings stand on the axis of noise."""


def draw(data: dict[str, Any], path: Path) -> None:
    """Draw a report's data into a file of the kind its suffix names; an OutputError if it fails.

    One panel a noise, with the F1 of the noisy minutes, and one of the decision's delay, from the
    first run: ours from its median to its 95th percentile, tools that need the whole record
    apart on the right. Of records remade to other rates, a panel each of Se and +P.
    """
    runs, protocol = data["runs"], data["protocol"]
    noises = list(dict.fromkeys(run["noise"] for run in runs if run["noise"]))
    styles = _styles(list(runs[0]["detectors"]))
    remade = runs[0]["rate"] is not None
    count = 2 if remade else len(noises) + 1
    figure = Figure(figsize=(4.6 * count + 1.5, 4.2), layout="constrained")
    panels = figure.subplots(1, count, squeeze=False)[0]
    if remade:
        _rate(panels[0], "se", "Se, %", runs, styles)
        _rate(panels[1], "ppv", "+P, %", runs, styles)
    else:
        for axes, noise in zip(panels, noises, strict=False):
            _noise(axes, noise, runs, styles)
            if noise == "em" and protocol["em_is_a_model"]:
                axes.set_title("electrode motion: a model, not em", fontsize=10)
        _delay(panels[-1], runs[0], styles)
        if runs[0]["noise"] == "em" and protocol["em_is_a_model"]:
            panels[-1].set_title(f"model of {panels[-1].get_title()}", fontsize=10)
    figure.suptitle(
        f"QRS detection, {len(protocol['records'])} records of {protocol['data']}, "
        f"{protocol['window_ms']} ms",
        fontsize=11,
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    save(figure, path)


def _styles(detectors: Sequence[str]) -> dict[str, dict[str, Any]]:
    """A peer looks the same in every picture."""
    looks = {
        name: {"color": colour, "marker": mark, "linewidth": 1.3}
        for name, colour, mark in zip(PEERS, cycle(_COLOURS), cycle(_MARKS), strict=False)
    }
    return {name: _OURS if name == OURS else looks[name] for name in detectors}


def _noise(
    axes: Axes, noise: str, runs: list[dict[str, Any]], styles: dict[str, dict[str, Any]]
) -> None:
    clean = [run for run in runs if run["noise"] is None]
    of_noise = sorted((run for run in runs if run["noise"] == noise), key=lambda r: r["snr_db"])
    snrs = [run["snr_db"] for run in of_noise]
    for name, style in styles.items():
        shares = [_share(run, name, "noisy") for run in of_noise]
        axes.plot(snrs, shares, markersize=5, label=name, **style)
        if clean:
            joined = [snrs[-1], _CLEAN_DB], [shares[-1], _share(clean[0], name, "all")]
            axes.plot(*joined, markersize=5, linestyle=":", **style)
    ticks = [*snrs, _CLEAN_DB] if clean else snrs
    axes.set_xticks(ticks, [*(f"{snr:g}" for snr in snrs), "clean"][: len(ticks)])
    axes.set_title(_NOISES[noise], fontsize=10)
    axes.set_xlabel("signal to noise, dB")
    share_axis(axes, "F1 in the noisy minutes, %")


def _rate(
    axes: Axes,
    share: str,
    label: str,
    runs: list[dict[str, Any]],
    styles: dict[str, dict[str, Any]],
) -> None:
    ordered = sorted(runs, key=lambda run: run["rate"])
    rates = [run["rate"] for run in ordered]
    for name, style in styles.items():
        shares = [_share(run, name, "all", share) for run in ordered]
        axes.plot(shares, markersize=5, label=name, **style)
    axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates], fontsize=8)
    sudden = "suddenly, " if runs[0]["sudden"] else ""
    axes.set_xlabel(f"{sudden}beats a minute, remade")
    share_axis(axes, label)


def _delay(axes: Axes, run: dict[str, Any], styles: dict[str, dict[str, Any]]) -> None:
    delay = run["detectors"][OURS]["decision_delay_ms"]
    right = 1.6 * (delay["p95"] or 300.0)
    edge = 1.45 * right
    axes.axvspan(1.15 * right, 1.75 * right, color="#f2f2f2", zorder=0)
    for place, (name, style) in enumerate(styles.items()):
        share = _share(run, name, "all")
        if name == OURS:
            ends = [delay["median"], delay["p95"]]
            axes.plot(ends, [share, share], markevery=[0], markersize=7, label=name, **style)
        else:
            beside = edge + 0.07 * right * (place - (len(styles)) / 2)
            axes.plot(beside, share, markersize=7, linestyle="", label=name, **style)
    ticks = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(0, right)
    shown = [tick for tick in ticks if 0 <= tick <= right]
    axes.set_xticks([*shown, edge], [*(f"{tick:g}" for tick in shown), "whole record"])
    axes.set_xlim(0, 1.75 * right)
    title = "clean"
    if run["noise"] is not None:
        title = f"{run['noise']} at {run['snr_db']:g} dB, noisy and clean minutes"
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("decision after R, ms of signal (line: to p95)")
    share_axis(axes, "F1, %")


def _share(run: dict[str, Any], detector: str, span: str, rate: str = "f1") -> float:
    return in_percent(run["detectors"][detector]["counted"][span]["parts"]["all"]["gross"][rate])
