"""The baseline: a 1-D xresnet, as PTB-XL's benchmark has it.

After Strodthoff et al., "Deep learning for ECG analysis: benchmarks and insights from PTB-XL"
(IEEE JBHI 2021), whose xresnet1d101 it shrinks: a stem of three convolutions, residual blocks whose
short way pools before it projects, kernel 5, mean and maximum over time as features. Ours: widths
and depth; group norm for batch norm, so that a batch may be spread over processes; the features of
a beat, which are the frames around its R peak.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.encoder import Features, roi


@dataclass(frozen=True, slots=True)
class XResNetConfig:
    """Every hyper-parameter of the architecture."""

    leads: int = 12
    stem: int = 32
    stages: tuple[int, ...] = (32, 64, 96, 128)
    """Channels of each stage, a block each; all but the first halve the length."""
    kernel: int = 5
    groups: int = 8
    before: int = 2
    """Frames before R that speak of a beat; a frame is 160 ms at 100 Hz."""
    after: int = 2


TINY = XResNetConfig(stem=8, stages=(8, 8, 16))


def conv(ins: int, outs: int, kernel: int, stride: int, groups: int) -> nn.Sequential:
    """Convolution, group norm and ReLU; the length is divided by `stride`."""
    return nn.Sequential(
        nn.Conv1d(ins, outs, kernel, stride, kernel // 2, bias=False),
        nn.GroupNorm(groups, outs),
        nn.ReLU(),
    )


class XBlock(nn.Module):
    """Two convolutions beside a way that pools, then projects."""

    def __init__(self, ins: int, outs: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__()
        self.long = nn.Sequential(
            conv(ins, outs, kernel, stride, groups),
            nn.Conv1d(outs, outs, kernel, 1, kernel // 2, bias=False),
            nn.GroupNorm(groups, outs),
        )
        self.short = nn.Sequential()
        if stride > 1:
            self.short.append(nn.AvgPool1d(stride, ceil_mode=True))
        if ins != outs:
            self.short.append(nn.Conv1d(ins, outs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, ins, L] -> [B, outs, ceil(L / stride)]."""
        y: Tensor = F.relu(self.long(x) + self.short(x))
        return y


class XResNet(nn.Module):
    """The encoder; a lead that is not there is a flat one."""

    def __init__(self, config: XResNetConfig) -> None:
        super().__init__()
        self.config = config
        c, k, g = config.stem, config.kernel, config.groups
        self.stem = nn.Sequential(
            conv(config.leads, c, k, 2, g), conv(c, c, k, 1, g), conv(c, c, k, 1, g)
        )
        self.blocks = nn.Sequential()
        for i, outs in enumerate(config.stages):
            self.blocks.append(XBlock(c, outs, k, 2 if i else 1, g))
            c = outs
        self.stride = 2 ** len(config.stages)
        self.width = 2 * c
        self.beat = nn.Linear(c * (config.before + config.after + 1), self.width)

    def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Features:
        """ECG [B, 12, T], leads [B, 12], peaks [B, P] to record [B, D] and beats [B, P, D]."""
        x = self.blocks(self.stem(ecg))
        record = torch.cat([x.mean(2), x.amax(2)], 1)
        frames = roi(x, peaks, self.stride, self.config.before, self.config.after)
        return Features(record, F.relu(self.beat(frames.flatten(2))))
