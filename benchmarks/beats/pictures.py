"""Pictures of how well beats are named: against delay, noise, what is known, and confidence."""

from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.beats.adaptation import ARMS
from benchmarks.beats.delay import DELAYS_MS
from benchmarks.pictures import in_percent, save, share_axis

_LINES: Final[dict[str, dict[str, Any]]] = {
    "N": {"color": "#7f7f7f", "marker": "s", "linewidth": 1.3},
    "S": {"color": "#1f77b4", "marker": "o", "linewidth": 2.0},
    "V": {"color": "#d62728", "marker": "D", "linewidth": 2.0},
    "F": {"color": "#9467bd", "marker": "^", "linewidth": 1.3},
    "macro": {"color": "#222222", "marker": "v", "linewidth": 1.3, "linestyle": "--"},
}
_STYLES: Final = {"own": "-", "nothing": ":", "another's": "--"}
_DRAWN: Final = ("N", "S", "V", "macro")
_COVERED: Final = 0.6
"""Coverage from which errors are drawn."""
_SIZE: Final = (4.8, 4.0)


def draw_delay(data: dict[str, Any], path: Path) -> None:
    """F1 of each class against the milliseconds after R; at the right the next R.

    As all of these, of a report's data, into the kind of file that the suffix names; OutputError if
    that fails.
    """
    points = data["points"]
    given = [point["within_ms"] for point in points[:-1]]
    places = [*given, 1.3 * given[-1]]
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(1.18 * given[-1], 1.42 * given[-1], color="#f2f2f2", zorder=0)
    shipped = next(point["within_ms"] for point in points if point["shipped"])
    axes.axvline(shipped, color="#bbbbbb", linestyle=":", label=f"as shipped, {shipped} ms")
    for name in _DRAWN:
        f1 = [in_percent(_f1(point["gross"], name)) for point in points]
        axes.plot(places, f1, markersize=0, **{**_LINES[name], "linewidth": 0.6})
        axes.plot(places[:-1], f1[:-1], markersize=5, label=name, **_LINES[name])
        axes.plot(places[-1:], f1[-1:], markersize=5, **_LINES[name])
    axes.set_xticks([*DELAYS_MS, places[-1]], [*map(str, DELAYS_MS), "next R"])
    axes.set_xlabel("signal after R that a label may use, ms")
    share_axis(axes, "F1, %")
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    _title(figure, data, "labels against delay")
    save(figure, path)


def draw_reliability(data: dict[str, Any], path: Path) -> None:
    """Share that is right against confidence; and error and macro-F1 against coverage."""
    figure = Figure(figsize=(2 * _SIZE[0], _SIZE[1]), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 100], [0, 100], color="#bbbbbb", linewidth=1)
    final = data["final"]
    bins = {"provisional": data["provisional"], "final": final}
    dashes = {"provisional": (0, (2, 1)), "final": "-"}
    for name, found in bins.items():
        label = f"{name}, ECE {100 * found['ece']:.1f} %"
        _reliability(left, found, label, color="#222222", marker=".", linestyle=dashes[name])
    for name in "SV":
        found = final["named"][name]
        if found["reliability"]:
            style = {**_LINES[name], "linewidth": 1.0}
            _reliability(left, found, f"named {name}, ECE {100 * found['ece']:.1f} %", **style)
    left.set_xlabel("confidence, %")
    left.set_xlim(20, 101)
    left.legend(frameon=False, fontsize=8)
    share_axis(left, "right, %")
    for name in bins:
        rows = [row for row in data[name]["coverage"] if row["coverage"] >= _COVERED]
        covered = [100 * row["coverage"] for row in rows]
        at = [i for i, row in enumerate(rows) if row["threshold"] == data["unknown_below"]]
        for label, colour, lost in (
            ("wrong", "#d62728", [in_percent(row["error"]) for row in rows]),
            ("macro-F1 lost", "#1f77b4", [100 - in_percent(row["f1"]["macro"]) for row in rows]),
        ):
            style = {"color": colour, "linestyle": dashes[name], "label": f"{label}, {name}"}
            right.plot(covered, lost, marker="o", markevery=at, markersize=6, **style)
    right.set_xlabel("beats that are named, % (dot: as shipped)")
    right.set_ylim(bottom=0)
    right.legend(frameon=False, fontsize=8)
    share_axis(right, "of these, %")
    _title(figure, data, "calibration")
    save(figure, path)


def draw_noise(data: dict[str, Any], path: Path) -> None:
    """F1 and share of U in the noisy minutes against the noise, a panel a noise."""
    runs = data["runs"]
    noises = list(dict.fromkeys(run["noise"] for run in runs if run["noise"]))
    figure = Figure(figsize=(_SIZE[0] * len(noises), _SIZE[1]), layout="constrained")
    for axes, noise in zip(figure.subplots(1, len(noises), squeeze=False)[0], noises, strict=True):
        shown = [run for run in runs if run["noise"] in (None, noise)]
        shown.sort(key=lambda run: float("inf") if run["noise"] is None else run["snr_db"])
        ticks = ["clean" if run["noise"] is None else f"{run['snr_db']:g}" for run in shown]
        for name in _DRAWN:
            f1 = [in_percent(run["noisy"]["f1"][name]) for run in shown]
            axes.plot(f1, markersize=5, label=name, **_LINES[name])
        unknown = [100 * run["noisy"]["unknown"] for run in shown]
        axes.bar(range(len(shown)), unknown, color="#dddddd", width=0.5, label="called U", zorder=0)
        axes.set_xticks(range(len(shown)), ticks)
        axes.set_xlabel(f"{noise}: signal to noise, dB")
        axes.set_ylim(0, 101)
        share_axis(axes, "F1 in the noisy minutes, %")
        axes.legend(frameon=False, fontsize=8)
    _title(figure, data, "labels in noise")
    save(figure, path)


def draw_adaptation(data: dict[str, Any], path: Path) -> None:
    """F1 against how often the patient is forgotten, and after another's five minutes."""
    figure = Figure(figsize=(2 * _SIZE[0], _SIZE[1]), layout="constrained")
    left, right = figure.subplots(1, 2)
    rows = data["forgetting"]
    for name in _DRAWN:
        f1 = [in_percent(row["f1"][name]) for row in rows]
        left.plot(f1, markersize=5, label=name, **_LINES[name])
    left.set_xticks(
        range(len(rows)), [f"{r['every_s']} s" if r["every_s"] else "never" for r in rows]
    )
    left.set_xlabel("the patient is forgotten every")
    left.legend(frameon=False, fontsize=8)
    share_axis(left, "F1, %")
    after = data["switch"]["after"]
    for name in "SV":
        for arm in ARMS:
            f1 = [in_percent(row["f1"][arm][name]) for row in after]
            style = {**_LINES[name], "linestyle": _STYLES[arm], "linewidth": 1.3}
            right.plot(f1, markersize=4, label=f"{name}, {arm}", **style)
    spans = [f"{row['from_s'] / 60:g}-{row['to_s'] / 60:g}" for row in after]
    right.set_xticks(range(len(after)), spans)
    right.set_xlabel("minutes after five of the patient's own, nothing, or another's")
    right.legend(frameon=False, fontsize=8)
    share_axis(right, "F1, %")
    _title(figure, data, "adaptation to the patient")
    save(figure, path)


def _reliability(axes: Axes, found: dict[str, Any], label: str, **style: Any) -> None:
    """Bins with fewer than ten beats tell nothing."""
    rows = [row for row in found["reliability"] if row["beats"] >= 10]
    said, was = ([100 * row[k] for row in rows] for k in ("confidence", "right"))
    axes.plot(said, was, markersize=4, label=label, **style)


def _f1(gross: dict[str, Any], name: str) -> float | None:
    share: float | None = gross["macro_f1"] if name == "macro" else gross["rates"][name]["f1"]
    return share


def _title(figure: Figure, data: dict[str, Any], what: str) -> None:
    protocol = data["protocol"]
    figure.suptitle(
        f"{data['model']}: {what}; {len(protocol['records'])} records of {protocol['data']}, "
        f"detected peaks, {'all leads' if protocol['leads'] == 'all' else protocol['leads']}",
        fontsize=10,
    )
