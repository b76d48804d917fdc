"""How sure a network may be: what Platt's scaling finds, and thresholds that nothing beats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.models.facts import Facts, Statement
from train.reading.card import card
from train.studies.calibration import (
    FEWEST_CASES,
    best_threshold,
    calibration_error,
    measured,
    platt,
)


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.3, -1.5), (2.5, 1.0)])
def test_what_made_the_labels_is_found(slope: float, shift: float) -> None:
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 2, 20_000)
    holds = rng.random(20_000) < 1 / (1 + np.exp(-(slope * logit + shift)))
    np.testing.assert_allclose(platt(logit, holds), (slope, shift), rtol=0.05, atol=0.08)
    off = measured(logit, holds, *platt(logit, holds))
    assert off["calibration_error"] is not None
    assert off["calibration_error"] < 0.01


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.floats(0, 1), st.floats(0.1, 50))
def test_few_cases_give_finite_figures(seed: int, n: int, share: float, size: float) -> None:
    """A higher logit is never less likely, whatever was there to fit."""
    rng = np.random.default_rng(seed)
    slope, shift = platt(rng.normal(0, size, n), rng.random(n) < share)
    assert slope > 0
    assert np.isfinite([slope, shift]).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 80))
def test_no_threshold_has_a_better_f1(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    p, holds = rng.random(n).round(1), rng.random(n) < 0.4
    at = best_threshold(p, holds)
    if at is None:
        assert min(holds.sum(), n - holds.sum()) < FEWEST_CASES
        return

    def f1(threshold: float) -> float:
        stated = p >= threshold
        return 2 * int((stated & holds).sum()) / max(1, int(stated.sum() + holds.sum()))

    assert f1(at) == pytest.approx(max(f1(t) for t in [0.0, *p]))


def test_calibration_error_is_the_distance_from_what_holds() -> None:
    holds = np.array([True, False, False, False])
    assert calibration_error(np.full(4, 0.25), holds) == pytest.approx(0)
    assert calibration_error(np.full(4, 0.75), holds) == pytest.approx(0.5)
    assert calibration_error(np.empty(0), holds[:0]) is None


@pytest.mark.parametrize(
    ("task", "name"), [("superclass", "MI, myocardial infarction"), ("native", "MI"), (None, "MI")]
)
def test_a_card_says_what_is_in_the_facts(task: str | None, name: str) -> None:
    """And explains no label that is not what it knows by that name."""
    figures = {of: measured(np.arange(9.0) - 4, np.arange(9) > 5, 1.0, 0.0, 0.5)
               for of in ("test", "validation")}  # fmt: skip
    none = {of: measured(np.arange(9.0), np.zeros(9, bool)) for of in figures}
    said = (Statement("MI", 1.0, 0.0, 0.5, figures), Statement("a|b", 1.0, 0.0, None, none))
    part = {"records": 31, "patients": 17, "windows": 99}
    origin = {"set": "lab", "task": task, "parts": {"test": part}, "run": {"settings": {"seed": 5}}}
    window = {"fs": 100.0, "seconds": 10.0, "highpass_hz": 0.5}
    text = card(Facts("beatnet", {"width": 64}, ("MI", "a|b"), origin, window, said), "x.onnx")
    for words in ("`lab`", "| test | 31 | 17 | 99 |", "seed 5", "width 64", "No medical device",
                  "arXiv 2601.07316", f"| {name} | 3 of 9 | 100.0 | 50.0 |",
                  r"| a\|b | 0 of 9 | – | – |"):  # fmt: skip
        assert words in text
