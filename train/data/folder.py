"""Any folder of WFDB records and EDF files, to train on without labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edge import replay
from edge.archive.records import listed
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
        """All recordings by path, as `listed` calls them; RecordError where there are none."""
        if not self.folder.is_dir():
            raise RecordError(f"{self.folder} is no folder of recordings")
        return tuple(Record(name, name) for name in listed(self.folder))

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """The signal; RecordError where a file is missing or damaged."""
        return replay.read(self.folder / record.name), Reference()
