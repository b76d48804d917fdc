"""Tables of text: a row of numbers a sample, separated by comma, semicolon, tab or blanks.

Rows of names, and under them of units, may come first; a column of times or row numbers is no lead.
"""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.files import Channel, choice, damaged

_ROWS: Final = 1 << 14  # read at a time
_LOOK: Final = 1 << 16  # bytes from which separator and encoding are told
_HEAD: Final = 100  # rows in which the numbers must begin
_SAMPLE: Final = 1000  # rows from which a clock is told: a lead has fallen in them
_SURE: Final = 250  # of them tell a clock whose name is none
_TICKS: Final = 0.02  # of the rows at which a clock goes on
_ALIKE: Final = 10  # rows that have their numbers in the same columns, beside words
_LONGEST: Final = 1 << 16  # characters of a row
_CLOCK: Final = re.compile(
    r"#|n|t|s|ms|us|index|(unnamed.*)|.*(time|date|clock|sample|epoch|millis|micros|elapsed"
    r"|second).*",
    re.IGNORECASE,
)
_UNIT: Final = re.compile(r"(.*?)\s*[(\[](.{1,12})[)\]]\s*")
_TIME: Final = re.compile(r"\[?[\d\-/.T ]*\d+:\d[\d:.,]*.*")
_DECIMALS: Final = re.compile(
    r"[-+]?\d+,(\d+)((?:e[-+]?\d+)?(?:\s+[-+]?\d+,\d+(?:e[-+]?\d+)?)*)", re.IGNORECASE
)
_LACKING: Final = ("", "-", "nan", "na", "n/a", "null", "none")


class Table:
    """An open table; it is read again for every `pieces`."""

    def __init__(self, path: Path, fs: float) -> None:
        """RecordError where it is missing, or is no table of numbers."""
        self.name, self._path = path.stem, path
        csv.field_size_limit(_LONGEST)
        try:
            with path.open("rb") as raw:
                look = raw.read(_LOOK)
            self._encoding = _encoding(look)
            with self._text() as file:
                self._separator = _separator(look.decode(self._encoding, "replace"))
                top = list(islice(self._rows(file), _HEAD + _SAMPLE))
            begin = next((i for i in range(min(len(top), _HEAD)) if _begins(top[i:])), None)
            if begin is None:
                raise RecordError(f"{path.name} is no table of numbers")
            self._skipped, head, first = begin, top[:begin], top[begin:]
        except RecordError:
            raise
        except Exception as error:
            raise damaged(path, error) from None
        width = len(first[0])
        if width > len(first):
            raise RecordError(
                f"{path.name} has {width} columns and {len(first)} rows of numbers: write a row a "
                "sample"
            )
        named = [r for r in head if len(r) == width]
        names, units = _named(named, width)
        numbers = np.array([[_number(c) for c in (*r, *[""] * width)][:width] for r in first])
        numbers = numbers.reshape(len(first), width)
        self._columns = [
            i
            for i, column in enumerate(numbers.T)
            if not (np.isnan(column).all() or _is_clock(names[i], column))
        ]
        if not self._columns:
            raise RecordError(f"{path.name} has no column of samples")
        self.channels = [Channel(names[i] or f"column {i}", units[i], fs) for i in self._columns]

    def pieces(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """As `File.pieces`; NaN for a cell that is no number."""
        wanted = [self._columns[i] for i in columns]
        try:
            with self._text() as file:
                rows = islice(self._rows(file), self._skipped, None)
                while lump := list(islice(rows, _ROWS)):
                    yield np.array(
                        [[_number(r[i]) if i < len(r) else math.nan for i in wanted] for r in lump]
                    )
        except Exception as error:
            raise damaged(self._path, error) from None

    def _text(self) -> IO[str]:
        return self._path.open(encoding=self._encoding, errors="replace", newline="")

    def _rows(self, file: IO[str]) -> Iterator[list[str]]:
        lines = (line.replace("\0", "") for line in file)
        lines = (line for line in lines if line.strip() and not line.startswith("#"))
        if not self._separator:
            for line in lines:
                yield [cell.strip("\"'") for cell in line.split()]
            return
        for row in csv.reader(lines, delimiter=self._separator):
            cells = [cell.strip().strip("'") for cell in row]
            yield cells[:-1] if len(cells) > 1 and not cells[-1] else cells


def _encoding(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        data[: data.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"


def _separator(text: str) -> str:
    """The one that most rows have; "" for blanks."""
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip() and line[0] != "#"]
    counts = {s: sum(s in line for line in lines) for s in ("\t", ";", ",")}
    best = max(counts, key=lambda s: counts[s])
    if best == "," and _are_decimals(lines):
        return ""
    return best if 2 * counts[best] > len(lines) else ""


def _are_decimals(lines: list[str]) -> bool:
    """Whether the commas are decimal ones: of columns apart by blanks, or of a single one.

    Of a single one tells a head without a comma, or where there is none, a 0 behind the comma.
    """
    rows = [match for line in lines if (match := _DECIMALS.fullmatch(line.strip()))]
    if 2 * len(rows) <= len(lines):
        return False
    if not _DECIMALS.fullmatch(lines[0].strip()):
        return "," not in lines[0]
    return any(row[2] or (row[1].startswith("0") and len(row[1]) > 1) for row in rows)


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        try:
            value = float(cell.replace(",", ".", 1))  # where a comma is no separator
        except ValueError:
            return math.nan
    return value if math.isfinite(value) else math.nan


def _begins(rows: list[list[str]]) -> bool:
    """Whether the numbers begin with the first row.

    It has one, and nothing but numbers, times and what stands for none; or words too, and the rows
    after it have their numbers in the same columns.
    """
    first, *after = [[not math.isnan(_number(cell)) for cell in row] for row in rows[:_ALIKE]]
    return any(first) and (
        all(
            number or cell.casefold() in _LACKING or _TIME.fullmatch(cell)
            for number, cell in zip(first, rows[0], strict=True)
        )
        or (len(after) == _ALIKE - 1 and all(row == first for row in after))
    )


def _named(head: list[list[str]], width: int) -> tuple[list[str], list[str | None]]:
    """Names and units of the columns, from what stands above them."""
    names, units = [""] * width, [None] * width
    found: list[str | None] = list(units)
    if head:
        names = head[0]
        found = [cell or None for cell in head[1]] if len(head) > 1 else found
    for i, name in enumerate(names):
        if match := _UNIT.fullmatch(name):
            names = [*names[:i], match[1], *names[i + 1 :]]
            found[i] = found[i] or match[2]
    return names, found


def _is_clock(name: str, column: NDArray[np.float64]) -> bool:
    """Whether a column is times, or numbers of the rows."""
    if _CLOCK.fullmatch(name):
        return True
    if name and (len(column) < _SURE or choice.is_named(Channel(name, None, 0.0))):
        return False
    return _counts(column)


def _counts(column: NDArray[np.float64]) -> bool:
    """Whether a column never falls and does not stay, or wraps evenly."""
    steps = np.diff(column[~np.isnan(column)])
    if len(steps) < 4:
        return False
    sizes = np.unique(steps)
    wraps = len(sizes) == 2 and -sizes[0] > 2 * sizes[1] > 0
    return bool(wraps or ((steps >= 0).all() and (steps > 0).mean() > _TICKS))
