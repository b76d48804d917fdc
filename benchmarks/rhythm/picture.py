"""The picture of `edge-bench rhythm`: fibrillation as annotated and as alarmed."""

from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.pictures import save

_LANES: Final = {
    "reference": (0.22, "#1f77b4", "annotated fibrillation"),
    "flutter": (0.22, "#b8b8b8", "annotated flutter (left out)"),
    "dated": (-0.12, "#d62728", "alarm, from when it dates itself"),
    "told": (-0.34, "#f2a3a3", "alarm, from when it is told"),
}
"""Place in a record's row, colour, and name of what is drawn."""


def draw(data: dict[str, Any], path: Path) -> None:
    """Draw a report's records that have or were said to have fibrillation; OutputError if it fails.

    The suffix names the kind of file.
    """
    records = {
        name: found["fibrillation"] | {"seconds": found["seconds"]}
        for name, found in data["records"].items()
        if found["fibrillation"]["reference"] or found["fibrillation"]["told"]
    }
    figure = Figure(figsize=(10, 1.4 + 0.42 * max(len(records), 1)), layout="constrained")
    axes = figure.subplots()
    for row, found in enumerate(records.values()):
        _row(axes, -row, found)
    axes.set_yticks([-row for row in range(len(records))], list(records))
    axes.set_ylim(0.4 - max(len(records), 1), 0.6)
    axes.set_xlabel("minutes")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"Atrial fibrillation, {data['protocol']['data']}", fontsize=11)
    handles = [Patch(color=colour, label=name) for _, colour, name in _LANES.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    save(figure, path, dpi=110)


def _row(axes: Axes, y: float, found: dict[str, Any]) -> None:
    axes.plot([0, found["seconds"] / 60], [y, y], color="#dddddd", linewidth=0.8, zorder=0)
    for lane, (place, colour, _) in _LANES.items():
        bars = [(start / 60, (end - start) / 60) for start, end in found[lane]]
        axes.broken_barh(bars, (y + place - 0.1, 0.2), facecolors=colour)
