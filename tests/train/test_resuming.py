"""Trainings that are killed between steps, wherever that is: their ends are equal to the bit."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train import test_training as student
from tests.train.killed import killed
from tests.train.made import Made
from train.data.windows import Cut, Windows, cut
from train.engine import checkpoint
from train.engine.loop import CHECKPOINT, FitConfig, Objective, fit
from train.models.registry import SYSTEMS, classifier
from train.objectives.beatssl import TwoLevel
from train.objectives.ecgnat import MaskedAutoencoder
from train.objectives.supervised import RecordTask
from train.student.training import MODEL, TrainingConfig, train

CONFIG = FitConfig(epochs=3, batch=2, learning_rate=3e-3)
DISTILLING = TrainingConfig(
    epochs=6, normals=512, averaging=0.8, students=1, distillation=0.9, taught_by=("ecgnat",)
)
KINDS = ("labels", "ecgnat", "beatssl", "student")
KILLS = 8
MOST = 50
"""File operations between two kills at most; each checkpoint takes some."""


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    return cut(Made(9), Cut(), tmp_path_factory.mktemp("windows"), bar=False)


def task(kind: str) -> Objective:
    torch.manual_seed(0)
    if kind == "ecgnat":
        return MaskedAutoencoder(SYSTEMS["ecgnat"](True))  # type: ignore[arg-type]
    if kind == "beatssl":
        return TwoLevel(SYSTEMS["beatssl"](True))  # type: ignore[arg-type]
    return RecordTask(classifier("heartbeatai", 3, tiny=True))


def state(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def learned(kind: str, windows: Windows, run: Path | None = None) -> dict[str, torch.Tensor]:
    """The weights that one of the trainings ends with."""
    if kind == "student":
        soft = np.log(np.full((len(student.BEATS), len(MODEL.classes)), 0.25, np.float32))
        kept = run and run / CHECKPOINT
        return state(train(student.BEATS, MODEL, DISTILLING, kept, soft_targets=soft))
    net = task(kind)
    fit(net, windows, np.arange(len(windows)), CONFIG, run)
    return state(net)


@pytest.mark.slow
def test_what_is_killed_between_steps_is_the_same(windows: Windows, tmp_path: Path) -> None:
    """Finetuning, both ways of pretraining, and a student that is distilled, one after the other.

    All keep a checkpoint after each step; they are killed at random, wherever that is.
    """
    [folder] = {Path(str(shard.filename)).parent for shard in windows._shards}  # type: ignore[attr-defined]
    work = f"""
from tests.train.test_resuming import *
checkpoint.EVERY_S = 0
windows = Windows(Path({str(folder)!r}))
for kind in KINDS:
    learned(kind, windows, run / kind)
"""
    rng = random.Random(0)
    killed(work, tmp_path, [str(rng.randrange(1, MOST)) for _ in range(KILLS)])
    for kind in KINDS:
        unbroken, again = learned(kind, windows), learned(kind, windows, tmp_path / kind)
        for name, tensor in unbroken.items():
            assert torch.equal(tensor, again[name]), (kind, name)


def test_the_checkpoint_between_steps_is_what_is_gone_on_from(
    windows: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the epoch's: what was done of it is not done again."""
    monkeypatch.setattr(checkpoint, "EVERY_S", 0)
    calls: list[int] = []

    class StoppedError(Exception):
        pass

    class Counted(RecordTask):
        def forward(self, *given: object) -> torch.Tensor:
            calls.append(1)
            if len(calls) == 3:
                raise StoppedError
            return super().forward(*given)  # type: ignore[arg-type]

    def counted() -> Counted:
        torch.manual_seed(0)
        return Counted(classifier("heartbeatai", 3, tiny=True))

    rows = np.arange(len(windows))
    with pytest.raises(StoppedError):
        fit(counted(), windows, rows, CONFIG, tmp_path)
    assert (tmp_path / CHECKPOINT).exists()
    fit(counted(), windows, rows, CONFIG, tmp_path)
    assert len(calls) == CONFIG.epochs * (len(rows) // CONFIG.batch) + 1
