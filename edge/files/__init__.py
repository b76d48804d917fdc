"""Files with an ECG in them, read piece by piece: each reader gives channels and their samples.

WFDB records, EDF and EDF+, tables of text, and NumPy arrays; `open_file` knows them by their names.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from numpy.typing import NDArray

from edge.errors import RecordError
from firmware_bridge.text import printable

PIECE_S: Final = 60.0
"""Seconds that are read at a time."""
TABLES: Final = (".csv", ".tsv", ".txt")
ARRAYS: Final = (".npy", ".npz")
EDF: Final = (".edf", ".bdf", ".rec")


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of a file."""

    name: str
    unit: str | None
    """As the file has it; None where it does not tell."""
    fs: float
    """Samples a second."""
    held: bool = True
    """Whether there are samples of it at all."""
    likely: bool = True
    """Whether it may be taken for a lead where none is asked for."""


class Start(NamedTuple):
    """When a recording began."""

    at: datetime
    """With a zone where the file tells it; without, by the clock of where it was made."""
    dated: bool
    """Whether the file tells the day; else it is any."""


class File(Protocol):
    """An open file."""

    name: str

    @property
    def began(self) -> Start | None:
        """When its first sample was, where it tells."""

    @property
    def told(self) -> Sequence[str]:
        """Sentences: what was found out about it, and its user should know."""

    @property
    def measured_hz(self) -> float | None:
        """The rate that it tells, where another one is asked for."""

    @property
    def channels(self) -> Sequence[Channel]:
        """All of them."""

    def pieces(self, columns: Sequence[int]) -> Iterator[NDArray[Any]]:
        """The samples of some channels of one rate, in order, [n, columns], NaN for invalid ones.

        In the units of the channels. RecordError where the file turns out to be damaged.
        """


def open_file(
    path: str | Path, fs: float | None = None, leads: Sequence[str | int] | None = None
) -> File:
    """The file, or the record that it is a part of; `fs` in Hz for one that may tell none.

    `leads`: those that are asked for, where the file has parts that do not go together.

    RecordError, in one sentence, where there is none, or it is damaged or impossible.
    """
    path = Path(os.path.expanduser(path))  # noqa: PTH111 (it raises for names that nobody has)
    suffix = path.suffix.casefold()
    if suffix in TABLES + ARRAYS + EDF:
        _check(path)
    file: File
    if suffix in TABLES:
        from edge.files import tables

        return tables.Table(path, fs)
    if suffix in ARRAYS:
        from edge.files import arrays

        return arrays.Array(path, fs, leads)
    if suffix in EDF:
        from edge.files import edf

        file = edf.Edf(path)
    else:
        from edge.files import wfdb

        file = wfdb.Record(path)
    if fs is not None:
        raise RecordError(f"{path.name} tells its own rate: --fs, or fs, is for CSV and NumPy")
    return file


def _check(path: Path) -> None:
    """RecordError if that is no file with something in it: what waits for a writer is none."""
    # os.path: where pathlib raises (no permission, a name too long, none at all), it says no.
    if os.path.isfile(path):  # noqa: PTH113
        if not os.path.getsize(path):  # noqa: PTH202
            raise RecordError(f"{path.name} is empty")
    elif os.path.isdir(path):  # noqa: PTH112
        raise RecordError(f"{path.name} is a folder: give a file in it")
    elif os.path.exists(path):  # noqa: PTH110
        raise RecordError(f"{path.name} is no file but a line: give it to --port")
    else:
        raise RecordError(f"no file {path}")


def damaged(path: Path, error: object) -> RecordError:
    """What the system or a library says of a file that it cannot read."""
    if isinstance(error, OSError) and error.strerror:
        return RecordError(f"{path.name} cannot be read: {error.strerror}")
    return RecordError(
        f"{path.name} cannot be read: get it again, it is damaged or not as its format asks "
        f"({printable(str(error) or type(error).__name__, 200)})"
    )
