"""Waves out of classes, and their scoring against cases made by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from train.metrics.delineation import COUNTS, TOLERANCE_MS, Waves, compare, delineate, ends, runs

FS = 500.0
Masks = NDArray[np.int8]

masks = st.lists(
    st.tuples(st.sampled_from([-1, 0, 1, 2, 3]), st.integers(1, 60)), min_size=1, max_size=30
).map(lambda parts: np.repeat([k for k, _ in parts], [n for _, n in parts]).astype(np.int8))


def beats(n: int, shift: int = 0) -> Masks:
    """Some beats a second apart, marked from the first QRS to the last, as LUDB is."""
    classes = np.zeros(500 * n, np.int8)
    for start in range(100, 500 * n, 500):
        for kind, first, last in ((1, 0, 45), (2, 80, 125), (3, 190, 280)):
            classes[start + shift + first : start + shift + last + 1] = kind
    return classes


def marked(n: int) -> Masks:
    """`beats` with nothing marked outside the first and the last QRS."""
    classes = beats(n)
    inside = np.flatnonzero(classes == 2)
    classes[: inside[0]] = classes[inside[-1] + 1 :] = -1
    return classes


@given(masks)
def test_runs_draw_the_classes_again(classes: Masks) -> None:
    waves = runs(classes, FS)
    drawn = np.zeros(len(classes), np.int8)
    for kind, onset, offset in zip(*waves, strict=True):
        drawn[onset // 2 : offset // 2 + 1] = kind
    assert np.array_equal(drawn, classes.clip(min=0))


@given(masks)
def test_a_perfect_prediction_errs_nowhere(classes: Masks) -> None:
    counts = compare(runs(classes, FS), classes, FS)
    assert not counts[..., 1:].any()
    n = [np.sum(runs(classes, FS).kind == k) for k in (1, 2, 3)]
    assert counts[..., 0].tolist() == [[k, k] for k in n]


@given(st.integers(-75, 75))
def test_a_shift_within_the_tolerance_is_an_error_in_ms(samples: int) -> None:
    counts = compare(runs(beats(4, samples), FS), beats(4), FS)
    for wave in counts.reshape(-1, len(COUNTS)):
        assert ends(wave).rates.f1 == 1
        assert ends(wave).mean_ms == 2 * samples
        assert ends(wave).sd_ms == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shift", [76, -76])
def test_a_larger_shift_finds_nothing(shift: int) -> None:
    assert abs(shift) * 2 > TOLERANCE_MS
    counts = compare(runs(beats(4, shift), FS), beats(4), FS)
    assert not counts[..., 0].any()
    assert (counts[..., 1] == 4).all()
    assert (counts[..., 2] == 4).all()


def test_nothing_found_is_all_missed() -> None:
    counts = compare(runs(np.zeros(2000, np.int8), FS), marked(4), FS)
    assert counts[..., 1].tolist() == [[3, 3], [4, 4], [3, 3]]
    assert ends(counts[0, 0]).rates.se == 0
    assert np.isnan(ends(counts[0, 0]).mean_ms)


def test_what_is_found_where_nothing_was_marked_is_not_extra() -> None:
    assert not compare(runs(beats(4), FS), marked(4), FS)[..., 1:].any()


def test_a_first_onset_found_early_is_found() -> None:
    found = runs(beats(4, -5), FS)
    assert found.onset_ms[found.kind == 2][0] < np.flatnonzero(marked(4) >= 0)[0] * 2
    assert ends(compare(found, marked(4), FS)[1, 0]).rates == (4, 0, 0)


def test_an_extra_wave_between_marks_is_extra() -> None:
    waves = runs(beats(4), FS)
    more = Waves(*(np.append(a, b) for a, b in zip(waves, (1, 900, 950), strict=True)))
    order = np.argsort(more.onset_ms)
    counts = compare(Waves(*(a[order] for a in more)), marked(4), FS)
    assert counts[0, :, :3].tolist() == [[3, 0, 1], [3, 0, 1]]
    assert not counts[1:, :, 1:3].any()


@given(masks, masks)
def test_marks_are_found_or_missed(found: Masks, classes: Masks) -> None:
    counts = compare(runs(found, FS), classes, FS)
    n = [np.sum(runs(classes, FS).kind == k) for k in (1, 2, 3)]
    assert (counts[..., 0] + counts[..., 1]).tolist() == [[k, k] for k in n]
    assert (counts[..., 4] <= counts[..., 0] * TOLERANCE_MS**2).all()


@given(masks)
def test_counts_are_the_same_at_another_rate(classes: Masks) -> None:
    at_250 = runs(np.repeat(classes, 2), 250.0)
    assert np.array_equal(at_250.onset_ms, runs(np.repeat(classes, 4), FS).onset_ms)


def told(classes: Masks, certainty: float = 0.9) -> NDArray[np.float64]:
    """Logarithms of probabilities that say these classes, [1, 4, T]."""
    p = np.full((4, len(classes)), (1 - certainty) / 3)
    p[classes, np.arange(len(classes))] = certainty
    log_p: NDArray[np.float64] = np.log(p)[None]
    return log_p


@pytest.mark.parametrize("fs", [100.0, 250.0, 500.0])
def test_waves_that_the_grammar_allows_are_left_alone(fs: float) -> None:
    classes = beats(5)[:: round(500 / fs)]
    for found, true in zip(delineate(told(classes), fs)[0], runs(classes, fs), strict=True):
        assert np.array_equal(found, true)


def test_a_hole_in_a_wave_is_closed_and_a_speck_is_dropped() -> None:
    classes = beats(5)
    classes[100 + 210 : 100 + 220] = 0
    classes[560:565] = 2
    clean = runs(beats(5), FS)
    assert np.array_equal(delineate(told(classes), FS)[0].onset_ms, clean.onset_ms)


def keeps_to_the_grammar(waves: Waves) -> bool:
    """A T wave comes only after a QRS; the first may be of a beat before the window."""
    return all(kind != 3 or before == 2 for before, kind in pairwise(waves.kind.tolist()))


def test_a_second_t_wave_and_one_without_a_qrs_are_not_there() -> None:
    classes = beats(3)
    classes[400:450] = 3
    found = delineate(told(classes, 0.6), FS)[0]
    assert keeps_to_the_grammar(found)
    assert (found.kind == 3).sum() == 3


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_whatever_is_said_the_waves_keep_to_the_grammar(seed: int) -> None:
    said = np.random.default_rng(seed).dirichlet(np.ones(4), (3, 200)).transpose(0, 2, 1)
    rows = delineate(np.log(said), 100.0)
    for found, row in zip(rows, said, strict=True):
        alone = delineate(np.log(row[None]), 100.0)[0]
        assert all(np.array_equal(a, b) for a, b in zip(found, alone, strict=True))
        assert keeps_to_the_grammar(found)
        inner = found.onset_ms > 0
        least = np.array([0, 30, 40, 60])[found.kind[inner]]
        assert (found.offset_ms[inner] - found.onset_ms[inner] >= least).all()
