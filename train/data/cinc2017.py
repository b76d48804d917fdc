"""The PhysioNet/CinC Challenge 2017: short recordings of one lead, each with one rhythm.

Its headers carry dates that `wfdb` refuses, so they are read here; the signals are MATLAB files.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, cast, get_args

import numpy as np
import scipy.io

from edge.errors import RecordError
from edge.replay import Recording
from train.data.corpus import Record, Reference

RhythmClass = Literal["A", "N", "O", "~"]
"""Atrial fibrillation, sinus rhythm, another rhythm, too noisy."""
CLASSES: Final[tuple[RhythmClass, ...]] = get_args(RhythmClass)


def read_reference(folder: Path) -> dict[str, RhythmClass]:
    """The class of each record, in the order of `REFERENCE.csv`; a RecordError if that fails."""
    try:
        rows = list(csv.reader((folder / "REFERENCE.csv").read_text("utf-8").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise RecordError(
            f"{folder} holds no REFERENCE.csv: run `edge-train fetch cinc2017 --data "
            f"{folder.parent}`, or name the folder that holds cinc2017/ with --data"
        ) from error
    if any(len(row) != 2 or row[1] not in CLASSES for row in rows):
        raise RecordError(f"{folder / 'REFERENCE.csv'} is damaged: get it again")
    return {name: cast(RhythmClass, kind) for name, kind in rows}


def read_recording(path: Path) -> Recording:
    """A record by its path without suffix; a RecordError if that fails."""
    try:
        name, _, fs, length = path.with_suffix(".hea").read_text("ascii").split()[:4]
        gain = path.with_suffix(".hea").read_text("ascii").splitlines()[1].split()[2]
        per_mv, unit = gain.split("/")
        values = scipy.io.loadmat(path.with_suffix(".mat"))["val"]
        nv = np.rint(np.asarray(values, np.float64) * (1e6 / float(per_mv)))
        if unit != "mV" or nv.shape != (1, int(length)) or np.abs(nv).max() >= 2**31:
            raise ValueError
        return Recording(name, float(fs), ("ECG",), nv.T.astype(np.int32))
    # A damaged MATLAB file surfaces in scipy as almost any exception.
    except Exception as error:
        raise RecordError(f"record {path.name} is missing or damaged: get it again") from error


_SHARED = {"N": "SR", "A": "AF"}


@dataclass(frozen=True)
class Cinc2017:
    """The data set as a `Corpus`; who the patients are is not published.

    The lead is called I, which is our choice: the recorder is held between the hands.
    """

    folder: Path
    labels: Literal["native", "shared"] = "native"
    """The four of the challenge, or SR and AF for N and A and none for the others."""
    name = "cinc2017"

    @property
    def classes(self) -> tuple[str, ...]:
        """What records may be labelled."""
        return CLASSES if self.labels == "native" else tuple(_SHARED.values())

    @cached_property
    def records(self) -> Sequence[Record]:
        """All records, in a fixed order; RecordError where the list is missing or damaged."""
        return tuple(
            Record(name, name, self._labels(kind))
            for name, kind in read_reference(self.folder).items()
        )

    def _labels(self, kind: RhythmClass) -> tuple[str, ...]:
        if self.labels == "native":
            return (kind,)
        return (_SHARED[kind],) if kind in _SHARED else ()

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """The signal; RecordError where a file is missing or damaged."""
        return replace(read_recording(self.folder / record.name), leads=("I",)), Reference()
