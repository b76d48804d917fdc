"""Events as JSON, one object a line."""

import contextlib
import os
import stat
import sys
from pathlib import Path

from edge.events import Event
from edge.sinks import writing

_HOW = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC
# A pipe that nobody reads is refused then, and not waited for.
_AT_ONCE = os.O_NONBLOCK


class Jsonl:
    """Appends each event to a file, or to what else is at that path; `-` is standard output.

    Each line is handed to the system in one piece, unbuffered: a process that is killed leaves
    whole lines. What an earlier one that was not left torn is ended, and nothing before is touched.
    """

    def __init__(self, path: str | Path, *, overwrite: bool = False) -> None:
        """OutputError where it cannot be opened; folders are made."""
        self._rest = b""
        self._torn = 0  # bytes that are out of the line that is not
        self._fd: int | None = None
        self._stays_open = str(path) == "-"
        if self._stays_open:
            with contextlib.suppress(OSError):  # a notebook's has no descriptor
                self._fd = sys.stdout.fileno()
            return
        path = Path(path)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, _HOW | _AT_ONCE | (os.O_TRUNC if overwrite else 0), 0o666)
            os.set_blocking(self._fd, True)
            if _torn(path, os.fstat(self._fd)):
                self._rest = b"\n"

    def write(self, event: Event) -> None:
        """Take one line."""
        self._rest += event.to_json().encode() + b"\n"

    def flush(self) -> None:
        """Write what was taken."""
        while self._rest:
            n = self._write(self._rest)
            ended = self._rest.rfind(b"\n", 0, n)
            self._torn = self._torn + n if ended < 0 else n - ended - 1
            self._rest = self._rest[n:]

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
        if self._torn and stat.S_ISREG(os.fstat(self._fd).st_mode):
            os.ftruncate(self._fd, os.lseek(self._fd, 0, os.SEEK_END) - self._torn)
        os.close(self._fd)


def _torn(path: Path, info: os.stat_result) -> bool:
    """Whether a file's last line has no end."""
    if not (stat.S_ISREG(info.st_mode) and info.st_size):
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
