"""Waves of a recording of any length, by a delineator that says what was planted."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.replay import INVALID, Recording
from train.data.corpus import LEADS
from train.metrics.delineation import Waves, runs
from train.models.facts import DELINEATOR, Facts
from train.reading.delineation import ALL, CUT_T_MS, delineated, intervals, joined, stretches
from train.reading.windows import Seen

FS = 250.0
BEAT = np.repeat([0, 1, 0, 2, 0, 3, 0], [20, 25, 15, 25, 25, 50, 40]).astype(np.int8)
"""0.8 s: P of 100 ms 160 ms before QRS, of 100 ms; QT 400 ms."""


class Planted:
    """A delineator that is sure of one path, which is the same in every lead."""

    path = Path()
    facts = Facts(DELINEATOR, {}, (), {}, {"fs": FS, "seconds": 10.0, "highpass_hz": 0.5})

    def __init__(self, seconds: float) -> None:
        self.truth = np.resize(BEAT, round(seconds * FS))

    def logits(self, seen: Seen) -> np.ndarray:
        of = np.zeros((len(seen.ecg), len(LEADS), 4, seen.ecg.shape[2]))
        for k, start_s in enumerate(seen.start_s):
            part = self.truth[round(start_s * FS) :][: of.shape[3]]
            of[k, :, part, np.arange(len(part))] = 9
        return of


@pytest.mark.parametrize("fs", [128.0, 250.0, 360.0, 500.0, 1000.0])
@pytest.mark.parametrize("seconds", [2.5, 10.0, 11.3, 47.0])
def test_what_was_planted_is_found_once_at_any_rate_and_length(fs: float, seconds: float) -> None:
    """All but what the ends of the recording cut."""
    rng = np.random.default_rng(0)
    nv = rng.integers(-900_000, 900_000, (round(seconds * fs), 2), np.int32)
    net = Planted(seconds)
    found = delineated(net, Recording("made", fs, ("II", "V5"), nv))
    truth = runs(net.truth, FS)
    last_ms = round(1000 * (len(net.truth) - 1) / FS)
    inside = truth.offset_ms < np.where(truth.kind == 3, last_ms - CUT_T_MS, last_ms)
    assert {*found.waves} == {"II", "V5", ALL}
    for waves in found.waves.values():
        for mine, planted in zip(waves, truth, strict=True):
            np.testing.assert_array_equal(mine, planted[inside])
    medians = {i.name: i.median_ms for i in found.intervals}
    assert medians == {
        "PR": 160, "QRS": 96, "QT": 396, "QTc (Fridericia)": 427, "QTc (Bazett)": 443
    }  # fmt: skip


@given(st.integers(0, 99), st.integers(300, 2000), st.integers(2, 140))
def test_windows_join_to_what_they_were_cut_from(seed: int, length: int, wrong: int) -> None:
    """Also where they are wrong about what they hold of waves at their ends."""
    rng = np.random.default_rng(seed)
    size, step = 300, 150
    truth = np.repeat(rng.integers(0, 4, length), rng.integers(20, 60, length))[:length]
    starts = [*range(0, length - size, step), length - size]
    paths = []
    for start in starts:
        path = truth[start : start + size].astype(np.int8)
        if start:
            path[: wrong // 4] = 0
        if start + size < length:
            path[size - wrong // 4 :] = 0
        paths.append(path[None])
    np.testing.assert_array_equal(joined(paths, starts, length)[0], truth)


@pytest.mark.parametrize("fs", [128.0, 250.0, 500.0])
def test_nothing_is_marked_or_measured_across_missing_signal(fs: float) -> None:
    """Each stretch is read as if it were a recording of its own."""
    rng = np.random.default_rng(0)
    nv = rng.integers(-900_000, 900_000, (round(30 * fs), 2), np.int32)
    gaps_s = (3.2, 9.6), (11.0, 12.0), (20.0, 20.8)  # 1.4 s between two of them is too little
    for first, end in gaps_s:
        nv[round(first * fs) : round(end * fs)] = INVALID
    nv[round(28.04 * fs)] = INVALID  # a lost sample hides no wave
    recording, net = Recording("made", fs, ("II", "V5"), nv), Planted(30.0)
    found = delineated(net, recording)
    bounds = ((0.0, 3.2), (12.0, 20.0), (20.8, 30.0))
    parts = [
        delineated(net, replace(recording, nv=nv[round(a * fs) : round(b * fs)])) for a, b in bounds
    ]
    assert found.stretches == 3
    for name, waves in found.waves.items():
        starts_ms = [round(1000 * round(first * fs) / fs) for first, _ in bounds]
        expected = [
            np.add(part.waves[name], [[0], [ms], [ms]])
            for part, ms in zip(parts, starts_ms, strict=True)
        ]
        np.testing.assert_array_equal(np.stack(waves), np.concatenate(expected, 1))
    assert found.beats == sum(part.beats for part in parts)
    for interval in found.intervals:
        assert interval.least_ms == interval.median_ms == interval.greatest_ms
    beats = {i.name: i.beats for i in found.intervals}
    assert beats["QT"] - beats["QTc (Bazett)"] == 3


class Seeing(Planted):
    """One that says which leads it was given."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.given: list[list[str]] = []

    def logits(self, seen: Seen) -> np.ndarray:
        self.given.append([LEADS[i] for i in np.flatnonzero(seen.leads[0])])
        return super().logits(seen)


def test_a_stretch_is_read_in_the_leads_that_go_on_in_it() -> None:
    nv = np.random.default_rng(0).integers(-900_000, 900_000, (3000, 3), np.int32)
    nv[750:1000] = INVALID
    nv[1000:1600, 1] = INVALID
    nv[2300:2400, 2] = INVALID  # too short for itself: what follows is read without V5, too
    net = Seeing(12.0)
    found = delineated(net, Recording("made", FS, ("II", "V1", "V5"), nv))
    assert net.given == [["II", "V1", "V5"], ["II", "V5"], ["II", "V1", "V5"], ["II", "V1"]]
    assert (found.stretches, found.read_s) == (4, 10.2)
    gaps_ms = {"II": (), "V1": ((4000, 6400),), "V5": ((9200, 9600),), ALL: ()}
    for name, waves in found.waves.items():
        for first, last in (*gaps_ms[name], (3000, 4000)):
            assert ((waves.offset_ms < first) | (waves.onset_ms > last)).all(), name


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 7)), min_size=1, max_size=20),
    st.floats(1, 30),
)
def test_stretches_are_of_leads_that_go_on(spans: list[tuple[int, int]], least: float) -> None:
    rows = [[bool(k >> lead & 1) for lead in range(3)] for n, k in spans for _ in range(n)]
    there = np.array(rows)
    found = stretches(there, least)
    ends = 0
    for first, end, leads in found:
        assert ends <= first <= end - least
        assert leads.any()
        assert there[first:end, leads].all()
        ends = end
    # Where leads go on for long enough with nothing else coming or going, they are read.
    edges = [0, *(np.flatnonzero((there[1:] != there[:-1]).any(1)) + 1).tolist(), len(there)]
    for first, end in pairwise(edges):
        if there[first].any() and end - first >= 2 * least + 1:
            assert any(of.first < end and of.end > first for of in found)
    if there.all():
        assert [(of.first, of.end) for of in found] == [(0, len(there))] * (len(there) >= least)


def test_signal_in_pieces_too_short_has_no_waves() -> None:
    nv = np.random.default_rng(0).integers(-900_000, 900_000, (2500, 1), np.int32)
    for start in range(0, 2500, 400):
        nv[start : start + 100] = INVALID
    found = delineated(Planted(10.0), Recording("made", FS, ("II",), nv))
    assert (found.stretches, found.read_s, found.beats, found.intervals) == (0, 0.0, 0, ())
    assert [len(waves.kind) for waves in found.waves.values()] == [0, 0]


def test_intervals_are_of_the_beats_that_have_them() -> None:
    kind, onset, offset = np.array(
        [(2, 0, 90), (3, 200, 400), (1, 500, 580), (1, 700, 790), (2, 860, 960), (2, 1500, 1620),
         (1, 1800, 1900)]
    ).T  # fmt: skip
    found = {i.name: (i.median_ms, i.beats) for i in intervals(Waves(kind, onset, offset))}
    assert found == {"PR": (160, 1), "QRS": (100, 3), "QT": (400, 1)}
    none = np.empty(0, np.int64)
    assert intervals(Waves(none, none, none)) == ()
