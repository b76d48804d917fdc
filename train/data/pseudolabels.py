"""Pseudo-labels: records whose beats the shipped student labels, as it would on the board."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

import edge
from edge.bundle import DEFAULT_BUNDLE, Bundle
from edge.events import Beat
from edge.monitor import Monitor
from edge.replay import Recording, blocks
from train.data.corpus import Changed, Record, Reference, standard_lead

LABELLED_BY: Final = ("II", "V1")
"""Leads that the student is given: those of most of mitdb, on which it was trained."""


def _folder() -> Path:
    return Path(str(edge.__file__)).parent / "bundles" / DEFAULT_BUNDLE


@cache
def _bundle() -> Bundle:
    return Bundle.load(DEFAULT_BUNDLE)


@dataclass(frozen=True)
class PseudoLabelled(Changed):
    """A corpus with the beats that the student finds and labels; "unknown" ones have no label."""

    @property
    def name(self) -> str:
        """Tells the student's version: another one gives other labels."""
        return f"{self.corpus.name}-by-{_bundle().manifest.version}"

    @property
    def beside(self) -> tuple[Path, ...]:
        """Folders that decide too: the student's bundle."""
        return (_folder(),)

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """The recording, and the beats that the monitor finds in it."""
        recording, reference = self.corpus.read(record)
        leads = [name for name in recording.leads if standard_lead(name) in LABELLED_BY]
        monitor = Monitor(_bundle(), leads=leads or None)
        events = [event for block in blocks(recording) for event in monitor.push(block)]
        events += monitor.flush()
        beats = sorted((e.sample, e.label) for e in events if isinstance(e, Beat) and e.final)
        return recording, Reference(
            np.array([sample for sample, _ in beats], np.int64),
            np.array([label for _, label in beats], "U1"),
            reference.spans,
            reference.waves,
        )
