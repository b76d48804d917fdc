"""Teaching waves, sample by sample."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train.data.windows import Cut, Windows
from train.engine.batches import Batch
from train.engine.randomness import RandomStream
from train.metrics.delineation import ends
from train.studies.segmentation import Segmentation, counted, split

SAMPLES = 1000


class Predictions(nn.Module):
    """Says in every lead what is marked in the first."""

    def __init__(self, waves: Tensor) -> None:
        super().__init__()
        one_hot = nn.functional.one_hot(waves.clamp(min=0), 4).transpose(1, 2)
        self.logits = nn.Parameter(10 * one_hot[:, None].expand(-1, 12, -1, -1).float())

    def forward(self, ecg: Tensor, leads: Tensor) -> Tensor:
        """[B, 12, 4, T]."""
        return self.logits[: len(ecg)]


class Marked(Windows):
    """Beats of P, QRS and T a second, in leads I and II alone."""

    def __init__(self, n: int) -> None:
        self.identity: dict[str, Any] = {}
        self.cut = Cut(waves=True)
        second = torch.zeros(100, dtype=torch.long)
        second[10:20], second[30:40], second[55:75] = 1, 2, 3
        waves = torch.full((n, 12, SAMPLES), -1)
        waves[:, :2] = second.repeat(10)
        leads = torch.arange(12).expand(n, -1) < 2
        none = torch.full((n, 1), -1)
        self.all = Batch(torch.randn(n, 12, SAMPLES), leads, none, none, torch.zeros(n, 0), waves)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """So many of them."""
        return self.all


def test_what_is_marked_scores_full_and_what_is_not_does_not_count() -> None:
    windows = Marked(3)
    waves = windows.all.waves
    assert waves is not None
    net = Predictions(waves[:, 0])
    counts = counted(net, windows, np.arange(3))
    assert (counts[:, :, 0] == 3 * 2 * 10).all()  # windows, leads, beats
    assert all(ends(c).rates.f1 == 1 for c in counts.sum(1))
    task = Segmentation(net)
    assert task(windows.all, RandomStream(0)) < 1e-3
    shifted = Predictions(waves[:, 0].roll(30, 1))
    assert Segmentation(shifted)(windows.all, RandomStream(0)) > 1
    assert all(ends(c).rates.f1 < 0.2 for c in counted(shifted, windows, np.arange(3)).sum(1))


def test_without_marks_there_is_nothing_to_learn() -> None:
    batch = replace(Marked(1).all, waves=None)
    with pytest.raises(ValueError, match="without waves"):
        Segmentation(nn.Identity())(batch, RandomStream(0))


def test_each_seed_tests_on_another_fifth() -> None:
    windows = Marked(0)
    windows.records = [None] * 203  # type: ignore[list-item]
    windows.column = lambda name: np.arange(203)  # type: ignore[method-assign]
    parts = [split(windows, seed) for seed in range(5)]
    for train, test in parts:
        assert sorted([*train, *test]) == list(range(203))
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(203))
