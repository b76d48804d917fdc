"""HeartBeatAI: a residual network that weighs leads, reads several depths at once and mixes styles.

After "HeartBeatAI" (arXiv 2605.24588). The paper's: a 1-D SE-ResNet whose squeeze-and-excitation
weighs leads and channels; a pipeline that concentrates several depths together, so that rhythm
(deep) and the shape of waves (shallow) are both read; MixStyle in training with p 0.5, alpha 0.1,
eps 1e-6 and detached statistics; label smoothing, which is the objective's. MixStyle itself is of
Zhou et al., "Domain Generalization with MixStyle" (ICLR 2021).

Ours, as no code is public and of the full text only the opening was read: sizes, kernels and
strides; group norm for batch norm; each lead has filters
of its own before it is weighed, so that its weight is a number a reader can see,
0 where the lead is absent; depths are brought to the deepest one's frames by their maximum, which a
short wave survives; styles are mixed behind the first stage; the features of a beat, which are
the concentrated frames around its R peak.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.encoder import Features, roi


@dataclass(frozen=True, slots=True)
class HeartBeatAiConfig:
    """Every hyper-parameter of the architecture."""

    leads: int = 12
    per_lead: int = 6
    """Filters that each lead has to itself."""
    stages: tuple[int, ...] = (48, 64, 96, 128)
    """Channels of each stage, a block each; all but the last halve the length."""
    kernel: int = 7
    groups: int = 8
    reduction: int = 8
    """By how much an excitation is narrower than what it weighs."""
    width: int = 192
    """Features of a record, and of a beat."""
    mix: float = 0.5
    """Probability that MixStyle mixes a batch; 0 is without."""
    mixed: int = 1
    """Number of stages behind which it does, from the first."""
    alpha: float = 0.1
    """Of the Beta distribution of its weights."""
    eps: float = 1e-6
    before: int = 2
    """Frames before R that speak of a beat; a frame is 160 ms at 100 Hz."""
    after: int = 2


TINY = HeartBeatAiConfig(per_lead=2, stages=(16, 16, 24), kernel=5, groups=4, width=32)


class MixStyle(nn.Module):
    """Gives a window's channels a mean and deviation between its own and another window's.

    In training only. It draws from torch's generator, which the loop seeds at every step. Where
    several processes share a batch, each mixes its own part of it: all of them decide and weigh
    alike, but partners come from fewer windows, so such a run differs from that of one process.
    """

    def __init__(self, probability: float, alpha: float, eps: float) -> None:
        super().__init__()
        self.probability, self.alpha, self.eps = probability, alpha, eps

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] -> [B, C, L]."""
        if not self.training or torch.rand(()) >= self.probability:
            return x
        mean = x.mean(2, keepdim=True).detach()
        deviation = (x.var(2, keepdim=True) + self.eps).sqrt().detach()
        alpha = torch.full((len(x), 1, 1), self.alpha)
        own = torch.distributions.Beta(alpha, alpha).sample().to(x)
        other = torch.randperm(len(x)).to(x.device)
        style = own * deviation + (1 - own) * deviation[other]
        return (x - mean) / deviation * style + own * mean + (1 - own) * mean[other]


def excitation(squeezed: int, outs: int, reduction: int) -> nn.Sequential:
    """What was squeezed, [B, squeezed], to logits of weights, [B, outs]."""
    narrow = max(4, squeezed // reduction)
    return nn.Sequential(nn.Linear(squeezed, narrow), nn.ReLU(), nn.Linear(narrow, outs))


class LeadGate(nn.Module):
    """Filters of each lead's own, and a weight for each lead."""

    def __init__(self, config: HeartBeatAiConfig) -> None:
        super().__init__()
        n, c, k = config.leads, config.leads * config.per_lead, config.kernel
        # Without a norm: how high a lead is beside the others says something.
        self.filters = nn.Conv1d(n, c, k, 2, k // 2, bias=False, groups=n)
        self.excite = excitation(2 * c, n, config.reduction)

    def forward(self, ecg: Tensor, leads: Tensor) -> tuple[Tensor, Tensor]:
        """ECG [B, 12, T] and leads [B, 12] to [B, 12 * per_lead, ceil(T / 2)], weights [B, 12]."""
        x = F.relu(self.filters(ecg.masked_fill(~leads[:, :, None], 0)))
        squeezed = torch.cat([x.mean(2), x.amax(2)], 1)
        weights = self.excite(squeezed).sigmoid() * leads
        b, c, length = x.shape
        return (x.view(b, leads.shape[1], -1, length) * weights[:, :, None, None]).view(
            b, c, length
        ), weights


class SeBlock(nn.Module):
    """Two convolutions whose channels are weighed, beside a way that pools, then projects."""

    def __init__(self, ins: int, outs: int, stride: int, config: HeartBeatAiConfig) -> None:
        super().__init__()
        k, g = config.kernel, config.groups
        self.long = nn.Sequential(
            nn.Conv1d(ins, outs, k, stride, k // 2, bias=False),
            nn.GroupNorm(g, outs),
            nn.ReLU(),
            nn.Conv1d(outs, outs, k, 1, k // 2, bias=False),
            nn.GroupNorm(g, outs),
        )
        self.excite = excitation(outs, outs, config.reduction)
        self.short = nn.Sequential()
        if stride > 1:
            self.short.append(nn.AvgPool1d(stride, ceil_mode=True))
        if ins != outs:
            self.short.append(nn.Conv1d(ins, outs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, ins, L] -> [B, outs, ceil(L / stride)]."""
        y = self.long(x)
        y = y * self.excite(y.mean(2)).sigmoid()[:, :, None]
        return F.relu(y + self.short(x))


class HeartBeatAi(nn.Module):
    """The encoder; of a lead that is not there nothing is seen."""

    def __init__(self, config: HeartBeatAiConfig) -> None:
        super().__init__()
        self.config = config
        self.width = config.width
        self.gate = LeadGate(config)
        self.blocks = nn.ModuleList()
        ins, last = config.leads * config.per_lead, len(config.stages) - 1
        for i, outs in enumerate(config.stages):
            self.blocks.append(SeBlock(ins, outs, 1 if i == last else 2, config))
            ins = outs
        self.stride = 2 ** len(config.stages)
        self.mix = MixStyle(config.mix, config.alpha, config.eps)
        self.concentrate = nn.Sequential(
            nn.Conv1d(sum(config.stages), config.width, 1, bias=False),
            nn.GroupNorm(config.groups, config.width),
            nn.ReLU(),
        )
        self.record = nn.Linear(2 * config.width, config.width)
        self.beat = nn.Linear(config.width * (config.before + config.after + 1), config.width)

    def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Features:
        """ECG [B, 12, T], leads [B, 12], peaks [B, P] to record [B, D] and beats [B, P, D]."""
        x, _ = self.gate(ecg, leads)
        depths = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i < self.config.mixed:
                x = self.mix(x)
            per_frame = max(1, self.stride // 2 ** (i + 2))
            depths.append(F.max_pool1d(x, per_frame, ceil_mode=True))
        x = self.concentrate(torch.cat(depths, 1))
        record = torch.cat([x.mean(2), x.amax(2)], 1)
        frames_ = roi(x, peaks, self.stride, self.config.before, self.config.after)
        return Features(F.relu(self.record(record)), F.relu(self.beat(frames_.flatten(2))))
