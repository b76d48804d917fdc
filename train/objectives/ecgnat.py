"""What ECG-NAT is trained for: first to fill in what is hidden, then to tell classes apart."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.windows import Batch
from train.loop import Dice, Objective, gathered
from train.models.ecgnat import STRIDE, EcgNat
from train.models.encoder import Classifier
from train.supervised import Augmentation, changed

AUGMENTED: Final = Augmentation()


@dataclass(frozen=True, slots=True)
class MaskConfig:
    """What is hidden."""

    ratio: float = 0.6
    """Share of all patches."""
    span: int = 20
    """Samples a patch."""
    group: int = 3
    """Neighbours among the twelve leads that are hidden together: one of I, II and III alone would
    be the sum or the difference of the others."""


class MaskedAutoencoder(Objective):
    """Fills in patches of some leads that are hidden for a while from what is left.

    Ours: no token is left out, as the neighbourhoods need all of them: what is hidden is treated as
    a lead that is missing for that while. The decoder is light, so that the encoder must know.
    """

    FLAT_MV = 0.02
    """Leads weigh as the inverse of their variance; below this deviation they hold but noise."""

    def __init__(self, encoder: EcgNat, config: MaskConfig = MaskConfig()) -> None:
        super().__init__()
        self.encoder, self.config = encoder, config
        width = encoder.config.widths[0]
        self.decoder = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, STRIDE * encoder.config.leads),
        )

    def hidden(self, n: int, samples: int, dice: Dice) -> Tensor:
        """What to hide of n windows, [n, 12, samples]."""
        c, leads = self.config, self.encoder.config.leads
        groups, patches = -(-leads // c.group), -(-samples // c.span)
        drawn = dice.uniform(n, groups, patches) < c.ratio
        every = drawn.repeat_interleave(c.group, 1).repeat_interleave(c.span, 2)
        return every[:, :leads, :samples]

    def reconstructed(self, ecg: Tensor, seen: Tensor) -> Tensor:
        """The whole ECG in mV, [B, 12, T], from what is `seen` of it, the same shape."""
        n, leads, samples = ecg.shape
        tokens = self.decoder(self.encoder.merged(self.encoder.maps(ecg, seen)))
        mv: Tensor = tokens.view(n, -1, leads, STRIDE).transpose(1, 2).reshape(n, leads, -1)
        return mv[:, :, :samples]

    def forward(self, batch: Batch, dice: Dice) -> Tensor:
        """Squared error over a lead's variance, of what is there and hidden: 1 for a flat guess."""
        there = batch.leads[:, :, None]
        hidden = self.hidden(len(batch), batch.ecg.shape[2], dice)
        guess = self.reconstructed(batch.ecg, there & ~hidden)
        size = batch.ecg.std(2, keepdim=True).clamp(min=self.FLAT_MV)
        error = ((guess - batch.ecg) / size).square()
        asked = (hidden & there).to(error.dtype)
        return ((error * asked).sum((1, 2)) / asked.sum((1, 2)).clamp(min=1)).mean()


class ContrastiveTask(Objective):
    """Labels of whole windows, told apart twice: by a head, and by the places of their features.

    Supervised contrast after Khosla et al. (NeurIPS 2020): windows of one class attract each other.
    Ours, for windows have several labels: two attract as much as their labels have in common.
    """

    def __init__(
        self, net: Classifier, weight: float = 0.3, temperature: float = 0.1, size: int = 64,
        how: Augmentation = AUGMENTED,
    ) -> None:  # fmt: skip
        """`net` is of records; `weight` is of the contrast, in a space of that `size`."""
        super().__init__()
        self.net, self.weight, self.temperature, self.how = net, weight, temperature, how
        width = net.head.in_features
        self.projector = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, size))

    def forward(self, batch: Batch, dice: Dice) -> Tensor:
        """Binary cross-entropy of two views of each window, and their contrast over the batch."""
        features = []
        for _ in range(2):
            seen = changed(batch, self.how, dice)
            features.append(self.net.encoder(seen.ecg, seen.leads, seen.peaks).record)
        both = torch.cat(features)
        labels = batch.labels.repeat(2, 1)
        entropy = F.binary_cross_entropy_with_logits(self.net.head(both), labels)
        places = F.normalize(self.projector(both).float(), dim=1)
        n = len(batch)
        views = [gathered(places[:n]), gathered(places[n:])]
        alike = jaccard(gathered(batch.labels)).repeat(2, 2)
        return entropy + self.weight * contrast(torch.cat(views), alike, self.temperature)


def jaccard(labels: Tensor) -> Tensor:
    """What two rows of [n, K] have in common of all that they have, [n, n]; 1 on the diagonal."""
    common = labels @ labels.T
    count = labels.sum(1)
    found = common / (count[:, None] + count - common).clamp(min=1)
    return found.masked_fill(torch.eye(len(labels), dtype=torch.bool, device=labels.device), 1)


def contrast(places: Tensor, alike: Tensor, temperature: float) -> Tensor:
    """Cross-entropy between whom each row attracts, `alike` [n, n], and whom it is near to.

    `places` are [n, D] of norm 1. Rows do not see themselves.
    """
    itself = torch.eye(len(places), dtype=torch.bool, device=places.device)
    near = (places @ places.T / temperature).masked_fill(itself, -torch.inf)
    near = near.log_softmax(1).masked_fill(itself, 0)
    wanted = alike.masked_fill(itself, 0)
    return -((wanted * near).sum(1) / wanted.sum(1)).mean()
