"""What a look is called, in the light of the rhythm."""

import math
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.beats import CONTEXT, P_PART, SAMPLES, BeatInput
from edge.naming import Naming, in_fibrillation
from edge.stream import BeatView

CLASSES = ("N", "S", "V", "F")
RNG = np.random.default_rng(4)


class Premature:
    """Says of every beat that it is S, or N."""

    classes = CLASSES
    unknown_below = 0.5

    def probabilities(self, ecg: Any, context: Any) -> Any:
        return np.tile([0.25, 0.6, 0.15, 0.0], (len(ecg), 1))


def view(i: int, r: int, rr: float, p: float, detection: float = 1.0) -> BeatView:
    """A look at a beat; before its QRS the share `p` is its P wave, the rest is by chance."""
    ecg = math.sqrt(1 - p**2) * RNG.normal(0, 0.5, (1, 2, SAMPLES))
    ecg[:, :, P_PART] += p * np.hanning(P_PART.stop - P_PART.start)
    context = np.zeros((1, len(CONTEXT)), np.float32)
    given = cast(BeatInput, SimpleNamespace(ecg=ecg.astype(np.float32), context=context))
    return BeatView(i, r, r + 100, True, rr, given, np.ones(1), detection, False)


def names(intervals: list[float], p: float) -> list[str]:
    naming, r = Naming(cast(Any, Premature()), 1), 0
    said: list[str] = []
    for i, rr in enumerate(intervals):
        r += round(250 * rr)
        seen = view(i, r, rr, p)
        label, _ = naming.label(naming.probabilities(seen))
        naming.learn(seen, label)
        said.append(label)
    return said


def test_no_beat_of_fibrillating_atria_is_premature() -> None:
    said = names((0.6 * np.exp(RNG.normal(0, 0.25, 200))).tolist(), p=0.1)
    assert said[0] == "S"
    assert set(said[60:]) == {"N"}


def test_with_p_waves_or_a_steady_rate_there_are_premature_beats() -> None:
    assert set(names((0.6 * np.exp(RNG.normal(0, 0.25, 200))).tolist(), p=0.9)) == {"S"}
    assert set(names([0.8] * 200, p=0.1)) == {"S"}


def test_a_peak_that_may_be_none_is_unknown() -> None:
    naming = Naming(cast(Any, Premature()), 1)
    assert naming.label(naming.probabilities(view(0, 0, 0.8, 0.9, detection=0.0))) == ("U", 1.0)


@given(arrays(np.float64, (5, 4), elements=st.floats(0.001, 1)))
def test_what_would_be_s_is_n_and_nothing_else_changes(p: np.ndarray[Any, Any]) -> None:
    changed = in_fibrillation(p, CLASSES)
    before, after = p.argmax(1), changed.argmax(1)
    np.testing.assert_array_equal(after, np.where(before == 1, 0, before))
    np.testing.assert_array_equal(changed[before != 1], p[before != 1])
    np.testing.assert_allclose(changed.sum(1), p.sum(1))
    np.testing.assert_array_equal(in_fibrillation(p[0], CLASSES), changed[0])


def test_a_model_without_the_class_is_left_alone() -> None:
    p = np.array([0.2, 0.8])
    np.testing.assert_array_equal(in_fibrillation(p, ("N", "V")), p)
