"""Heart rate variability: held against NeuroKit2, and against what can be told beforehand."""

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import edge
from edge.events import Hrv
from edge.hrv import LEAST, Beats, Live, Variability, powers
from edge.synthetic import synthesize
from train.data.mitdb import read_annotations

Floats = NDArray[np.float64]


def made(rr_ms: Floats, normal: NDArray[np.bool_] | None = None) -> Beats:
    """Beats with these intervals, the first at 0 s."""
    t = np.append(0.0, np.cumsum(rr_ms) / 1000)
    return Beats(t, np.append(math.nan, rr_ms), np.ones(len(t), bool) if normal is None else normal)


def breathing(hz: float, ms: float, seconds: float = 300.0) -> Floats:
    """Intervals around 800 ms that go up and down by so much."""
    rr, t = [], 0.0
    while t < seconds:
        rr.append(800 + ms * math.sin(2 * math.pi * hz * t))
        t += rr[-1] / 1000
    return np.array(rr)


def neurokit(part: Beats) -> dict[str, float]:
    """The same of NeuroKit2, by our names."""
    import neurokit2 as nk

    given = {"RRI": part.rr[part.nn], "RRI_Time": part.t[part.nn]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        time, power = nk.hrv_time(given), nk.hrv_frequency(given, normalize=False)
        poincare = nk.hrv_nonlinear(given)
    names = {"mean_nn_ms": "MeanNN", "sdnn_ms": "SDNN", "rmssd_ms": "RMSSD", "pnn50": "pNN50"}
    found = {ours: float(time[f"HRV_{theirs}"][0]) for ours, theirs in names.items()}
    found |= {"sd1_ms": float(poincare["HRV_SD1"][0]), "sd2_ms": float(poincare["HRV_SD2"][0])}
    return found | {f"{k}_ms2": float(power[f"HRV_{k.upper()}"][0]) for k in ("lf", "hf")}


def held(part: Beats) -> None:
    """Within 0.1 ms, or percent, and powers within 1 %, where there are some."""
    ours, theirs = part.hrv(), neurokit(part)
    for name, value in theirs.items():
        power = name.endswith("ms2")
        if power and getattr(ours, name) is None:
            continue
        expected = pytest.approx(value, rel=0.01 if power else 0, abs=0 if power else 0.1)
        assert getattr(ours, name) == expected, name


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("record", ["100", "119", "209"])  # 119: every third beat is a V
def test_it_is_neurokits(record: str, mitdb: Path) -> None:
    marks = read_annotations(mitdb / record)
    t = marks.sample / marks.fs
    normal = np.isin(marks.symbol, list("NLRej"))
    beats = Beats(t, np.append(math.nan, np.diff(t) * 1000), normal)
    parts = [beats.between(at, at + 300) for at in range(0, 1500, 300)]
    assert any(part.hrv().lf_ms2 for part in parts) == (record != "119")
    for part in parts[:2]:
        held(part)


def test_what_breathes_has_its_power_where_it_breathes() -> None:
    for hz, ms in ((0.1, 40.0), (0.25, 30.0)):
        found = made(breathing(hz, ms)).hrv()
        assert found.lf_ms2 is not None
        assert found.hf_ms2 is not None
        here, there = (found.lf_ms2, found.hf_ms2) if hz < 0.15 else (found.hf_ms2, found.lf_ms2)
        assert here == pytest.approx(ms**2 / 2, rel=0.1)
        assert there < 0.05 * here
        assert found.lf_hf == pytest.approx(found.lf_ms2 / found.hf_ms2)


def test_an_ectopic_beat_takes_its_intervals_and_no_others() -> None:
    rr = breathing(0.25, 30.0)
    rr[100:102] = 500.0, 1100.0  # premature, with its pause
    normal = np.ones(len(rr) + 1, bool)
    normal[101] = False
    clean, found = made(breathing(0.25, 30.0)).hrv(), made(rr, normal).hrv()
    assert found.intervals == len(rr) - 2
    assert found.share == pytest.approx((len(rr) - 2) / (len(rr) + 1))
    for name in ("mean_nn_ms", "sdnn_ms", "rmssd_ms", "sd1_ms", "sd2_ms"):
        assert getattr(found, name) == pytest.approx(getattr(clean, name), rel=0.02), name


def test_a_gap_is_no_interval() -> None:
    rr = np.full(60, 800.0)
    beats = made(np.concatenate([rr, [9000.0], rr]))
    unknown = beats.rr.copy()
    unknown[61] = math.nan
    found = Beats(beats.t, unknown, np.ones(len(unknown), bool)).hrv()
    assert (found.intervals, found.mean_nn_ms, found.sdnn_ms) == (120, 800.0, 0.0)
    assert found.lf_ms2 is None  # what lies in the gap nobody knows


def test_too_little_tells_nothing() -> None:
    assert made(np.full(LEAST - 1, 800.0)).hrv() == Variability(LEAST - 1, (LEAST - 1) / LEAST)
    assert Beats([], [], []).hrv() == Variability(0, 0.0) == Beats([], [], []).windowed()
    assert Beats([1.0], [None], [True]).hrv() == Variability(0, 0.0)


def test_an_hour_has_the_mean_of_its_windows() -> None:
    rr = np.concatenate([breathing(0.25, 20.0), breathing(0.25, 40.0)])
    found = made(rr).windowed()
    assert found.hf_ms2 == pytest.approx((20**2 + 40**2) / 4, rel=0.1)


@given(
    st.lists(st.one_of(st.floats(0, 3000), st.just(math.nan)), max_size=400),
    st.integers(0, 2**32 - 1),
)
def test_any_beats_give_finite_numbers_or_none(rr_ms: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rr = np.array(rr_ms)
    t = np.cumsum(np.where(np.isnan(rr), rng.uniform(1, 1e5), np.maximum(rr, 1e-3))) / 1000
    for found in (Beats(t, rr, rng.random(len(rr)) < 0.9).hrv(), Beats(t, rr, rr > 0).windowed()):
        assert 0 <= found.share <= 1
        for name in found.__slots__:
            value = getattr(found, name)
            assert value is None or (math.isfinite(value) and value >= 0), name


def test_powers_know_no_order_of_magnitude() -> None:
    rr = breathing(0.1, 40.0)
    t = np.cumsum(rr) / 1000
    once, twice = powers(t, rr), powers(t, rr * 0.5 + 400)
    assert once
    assert twice
    assert np.array(twice) * 4 == pytest.approx(np.array(once), rel=1e-6)


def test_live_it_is_of_the_last_five_minutes_once_a_minute() -> None:
    rr = np.concatenate([np.full(500, 800.0), breathing(0.25, 30.0), breathing(0.1, 40.0)])
    beats, live = made(rr), Live()
    told = []
    for t, interval in zip(beats.t.tolist(), beats.rr.tolist(), strict=True):
        if found := live.take(t, interval, normal=True):
            told.append(t)
            assert found == beats.between(t - 300 + 1e-9, t + 1e-9).hrv()
    assert [int(t // 60) for t in told] == list(range(5, int(beats.t[-1] // 60) + 1))


def test_the_monitor_tells_it() -> None:
    made = synthesize("N" * 390, 250.0, np.random.default_rng(0), 0.8)
    told = [e for e in edge.annotate(made.mv[:, 0], 250.0).events if isinstance(e, Hrv)]
    assert len(told) == 1
    assert told[0].t == pytest.approx(301.0, abs=2)
    assert told[0].share > 0.95
    at = np.array([sample for sample, _ in made.beats]) / 250
    there = (at > told[0].t - 303) & (at < told[0].t - 1)
    assert told[0].mean_nn_ms == pytest.approx(1000 * np.diff(at[there]).mean(), abs=1)
    assert told[0].sdnn_ms == pytest.approx(1000 * np.diff(at[there]).std(), abs=1)
