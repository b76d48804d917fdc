"""ECG-NAT: a hierarchy of neighbourhood attention, from the detail of a beat to its rhythm.

After "ECG-NAT", arXiv 2605.13194. The paper's: levels of neighbourhood attention with downsampling
between them, so that the cost is linear in length; masked pretraining over several data sets, then
contrast and cross-entropy (`train.objectives.ecgnat`). Neighbourhood attention, its bias for each
distance, convolutions as tokenizer and downsampler: after Hassani et al., "Neighborhood Attention
Transformer" (CVPR 2023). Ours: all sizes; attention in blocks on PyTorch's own kernel; leads that
are missing or hidden for a while; the merging of levels, of which beats are cut.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.encoder import Features, roi

STRIDE: Final = 4
"""Samples a token of the first level."""


@dataclass(frozen=True, slots=True)
class EcgNatConfig:
    """Every hyper-parameter of the architecture."""

    leads: int = 12
    stem: int = 32
    """Channels of the first convolution, at half the sampling rate."""
    widths: tuple[int, ...] = (48, 72, 96)
    """Of each level; each has half as many tokens as the one before."""
    depths: tuple[int, ...] = (1, 2, 2)
    """Blocks of each level."""
    head: int = 24
    """Width of a head of attention; it divides all of `widths`."""
    radius: int | None = 8
    """Neighbours on each side that a token attends to; at 100 Hz 0.3, 0.6 and 1.3 s. None is full
    attention, to compare with."""
    growth: int = 2
    """How many times wider than its level the hidden layer of a block is."""
    before: int = 5
    """Tokens of the first level before R that speak of a beat; a token is 40 ms at 100 Hz."""
    after: int = 9


TINY = EcgNatConfig(stem=16, widths=(32, 32), depths=(1, 1), head=16)


def neighbourhood(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Attention to the neighbours no more than `radius` tokens away, [B, H, L, D] each.

    `bias` is added to the logits by distance, [H, 2 * radius + 1]. Queries are cut to blocks of
    `radius`, whose neighbours all lie in three blocks of keys: memory and time are linear in L.
    """
    b, h, length, d = q.shape
    w = bias.shape[1] // 2
    n = (length + w - 1) // w  # not -(-length // w): ONNX rounds towards 0
    q, k, v = (F.pad(x, (0, 0, 0, n * w - length)) for x in (q, k, v))

    def beside(x: Tensor) -> Tensor:
        """Each block with the ones before and after it, [B, H * n, 3 * radius, D]."""
        x = F.pad(x, (0, 0, w, w)).view(b, h, n + 2, w, d)
        return torch.cat([x[:, :, :-2], x[:, :, 1:-1], x[:, :, 2:]], 3).view(b, h * n, 3 * w, d)

    query = torch.arange(w, device=q.device)[:, None]
    key = torch.arange(-w, 2 * w, device=q.device)
    distance = key - query
    place = key + w * torch.arange(n, device=q.device)[:, None, None]
    far = (distance.abs() > w) | (place < 0) | (place >= length)
    mask = bias[:, None, distance.clamp(-w, w) + w].masked_fill(far, -math.inf)
    blocks = F.scaled_dot_product_attention(
        q.reshape(b, h * n, w, d), beside(k), beside(v), mask.reshape(1, h * n, w, 3 * w)
    )
    return blocks.reshape(b, h, n * w, d)[:, :, :length]


class Attention(nn.Module):
    """Many heads of attention to a neighbourhood, or to everything."""

    def __init__(self, width: int, head: int, radius: int | None) -> None:
        super().__init__()
        self.head = head
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(width // head, 2 * radius + 1)) if radius else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, D] to the same."""
        b, length, width = x.shape
        q, k, v = self.qkv(x).view(b, length, 3, -1, self.head).permute(2, 0, 3, 1, 4)
        if self.bias is None:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = neighbourhood(q, k, v, self.bias)
        out: Tensor = self.out(y.transpose(1, 2).reshape(b, length, width))
        return out


class Block(nn.Module):
    """Attention, then a hidden layer, each beside a way around it."""

    def __init__(self, width: int, config: EcgNatConfig) -> None:
        super().__init__()
        self.attend = nn.Sequential(
            nn.LayerNorm(width), Attention(width, config.head, config.radius)
        )
        hidden = config.growth * width
        self.think = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, D] to the same."""
        x = x + self.attend(x)
        y: Tensor = x + self.think(x)
        return y


class EcgNat(nn.Module):
    """The encoder. A lead that is missing is a flat one, with a flag that says so."""

    def __init__(self, config: EcgNatConfig) -> None:
        super().__init__()
        self.config = config
        first, widths = config.widths[0], config.widths
        self.stem = nn.Conv1d(config.leads, config.stem, 7, 2, 3)
        self.tokens = nn.Conv1d(config.stem, first, 5, 2, 2)
        self.seen = nn.Linear(config.leads, first)
        self.downs = nn.ModuleList(nn.Conv1d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.levels = nn.ModuleList(
            nn.Sequential(*(Block(w, config) for _ in range(depth)))
            for w, depth in zip(widths, config.depths, strict=True)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(w) for w in widths)
        self.laterals = nn.ModuleList(nn.Linear(w, first) for w in widths)
        self.width = 2 * sum(widths)
        self.beat = nn.Linear(first * (config.before + config.after + 1), self.width)

    def maps(self, ecg: Tensor, seen: Tensor) -> list[Tensor]:
        """Tokens of each level, [B, L, D]; of the ECG, [B, 12, T], only what is `seen` counts."""
        x = self.tokens(F.gelu(self.stem(ecg * seen)))
        share = F.avg_pool1d(F.pad(seen.float(), (0, -seen.shape[2] % STRIDE)), STRIDE)
        x = x.transpose(1, 2) + self.seen(share.transpose(1, 2))
        found = []
        for i, (level, norm) in enumerate(zip(self.levels, self.norms, strict=True)):
            if i:
                x = self.downs[i - 1](x.transpose(1, 2)).transpose(1, 2)
            x = level(x)
            found.append(norm(x))
        return found

    def merged(self, maps: list[Tensor]) -> Tensor:
        """All levels at the resolution of the first, [B, L, D]."""
        length = maps[0].shape[1]
        total = torch.zeros_like(maps[0])
        for i, (x, lateral) in enumerate(zip(maps, self.laterals, strict=True)):
            y: Tensor = lateral(x)
            total = total + y.repeat_interleave(2**i, 1)[:, :length]
        return total

    def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Features:
        """ECG [B, 12, T], leads [B, 12], peaks [B, P] to record [B, D] and beats [B, P, D]."""
        maps = self.maps(ecg, leads[:, :, None].expand_as(ecg))
        record = torch.cat([pool for x in maps for pool in (x.mean(1), x.amax(1))], 1)
        merged = self.merged(maps).transpose(1, 2)
        frames = roi(merged, peaks, STRIDE, self.config.before, self.config.after)
        return Features(record, F.gelu(self.beat(frames.flatten(2))))
