"""Several data sets as one, with the labels that they share."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.data.corpus import SHARED
from train.data.windows import Windows, learned_from


class Joined(Windows):
    """Windows of several data sets, one set after the other.

    A label is 1 or 0 where its set has a word for it, and -1, not known, where it has none.
    Patients and records go by the set's name before theirs. Nothing more is held in memory.
    """

    def __init__(self, parts: Sequence[Windows], classes: Sequence[str] = SHARED) -> None:
        """`classes` are the labels that are kept. All parts must be cut alike."""
        if any(part.cut != parts[0].cut for part in parts):
            raise ValueError("windows that were cut in different ways cannot be joined")
        self.parts = tuple(parts)
        self.name = "+".join(part.name for part in parts)
        self.classes = tuple(classes)
        self.cut = parts[0].cut
        self.records = [
            replace(r, name=f"{part.name}/{r.name}", patient=f"{part.name}/{r.patient}")
            for part in parts
            for r in part.records
        ]
        self.skipped = {f"{p.name}/{name}": why for p in parts for name, why in p.skipped.items()}
        self.identity = {"classes": list(classes), **learned_from(*parts)}
        self._ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
        self._first_record = np.cumsum([0, *(len(part.records) for part in parts[:-1])])
        self._dtype = np.dtype([
            (name, "i1" if name == "labels" else kind, *shape)
            for name, kind, *shape in parts[0].cut.dtype(len(classes)).descr
        ])  # fmt: skip

    def part(self, name: str) -> NDArray[np.int64]:
        """Numbers of the windows of one of the sets."""
        i = [part.name for part in self.parts].index(name)
        return np.arange(self._ends[i] - len(self.parts[i]), self._ends[i])

    def rows(self, rows: NDArray[np.int64]) -> NDArray[np.void]:
        """Windows by number, copied from disk, in the order that was asked for."""
        of = np.searchsorted(self._ends, rows, side="right")
        found = np.empty(len(rows), self._dtype)
        for i in np.unique(of):
            start = self._ends[i] - len(self.parts[i])
            some = self.parts[i].rows(rows[of == i] - start)
            for name in found.dtype.names or ():
                found[name][of == i] = self._joined(i, name, some[name])
        return found

    def column(self, name: str) -> NDArray[Any]:
        """One field of all windows, in memory: for the small ones."""
        columns = [self._joined(i, name, part.column(name)) for i, part in enumerate(self.parts)]
        return np.concatenate(columns)

    def _joined(self, i: int, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """A field of a part's windows as it is in the whole."""
        if name == "record":
            return np.asarray(values + self._first_record[i])
        if name != "labels":
            return values
        own = self.parts[i].classes
        labels = np.full((len(values), len(self.classes)), -1, np.int8)
        for k, label in enumerate(self.classes):
            if label in own:
                labels[:, k] = values[:, own.index(label)]
        return labels
