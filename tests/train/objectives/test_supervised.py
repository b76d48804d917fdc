"""What labels ask of a network, whatever their classes weigh."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.objectives.supervised import weighted

WEIGHT = torch.tensor([1.0, 5.0, 3.0, 28.0])


@given(st.integers(0, 3), st.floats(0, 0.3))
def test_smoothing_asks_for_the_same_of_every_class(label: int, smoothing: float) -> None:
    """What is best to say of a beat whose class is sure: a loss is least where it does not move."""
    wanted = torch.full((4,), smoothing / 4 + 1e-9)
    wanted[label] += 1 - smoothing
    logits = wanted.log()[None].requires_grad_()
    loss = weighted(logits, torch.tensor([label]), WEIGHT, smoothing)
    (slope,) = torch.autograd.grad(loss.sum(), logits)
    torch.testing.assert_close(slope, torch.zeros(1, 4), atol=1e-5, rtol=0)


def test_without_smoothing_it_is_the_weighted_entropy_and_no_class_counts_for_nothing() -> None:
    torch.manual_seed(0)
    logits, label = torch.randn(50, 4), torch.randint(-1, 4, (50,))
    expected = torch.nn.functional.cross_entropy(
        logits, label, WEIGHT, ignore_index=-1, reduction="none"
    )
    loss = weighted(logits, label, WEIGHT, 0.0)
    torch.testing.assert_close(loss, expected)
    assert loss[label < 0].sum() == pytest.approx(0)
