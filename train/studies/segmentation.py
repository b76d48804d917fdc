"""Which wave every sample of every lead belongs to: training for it on LUDB, and scores.

At the rate of the windows, for comparing encoders; `train.metrics.delineation` says how waves are
scored.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.windows import Windows
from train.engine.batches import Batch, each
from train.engine.loop import FitConfig, Objective, fit
from train.engine.randomness import RandomStream
from train.metrics.delineation import COUNTS, ENDS, WAVES, compare, delineate, ends
from train.objectives.supervised import Augmentation, changed

AUGMENTATION = Augmentation()
FIFTHS = 5
DEFAULTS = FitConfig(epochs=10, batch=16, least_steps=120)


class Segmentation(Objective):
    """The kind of every sample that somebody marked."""

    def __init__(self, net: nn.Module, how: Augmentation = AUGMENTATION) -> None:
        """`net` makes [B, 12, kinds, T] of ECG and leads, as `WaveNet` does."""
        super().__init__()
        self.net, self.how = net, how

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        """Cross-entropy, mean over a window's marked samples, then over windows."""
        if batch.waves is None:
            raise ValueError("windows that were cut without waves teach none")
        seen = changed(batch, self.how, random)
        waves = batch.waves.masked_fill(~seen.leads[:, :, None], -1)
        logits = self.net(seen.ecg, seen.leads).movedim(2, 1)
        loss = F.cross_entropy(logits, waves, ignore_index=-1, reduction="none")
        return (loss.sum((1, 2)) / (waves >= 0).sum((1, 2)).clamp(min=1)).mean()


def split(windows: Windows, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Windows to learn from, in random order, and a fifth to test on; another one for each seed.

    Seeds that differ by less than five test on other records, with one order of all of them.
    """
    order = np.random.default_rng(seed // FIFTHS).permutation(len(windows.records))
    test = np.isin(windows.column("record"), order[seed % FIFTHS :: FIFTHS])
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~test))
    return rows, np.flatnonzero(test)


def segment(
    net: nn.Module,
    windows: Windows,
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    config: FitConfig = DEFAULTS,
    bar: str | None = None,
) -> list[float]:
    """Teaches a network the waves; the F1 of P, QRS and T on the test part, on- and offsets."""
    fit(Segmentation(net), windows, train, config, None, None, bar)
    counts = counted(net, windows, test).sum(1)
    return [ends(c).rates.f1 for c in counts]


@torch.no_grad()
def counted(net: nn.Module, windows: Windows, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """What `compare` counts, over all leads of some windows, [3 waves, 2 ends, 5]."""
    net.eval()
    total = np.zeros((len(WAVES), len(ENDS), len(COUNTS)))
    fs = windows.cut.fs
    for batch in each(net, windows, rows):
        if batch.waves is None:
            raise ValueError("windows that were cut without waves cannot be scored")
        log_p = net(batch.ecg, batch.leads).float().log_softmax(2)
        there = batch.leads
        found = delineate(log_p[there].cpu().numpy(), fs)
        for waves, marked in zip(found, batch.waves[there].cpu().numpy(), strict=True):
            total += compare(waves, marked, fs)
    return total
