"""Events as JSON, one object a line."""

import sys
from pathlib import Path
from typing import TextIO

from edge.events import Event
from edge.sinks import writing


class Jsonl:
    """Writes each event as it comes; `-` is standard output."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._file: TextIO = sys.stdout
        if str(path) != "-":
            with writing(path):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w", encoding="ascii", newline="\n")

    def write(self, event: Event) -> None:
        """Write and flush one line."""
        with writing("standard output" if self._file is sys.stdout else self._path):
            self._file.write(event.to_json() + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._file is not sys.stdout:
            with writing(self._path):
                self._file.close()
