"""What a network is given: some windows at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some windows, as tensors."""

    ecg: Tensor
    """[B, 12, T] in millivolts; 0 where a lead is not there."""
    leads: Tensor
    """Whether a lead is there, [B, 12]."""
    peaks: Tensor
    """R peaks as samples, [B, P]; -1 behind the last."""
    beats: Tensor
    """Index into `train.metrics.aami.LEARNED` of each peak, [B, P]; -1 where no label is known."""
    labels: Tensor
    """1 where a class holds, 0 where not, -1 where that is not known, [B, K]."""
    waves: Tensor | None = None
    """[B, 12, T]: 1 in a P wave, 2 in a QRS, 3 in a T wave, 0 between, -1 not annotated."""
    context: Tensor | None = None
    """Context features of each beat (`edge.beats`), [B, P, F]; NaN where unknown."""

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.ecg)


class Batches(Protocol):
    """Whatever is learned from."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What it is made of, as JSON holds it."""

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """Windows by number."""
