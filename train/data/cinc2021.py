"""The PhysioNet/CinC Challenge 2021: 12 leads at 500 Hz, diagnoses as SNOMED CT codes.

The codes stand in the header's comment `Dx`. Nobody says which records are of one patient.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from edge import replay
from edge.errors import RecordError
from edge.replay import Recording
from train.data.corpus import SHARED, Record, Reference
from train.data.mitdb import require

PREFIXES: Final = {"georgia": "E", "chapman": "JS", "cpsc-extra": "Q"}
"""How the names of a source's records begin; Ningbo's are numbered on from Chapman-Shaoxing's."""

SNOMED: Final = {
    "426783006": "SR",  # sinus rhythm
    "427084000": "SR",  # sinus tachycardia
    "426177001": "SR",  # sinus bradycardia
    "427393009": "SR",  # sinus arrhythmia
    "164889003": "AF",  # atrial fibrillation
    "164890007": "AF",  # atrial flutter
    "195080001": "AF",  # atrial fibrillation and flutter
    "284470004": "PAC",  # premature atrial contraction
    "63593006": "PAC",  # supraventricular premature beats
    "427172004": "PVC",  # premature ventricular contractions
    "17338001": "PVC",  # ventricular premature beats
    "164884008": "PVC",  # ventricular ectopics
    "164909002": "LBBB",  # left bundle branch block
    "733534002": "LBBB",  # complete left bundle branch block
    "59118001": "RBBB",  # right bundle branch block
    "713427006": "RBBB",  # complete right bundle branch block
}
"""What several data sets have words for. A block that is not said to be complete or incomplete
counts as complete, as in the challenge's score; incomplete ones have codes of their own."""

_DX = re.compile(r"^#\s*Dx:\s*([\d,\s]*)$", re.MULTILINE)


@dataclass(frozen=True)
class Cinc2021:
    """Records of the challenge's training data as a `Corpus`."""

    folder: Path
    labels: Literal["snomed", "shared"] = "shared"
    """The codes as they are, or what sets share."""
    prefix: str = ""
    """One of `PREFIXES`, or every record of the folder."""

    @property
    def name(self) -> str:
        """As `edge-train fetch` knows the source; the folder's name where it is several."""
        return {prefix: name for name, prefix in PREFIXES.items()}.get(
            self.prefix, self.folder.name
        )

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """What records may be labelled: every code that is there, or those that sets share."""
        if self.labels == "shared":
            return SHARED
        return tuple(sorted({label for record in self.records for label in record.labels}))

    @cached_property
    def records(self) -> Sequence[Record]:
        """All records by name; RecordError where there are none.

        Reads every header. One without diagnoses has no labels here and is refused by `read`.
        """
        require(self.folder)
        headers = sorted(self.folder.glob(f"{self.prefix}*.hea"))
        if not headers:
            raise RecordError(
                f"{self.folder} holds no records of {self.name}: run `edge-train fetch "
                f"{self.name}`, or name the folder that holds {self.folder.name}/ with --data"
            )
        return tuple(
            Record(header.stem, header.stem, self._labels(_diagnoses(header) or ()))
            for header in headers
        )

    def _labels(self, codes: Sequence[str]) -> tuple[str, ...]:
        if self.labels == "snomed":
            return tuple(sorted(set(codes)))
        said = {SNOMED[code] for code in codes if code in SNOMED}
        return tuple(label for label in SHARED if label in said)

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """The signal; RecordError where a file is missing or damaged."""
        recording = replay.read(self.folder / record.name)
        if _diagnoses(self.folder / f"{record.name}.hea") is None:
            raise RecordError(f"the header of record {record.name} has no Dx: get it again")
        return recording, Reference()


def _diagnoses(header: Path) -> list[str] | None:
    """The codes of a header; None where it has none or cannot be read."""
    try:
        found = _DX.search(header.read_text("utf-8", errors="replace"))
    except OSError:
        return None
    return [code for code in re.split(r"[,\s]+", found[1]) if code] if found else None
