"""Which of PTB-XL's published folds are learned, stop a training, and are tested."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.train.made import Made
from train.data.corpus import Record
from train.data.joined import Joined
from train.data.windows import Cut, Windows, cut
from train.studies.diagnosis import parts_said, published, untested


@dataclass(frozen=True)
class Folded(Made):
    """A record each of so many folds."""

    @property
    def records(self) -> Sequence[Record]:
        return [replace(record, fold=i + 1) for i, record in enumerate(super().records)]


def folds_of(windows: Windows, rows: NDArray[np.int64]) -> set[int | None]:
    return {windows.records[i].fold for i in np.unique(windows.column("record")[rows])}


@pytest.mark.parametrize("last", [9, 10])
def test_the_last_fold_is_tested_and_the_one_before_it_stops(last: int, tmp_path: Path) -> None:
    windows = cut(Folded(last), Cut(), tmp_path, bar=False)
    part = published(windows)
    found = [folds_of(windows, rows) for rows in (part.train, part.validation, part.test)]
    assert found == [{*range(1, last - 1)}, {last - 1}, {last}]
    assert parts_said(windows) == (
        f"folds 1 to {last - 2} learned, {last - 1} to stop by, {last} tested"
    )
    both = Joined([windows, cut(Made(2), Cut(), tmp_path, bar=False)], ())
    assert folds_of(both, untested(both)) == {*range(1, last)}
