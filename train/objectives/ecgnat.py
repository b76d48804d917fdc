"""What ECG-NAT is trained for: first to fill in what is hidden, then to tell classes apart."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.windows import Batch
from train.loop import Dice, Objective, gathered
from train.models.ecgnat import EcgNat
from train.models.encoder import Classifier
from train.supervised import Augmentation, changed


@dataclass(frozen=True, slots=True)
class MaskConfig:
    """What is hidden."""

    ratio: float = 0.6
    """Share of patches."""
    span: int = 20
    """Samples a patch."""
    group: int = 3
    """Leads that are hidden together."""
    target: str = "lead"


class MaskedAutoencoder(Objective):
    def __init__(self, encoder: EcgNat, config: MaskConfig = MaskConfig()) -> None:
        super().__init__()
        self.encoder, self.config = encoder, config
        first = encoder.config.widths[0]
        self.decoder = nn.Sequential(
            nn.LayerNorm(first), nn.Linear(first, 2*first), nn.GELU(), nn.Linear(2*first, 4 * encoder.config.leads)
        )

    def hidden(self, leads: Tensor, samples: int, dice: Dice) -> Tensor:
        c = self.config
        n, k = leads.shape
        patches = -(-samples // c.span)
        groups = -(-k // c.group)
        drawn = dice.uniform(n, groups, patches) < c.ratio
        shown = drawn.repeat_interleave(c.group, 1)[:, :k].repeat_interleave(c.span, 2)
        return shown[:, :, :samples]

    def reconstructed(self, ecg: Tensor, seen: Tensor) -> Tensor:
        n, k, samples = ecg.shape
        merged = self.encoder.merged(self.encoder.maps(ecg, seen))
        out: Tensor = self.decoder(merged).view(n, -1, k, 4).transpose(1, 2).reshape(n, k, -1)
        return out[:, :, :samples]

    def forward(self, batch: Batch, dice: Dice) -> Tensor:
        hidden = self.hidden(batch.leads, batch.ecg.shape[2], dice)
        there = batch.leads[:, :, None]
        guess = self.reconstructed(batch.ecg, there & ~hidden)
        x = batch.ecg
        if self.config.target == "lead":
            size = x.std(2, keepdim=True) + 0.02
            e = ((guess - x / size)).square()
        elif self.config.target == "l1":
            size = x.std(2, keepdim=True) + 0.02
            e = ((guess - x / size)).abs()
        elif self.config.target == "window":
            size = ((x.square().sum((1, 2)) / (there.sum((1,2)) * x.shape[2])).sqrt() + 0.02)[:, None, None]
            e = ((guess - x / size)).square()
        elif self.config.target == "patch":
            n,k,t=x.shape; p=self.config.span
            y=x.reshape(n,k,-1,p); y=(y-y.mean(3,keepdim=True))/(y.std(3,keepdim=True)+0.02)
            e = (guess - y.reshape(n,k,t)).square()
        else:
            e = (4*(guess - x)).square()
        w = (hidden & there).float()
        return ((e * w).sum((1, 2)) / w.sum((1, 2)).clamp(min=1)).mean()


class ContrastiveTask(Objective):
    """Labels of whole windows, told apart twice: by a head, and by the places of their features.

    Supervised contrast after Khosla et al. (NeurIPS 2020): windows of one class attract each other.
    Ours, for windows have several labels: two attract as much as their labels have in common.
    """

    def __init__(
        self, net: Classifier, weight: float = 0.3, temperature: float = 0.1, size: int = 64,
        how: Augmentation = Augmentation(),
    ) -> None:  # fmt: skip
        """`net` is of records; `weight` is of the contrast, in a space of that `size`."""
        super().__init__()
        self.net, self.weight, self.temperature, self.how = net, weight, temperature, how
        width = net.head.in_features
        self.projector = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, size)
        )

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
