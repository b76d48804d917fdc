"""What all pictures share."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edge.errors import OutputError


def save(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Writes a picture of the kind that the suffix names; an OutputError if it fails."""
    try:
        figure.savefig(path, dpi=dpi)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot draw {path}: {error}") from error


def in_percent(share: float | None) -> float:
    """A share from 0 to 1 in percent; NaN, which is not drawn, where it is undefined."""
    return float("nan") if share is None else 100 * share


def share_axis(axes: Axes, label: str) -> None:
    """Gives an axis of percentages its label and its grid."""
    axes.set_ylabel(label)
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
