"""What ECG-NAT is trained for."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from train.data.corpus import LEADS
from train.engine.batches import Batch
from train.engine.randomness import RandomStream
from train.models.ecgnat import TINY, EcgNat
from train.models.encoder import Classifier
from train.objectives.contrast import nt_xent
from train.objectives.ecgnat import (
    ContrastiveTask,
    MaskConfig,
    MaskedAutoencoder,
    jaccard,
)

torch.set_num_threads(1)  # small tensors gain nothing from more


def beating(n: int = 8, samples: int = 500, leads: Tensor | None = None) -> Batch:
    """Bumps at a rate and of a size of each window's own; label 0 is of the wide ones."""
    torch.manual_seed(1)
    t = torch.arange(samples)
    every = torch.randint(60, 110, (n, 1))
    wide = torch.arange(n)[:, None] % 2 == 1
    bumps = torch.exp(-(((((t + 20) % every) - 30) / torch.where(wide, 9.0, 3.0)) ** 2))
    ecg = bumps[:, None] * torch.linspace(-1, 1, 12)[:, None]
    there = torch.ones(n, 12, dtype=torch.bool) if leads is None else leads
    none = torch.full((n, 10), -1)
    return Batch(ecg * there[:, :, None], there, none, none, wide.float())


def autoencoder(*mask: Any) -> MaskedAutoencoder:
    torch.manual_seed(0)
    return MaskedAutoencoder(EcgNat(TINY), MaskConfig(*mask))


@given(ratio=st.floats(0.1, 0.9), span=st.integers(4, 60))
@settings(max_examples=20, deadline=None)
def test_patches_are_hidden_whole_and_as_many_as_asked(ratio: float, span: int) -> None:
    hidden = autoencoder(ratio, span).mask(50, 1003, RandomStream(0))
    assert hidden.shape == (50, 12, 1003)
    patches = 50 * math.ceil(1003 / span) * 3
    assert abs(hidden.float().mean() - ratio) < 6 * math.sqrt(0.375 / patches)
    whole = hidden[:, :, : 1003 // span * span].reshape(50, 12, -1, span)
    assert (whole.all(3) == whole.any(3)).all()


def test_what_is_hidden_cannot_be_had_from_other_leads_by_a_sum() -> None:
    """Einthoven's and Goldberger's: all limb leads are sums of any two."""
    hidden = autoencoder().mask(20, 500, RandomStream(0))
    limbs = hidden[:, [LEADS.index(lead) for lead in ("I", "II", "III", "aVR", "aVL", "aVF")]]
    assert (limbs.all(1) == limbs.any(1)).all()
    assert 0 < limbs.float().mean() < 1


def test_nothing_hidden_is_seen() -> None:
    batch, net = beating(), autoencoder()
    hidden = net.mask(8, 500, RandomStream(0))
    other = torch.where(hidden, 9.0, batch.ecg)
    with torch.no_grad():
        a = net.reconstructed(batch.ecg, ~hidden)
        b = net.reconstructed(other, ~hidden)
    torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_absent_leads_are_not_asked_for() -> None:
    leads = torch.rand(8, 12) < 0.5
    leads[0] = False
    batch, net = beating(leads=leads), autoencoder()
    other = beating(leads=leads)
    other.ecg[~leads] = 5.0
    with torch.no_grad():
        a, b = net(batch, RandomStream(3)), net(other, RandomStream(3))
    assert a == b
    assert a.isfinite()


def test_one_lead_alone_is_filled_in() -> None:
    leads = torch.zeros(8, 12, dtype=torch.bool)
    leads[:, 1] = True
    loss = autoencoder()(beating(leads=leads), RandomStream(0))
    loss.backward()
    assert loss.isfinite()


def test_filling_in_is_learnt() -> None:
    batch, net = beating(), autoencoder()
    optimiser = torch.optim.AdamW(net.parameters(), 5e-3)
    losses = []
    for step in range(80):
        loss = net(batch, RandomStream(0, step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    # A flat guess has an error of 1, which is what is learnt first.
    assert min(losses[-10:]) < 0.5 < losses[0]


def test_gradients_reach_every_parameter_that_fills_in() -> None:
    net = autoencoder()
    torch.nn.init.normal_(net.decoder.get_parameter("3.weight"), std=0.1)  # it begins at 0
    net(beating(), RandomStream(0)).backward()
    for name, p in net.named_parameters():
        if not name.startswith("encoder.beat."):
            assert p.grad is not None, name
            assert p.grad.abs().sum() > 0, name


@given(
    labels=st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=8),
)
def test_jaccard_is_of_sets(labels: list[set[int]]) -> None:
    rows = torch.tensor([[float(k in held) for k in range(5)] for held in labels])
    found = jaccard(rows)
    for i, a in enumerate(labels):
        for j, b in enumerate(labels):
            wanted = len(a & b) / max(1, len(a | b))
            assert found[i, j].item() == pytest.approx(wanted)


@given(classes=st.lists(st.integers(0, 2), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_with_one_label_each_the_contrast_is_khoslas(classes: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    n = len(classes)
    places = torch.randn(n, 2, 4)
    one_hot = torch.nn.functional.one_hot(torch.tensor(classes), 3).float()
    found = nt_xent(places, jaccard(one_hot)).item()

    z = torch.nn.functional.normalize(torch.cat([places[:, 0], places[:, 1]]), dim=1)
    y = [*classes, *classes]
    total = 0.0  # their equation 2, L_out
    for i in range(2 * n):
        others = [a for a in range(2 * n) if a != i]
        below = sum(math.exp(float(z[i] @ z[a]) / 0.1) for a in others)
        positives = [p for p in others if y[p] == y[i]]
        logs = [float(z[i] @ z[p]) / 0.1 - math.log(below) for p in positives]
        total -= sum(logs) / len(logs)
    assert found == pytest.approx(total / (2 * n), rel=1e-4, abs=1e-5)


def test_contrast_and_classes_are_learnt() -> None:
    batch = beating()
    torch.manual_seed(0)
    encoder = EcgNat(TINY)
    net = Classifier(encoder, encoder.width, 1)
    task = ContrastiveTask(net)
    optimiser = torch.optim.AdamW(task.parameters(), 3e-3)
    losses = []
    for step in range(60):
        loss = task(batch, RandomStream(0, step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    said = net(batch.ecg, batch.leads, batch.peaks)
    assert ((said > 0) == batch.labels.bool()).float().mean() > 0.8
