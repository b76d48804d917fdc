"""Short gaps bridged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.gaps import LONGEST_S, SHARE, Bridge

FS = 250.0
LONGEST = int(LONGEST_S * FS)
Array = NDArray[np.float64]


def bridged(x: Array, sizes: tuple[int, ...] = (1 << 20,)) -> Array:
    """`x`, [n, leads], pushed in pieces of `sizes`, over and over."""
    bridge = Bridge(FS, x.shape[1])
    out, start, turn = [], 0, 0
    while start < len(x):
        out.append(bridge.push(x[start : start + sizes[turn % len(sizes)]]))
        start += sizes[turn % len(sizes)]
        turn += 1
        assert min(start, len(x)) - sum(map(len, out)) <= LONGEST
    return np.concatenate([*out, bridge.flush()])


def ramp(n: int = 1000) -> Array:
    return np.arange(2.0 * n).reshape(n, 2)


def test_what_has_no_gap_is_untouched() -> None:
    x = np.random.default_rng(0).normal(size=(1000, 2))
    np.testing.assert_array_equal(bridged(x), x)


@pytest.mark.parametrize("n", [1, 3, LONGEST])
def test_a_line_is_drawn_over_a_short_gap_in_any_lead(n: int) -> None:
    x = ramp()
    x[300 : 300 + n, 0] = x[600 : 600 + n] = np.nan
    np.testing.assert_allclose(bridged(x), ramp())


@pytest.mark.parametrize("where", [slice(300, 301 + LONGEST), slice(0, 3), slice(997, 1000)])
def test_a_long_gap_is_left_and_one_without_both_ends(where: slice) -> None:
    x = ramp()
    x[where] = np.nan
    np.testing.assert_array_equal(bridged(x), x)


def test_no_more_than_a_share_is_made_up() -> None:
    x = ramp(10_000)
    x[np.arange(10_000) % 10 < 5] = np.nan  # half of it
    made = np.isfinite(bridged(x)).mean() - 0.5
    assert made == pytest.approx(SHARE, abs=0.01)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=5),
    st.integers(0, 2**32 - 1),
    st.floats(0.005, 0.5),
)
def test_the_result_is_the_same_for_any_chunks(sizes: list[int], seed: int, gaps: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(600, 2))
    for lead in range(2):
        for start in np.flatnonzero(rng.random(600) < gaps / 5):
            x[start : start + rng.integers(1, 2 * LONGEST), lead] = np.nan
    np.testing.assert_array_equal(bridged(x, tuple(sizes)), bridged(x))


def test_no_line_begins_before_a_long_gap() -> None:
    bridge = Bridge(FS, 1)
    bridge.push(np.ones((50, 1)))
    bridge.flush()
    after = np.full((50, 1), 7.0)
    after[:3] = np.nan
    np.testing.assert_array_equal(bridge.push(after), after)
