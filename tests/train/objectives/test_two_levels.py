"""What Beat-SSL's objective compares."""

from dataclasses import replace

import torch

from tests.train.objectives.test_contrast import beating
from train.engine.randomness import RandomStream
from train.models.beatssl import TINY, BeatSsl
from train.objectives.beatssl import TwoLevel, TwoLevelConfig


def loss(rhythm: str, beat: str, exponent: float = 50.0, names: int | None = None) -> float:
    torch.manual_seed(0)
    config = TwoLevelConfig(rhythm, beat, exponent)  # type: ignore[arg-type]
    net, batch = TwoLevel(BeatSsl(TINY), config), beating()
    if names is not None:
        batch = replace(batch, beats=torch.where(batch.beats >= 0, names, batch.beats))
    with torch.no_grad():
        return float(net(batch, RandomStream(0)))


def test_both_levels_are_summed() -> None:
    assert loss("soft", "hard") > max(loss("soft", "none"), loss("none", "hard"))


def test_names_matter_where_beats_are_hard_only() -> None:
    # Which beats are drawn follows from their names too; N and no name draw alike.
    assert loss("none", "hard", names=0) != loss("none", "hard", names=-1)
    assert loss("none", "soft", names=0) == loss("none", "soft", names=-1)


def test_a_high_power_comes_near_to_hard_targets() -> None:
    hard = loss("hard", "none")
    far, near = (abs(loss("soft", "none", e) - hard) for e in (1.0, 5000.0))
    assert near < far


def test_beats_that_are_not_n_are_drawn_first() -> None:
    batch = beating()
    batch.beats[batch.beats >= 0] = 0
    batch.beats[:, 2] = 1
    chosen, there = TwoLevel(BeatSsl(TINY))._chosen(batch, RandomStream(0))
    assert there.all()
    assert (chosen == 2).any(1).all()
