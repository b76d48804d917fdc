"""Any folder of WFDB records, to train on without labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edge import replay
from edge.errors import RecordError
from edge.replay import Recording
from train.data.corpus import Record, Reference


@dataclass(frozen=True)
class Folder:
    """Every record below a folder as a `Corpus` without labels; each is a patient of its own."""

    folder: Path
    classes = ()

    @property
    def name(self) -> str:
        """The folder's own."""
        return self.folder.resolve().name

    @cached_property
    def records(self) -> Sequence[Record]:
        """All headers by path; RecordError where there are none."""
        headers = sorted(self.folder.rglob("*.hea"))
        if not headers:
            raise RecordError(f"{self.folder} holds no WFDB record: name a folder with .hea files")
        names = [header.relative_to(self.folder).with_suffix("").as_posix() for header in headers]
        return tuple(Record(name, name) for name in names)

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """The signal; RecordError where a file is missing or damaged."""
        return replay.read(self.folder / record.name), Reference()
