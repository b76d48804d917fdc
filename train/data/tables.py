"""Tables of data sets, and of those who have records of their own."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Final

from edge.errors import RecordError

_SHOWN: Final = 3
LABELS_SHOWN: Final = 20
"""Of labels, which are few, and each of which somebody may wait for."""


def rows(path: Path, columns: Iterable[str] = ()) -> Iterator[dict[str, str]]:
    """Each row of a CSV file by column; RecordError where it is damaged, or lacks some columns."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            if not {*columns} <= {*(table.fieldnames or ())}:
                raise ValueError
            yield from table
    except (OSError, ValueError, csv.Error) as error:
        raise damaged(path) from error


def damaged(path: Path) -> RecordError:
    """What is said of a file that is not as it was published."""
    return RecordError(f"{path} is missing or damaged: get it again")


def sheet(path: Path) -> list[list[str]]:
    """The rows of a table that a person made: cells without blanks around them, no empty row.

    Parted by comma, or as Excel does it by semicolon or tab, which the first row tells, or `sep=;`
    above it. RecordError where it is not there, or no text in UTF-8.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise RecordError(f"{path} is no text in UTF-8: save it as CSV UTF-8") from None
    except FileNotFoundError:
        raise RecordError(f"there is no file {path}") from None
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    first, _, rest = text.partition("\n")
    told = first.strip().casefold()
    if told.startswith("sep=") and len(told) == 5:
        text, by = rest, told[-1]
    else:
        bare = re.sub(r'"[^"]*"', "", first)
        by = next((mark for mark in ";\t" if mark in bare), ",")
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(StringIO(text), delimiter=by)]
    except csv.Error as error:
        raise RecordError(f"{path} is no table: {error}") from None
    return [row for row in rows if any(row)]


def listed(what: str, names: Sequence[str], most: int = _SHOWN) -> str:
    """How many there are, and the first of them."""
    more = ", …" if len(names) > most else ""
    count = f"{len(names)} {what}s" if len(names) > 1 else what
    return f"{count} {', '.join(names[:most])}{more}"
