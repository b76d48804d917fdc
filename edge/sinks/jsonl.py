"""Events as JSON, one object a line."""

import sys
from pathlib import Path
from typing import TextIO

from edge.events import Event
from edge.sinks import writing


class Jsonl:
    """Writes each event as it comes; `-` is standard output."""

    def __init__(self, path: str | Path) -> None:
        self._where = "standard output" if str(path) == "-" else str(path)
        self._file: TextIO
        if str(path) == "-":
            self._file = sys.stdout
        else:
            with writing(path):
                self._file = Path(path).open("w", encoding="ascii", newline="\n")

    def write(self, event: Event) -> None:
        """Write and flush one line."""
        with writing(self._where):
            self._file.write(event.to_json() + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._file is not sys.stdout:
            with writing(self._where):
                self._file.close()
