"""A small corpus of made recordings, for tests of what comes after the data sets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.errors import RecordError
from edge.replay import Recording
from edge.synthetic import synthesize
from train.data.corpus import Record, Reference

SCRIPTS = {"steady": "N" * 40, "ventricular": "NNNVNNNNVNNVNNNNN" * 3, "atrial": "NNSNNNNSNN" * 4}


@dataclass(frozen=True)
class Made:
    """Recordings of three kinds in leads II and V5, a patient and a fold each."""

    count: int = 6
    damaged: tuple[int, ...] = ()
    fs: float = 250.0
    name: str = "made"
    classes: tuple[str, ...] = tuple(SCRIPTS)

    @property
    def records(self) -> Sequence[Record]:
        kinds = [self.classes[i % len(self.classes)] for i in range(self.count)]
        return [Record(str(i), f"p{i}", (kind,), i % 9 + 1) for i, kind in enumerate(kinds)]

    def read(self, record: Record) -> tuple[Recording, Reference]:
        if int(record.name) in self.damaged:
            raise RecordError(f"record {record.name} is damaged: get it again")
        rng = np.random.default_rng(int(record.name))
        made = synthesize(SCRIPTS[record.labels[0]], self.fs, rng, rng.uniform(0.7, 0.9))
        nv = np.rint(made.mv * 1e6).astype(np.int32)
        r = np.array([sample for sample, _ in made.beats])
        return (
            Recording(record.name, self.fs, ("MLII", "V5"), nv),
            Reference(r, np.array([label for _, label in made.beats])),
        )
