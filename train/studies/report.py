"""What all studies' reports are written with."""

from collections.abc import Iterable, Sequence

import numpy as np


def spread(values: list[float], scale: float = 100.0) -> str:
    """Mean and standard deviation over seeds, as tables have them."""
    if len(values) == 1:
        return f"{scale * values[0]:.1f}"
    return f"{scale * np.mean(values):.1f} ± {scale * np.std(values, ddof=1):.1f}"


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
