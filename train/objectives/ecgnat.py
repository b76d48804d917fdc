"""What ECG-NAT is trained for: first to fill in what is masked, then to tell classes apart."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from train.engine.batches import Batch
from train.engine.distributed import gathered
from train.engine.loop import Objective
from train.engine.randomness import RandomStream
from train.models.ecgnat import STRIDE, EcgNat
from train.models.encoder import Classifier
from train.objectives.contrast import nt_xent, projector
from train.objectives.supervised import RecordTask, changed


@dataclass(frozen=True, slots=True)
class MaskConfig:
    """What is masked."""

    ratio: float = 0.6
    """Share of all patches."""
    span: int = 20
    """Samples a patch."""
    groups: tuple[int, ...] = (6, 3, 3)
    """How many neighbours among the twelve leads are masked together, all or none. The limb leads
    are one group: any two of the six give the other four."""


class MaskedAutoencoder(Objective):
    """Fills in patches of some leads that are masked for a while from what is left.

    Ours: no token is left out, as the neighbourhoods need all of them: what is masked is treated as
    a lead that is missing for that while. The decoder is light, so that the encoder must know.
    """

    def __init__(self, encoder: EcgNat, config: MaskConfig = MaskConfig()) -> None:
        super().__init__()
        self.encoder, self.config = encoder, config
        width = encoder.config.widths[0]
        last = nn.Linear(2 * width, STRIDE * encoder.config.leads)
        nn.init.zeros_(last.weight)  # begins with a flat guess
        self.decoder = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), last
        )

    def mask(self, n: int, samples: int, random: RandomStream) -> Tensor:
        """What to hide of n windows, [n, 12, samples]."""
        c = self.config
        drawn = random.uniform(n, len(c.groups), -(-samples // c.span)) < c.ratio
        sizes = torch.tensor(c.groups, device=drawn.device)
        return drawn.repeat_interleave(sizes, 1).repeat_interleave(c.span, 2)[:, :, :samples]

    def reconstructed(self, ecg: Tensor, seen: Tensor) -> Tensor:
        """The whole ECG over each lead's `scale`, [B, 12, T], from what is `seen`, the same shape.

        The ECG goes in in mV; what of it is not seen does not matter.
        """
        n, leads, samples = ecg.shape
        tokens = self.decoder(self.encoder.merged(self.encoder.maps(ecg, seen)))
        whole: Tensor = tokens.view(n, -1, leads, STRIDE).transpose(1, 2).reshape(n, leads, -1)
        return whole[:, :, :samples]

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        """Squared error over `scale`, of what is there and masked: below 1 for a flat guess."""
        there = batch.leads[:, :, None]
        masked = self.mask(len(batch), batch.ecg.shape[2], random)
        guess = self.reconstructed(batch.ecg, there & ~masked)
        error = (guess - batch.ecg / scale(batch.ecg)).square()
        asked = (masked & there).to(error.dtype)
        return ((error * asked).sum((1, 2)) / asked.sum((1, 2)).clamp(min=1)).mean()


def scale(ecg: Tensor) -> Tensor:
    """How large each lead is, in mV, [B, 12, 1]: a small one is to be learned as well as a large.

    The deviation, and a little for leads that hold nothing but noise.
    """
    return ecg.std(2, keepdim=True) + 0.02


class ContrastiveTask(RecordTask):
    """Labels of whole windows, told apart twice: by a head, and by the places of their features.

    Supervised contrast after Khosla et al. (NeurIPS 2020): windows of one class attract each other.
    Ours, for windows have several labels: two attract as much as their labels have in common.
    """

    def __init__(self, net: Classifier, weight: float = 0.3, size: int = 64) -> None:
        """`net` is of records; `weight` is of the contrast, in a space of that `size`."""
        super().__init__(net)
        self.encoder, self.head, self.weight = net.encoder, net.head, weight
        self.project = projector(net.head.in_features, size)

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        """Binary cross-entropy of two views of each window, and their contrast over the batch."""
        views = [changed(batch, self.how, random) for _ in range(2)]
        features = [self.encoder(v.ecg, v.leads, v.peaks).record for v in views]
        entropy = sum(self.entropy(self.head(f), batch.labels) for f in features) / len(features)
        places = gathered(torch.stack([self.project(f) for f in features], 1))
        loss: Tensor = entropy + self.weight * nt_xent(places, jaccard(gathered(batch.labels)))
        return loss


def jaccard(labels: Tensor) -> Tensor:
    """What two rows of [n, K] have in common, of all that either has, [n, n]."""
    held = labels.clamp(min=0)
    common = held @ held.T
    count = held.sum(1)
    return common / (count[:, None] + count - common).clamp(min=1)
