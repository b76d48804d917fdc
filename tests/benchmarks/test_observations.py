"""Observations outside the monitor are the monitor's own."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.beats.observations import (
    Observations,
    Signal,
    classify,
    count,
    observe,
    read_signal,
)
from benchmarks.play import play
from edge.bundle import DEFAULT_BUNDLE, Bundle
from edge.classify import Classifier
from edge.filters import STREAM_FS
from edge.stream import BeatView
from train.data.mitdb import Annotations, read_annotations

BUNDLE = Bundle.load()
CLASSES = BUNDLE.manifest.classes


@pytest.fixture(scope="module")
def signal(made_data: Path) -> Signal:
    return read_signal(made_data / "mitdb" / "100", None)


def same_as_the_monitor(path: Path, leads: list[str] | None) -> None:
    played = play(path, leads, DEFAULT_BUNDLE, None)
    heard = read_signal(path, leads)
    found = observe(heard)
    for final, label, delay_ms in (
        (False, played.provisional, played.provisional_delay_ms),
        (True, played.final, played.final_delay_ms),
    ):
        observed = classify(heard, found, Classifier(BUNDLE), final=final)
        assert observed.labels(BUNDLE.manifest).tolist() == label.tolist()
        assert observed.sample.tolist() == played.sample.tolist()
        np.testing.assert_allclose(observed.delay_ms, delay_ms, atol=0.05)


@pytest.mark.parametrize("leads", [None, ["1"]])
def test_labels_and_delays_are_the_monitors(made_data: Path, leads: list[str] | None) -> None:
    same_as_the_monitor(made_data / "mitdb" / "100", leads)


@pytest.mark.slow
@pytest.mark.data_required("mitdb")
def test_labels_and_delays_are_the_monitors_on_a_recording(mitdb: Path) -> None:
    same_as_the_monitor(mitdb / "207", None)


def test_what_is_forgotten_is_learned_again(signal: Signal) -> None:
    at = int(30 * STREAM_FS)
    plain, forgetful = ([v for v in observe(signal, forget=f) if v.final] for f in ([], [at]))
    assert [v.r for v in plain] == [v.r for v in forgetful]

    def same(a: BeatView, b: BeatView) -> bool:
        return a.input.context.tobytes() == b.input.context.tobytes()

    before = [same(*pair) for pair in zip(plain, forgetful, strict=True) if pair[0].at < at]
    first = next(i for i, v in enumerate(plain) if v.at >= at)
    assert len(before) == first
    assert all(before)
    assert not same(plain[first], forgetful[first])
    ecg = forgetful[first].input.ecg
    assert np.array_equal(ecg[:, 0], ecg[:, 1])  # no template: the beat stands for it
    assert not np.array_equal(plain[first].input.ecg[:, 0], plain[first].input.ecg[:, 1])


def observations(probabilities: NDArray[np.float64]) -> Observations:
    n = len(probabilities)
    return Observations("r", 360.0, np.arange(n, dtype=np.int64) * 300, np.zeros(n), probabilities)


def test_no_signal_and_no_confidence_are_unknown() -> None:
    threshold = BUNDLE.manifest.thresholds["unknown_below"]
    sure, unsure = np.eye(len(CLASSES)), np.full((1, len(CLASSES)), threshold / 2)
    nothing = np.full((1, len(CLASSES)), np.nan)
    label = observations(np.concatenate([sure, unsure, nothing])).labels(BUNDLE.manifest)
    assert label.tolist() == [*CLASSES, "U", "U"]


@given(st.floats(0, 70), st.lists(st.sampled_from("NSVU"), min_size=80, max_size=80))
def test_counts_of_stretches_add_up(made_data: Path, cut: float, names: list[str]) -> None:
    reference: Annotations = read_annotations(made_data / "mitdb" / "100")
    found = observations(np.zeros((80, len(CLASSES))))
    whole, before, after = (
        count(found, np.array(names), reference, "papers", *span)
        for span in ((0.0,), (0.0, cut), (cut,))
    )
    assert np.array_equal((before + after).confusion, whole.confusion)
    assert (before + after).squared_ms == pytest.approx(whole.squared_ms)
    assert before.confusion.min() >= 0
