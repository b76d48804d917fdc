"""HeartBeatAI's network: leads that are absent, lengths, gradients, styles."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from train.models.encoder import Features
from train.models.heartbeatai import TINY, HeartBeatAi, HeartBeatAiConfig, MixStyle


def net(config: HeartBeatAiConfig = TINY) -> HeartBeatAi:
    torch.manual_seed(0)
    return HeartBeatAi(config).eval()


def inputs(seed: int, samples: int = 1000, n: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    leads = torch.rand(n, 12, generator=generator) < 0.5
    leads[:, 1] = True
    ecg = torch.randn(n, 12, samples, generator=generator) * leads[:, :, None]
    peaks = torch.full((n, 20), -1)
    peaks[:, :4] = torch.sort(torch.randint(samples, (n, 4), generator=generator), 1).values
    return ecg, leads, peaks


def test_what_an_absent_lead_holds_does_not_matter() -> None:
    encoder = net()
    ecg, leads, peaks = inputs(1)
    for rubbish in (1e6, float("nan"), float("inf")):
        seen: Features = encoder(ecg.masked_fill(~leads[:, :, None], rubbish), leads, peaks)
        for a, b in zip(seen, encoder(ecg, leads, peaks), strict=True):
            assert torch.equal(a, b)


def test_an_absent_lead_has_no_weight_and_a_present_one_has() -> None:
    ecg, leads, _ = inputs(2)
    _, weights = net().gate(ecg, leads)
    assert torch.equal(weights > 0, leads)
    assert weights.max() < 1


@settings(max_examples=8, deadline=None)
@given(st.integers(250, 3000), st.integers(0, 100))
def test_any_length(samples: int, seed: int) -> None:
    features: Features = net()(*inputs(seed, samples))
    assert features.record.shape == (3, TINY.width)
    assert features.beats.shape == (3, 20, TINY.width)
    assert all(x.isfinite().all() for x in features)


def test_a_window_does_not_depend_on_its_neighbours() -> None:
    encoder = net()
    batch = inputs(3)
    alone = [encoder(*(x[i : i + 1] for x in batch)) for i in range(3)]
    together: Features = encoder(*batch)
    for i, features in enumerate(alone):
        torch.testing.assert_close(features.record[0], together.record[i])
        torch.testing.assert_close(features.beats[0], together.beats[i])


def test_padding_behind_the_last_peak_changes_nothing() -> None:
    encoder = net()
    ecg, leads, peaks = inputs(4)
    seen: Features = encoder(ecg, leads, peaks)
    fewer: Features = encoder(ecg, leads, peaks[:, :4])
    torch.testing.assert_close(seen.record, fewer.record)
    torch.testing.assert_close(seen.beats[:, :4], fewer.beats)


def test_leads_are_told_apart() -> None:
    encoder = net()
    ecg, leads, peaks = inputs(5)
    leads = torch.ones_like(leads)
    turned: Features = encoder(ecg.roll(1, 1), leads, peaks)
    assert not torch.allclose(turned.record, encoder(ecg, leads, peaks).record)


def test_a_beat_speaks_of_what_is_around_it() -> None:
    encoder = net()
    ecg, leads, _ = inputs(6)
    peaks = torch.tensor([[200, 800]]).expand(3, 2)
    before: Features = encoder(ecg, leads, peaks)
    changed = ecg.clone()
    changed[:, :, 780:820] *= 3
    after: Features = encoder(changed, leads, peaks)
    moved = (after.beats - before.beats).norm(dim=2)
    assert (moved[:, 1] > 3 * moved[:, 0]).all()


def test_gradients_reach_every_parameter() -> None:
    encoder = net().train()
    features: Features = encoder(*inputs(7, n=8))
    names, parameters = zip(*encoder.named_parameters(), strict=True)
    loss = features.record.sum() + features.beats.sum()
    for name, gradient in zip(names, torch.autograd.grad(loss, parameters), strict=True):
        assert gradient.abs().sum() > 0, name


def test_styles_are_mixed_in_training_only() -> None:
    x = torch.randn(6, 4, 50) * torch.arange(1, 7)[:, None, None]
    mix = MixStyle(1.0, 0.1, 1e-6)
    torch.manual_seed(0)
    assert not torch.allclose(mix(x), x)
    assert torch.equal(mix.eval()(x), x)
    assert torch.equal(MixStyle(0.0, 0.1, 1e-6)(x), x)


def test_mixing_follows_the_seed_and_keeps_shapes_of_waves() -> None:
    x = torch.randn(6, 4, 50) * torch.arange(1, 7)[:, None, None]
    mix = MixStyle(1.0, 0.1, 1e-6)
    torch.manual_seed(3)
    first = mix(x)
    torch.manual_seed(3)
    assert torch.equal(mix(x), first)

    def normed(y: Tensor) -> Tensor:
        return (y - y.mean(2, keepdim=True)) / y.std(2, keepdim=True)

    torch.testing.assert_close(normed(first), normed(x), atol=1e-4, rtol=1e-4)
    # Each style lies between two that are in the batch.
    assert first.std(2).max() <= x.std(2).max() * 1.001
    assert first.std(2).min() >= x.std(2).min() * 0.999


def test_statistics_that_are_mixed_in_carry_no_gradient() -> None:
    x = torch.randn(2, 3, 40, requires_grad=True)
    torch.manual_seed(1)
    y = MixStyle(1.0, 0.1, 1e-6)(x)
    (gradient,) = torch.autograd.grad(y[0].sum(), x)
    assert gradient[0].abs().sum() > 0
    assert gradient[1].abs().sum() == 0


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_mixing_is_as_frequent_as_it_should_be(share: float) -> None:
    torch.manual_seed(0)
    mix = MixStyle(share, 0.5, 1e-6)
    x = torch.randn(4, 2, 30)
    mixed = sum(not torch.equal(mix(x), x) for _ in range(400))
    assert abs(mixed / 400 - share) < 0.08
