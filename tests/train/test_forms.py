"""The forms of a recording: each has a name of its own, and both views are cut from the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.filters import STREAM_FS
from edge.synthetic import synthesize
from train.data.mitdb import Annotations
from train.student.beats import observe
from train.student.forms import SYNTHETIC, Change, Form, forms, make

CHANGES: tuple[Change, ...] = ("none", "noise", "rhythm")
NAMES = st.lists(st.text("0123456789", min_size=1), unique=True, max_size=4)


@given(NAMES)
def test_each_form_has_one_name_and_is_found_by_it(records: list[str]) -> None:
    known = forms(records, *CHANGES)
    names = [form.name for form in known]
    assert len(set(names)) == len(names) == len(records) * (2 + SYNTHETIC)
    assert [Form.named(name) for name in names] == known


def test_noise_alone_is_taken_away() -> None:
    for form in forms(["101"], *CHANGES):
        same = form.without_noise
        assert same == (Form("101") if form.change == "noise" else form)


@pytest.mark.parametrize("form", forms(["101"], *CHANGES), ids=lambda form: form.name)
def test_a_form_is_the_same_whenever_it_is_made_and_observed_where_it_has_beats(
    form: Form,
) -> None:
    made = synthesize("NNNNNNSNNNNVNN" * 30, 360.0, np.random.default_rng(0))
    samples, labels = zip(*made.beats, strict=True)
    symbols = np.array([{"N": "N", "S": "A", "V": "V"}[label] for label in labels])
    reference = Annotations(360.0, np.array(samples), symbols, (), ())
    noises = [np.sin(np.arange(648_000)[:, None] / np.array([200, 300]))]  # wander, half an hour
    one, other = (make(form, made.mv, reference, noises, form.rng()) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one.fs == STREAM_FS) == (form.change == "rhythm")
    same = one.mv.shape == made.mv.shape and np.array_equal(one.mv, made.mv)
    assert same == (form.change == "none")
    beats = observe(made.mv, reference, form, ("N", "S", "V"), noises, annotated=True)
    assert set(beats.form) == {form.name}
    r = one.r * STREAM_FS / one.fs
    assert np.abs(beats.sample[:, None] - r).min(1).max() < 8
    assert len(np.unique(beats.sample)) > 0.9 * len(r)
