"""Recordings remade to another rate: what stays, and what changes."""

from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks import remade
from benchmarks.remade import AFTER_S, BEFORE_S, RATES, noise_stretches, remake
from edge.errors import RecordError
from edge.synthetic import synthesize
from train.data.mitdb import Annotations, read_annotations

FS = 360.0
BEFORE, AFTER = round(BEFORE_S * FS), round(AFTER_S * FS)


def made(rhythm: str = "NNNNNNNNSNNNNVNNNN" * 20) -> tuple[NDArray[np.float64], Annotations]:
    signal = synthesize(rhythm, FS, np.random.default_rng(5))
    sample, symbol = zip(*signal.beats, strict=True)
    marks = Annotations(FS, np.array(sample), np.array(symbol), (), ())
    return signal.mv.astype(np.float64), marks


MV, BEATS = made()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(RATES), st.booleans())
def test_every_qrs_is_kept_sample_by_sample(rate: int, sudden: bool) -> None:
    found = remake(MV, BEATS, rate, sudden=sudden, seconds=60)
    symbol = dict(zip(BEATS.sample.tolist(), BEATS.symbol.tolist(), strict=True))
    assert [symbol[at] for at in found.source.tolist()] == found.symbol.tolist()
    for at, source in zip(found.sample.tolist(), found.source.tolist(), strict=True):
        kept = found.mv[at - BEFORE : at + AFTER]
        np.testing.assert_array_equal(kept, MV[source - BEFORE : source + AFTER])


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(RATES))
def test_the_rate_is_as_asked_and_no_metronome(rate: int) -> None:
    found = remake(MV, BEATS, rate, seconds=60)
    rr = np.diff(found.sample) / FS
    assert 60 / rr.mean() == pytest.approx(rate, rel=0.02)
    assert np.abs(rr * rate / 60 - 1).max() < 0.04 + 2 * rate / 60 / FS
    assert len(np.unique(np.diff(found.sample))) > 1
    assert len(found.mv) > found.sample[-1]


def test_a_rate_may_come_suddenly() -> None:
    found = remake(MV, BEATS, 240, sudden=True, seconds=60)
    assert found.change == pytest.approx(30 * FS, abs=FS)
    slow = found.sample < found.change
    own = dict(zip(BEATS.sample[1:].tolist(), np.diff(BEATS.sample).tolist(), strict=True))
    source = found.source[slow][1:].tolist()
    assert np.diff(found.sample[slow]).tolist() == [own[at] for at in source]
    assert np.diff(found.sample[~slow]).max() < 0.27 * FS


@settings(max_examples=10, deadline=None)
@given(st.sampled_from((20, 30, 40)))
def test_a_drawn_out_pause_has_neither_steps_nor_waves_nor_flat_lines(rate: int) -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, MV.shape)
    found = remake(MV + noise, BEATS, rate, symbols="N", seconds=60)
    for at in found.sample[1:].tolist():
        pause = found.mv[at - round(0.85 * FS) : at - round(0.3 * FS), 0]
        steps = np.diff(pause)
        assert 0.007 < steps.std() < 0.03  # the noise
        assert np.abs(steps).max() < 0.08
        smooth = np.convolve(pause, np.ones(36) / 36, "valid")
        assert np.ptp(smooth) < 0.1  # as the baseline moves, P and T are higher
        assert np.unique(pause).size > 0.3 * pause.size


@settings(deadline=None)
@given(st.integers(2, 200), st.integers(0, 2000), st.integers(0, 9))
def test_noise_is_gone_through_in_steps_of_one(n: int, more: int, seed: int) -> None:
    path = remade._wandering(n, n + more, np.random.default_rng(seed))
    assert len(path) == n + more
    assert (path[0], path[-1]) == (0, n - 1)
    assert (path.min(), path.max()) == (0, n - 1)
    steps = np.abs(np.diff(path))
    assert steps.max() == 1
    assert np.count_nonzero(steps == 0) <= 1


@pytest.mark.parametrize("rate", [20, 300])
def test_what_is_left_out_is_not_used(rate: int) -> None:
    noise = [(0, int(60 * FS)), (int(120 * FS), int(125 * FS))]
    found = remake(MV, BEATS, rate, noise=noise, symbols="NS", seconds=90)
    assert found.source.min() > 60 * FS
    assert not np.any((found.source > 120 * FS) & (found.source < 125 * FS))
    assert set(found.symbol.tolist()) <= {"N", "S"}
    # Where one interval does not follow the other in the recording, there is no step.
    assert np.abs(np.diff(found.mv, axis=0)).max() < 1.5 * np.abs(np.diff(MV, axis=0)).max()


def test_nothing_to_use_is_a_record_error() -> None:
    with pytest.raises(RecordError, match="no two beats"):
        remake(MV, BEATS, 60, symbols="F")
    with pytest.raises(RecordError, match="no room"):
        remake(MV, BEATS, 600)


def test_noise_marks_are_of_a_lead(tmp_path: Path) -> None:
    wfdb.wrann(
        "1",
        "atr",
        np.array([10, 100, 150, 200, 300, 400]),
        ["N", "~", "|", "~", "~", "N"],
        subtype=np.array([0, 1, 0, 2, 0x10, 0]),
        fs=360,
        write_dir=str(tmp_path),
    )
    end = np.iinfo(np.int64).max
    assert noise_stretches(tmp_path / "1", 0) == [(150, 151), (100, 201), (300, end)]
    assert noise_stretches(tmp_path / "1", 1) == [(150, 151), (200, 301)]


@pytest.mark.data_required("mitdb")
def test_remade_beats_of_record_100_lie_on_their_peaks(mitdb: Path) -> None:
    from benchmarks.sets import Condition, data_set, read_case

    case = read_case(data_set(mitdb.parent, ["100"]), "100", ["0"], 0, Condition(rate=220))
    assert 60 * 360 / np.diff(case.beats).mean() == pytest.approx(220, rel=0.01)
    around = case.beats[:, None] + np.arange(-18, 19)
    peaks = case.mv[around[(around >= 0).all(axis=1) & (around < len(case.mv)).all(axis=1)], 0]
    assert np.abs(peaks.argmax(axis=1) - 18).mean() < 3
    assert len(read_annotations(mitdb / "100").sample) > len(case.beats) > 1000
