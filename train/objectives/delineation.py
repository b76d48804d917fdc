"""Training a delineator on the waves that cardiologists marked, lead by lead."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.engine.batches import Batch
from train.engine.loop import Objective
from train.engine.randomness import RandomStream


@dataclass(frozen=True, slots=True)
class WaveAugmentation:
    """What of a window is shown, and how it is changed at random."""

    leads: int = 4
    """A few leads of each window a step, drawn anew."""
    samples: int = 1000
    """Length of the stretch that is shown, at most the window's."""
    stretch: float = 0.1
    """Time runs faster or slower by up to so much."""
    flipped: float = 0.2
    """Share of leads that are turned upside down."""
    wander_mv: float = 0.1
    """Largest amplitude of a slow sine."""
    noise_mv: float = 0.03
    """Largest standard deviation of white noise."""


class WaveTask(Objective):
    """The kind of every sample that somebody marked."""

    def __init__(
        self, net: nn.Module, fs: float, how: WaveAugmentation = WaveAugmentation()
    ) -> None:
        """`net` is a `Delineator` of this rate."""
        super().__init__()
        self.net, self.fs, self.how = net, fs, how

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        """Cross-entropy, mean over a window's marked samples, then over windows."""
        ecg, leads, waves = shown(batch, self.fs, self.how, random)
        loss = F.cross_entropy(
            self.net(ecg, leads).transpose(1, 2), waves, ignore_index=-1, reduction="none"
        )
        return (loss.sum((1, 2)) / (waves >= 0).sum((1, 2)).clamp(min=1)).mean()


def shown(
    batch: Batch, fs: float, how: WaveAugmentation, random: RandomStream
) -> tuple[Tensor, Tensor, Tensor]:
    """A few leads of a stretch of each window: ECG [B, n, T], leads there are, waves [B, n, T]."""
    if batch.waves is None:
        raise ValueError("windows that were cut without waves teach none")
    b, _, samples = batch.ecg.shape
    drawn = (random.uniform(b, batch.leads.shape[1]) + batch.leads).topk(how.leads, 1).indices
    length = min(how.samples, int(samples / (1 + how.stretch)))
    speed = 1 + how.stretch * (2 * random.uniform(b, 1) - 1)
    start = random.uniform(b, 1) * (samples - 1 - speed * (length - 1))
    at = start + speed * torch.arange(length, device=start.device)  # [B, T]
    ecg, waves = (
        x.gather(1, drawn[:, :, None].expand(-1, -1, samples)) for x in (batch.ecg, batch.waves)
    )
    before = at.long().clamp(max=samples - 2)[:, None].expand(-1, how.leads, -1)
    weight = (at[:, None] - before).to(ecg.dtype)
    ecg = torch.lerp(ecg.gather(2, before), ecg.gather(2, before + 1), weight)
    waves = waves.gather(2, at.round().long()[:, None].expand(-1, how.leads, -1))
    ecg = torch.where(random.uniform(b, how.leads, 1) < how.flipped, -ecg, ecg)
    hz, amplitude, phase = random.uniform(3 * b, how.leads, 1).chunk(3)
    t = torch.arange(length, device=ecg.device) / fs
    wander = torch.sin(2 * torch.pi * (hz * t + phase))
    ecg = ecg + how.wander_mv * amplitude * wander
    ecg = ecg + how.noise_mv * random.uniform(b, how.leads, 1) * random.normal(b, how.leads, length)
    return ecg, batch.leads.gather(1, drawn), waves
