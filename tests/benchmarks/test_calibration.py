"""Calibration errors that are known beforehand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.beats.calibration import Judged, figures, reliability
from benchmarks.cli import main
from benchmarks.play import play
from edge.bundle import DEFAULT_BUNDLE, Bundle
from train.data.mitdb import read_annotations
from train.metrics.ec57 import WINDOW_S, match

CLASSES = ("N", "S", "V", "F")


def judged(n: int, sharpened: float) -> Judged:
    """Beats of which each class has the probability that is said, or is said to the power."""
    rng = np.random.default_rng(7)
    p = rng.dirichlet([0.6] * 4, n)
    truth = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=3)
    said = p**sharpened
    return Judged(said / said.sum(axis=1, keepdims=True), truth)


def test_what_is_calibrated_has_no_error_and_what_boasts_has() -> None:
    honest = figures(judged(40_000, 1.0), CLASSES, 0.5)
    assert honest["ece"] < 0.01
    assert all(part["ece"] < 0.02 for part in honest["named"].values())
    for power in (0.5, 2.0):
        other = figures(judged(40_000, power), CLASSES, 0.5)
        assert other["ece"] > 0.05
        assert other["nll"] > honest["nll"]
        assert other["brier"] > honest["brier"]


def test_the_error_of_one_confidence_is_its_distance_from_the_truth() -> None:
    right = np.arange(10) < 6
    assert reliability(np.full(10, 0.9), right)["ece"] == pytest.approx(0.3)
    assert reliability(np.full(10, 0.6), right)["ece"] == pytest.approx(0.0)
    assert reliability(np.full(0, 0.6), right[:0]) == {"ece": None, "reliability": []}


def test_scores_of_one_beat_by_hand() -> None:
    one = Judged(np.array([[0.7, 0.1, 0.1, 0.1]]), np.array([0]))
    found = figures(one, CLASSES, 0.5)
    assert found["nll"] == pytest.approx(-np.log(0.7), abs=1e-6)
    assert found["brier"] == pytest.approx(0.09 + 3 * 0.01)


@given(
    st.lists(st.tuples(st.floats(0.25, 1.0), st.booleans()), min_size=1, max_size=200),
)
def test_bins_hold_every_beat(beats: list[tuple[float, bool]]) -> None:
    confidence, right = (np.array(x) for x in zip(*beats, strict=True))
    found = reliability(confidence, right)
    rows = found["reliability"]
    n = len(beats)
    assert sum(row["beats"] for row in rows) == n
    for name, values in (("confidence", confidence), ("right", right)):
        mean = sum(row[name] * row["beats"] for row in rows) / n
        assert mean == pytest.approx(values.mean(), abs=1e-5)
    assert abs(confidence.mean() - right.mean()) - 1e-5 <= found["ece"] <= 1


def test_coverage_falls_and_counts_what_has_no_signal_as_abstained() -> None:
    some = judged(2000, 1.0)
    some.probabilities[:500] = np.nan
    some.truth[500:510] = len(CLASSES)  # of class Q
    rows = figures(some, CLASSES, 0.42)["coverage"]
    assert rows[0]["coverage"] == 0.75
    assert 0.42 in [row["threshold"] for row in rows]
    covered = [row["coverage"] for row in rows]
    assert covered == sorted(covered, reverse=True)
    given = some.probabilities[500:]
    kept = given.max(axis=1) >= 0.42
    wrong = given.argmax(axis=1)[kept] != some.truth[500:][kept]
    row = next(row for row in rows if row["threshold"] == 0.42)
    assert row["error"] == pytest.approx(wrong.mean(), abs=1e-6)


def test_the_shipped_threshold_covers_what_the_monitor_names(
    made_data: Path, tmp_path: Path
) -> None:
    out, picture = tmp_path / "figures.json", tmp_path / "picture.png"
    arguments = ["calibration", "--data", str(made_data), "--set", "100"]
    assert main([*arguments, "--json", str(out), "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    found: Any = json.loads(out.read_text())
    path = made_data / "mitdb" / "100"
    played = play(path, None, DEFAULT_BUNDLE, None)
    pairs = match(read_annotations(path).sample, played.sample, int(WINDOW_S * 360 + 0.5))
    shipped = Bundle.load().manifest.thresholds["unknown_below"]
    assert found["unknown_below"] == shipped
    for name, label in (("provisional", played.provisional), ("final", played.final)):
        row = next(r for r in found[name]["coverage"] if r["threshold"] == shipped)
        named = label[pairs[pairs >= 0]] != "U"
        assert row["coverage"] == pytest.approx(named.mean(), abs=1e-6)
        assert found[name]["beats"] == len(named)
