"""What jumps and comes back is no ECG; what stays is a step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.jumps import LONGEST, MOST_MV, Jumps

CUTS = st.lists(st.integers(0, 300), max_size=6)


@given(st.integers(0, 2**32 - 1), CUTS)
def test_cuts_change_nothing_and_what_is_left_is_as_it_was(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (300, 2))
    x[rng.integers(0, 300, 20), rng.integers(0, 2, 20)] = rng.normal(0, 100, 20)
    x[rng.integers(0, 300, 5), 0] = np.nan
    whole = Jumps(2).push(x)
    jumps = Jumps(2)
    parts = [jumps.push(part) for part in np.split(x, sorted(cuts))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    kept = ~np.isnan(whole)
    np.testing.assert_array_equal(whole[kept], x[kept])


@pytest.mark.parametrize("length", [1, LONGEST])
@pytest.mark.parametrize("height", [1.5 * MOST_MV, -200.0])
def test_a_spike_is_missing(length: int, height: float) -> None:
    x = np.zeros((100, 1))
    x[50 : 50 + length] = height
    missing = np.flatnonzero(np.isnan(Jumps(1).push(x)))
    assert missing.tolist() == [*range(50, 50 + length)]


def test_a_step_is_believed_and_a_large_qrs_untouched() -> None:
    x = np.zeros((100, 1))
    x[50:] = 300.0
    assert np.isnan(Jumps(1).push(x)).sum() == LONGEST
    t = np.arange(100)[:, None]
    large = 5.0 * np.exp(-(((t - 50) / 1.2) ** 2))  # 5 mV at 100 Hz
    np.testing.assert_array_equal(Jumps(1).push(large), large)
