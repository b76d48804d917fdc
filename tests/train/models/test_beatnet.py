"""BEAT-Net takes any leads and any length, and nothing that is not there matters."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from train.models.beatnet import TINY, BeatNet, BeatNetConfig, beat_tokens
from train.models.encoder import Features

FS = 100.0
torch.set_num_threads(1)  # small tensors gain nothing from more


def made(
    seconds: float, bpm: list[float], room: int = 30, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Windows of noise, one of each rate; 0 is no beat at all."""
    draw = torch.Generator().manual_seed(seed)
    n = round(seconds * FS)
    ecg = 0.3 * torch.randn(len(bpm), 12, n, generator=draw)
    peaks = torch.full((len(bpm), room), -1)
    for row, rate in enumerate(bpm):
        at = torch.arange(20, n, round(6000 / rate)) if rate else torch.empty(0, dtype=torch.long)
        peaks[row, : len(at)] = at
    return ecg, torch.ones(len(bpm), 12, dtype=torch.bool), peaks


def net(config: BeatNetConfig = TINY) -> BeatNet:
    torch.manual_seed(0)
    return BeatNet(config).eval()


def near(a: Features, b: Features, beats: Tensor) -> None:
    """Both are the same, of beats those that are there."""
    torch.testing.assert_close(a.record, b.record, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(a.beats[beats], b.beats[beats], rtol=1e-4, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(
    seconds=st.floats(2.5, 30),
    rates=st.lists(st.sampled_from([0.0, 40.0, 75.0, 180.0]), min_size=1, max_size=3),
    seed=st.integers(0, 99),
)
@torch.no_grad()
def test_any_length_and_rate_gives_finite_features(
    seconds: float, rates: list[float], seed: int
) -> None:
    ecg, leads, peaks = made(seconds, rates, 150, seed)
    features, attention = net().attentive(ecg, leads, peaks)
    assert features.record.shape == (len(rates), TINY.width)
    assert features.beats.shape == (*peaks.shape, TINY.width)
    assert torch.isfinite(features.record).all()
    assert torch.isfinite(features.beats).all()
    beats = peaks >= 0
    torch.testing.assert_close(attention.beats.sum(1), torch.ones(len(rates)))
    torch.testing.assert_close(attention.leads[beats].sum(1), torch.ones(int(beats.sum())))
    assert not attention.beats[:, 1:][~beats[:, 1:]].any()


@settings(max_examples=15, deadline=None)
@given(absent=st.sets(st.integers(0, 11), min_size=1, max_size=11), seed=st.integers(0, 99))
@torch.no_grad()
def test_an_absent_lead_does_not_matter(absent: set[int], seed: int) -> None:
    ecg, leads, peaks = made(5, [60, 0, 90], seed=seed)
    leads[:, list(absent)] = False
    other = ecg.clone()
    other[:, list(absent)] = 5 * torch.randn_like(other[:, list(absent)])
    encoder = net()
    features, attention = encoder.attentive(ecg, leads, peaks)
    near(features, encoder(other, leads, peaks), peaks >= 0)
    assert not attention.leads[..., list(absent)].any()


@torch.no_grad()
def test_windows_and_room_for_peaks_do_not_matter_to_each_other() -> None:
    ecg, leads, peaks = made(10, [60, 0, 120])
    encoder = net()
    together = encoder(ecg, leads, F.pad(peaks, (0, 20), value=-1))
    for i in range(3):
        row = slice(i, i + 1)
        alone = encoder(ecg[row], leads[row], peaks[row])
        part = Features(together.record[row], together.beats[row, : peaks.shape[1]])
        near(alone, part, peaks[row] >= 0)


@torch.no_grad()
def test_no_lead_at_all_and_half_precision_are_borne() -> None:
    ecg, leads, peaks = made(10, [60, 0])
    encoder = net()
    assert torch.isfinite(encoder(ecg, torch.zeros_like(leads), peaks).record).all()
    whole = encoder(ecg, leads, peaks).record
    with torch.autocast("cpu", torch.bfloat16):
        half = encoder(ecg, leads, peaks).record
    torch.testing.assert_close(half.float(), whole, rtol=0.1, atol=0.1)


@settings(max_examples=15, deadline=None)
@given(gain=st.floats(0.2, 5), seed=st.integers(0, 99))
@torch.no_grad()
def test_the_gain_of_a_record_does_not_matter(gain: float, seed: int) -> None:
    ecg, leads, peaks = made(5, [60, 0, 90], seed=seed)
    encoder = net()
    near(encoder(ecg, leads, peaks), encoder(gain * ecg, leads, peaks), peaks >= 0)


@torch.no_grad()
def test_leads_are_told_apart_and_beats_know_their_place() -> None:
    ecg, leads, peaks = made(10, [60])
    encoder = net()
    before = encoder(ecg, leads, peaks).record
    assert not torch.allclose(before, encoder(ecg.flip(1), leads, peaks).record, atol=1e-3)
    assert not torch.allclose(before, encoder(ecg.flip(2), leads, peaks).record, atol=1e-3)
    flat = torch.zeros_like(ecg)  # nothing but the rhythm
    early = peaks.clone()
    early[0, 4] -= 40
    a, b = encoder(flat, leads, peaks), encoder(flat, leads, early)
    assert not torch.allclose(a.record, b.record, atol=1e-4)
    assert not torch.allclose(a.beats[0, 4], b.beats[0, 4], atol=1e-3)


@torch.no_grad()
def test_without_beats_the_whole_window_is_heard() -> None:
    ecg, leads, peaks = made(10, [0])
    encoder = net()
    for part in (slice(0, 100), slice(450, 550), slice(900, 1000)):
        other = ecg.clone()
        other[:, :, part] += 1
        assert not torch.allclose(
            encoder(ecg, leads, peaks).record, encoder(other, leads, peaks).record, atol=1e-3
        )


def test_every_parameter_learns() -> None:
    ecg, leads, peaks = made(10, [60, 80])
    encoder = net(BeatNetConfig()).train()
    features = encoder(ecg, leads, peaks)
    loss = features.record.square().sum() + features.beats.square().sum()
    named = dict(encoder.named_parameters())
    gradients = torch.autograd.grad(loss, list(named.values()))
    assert [name for name, g in zip(named, gradients, strict=True) if not g.any()] == []


@given(gaps=st.lists(st.integers(20, 200), min_size=1, max_size=12), first=st.integers(0, 60))
def test_tokens_share_the_signal_out(gaps: list[int], first: int) -> None:
    """Each sample near an R peak is in the token of the nearest, in its place, and in no other."""
    peaks = np.cumsum([first, *gaps])
    n = int(peaks[-1]) + 30
    ecg = torch.arange(1.0, n + 1).expand(1, 2, n)  # every sample tells where it is from
    tokens = beat_tokens(ecg, torch.tensor([[*peaks, -1, -1]]), 96, FS)
    assert tokens.ecg.shape == (1, len(peaks), 2, 96)
    place = tokens.ecg[0, :, 0].numpy()
    beat, column = np.nonzero(place)
    sample = place[beat, column].astype(int) - 1
    np.testing.assert_array_equal(sample, peaks[beat] + column - 48)
    assert len(set(sample)) == len(sample)
    distance = np.abs(sample[:, None] - peaks)
    assert (distance[np.arange(len(sample)), beat] <= distance.min(1) + 1).all()
    wanted = {s for r in peaks for s in range(max(0, r - 48), min(n, r + 48))}
    near_peaks = {s for s in wanted if np.abs(s - peaks).min() < 47}
    assert near_peaks <= set(sample)
    rr = np.append(gaps, 0) / FS
    np.testing.assert_allclose(tokens.rhythm[0, :, 1], rr, rtol=1e-6)


def test_it_learns_a_sign_in_one_lead() -> None:
    """Whether V3 is upside down, from made beats: the rest says nothing."""
    rng = np.random.default_rng(0)
    ecg, leads, peaks = made(4, [75.0] * 32)
    label = torch.from_numpy(rng.integers(0, 2, 32)).float()
    bump = torch.exp(-(((torch.arange(96) - 48) / 6.0) ** 2))
    for row in range(32):
        for r in peaks[row][peaks[row] >= 0].tolist():
            left, right = max(0, r - 48), min(400, r + 48)
            part = bump[left - r + 48 : right - r + 48]
            ecg[row, 8, left:right] += part * (2 * label[row] - 1)
    torch.manual_seed(1)
    encoder, head = BeatNet(TINY), nn.Linear(TINY.width, 1)
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 1e-2)
    for _ in range(25):
        logits = head(encoder(ecg, leads, peaks).record)[:, 0]
        loss = F.binary_cross_entropy_with_logits(logits, label)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss.item() < 0.2
    assert ((logits > 0) == (label > 0)).float().mean() == pytest.approx(1, abs=0.05)
