"""Supervised objectives: labels of records, and labels of beats."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.windows import AAMI
from train.engine.batches import Batch
from train.engine.loop import Objective
from train.engine.randomness import RandomStream


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How windows are changed at random; the same for every network that is compared."""

    gain: float = 0.2
    """Standard deviation of the logarithm of a window's gain."""
    noise_mv: float = 0.02
    """Largest standard deviation of white noise."""
    lead_drop: float = 0.2
    """Share of leads that go missing; one always stays."""
    flipped: float = 0.0
    """Share of leads with their polarity turned."""


def changed(batch: Batch, how: Augmentation, random: RandomStream) -> Batch:
    """A batch under augmentation."""
    n, leads, samples = batch.ecg.shape
    order = random.uniform(n, leads) + 2 * batch.leads
    first = order == order.amax(1, keepdim=True)
    kept = batch.leads & ((random.uniform(n, leads) >= how.lead_drop) | first)
    ecg = batch.ecg * torch.exp(how.gain * random.normal(n, 1, 1))
    if how.flipped:
        ecg = ecg * (1 - 2.0 * (random.uniform(n, leads, 1) < how.flipped))
    ecg = ecg + how.noise_mv * random.uniform(n, 1, 1) * random.normal(n, leads, samples)
    return replace(batch, ecg=ecg * kept[:, :, None], leads=kept)


class RecordTask(Objective):
    """Labels of whole windows, any number at once."""

    positive: Tensor | None

    def __init__(
        self, net: nn.Module, how: Augmentation = Augmentation(), smoothing: float = 0.0,
        positive: Tensor | None = None,
    ) -> None:  # fmt: skip
        """`net` is a `Classifier` of records; `smoothing` is of the labels.

        `positive` is what each class weighs where it holds, [K]; 1 if not given.
        """
        super().__init__()
        self.net, self.how, self.smoothing = net, how, smoothing
        self.register_buffer("positive", positive)

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        """Binary cross-entropy, mean over a window's known labels, then over windows."""
        seen = changed(batch, self.how, random)
        return self.entropy(self.net(seen.ecg, seen.leads, seen.peaks), batch.labels)

    def entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of logits, [B, K] both."""
        known = labels >= 0
        target = labels.clamp(min=0) * (1 - self.smoothing) + self.smoothing / 2
        loss = F.binary_cross_entropy_with_logits(
            logits, target, reduction="none", pos_weight=self.positive
        )
        return ((loss * known).sum(1) / known.sum(1).clamp(min=1)).mean()


class BeatTask(Objective):
    """The class of every beat that has one."""

    weight: Tensor

    def __init__(self, net: nn.Module, weight: Tensor, how: Augmentation, smoothing: float) -> None:
        """`net` is an `Informed` teacher; `weight` is of each class, [4]."""
        super().__init__()
        self.net, self.how, self.smoothing = net, how, smoothing
        self.register_buffer("weight", weight)

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        """Cross-entropy, mean over a window's beats, then over windows."""
        seen = changed(batch, self.how, random)
        logits = self.net(seen.ecg, seen.leads, seen.peaks, seen.context)
        loss = weighted(logits.flatten(0, 1), batch.beats.flatten(), self.weight, self.smoothing)
        known = batch.beats >= 0
        return (loss.view(known.shape).sum(1) / known.sum(1).clamp(min=1)).mean()


def weighted(logits: Tensor, label: Tensor, weight: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy of beats, [n, K] and [n], by the weight of their class, [n]; 0 for class -1.

    All that is said of a beat is weighed alike. PyTorch's own weights, given beside smoothing,
    weigh the share of each class in it too: a rare one would be likely everywhere.
    """
    loss = F.cross_entropy(
        logits, label, ignore_index=-1, reduction="none", label_smoothing=smoothing
    )
    return loss * weight[label.clamp(min=0)]


def beat_weight(beats: NDArray[np.int8], balance: float = 0.5) -> Tensor:
    """Classes weigh as their share to the power of minus `balance`; N weighs 1."""
    count = np.bincount(beats[beats >= 0], minlength=len(AAMI)).clip(min=1)
    return torch.from_numpy((count[0] / count) ** balance).float()
