"""Hum against sines that are known; ECGs made and real, which are to stay what they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge import replay
from edge.events import Beat, Event
from edge.mains import Mains
from edge.monitor import Monitor
from edge.replay import Recording
from edge.synthetic import synthesize
from tests.conftest import data_dir

Array = NDArray[np.float64]

RATES = [125.0, 128.0, 200.0, 250.0, 256.0, 360.0, 500.0, 1000.0]
FREQUENCIES = [49.5, 49.8, 50.0, 50.3, 50.5, 59.5, 59.7, 60.0, 60.2, 60.5]


def hum(fs: float, seconds: float, hz: float, mv: float) -> Array:
    """A sinusoid, [n]."""
    t = np.arange(round(seconds * fs)) / fs
    return np.asarray(mv * np.cos(2 * np.pi * hz * t + 1))


def noise(fs: float, seconds: float, mv: float, seed: int = 0) -> Array:
    """White noise, [n], of the same power a hertz at every rate; `mv` is its RMS at 250 Hz."""
    draw = np.random.default_rng(seed).normal(size=round(seconds * fs))
    return np.asarray(mv * np.sqrt(fs / 250) * draw)


def cleaned(fs: float, x: Array) -> Array:
    return Mains(fs, 1).push(x[:, None])[:, 0]


def db(left: Array, all_of_it: Array) -> float:
    return float(10 * np.log10(np.mean(left**2) / np.mean(all_of_it**2)))


def beats(seconds: float, fs: float, rate: float) -> Array:
    """Narrow QRS of 1 mV, `rate` a minute, and nothing else, [n]."""
    t = np.arange(round(seconds * fs)) / fs % (60 / rate) - 30 / rate
    q, r = np.exp(-0.5 * ((t + 0.02) / 0.007) ** 2), np.exp(-0.5 * (t / 0.01) ** 2)
    return np.asarray(r - 0.2 * q)


def in_chunks(x: Array, sizes: list[int]) -> Array:
    mains = Mains(360.0, x.shape[1])
    out = [mains.push(x[:0])]
    start = 0
    while start < len(x):
        size = sizes[len(out) % len(sizes)]
        out.append(mains.push(x[start : start + size]))
        start += size
    return np.concatenate(out)


@settings(deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=5))
def test_any_chunks_give_the_same(sizes: list[int]) -> None:
    x = np.stack([hum(360.0, 6, 50.2, 0.2), hum(360.0, 6, 59.9, 0.1)], axis=1)
    x += noise(360.0, 6, 0.01)[:, None]
    x[700:760, 0] = np.nan
    np.testing.assert_array_equal(in_chunks(x, sizes), Mains(360.0, 2).push(x))


def test_what_is_pushed_stays_as_it_was() -> None:
    x = hum(250.0, 3, 50.0, 0.3)[:, None]
    before = x.copy()
    Mains(250.0, 1).push(x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("gain", [2.0**-20, 2.0**20])
def test_gain_does_not_matter(gain: float) -> None:
    x = beats(8, 250.0, 75) + hum(250.0, 8, 50.2, 0.2) + noise(250.0, 8, 0.01)
    np.testing.assert_array_equal(cleaned(250.0, gain * x), gain * cleaned(250.0, x))


def test_offset_does_not_matter() -> None:
    x = beats(8, 250.0, 75) + hum(250.0, 8, 50.2, 0.2) + noise(250.0, 8, 0.01)
    np.testing.assert_allclose(cleaned(250.0, x + 300.0) - 300.0, cleaned(250.0, x), atol=1e-9)


def test_a_lead_does_not_matter_to_another() -> None:
    a, b = hum(250.0, 8, 50.2, 0.2) + noise(250.0, 8, 0.01), noise(250.0, 8, 3.0, seed=1)
    both = Mains(250.0, 2).push(np.stack([a, b], axis=1))
    np.testing.assert_array_equal(both, np.stack([cleaned(250.0, a), cleaned(250.0, b)], axis=1))


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("hz", FREQUENCIES)
@pytest.mark.parametrize("mv", [0.3, 1.0])
def test_hum_is_gone_two_seconds_after_it_began(fs: float, hz: float, mv: float) -> None:
    added = hum(fs, 8, hz, mv)
    added[: round(3 * fs)] = 0
    other = beats(8, fs, 75) + noise(fs, 8, 0.005)
    left = cleaned(fs, added + other) - other
    # Near half the rate its image is nearer than a tenth of a second resolves.
    least = 30 if fs >= 200 else 24
    assert db(left[round(5 * fs) :], added[round(5 * fs) :]) < -least


@pytest.mark.parametrize("hz", FREQUENCIES)
def test_hum_beyond_half_the_rate_is_taken_where_it_lies(hz: float) -> None:
    if hz > 55:  # 50 Hz is half the rate: what is near it beats with its image
        added, other = hum(100.0, 8, hz, 0.3), noise(100.0, 8, 0.005)
        left = cleaned(100.0, added + other) - other
        assert db(left[200:], added[200:]) < -30


def test_a_little_hum_is_taken_too() -> None:
    added, other = hum(250.0, 20, 50.2, 0.01), beats(20, 250.0, 75) + noise(250.0, 20, 0.005)
    left = cleaned(250.0, added + other) - other
    assert db(left[500:], added[500:]) < -12


def test_hum_is_taken_beneath_the_fastest_heart() -> None:
    added, other = hum(250.0, 20, 50.2, 0.3), beats(20, 250.0, 300) + noise(250.0, 20, 0.005)
    left = cleaned(250.0, added + other) - other
    assert db(left[500:], added[500:]) < -25


def test_both_mains_at_once_are_taken() -> None:
    added = hum(250.0, 8, 50.2, 0.2) + hum(250.0, 8, 59.8, 0.3)
    other = noise(250.0, 8, 0.005)
    left = cleaned(250.0, added + other) - other
    assert db(left[500:], added[500:]) < -30


def test_hum_that_swells_is_followed() -> None:
    t = np.arange(5000) / 250
    added = hum(250.0, 20, 50.2, 0.3) * (1 + 0.3 * np.sin(2 * np.pi * 0.1 * t))
    other = beats(20, 250.0, 75) + noise(250.0, 20, 0.005)
    left = cleaned(250.0, added + other) - other
    assert db(left[500:], added[500:]) < -24


@pytest.mark.parametrize("change", [0.0, 0.2, 0.5, 3.0])
def test_a_change_is_followed_within_half_a_second(change: float) -> None:
    added = hum(250.0, 12, 50.2, 0.3)
    added[1530:] *= change
    other = beats(12, 250.0, 75) + noise(250.0, 12, 0.005)
    left = cleaned(250.0, added + other) - other
    largest = 0.3 * max(change, 1.0)
    assert np.abs(left).max() < 1.1 * largest
    assert np.abs(left[1530 + 125 :]).max() < 0.1 * largest


@pytest.mark.parametrize("rate", [30, 75, 180, 300])
@pytest.mark.parametrize("fs", [125.0, 250.0, 360.0, 1000.0])
@pytest.mark.parametrize("mv", [0.0, 0.005, 0.05])
def test_a_clean_ecg_stays_as_it_is(rate: int, fs: float, mv: float) -> None:
    x = beats(60, fs, rate) + noise(fs, 60, mv)
    assert np.abs(cleaned(fs, x) - x).max() <= max(0.002, mv)
    assert np.mean(cleaned(fs, x) != x) < (0.02 if fs >= 200 else 0.05)


@pytest.mark.parametrize("shape", ["step", "pulse", "spike", "ramp"])
def test_no_event_rings(shape: str) -> None:
    x = noise(250.0, 20, 0.002)
    event = np.zeros_like(x)
    if shape == "step":
        event[2003:] = 5.0
    elif shape == "pulse":
        event[2003:2053] = 1.0
    elif shape == "spike":
        event[2003] = 5.0
    else:
        event[2003:2103] = np.linspace(0, 3, 100)
    hummed = x + hum(250.0, 20, 50.2, 0.1)
    assert np.abs(cleaned(250.0, x + event) - x - event).max() < 0.002
    moved = cleaned(250.0, hummed + event) - cleaned(250.0, hummed) - event
    assert np.abs(moved).max() < 0.005


def test_no_signal_is_forgotten_at_once() -> None:
    added, other = hum(250.0, 12, 50.2, 0.3), noise(250.0, 12, 0.005)
    x = added + other
    x[1510:1600] = np.nan
    y = cleaned(250.0, x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    assert db((y - other)[1600:], added[1600:]) < -30


def test_lost_samples_leave_the_phase() -> None:
    x = (hum(250.0, 12, 50.2, 0.3) + noise(250.0, 12, 0.005))[:, None]
    mains = Mains(250.0, 1)
    before = mains.push(x[:1510])
    mains.skip(90)
    after = mains.push(x[1600:])
    x[1510:1600] = np.nan
    expected = Mains(250.0, 1).push(x)
    np.testing.assert_array_equal(before, expected[:1510])
    np.testing.assert_array_equal(after, expected[1600:])


@pytest.mark.parametrize("every", [12, 40])
def test_a_run_of_lost_samples_leaves_hum_gone(every: int) -> None:
    added, other = hum(250.0, 12, 50.2, 0.3), noise(250.0, 12, 0.005)
    x = added + other
    x[::every] = np.nan
    left = (cleaned(250.0, x) - other)[500:]
    assert db(left[~np.isnan(left)], added[500:]) < -25


def test_a_long_gap_is_forgotten() -> None:
    mains = Mains(250.0, 1)
    mains.push(hum(250.0, 12, 50.2, 0.3)[:, None])
    mains.skip(10**12)
    x = noise(250.0, 2, 0.005)[:, None]
    np.testing.assert_array_equal(mains.push(x), x)


def labels(recording: Recording) -> list[tuple[float, str]]:
    """Seconds and final label of each beat that the monitor gives."""
    monitor = Monitor()
    events: list[Event] = [e for b in replay.blocks(recording) for e in monitor.push(b)]
    events += monitor.flush()
    return [(e.t, e.label) for e in events if isinstance(e, Beat) and e.final]


def with_hum(recording: Recording, hz: float, mv: float) -> Recording:
    added = hum(recording.fs, len(recording.nv) / recording.fs, hz, 1e6 * mv)
    return replace(recording, nv=recording.nv + np.rint(added).astype(np.int32)[:, None])


def alike(clean: list[tuple[float, str]], hummed: list[tuple[float, str]]) -> float:
    """Share of the beats that are found, and named, as without hum."""
    found = np.array([t for t, _ in hummed])
    near = [int(np.abs(found - t).argmin()) for t, _ in clean]
    same = [
        abs(found[i] - t) < 0.1 and hummed[i][1] == label
        for i, (t, label) in zip(near, clean, strict=True)
    ]
    return float(np.mean(same))


@pytest.mark.parametrize("hz", [49.7, 50.0, 60.0, 60.3])
@pytest.mark.parametrize("mv", [0.1, 0.3, 1.0])
def test_the_monitor_names_beats_as_without_hum(hz: float, mv: float) -> None:
    made = synthesize("N" * 40 + "NNNVNNNNSNN" * 3, 250.0, np.random.default_rng(2))
    nv = np.rint(1e6 * made.mv).astype(np.int32)
    clean = Recording("made", 250.0, ("MLII", "V5"), nv)
    expected, got = labels(clean), labels(with_hum(clean, hz, mv))
    assert len(got) == len(expected)
    assert alike(expected[2:], got) == 1.0


def stretch(mitdb: Path, record: str, minutes: float = 3.0) -> Recording:
    recording = replay.read(mitdb / record)
    return replace(recording, nv=recording.nv[: round(60 * minutes * recording.fs)])


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("record", ["112", "115", "205", "220", "230"])
def test_recordings_without_hum_stay_as_they_are(mitdb: Path, record: str) -> None:
    mv = stretch(mitdb, record, 30).nv / 1e6
    changed = Mains(360.0, mv.shape[1]).push(mv) - mv
    assert np.abs(changed).max() < 0.002


@pytest.fixture(scope="module")
def named() -> list[tuple[Recording, list[tuple[float, str]]]]:
    """Recordings, and what their beats are called."""
    records = ("106", "109", "114", "119", "124", "201", "208", "209", "215", "223")
    recordings = [stretch(data_dir() / "mitdb", record) for record in records]
    return [(recording, labels(recording)) for recording in recordings]


@pytest.mark.slow
@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize(("hz", "mv"), [(50.0, 0.3), (60.3, 0.3), (49.7, 0.1), (60.0, 1.0)])
def test_recordings_are_named_as_without_hum(
    named: list[tuple[Recording, list[tuple[float, str]]]], hz: float, mv: float
) -> None:
    shares = [alike(clean, labels(with_hum(recording, hz, mv))) for recording, clean in named]
    beats = [len(clean) for _, clean in named]
    assert np.average(shares, weights=beats) >= 0.995


@pytest.mark.data_required("nstdb")
def test_muscle_noise_grows_no_worse(data_sets: Path) -> None:
    mv = replay.read(data_sets / "nstdb" / "ma").nv / 1e6
    for lead in range(mv.shape[1]):
        x = mv[:, lead]
        assert np.std(np.diff(cleaned(360.0, x))) <= 1.002 * np.std(np.diff(x))
