"""What a network is given: some windows at a time."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train.engine.devices import where

AT_A_TIME: Final = 64
"""Windows where nothing is learned."""
_AHEAD: Final = 2
_T = TypeVar("_T")


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

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        known = {name: getattr(self, name) for name in Batch.__slots__}
        return replace(self, **{n: x.to(device) for n, x in known.items() if x is not None})


class Batches(Protocol):
    """Whatever is learned from."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What it is made of, as JSON holds it."""

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """Windows by number."""


def given(net: nn.Module, windows: Batches, rows: NDArray[np.int64]) -> Batch:
    """Windows by number, on the device of the network that they are for."""
    return windows.batch(rows).to(where(net))


def each(net: nn.Module, windows: Batches, rows: NDArray[np.int64]) -> Iterator[Batch]:
    """Windows by number in order, a few at a time, likewise."""
    some = (rows[i : i + AT_A_TIME] for i in range(0, len(rows), AT_A_TIME))
    return stream(windows, some, where(net))


def stream(
    windows: Batches, parts: Iterable[NDArray[np.int64]], device: torch.device
) -> Iterator[Batch]:
    """A batch of each part of the rows, on a device; read while those before are used."""
    return (batch.to(device) for batch in _ahead(windows.batch(rows) for rows in parts))


def _ahead(made: Iterable[_T]) -> Iterator[_T]:
    """The same in order, made by another thread; up to `_AHEAD` wait."""
    source = iter(made)
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(list, islice(source, 1)) for _ in range(_AHEAD))
        try:
            while some := waiting.popleft().result():
                waiting.append(pool.submit(list, islice(source, 1)))
                yield some[0]
        finally:
            pool.shutdown(cancel_futures=True)
