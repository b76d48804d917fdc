"""The matcher and its counts, against wfdb, against `bxb`'s formulae, and by hand."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import wfdb.processing
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from train.data.mitdb import read_annotations
from train.metrics.ec57 import REFERENCE_ROWS, TEST_COLUMNS, Counts, Rates, average, compare, match

FS = 360.0
WINDOW = 54

Ints = NDArray[np.int64]


def ints(*values: int) -> Ints:
    return np.array(values, dtype=np.int64)


beat_lists = st.lists(st.integers(0, 3000), unique=True).map(lambda b: ints(*sorted(b)))
references = st.lists(st.tuples(st.integers(0, 3000), st.sampled_from("NSVFQ")), max_size=40)
tests = st.lists(st.tuples(st.integers(0, 3000), st.sampled_from("NSVFQU")), max_size=40)
Beats = list[tuple[int, str]]


def counted(
    reference: Beats,
    test: Beats,
    start_s: float = 0.0,
    vf: Sequence[tuple[int, int]] = (),
    shift: int = 0,
) -> Counts:
    return compare(
        ints(*(sample + shift for sample, _ in reference)),
        [name for _, name in reference],
        ints(*(sample + shift for sample, _ in test)),
        [name for _, name in test],
        FS,
        start_s=start_s,
        vf=vf,
    )


def cells(counts: Counts) -> dict[str, int]:
    """Nonzero cells by name, in `bxb`'s way: Nv is a reference N called V."""
    return {
        row + column.lower(): int(counts.confusion[i, j])
        for i, row in enumerate(REFERENCE_ROWS)
        for j, column in enumerate(TEST_COLUMNS)
        if counts.confusion[i, j]
    }


# --- match


@given(beat_lists, beat_lists, st.integers(0, 200))
def test_pairs_are_one_to_one_in_order_and_near(reference: Ints, test: Ints, window: int) -> None:
    pairs = match(reference, test, window)
    assert pairs.shape == reference.shape
    found = pairs >= 0
    assert np.all(np.diff(pairs[found]) > 0)
    assert np.all(np.abs(reference[found] - test[pairs[found]]) <= window)


@given(beat_lists, beat_lists)
def test_as_many_pairs_when_the_lists_change_places(reference: Ints, test: Ints) -> None:
    forth, back = match(reference, test, WINDOW), match(test, reference, WINDOW)
    assert np.count_nonzero(forth >= 0) == np.count_nonzero(back >= 0)


@given(beat_lists)
def test_a_list_matches_itself(beats: Ints) -> None:
    assert match(beats, beats, 0).tolist() == list(range(len(beats)))


@given(beat_lists, st.data())
def test_jitter_under_a_quarter_of_the_shortest_rr_costs_nothing(
    beats: Ints, data: st.DataObject
) -> None:
    beats = np.cumsum(beats % 300 + 100)
    jitter = data.draw(st.lists(st.integers(-24, 24), min_size=len(beats), max_size=len(beats)))
    test = beats + ints(*jitter)
    assert match(beats, test, WINDOW).tolist() == list(range(len(beats)))


@pytest.mark.parametrize(
    ("reference", "test", "expected"),
    [
        ([], [], []),
        ([], [100], []),
        ([100], [], [-1]),
        ([100], [154], [0]),  # the window's ends belong to it
        ([100], [155], [-1]),
        ([100], [46], [0]),
        ([100], [45], [-1]),
        ([100], [90, 105], [1]),  # two in the window: the nearer one
        ([100], [95, 110], [0]),
        ([100], [90, 110], [1]),  # a tie goes to the following one
        ([100, 120], [110], [-1, 0]),
        ([100, 140], [110, 130], [0, 1]),
        ([100, 140], [130], [-1, 0]),
        # A chain: 1052 is nearer to 1097 than to 1000, 1138 is nearer to 1097 than 1052 is.
        ([1000, 1097, 1300], [1052, 1138, 1300], [-1, 1, 2]),
    ],
)
def test_edge_cases(reference: list[int], test: list[int], expected: list[int]) -> None:
    assert match(ints(*reference), ints(*test), WINDOW).tolist() == expected


def perturbed(reference: Ints, rng: np.random.Generator, jitter: int) -> Ints:
    """The list with 3 % of its beats gone and the rest moved by up to `jitter` samples."""
    kept = reference[rng.random(len(reference)) > 0.03]
    return kept + rng.integers(-jitter, jitter, len(kept), endpoint=True)


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("record", ["100", "207", "215", "232"])
def test_as_wfdb_where_no_two_beats_compete(mitdb: Path, record: str) -> None:
    rng = np.random.default_rng(int(record))
    reference = read_annotations(mitdb / record).sample
    test = perturbed(reference, rng, 22)  # a quarter of the shortest RR interval of 250 ms
    far = rng.integers(0, 650_000, 500)
    nearest = np.abs(far[:, None] - np.concatenate([reference, test])).min(axis=1)
    test = np.union1d(test, far[nearest > 2 * WINDOW])
    # wfdb leaves the window's end out.
    theirs = wfdb.processing.compare_annotations(reference, test, WINDOW + 1)
    assert match(reference, test, WINDOW).tolist() == theirs.matching_sample_nums.tolist()


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("record", ["100", "205", "207", "215", "232"])
def test_nearly_as_wfdb_where_beats_compete(mitdb: Path, record: str) -> None:
    """Theirs gives ties to the earlier beat, and keeps the first pair of a chain."""
    rng = np.random.default_rng(int(record))
    reference = read_annotations(mitdb / record).sample
    test = np.union1d(perturbed(reference, rng, 60), rng.integers(0, 650_000, 300))
    theirs = wfdb.processing.compare_annotations(reference, test, WINDOW + 1).matching_sample_nums
    ours = match(reference, test, WINDOW)
    assert abs(np.count_nonzero(ours >= 0) - np.count_nonzero(theirs >= 0)) <= 2
    assert np.count_nonzero(ours != theirs) < 0.003 * len(reference)


# --- compare


@given(references, tests, st.floats(0, 9))
def test_counts_add_up(reference: Beats, test: Beats, start_s: float) -> None:
    counts = counted(reference, test, start_s)
    for name in "NSVFQ":
        expected = sum(beat == name and s >= start_s * FS for s, beat in reference)
        assert counts.confusion[REFERENCE_ROWS.index(name)].sum() == expected
    assert counts.confusion[REFERENCE_ROWS.index("O"), TEST_COLUMNS.index("O")] == 0
    if start_s == 0:
        for name in "NSVFQU":
            column = TEST_COLUMNS.index(name)
            assert counts.confusion[:, column].sum() == sum(beat == name for _, beat in test)
    assert counts.qrs.tp + counts.qrs.fn == sum(s >= start_s * FS for s, _ in reference)


@given(references, tests, st.integers(0, 10_000))
def test_only_distances_matter(reference: Beats, test: Beats, shift: int) -> None:
    here, there = counted(reference, test), counted(reference, test, shift=shift)
    assert np.array_equal(here.confusion, there.confusion)
    assert here.squared_ms == there.squared_ms


@given(references.map(dict), tests.map(dict))
def test_order_of_arrival_does_not_matter(reference: dict[int, str], test: dict[int, str]) -> None:
    as_drawn = counted(list(reference.items()), list(test.items()))
    in_order = counted(sorted(reference.items()), sorted(test.items()))
    assert np.array_equal(as_drawn.confusion, in_order.confusion)


@given(references, tests, references, tests)
def test_gross_is_the_sum(r1: Beats, t1: Beats, r2: Beats, t2: Beats) -> None:
    """Two records pooled are one record in which they follow each other."""
    later = 10_000
    both = counted(
        r1 + [(s + later, c) for s, c in r2],
        t1 + [(s + later, c) for s, c in t2],
    )
    pooled = counted(r1, t1) + counted(r2, t2)
    assert np.array_equal(both.confusion, pooled.confusion)
    assert both.squared_ms == pytest.approx(pooled.squared_ms)


def test_cells_by_hand() -> None:
    counts = counted(
        [(1000, "N"), (2000, "S"), (3000, "V"), (4000, "F"), (5000, "V")],
        [(1018, "N"), (2000, "N"), (2982, "V"), (4000, "U"), (4500, "S"), (4600, "U")],
    )
    assert cells(counts) == {"Nn": 1, "Sn": 1, "Vv": 1, "Fu": 1, "Vo": 1, "Os": 1, "Ou": 1}
    assert counts.qrs == Rates(tp=4, fn=1, fp=2)  # U is detected
    assert counts.of("N") == Rates(1, 0, 1)
    assert counts.of("S") == Rates(0, 1, 1)
    assert counts.of("V") == Rates(1, 1, 0)
    assert counts.of("F") == Rates(0, 1, 0)  # U is a miss of the class, and no claim
    assert counts.unknown == 2
    assert counts.jitter_ms == pytest.approx(math.sqrt(2 * 50**2 / 4))


def test_no_beats_at_all() -> None:
    counts = counted([], [])
    assert cells(counts) == {}
    for rates in (counts.qrs, counts.veb, counts.sveb, counts.of("N")):
        assert math.isnan(rates.se)
        assert math.isnan(rates.ppv)
        assert math.isnan(rates.f1)
    assert math.isnan(counts.jitter_ms)
    assert math.isnan(counts.macro_f1)


def test_start_cuts_by_reference_of_a_pair() -> None:
    start_s = 10.0  # sample 3600
    assert cells(counted([(3590, "N")], [(3610, "N")], start_s)) == {}
    assert cells(counted([(3610, "V")], [(3590, "V")], start_s)) == {"Vv": 1}
    assert cells(counted([(3600, "V")], [], start_s)) == {"Vo": 1}
    assert cells(counted([(3599, "V")], [], start_s)) == {}
    assert cells(counted([], [(3600, "V")], start_s)) == {"Ov": 1}
    assert cells(counted([], [(3599, "V")], start_s)) == {}


def test_fibrillation_excuses_extra_beats_only() -> None:
    vf = [(1000, 2000), (5000, 6000)]
    extra: Beats = [(999, "V"), (1000, "V"), (1500, "V"), (2000, "V"), (2001, "V"), (5500, "N")]
    assert cells(counted([], extra, vf=vf)) == {"Ov": 2}
    # A beat inside may still be the partner of a reference beat just outside.
    assert cells(counted([(2010, "V")], [(1990, "V")], vf=vf)) == {"Vv": 1}


@given(
    st.lists(
        st.integers(0, 1000),
        min_size=len(REFERENCE_ROWS) * len(TEST_COLUMNS),
        max_size=len(REFERENCE_ROWS) * len(TEST_COLUMNS),
    )
)
def test_formulae_of_bxb(values: list[int]) -> None:
    """EC57's formulae as `bxb` writes them; its q column holds our Q and U, O its O and X."""
    confusion = ints(*values).reshape(len(REFERENCE_ROWS), len(TEST_COLUMNS))
    confusion[-1, -1] = 0
    counts = Counts(confusion)
    c = {
        row + column.lower(): int(confusion[i, j])
        for i, row in enumerate(REFERENCE_ROWS)
        for j, column in enumerate(TEST_COLUMNS)
    }
    assert counts.qrs.fn == c["No"] + c["So"] + c["Vo"] + c["Fo"] + c["Qo"]
    assert counts.qrs.fp == c["On"] + c["Os"] + c["Ov"] + c["Of"] + c["Oq"] + c["Ou"]
    assert sum(counts.qrs) == sum(values) - values[-1]
    veb = (c["Vv"], c["Vn"] + c["Vs"] + c["Vf"] + c["Vq"] + c["Vu"] + c["Vo"])
    assert counts.veb == (*veb, c["Nv"] + c["Sv"] + c["Ov"])
    sveb = (c["Ss"], c["Sn"] + c["Sv"] + c["Sf"] + c["Sq"] + c["Su"] + c["So"])
    assert counts.sveb == (*sveb, c["Ns"] + c["Vs"] + c["Fs"] + c["Os"])
    assert counts.of("V") == (*veb, counts.veb.fp + c["Fv"] + c["Qv"])
    assert counts.of("N").fp == c["Sn"] + c["Vn"] + c["Fn"] + c["Qn"] + c["On"]


def test_rates_and_average() -> None:
    rates = Rates(tp=8, fn=2, fp=8)
    assert (rates.se, rates.ppv) == (0.8, 0.5)
    assert rates.f1 == pytest.approx(2 * 0.8 * 0.5 / 1.3)
    assert math.isnan(Rates(tp=0, fn=0, fp=3).f1)
    assert Rates(tp=0, fn=3, fp=0).f1 == 0
    assert average([0.5, math.nan, 1.0]) == 0.75
    assert math.isnan(average([math.nan]))
