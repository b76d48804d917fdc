"""BEAT-Net: an ECG as a sentence whose words are heartbeats.

After "BEAT-Net" (arXiv 2601.07316). The paper's: tokens are beats, cut from every lead around its
QRS, with the number of their lead and their time; one encoder for the shape of a beat, shared by
all leads; one that makes up for where a lead looks from; one transformer over the sequence of beats
for the rhythm. Its public relatives cut at the midpoints between R peaks and fill up with zeros to
0.96 s at 100 Hz.

Ours is how each is built. Leads are brought to common axes by a matrix of their own and meet within
a beat first, in a pool that attends to some more than to others; what goes on to the transformer is
one token a beat. So a sequence never outgrows the 256 tokens that a flat one of leads times beats
would reach in 20 s, and how much each lead and each beat is attended to can be read directly. A
record has one gain, by its average beat, so that leads and beats keep their proportion and noise
changes it little; what is large after that is seen as a logarithm. A token knows the RR intervals
before and after it and its time. A window without beats is one token: all of it, squeezed to the
length of a beat.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.encoder import Features


@dataclass(frozen=True, slots=True)
class BeatNetConfig:
    """Every hyper-parameter of the architecture."""

    leads: int = 12
    fs: float = 100.0
    token: int = 96
    """Samples of a beat, half of them before R."""
    channels: tuple[int, ...] = (16, 32, 32)
    """Of the convolutions over a beat; each halves its length."""
    kernel: int = 5
    width: int = 64
    """Of a token."""
    heads: int = 4
    layers: int = 2
    """Of the transformer over beats."""
    dropout: float = 0.0


_LEAST_MV = 0.01
"""A record whose beats are smaller is not made larger than that."""

TINY = BeatNetConfig(channels=(8, 16, 16), width=16, heads=2, layers=1)


class Attention(NamedTuple):
    """Attention of an encoder: shares that sum to 1 over the leads, and over the beats."""

    leads: Tensor
    """Of each beat, [B, P, leads]; 0 where a lead is not there, and behind the last beat."""
    beats: Tensor
    """[B, P]."""


class Beats(NamedTuple):
    """Tokens before they are encoded."""

    ecg: Tensor
    """[B, P, leads, token], in millivolts."""
    there: Tensor
    """Whether there is such a beat, [B, P]; at least one always is."""
    rhythm: Tensor
    """RR interval before and after, and time of R, all in s, [B, P, 3]; unknown intervals are 0."""


def beat_tokens(ecg: Tensor, peaks: Tensor, size: int, fs: float) -> Beats:
    """Cuts [B, leads, T] at the midpoints between R peaks [B, P], ascending and then -1.

    R is in the middle of `size` samples; what belongs to a neighbour or lies outside is 0. Of P
    there remain as many as the fullest window has.
    """
    length = ecg.shape[2]
    there = peaks >= 0
    first = torch.arange(peaks.shape[1], device=peaks.device) == 0
    some = there.any(0) | first
    peaks, there, first = peaks[:, some], there[:, some], first[some]
    follows = there[:, 1:]
    middle = (peaks[:, :-1] + peaks[:, 1:]) // 2
    start = F.pad(middle, (1, 0))
    stop = F.pad(torch.where(follows, middle, length), (0, 1), value=length)
    at = peaks[:, :, None] + torch.arange(size, device=peaks.device) - size // 2
    inside = (at >= start[:, :, None]) & (at < stop[:, :, None]) & there[:, :, None]
    index = at.clamp(0, length - 1).flatten(1)[:, None].expand(-1, ecg.shape[1], -1)
    cut = ecg.gather(2, index).reshape(*ecg.shape[:2], -1, size).transpose(1, 2)
    cut = torch.where(inside[:, :, None], cut, 0.0)
    whole = ~there.any(1, keepdim=True) & first
    cut = torch.where(whole[:, :, None, None], squeezed(ecg, size)[:, None], cut)
    rr = torch.where(follows, (peaks[:, 1:] - peaks[:, :-1]) / fs, 0.0)
    rhythm = torch.stack([F.pad(rr, (1, 0)), F.pad(rr, (0, 1)), peaks.clamp(min=0) / fs], 2)
    return Beats(cut, there | whole, rhythm)


def squeezed(ecg: Tensor, size: int) -> Tensor:
    """[B, leads, T] to [B, leads, size], as `adaptive_avg_pool1d`, which ONNX does not know."""
    at, length = torch.arange(size, device=ecg.device), ecg.shape[2]
    start, stop = at * length // size, ((at + 1) * length + size - 1) // size
    sample = torch.arange(length, device=ecg.device)[:, None]
    share = ((sample >= start) & (sample < stop)).to(ecg.dtype) / (stop - start)
    return ecg @ share


def size_of(beats: Beats, leads: Tensor) -> Tensor:
    """RMS of the average beat over the leads there are, [B], in millivolts: noise adds little."""
    count = beats.there.sum(1)[:, None, None]
    average = (beats.ecg * beats.there[:, :, None, None]).sum(1) / count
    power = (average.square().mean(2) * leads).sum(1) / leads.sum(1).clamp(min=1)
    return power.sqrt()


class Shape(nn.Module):
    """The form of a beat in one lead, whichever lead that is."""

    def __init__(self, config: BeatNetConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        ins, length = 1, config.token
        for outs in config.channels:
            layers += [nn.Conv1d(ins, outs, config.kernel, 2, config.kernel // 2), nn.GELU()]
            ins, length = outs, -(-length // 2)
        self.convolutions = nn.Sequential(*layers)
        self.out = nn.Linear(ins * length, config.width)

    def forward(self, ecg: Tensor) -> Tensor:
        """[N, token] -> [N, width]."""
        # oneDNN keeps what it made for every N it met: let those be few.
        padded = F.pad(ecg, (0, 0, 0, -ecg.shape[0] % 256))
        y: Tensor = self.out(self.convolutions(padded.asinh()[:, None]).flatten(1))
        return y[: ecg.shape[0]]


class Pool(nn.Module):
    """One token out of many: each head has a question of its own and takes the mean of answers."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.question = nn.Parameter(torch.randn(heads, width // heads))
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """[N, L, D] and which are there, [N, L], to [N, D] and the attention, [N, L]."""
        key, value = (f(x).unflatten(2, (self.heads, -1)) for f in (self.key, self.value))
        score = torch.einsum("hd,nlhd->nhl", self.question, key) / math.sqrt(key.shape[3])
        # A row with nothing there spreads over all; nobody looks at it.
        share = score.masked_fill(~there[:, None], -1e4).softmax(2)
        pooled = torch.einsum("nhl,nlhd->nhd", share, value).flatten(1)
        return pooled, share.mean(1) * there


class Spatial(nn.Module):
    """Beats as seen by single leads to beats as such."""

    def __init__(self, config: BeatNetConfig) -> None:
        super().__init__()
        d = config.width
        eye = torch.eye(d).expand(config.leads, d, d)
        self.turn = nn.Parameter(eye + torch.randn(config.leads, d, d) / math.sqrt(d) / 2)
        self.shift = nn.Parameter(torch.zeros(config.leads, d))
        self.pool = Pool(d, config.heads)
        self.norm = nn.LayerNorm(d)

    def forward(self, shapes: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """[N, leads, D] and which are there, to [N, D] and attention, [N, leads]."""
        turned = torch.einsum("nld,lde->nle", shapes, self.turn) + self.shift
        pooled, share = self.pool(F.gelu(turned), there)
        return self.norm(pooled), share


class Block(nn.Module):
    """A layer of the transformer, normalised before each part."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mix = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """[B, P, D] and which are there, [B, P]."""
        q, k, v = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(self.norms[0](x)).chunk(3, 2)
        )
        y = F.scaled_dot_product_attention(q, k, v, there[:, None, None])
        p, on = self.dropout, self.training
        x = x + F.dropout(self.out(y.transpose(1, 2).flatten(2)), p, on)
        return x + F.dropout(self.mix(self.norms[1](x)), p, on)


class BeatNet(nn.Module):
    """The encoder."""

    def __init__(self, config: BeatNetConfig) -> None:
        super().__init__()
        self.config = config
        self.width = config.width
        self.shape = Shape(config)
        self.spatial = Spatial(config)
        self.rhythm = nn.Sequential(
            nn.Linear(2 + 8, config.width), nn.GELU(), nn.Linear(config.width, config.width)
        )
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.dropout) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.pool = Pool(config.width, config.heads)

    def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Features:
        """ECG [B, 12, T], leads [B, 12], peaks [B, P] to record [B, D] and beats [B, P, D]."""
        return self.attentive(ecg, leads, peaks)[0]

    def attentive(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> tuple[Features, Attention]:
        """As `forward`, and the attention."""
        tokens = beat_tokens(ecg, peaks, self.config.token, self.config.fs)
        there = tokens.there
        seen = there[:, :, None] & leads[:, None]
        gain = 1 / size_of(tokens, leads).clamp(min=_LEAST_MV)
        found = self.shape((gain[:, None, None, None] * tokens.ecg)[seen])
        shapes = found.new_zeros(*seen.shape, self.width)
        shapes[seen] = found
        x, of_leads = self.spatial(shapes.flatten(0, 1), seen.flatten(0, 1))
        x = x.unflatten(0, there.shape)
        rr, time = tokens.rhythm[..., :2], tokens.rhythm[..., 2:]
        angle = time * (2 * math.pi / torch.tensor([1.0, 4.0, 16.0, 64.0], device=x.device))
        x = x + self.rhythm(torch.cat([rr, angle.sin(), angle.cos()], 2))
        for block in self.blocks:
            x = block(x, there)
        x = self.norm(x)
        record, of_beats = self.pool(x, there)
        behind = (0, peaks.shape[1] - there.shape[1])
        return (
            Features(record, F.pad(x, (0, 0, *behind))),
            Attention(
                F.pad(of_leads.unflatten(0, there.shape), (0, 0, *behind)), F.pad(of_beats, behind)
            ),
        )
