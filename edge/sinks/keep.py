"""How much of what was recorded is kept: the oldest files go first."""

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from edge.sinks.hour import MARKER

_LIMIT: Final = re.compile(r"(\d+(?:\.\d+)?) *(d|h|[kMGT]B)", re.IGNORECASE)
_BYTES: Final = {"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}
_HOURS: Final = {"h": 1.0, "d": 24.0}
_NAME: Final = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
_SESSION: Final = re.compile(r"^# session: (\S+) sample (\d+)$", re.MULTILINE)
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
        found = _recordings(folder)
        total = sum(record.size for record in found)
        for record, age in _oldest_first(found):
            late = self.age is not None and age > self.age
            over = self.size is not None and total > self.size
            if (late or over) and _delete(record.path):
                total -= record.size


class _Record(NamedTuple):
    path: Path
    """Without an ending."""
    size: int
    session: str
    """The run that it is of."""
    ended: datetime
    """By the machine's clock."""
    end: timedelta
    """The same, since the run began, by its samples."""


def _oldest_first(found: list[_Record]) -> list[tuple[_Record, timedelta]]:
    """Each with its age, of which the machine's clock alone makes no more than it is.

    A run's times are those of its samples, back from its last record: the clock may have been set
    meanwhile. How long nothing was recorded before the run that is written now, only the clock
    knows, and it may be years ahead: that counts for nothing.
    """
    runs: dict[str, _Record] = {}
    for record in found:
        runs[record.session] = max(runs.get(record.session, record), record, key=lambda r: r.end)
    writing = {record.session for record in found if _written(record.path)}
    length = max((runs[session].end for session in writing), default=timedelta())
    newest = max(
        (run.ended for session, run in runs.items() if session not in writing),
        default=datetime.now(UTC),
    )
    since = min(length, datetime.now(UTC) - newest)
    aged = []
    for record in found:
        run = runs[record.session]
        age = run.end - record.end
        if record.session not in writing:
            age += newest - run.ended + since
        aged.append((record, age))
    return sorted(aged, key=lambda one: (one[0].session in writing, -one[1]))


def _recordings(folder: Path) -> list[_Record]:
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
            fs, n = float(head[2]), int(head[3])
            session, first = told[-1] if (told := _SESSION.findall(text)) else (path.stem, "0")
            end = timedelta(seconds=(int(first) + n) / fs)
            ended = start + timedelta(seconds=n / fs)
            files = [path.with_suffix(ending) for ending in ENDINGS]
            size = sum(file.stat().st_size for file in files if file.exists())
        except (OSError, ValueError, IndexError, OverflowError, ZeroDivisionError):
            continue
        found.append(_Record(path.with_suffix(""), size, session, ended, end))
    return found


def _written(path: Path) -> bool:
    """Whether somebody writes it."""
    try:
        with path.with_suffix(".dat").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


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
