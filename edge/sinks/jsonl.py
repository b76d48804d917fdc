"""Events as JSON, one object a line."""

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path

from edge.events import Event, Session
from edge.sinks import REMOVED, away, writing

_HOW = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC
# A pipe that nobody reads is refused then, and not waited for.
_AT_ONCE = os.O_NONBLOCK


class Jsonl:
    """Appends each event to a file, or to what else is at that path; `-` is standard output.

    Each line is handed to the system in one piece, unbuffered: a process that is killed leaves
    whole lines. What an earlier one that was not left torn is ended, and nothing before is touched.
    Where the file is moved away or removed, a new one is begun at its path, with the session again.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False) -> None:
        """OutputError where it cannot be opened; folders are made."""
        self._rest = self._session = b""
        self._torn = b""  # what is out of the line that is not
        self._fd: int | None = None
        self._stays_open = str(path) == "-"
        if self._stays_open:
            with contextlib.suppress(OSError):  # a notebook's has no descriptor
                self._fd = sys.stdout.fileno()
            return
        self._path = Path(path)
        with writing(self._path):
            self._rest = self._open(os.O_TRUNC if overwrite else 0)

    def _open(self, how: int) -> bytes:
        """What comes before the first line: the end of a torn one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, _HOW | _AT_ONCE | how, 0o666)
        os.set_blocking(self._fd, True)
        return b"\n" if _torn(self._path, os.fstat(self._fd)) else b""

    def write(self, event: Event) -> None:
        """Take one line."""
        line = event.to_json().encode() + b"\n"
        if isinstance(event, Session):
            self._session = line
        self._rest += line

    def flush(self) -> None:
        """Write what was taken; OSError, once, after that where what was before is lost."""
        lost = bool(self._rest) and self._follow()
        while self._rest:
            n = self._write(self._rest)
            self._torn = (self._torn + self._rest[:n]).rpartition(b"\n")[2]
            self._rest = self._rest[n:]
        if lost:
            raise OSError(errno.ENOENT, REMOVED)

    def _follow(self) -> bool:
        """Stay with the path; whether the file that was there is removed."""
        if self._stays_open or self._fd is None or not (how := away(self._fd, self._path)):
            return False
        old, torn = self._fd, self._torn
        begun = b"" if self._session in self._rest else self._session
        self._rest, self._torn = self._open(0) + begun + torn + self._rest, b""
        _cut(old, len(torn))
        os.close(old)
        return how == "removed"

    def _write(self, data: bytes) -> int:
        if self._fd is not None:
            return os.write(self._fd, data)
        sys.stdout.write(data.decode())
        sys.stdout.flush()
        return len(data)

    def close(self) -> None:
        """Close the file, without half a line; standard output stays open."""
        if self._stays_open or self._fd is None:
            return
        _cut(self._fd, len(self._torn))
        os.close(self._fd)


def _cut(fd: int, n: int) -> None:
    """Take the last bytes from a file."""
    if n and stat.S_ISREG(os.fstat(fd).st_mode):
        os.ftruncate(fd, os.lseek(fd, 0, os.SEEK_END) - n)


def _torn(path: Path, info: os.stat_result) -> bool:
    """Whether a file's last line has no end."""
    if not (stat.S_ISREG(info.st_mode) and info.st_size):
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
