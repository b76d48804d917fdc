"""What the columns of a table or an array are: leads, times, or neither, by their first rows."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.files import Channel, choice
from edge.files.times import LARGEST, is_clock, told_by
from edge.rates import check_rate
from firmware_bridge.text import narrow

ROWS: Final = 1 << 14
"""Rows that are looked at, and that are read at a time."""
CELLS: Final = 1 << 18
"""Numbers that are held at a time, where a row has many."""
_WRONG: Final = 0.03  # of a rate


class Sheet:
    """Columns of samples with one rate."""

    def __init__(
        self,
        file: str,
        rows: NDArray[np.float64],
        names: Sequence[str],
        units: Sequence[str | None],
        fs: float | None,
        *,
        kind: str,
        said: float | None = None,
        stamped: Collection[int] = (),
    ) -> None:
        """`rows`: the first ones, [n, columns]. `fs` in Hz, if it is given.

        `kind`: what a column without a name is called; `said`: the rate that the file says it has;
        `stamped`: columns of times of day.

        RecordError where none may be a lead, or nothing tells the rate.
        """
        self._file = file
        rows = np.where(np.abs(rows) < LARGEST, rows, np.nan)
        called = [name or f"{kind} {i}" for i, name in enumerate(names)]
        clocks = [i for i, x in enumerate(rows.T) if i in stamped or is_clock(names[i], x)]
        known = np.any(~np.isnan(rows), axis=0)
        self.columns = [i for i in range(rows.shape[1]) if known[i] and i not in clocks]
        """Those that may be leads."""
        if not self.columns:
            raise RecordError(f"{file} has no column of samples")
        told = [
            told_by(
                i,
                rows[:, i],
                called[i],
                units[i],
                i in stamped,
                beside=not names[i] and any(names),
            )
            for i in clocks
        ]
        found = sorted((t for t in told if t), key=lambda t: (t.fs is None, t.unsure))
        self._times = found[0] if found else None
        self.began = self._times.start(rows[0, self._times.column]) if self._times else None
        """As `File.began`."""
        measured = (self._times.fs if self._times else None) or said
        self.told: list[str] = []
        if fs is None and self._times and not said and measured:
            self.told.append(f"{file} has {measured:g} samples a second by its {self._times.name}")
        fs = fs or said or measured
        if fs is None:
            raise RecordError(f"{file} does not tell its rate: give --fs, or fs in Python, in Hz")
        check_rate(fs, f"the rate of {file}", RecordError)
        wrong = measured and abs(measured - fs) > _WRONG * fs
        self.measured_hz = measured if wrong else None
        twice = _twice(rows, self._times.column) if self._times else 0
        if twice:
            self.told.append(
                f"{file} has {twice} rows that are there twice in its first {len(rows) / fs:.0f} s:"
                " unless they are taken out, beats come too late"
            )
        still = self._still(rows, names)
        if still:
            which = ", ".join(narrow(called[i]) for i in still)
            self.told.append(
                f"{file} does not move in {which} for its first {len(rows) / fs:.0f} s: left out, "
                "but for --lead"
            )
        self.channels = [
            Channel(called[i], units[i], round(float(fs), 3), likely=i not in still)
            for i in self.columns
        ]

    def pieces(
        self, read: Callable[[Sequence[int]], Iterator[NDArray[Any]]], columns: Sequence[int]
    ) -> Iterator[NDArray[Any]]:
        """As `File.pieces`, of what `read` gives of columns of the whole."""
        wanted = [self.columns[i] for i in columns]
        if self._times is None:
            return read(wanted)
        return self._times.filled(read([self._times.column, *wanted]), self._file)

    def _still(self, rows: NDArray[np.float64], names: Sequence[str]) -> list[int]:
        """Columns that do not move, unless none does, or the name is that of a lead."""
        still = [i for i in self.columns if not np.nanmin(rows[:, i]) < np.nanmax(rows[:, i])]
        if len(still) == len(self.columns):
            return []
        return [i for i in still if not choice.is_named(Channel(names[i], None, 0.0))]


def _twice(rows: NDArray[np.float64], times: int) -> int:
    """How many rows, [n, columns], equal the one before, where no others have its time."""
    same = (rows[1:] == rows[:-1]) | (np.isnan(rows[1:]) & np.isnan(rows[:-1]))
    samples = np.delete(same, times, axis=1).all(axis=1)
    at = same[:, times]
    moves = samples[~at].mean() < 0.5 if not at.all() else False
    return int(at.sum()) if moves and samples[at].all() else 0
