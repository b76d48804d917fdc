"""Several corpora as one, to pretrain on: records and beats of all, and labels of none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from edge.replay import Recording
from train.data.corpus import Corpus, Record, Reference


@dataclass(frozen=True)
class Joined:
    """The records of one corpus after the other's; folds stay."""

    corpora: tuple[Corpus, ...]
    classes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The names of all."""
        return "+".join(corpus.name for corpus in self.corpora)

    @cached_property
    def _sources(self) -> dict[str, tuple[Corpus, Record]]:
        return {f"{c.name}/{r.name}": (c, r) for c in self.corpora for r in c.records}

    @cached_property
    def records(self) -> Sequence[Record]:
        """All records; names and patients say which corpus they are of."""
        return tuple(
            Record(name, f"{corpus.name}/{record.patient}", fold=record.fold)
            for name, (corpus, record) in self._sources.items()
        )

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """As the record's own corpus reads it, without labels."""
        corpus, original = self._sources[record.name]
        recording, reference = corpus.read(original)
        return recording, replace(reference, spans=())
