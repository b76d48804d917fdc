"""Run by test_loop.py, alone or in several processes: trainings whose ends are compared."""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from train.data.windows import Windows
from train.engine.batches import Batch
from train.engine.distributed import gathered, rank_and_world, shared_by_processes
from train.engine.loop import FitConfig, Objective, fit
from train.engine.randomness import RandomStream
from train.models.encoder import Classifier
from train.models.xresnet import XResNet, XResNetConfig
from train.objectives.supervised import Augmentation, RecordTask, changed

CONFIG = FitConfig(epochs=3, batch=8, learning_rate=1e-3)


class Contrast(Objective):
    """Two augmented views of a window are alike, those of two windows are not."""

    def __init__(self, encoder: XResNet) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Linear(encoder.width, 8)

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
        seen = [changed(batch, Augmentation(), random) for _ in range(2)]
        a, b = (self.projector(self.encoder(s.ecg, s.leads, s.peaks).record) for s in seen)
        a, b = (F.normalize(gathered(x), dim=1) for x in (a, b))
        return F.cross_entropy(a @ b.T / 0.2, torch.arange(len(a)))


def main(folder: Path, out: Path) -> None:
    """Writes weights and losses of each training."""
    windows = Windows(folder)
    rows = np.arange(len(windows))
    for kind in ("labels", "contrast"):
        torch.manual_seed(0)
        encoder = XResNet(XResNetConfig(stem=8, stages=(8, 8, 16)))
        if kind == "labels":
            task: Objective = RecordTask(Classifier(encoder, encoder.width, 3))
        else:
            task = Contrast(encoder)
        losses = fit(task, windows, rows, CONFIG)
        if not rank_and_world()[0]:
            out.mkdir(parents=True, exist_ok=True)
            state = {name: tensor.clone() for name, tensor in task.state_dict().items()}
            save_file(state | {"losses": torch.tensor(losses)}, out / f"{kind}.safetensors")


if __name__ == "__main__":
    with shared_by_processes():
        main(Path(sys.argv[1]), Path(sys.argv[2]))
