"""Windows, context and templates: what the model eats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.beats import BEFORE, CONTEXT, SAMPLES, STEP, BeatContext, RRContext, cut


def beat(width: float = 4.0, p: float = 0.15, height: float = 1.0) -> NDArray[np.float64]:
    """A window, [1, SAMPLES]: Gaussians for P, QRS and T, `width` in samples."""
    t = np.arange(SAMPLES) - BEFORE
    waves = p * np.exp(-(((t + 20) / 5) ** 2)) + np.exp(-((t / width) ** 2))
    window: NDArray[np.float64] = height * (waves + 0.3 * np.exp(-(((t - 40) / 10) ** 2)))[None]
    return window


def context_of(
    state: BeatContext, window: NDArray[np.float64], rr: float, rr_next: float | None = None
) -> dict[str, float]:
    return dict(zip(CONTEXT, state.input(window, rr, rr_next).context[0].tolist(), strict=True))


def taught(beats: int = 30, rr: float = 0.8) -> BeatContext:
    state = BeatContext(1)
    for _ in range(beats):
        state.learn(beat(), rr, np.array([True]))
    return state


@given(
    st.integers(0, 2000),
    st.integers(0, 400),
    st.floats(1e-4, 1e4),
    st.floats(-300, 300),
)
def test_window_is_relative_to_its_baseline_and_blind_to_what_comes_later(
    r: int, after: int, gain: float, offset: float
) -> None:
    stream = np.random.default_rng(r).normal(size=(2500, 2))
    window = cut(stream, r, r + after)
    changed = stream.copy()
    changed[r + after + 1 :] = 99.0
    np.testing.assert_array_equal(window, cut(changed, r, r + after))
    np.testing.assert_allclose(
        cut(gain * stream + offset, r, r + after), gain * window, atol=1e-9 * max(gain, 300)
    )
    assert not window[:, BEFORE + after // STEP + 1 :].any()


def test_window_puts_r_where_the_model_expects_it() -> None:
    stream = np.zeros((1000, 1))
    stream[500] = 1.0
    assert cut(stream, 500, 999)[0].argmax() == BEFORE


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6), st.integers(0, 300))
def test_no_window_reaches_beyond_its_stream(r: int, seen: int, rows: int) -> None:
    window = cut(np.zeros((rows, 2)), r, seen)
    assert window.shape == (2, SAMPLES)
    assert np.isnan(window).all() == (not 0 <= r < rows or seen < 0)


def test_window_with_a_missing_sample_is_missing() -> None:
    stream = np.zeros((1000, 2))
    stream[520, 1] = np.nan
    window = cut(stream, 500, 999)
    assert np.isfinite(window[0]).all()
    assert np.isnan(window[1]).all()
    assert np.isfinite(cut(stream, 500, 515)).all()


def test_a_premature_beat_shows_in_every_mean_and_a_steady_one_in_none() -> None:
    state = taught()
    steady = context_of(state, beat(), 0.8, 0.8)
    early = context_of(state, beat(), 0.5, 1.1)
    for span in ("10s", "60s", "300s"):
        assert steady[f"rr_to_mean_{span}"] == pytest.approx(0)
        assert early[f"rr_to_mean_{span}"] == pytest.approx(np.log(0.5 / 0.8))
    assert early["rr_next_to_rr"] == pytest.approx(np.log(1.1 / 0.5))
    assert early["rr_next_known"] == 1


def test_a_run_of_premature_beats_does_not_drag_the_minutes_along() -> None:
    rr = RRContext()
    for _ in range(400):
        rr.learn(0.8)
    for _ in range(30):
        rr.learn(0.4)
    ten, sixty, minutes = rr.features(0.4, None)[:3]
    assert minutes < np.log(0.45 / 0.8)
    assert ten > sixty > minutes


def test_provisional_input_knows_nothing_of_the_next_beat() -> None:
    features = context_of(taught(), beat(), 0.8)
    assert features["rr_next_known"] == 0
    assert [features[n] for n in CONTEXT if "next" in n or n.startswith("t_")] == [0, 0, 0, 0]


def test_shape_features_tell_a_wide_beat_and_a_lost_p_wave() -> None:
    state = taught()
    same = context_of(state, beat(), 0.8, 0.8)
    wide = context_of(state, beat(width=10, p=0), 0.8, 0.8)
    assert same["qrs_similarity"] == pytest.approx(1, abs=1e-4)
    assert same["qrs_width"] == pytest.approx(0, abs=1e-4)
    assert wide["qrs_width"] > 0.3
    assert wide["qrs_similarity"] < 0.9
    assert context_of(state, beat(p=0), 0.8, 0.8)["p_height"] < -0.3


@given(st.floats(1e-4, 1e4))
def test_gain_changes_nothing(gain: float) -> None:
    """The gain of the whole stream, learned beats included."""
    reference, scaled = BeatContext(1), BeatContext(1)
    for height in (1.0, 1.1, 0.9):
        reference.learn(beat(height=height), 0.8, np.array([True]))
        scaled.learn(beat(height=gain * height), 0.8, np.array([True]))
    expected = reference.input(beat(width=6), 0.6, 1.0)
    found = scaled.input(gain * beat(width=6), 0.6, 1.0)
    np.testing.assert_allclose(found.ecg, expected.ecg, atol=1e-4)
    np.testing.assert_allclose(found.context, expected.context, atol=1e-4)


def test_a_wrong_template_is_outgrown() -> None:
    state = taught(beats=8)
    for _ in range(12):
        state.learn(beat(width=10, p=0), 0.8, np.array([True]))
    assert context_of(state, beat(width=10, p=0), 0.8)["qrs_similarity"] == pytest.approx(1, 0.01)


def test_an_unusable_lead_teaches_no_shape_but_its_height() -> None:
    state = BeatContext(2)
    window = np.concatenate([beat(), 3 * beat(width=10)])
    for _ in range(5):
        state.learn(window, 0.8, np.array([True, False]))
    assert state.height[1] == pytest.approx(3, rel=0.1)
    given_input = state.input(window, 0.8, None)
    np.testing.assert_array_equal(given_input.ecg[1, 0], given_input.ecg[1, 1])


def two_waves(late: float = 0.0) -> NDArray[np.float64]:
    """A broad QRS of two waves 96 ms apart, [1, SAMPLES], whose R is taken `late` samples late."""
    t = np.arange(SAMPLES) - BEFORE + late
    waves = np.exp(-((t / 4) ** 2)) - 1.1 * np.exp(-(((t - 12) / 4) ** 2))
    window: NDArray[np.float64] = (waves + 0.3 * np.exp(-(((t - 45) / 10) ** 2)))[None]
    return window


def test_a_qrs_of_two_waves_begins_with_the_same_one() -> None:
    state, counts = BeatContext(1), np.array([1.0])
    assert state.early(two_waves(12), counts) == 0  # nothing is known yet
    for _ in range(10):
        state.learn(two_waves(), 0.8, np.array([True]))
    assert state.early(two_waves(), counts) == 0
    assert abs(state.early(two_waves(12), counts) - 12) <= 2
    assert abs(state.early(-3 * -two_waves(10) + 7, counts) - 10) <= 2
    assert state.early(np.full((1, SAMPLES), np.nan), np.array([0.0])) == 0


@given(st.floats(2, 9), st.floats(0.1, 5), st.integers(0, 2**32 - 1))
def test_other_beats_are_not_moved_to_where_they_would_fit(
    width: float, height: float, seed: int
) -> None:
    noise = 0.05 * height * np.random.default_rng(seed).normal(size=(1, SAMPLES))
    state, counts = taught(), np.array([1.0])
    assert state.early(beat(width, height=height) + noise, counts) == 0
    assert state.early(-beat(width, height=height) + noise, counts) == 0
