"""Noise added to recordings at a calibrated level."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import trim_mean

from edge import replay
from edge.errors import RecordError
from train.data import nstdb
from train.data.mitdb import Annotations, read_annotations

MINUTE = int(60 * nstdb.FS)
WHITE = np.random.default_rng(0).standard_normal((MINUTE, 2))


def beats(samples: NDArray[np.int64], symbol: str = "N") -> Annotations:
    return Annotations(nstdb.FS, samples, np.full(len(samples), symbol), (), ())


def pulses(minutes: float, heights: list[float]) -> tuple[NDArray[np.float64], Annotations]:
    """Five samples high at every beat, one beat a second."""
    at = np.arange(180, int(minutes * MINUTE) - 180, 360)
    mv = np.zeros((int(minutes * MINUTE), len(heights)))
    for offset in range(-2, 3):
        mv[at + offset] = heights
    return mv, beats(at)


@settings(max_examples=20, deadline=None)
@given(
    snr_db=st.floats(-12, 30),
    heights=st.lists(st.floats(0.05, 5), min_size=1, max_size=3),
    loudness=st.floats(0.01, 100),
)
def test_the_noise_has_the_asked_level(
    snr_db: float, heights: list[float], loudness: float
) -> None:
    mv, marks = pulses(8, heights)
    added = nstdb.noisy(mv, marks, loudness * WHITE + 7, snr_db) - mv
    (start, end), *_ = nstdb.stretches(len(mv))
    power = added[start:end].reshape(120, 360, -1).var(axis=1).mean(axis=0)
    signal = np.square(heights) / 8  # a sine as high
    assert 10 * np.log10(signal / power) == pytest.approx(np.full(len(heights), snr_db), abs=0.2)


@settings(deadline=None)
@given(st.floats(4, 31))
def test_two_minutes_on_and_two_off_after_five(minutes: float) -> None:
    n = int(minutes * MINUTE)
    mv, marks = pulses(minutes, [1.0])
    added = nstdb.noisy(mv, marks, WHITE, 6.0)[:, 0] - mv[:, 0]
    minute = np.arange(1, n) / MINUTE
    on = (minute >= 5) & ((minute - 5) % 4 < 2)
    assert on.sum() == sum(end - start for start, end in nstdb.stretches(n))
    steps = np.abs(np.diff(added))
    assert steps[~on].max() < 1e-9
    assert np.count_nonzero(steps[on] > 1e-9) >= 0.99 * on.sum()  # not where the noise repeats
    gain = np.sqrt(1 / 8) * 10 ** (-6 / 20) / nstdb.noise_amplitude(WHITE)[0]
    assert steps.max() <= gain * np.abs(np.diff(WHITE[:, 0])).max() + 1e-9  # no jump anywhere


def test_lead_i_gets_channel_i() -> None:
    mv, marks = pulses(7, [1.0, 1.0, 1.0])
    noise = WHITE.copy()
    noise[:, 1] *= np.linspace(0.5, 1.5, len(noise))
    added = nstdb.noisy(mv, marks, noise, 0.0) - mv
    start = nstdb.stretches(len(mv))[0][0]
    heard = [added[start : start + MINUTE, lead] for lead in range(3)]
    like = np.corrcoef([*heard, noise[:, 0], noise[:, 1]])[:3, 3:]
    assert (like > 0.99).tolist() == [[True, False], [False, True], [True, False]]


def test_training_hears_no_minute_that_tests_play() -> None:
    mv, marks = pulses(9.5, [1.0, 0.5])
    noise = np.random.default_rng(0).standard_normal((30 * MINUTE, 2))
    for start, end in nstdb.stretches(len(noise)):
        noise[start:end] = 0
    added = nstdb.stressed(mv, marks, [noise], np.random.default_rng(1)) - mv
    snr = []
    for start in range(0, len(mv), MINUTE):
        power = added[start : start + MINUTE].var(axis=0)
        snr += (10 * np.log10(np.square([1.0, 0.5]) / 8 / power)).tolist()
    assert min(snr) > -1
    assert max(snr) < 25
    assert max(snr) - min(snr) > 8  # another strength every minute
    silent = np.where(noise == 0, 1.0, 0.0)
    silent[: nstdb.CLEAN_S * int(nstdb.FS)] = noise[: nstdb.CLEAN_S * int(nstdb.FS)]
    same = nstdb.stressed(mv, marks, [silent], np.random.default_rng(1))
    np.testing.assert_array_equal(same, mv)


@given(st.lists(st.floats(0.1, 5), min_size=20, max_size=400))
@settings(max_examples=20, deadline=None)
def test_the_amplitude_is_the_trimmed_mean_of_300_normal_beats(heights: list[float]) -> None:
    at = 180 + 360 * np.arange(len(heights))
    mv = np.zeros((360 * (len(heights) + 1), 1))
    mv[at, 0] = heights
    expected = trim_mean(heights[:300], 0.05)
    assert nstdb.qrs_amplitude(mv, beats(at))[0] == pytest.approx(expected)
    assert nstdb.qrs_amplitude(mv, beats(at, "/"))[0] == pytest.approx(expected)
    marks = beats(at)
    marks.symbol[1::2] = "V"
    expected = trim_mean(heights[::2][:300], 0.05)
    assert nstdb.qrs_amplitude(mv, marks)[0] == pytest.approx(expected)


def test_an_absent_noise_is_a_record_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="edge-train fetch nstdb"):
        nstdb.read_noise(tmp_path / "nstdb", "ma")


@pytest.mark.data_required("mitdb", "nstdb")
def test_muscle_noise_on_record_118(mitdb: Path) -> None:
    mv = replay.read(mitdb / "118").nv / 1e6
    noise = nstdb.read_noise(mitdb.parent / "nstdb", "ma")
    six, zero = (
        nstdb.noisy(mv, read_annotations(mitdb / "118"), noise, snr) - mv for snr in (6.0, 0.0)
    )
    start, end = nstdb.stretches(len(mv))[0]
    ratio = zero[start:end].std(axis=0) / six[start:end].std(axis=0)
    assert ratio == pytest.approx(np.full(2, 10**0.3))
    # What was added is the noise itself, at the same place in time.
    like = np.corrcoef(zero[start:end, 0], noise[start:end, 0])[0, 1]
    assert like == pytest.approx(1.0)
