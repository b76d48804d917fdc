"""What stands above a picture of a window: whose it is, and names that fit."""

from collections.abc import Sequence
from typing import Final

from train.data.joined import Joined
from train.data.windows import Windows

LONGEST: Final = 48
"""Characters of a name, or of several, that a title has room for."""


def called(windows: Windows, row: int) -> str:
    """The data set and the record of a window, without the record's folder."""
    path = windows.records[int(windows.column("record")[row])].name.split("/")
    of = path[0] if isinstance(windows, Joined) else windows.name
    return f"{of} {narrowed(path[-1])}"


def narrowed(text: str, most: int = LONGEST) -> str:
    """As much of it as there is room for, none of it as a formula."""
    return (text if len(text) <= most else text[: most - 1] + "…").replace("$", r"\$")


def title(parts: Sequence[str]) -> str:
    """Side by side, or below each other where that is too long."""
    line = "     ".join(parts)
    return line if len(line) <= 2 * LONGEST else "\n".join(parts)
