"""What every teacher's encoder is: a record in, features of the record and of each beat out."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Features(NamedTuple):
    """What an encoder makes of records."""

    record: Tensor
    """[B, D]."""
    beats: Tensor
    """[B, P, D], a row for each R peak; those behind the last mean nothing."""


class Encoder(Protocol):
    """A module that gives `Features`."""

    width: int
    """D."""

    def __call__(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Features:
        """ECG [B, 12, T] in mV, leads there are [B, 12], R peaks [B, P] (-1: none)."""


class Classifier(nn.Module):
    """An encoder with a linear head on its features of the record."""

    def __init__(self, encoder: nn.Module, width: int, classes: int) -> None:
        """`encoder` is an `Encoder` of this width."""
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(width, classes)

    def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Tensor:
        """Logits of the record, [B, K]."""
        features: Features = self.encoder(ecg, leads, peaks)
        logits: Tensor = self.head(features.record)
        return logits


def roi(features: Tensor, peaks: Tensor, stride: float, before: int, after: int) -> Tensor:
    """Frames around each R peak (the ROI projection of Beat-SSL), [B, P, D, before + after + 1].

    `features` is [B, D, L], a frame for every `stride` samples; outside of it there are zeros.
    """
    padded = F.pad(features, (before, after))
    centre = (peaks.clamp(min=0) / stride).round().long().clamp(max=features.shape[2] - 1)
    frames = centre[:, :, None] + torch.arange(before + after + 1, device=peaks.device)
    b, p, w = frames.shape
    index = frames.reshape(b, 1, p * w).expand(-1, features.shape[1], -1)
    return padded.gather(2, index).reshape(b, features.shape[1], p, w).transpose(1, 2)


def masked_mean(x: Tensor, mask: Tensor, dim: int) -> Tensor:
    """Mean over `dim` of `x`, [..., D], where `mask`, without the D; 0 where it holds nowhere."""
    weight = mask.unsqueeze(-1).to(x.dtype)
    return (x * weight).sum(dim) / weight.sum(dim).clamp(min=1)
