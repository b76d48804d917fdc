"""Trainings that are killed between steps, wherever that is: their ends are equal to the bit."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

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
DISTILLING = TrainingConfig(epochs=6, normals=512, averaging=0.8, students=1, distillation=0.9)
KILLS = 4
MOST = 20
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


def moments(seed: str) -> list[str]:
    """Counts of file operations after which to be killed, at random, the same at each run."""
    return [str(random.Random(f"{seed}{i}").randrange(1, MOST)) for i in range(KILLS)]


@pytest.mark.parametrize("kind", ["labels", "ecgnat", "beatssl"])
def test_a_teacher_killed_between_steps_is_the_same(
    kind: str, windows: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [folder] = {Path(str(shard.filename)).parent for shard in windows._shards}  # type: ignore[attr-defined]
    rows = np.arange(len(windows))
    unbroken = task(kind)
    losses = fit(unbroken, windows, rows, CONFIG)
    work = f"""
from tests.train.test_resuming import *
checkpoint.EVERY_S = 0
windows = Windows(Path({str(folder)!r}))
fit(task({kind!r}), windows, np.arange(len(windows)), CONFIG, run)
"""
    killed(work, tmp_path, ["checkpoint.safetensors", *moments(kind)])
    again = task(kind)
    assert fit(again, windows, rows, CONFIG, tmp_path) == losses
    for name, tensor in state(unbroken).items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_the_checkpoint_between_steps_is_what_is_gone_on_from(
    windows: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the epoch's: what was done of it is not done again."""
    monkeypatch.setattr(checkpoint, "EVERY_S", 0)
    calls: list[int] = []

    class StoppedError(Exception):
        pass

    class Counted(RecordTask):
        def forward(self, *given: object) -> torch.Tensor:  # type: ignore[override]
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


def test_a_student_killed_between_steps_is_the_same(tmp_path: Path) -> None:
    """Its teaching student too; it is distilled, with dropout and augmentation."""
    soft = np.log(np.full((len(student.BEATS), len(MODEL.classes)), 0.25, np.float32))
    config = replace(DISTILLING, taught_by=("ecgnat",))
    unbroken = train(student.BEATS, MODEL, config, soft_targets=soft)
    work = """
from tests.train.test_resuming import *
checkpoint.EVERY_S = 0
soft = np.log(np.full((len(student.BEATS), len(MODEL.classes)), 0.25, np.float32))
config = replace(DISTILLING, taught_by=("ecgnat",))
train(student.BEATS, MODEL, config, run / "checkpoint.safetensors", soft_targets=soft)
"""
    killed(work, tmp_path, ["checkpoint-0.safetensors", *moments("student")])
    kept = tmp_path / "checkpoint.safetensors"
    again = train(student.BEATS, MODEL, config, kept, soft_targets=soft)
    assert torch.equal(student.weights(unbroken), student.weights(again))
    assert load_file(kept)
