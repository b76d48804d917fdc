"""Label subsets: what labels are paid for."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.data.windows import Windows


def label_subset(
    windows: Windows, rows: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.int64]:
    """The windows of a share of the patients, drawn by the seed."""
    record = windows.column("record")[rows]
    patient = np.array([windows.records[r].patient for r in record])
    names: Sequence[str] = np.random.default_rng(seed).permutation(np.unique(patient)).tolist()
    chosen = names[: max(1, round(share * len(names)))]
    return rows[np.isin(patient, chosen)]
