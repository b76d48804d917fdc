"""Test signals have the widths, heights and rates that they are named after."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.system.monitor.waveforms import (
    IRREGULAR,
    NOISE_MV,
    Board,
    Irregular,
    Pulse,
    drift,
    hum,
    irregular,
    line,
    paced,
    t_waves,
    times,
    triangles,
    ventricular,
)

rates = st.sampled_from([125.0, 250.0, 500.0, 1000.0])


@given(st.floats(20, 300), st.floats(0, 5))
def test_as_many_times_a_minute_as_asked(rate: float, start: float) -> None:
    at = times(rate, start, start + 60)
    assert abs(len(at) - rate) <= 1
    assert at[0] == start
    assert np.diff(at) == pytest.approx(60 / rate)


@given(st.floats(0.01, 0.2), st.floats(-5, 5), rates)
def test_a_triangle_is_as_wide_and_as_high(width: float, mv: float, fs: float) -> None:
    out = triangles([0.504], width, mv, 1, fs)  # a sample at each of these rates
    at = np.arange(len(out)) / fs
    assert np.all(np.abs(out[np.abs(at - 0.504) > width / 2]) < 1e-9)
    assert out[round(0.504 * fs)] == pytest.approx(mv)
    assert np.sum(out) / fs == pytest.approx(mv * width / 2, abs=abs(mv) / fs)


@given(st.floats(0.1, 2), rates)
def test_a_t_wave_ends_at_the_qt_interval(mv: float, fs: float) -> None:
    out = t_waves([1.0], mv, 2, fs)
    at = np.flatnonzero(np.abs(out) > 1e-6 * mv) / fs
    assert at[0] == pytest.approx(1.12, abs=2 / fs)
    assert at[-1] == pytest.approx(1.30, abs=2 / fs)
    assert out.max() == pytest.approx(mv, rel=0.02)


@given(st.floats(0.5, 4), rates)
def test_a_ventricular_beat_has_its_peak_to_peak(mv: float, fs: float) -> None:
    out = ventricular([1.0], mv, 2, fs)
    assert np.ptp(out) == pytest.approx(mv, rel=0.15)
    assert np.argmax(out) < np.argmin(out)
    assert np.ptp(np.flatnonzero(out)) / fs == pytest.approx(0.24, abs=2.5 / fs)


@pytest.mark.parametrize("hz", [50, 60])
def test_hum_is_a_sine_of_its_peak_to_peak(hz: float) -> None:
    out = hum(0.1, hz, 10, 1000)
    assert np.ptp(out) == pytest.approx(0.1, rel=0.01)
    assert np.argmax(np.abs(np.fft.rfft(out))) == 10 * hz


def test_drift_is_a_triangle() -> None:
    out = drift(4, 0.1, 30, 250)
    assert np.ptp(out) == pytest.approx(4)
    assert np.abs(np.diff(out)) == pytest.approx(4 / 5 / 250)
    assert out[:2500] == pytest.approx(out[2500:5000])


def test_the_noise_is_the_same_each_time() -> None:
    assert np.array_equal(line(10, 250), line(10, 250))
    assert line(60, 250).std() == pytest.approx(NOISE_MV, rel=0.05)


@given(
    st.sampled_from([0.0001, 0.0005, 0.002]),
    st.floats(2, 700),
    st.booleans(),
    st.sampled_from([Board(125, 40), Board(250, 100), Board(500, 150)]),
)
def test_a_pacing_pulse_keeps_its_area_and_comes_not_before_its_time(
    width: float, mv: float, down: bool, board: Board
) -> None:
    mv = -mv if down else mv
    areas = []
    for start in 0.1 + np.arange(8) / 8 / board.fs:  # between samples it falls where it falls
        out = paced([start], Pulse(mv, width), 1, board)
        areas.append(np.sum(out) / board.fs)
        assert np.abs(out[: int(start * board.fs)]).max() < 1e-6 * abs(mv)
        assert np.argmax(np.abs(out)) / board.fs - start < 0.02
    assert np.mean(areas) == pytest.approx(mv * width, rel=0.02)


def test_the_overshoot_decays_on_the_other_side() -> None:
    board = Board(1000, 150)
    out = paced([0.1], Pulse(200, 0.001, 2.0, 0.05), 1, board)
    tail = out[130:]  # the pulse itself is over
    assert np.all(tail[:200] < 0)
    assert tail[50] / tail[0] == pytest.approx(np.exp(-1), rel=0.05)
    assert tail[0] == pytest.approx(-2 * np.exp(-0.028 / 0.05), rel=0.05)


@pytest.mark.parametrize("rhythm", IRREGULAR, ids=lambda r: r.name)
def test_an_irregular_rhythm_has_its_rate_and_its_beats(rhythm: Irregular) -> None:
    mv, at = irregular(rhythm, 60, 250)
    assert len(at) == pytest.approx(rhythm.rate, abs=2)
    for t in at:
        near = mv[round((t - 0.03) * 250) : round((t + 0.03) * 250)]
        assert np.abs(near).max() > 0.5
    assert np.abs(mv).max() < 1.1
