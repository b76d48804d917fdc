"""When a lead cannot be judged."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.filters import floats
from edge.quality import assess, indices
from edge.synthetic import synthesize


def reasons(stream: NDArray[np.float64], height: NDArray[np.float64]) -> list[str]:
    return [lead.state for lead in assess(stream, height)]


def second(noise: float = 0.0) -> NDArray[np.float64]:
    """A second of ECG at 250 Hz with white noise of `noise` mV, [250, 1]."""
    rng = np.random.default_rng(0)
    mv = synthesize("NNNN", 250.0, rng).mv[300:550, :1]
    return mv + rng.normal(0, noise, mv.shape) if noise else mv


HEIGHT = np.array([1.4])


def test_a_clean_second_is_ok_at_any_gain() -> None:
    for gain in (1e-4, 1.0, 1e4):
        assert reasons(gain * second(), gain * HEIGHT) == ["ok"]


def test_noise_missing_quiet_and_saturated_are_named() -> None:
    missing, rail = second(), second()
    missing[100] = np.nan
    rail[20:] = 2.4
    assert reasons(second(0.4), HEIGHT) == ["noise"]
    assert reasons(100 * second(), HEIGHT) == ["noise"]
    assert reasons(missing, HEIGHT) == ["missing"]
    assert reasons(rail, HEIGHT) == ["quiet"]
    assert reasons(0.001 * second(), HEIGHT) == ["quiet"]


def test_a_beat_on_a_line_that_lies_still_is_no_flat_lead() -> None:
    mv = np.zeros((250, 1))
    mv[100:125, 0] = 1.4 * (1 - np.abs(np.arange(25) - 12) / 13)
    for height in (HEIGHT, np.array([np.nan])):
        assert reasons(mv, height) == ["ok"]
        assert reasons(np.repeat(mv[112:113], 250, axis=0), height) == ["quiet"]
        step = np.repeat(np.array([[0.0], [1.4]]), 125, axis=0)
        assert reasons(step, height) == ["quiet"]


def test_leads_are_judged_apart() -> None:
    both = np.concatenate([second(), second(0.4)], axis=1)
    assert reasons(both, np.repeat(HEIGHT, 2)) == ["ok", "noise"]


def test_before_the_first_beat_only_what_needs_no_height_is_named() -> None:
    unknown = np.array([np.nan])
    assert reasons(second(0.4), unknown) == ["ok"]
    assert reasons(np.zeros((250, 1)), unknown) == ["quiet"]


def test_noise_index_grows_with_noise_and_hardly_sees_the_qrs() -> None:
    levels = [indices(floats(second(noise)), 0)[2] for noise in (0.0, 0.05, 0.1, 0.2)]
    assert levels == sorted(levels)
    # the median absolute deviation of the second difference of white noise averaged in pairs
    expected = 0.6745 * 0.2 * np.sqrt(6 / 2)
    assert levels[-1] == pytest.approx(expected, rel=0.25)


def test_the_quieter_lead_counts_more_and_a_bad_one_nothing() -> None:
    leads = np.concatenate([second(), second(0.05), second(0.4)], axis=1)
    clean, noisy, bad = (lead.weight for lead in assess(leads, np.repeat(HEIGHT, 3)))
    assert clean > noisy > 0
    assert bad == 0
