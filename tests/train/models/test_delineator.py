"""The delineator: what it must not depend on, and what it must."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from train.models.delineator import TINY, Delineator

torch.set_num_threads(1)  # small networks lose by more

FS = round(TINY.fs)


def net() -> Delineator:
    torch.manual_seed(0)
    return Delineator(TINY).eval()


def ecg(seed: int, leads: int = 12, samples: int = 400) -> Tensor:
    return torch.randn(2, leads, samples, generator=torch.Generator().manual_seed(seed))


def all_of(x: Tensor) -> Tensor:
    return torch.ones(x.shape[:2], dtype=torch.bool)


@pytest.mark.parametrize("samples", [round(2.5 * FS), 1001, 10 * FS, 30 * FS])
@pytest.mark.parametrize("leads", [1, 12])
def test_any_length_and_number_of_leads(samples: int, leads: int) -> None:
    x = ecg(0, leads, samples)
    with torch.no_grad():
        assert net()(x, all_of(x)).shape == (2, leads, 4, samples)


@settings(max_examples=5, deadline=None)
@given(st.sets(st.integers(0, 11), min_size=1, max_size=11), st.integers(0, 1000))
def test_absent_leads_do_not_matter(there: set[int], seed: int) -> None:
    x, other = ecg(seed), ecg(seed + 1)
    chosen = sorted(there)
    leads = torch.zeros(2, 12, dtype=torch.bool)
    leads[:, chosen] = True
    other[:, chosen] = x[:, chosen]
    few = x[:, chosen]
    with torch.no_grad():
        said = net()(x, leads)[:, chosen]
        assert torch.allclose(said, net()(other, leads)[:, chosen], atol=1e-5)
        assert torch.allclose(said, net()(few, all_of(few)), atol=1e-4)


def test_the_order_of_leads_does_not_matter() -> None:
    x = ecg(0)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        said = net()(x, all_of(x))
        assert torch.allclose(net()(x[:, order], all_of(x)), said[:, order], atol=1e-4)


def test_leads_tell_each_other() -> None:
    x, other = ecg(0), ecg(1)
    other[:, 0] = x[:, 0]
    with torch.no_grad():
        apart = net()(x, all_of(x))[:, 0] - net()(other, all_of(x))[:, 0]
    assert apart.abs().max() > 1e-2


def test_windows_of_a_batch_do_not_matter_to_each_other() -> None:
    x = ecg(0)
    with torch.no_grad():
        assert torch.allclose(net()(x, all_of(x))[:1], net()(x[:1], all_of(x[:1])), atol=1e-4)


def test_gain_hardly_matters_and_nothing_is_no_trouble() -> None:
    x = ecg(0)
    with torch.no_grad():
        said = net()(x, all_of(x)).softmax(2)
        assert torch.allclose(net()(3 * x, all_of(x)).softmax(2), said, atol=0.1)
        assert net()(0 * x, ~all_of(x)).isfinite().all()


def test_every_weight_has_a_part() -> None:
    model = net()
    x = ecg(0)
    model(x, all_of(x)).square().mean().backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name


def test_log_p_is_of_probabilities() -> None:
    x = ecg(0)
    p = torch.from_numpy(net().log_p(x, all_of(x))).exp()
    assert torch.allclose(p.sum(2), torch.ones(()), atol=1e-5)
