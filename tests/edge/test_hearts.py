"""Hearts are drawn as they are told."""

import numpy as np
import pytest

from tests.edge.hearts import Wave, draw, spikes


def test_a_wave_is_drawn_as_it_is_told() -> None:
    mv = draw([(1.0, [Wave(0.1, 0.02, -0.5)])], 2, 500)
    assert int(np.argmin(mv)) == 550
    assert mv.min() == pytest.approx(-0.5)


@pytest.mark.parametrize("fs", [125, 250, 500, 1000])
def test_a_spike_keeps_its_area_behind_the_filter(fs: float) -> None:
    """2 ms of 100 mV are 0.2 mV s, whatever the low-pass, and it never comes before its time."""
    out = spikes([0.5, 1.5], 3, fs, 0.16 * fs, 100.0)
    assert np.sum(out) / fs == pytest.approx(0.4, rel=0.05)
    assert np.abs(out[: int(0.499 * fs)]).max() < 1e-6
