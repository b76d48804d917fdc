"""Folders of windows that were cut: how much room they take, and making some."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.errors import OutputError
from train.data.shards import UNFINISHED, held

INDEX: Final = "index.json"
WINDOWS: Final = Path("runs/windows")
"""Where commands cut them to, unless they are told another folder for what they train."""
ROOM_GB: Final = 50.0
"""What windows may take before somebody is told; two million of 10 s at 100 Hz."""
_GB: Final = 1e9


@dataclass(frozen=True, slots=True)
class Entry:
    """Windows of one corpus, cut in one way, or some of them."""

    folder: Path
    size: int
    """Bytes."""
    used: float
    """When they were cut or opened last, in seconds since 1970."""

    @property
    def finished(self) -> bool:
        """Whether all windows are there."""
        return self.folder.suffix != UNFINISHED

    def __str__(self) -> str:
        """A line of a table."""
        day = time.strftime("%Y-%m-%d", time.localtime(self.used))
        state = "" if self.finished else "  unfinished"
        return f"{self.size / _GB:9.3f} GB  {day}  {self.folder.name}{state}"


def entries(cache: Path) -> list[Entry]:
    """What is in a folder, used last first; OutputError where it cannot be read."""
    found = []
    try:
        for folder in cache.iterdir() if cache.is_dir() else ():
            last = folder / INDEX if (folder / INDEX).exists() else folder
            if not folder.is_dir() or (last == folder and folder.suffix != UNFINISHED):
                continue  # not ours
            size = sum(path.stat().st_size for path in folder.iterdir())
            found.append(Entry(folder, size, last.stat().st_mtime))
    except OSError as error:
        raise OutputError(f"cannot read {cache}: {error}") from error
    return sorted(found, key=lambda entry: -entry.used)


def prune(cache: Path, room_gb: float) -> list[Entry]:
    """Removes what was used longest ago until the rest takes no more than so many GB.

    What is being cut stays. What is open can still be read. OutputError where it cannot be removed.
    """
    removed, total = [], 0
    for entry in entries(cache):
        total += entry.size
        if total > room_gb * _GB and (entry.finished or not held(entry.folder)):
            total -= entry.size
            removed.append(entry)
            gone = entry.folder.with_name(f".{entry.folder.name}.gone")
            try:
                entry.folder.rename(gone)  # it is never there in part
                shutil.rmtree(gone)
            except OSError as error:
                raise OutputError(f"cannot remove {entry.folder}: {error}") from error
    return removed
