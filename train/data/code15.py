"""CODE-15 %: 345,779 recordings of 12 leads of 233,770 Brazilian patients, at 400 Hz.

Ribeiro et al. 2021 (Zenodo 4916206): `exams.csv`, and eighteen HDF5 files with `exam_id` and
`tracings`, in millivolts, which hold 7 or 10 s with zeros on both sides. Labels are of six
abnormalities, by cardiologists, questionnaires and rules together.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.replay import INVALID, Recording
from train.data import tables
from train.data.corpus import LEADS, Record, Reference
from train.data.mitdb import require

FS: Final = 400.0
ABNORMALITIES: Final = ("1dAVb", "RBBB", "LBBB", "SB", "ST", "AF")
_SHARED: Final = ("AF", "LBBB", "RBBB")
_HOLDS: Final = {"False": False, "True": True, "0": False, "1": True}


@dataclass(frozen=True)
class Code15:
    """The exams whose HDF5 file is there, as a `Corpus`: one need not have all eighteen."""

    folder: Path
    labels: Literal["native", "shared"] = "native"
    """The six abnormalities, or those of them that sets share; who is in sinus rhythm is not said.
    """
    name = "code15"

    @property
    def classes(self) -> tuple[str, ...]:
        """What records may be labelled."""
        return ABNORMALITIES if self.labels == "native" else _SHARED

    @cached_property
    def records(self) -> Sequence[Record]:
        """In the order of `exams.csv`; RecordError where that is damaged or no file is there."""
        require(self.folder)
        path = self.folder / "exams.csv"
        there = {part.name: part.stem for part in self.folder.glob("*.hdf5")}
        try:
            found = tuple(
                Record(f"{there[row['trace_file']]}/{int(row['exam_id'])}",
                       str(int(row["patient_id"])), self._labels(row))
                for row in tables.rows(path, self.classes) if row["trace_file"] in there
            )  # fmt: skip
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise tables.damaged(path) from error
        if not found:
            raise RecordError(
                f"{self.folder} holds no exams_part*.hdf5 of exams.csv: run `edge-train fetch "
                f"{self.name} --data {self.folder.parent}`"
            )
        return found

    def _labels(self, row: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(name for name in self.classes if _HOLDS[row[name]])

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """The signal without the zeros around it; RecordError where it is missing or damaged."""
        part, _, exam = record.name.partition("/")
        path = self.folder / f"{part}.hdf5"
        try:
            tracings, place = _opened(path, os.getpid())
            mv = np.asarray(tracings[place[int(exam)]], np.float64)
        # A damaged file surfaces in h5py as almost any exception.
        except Exception as error:
            raise tables.damaged(path) from error
        if mv.shape[1:] != (len(LEADS),):
            raise tables.damaged(path)
        held = np.flatnonzero((mv != 0).any(1))
        if not len(held):
            raise RecordError(f"exam {exam} of {path} holds no signal of twelve leads")
        mv = mv[held[0] : held[-1] + 1]
        with np.errstate(invalid="ignore"):
            nv = np.rint(mv * 1e6).clip(INVALID + 1, -(INVALID + 1))
        nv = np.where(np.isfinite(mv), nv, INVALID).astype(np.int32)
        return Recording(record.name, FS, LEADS, nv), Reference()


@lru_cache(maxsize=32)
def _opened(path: Path, process: int) -> tuple[Any, dict[int, int]]:
    """The tracings of a file, which are read as they are asked for, and where each exam's is.

    No two processes may share what HDF5 holds open.
    """
    file = h5py.File(path)
    exams: NDArray[np.int64] = np.asarray(file["exam_id"]).astype(np.int64)
    return file["tracings"], {exam: row for row, exam in enumerate(exams.tolist())}
