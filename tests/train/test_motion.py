"""The model of electrode motion: the same for everyone, and as the recording is described."""

from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch

from train.data import nstdb
from train.data.motion import FS, LENGTH, electrode_motion

NOISE = electrode_motion()


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 20_000), st.integers(0, 20_000), st.integers(0, 5))
def test_a_longer_one_begins_with_the_shorter(n: int, more: int, seed: int) -> None:
    np.testing.assert_array_equal(electrode_motion(n + more, seed)[:n], electrode_motion(n, seed))


def test_seeds_differ_and_repeat() -> None:
    assert NOISE.shape == (LENGTH, 2)
    np.testing.assert_array_equal(NOISE, electrode_motion())
    other = electrode_motion(seed=1)
    assert abs(np.corrcoef(NOISE[:, 0], other[:, 0])[0, 1]) < 0.1


@pytest.mark.parametrize("seed", [118, 1, 2])
def test_it_is_as_the_recording_is_described(seed: int) -> None:
    made = electrode_motion(seed=seed)
    frequency, power = map(np.asarray, welch(made[:, 0], FS, nperseg=3600))
    assert power[frequency < 10].sum() > 0.9 * power.sum()
    assert power[frequency < 1].sum() > 0.1 * power.sum()  # the baseline wanders
    centred = made[:, 0] - made[:, 0].mean()
    assert np.mean(centred**4) / np.mean(centred**2) ** 2 > 3.5  # heavy tails
    assert 0.2 < np.asarray(np.corrcoef(made.T))[0, 1] < 0.95  # both electrodes, each in its way
    seconds = made[: 1800 * 360, 0].reshape(1800, 360).std(axis=1)
    assert np.quantile(seconds, 0.95) > 2 * np.quantile(seconds, 0.1)  # it comes and goes


def test_a_recording_comes_before_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "nstdb"
    folder.mkdir()
    assert nstdb.modelled(folder, "em")
    assert not nstdb.modelled(folder, "ma")
    np.testing.assert_array_equal(nstdb.read_noise(folder, "em"), NOISE)
    signal = np.random.default_rng(0).normal(0, 1, (720, 2))
    wfdb.wrsamp(
        "em",
        fs=360,
        units=["mV"] * 2,
        sig_name=["noise1", "noise2"],
        p_signal=signal,
        fmt=["16"] * 2,
        write_dir=str(folder),
    )
    assert not nstdb.modelled(folder, "em")
    assert nstdb.read_noise(folder, "em") == pytest.approx(signal, abs=1e-3)
