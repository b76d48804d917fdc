"""What every study reports with: shares, paragraphs of Markdown, and figures beside them."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from matplotlib.figure import Figure

from edge.errors import OutputError
from train.engine.files import write_text

NAME: Final = "report.md"
"""A study's report in its folder."""
DPI: Final = 90


def spread(values: Sequence[float], places: int = 1) -> str:
    """Shares over seeds in %, as tables have them: mean and standard deviation.

    Of a single seed the value, `–` where it is NaN: undefined.
    """
    if len(values) > 1:
        return f"{100 * np.mean(values):.{places}f} ± {100 * np.std(values, ddof=1):.{places}f}"
    return "–" if np.isnan(values[0]) else f"{100 * values[0]:.{places}f}"


def over(seeds: int) -> str:
    """What figures are, before a table of them."""
    return f"mean and standard deviation over {seeds} seeds" if seeds > 1 else "of one seed"


def page(*parts: str) -> str:
    """Paragraphs and tables as one text."""
    return "\n\n".join(parts) + "\n"


def publish(out: Path, text: str, figures: Mapping[str, Figure] | None = None) -> None:
    """Writes a study's text and its figures, by file name, to its folder.

    OutputError where that fails.
    """
    try:
        write_text(out / NAME, text)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error}") from error
    for name, figure in (figures or {}).items():
        save(figure, out / name)


def save(figure: Figure, path: Path) -> None:
    """Writes a figure; OutputError where that fails, or for a name whose format is not known."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(figure, path)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write the figure {path}: {error}") from error


def draw(figure: Figure, to: Path | BinaryIO) -> None:
    """Writes a figure; a script that its font lacks is boxes, without a word to the terminal."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)
        figure.savefig(to, dpi=DPI)
