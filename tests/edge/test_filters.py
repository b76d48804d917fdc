"""The resampler against sines that are known anywhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.filters import STREAM_FS, Resampler

RATES = [100.0, 128.0, 200.0, 250.0, 300.0, 359.7, 360.0, 500.0, 1000.0]


def _in_chunks(
    resampler: Resampler, x: NDArray[np.float64], sizes: list[int]
) -> NDArray[np.float64]:
    out = [resampler.push(x[:0])]
    start = 0
    while start < len(x):
        size = sizes[len(out) % len(sizes)]
        out.append(resampler.push(x[start : start + size]))
        start += size
    return np.concatenate(out)


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("hz", [1.0, 10.0, 25.0])
def test_resampled_sine_is_the_sine_on_the_stream_grid(fs: float, hz: float) -> None:
    t = np.arange(round(4 * fs)) / fs
    y = Resampler(fs, 1).push(np.sin(2 * np.pi * hz * t)[:, None])[:, 0]
    grid = np.arange(len(y)) / STREAM_FS
    error = np.abs(y - np.sin(2 * np.pi * hz * grid))[10:]
    # Cubic convolution loses with the square of the frequency over the slower rate.
    assert error.max() < 1e-3 + 4 * (hz / min(fs, STREAM_FS)) ** 2


@pytest.mark.parametrize(("fs", "hz"), [(500.0, 240.0), (1000.0, 240.0), (1000.0, 400.0)])
def test_resampler_stops_what_would_fold_into_the_qrs_band(fs: float, hz: float) -> None:
    t = np.arange(round(4 * fs)) / fs
    y = Resampler(fs, 1).push(np.sin(2 * np.pi * hz * t)[:, None])[10:]
    assert np.abs(y).max() < 0.05


@pytest.mark.parametrize("fs", RATES)
def test_resampler_keeps_a_constant(fs: float) -> None:
    y = Resampler(fs, 2).push(np.tile([3.0, -7.0], (400, 1)))
    np.testing.assert_allclose(y, np.tile([3.0, -7.0], (len(y), 1)), rtol=1e-14)


@given(st.sampled_from([*RATES, 123.457]), st.lists(st.integers(1, 90), min_size=1, max_size=5))
def test_resampler_is_the_same_for_any_chunks(fs: float, sizes: list[int]) -> None:
    x = np.random.default_rng(0).normal(size=(600, 2))
    whole = Resampler(fs, 2).push(x)
    np.testing.assert_array_equal(_in_chunks(Resampler(fs, 2), x, sizes), whole)


@given(st.sampled_from([*RATES, 123.457]), st.integers(1, 900))
def test_a_stream_sample_arrives_with_the_input_that_it_names(fs: float, n: int) -> None:
    resampler = Resampler(fs, 1)
    k = len(resampler.push(np.zeros((n, 1))))
    assert resampler.arrival(k) >= n
    assert k == 0 or resampler.arrival(k - 1) <= n - 1
    assert abs(resampler.position(k) - k * fs / STREAM_FS) <= 0.501
    assert resampler.arrival(k) - resampler.position(k) <= max(0.02 * fs, 1)


@given(st.sampled_from(RATES), st.integers(1, 300), st.integers(0, 2000))
def test_lost_samples_move_the_index_and_are_forgotten(fs: float, n: int, lost: int) -> None:
    x = np.random.default_rng(n).normal(size=(n + lost + 300, 1))
    expected = Resampler(fs, 1).push(x)
    resampler = Resampler(fs, 1)
    before = resampler.push(x[:n])
    skipped = resampler.skip(lost)
    after = resampler.push(x[n + lost :])
    assert len(before) + skipped + len(after) == len(expected)
    np.testing.assert_array_equal(before, expected[: len(before)])
    seen = ~np.isnan(after)
    np.testing.assert_array_equal(after[seen], expected[len(before) + skipped :, :][seen])
    assert seen[12:].all()


@pytest.mark.parametrize("fs", [59.0, 1001.0, float("nan")])
def test_resampler_refuses_other_rates(fs: float) -> None:
    with pytest.raises(ValueError, match="from 60 to 1000 Hz"):
        Resampler(fs, 1)
