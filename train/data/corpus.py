"""What every data set is to training: records with labels, read one at a time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.replay import Recording

LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The standard leads in the order of every array that has a lead axis."""

SHARED: Final = ("SR", "AF", "PAC", "PVC", "LBBB", "RBBB")
"""What several data sets have words for: sinus rhythm of any rate, atrial fibrillation or flutter,
premature atrial (or junctional) and ventricular beats, complete left and right bundle branch block.
"""

_STANDARD = {lead.lower(): lead for lead in LEADS} | {"mlii": "II"}
_KIND = re.compile(r"^((ecg|ekg|lead)[ _:-]+)+", re.IGNORECASE)
"""What may stand before a lead's name; EDF+ wants "ECG"."""


def standard_lead(name: str) -> str | None:
    """The standard lead that a recording's lead is, or None; MLII, of monitors, is II."""
    return _STANDARD.get(_KIND.sub("", name.strip()).lower())


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a recording before its signal is read."""

    name: str
    """Path below the data set's folder, without suffix."""
    patient: str
    labels: tuple[str, ...] = ()
    """Of the whole recording, among the corpus's classes."""
    fold: int | None = None
    """Of the published split, if there is one."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a recording for which a label holds."""

    start: int
    """First sample, at the recording's rate."""
    stop: int
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What the annotators say of a recording over time; empty where they say nothing."""

    beats: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """R peaks, ascending, at the recording's rate, [n]."""
    aami: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, "U1"))
    """N, S, V, F or Q of each, [n]; "" where the annotators do not say."""
    spans: tuple[Span, ...] = ()
    """Labels of parts; of a single beat too, as one sample."""
    waves: NDArray[np.int8] | None = None
    """[n, leads]: 1 in a P wave, 2 in a QRS, 3 in a T wave, 0 between them, -1 where none was
    marked because nobody annotated it."""


class Corpus(Protocol):
    """A data set. Nothing of a signal is held: `read` opens one recording."""

    @property
    def name(self) -> str:
        """As `edge-train fetch` knows it."""

    @property
    def classes(self) -> tuple[str, ...]:
        """What records or spans may be labelled."""

    @property
    def records(self) -> Sequence[Record]:
        """All records, in a fixed order; RecordError where the index is missing or damaged."""

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """Signal and annotations; RecordError where a file of theirs is missing or damaged."""


@dataclass(frozen=True)
class Changed:
    """A corpus made of another: as that one is, but for what a subclass changes."""

    corpus: Corpus

    @property
    def name(self) -> str:
        """Of the windows cut from it; a subclass that changes records adds to it."""
        return self.corpus.name

    @property
    def classes(self) -> tuple[str, ...]:
        """As they were."""
        return self.corpus.classes

    @property
    def records(self) -> Sequence[Record]:
        """As they were."""
        return self.corpus.records

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """As it was."""
        return self.corpus.read(record)
