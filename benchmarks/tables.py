"""Every table that is printed, and the numbers in it.

A library (tabulate) would not make this shorter: it trims the indentation of cells, and would have
to be told that, and to leave numbers alone, at each call.
"""

import math
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain text: columns as wide as their longest cell, the first flush left, the others right.

    ValueError if a row is not as long as the header.
    """
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [header, *rows]
    )


def percent(share: float | None) -> str:
    """A share from 0 to 1 in percent with two digits; `-` where it is NaN or None: undefined."""
    return "-" if share is None or math.isnan(share) else f"{100 * share:.2f}"


def digits(value: float | None, places: int = 1) -> str:
    """A number with so many digits behind the point; `-` where it is NaN or None: undefined."""
    return "-" if value is None or math.isnan(value) else f"{value:.{places}f}"
