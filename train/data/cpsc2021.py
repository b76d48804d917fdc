"""The China Physiological Signal Challenge 2021: paroxysmal atrial fibrillation in Holters."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from edge import replay
from edge.errors import RecordError
from edge.replay import Recording
from train.data.corpus import Record, Reference
from train.data.mitdb import read_annotations, require, require_within, rhythm_spans


@dataclass(frozen=True)
class Cpsc2021:
    """The data set as a `Corpus`: leads I and II at 200 Hz, several records of each patient.

    Only fibrillation and flutter are marked. Whatever else a patient's rhythm is counts as SR,
    from the beginning of a record on.
    """

    folder: Path
    name = "cpsc2021"
    classes = ("SR", "AF")

    @cached_property
    def records(self) -> Sequence[Record]:
        """All records, `data_PATIENT_NUMBER`, by name; RecordError where there are none."""
        require(self.folder)
        names = sorted(path.stem for path in self.folder.glob("data_*_*.hea"))
        if not names:
            raise RecordError(
                f"{self.folder} holds no record data_*_*.hea: run `edge-train fetch cpsc2021`"
            )
        return tuple(Record(name, name.split("_")[1]) for name in names)

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """Signal and annotations; RecordError where a file of theirs is missing or damaged."""
        recording = replay.read(self.folder / record.name)
        annotations = read_annotations(self.folder / record.name)
        require_within(annotations, recording)
        n = len(recording.nv)
        # A mark on the last sample only ends what was before it.
        marks = [(start, rhythm) for start, rhythm in annotations.rhythm if start < n - 1]
        return recording, Reference(
            beats=annotations.sample,
            aami=np.full(len(annotations.sample), "", "U1"),
            spans=rhythm_spans([(0, "N"), *marks], n),
        )
