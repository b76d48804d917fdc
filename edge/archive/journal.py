"""What a run has done, on the disk, so that it goes on where it was killed."""

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.archive.processes import Row
from edge.errors import OutputError


class Journal:
    """A line that says what decides the rows, then one a record that is done.

    Each is handed to the system as soon as it is there; memory holds none.
    """

    def __init__(
        self, path: Path, identity: Row, *, of: Path, otherwise: str, restart: bool = False
    ) -> None:
        """Opens what is there of a run of the same `identity`, or begins; `restart` begins anew.

        OutputError where another run writes to it, or it is damaged, or of another run: that says
        what `of` was made with, and what to do `otherwise`.
        """
        self.path = path
        self.done: dict[str, list[list[int]]] = {}
        """Of each record that is done the sizes and times of its files when it was begun."""
        self._lines: dict[str, tuple[int, int]] = {}
        self._file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")  # noqa: PTH123, SIM115
        try:
            self._alone(of)
            end = 0 if restart else self._read(json.loads(json.dumps(identity)), of, otherwise)
        except OutputError:
            self._file.close()
            raise
        self._file.truncate(end)
        self._file.seek(end)
        if not end:
            self._line(identity)

    def _alone(self, of: Path) -> None:
        """No other run writes to it, until it is closed or this process ends."""
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputError(f"another run writes to {of}: wait for it") from None

    def _read(self, identity: Row, of: Path, otherwise: str) -> int:
        """Where the lines end that are whole; OutputError where they are not of this run."""
        first, end = identity, 0
        try:
            for line in self._file:
                if not line.endswith(b"\n"):
                    break
                if end:
                    row, seen = json.loads(line)
                    self._keep(row, seen, (end, len(line)))
                else:
                    first = json.loads(line)
                end += len(line)
            differs = sorted(k for k in identity | first if identity.get(k) != first.get(k))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise OutputError(f"{self.path} is damaged: {otherwise}") from None
        if differs:
            raise OutputError(f"{of} was made with another {', '.join(differs)}: {otherwise}")
        return end

    def _keep(self, row: Row, seen: list[list[int]], line: tuple[int, int]) -> None:
        self.done[row["record"]], self._lines[row["record"]] = seen, line

    def add(self, row: Row, seen: list[list[int]]) -> None:
        """Keeps a row, which has the name of its `record`."""
        at = self._file.tell()
        self._keep(row, seen, (at, self._line([row, seen])))

    def row(self, name: str) -> Row:
        """What was kept of a record."""
        at, length = self._lines[name]
        row: Row = json.loads(os.pread(self._file.fileno(), length, at))[0]
        return row

    def _line(self, what: Any) -> int:
        written = self._file.write(json.dumps(what, allow_nan=False).encode() + b"\n")
        self._file.flush()
        return written

    def close(self) -> None:
        """Lets others write to it."""
        self._file.close()
