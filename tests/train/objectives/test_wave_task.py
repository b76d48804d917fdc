"""What the delineator is shown, and that it learns from it."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from train.engine.batches import Batch
from train.engine.randomness import RandomStream
from train.models.delineator import TINY, Delineator
from train.objectives.delineation import WaveAugmentation, WaveTask, shown

torch.set_num_threads(1)  # small networks lose by more

FS = TINY.fs


def batch(n: int = 4, samples: int = 1500) -> Batch:
    """The wave's kind is the signal; a lead is its number above that."""
    generator = torch.Generator().manual_seed(n)
    waves = torch.randint(-1, 4, (n, 12, samples // 25), generator=generator)
    waves = waves.repeat_interleave(25, 2)
    empty: Tensor = torch.empty(n, 0)
    return Batch(
        ecg=waves + 10.0 * torch.arange(12)[:, None],
        leads=torch.ones(n, 12, dtype=torch.bool),
        peaks=empty.long(), beats=empty.long(), labels=empty, waves=waves,
    )  # fmt: skip


PLAIN = WaveAugmentation(flipped=0, wander_mv=0, noise_mv=0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_signal_and_marks_stay_together(seed: int, leads: int) -> None:
    how = WaveAugmentation(leads, flipped=0, wander_mv=0, noise_mv=0)
    ecg, there, waves = shown(batch(), FS, how, RandomStream(seed))
    assert ecg.shape == waves.shape == (4, leads, 1000)
    assert there.all()
    # Between two samples that differ the signal is between their values.
    off = (ecg - waves) % 10
    assert ((off < 1e-3) | (off > 10 - 1e-3)).float().mean() > 0.9
    lead = ((ecg - waves) / 10).round().median(2).values
    assert all(len(set(row)) == leads for row in lead.tolist())


def test_time_runs_at_other_speeds() -> None:
    ramp = batch()
    ramp.ecg[:] = torch.arange(1500.0)
    ecg, _, _ = shown(ramp, FS, PLAIN, RandomStream(0))
    speed = ecg.diff(dim=2).mean((1, 2))
    assert ((speed > 0.9) & (speed < 1.1)).all()
    assert speed.std() > 0.01


def test_short_windows_are_shown_whole() -> None:
    ecg, _, _ = shown(batch(samples=625), FS, PLAIN, RandomStream(0))
    assert ecg.shape[2] == int(625 / 1.1)


def test_absent_leads_are_shown_last() -> None:
    some = batch()
    some.leads[:, 3:] = False
    _, there, _ = shown(some, FS, WaveAugmentation(leads=4), RandomStream(0))
    assert (there.sum(1) == 3).all()


def test_the_same_dice_show_the_same() -> None:
    for one, other in zip(
        shown(batch(), FS, WaveAugmentation(), RandomStream(1)),
        shown(batch(), FS, WaveAugmentation(), RandomStream(1)),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_what_nobody_marked_teaches_nothing() -> None:
    blank = batch()
    assert blank.waves is not None
    blank.waves[:] = -1
    torch.manual_seed(0)
    task = WaveTask(Delineator(TINY), FS)
    loss = task(blank, RandomStream(0))
    loss.backward()
    assert loss == 0
    assert all(not p.grad.any() for p in task.parameters() if p.grad is not None)


def test_the_loss_falls() -> None:
    torch.manual_seed(0)
    simple = batch(2, 500)
    simple.ecg[:] = simple.ecg - 10.0 * torch.arange(12)[:, None]  # the kind itself
    task = WaveTask(Delineator(TINY), FS, PLAIN)
    optimiser = torch.optim.Adam(task.parameters(), 1e-2)
    losses = []
    for step in range(10):
        loss = task(simple, RandomStream(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
