"""The vectorcardiogram's augmentation."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from train.data.corpus import LEADS
from train.engine.randomness import RandomStream
from train.objectives.vcg import rotation, time_masked, turned


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


def test_scale_is_in_its_bounds() -> None:
    leads = torch.ones(50, 12, dtype=torch.bool)
    made = turned(torch.randn(1, 12, 100).expand(50, -1, -1), leads, 0, 1.5, RandomStream(0))
    size = made.norm(dim=(1, 2))
    assert 1.2 < size.max() / size.min() <= 1.5 + 1e-4


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


def test_one_stretch_of_all_leads_is_masked() -> None:
    made = time_masked(torch.ones(50, 12, 400), 0.2, RandomStream(0))
    hidden = made[:, 0] == 0
    assert (made == made[:, :1]).all()
    assert (hidden.diff(dim=1).sum(1) <= 2).all()
    assert 0.15 < hidden.float().mean(1).max() <= 0.2 + 0.01
