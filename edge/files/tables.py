"""Tables of text: a row of numbers a sample, separated by comma, semicolon, tab, bar or blanks.

Rows of names, and under them of units, may come first; `sheet` tells what the columns are.
"""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.files import choice, damaged
from edge.files.numerals import AROUND, LACKING, apart, number, numbers
from edge.files.sheet import CELLS, ROWS, Sheet
from edge.rates import FS_MIN

_PEEK: Final = 1 << 16  # bytes from which separator and encoding are told
_HEAD: Final = 100  # rows in which the numbers must begin
_FIRST: Final = 1000  # rows that tell whether these may be samples
_ALIKE: Final = 10  # rows that have their numbers in the same columns, beside words
_LONGEST: Final = 1 << 20  # characters of a row
_PACKED: Final = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\xd0\xcf\x11\xe0")
"""How ZIP files and spreadsheets begin, and what gzip, bzip2 and xz have packed."""
_SEP: Final = re.compile(r"sep=(.)", re.IGNORECASE)
_MARKS: Final = "\"'(["  # what keeps words together
_RATE: Final = re.compile(
    r"(?:sampl\w*[ _-]?(?:rate|freq\w*)|samples ?(?:/|per) ?s(?:ec(?:ond)?)?|abtastrate|messrate"
    r"|(?:taux|fréquence) d.échantillonnage|^#? *fs)(?: *[(\[]?hz[)\]]?)?[^\w\n]{1,9}"
    r"(\d{1,6}(?:[.,]\d{1,6})?)\s*(khz)?",
    re.IGNORECASE | re.MULTILINE,
)
_SAID: Final = [
    re.compile(rf"(?:{word})s?\W+(.+)", re.IGNORECASE)
    for word in ("lead|channel|ableitung|dérivation", "unit|einheit|unité")
]
_UNIT: Final = re.compile(r"(.*?)\s*[(\[](.{1,12})[)\]]\s*")
_WORDS: Final = re.compile(
    r"""[(\[][^)\]]*[)\]]|(?:"[^"]*"|'[^']*'|\S+)(?:\s+[(\[][^)\]]{1,12}[)\]])?"""
)
_TIME: Final = re.compile(
    r"(?:.*[\[\sT])?(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2}(?:[.,:]\d+)?)\s*(am|pm)?(?![\d:]).*",
    re.IGNORECASE,
)
_DECIMALS: Final = re.compile(
    r"[-+]?\d+,(\d+)((?:e[-+]?\d+)?(?:\s+[-+]?\d+,\d+(?:e[-+]?\d+)?)*)", re.IGNORECASE
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Table:
    """An open table; it is read again for every `pieces`."""

    def __init__(self, path: Path, fs: float | None) -> None:
        """`fs` in Hz, if it is given.

        RecordError where it is missing, is no table of numbers, or nothing tells its rate.
        """
        self.name, self._path = path.stem, path
        csv.field_size_limit(_LONGEST)
        try:
            with path.open("rb") as raw:
                peek = raw.read(_PEEK)
            if peek.startswith(_PACKED):
                raise RecordError(
                    f"{path.name} is no text but packed: unpack it, or save it as CSV"
                )
            self._encoding = _encoding(peek)
            text = peek.decode(self._encoding, "replace")
            self._separator, said = _separator(text), _rate(text)
            self._gaps = not self._separator and _has_gaps(text)
            with self._text() as file:
                rows = self._rows(file)
                top = list(islice(rows, _HEAD + _FIRST))
                begin = next((i for i in range(min(len(top), _HEAD)) if _begins(top[i:])), None)
                if begin is None:
                    raise RecordError(f"{path.name} is no table of numbers")
                self._skipped, head, first = begin, [*filter(None, top[:begin])], top[begin:]
                width = len(first[0])
                self._lump = max(1, min(ROWS, CELLS // width))
                first += islice(rows, max(0, self._lump - len(first)))
                width = _width(head, first)
        except RecordError:
            raise
        except Exception as error:
            raise damaged(path, error) from None
        if width > len(first):
            raise RecordError(
                f"{path.name} has {width} columns and {len(first)} rows of numbers: write a row a "
                "sample"
            )
        names, units = _named(head, width, blanks=not self._separator)
        marks = [apart([row[i] for row in first if i < len(row)]) for i in range(width)]
        self._apart = {i: mark for i, mark in enumerate(marks) if mark}
        found = numbers(first, range(width), self._apart)
        self._stamped = set(np.flatnonzero(np.isnan(found).all(axis=0)).tolist())
        for i in self._stamped:
            found[:, i] = _stamps(first, i)
        self._sheet = Sheet(
            path.name,
            found,
            names,
            units,
            fs,
            kind="column",
            said=said,
            stamped=self._stamped,
        )
        self.channels = self._sheet.channels
        self.told, self.measured_hz = self._sheet.told, self._sheet.measured_hz
        self.began = self._sheet.began

    def pieces(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """As `File.pieces`; NaN for a cell that is no number, and for rows that are missing."""
        return self._sheet.pieces(self._read, columns)

    def _read(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        stamped = [k for k, i in enumerate(columns) if i in self._stamped]
        plain = [k for k in range(len(columns)) if k not in stamped]
        try:
            with self._text() as file:
                rows = islice(self._cells(file), self._skipped, None)
                while lump := list(islice(rows, self._lump)):
                    found = np.empty((len(lump), len(columns)))
                    found[:, plain] = numbers(lump, [columns[k] for k in plain], self._apart)
                    for k in stamped:
                        found[:, k] = _stamps(lump, columns[k])
                    yield found
        except RecordError:
            raise
        except Exception as error:
            raise damaged(self._path, error) from None

    def _text(self) -> IO[str]:
        return self._path.open(encoding=self._encoding, errors="replace", newline="")

    def _lines(self, file: IO[str]) -> Iterator[str]:
        """Lines, but for remarks and what tells Excel the separator, and mostly for empty ones."""
        first = True
        while line := file.readline(_LONGEST):
            if len(line) == _LONGEST:
                raise RecordError(f"{self._path.name} is no table: a row of it does not end")
            line = line.replace("\0", "") if "\0" in line else line
            if not line.strip():
                if self._gaps:
                    yield line
            elif line[0] != "#" and not (first and _SEP.fullmatch(line.strip())):
                yield line
            first = False

    def _cells(self, file: IO[str]) -> Iterator[list[str]]:
        """Rows as they are written."""
        if self._separator:
            return csv.reader(self._lines(file), delimiter=self._separator)
        return (
            _WORDS.findall(line) if any(mark in line for mark in _MARKS) else line.split()
            for line in self._lines(file)
        )

    def _rows(self, file: IO[str]) -> Iterator[list[str]]:
        """Rows without blanks and quotes, nor an empty cell at their end."""
        for row in self._cells(file):
            cells = [cell.strip(AROUND) for cell in row]
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
    if said := _SEP.match(text):
        return said[1].strip(" ")
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip() and line[0] != "#"]
    counts = {s: sum(s in line for line in lines) for s in ("\t", ";", "|", ",")}
    best = max(counts, key=lambda s: counts[s])
    if best == "," and _are_decimals(lines):
        return ""
    return best if 2 * counts[best] > len(lines) else ""


def _has_gaps(text: str) -> bool:
    """Whether empty lines are cells without a number: of a single column, not between all rows."""
    lines = re.split(r"\r\n|\r|\n", text)
    cells = [len(line.split()) for line in lines]
    rows = sum(n > 0 for n in cells)
    beside = sum(a > 0 and b > 0 for a, b in pairwise(cells))
    return 2 * beside > rows and 2 * cells.count(1) > rows


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


def _stamps(rows: list[list[str]], column: int) -> list[float]:
    return [_stamp(row[column].strip(AROUND)) if column < len(row) else math.nan for row in rows]


def _stamp(cell: str) -> float:
    """A time in seconds: since 1970 of what ISO 8601 has with a date, else of the day."""
    if "-" in cell:
        try:
            when = datetime.fromisoformat(cell)
        except ValueError:
            pass
        else:
            when = when if when.tzinfo else when.replace(tzinfo=UTC)
            return (when - _EPOCH).total_seconds()
    match = _TIME.fullmatch(cell)
    if not match:
        return math.nan
    hours, minutes, seconds, half = match.groups()
    if hours and half:
        hours = int(hours) % 12 + 12 * (half.casefold() == "pm")
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(re.sub("[,:]", ".", seconds))


def _begins(rows: list[list[str]]) -> bool:
    """Whether the numbers begin with the first row.

    It has one, and nothing but numbers, times and what stands for none; or words too, and the rows
    after it have their numbers in the same columns.
    """
    first, *after = [[not math.isnan(number(cell)) for cell in row] for row in rows[:_ALIKE]]
    return any(first) and (
        all(
            number or cell.casefold() in LACKING or _TIME.fullmatch(cell)
            for number, cell in zip(first, rows[0], strict=True)
        )
        or (len(after) == _ALIKE - 1 and all(row == first for row in after))
    )


def _width(head: list[list[str]], first: list[list[str]]) -> int:
    """Columns of the table: the cells of its last may be empty in the first row."""
    lengths = {len(row) for row in first}
    named = [len(row) for row in head if len(row) in lengths]
    return max([len(first[0]), *named[-1:]])


def _named(
    head: list[list[str]], width: int, *, blanks: bool
) -> tuple[list[str], list[str | None]]:
    """Names and units of the columns, from what stands above them; `blanks`: that part cells.

    R names no column of row names. A name with a blank in it is the first one's.
    """
    rows = [row for row in head if len(row) == width]
    if width == 1 and len(head) > 2:  # words about it: of whom it is makes no name
        lines = [" ".join(row) for row in head]
        rows = [[next((m[1] for line in lines if (m := said.match(line))), "")] for said in _SAID]
    elif width == 1 and head and not rows:  # the blanks are its own
        rows = [[" ".join(head[-1])]]
    elif width > 1:
        last = next((k for k in reversed(range(len(head))) if not _are_units(head[k])), None)
        if last is not None:
            rows = [_fitted(head[last], width, blanks=blanks), *head[last + 1 : last + 2]]
            rows = [row for row in rows if len(row) == width]
    names = list(rows[0]) if rows else [""] * width
    units: list[str | None] = [None] * width
    if len(rows) > 1:
        units = [cell.strip("()[]") or None for cell in rows[1]]
    for i, name in enumerate(names):
        if match := _UNIT.fullmatch(name):
            names[i], units[i] = match[1].strip(AROUND), units[i] or match[2]
    return names, units


def _fitted(row: list[str], width: int, *, blanks: bool) -> list[str]:
    """A row of names that has a cell too few, or too many."""
    if len(row) == width - 1:
        return ["", *row]
    if len(row) == width + 1:
        return [" ".join(row[:2]), *row[2:]] if blanks else row[:width]
    return row


def _are_units(row: list[str]) -> bool:
    """Whether cells are units of voltage or of something else, or say that there is none."""
    units = [cell.strip("()[]") for cell in row]
    return any(units) and all(not unit or choice.is_unit(unit) for unit in units)


def _rate(text: str) -> float | None:
    """The rate in Hz that is said above the numbers, if it may be one."""
    match = _RATE.search(text)
    rate = float(match[1].replace(",", ".")) * (1000 if match[2] else 1) if match else 0.0
    return rate if rate >= FS_MIN else None
