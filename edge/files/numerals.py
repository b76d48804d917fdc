"""Numbers as text has them: decimal points or commas, thousands set apart, any minus."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

AROUND: Final = " \t\r\n\"'"
"""What may stand around a cell."""
LACKING: Final = ("", "-", "nan", "na", "n/a", "null", "none")
"""What stands for no number."""
_EITHER: Final = ",."
_APART: Final = re.compile(r"[-+]?\d{1,3}(?:['’ \xa0\u2009\u202f]\d{3})+(?:[.,]\d+)?")
"""Thousands that are set apart by what is no decimal sign anywhere."""
_THOUSANDS: Final = {
    ",": re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"),
    ".": re.compile(r"[-+]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?"),
}
_SURELY: Final = re.compile(r".*([.,])\d{3}(\1\d{3}|[.,]\d+)")
_SMALL: Final = re.compile(r"[-+]?\d{1,3}(?:[.,]\d+)?")


def number(cell: str, apart: str = "") -> float:
    """The finite number that a cell is, or NaN. `apart`: as `apart` has it, for its column."""
    cell = cell.strip(AROUND)
    marks = [mark for mark in apart if _THOUSANDS[mark].fullmatch(cell)]
    try:
        value = float(cell.replace(marks[0], "").replace(",", ".") if marks else cell)
    except ValueError:
        try:
            value = float(_plain(cell))
        except ValueError:
            return math.nan
    return value if math.isfinite(value) else math.nan


def _plain(cell: str) -> str:
    """The same number with a point, and nothing else between its digits."""
    cell = cell.replace("−", "-")
    if _APART.fullmatch(cell):
        cell = re.sub(r"['’\s]", "", cell)
    for mark, thousands in _THOUSANDS.items():
        if _SURELY.fullmatch(cell) and thousands.fullmatch(cell):
            cell = cell.replace(mark, "")
    return cell.replace(",", ".", 1)


def numbers(
    rows: list[list[str]], columns: Sequence[int], apart: Mapping[int, str]
) -> NDArray[np.float64]:
    """Some columns of rows, [n, columns], NaN where there is no finite number."""
    may = [k for k, i in enumerate(columns) if i in apart]
    try:
        found = np.array([[float(row[i]) for i in columns] for row in rows])
        plain = all(apart[columns[k]] == _EITHER for k in may)
        plain = plain and not np.any(np.mod(found[:, may], 1))
    except (ValueError, IndexError):
        plain = False
    if not plain:
        found = np.array(
            [
                [number(row[i], apart.get(i, "")) if i < len(row) else math.nan for i in columns]
                for row in rows
            ]
        )
    found = found.reshape(len(rows), len(columns))
    found[~np.isfinite(found)] = math.nan
    return found


def apart(cells: Sequence[str]) -> str:
    """What sets thousands apart in a column, of which these are the first cells: "," or ".".

    Both where it has had none yet, and no decimals; "" where the mark may be a decimal one.
    """
    cells = [cell for cell in cells if cell.casefold() not in LACKING]
    if not any(mark in cell for cell in cells for mark in _EITHER):
        return _EITHER if cells and all(map(_SMALL.fullmatch, cells)) else ""
    for mark, thousands in _THOUSANDS.items():
        large = [cell for cell in cells if thousands.fullmatch(cell)]
        small = [cell for cell in cells if mark not in cell and _SMALL.fullmatch(cell)]
        sure = small or any(map(_SURELY.fullmatch, large))
        if large and sure and len(large) + len(small) == len(cells):
            return mark
    return ""
