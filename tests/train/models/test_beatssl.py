"""Beat-SSL's encoder, and the decoder of waves on it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from train.models.beatssl import TINY, BeatSsl, BeatSslConfig, WaveNet

torch.set_num_threads(1)  # small tensors gain nothing from more


def drawn(samples: int = 500, seed: int = 0, n: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Noise in the place of an ECG, some of its leads, some peaks."""
    torch.manual_seed(seed)
    leads = torch.rand(n, 12) < 0.7
    return torch.randn(n, 12, samples), leads, torch.arange(30, samples, 80).expand(n, -1)


def encoder(config: BeatSslConfig = TINY) -> BeatSsl:
    torch.manual_seed(0)
    return BeatSsl(config).eval()


@settings(max_examples=15, deadline=None)
@given(samples=st.integers(250, 3000), seed=st.integers(0, 9))
def test_any_length_and_any_leads(samples: int, seed: int) -> None:
    ecg, leads, peaks = drawn(samples, seed)
    net = encoder()
    with torch.no_grad():
        found = net(ecg, leads, peaks)
        waves = WaveNet(net)(ecg, leads)
    assert found.record.shape == (2, net.width)
    assert found.beats.shape == (2, peaks.shape[1], net.width)
    assert waves.shape == (2, 12, 4, samples)
    assert all(x.isfinite().all() for x in (*found, waves))


@pytest.mark.parametrize("other", [7.0, torch.nan])
def test_what_an_absent_lead_holds_does_not_matter(other: float) -> None:
    ecg, leads, peaks = drawn()
    net = encoder()
    wave_net = WaveNet(net)
    changed = torch.where(leads[:, :, None], ecg, other)
    with torch.no_grad():
        for a, b in zip(net(ecg, leads, peaks), net(changed, leads, peaks), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)
        torch.testing.assert_close(wave_net(ecg, leads), wave_net(changed, leads), rtol=0, atol=0)


def test_without_any_lead_all_is_finite() -> None:
    ecg, leads, peaks = drawn()
    with torch.no_grad():
        assert all(x.isfinite().all() for x in encoder()(ecg, leads & False, peaks))


def test_leads_are_told_apart_though_their_stem_is_one() -> None:
    ecg, _, peaks = drawn()
    net, there = encoder(), torch.ones(2, 12, dtype=torch.bool)
    with torch.no_grad():
        each, flipped = net.each(ecg, there), net.each(ecg.flip(1), there)
        a, b = net(ecg, there, peaks), net(ecg.flip(1), there, peaks)
    torch.testing.assert_close(each.flip(1), flipped)
    assert (a.record - b.record).abs().max() > 1e-3


def test_peaks_behind_the_last_do_not_matter() -> None:
    ecg, leads, peaks = drawn()
    net = encoder()
    more = torch.cat([peaks, torch.full((2, 5), -1)], 1)
    with torch.no_grad():
        a, b = net(ecg, leads, peaks), net(ecg, leads, more)
    torch.testing.assert_close(a.record, b.record)
    torch.testing.assert_close(a.beats, b.beats[:, : peaks.shape[1]])


@pytest.mark.parametrize("config", [TINY, BeatSslConfig()])
def test_gradients_reach_every_parameter(config: BeatSslConfig) -> None:
    ecg, leads, peaks = drawn(1000)
    net = WaveNet(BeatSsl(config))
    found = net.encoder(ecg, leads, peaks)
    waves = net(ecg, leads)
    (found.record.square().sum() + found.beats.square().sum() + waves.square().sum()).backward()
    for name, p in net.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name
