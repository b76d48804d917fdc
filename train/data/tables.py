"""Tables of data sets."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge.errors import RecordError


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
