"""Contrastive losses, and the self-supervised baselines that Beat-SSL is compared with."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.engine.batches import Batch
from train.engine.devices import in_full
from train.engine.distributed import gathered
from train.engine.loop import Objective
from train.engine.randomness import RandomStream
from train.models.beatssl import BeatSsl
from train.objectives.supervised import Augmentation, changed

TEMPERATURE = 0.1


def projector(ins: int, outs: int) -> nn.Sequential:
    """The network between features and what is compared; thrown away afterwards."""
    return nn.Sequential(nn.Linear(ins, ins), nn.ReLU(), nn.Linear(ins, outs))


def nt_xent(z: Tensor, weight: Tensor) -> Tensor:
    """NT-Xent with soft targets, over two views of each of n things.

    `z` [n, 2, D] are projections; `weight` [n, n] says how much of a positive each thing is to each
    other; to itself it is one, as its two views belong together. With the identity as weight this
    is the NT-Xent of SimCLR.
    """
    # Not in half precision: a small temperature magnifies what rounding does.
    with in_full(z):
        views = F.normalize(z.float().transpose(0, 1).flatten(0, 1), dim=1)
        own = torch.eye(len(views), dtype=torch.bool, device=z.device)
        logits = (views @ views.T / TEMPERATURE).masked_fill(own, -1e4)
        target = torch.where(own[: len(z), : len(z)], 1, weight).repeat(2, 2).masked_fill(own, 0)
        target = target / target.sum(1, keepdim=True)
        loss = -(target * logits.log_softmax(1)).sum(1)
    return loss.sum() / max(1, len(loss))


def halves(batch: Batch) -> Batch:
    """The first halves of all windows, then the second ones, as windows without beats."""
    n, half = len(batch), batch.ecg.shape[2] // 2
    nobody = batch.peaks.new_full((2 * n, 0), -1)
    return Batch(
        ecg=torch.cat([batch.ecg[..., :half], batch.ecg[..., half : 2 * half]]),
        leads=batch.leads.repeat(2, 1),
        peaks=nobody,
        beats=nobody,
        labels=batch.labels.repeat(2, 1),
    )


class Cmsc(Objective):
    """Halves of a window belong together (CLOCS, Kiyasseh et al. 2021, arXiv 2005.13249)."""

    def __init__(self, encoder: BeatSsl, projection: int = 64) -> None:
        super().__init__()
        self.encoder = encoder
        self.project = projector(encoder.width, projection)

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        """NT-Xent whose two views are a window's halves."""
        return self.compared(halves(batch))

    def compared(self, both: Batch) -> Tensor:
        """The loss of `halves`, whatever has been done to them."""
        z = self.project(self.encoder(both.ecg, both.leads, both.peaks).record)
        z = gathered(z.unflatten(0, (2, -1)).transpose(0, 1).contiguous())
        return nt_xent(z, torch.eye(len(z), device=z.device))


class W2v(Objective):
    """Masked frames told apart by what surrounds them, after wav2vec 2.0 (arXiv 2006.11477).

    Ours: the trunk stands where its transformer does, targets are not quantised, and the
    distractors of a frame are all other masked frames of its window.
    """

    def __init__(
        self, encoder: BeatSsl, projection: int = 64, masked: float = 0.4, span: int = 2
    ) -> None:
        """`masked` share of the map's frames is expected, in stretches of `span` or more."""
        super().__init__()
        self.encoder, self.masked, self.span = encoder, masked, span
        mixed = encoder.config.trunk[0]
        self.pool = 2 ** (len(encoder.config.trunk) - 1)
        self.blank = nn.Parameter(0.1 * torch.randn(mixed, 1))
        self.predict = nn.Conv1d(encoder.map_width, projection, 1)
        self.target = nn.Conv1d(mixed, projection, 1)

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        """Cross-entropy of finding each masked frame among those of its window."""
        encoder = self.encoder
        x = encoder.latents(encoder.each(batch.ecg, batch.leads), batch.leads)
        frames = -(-x.shape[2] // self.pool)
        # Stretches overlap, so that fewer begin than would lie side by side.
        begins = 1 - (1 - self.masked) ** (1 / self.span)
        start = random.uniform(len(batch), 1, frames + self.span - 1) < begins
        masked = F.max_pool1d(start.float(), self.span, 1).bool()
        fine = masked.repeat_interleave(self.pool, 2)[:, :, : x.shape[2]]
        said = self.predict(encoder.trunk(torch.where(fine, self.blank, x)))
        true = self.target(F.avg_pool1d(x, self.pool, ceil_mode=True))
        said, true = (F.normalize(y.float(), dim=1) for y in (said, true))
        with in_full(said):
            logits = (said.transpose(1, 2) @ true / TEMPERATURE).masked_fill(~masked, -1e4)
        own = torch.arange(frames, device=x.device).expand(len(batch), -1)
        loss = F.cross_entropy(logits.transpose(1, 2), own, reduction="none")
        counted = masked[:, 0]
        return ((loss * counted).sum(1) / counted.sum(1).clamp(min=1)).mean()


class W2vCmscRlm(Objective):
    """Both at once, under random lead masking (Oh et al. 2022, arXiv 2203.06889)."""

    def __init__(self, encoder: BeatSsl, masked: float = 0.5) -> None:
        """`masked` share of leads; one always stays."""
        super().__init__()
        self.w2v, self.cmsc = W2v(encoder), Cmsc(encoder)
        self.how = Augmentation(gain=0, noise_mv=0, lead_drop=masked)

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        """The sum of both losses.

        Each half loses leads of its own: those lost together would tell which halves belong.
        """
        loss: Tensor = self.w2v(changed(batch, self.how, random), random)
        return loss + self.cmsc.compared(changed(halves(batch), self.how, random))
