"""Properties of the detector: what it must give whatever the gain, the rate, and the chunks."""

import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.qrs import UNSURE, USABLE, Peak, QrsDetector

Array = NDArray[np.float64]

FS = 360.0
RATES = [100.0, 128.0, 200.0, 250.0, 300.0, 359.7, 360.0, 500.0, 1000.0]


def ecg(fs: float, seconds: float, seed: int = 0) -> tuple[Array, Array]:
    """P, QRS, T and some noise with beats at irregular times, in mV; and the times of R, in s."""
    rng = np.random.default_rng(seed)
    beats = np.cumsum(rng.uniform(0.6, 1.1, size=int(seconds / 0.6)))
    beats = beats[beats < seconds - 0.5]
    t = np.arange(round(seconds * fs)) / fs
    x = 0.3 * np.sin(2 * np.pi * 0.25 * t)
    for shift, height, width in (
        (-0.16, 0.12, 0.02),
        (-0.025, -0.15, 0.008),
        (0.0, 1.2, 0.010),
        (0.03, -0.25, 0.010),
        (0.25, 0.3, 0.045),
    ):
        for beat in beats + shift:
            near = np.abs(t - beat) < 5 * width
            x[near] += height * np.exp(-0.5 * ((t[near] - beat) / width) ** 2)
    knots = np.arange(0, seconds + 0.02, 0.01)  # the same noise at any rate
    return x + np.interp(t, knots, 0.01 * rng.normal(size=len(knots))), beats


def detect(x: Array, fs: float = FS, sizes: tuple[int, ...] = (1 << 20,)) -> list[Peak]:
    """Peaks of `x` cut in chunks of `sizes`, over and over."""
    detector = QrsDetector(fs, 1 if x.ndim == 1 else x.shape[1])
    peaks: list[Peak] = []
    start = turn = 0
    while start < len(x):
        size = sizes[turn % len(sizes)]
        peaks += detector.push(x[start : start + size])
        start += size
        turn += 1
    return peaks + detector.flush()


def assert_beats(peaks: list[Peak], beats: Array, fs: float, tolerance_s: float = 0.01) -> None:
    """Each beat once, and nothing else."""
    found = np.array([p.sample for p in peaks]) / fs
    assert len(found) == len(beats)
    np.testing.assert_allclose(found, beats, atol=tolerance_s + 0.5 / fs)


def record(folder: Path, name: str) -> Array:
    wfdb = pytest.importorskip("wfdb")
    return np.asarray(wfdb.rdrecord(str(folder / name), sampto=60_000).p_signal, dtype=np.float64)


@pytest.mark.parametrize("fs", RATES)
def test_every_beat_is_found_on_its_r_peak_at_any_rate(fs: float) -> None:
    x, beats = ecg(fs, 60)
    assert_beats(detect(x, fs), beats, fs)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=6), st.sampled_from([250.0, 359.7, FS]))
def test_peaks_are_the_same_for_any_chunks(sizes: list[int], fs: float) -> None:
    x, _ = ecg(fs, 20, seed=1)
    two = np.stack([x, np.random.default_rng(0).normal(size=len(x))], axis=1)
    two[1000:1300, 0] = np.nan
    for signal in (x, two):
        assert detect(signal, fs, tuple(sizes)) == detect(signal, fs)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 4000), st.integers(0, 3000), st.integers(1, 700))
def test_peaks_around_lost_samples_are_the_same_for_any_chunks(
    start: int, lost: int, size: int
) -> None:
    x, _ = ecg(FS, 20, seed=1)

    def peaks(step: int) -> list[Peak]:
        detector = QrsDetector(FS)
        found: list[Peak] = []
        for i in range(0, start, step):
            found += detector.push(x[i : min(i + step, start)])
        detector.skip(lost)
        for i in range(start + lost, len(x), step):
            found += detector.push(x[i : i + step])
        return found + detector.flush()

    assert peaks(size) == peaks(len(x))


def test_sample_by_sample_is_the_same_too() -> None:
    x, _ = ecg(FS, 12, seed=2)
    assert detect(x, sizes=(1,)) == detect(x)


@pytest.mark.parametrize("gain", [1e-4, 0.01, -1.0, -30.0, 1e4])
@pytest.mark.parametrize("offset", [0.0, -1e3])
def test_gain_polarity_and_offset_do_not_matter(gain: float, offset: float) -> None:
    x, beats = ecg(FS, 40)
    assert_beats(detect(gain * (x + offset)), beats, FS)


@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_hum_as_large_as_the_beats_does_not_matter(hz: float) -> None:
    x, beats = ecg(FS, 40)
    t = np.arange(len(x)) / FS
    assert_beats(detect(x + np.sin(2 * np.pi * hz * t)), beats, FS, 0.02)


def test_decided_is_the_sample_that_lets_the_peak_be_given() -> None:
    x, _ = ecg(FS, 25, seed=3)
    x[3600:5400] *= 0.25  # so that some are found by searchback
    peaks = detect(x)
    assert any(p.searchback and p.decided > 3600 for p in peaks)
    assert any(not p.searchback for p in peaks)
    for peak in peaks[:-1]:
        detector = QrsDetector(FS)
        assert peak not in detector.push(x[: peak.decided])
        assert peak in detector.push(x[peak.decided : peak.decided + 1])


def test_peaks_come_in_order_and_soon() -> None:
    x, _ = ecg(FS, 60)
    peaks = [p for p in detect(x) if not p.searchback]
    assert all(a.sample < b.sample and a.decided <= b.decided for a, b in pairwise(peaks))
    delay_ms = 1000 * np.array([p.decided - p.sample for p in peaks]) / FS
    assert np.median(delay_ms) <= 150
    assert np.percentile(delay_ms, 95) <= 250
    assert all(0 <= p.confidence <= 1 for p in peaks)


def test_flush_gives_the_beats_that_the_end_left_open() -> None:
    x, beats = ecg(FS, 30)
    x = x[: round((beats[20] + 0.12) * FS)]  # 0.1 s is the least
    detector = QrsDetector(FS)
    before = detector.push(x)
    after = detector.flush()
    assert [round(p.sample / FS, 1) for p in after] == [round(beats[20], 1)]
    assert all(p.decided < len(x) for p in before + after)


def test_a_stream_shorter_than_the_learning_gives_its_beats() -> None:
    x, beats = ecg(FS, 2.4, seed=4)
    x = x[: round(1.9 * FS)]
    assert_beats(detect(x), beats[beats < 1.85], FS)


def test_an_empty_stream_has_no_peaks() -> None:
    detector = QrsDetector(FS)
    assert detector.push(np.empty(0)) == []
    assert detector.flush() == []


@pytest.mark.parametrize("level", [0.0, 5.0])
def test_after_a_gap_beats_are_found_and_the_step_is_not_one(level: float) -> None:
    x, beats = ecg(FS, 60)
    x[20 * 360 : 30 * 360] = np.nan
    x[30 * 360 :] += level
    peaks = np.array([p.sample for p in detect(x)]) / FS
    outside = beats[(beats < 19.5) | (beats > 30.5)]
    assert not np.any((peaks > 20.0) & (peaks < 30.0))
    found = peaks[(peaks < 19.5) | (peaks > 30.5)]
    assert len(found) == len(outside)
    np.testing.assert_allclose(found, outside, atol=0.01)
    assert all(np.abs(beats - p).min() < 0.02 for p in peaks)


def test_skipped_samples_count_in_the_index() -> None:
    x, beats = ecg(FS, 60)
    detector = QrsDetector(FS)
    peaks = detector.push(x[:7000])
    detector.skip(3000)
    peaks += detector.push(x[10000:])
    peaks += detector.flush()
    found = np.array([p.sample for p in peaks]) / FS
    assert all(np.abs(beats - f).min() < 0.02 for f in found)
    assert sum(found > 10500 / FS) == sum(beats > 10500 / FS)


@pytest.mark.parametrize("learned", [0, 7000])
def test_a_gap_of_years_takes_no_time(learned: int) -> None:
    x, beats = ecg(FS, 60)
    detector = QrsDetector(FS)
    detector.push(x[:learned])
    detector.skip(10**12)  # would never end if each searchback were walked through
    peaks = detector.push(x[learned:]) + detector.flush()
    found = np.array([p.sample - 10**12 for p in peaks]) / FS
    assert np.sum(found > learned / FS + 2) == np.sum(beats > learned / FS + 2)
    assert all(p.decided >= 10**12 + learned for p in peaks)


def test_beats_are_found_when_the_signal_begins_late() -> None:
    x, beats = ecg(FS, 60)
    x[: 20 * 360] = np.nan
    assert_beats(detect(x), beats[beats > 20.1], FS)


@pytest.mark.parametrize(
    "signal",
    [
        np.zeros(20_000),
        np.full(20_000, 3.3),
        np.full(20_000, np.nan),
        np.sin(2 * np.pi * 50 / FS * np.arange(20_000)),
    ],
    ids=["zero", "saturated", "nan", "hum"],
)
def test_no_signal_has_no_peaks(signal: Array) -> None:
    assert len(detect(signal)) <= 1  # where hum sets in


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["white", "walk", "spikes", "rails"]))
@example(24415, "spikes")
def test_peaks_stay_apart_and_finite_on_anything(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=12_000)
    if kind == "walk":
        x = np.cumsum(x)
    elif kind == "spikes":
        x = np.where(rng.random(12_000) < 0.01, 100.0, 0.0)
    elif kind == "rails":
        x = np.sign(x)
    peaks = detect(x)
    samples = np.array([p.sample for p in peaks])
    assert np.all(np.diff(samples) >= 0.1 * FS)  # half an interval at 300/min
    assert all(0 <= p.sample <= p.decided < len(x) for p in peaks)
    assert all(0 <= p.confidence <= 1 for p in peaks)


def test_asystole_does_not_invent_beats() -> None:
    x, beats = ecg(FS, 60)
    rng = np.random.default_rng(0)
    x[20 * 360 : 50 * 360] = 0.01 * rng.normal(size=30 * 360)
    peaks = np.array([p.sample for p in detect(x)]) / FS
    assert np.sum((peaks > 20.5) & (peaks < 50)) <= 3
    assert np.sum(peaks > 51) == np.sum(beats > 51)


def test_a_sudden_loss_of_gain_is_overcome() -> None:
    x, beats = ecg(FS, 90)
    x[30 * 360 :] *= 0.05
    peaks = np.array([p.sample for p in detect(x)]) / FS
    assert np.sum(peaks > 50) == np.sum(beats > 50)


@pytest.mark.parametrize("bad", ["flat", "nan", "noise", "off and on"])
def test_a_bad_lead_beside_a_good_one_does_no_harm(bad: str) -> None:
    x, beats = ecg(FS, 60)
    other = np.zeros_like(x)
    if bad == "nan":
        other[:] = np.nan
    elif bad == "noise":
        other = 20 * np.random.default_rng(1).normal(size=len(x))
    elif bad == "off and on":
        other = -3 * x
        other[7000:14000] = np.nan
    assert_beats(detect(np.stack([other, x], axis=1)), beats, FS)


def test_two_noisy_leads_are_better_than_each() -> None:
    def errors(x: Array, beats: Array) -> int:
        found = np.array([p.sample for p in detect(x)]) / FS
        hits = sum(np.abs(found - b).min() < 0.05 for b in beats)
        return len(beats) + len(found) - 2 * int(hits)

    total = np.zeros(3, dtype=int)
    for seed in range(3):
        x, beats = ecg(FS, 60, seed)
        noise = 0.6 * np.random.default_rng(seed).normal(size=(len(x), 2))
        leads = (x[:, None] + noise) * [1.0, 100.0]
        total += [errors(lead, beats) for lead in (leads[:, 0], leads[:, 1], leads)]
    assert total[2] < 0.7 * min(total[:2])


def test_samples_of_another_number_of_leads_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \[n, 2\]"):
        QrsDetector(FS, 2).push(np.zeros((10, 3)))


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("name", ["119", "208"])
def test_a_real_record_gives_the_same_peaks_at_any_gain(mitdb: Path, name: str) -> None:
    x = record(mitdb, name)[:, 0]
    expected = np.array([p.sample for p in detect(x)])
    for gain in (1e-4, -1.0, 1e4):
        found = np.array([p.sample for p in detect(gain * x)])
        np.testing.assert_allclose(found, expected, atol=2)  # quantised samples tie


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("name", ["100", "208"])
def test_a_real_record_gives_its_beats_at_any_rate(mitdb: Path, name: str) -> None:
    scipy_signal = pytest.importorskip("scipy.signal")
    x = record(mitdb, name)[:, 0]
    expected = np.array([p.sample for p in detect(x)]) / FS
    for fs in (200.0, 250.0, 500.0, 1000.0):
        up, down = round(fs / 10), 36
        found = (
            np.array([p.sample for p in detect(scipy_signal.resample_poly(x, up, down), fs)]) / fs
        )
        missed = [e for e in expected if np.abs(found - e).min() > 0.03]
        assert len(missed) <= 0.01 * len(expected)
        assert abs(len(found) - len(expected)) <= 0.01 * len(expected)


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize(
    ("name", "se", "ppv"), [("101", 0.99, 0.99), ("119", 0.99, 0.99), ("208", 0.98, 0.98)]
)
def test_annotated_beats_are_found(mitdb: Path, name: str, se: float, ppv: float) -> None:
    wfdb = pytest.importorskip("wfdb")
    x = record(mitdb, name)[:, 0]
    marks = wfdb.rdann(str(mitdb / name), "atr", sampto=len(x))
    beats = np.array(
        [s for s, c in zip(marks.sample, marks.symbol, strict=True) if c in "NLRAaJSVFejnE/fQ"]
    )
    found = np.array([p.sample for p in detect(x)])
    assert np.mean([np.abs(found - b).min() <= 0.15 * FS for b in beats]) >= se
    assert np.mean([np.abs(beats - f).min() <= 0.15 * FS for f in found]) >= ppv


def test_a_pacing_spike_before_each_beat_makes_no_second_one() -> None:
    x, beats = ecg(FS, 60)
    for spike in np.round((beats - 0.04) * FS).astype(int):
        x[spike] += 3.0
    assert_beats(detect(x), beats, FS, 0.06)


@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_is_doubted(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=round(60 * FS))
    peaks = [p for p in detect(noise) if p.sample > 10 * FS]  # by then its levels are known
    assert np.mean([p.confidence for p in peaks]) < UNSURE
    assert not any(p.confidence >= USABLE for p in peaks)


def test_a_clean_beat_is_trusted() -> None:
    x, _ = ecg(FS, 60)
    assert all(p.confidence >= USABLE for p in detect(x)[20:])


def test_noise_lowers_the_confidence_in_the_beats() -> None:
    x, _ = ecg(FS, 60)
    noise = np.random.default_rng(0).normal(size=len(x))
    means = [np.mean([p.confidence for p in detect(x + k * noise)]) for k in (0.0, 0.3, 0.6, 1.2)]
    assert means == sorted(means, reverse=True)
    assert means[-1] < means[0] - 0.3


@pytest.mark.parametrize("hostile", ["square", "spikes", "ramp", "huge", "infinite"])
def test_whatever_comes_peaks_keep_their_distance(hostile: str) -> None:
    t = np.arange(round(30 * FS)) / FS
    x = {
        "square": np.sign(np.sin(2 * np.pi * 7 * t)),
        "spikes": np.where(np.arange(len(t)) % 11 == 0, 5.0, 0.0),
        "ramp": t * 1e3,
        "huge": np.random.default_rng(0).normal(size=len(t)) * 1e300,
        "infinite": np.where(np.arange(len(t)) % 97 == 0, np.inf, np.sin(2 * np.pi * 5 * t)),
    }[hostile]
    with np.errstate(all="ignore"):
        peaks = detect(x, sizes=(100,))
    samples = [p.sample for p in peaks]
    assert all(b - a >= 0.1 * FS for a, b in pairwise(samples))
    assert all(0 <= p.confidence <= 1 for p in peaks)


def test_memory_does_not_grow_with_the_stream() -> None:
    detector = QrsDetector(FS)
    noise = np.random.default_rng(0).normal(size=7200)

    def used() -> int:
        for start in range(0, len(noise), 720):
            detector.push(noise[start : start + 720])
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        used()
        before = used()
        after = [used() for _ in range(20)][-1]
    finally:
        tracemalloc.stop()
    assert after - before < 4000
