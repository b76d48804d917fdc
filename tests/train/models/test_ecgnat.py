"""Neighbourhood attention, and the encoder that is built of it."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from train.models.ecgnat import TINY, EcgNat, EcgNatConfig, neighbourhood
from train.models.encoder import Features

torch.set_num_threads(1)  # small tensors gain nothing from more


def drawn(samples: int, seed: int = 0, n: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Noise in the place of an ECG, some of its leads, some peaks."""
    torch.manual_seed(seed)
    leads = torch.rand(n, 12) < 0.7
    peaks = torch.arange(30, samples, 80).expand(n, -1)
    return torch.randn(n, 12, samples), leads, peaks


def encoder(config: EcgNatConfig = TINY) -> EcgNat:
    torch.manual_seed(0)
    net = EcgNat(config)
    for p in net.parameters():  # biases too, which begin at 0
        torch.nn.init.normal_(p, std=0.1)
    return net.eval()


@settings(max_examples=40, deadline=None)
@given(
    length=st.integers(1, 70),
    radius=st.integers(1, 12),
    heads=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_blocks_are_full_attention_under_a_band(
    length: int, radius: int, heads: int, seed: int
) -> None:
    torch.manual_seed(seed)
    q, k, v = (torch.randn(2, heads, length, 4, requires_grad=True) for _ in range(3))
    bias = torch.randn(heads, 2 * radius + 1, requires_grad=True)
    inputs = (q, k, v, bias)

    found = neighbourhood(q, k, v, bias)
    rows = []
    for h in range(heads):  # the band, written out cell by cell
        band = torch.full((length, length), -torch.inf)
        for i in range(length):
            for j in range(max(0, i - radius), min(length, i + radius + 1)):
                band[i, j] = bias[h, j - i + radius]
        rows.append(band)
    full = F.scaled_dot_product_attention(q, k, v, torch.stack(rows))

    torch.testing.assert_close(found, full, atol=1e-5, rtol=1e-4)
    weight = torch.randn_like(full)
    for a, b in zip(
        torch.autograd.grad((found * weight).sum(), inputs),
        torch.autograd.grad((full * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


@settings(max_examples=15, deadline=None)
@given(samples=st.integers(250, 3000), seed=st.integers(0, 9))
def test_any_length_and_any_leads(samples: int, seed: int) -> None:
    ecg, leads, peaks = drawn(samples, seed)
    net = encoder()
    with torch.no_grad():
        found = net(ecg, leads, peaks)
    assert found.record.shape == (2, net.width)
    assert found.beats.shape == (2, peaks.shape[1], net.width)
    assert all(x.isfinite().all() for x in found)


@pytest.mark.parametrize("config", [TINY, replace(TINY, radius=None), EcgNatConfig()])
def test_what_an_absent_lead_holds_does_not_matter(config: EcgNatConfig) -> None:
    ecg, leads, peaks = drawn(1000)
    net = encoder(config)
    other = torch.where(leads[:, :, None], ecg, 7.0)
    with torch.no_grad():
        a, b = net(ecg, leads, peaks), net(other, leads, peaks)
        c = net(ecg, ~leads, peaks)
    torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert (a.record - c.record).abs().max() > 1e-3


def test_a_flat_lead_is_not_an_absent_one() -> None:
    ecg, _, peaks = drawn(1000)
    ecg[:, 5:] = 0
    net = encoder()
    there = torch.ones(2, 12, dtype=torch.bool)
    fewer = there.clone()
    fewer[:, 5:] = False
    with torch.no_grad():
        a, b = net(ecg, there, peaks), net(ecg, fewer, peaks)
    assert (a.record - b.record).abs().max() > 1e-3


def test_leads_are_told_apart() -> None:
    ecg, _, peaks = drawn(1000)
    there = torch.ones(2, 12, dtype=torch.bool)
    net = encoder()
    with torch.no_grad():
        a, b = net(ecg, there, peaks), net(ecg.flip(1), there, peaks)
    assert (a.record - b.record).abs().max() > 1e-3


def test_peaks_behind_the_last_do_not_matter() -> None:
    ecg, leads, peaks = drawn(1000)
    net = encoder()
    more = F.pad(peaks, (0, 5), value=-1)
    with torch.no_grad():
        a, b = net(ecg, leads, peaks), net(ecg, leads, more)
    torch.testing.assert_close(a.record, b.record)
    torch.testing.assert_close(a.beats, b.beats[:, : peaks.shape[1]])


def test_each_level_looks_further() -> None:
    """A change moves only the tokens whose neighbourhoods reach it."""
    config = replace(TINY, widths=(32, 32, 32), depths=(1, 1, 1), radius=4)
    net = encoder(config)
    ecg = torch.randn(1, 12, 1600)
    seen = torch.ones_like(ecg, dtype=torch.bool)
    other = ecg.clone()
    other[:, :, 800] += 10
    with torch.no_grad():
        pairs = zip(net.maps(ecg, seen), net.maps(other, seen), strict=True)
        moved = [torch.nonzero((a - b).abs().amax((0, 2)) > 0).flatten() for a, b in pairs]
    for level, at in enumerate(moved):
        samples = 4 * 2**level
        reach = max(800 - at.min() * samples, at.max() * samples - 800) / samples
        # radius and the convolutions, of this level and, halved, of those below
        assert 4 <= reach <= 2 * 4 + 4
    spans = [(at.max() - at.min()) * 2**level for level, at in enumerate(moved)]
    assert spans[0] < spans[1] < spans[2] < 400


def test_gradients_reach_every_parameter() -> None:
    ecg, leads, peaks = drawn(1000)
    net = EcgNat(EcgNatConfig())
    found: Features = net(ecg, leads, peaks)
    loss: Tensor = found.record.square().sum() + found.beats.square().sum()
    loss.backward()  # type: ignore[no-untyped-call]
    for name, p in net.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name


def test_a_beat_is_what_is_around_its_peak() -> None:
    """The same beat elsewhere in an otherwise flat record has the same features."""
    net = encoder()
    beat = torch.randn(1, 12, 40)
    there = torch.ones(1, 12, dtype=torch.bool)
    ecg = torch.zeros(1, 12, 2000)
    ecg[:, :, 480:520] = beat
    ecg[:, :, 1480:1520] = beat
    with torch.no_grad():
        a, b = net(ecg, there, torch.tensor([[500, 1500]])).beats[0]
    torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)
