"""The vectorcardiogram's augmentation."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.data.corpus import LEADS
from train.engine.randomness import RandomStream
from train.objectives.vcg import INVERSE_DOWER, NEEDED, rotation, time_masked, turned


@given(st.tuples(*[st.floats(-3.2, 3.2)] * 3))
def test_rotations_are_rotations(angles: tuple[float, float, float]) -> None:
    r = rotation(torch.tensor([angles]))[0]
    torch.testing.assert_close(r @ r.T, torch.eye(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(r), torch.tensor(1.0), atol=1e-5, rtol=0)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    r = rotation(torch.tensor([[0.0, 0.0, torch.pi / 2]]))[0]
    moved = r @ torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(moved, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6, rtol=0)


def test_what_is_turned_obeys_einthoven_and_goldberger() -> None:
    torch.manual_seed(0)
    leads = torch.ones(4, 12, dtype=torch.bool)
    made = turned(torch.randn(4, 12, 100), leads, 45, 1.5, RandomStream(0))
    one, two, three, right, left, foot = (made[:, LEADS.index(x)] for x in LEADS[:6])
    torch.testing.assert_close(three, two - one, atol=1e-5, rtol=0)
    torch.testing.assert_close(right + left + foot, torch.zeros_like(one), atol=1e-5, rtol=0)
    torch.testing.assert_close(foot, (two + three) / 2, atol=1e-5, rtol=0)


def test_what_is_turned_is_of_three_dimensions_and_not_turned_stays() -> None:
    torch.manual_seed(0)
    leads = torch.ones(1, 12, dtype=torch.bool)
    made = turned(torch.randn(1, 12, 100), leads, 45, 1.5, RandomStream(0))
    assert torch.linalg.matrix_rank(made[0], rtol=1e-4) == 3
    torch.testing.assert_close(turned(made, leads, 0, 1, RandomStream(0)), made, atol=1e-5, rtol=0)


def test_each_axis_is_scaled_by_a_factor_of_its_own_within_bounds() -> None:
    dower = torch.tensor(INVERSE_DOWER)
    leads = torch.ones(50, 12, dtype=torch.bool)
    needed = [LEADS.index(lead) for lead in NEEDED]
    torch.manual_seed(0)
    ecg = torch.randn(1, 12, 100).expand(50, -1, -1)
    made, same = (turned(ecg, leads, 0, scale, RandomStream(0)) for scale in (1.5, 1.0))
    before, after = (dower @ x[:, needed] for x in (same, made))
    factor = after / before
    torch.testing.assert_close(factor, factor[:, :, :1].expand_as(factor), rtol=1e-2, atol=0)
    assert 1 - 1e-4 < factor.min() < 1.05
    assert 1.45 < factor.max() < 1.5 + 1e-4
    spread = factor[:, :, 0].amax(1) / factor[:, :, 0].amin(1)
    assert spread.median() > 1.1


def test_without_all_leads_nothing_turns_and_absent_leads_stay_flat() -> None:
    torch.manual_seed(0)
    ecg, leads = torch.randn(2, 12, 100), torch.ones(2, 12, dtype=torch.bool)
    leads[0, LEADS.index("V3")] = False
    leads[1, LEADS.index("aVF")] = False
    ecg = ecg * leads[:, :, None]
    made = turned(ecg, leads, 45, 1.5, RandomStream(0))
    torch.testing.assert_close(made[0], ecg[0])
    assert (made[~leads] == 0).all()
    assert (made[1] - ecg[1]).abs().max() > 0.1


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_stretch_of_each_lead_is_masked_at_a_place_of_its_own(share: float) -> None:
    hidden = time_masked(torch.ones(50, 12, 400), share, RandomStream(0)) == 0
    assert (hidden.sum(2) == round(400 * share)).all()
    assert (hidden.diff(dim=2).sum(2) <= 2).all()
    assert hidden.float().mean((0, 1)).std() < 0.05  # anywhere
    assert (hidden[:, 0] != hidden[:, 1]).any(1).float().mean() > 0.9
