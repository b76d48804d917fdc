"""PTB-XL: 21 799 recordings of 12 leads and 10 s with the statements of cardiologists.

Wagner et al. 2020 (Sci Data 7:154); folds and label sets as Strodthoff et al. 2021 (IEEE JBHI
25(5)) use them: fold 9 validates and fold 10 tests.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from edge import replay
from edge.errors import RecordError
from edge.replay import Recording
from train.data import tables
from train.data.corpus import SHARED, Record, Reference
from train.data.mitdb import require

Labels = Literal["superclass", "all", "rhythm", "shared"]
SUPERCLASSES: Final = ("NORM", "MI", "STTC", "CD", "HYP")

_SHARED = (
    dict.fromkeys(("SR", "SBRAD", "STACH", "SARRH"), "SR")
    | dict.fromkeys(("AFIB", "AFLT"), "AF")
    | {"PAC": "PAC", "PVC": "PVC", "CLBBB": "LBBB", "CRBBB": "RBBB"}
)


@dataclass(frozen=True)
class PtbXl:
    """The data set as a `Corpus`.

    A label is given for every statement of a record, whatever likelihood the cardiologist wrote
    beside it: that is the published protocol. Records without any label are here too; in that
    protocol they are left out.
    """

    folder: Path
    labels: Labels = "superclass"
    """Diagnostic superclasses, all 71 statements, those of the rhythm, or what sets share."""
    hz: Literal[100, 500] = 100
    name = "ptbxl"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """What records may be labelled; RecordError where `scp_statements.csv` is damaged."""
        if self.labels == "superclass":
            return SUPERCLASSES
        return SHARED if self.labels == "shared" else tuple(self._map)

    @cached_property
    def _map(self) -> dict[str, str]:
        """Statement to label, of those that have one."""
        if self.labels == "shared":
            return _SHARED
        rows = self._rows("scp_statements.csv")
        try:
            if self.labels == "superclass":
                return {row[""]: row["diagnostic_class"] for row in rows if row["diagnostic"]}
            return {row[""]: row[""] for row in rows if self.labels == "all" or row["rhythm"]}
        except KeyError as error:
            raise self._damaged("scp_statements.csv") from error

    @cached_property
    def records(self) -> Sequence[Record]:
        """All records of `ptbxl_database.csv`, in its order; RecordError where that is damaged."""
        column = "filename_lr" if self.hz == 100 else "filename_hr"
        try:
            return tuple(
                Record(
                    row[column],
                    str(int(float(row["patient_id"]))),
                    self._labels(ast.literal_eval(row["scp_codes"])),
                    int(row["strat_fold"]),
                )
                for row in self._rows("ptbxl_database.csv")
            )
        except (
            *(KeyError, ValueError, TypeError, AttributeError, SyntaxError, OverflowError),
            *(RecursionError, MemoryError),
        ) as error:
            raise self._damaged("ptbxl_database.csv") from error

    def _labels(self, statements: dict[str, float]) -> tuple[str, ...]:
        said = {self._map[code] for code in statements.keys() & self._map.keys()}
        return tuple(label for label in self.classes if label in said)

    def _rows(self, name: str) -> list[dict[str, str]]:
        require(self.folder)
        return list(tables.rows(self.folder / name))

    def _damaged(self, name: str) -> RecordError:
        return tables.damaged(self.folder / name)

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """The signal; RecordError where a file is missing or damaged."""
        return replay.read(self.folder / record.name), Reference()
