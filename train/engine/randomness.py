"""Random numbers that follow from the seed alone, however many processes share a batch."""

import numpy as np
import torch
from torch import Tensor


class RandomStream:
    """Random numbers for a batch's windows, the same however many processes share it."""

    def __init__(
        self, *seed: int, rank: int = 0, world: int = 1, device: torch.device | str = "cpu"
    ) -> None:
        """Begins at the seed; of every draw this process takes each `world`-th row."""
        mixed = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
        self._generator = torch.Generator().manual_seed(int(mixed >> np.uint64(1)))
        self._rank, self._world, self._device = rank, world, device

    def uniform(self, n: int, *shape: int) -> Tensor:
        """From 0 to 1, [n, *shape]."""
        drawn = torch.rand(n * self._world, *shape, generator=self._generator)
        return drawn[self._rank :: self._world].to(self._device)

    def normal(self, n: int, *shape: int) -> Tensor:
        """Of mean 0 and deviation 1, [n, *shape]."""
        drawn = torch.randn(n * self._world, *shape, generator=self._generator)
        return drawn[self._rank :: self._world].to(self._device)
