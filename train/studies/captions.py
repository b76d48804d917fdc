"""What stands above a picture of a window: whose it is, and names that fit."""

from typing import Final

from train.data.windows import Windows

LONGEST: Final = 48
"""Characters of a name, or of several, that a title has room for."""


def called(windows: Windows, row: int) -> str:
    """The data set and the record of a window, without the record's folder."""
    record = windows.records[int(windows.column("record")[row])].name
    return f"{windows.name} {narrowed(record.rpartition('/')[2])}"


def narrowed(text: str, most: int = LONGEST) -> str:
    """As much of it as there is room for."""
    return text if len(text) <= most else text[: most - 1] + "…"
