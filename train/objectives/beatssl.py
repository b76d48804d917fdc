"""Beat-SSL's pretraining: records and beats compared, each with hard or soft targets.

After "Beat-SSL", arXiv 2601.16147. The paper's: NT-Xent at two levels with a projector each; two
views by augmentation of the vectorcardiogram (`train.objectives.vcg`), then time masking; soft
targets of records, the similarity of ECG features to a power; hard targets of beats, the classes of
a classifier that was taught on MIT-BIH. Ours: which features (`train.objectives.features`), what
similarity is, how beats are drawn, and that classifier: the student (`train.data.pseudolabels`).
Hard targets of records are each record's own other view; soft ones of beats are the similarity of
their features.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from train.data.windows import AAMI
from train.engine.batches import Batch
from train.engine.distributed import gathered
from train.engine.loop import Objective
from train.engine.randomness import RandomStream
from train.models.beatssl import BeatSsl
from train.objectives.contrast import nt_xent, projector
from train.objectives.features import features, similarity
from train.objectives.vcg import time_masked, turned

Target = Literal["soft", "hard", "none"]


@dataclass(frozen=True, slots=True)
class TwoLevelConfig:
    """Every hyper-parameter of the objective."""

    rhythm: Target = "soft"
    beat: Target = "hard"
    exponent: float = 50.0
    """Power that similarity is raised to."""
    projection: int = 64
    degrees: float = 45.0
    scale: float = 1.5
    masked: float = 0.5
    """Share of each lead that is masked."""
    beats: int = 4
    """Beats of a window that are compared; those not labelled N go first."""
    fs: float = 100.0


class TwoLevel(Objective):
    """The objective; a level whose target is "none" is not there."""

    def __init__(self, encoder: BeatSsl, config: TwoLevelConfig = TwoLevelConfig()) -> None:
        super().__init__()
        self.encoder, self.config = encoder, config
        if config.rhythm != "none":
            self.of_record = projector(encoder.width, config.projection)
        if config.beat != "none":
            self.of_beat = projector(encoder.width, config.projection)

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        """The sum of both levels' losses."""
        config, b = self.config, len(batch)
        chosen, there = self._chosen(batch, random)
        peaks, named = batch.peaks.gather(1, chosen), batch.beats.gather(1, chosen)
        ecg = torch.cat([self._view(batch, random) for _ in range(2)])
        encoded = self.encoder(ecg, batch.leads.repeat(2, 1), peaks.repeat(2, 1))
        records, beats = features(batch.ecg, batch.peaks, config.fs)
        beats = beats.gather(1, chosen[:, :, None].expand(-1, -1, beats.shape[2]))
        loss = ecg.new_zeros(())
        if config.rhythm != "none":
            z = gathered(self.of_record(encoded.record).reshape(2, b, -1).transpose(0, 1))
            soft = config.rhythm == "soft"
            weight = similarity(gathered(records)) ** config.exponent if soft else torch.eye(len(z))
            loss = loss + nt_xent(z, weight.to(z.device))
        if config.beat != "none":
            z = gathered(self.of_beat(encoded.beats).unflatten(0, (2, b)).movedim(0, 2))
            there = gathered(there.float()) > 0
            if config.beat == "soft":
                weight = similarity(gathered(beats)[there]) ** config.exponent
            else:
                said = gathered(named.float())[there]
                weight = ((said[:, None] == said) & (said >= 0)).float()
            loss = loss + nt_xent(z[there], weight)
        return loss

    def _view(self, batch: Batch, random: RandomStream) -> Tensor:
        ecg = turned(batch.ecg, batch.leads, self.config.degrees, self.config.scale, random)
        return time_masked(ecg, self.config.masked, random)

    def _chosen(self, batch: Batch, random: RandomStream) -> tuple[Tensor, Tensor]:
        """Places of the beats that are compared, and which of them are there, [B, beats]."""
        order = random.uniform(*batch.peaks.shape) + 2 * (batch.peaks >= 0)
        order = order + (batch.beats > AAMI.index("N"))
        chosen = order.topk(self.config.beats, dim=1).indices
        return chosen, batch.peaks.gather(1, chosen) >= 0
