"""A delineator: for every sample of every lead whether it is in a P wave, a QRS or a T wave.

After Moskalenko et al., "Deep Learning for ECG Segmentation" (arXiv 2001.04689): a U-Net over time
that sees one lead, with the same weights for all leads. Ours: widths and depth, a stem that halves
the rate at once, residual blocks, group norm for batch norm; and at every depth below the first the
leads learn from their mean what all of them see, so that a P wave that is clear in one lead is
looked for in the others (a heart beats in all leads at the same time). Any number of leads is one
mean, so any subset of them will do.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

KINDS = 4
"""Between waves, P, QRS, T."""
AT_ONCE = 8
"""Windows at a time where nothing is learned."""


@dataclass(frozen=True, slots=True)
class DelineatorConfig:
    """Every hyper-parameter of the architecture."""

    fs: float = 250.0
    """Rate of the windows that it is trained on, in Hz."""
    widths: tuple[int, ...] = (16, 32, 48, 64, 96)
    """Channels at each depth; the first has half the rate of the signal, each other half of that
    above it."""
    kernel: int = 5
    groups: int = 8
    scale_mv: float = 0.02
    """A lead of less deviation than this is not blown up to that of the others."""


TINY = DelineatorConfig(widths=(16, 16, 32, 32))


class Block(nn.Module):
    """Two convolutions and what went in."""

    def __init__(self, ins: int, outs: int, kernel: int, groups: int) -> None:
        super().__init__()
        self.long = nn.Sequential(
            nn.Conv1d(ins, outs, kernel, padding=kernel // 2, bias=False),
            nn.GroupNorm(groups, outs),
            nn.ReLU(),
            nn.Conv1d(outs, outs, kernel, padding=kernel // 2, bias=False),
            nn.GroupNorm(groups, outs),
        )
        self.short = nn.Conv1d(ins, outs, 1) if ins != outs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[N, ins, L] -> [N, outs, L]."""
        y: Tensor = F.relu(self.long(x) + self.short(x))
        return y


class Shared(nn.Module):
    """Tells every lead what the mean over the leads is."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.told = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, leads: Tensor) -> Tensor:
        """[B * leads, D, L], leads there are [B, leads] -> the same shape as came."""
        apart = x.reshape(*leads.shape, *x.shape[1:])
        there = leads[:, :, None, None].to(x.dtype)
        mean = (apart * there).sum(1) / there.sum(1).clamp(min=1)
        told = F.relu(self.told(mean))
        return (apart + told[:, None]).reshape(x.shape)


class Delineator(nn.Module):
    """The network; it has no state, and no opinion on leads that are not there."""

    def __init__(self, config: DelineatorConfig) -> None:
        super().__init__()
        self.config = config
        w, k, g = config.widths, config.kernel, config.groups
        self.stem = nn.Conv1d(1, w[0], 2 * k, 2, k - 1)
        self.down = nn.ModuleList(Block(a, b, k, g) for a, b in zip((w[0], *w), w, strict=False))
        self.shared = nn.ModuleList(Shared(width) for width in w[1:])
        self.up = nn.ModuleList(Block(below + at, at, k, g) for at, below in pairwise(w))
        self.head = nn.Conv1d(w[0], 2 * KINDS, k, padding=k // 2)

    def forward(self, ecg: Tensor, leads: Tensor) -> Tensor:
        """ECG [B, leads, T] in mV, leads there are [B, leads] -> logits [B, leads, 4, T]."""
        b, n, samples = ecg.shape
        x = ecg * leads[:, :, None]
        x = x / (x.std(2, keepdim=True) + self.config.scale_mv)
        x = F.pad(x, (0, -samples % 2 ** len(self.config.widths))).reshape(b * n, 1, -1)
        x = self.stem(x)
        seen: list[Tensor] = []
        for depth, block in enumerate(self.down):
            if depth:
                x = F.avg_pool1d(x, 2)
            x = block(x)
            if depth:
                x = self.shared[depth - 1](x, leads)
            seen.append(x)
        for skip, block in zip(seen[-2::-1], reversed(self.up), strict=True):
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), skip], 1))
        # Two samples from each frame, as the stem made one of two.
        pairs: Tensor = self.head(x).reshape(b, n, 2, KINDS, -1)
        return pairs.permute(0, 1, 3, 4, 2).reshape(b, n, KINDS, -1)[..., :samples]

    @torch.no_grad()
    def log_p(self, ecg: Tensor, leads: Tensor) -> NDArray[np.float32]:
        """The logarithm of each kind's probability, some windows at a time: as `forward`."""
        self.eval()
        parts = [
            self(ecg[i : i + AT_ONCE], leads[i : i + AT_ONCE]).log_softmax(2).cpu().numpy()
            for i in range(0, len(ecg), AT_ONCE)
        ]
        return np.concatenate(parts)
