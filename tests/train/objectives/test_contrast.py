"""Contrastive losses against their written-out forms, and the baselines."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from train.engine.batches import Batch
from train.engine.loop import Objective
from train.engine.randomness import RandomStream
from train.models.beatssl import TINY, BeatSsl
from train.objectives.beatssl import TwoLevel, TwoLevelConfig
from train.objectives.contrast import TEMPERATURE, Cmsc, W2v, W2vCmscRlm, nt_xent

torch.set_num_threads(1)  # small tensors gain nothing from more

OBJECTIVES: dict[str, Callable[[BeatSsl], Objective]] = {
    "cmsc": Cmsc,
    "w2v": W2v,
    "w2v+cmsc+rlm": W2vCmscRlm,
    "rhythm hard": lambda e: TwoLevel(e, TwoLevelConfig("hard", "none")),
    "rhythm soft": lambda e: TwoLevel(e, TwoLevelConfig("soft", "none")),
    "beat hard": lambda e: TwoLevel(e, TwoLevelConfig("none", "hard")),
    "beat soft": lambda e: TwoLevel(e, TwoLevelConfig("none", "soft")),
    "both": TwoLevel,
}


def beating(n: int = 8, samples: int = 500, more: int = 0) -> Batch:
    """Bumps at a rate and of a width of each window's own; wide ones are said to be V."""
    torch.manual_seed(1)
    t = torch.arange(samples)
    every = torch.randint(60, 100, (n, 1))
    wide = torch.arange(n)[:, None] % 2 == 1
    bumps = torch.exp(-(((((t + 20) % every) - 30) / torch.where(wide, 9.0, 3.0)) ** 2))
    ecg = bumps[:, None] * torch.randn(n, 12, 1)
    peaks = 10 + every * torch.arange(12 + more)
    there = (peaks < samples) & (torch.arange(12 + more) < 12)
    beats = torch.where(there, torch.where(wide, 2, 0), -1)
    leads = torch.ones(n, 12, dtype=torch.bool)
    return Batch(ecg, leads, torch.where(there, peaks, -1), beats, torch.zeros(n, 0))


def objective(name: str) -> Objective:
    torch.manual_seed(0)
    return OBJECTIVES[name](BeatSsl(TINY))


def written_out(z: Tensor, weight: Tensor) -> float:
    """The loss, one view at a time."""
    n, total = len(z), 0.0
    view = [torch.nn.functional.normalize(z[i % n, i // n], dim=0) for i in range(2 * n)]
    for i in range(2 * n):
        others = [j for j in range(2 * n) if j != i]
        like = {j: float(view[i] @ view[j]) / TEMPERATURE for j in others}
        below = math.log(sum(math.exp(x) for x in like.values()))
        target = {j: 1.0 if j % n == i % n else float(weight[i % n, j % n]) for j in others}
        share = sum(target.values())
        total -= sum(target[j] / share * (like[j] - below) for j in others)
    return total / (2 * n)


def test_the_halves_of_a_window_lose_leads_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    task = W2vCmscRlm(BeatSsl(TINY))
    seen: list[Batch] = []

    def compared(both: Batch) -> Tensor:
        seen.append(both)
        return Cmsc.compared(task.cmsc, both)

    monkeypatch.setattr(task.cmsc, "compared", compared)
    task(beating(), RandomStream(0))
    first, second = seen[0].leads.reshape(2, 8, 12)
    assert (first != second).any(1).sum() > 6
    assert (seen[0].ecg[~seen[0].leads] == 0).all()


@given(n=st.integers(1, 5), seed=st.integers(0, 99))
def test_nt_xent_is_what_it_says(n: int, seed: int) -> None:
    torch.manual_seed(seed)
    z, weight = torch.randn(n, 2, 6), torch.rand(n, n)
    assert nt_xent(z, weight).item() == pytest.approx(written_out(z, weight), abs=1e-4)


def test_nt_xent_of_nothing_is_nothing() -> None:
    z = torch.randn(0, 2, 6, requires_grad=True)
    assert nt_xent(z, torch.zeros(0, 0)).item() == 0


def test_with_hard_targets_it_falls_as_views_meet() -> None:
    z = torch.randn(6, 1, 16).expand(-1, 2, -1)
    apart = torch.randn(6, 2, 16)
    assert nt_xent(z, torch.eye(6)) < nt_xent(apart, torch.eye(6))


@pytest.mark.parametrize("span", [1, 2, 5])
def test_wav2vec_masks_the_share_that_it_says(span: int, monkeypatch: pytest.MonkeyPatch) -> None:
    task, batch, masked = W2v(BeatSsl(TINY), masked=0.4, span=span), beating(32), []
    kept = torch.where

    def where(condition: Tensor, hidden: Tensor, shown: Tensor) -> Tensor:
        masked.append(condition)
        return kept(condition, hidden, shown)

    monkeypatch.setattr(torch, "where", where)
    for step in range(20):
        task(batch, RandomStream(0, step))
    share = torch.stack(masked).float().mean((0, 1, 2))
    assert share.mean() == pytest.approx(0.4, abs=0.02)
    assert (share - 0.4).abs().max() < 0.1  # also at the ends


@pytest.mark.parametrize("name", OBJECTIVES)
def test_loss_falls(name: str) -> None:
    net, batch = objective(name), beating()
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3)
    losses = []
    for step in range(40):
        loss = net(batch, RandomStream(0, step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-8:]) < 0.95 * sum(losses[:8])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_reach_what_is_trained(name: str) -> None:
    net, batch = objective(name), beating()
    net(batch, RandomStream(0)).backward()
    unused = set() if name == "both" or name.startswith("beat") else {"encoder.beat"}
    for parameter, p in net.named_parameters():
        if not any(part in parameter for part in unused):
            assert p.grad is not None, parameter
            assert p.grad.abs().sum() > 0, parameter


@pytest.mark.parametrize("name", OBJECTIVES)
def test_windows_without_beats_or_leads_do_no_harm(name: str) -> None:
    batch = beating()
    batch.peaks[0], batch.beats[0] = -1, -1
    batch.leads[1] = False
    batch.ecg[1] = 0
    loss = objective(name)(batch, RandomStream(0))
    loss.backward()
    assert loss.isfinite()
