"""How much of what was recorded is kept: the oldest files go first."""

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edge.sinks.hour import MARKER

_LIMIT: Final = re.compile(r"(\d+(?:\.\d+)?) *(d|h|[kMGT]B)", re.IGNORECASE)
_BYTES: Final = {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}
_HOURS: Final = {"h": 1.0, "d": 24.0}
_NAME: Final = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
ENDINGS: Final = (".dat", ".edge", ".hea")
"""Of a record's files; the header is deleted last, by which the others are known."""


@dataclass(frozen=True)
class Keep:
    """Limits; None: there is none."""

    age: timedelta | None = None
    size: float | None = None
    """Bytes."""

    @classmethod
    def parse(cls, text: str) -> "Keep":
        """One limit, such as 30d, 12h or 10GB; ValueError, in one sentence, for what is none."""
        found = _LIMIT.fullmatch(text.strip())
        if found and float(found[1]) > 0:
            amount, unit = float(found[1]), found[2].lower()
            if unit in _BYTES:
                return cls(size=amount * _BYTES[unit])
            with contextlib.suppress(OverflowError):
                return cls(age=timedelta(hours=amount * _HOURS[unit]))
        raise ValueError(f"give a time or a size, such as 30d, 12h or 10GB, not {text!r}")

    def __or__(self, other: "Keep") -> "Keep":
        """Both; of two of a kind, the other's."""
        return Keep(other.age or self.age, other.size or self.size)

    def apply(self, folder: Path) -> None:
        """Delete the oldest files of ours until the limits hold; none that is being written."""
        if self.age is None and self.size is None:
            return
        found = sorted(_recordings(folder))
        total = sum(size for _, _, size in found)
        oldest = datetime.now(UTC) - self.age if self.age else None
        for ended, path, size in found:
            late = oldest is not None and ended < oldest
            if not late and (self.size is None or total <= self.size):
                break
            if _delete(path):
                total -= size


def _recordings(folder: Path) -> list[tuple[datetime, Path, int]]:
    """When each ended, its path without an ending, and its size."""
    found = []
    for path in folder.glob("*.hea"):
        if not _NAME.fullmatch(path.stem):
            continue
        try:
            text = path.read_text("utf-8", "replace")
            head = text.split("\n", 1)[0].split()
            if not any(line.startswith(MARKER) for line in text.splitlines()):
                continue
            start = datetime.strptime(f"{head[5]} {head[4]} +0000", "%d/%m/%Y %H:%M:%S.%f %z")
            ended = start + timedelta(seconds=int(head[3]) / float(head[2]))
            files = [path.with_suffix(ending) for ending in ENDINGS]
            size = sum(file.stat().st_size for file in files if file.exists())
        except (OSError, ValueError, IndexError, OverflowError, ZeroDivisionError):
            continue
        found.append((ended, path.with_suffix(""), size))
    return found


def _delete(path: Path) -> bool:
    """Whether it is gone: not what somebody writes, nor what the system holds on to."""
    try:
        fd = os.open(path.with_suffix(".dat"), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        fd = -1
    except OSError:
        return False
    try:
        if fd >= 0:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for ending in ENDINGS:
            path.with_suffix(ending).unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        if fd >= 0:
            os.close(fd)
    return True
