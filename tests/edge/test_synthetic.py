"""The synthetic ECG: its beats are where it says, and look like what it calls them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import find_peaks

from edge.synthetic import synthesize

FS = 360.0


@given(
    st.text("NNNNNSV-", min_size=1, max_size=40).filter(lambda s: s.strip("-")),
    st.integers(0, 99),
)
def test_one_beat_a_letter(script: str, seed: int) -> None:
    made = synthesize(script, FS, np.random.default_rng(seed))
    assert "".join(label for _, label in made.beats) == script.replace("-", "")
    samples = [sample for sample, _ in made.beats]
    assert all(b - a > 0.25 * FS for a, b in pairwise(samples))
    assert samples[-1] < len(made.mv)
    assert np.isfinite(made.mv).all()


def test_the_same_seed_gives_the_same_signal() -> None:
    one, same, other = (synthesize("NNVN", FS, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one.mv == same.mv).all()
    assert one.beats == same.beats
    assert other.beats != one.beats


def test_r_peaks_are_where_the_labels_say() -> None:
    made = synthesize("N" * 40, FS, np.random.default_rng(0))
    peaks, _ = find_peaks(made.mv[:, 0], height=0.8, distance=int(0.3 * FS))
    np.testing.assert_allclose(peaks, [sample for sample, _ in made.beats], atol=3)


def rr(script: str) -> np.ndarray:
    made = synthesize(script, FS, np.random.default_rng(3), rr_s=0.8)
    return np.diff([sample for sample, _ in made.beats]) / FS


@pytest.mark.parametrize("label", ["S", "V"])
def test_premature_beats_come_early_and_a_pause_follows(label: str) -> None:
    before, after = rr(f"NNNN{label}NNNN")[3:5]
    assert before < 0.7 * 0.8
    assert after > 1.05 * 0.8
    if label == "V":
        assert before + after == pytest.approx(2 * 0.8, rel=0.06)


def test_an_arrest_is_a_pause() -> None:
    assert max(rr("NNNN-NNNN")) > 2.0


def qrs_width(mv: np.ndarray, r: int) -> float:
    """Seconds during which the first lead is above half of the beat's peak."""
    beat = mv[r - 90 : r + 90, 0]
    return float((beat > beat.max() / 2).sum() / FS)


def test_ventricular_beats_are_wide_and_have_no_p_wave() -> None:
    made = synthesize("NNNNVNNNN", FS, np.random.default_rng(5))
    beats = dict(zip("NV", (made.beats[2][0], made.beats[4][0]), strict=True))
    assert qrs_width(made.mv, beats["V"]) > 2.5 * qrs_width(made.mv, beats["N"])
    p_wave = {label: np.ptp(made.mv[r - 75 : r - 45, 0]) for label, r in beats.items()}
    t_wave = {label: made.mv[r + 110, 0] - made.mv[r - 75, 0] for label, r in beats.items()}
    assert p_wave["N"] > 0.1 > p_wave["V"]
    assert t_wave["N"] > 0 > t_wave["V"]


def test_brackets_mark_noise_and_lead_off() -> None:
    made = synthesize("NNN(NNN)NN[NN]N", FS, np.random.default_rng(0))
    (noise,), (off,) = made.noise, made.lead_off
    inside = [[a <= s < b for s, _ in made.beats] for a, b in (noise, off)]
    assert inside[0] == [False] * 3 + [True] * 3 + [False] * 5
    assert inside[1] == [False] * 8 + [True] * 2 + [False]
    steps = np.abs(np.diff(made.mv[:, 0]))
    assert np.median(steps[slice(*noise)]) > 10 * np.median(steps[: noise[0]])
