"""Beat-SSL: features of a record, and of each beat cut from the same map at its R peak.

After "Beat-SSL", arXiv 2601.16147 (ISBI 2026). The paper's: one convolutional encoder whose map is
read twice, as a whole for the rhythm and in a region around each R peak for the beats. Ours: all of
the network itself. Each lead goes through the same stem, so that what a wave looks like is learned
from twelve times as many leads; then the leads are mixed, each with weights of its own, and the
trunk sees the heart from all sides at once. The stem has no norm, for the leads' amplitudes beside
each other are the axis and the progression of R. `WaveNet` marks P, QRS and T in every lead.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.encoder import Features, roi
from train.models.xresnet import XBlock

LEADS = 12


@dataclass(frozen=True, slots=True)
class BeatSslConfig:
    """Every hyper-parameter of the architecture."""

    stem: tuple[int, ...] = (16, 24)
    """Channels of the stem's layers; each halves the length, and so frames are 40 ms at 100 Hz."""
    trunk: tuple[int, ...] = (64, 96, 128)
    """Channels of the trunk's stages, a block each; all but the first halve the length."""
    kernel: int = 5
    groups: int = 8
    before: int = 2
    """Frames of the map before R that speak of a beat; one is 160 ms at 100 Hz."""
    after: int = 2


TINY = BeatSslConfig(stem=(8, 8), trunk=(16, 24), groups=4, before=3, after=3)
"""For tests."""


class BeatSsl(nn.Module):
    """The encoder."""

    def __init__(self, config: BeatSslConfig) -> None:
        super().__init__()
        self.config = config
        k = config.kernel
        self.stem = nn.Sequential()
        c = 1
        for outs in config.stem:
            self.stem.extend([nn.Conv1d(c, outs, k, 2, k // 2), nn.ReLU()])
            c = outs
        self.lead_width = c
        c, mixed = LEADS * c, config.trunk[0]
        self.mix = nn.Conv1d(c, mixed, 1, bias=False)
        self.mixed = nn.Sequential(nn.GroupNorm(config.groups, mixed), nn.ReLU())
        self.trunk = nn.Sequential()
        c = mixed
        for i, outs in enumerate(config.trunk):
            self.trunk.append(XBlock(c, outs, k, 2 if i else 1, config.groups))
            c = outs
        self.stride = 2 ** (len(config.stem) + len(config.trunk) - 1)
        self.map_width, self.width = c, 2 * c
        self.beat = nn.Linear(c * (config.before + config.after + 1), self.width)

    def each(self, ecg: Tensor, leads: Tensor) -> Tensor:
        """What the stem makes of each lead by itself, [B, 12, T] -> [B, 12, C, L]; 0 if absent."""
        b, n, t = ecg.shape
        x: Tensor = self.stem(ecg.masked_fill(~leads[:, :, None], 0).reshape(b * n, 1, t))
        return x.reshape(b, n, *x.shape[1:]).masked_fill(~leads[:, :, None, None], 0)

    def latents(self, each: Tensor, leads: Tensor) -> Tensor:
        """The leads that are there as one, [B, 12, C, L] -> [B, trunk[0], L]."""
        share = leads.sum(1).clamp(min=1)[:, None, None] / LEADS
        x: Tensor = self.mixed(self.mix(each.flatten(1, 2)) / share)
        return x

    def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Features:
        """ECG [B, 12, T], leads [B, 12], peaks [B, P] to record [B, D] and beats [B, P, D]."""
        x = self.trunk(self.latents(self.each(ecg, leads), leads))
        return Features(torch.cat([x.mean(2), x.amax(2)], 1), self.beats(x, peaks))

    def beats(self, x: Tensor, peaks: Tensor) -> Tensor:
        """The map around each R peak (ROI projection), [B, C, L] -> [B, P, D]."""
        frames = roi(x, peaks, self.stride, self.config.before, self.config.after)
        found: Tensor = F.relu(self.beat(frames.flatten(2)))
        return found


class WaveNet(nn.Module):
    """Beat-SSL's encoder with a light decoder that marks the waves of each lead."""

    def __init__(self, encoder: BeatSsl, width: int = 32, kinds: int = 4) -> None:
        """`width`: the decoder's channels."""
        super().__init__()
        self.encoder = encoder
        config = encoder.config
        self.own = nn.Conv1d(encoder.lead_width, width, 1)
        self.shared = nn.Conv1d(encoder.map_width, width, 1)
        self.norm = nn.GroupNorm(config.groups, width)
        self.block = XBlock(width, width, config.kernel, 1, config.groups)
        up = 2 ** len(config.stem)
        self.head = nn.ConvTranspose1d(width, kinds, 2 * up, up, up // 2)

    def forward(self, ecg: Tensor, leads: Tensor) -> Tensor:
        """ECG [B, 12, T] and leads there [B, 12] to logits of each sample, [B, 12, kinds, T]."""
        b, n, t = ecg.shape
        each = self.encoder.each(ecg, leads)
        whole = self.encoder.trunk(self.encoder.latents(each, leads))
        whole = F.interpolate(self.shared(whole), size=each.shape[3], mode="linear")
        x = self.own(each.flatten(0, 1)) + whole.repeat_interleave(n, 0)
        logits: Tensor = self.head(self.block(F.relu(self.norm(x))))
        return logits[:, :, :t].reshape(b, n, -1, t)
