"""What `edge-run --record` has written: one hour of it, or a folder of them as one recording."""

import math
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple, Self

from edge.errors import RecordError
from edge.files import Start, damaged
from edge.files.wfdb import Record, Signals, ask_for_wfdb, signals
from edge.marks import CODES, NOTE, Contact, Mark, read_contact
from edge.sinks.hour import FIRST_NOTE, MARKER

_SESSION: Final = re.compile(r"# session: (\S+) sample (\d+)")
_START: Final = "%d/%m/%Y %H:%M:%S.%f %z"
_APART_S: Final = 1.0
"""Between two runs of which the clock does not say how far they are apart, or too far for a gap."""
_MOST_S: Final = 30 * 86_400


@dataclass(frozen=True)
class Hour:
    """A record's header."""

    path: Path
    """Without an ending."""
    session: str
    """When the run began, which is its name."""
    first: int
    """Of the run's samples."""
    start: datetime
    fs: float
    length: int
    leads: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Of the record at `path`, which may have the ending of one of its files; None where it is
        not ours.
        """
        try:
            # os.path: where pathlib raises, it says no; and what is no file may never end.
            if not os.path.isfile(f"{path}.hea"):  # noqa: PTH113
                path = path.with_suffix("")
            if not os.path.isfile(f"{path}.hea"):  # noqa: PTH113
                return None
            lines = Path(f"{path}.hea").read_bytes().decode("utf-8", "replace").splitlines()
            session = next(filter(None, map(_SESSION.fullmatch, lines)), None)
            if session is None or not any(line.startswith(MARKER) for line in lines):
                return None
            words = lines[0].split()
            start = datetime.strptime(f"{words[5]} {words[4]} +0000", _START)
            leads = tuple(line.split(maxsplit=8)[8] for line in lines[1 : 1 + int(words[1])])
            fs, length = float(words[2]), int(words[3])
            if not (0 < fs < math.inf and length >= 0):
                return None
        except (OSError, ValueError, IndexError):
            return None
        return cls(path, session[1], int(session[2]), start, fs, length, leads)

    @property
    def ends(self) -> datetime:
        """When the sample after its last one was due."""
        return self.start + timedelta(seconds=self.length / self.fs)


class _Placed(NamedTuple):
    hour: Hour
    at: int
    """Its first sample's place in all."""


class Recorded(Record):
    """Hours as one record: with gaps where they lie apart, and what the board said of its leads."""

    lost = True

    def __init__(self, path: Path) -> None:
        """RecordError where they are damaged, or of boards that differ."""
        self._told: list[str] = []
        super().__init__(path)

    @classmethod
    def at(cls, path: Path) -> Self | None:
        """What is at `path`, a folder or a record; None where nothing of ours is."""
        return cls(path) if _hours(path) else None

    @property
    def told(self) -> tuple[str, ...]:
        """As `File.told`."""
        return tuple(self._told)

    @property
    def began(self) -> Start | None:
        """As `File.began`."""
        return Start(self.start, dated=True)

    @property
    def start(self) -> datetime:
        """When its first sample was taken, in UTC."""
        return self._placed[0].hour.start

    @cached_property
    def marks(self) -> list[Mark]:
        """All annotations, in order of time; samples are counted from the first."""
        return [
            mark._replace(sample=mark.sample + at)
            for hour, at in self._placed
            for mark in self._marks(hour.path)
        ]

    @property
    def contacts(self) -> list[Contact]:
        """As `File.contacts`."""
        notes = (mark for mark in self.marks if mark.symbol == NOTE)
        found = (read_contact(mark.sample, mark.text) for mark in notes)
        return [contact for contact in found if contact]

    def _found(self, path: Path) -> Path:
        return Path(os.path.abspath(path))  # noqa: PTH100 (a folder's name, not where it leads)

    def _read(self) -> tuple[Signals | None, Signals | None]:
        ask_for_wfdb()
        hours = _hours(self._path)
        first = hours[0]
        for hour in hours:
            if (hour.fs, hour.leads) != (first.fs, first.leads):
                raise RecordError(
                    f"{self.name} holds recordings of {', '.join(first.leads)} at {first.fs:g} Hz "
                    f"and of {', '.join(hour.leads)} at {hour.fs:g} Hz: give one of them, such as "
                    f"{hour.path}"
                )
        self._fs, self._segments, self._placed = first.fs, [], [_Placed(first, 0)]
        self._segments.append((signals(first.path, first.length), first.length))
        for before, hour in pairwise(hours):
            apart = self._apart(before, hour)
            at = self._placed[-1].at + before.length + apart
            self._placed.append(_Placed(hour, at))
            self._segments += [(None, apart)] * (apart > 0)
            self._segments.append((signals(hour.path, hour.length), hour.length))
        return self._segments[0][0], None

    def _apart(self, before: Hour, hour: Hour) -> int:
        """Samples between the two."""
        if hour.session == before.session:
            return max(0, hour.first - before.first - before.length)
        apart = round((hour.start - before.ends).total_seconds() * hour.fs)
        if 0 <= apart <= _MOST_S * hour.fs:
            return apart
        when = "before" if apart < 0 else f"more than {_MOST_S // 86400} days after"
        self._told.append(
            f"{hour.path.name} begins, by its clock, {when} {before.path.name} ends: it is played "
            "right after it"
        )
        return round(_APART_S * hour.fs)

    def _marks(self, path: Path) -> list[Mark]:
        from wfdb.io.annotation import rdann

        if not os.path.isfile(f"{path}.edge"):  # noqa: PTH113
            return []
        try:
            found = rdann(str(path), "edge")
        except Exception as error:  # a damaged one surfaces as almost any
            self._told.append(str(damaged(path.with_suffix(".edge"), error)))
            return []
        each = zip(found.sample.tolist(), found.symbol, found.aux_note, strict=True)
        return [
            Mark(0 if (sample, symbol) == (FIRST_NOTE, NOTE) else sample, symbol, text.rstrip("\0"))
            for sample, symbol, text in each
            if symbol in CODES
        ]


def _hours(path: Path) -> list[Hour]:
    """In the order in which they were written, those without samples left out."""
    if os.path.isdir(path):  # noqa: PTH112
        paths = [file.with_suffix("") for file in path.glob("*.hea")]
    else:
        paths = [path]
    hours = [hour for hour in map(Hour.read, paths) if hour and hour.length]
    return sorted(hours, key=lambda hour: (hour.session, hour.first))
