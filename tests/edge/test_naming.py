"""What an observation is called, in the light of the rhythm."""

import math
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.beats import CONTEXT, P_PART, QRS_LAGS, SAMPLES, BeatInput
from edge.naming import BELIEVED_BEATS, Naming, in_fibrillation
from edge.rhythm import RhythmWatch
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
    """An observation; before the QRS the share `p` is the beat's P wave, the rest is by chance."""
    ecg = math.sqrt(1 - p**2) * RNG.normal(0, 0.5, (1, 2, SAMPLES))
    ecg[:, :, P_PART] += p * np.hanning(P_PART.stop - P_PART.start)
    context = np.zeros((1, len(CONTEXT)), np.float32)
    given = cast(BeatInput, SimpleNamespace(ecg=ecg.astype(np.float32), context=context))
    return BeatView(i, r, r + 100, True, rr, given, np.ones(1), detection, False)


def names(intervals: list[float], p: float) -> list[str]:
    naming, r = Naming(cast(Any, Premature()), RhythmWatch(1)), 0
    said: list[str] = []
    for i, rr in enumerate(intervals):
        r += round(250 * rr)
        seen = view(i, r, rr, p)
        label, _ = naming.label(naming.probabilities(seen, *naming.classified([seen])))
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
    naming = Naming(cast(Any, Premature()), RhythmWatch(1))
    seen = view(0, 0, 0.8, 0.9, detection=0.0)
    assert naming.label(naming.probabilities(seen, *naming.classified([seen]))) == ("U", 1.0)


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


class Unlike:
    """Says of a beat that is unlike the patient's template that it is V, of others N."""

    classes = CLASSES
    unknown_below = 0.5

    def probabilities(self, ecg: Any, context: Any) -> Any:
        unlike = context[:, CONTEXT.index("qrs_similarity")] < 0.9
        return np.where(unlike[:, None], [0.1, 0.0, 0.9, 0.0], [0.9, 0.0, 0.1, 0.0])


NARROW = np.hanning(QRS_LAGS.shape[1] // 4)
BROAD = -np.hanning(QRS_LAGS.shape[1])
MIDDLE = int(QRS_LAGS.mean())


def named(beats: str, templates: str, rr: float = 0.8) -> str:
    """What beats that are (n)arrow or (b)road are called beside such templates of the patient."""
    naming, r = Naming(cast(Any, Unlike()), RhythmWatch(1)), 0
    said = ""
    for i, kinds in enumerate(zip(beats, templates, strict=True)):
        r += round(250 * rr)
        ecg = np.zeros((1, 2, SAMPLES), np.float32)
        for channel, kind in enumerate(kinds):
            qrs = NARROW if kind == "n" else BROAD
            first = MIDDLE - len(qrs) // 2
            ecg[0, channel, first : first + len(qrs)] = qrs
        context = np.zeros((1, len(CONTEXT)), np.float32)
        context[0, CONTEXT.index("qrs_similarity")] = float(kinds[0] == kinds[1])
        given = cast(BeatInput, SimpleNamespace(ecg=ecg, context=context))
        seen = BeatView(i, r, r + 100, True, rr, given, np.ones(1), 1.0, False)
        label, _ = naming.label(naming.probabilities(seen, *naming.classified([seen])))
        naming.learn(seen, label)
        said += label
    return said


@pytest.mark.parametrize("rr", [0.4, 0.8])
def test_a_ventricular_rhythm_stays_ventricular_when_the_template_follows_it(rr: float) -> None:
    """And the patient's beats stay his."""
    beats = "n" * 20 + "b" * 150 + "n" * 20
    assert named(beats, "n" * 70 + "b" * 120, rr) == beats.replace("n", "N").replace("b", "V")


def test_what_the_template_was_before_anything_was_known_is_not_the_patients() -> None:
    """A stream that begins in bigeminy, whose V were learnt first."""
    beats = "bn" * 4 + "nnn" + "bn" * 4 + "n" * 20 + "b" + "n" * 20
    said = named(beats, "b" * 12 + "n" * (len(beats) - 12))
    assert said[12:] == beats[12:].replace("n", "N").replace("b", "V")


def test_another_shape_that_stays_becomes_the_patients_normal() -> None:
    """A bundle branch block, or other electrodes; told as a ventricular rhythm for minutes."""
    said = named("n" * 20 + "b" * 400, "n" * 40 + "b" * 380)
    assert said[:40] == "N" * 20 + "V" * 20
    assert said[20:].count("V") <= BELIEVED_BEATS + 5
    assert set(said[20 + BELIEVED_BEATS + 5 :]) == {"N"}
