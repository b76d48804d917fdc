"""A teacher of beats: what an encoder sees in ten seconds, beside the context that a device has.

Ten seconds do not tell what is usual for a patient; the context features of `edge.beats`, which the
student has, do. So the head sees both, in the way of the student (`train.models.student`): the
context alone speaks of N and S, and in training the shape is often dropped as a whole.
"""

from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.metrics.aami import LEARNED
from train.models.encoder import Encoder, Features
from train.models.student import CONTEXT_LIMIT

BY_CONTEXT: Final = ("N", "S")
SIZE_MV: Final = 0.25
"""Root mean square that every lead is brought to: electrodes lie where they lie."""
UNITS: Final = 32
SHAPE_DROPOUT: Final = 0.5
"""Share of beats, in training, of which the context decides alone."""


@dataclass(frozen=True, slots=True)
class BlindConfig:
    """There is nothing to choose."""


class Blind(nn.Module):
    """An encoder without sight of the ECG: what is taught with it is the context's alone.

    The control of distillation: what a teacher gives beyond this one's gift, its encoder saw.
    """

    width: Final = 1

    def __init__(self, config: BlindConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Features:
        """Features that are zero, of records and of beats."""
        return Features(
            ecg.new_zeros(len(ecg), self.width), ecg.new_zeros(*peaks.shape, self.width)
        )


class Informed(nn.Module):
    """Logits of every beat of a window."""

    mean: Tensor
    std: Tensor
    mask: Tensor

    def __init__(self, encoder: nn.Module, context: Tensor) -> None:
        """`encoder` is an `Encoder`; mean and deviation are taken from `context`, [n, F]."""
        super().__init__()
        self.encoder = encoder
        self.register_buffer("mean", context.mean(0))
        self.register_buffer("std", context.std(0).clamp(min=1e-3))
        self.shape = nn.Linear(cast(Encoder, encoder).width, UNITS)
        self.context = nn.Linear(context.shape[1], UNITS)
        self.out = nn.Linear(2 * UNITS, len(LEARNED))
        self.features_dropout, self.context_dropout = nn.Dropout(0.2), nn.Dropout(0.15)
        mask = torch.ones_like(self.out.weight)
        mask[[LEARNED.index(name) for name in BY_CONTEXT], :UNITS] = 0
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor, context: Tensor) -> Tensor:
        """Logits [B, P, K].

        Of ECG [B, 12, T], leads [B, 12], peaks [B, P], and context [B, P, F], NaN where there is
        none.
        """
        ecg = SIZE_MV * ecg / (ecg.square().mean(2, keepdim=True).sqrt() + 0.02)
        features: Features = self.encoder(ecg, leads, peaks)
        shape = F.relu(self.shape(self.features_dropout(features.beats)))
        if self.training:
            shape = shape * (torch.rand_like(shape[:, :, :1]) >= SHAPE_DROPOUT)
        known = ((context - self.mean) / self.std).clamp(-CONTEXT_LIMIT, CONTEXT_LIMIT)
        known = known.nan_to_num()
        rhythm = F.relu(self.context(self.context_dropout(known)))
        return F.linear(torch.cat([shape, rhythm], 2), self.out.weight * self.mask, self.out.bias)
