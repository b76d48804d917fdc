"""Ventricular fibrillation and flutter: found in made-up and recorded ones, and nowhere else."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from edge import replay
from edge.bundle import Bundle
from edge.events import Alarm, Event
from edge.filters import Resampler
from edge.flutter import OVER, Flutter, FlutterWatch
from edge.monitor import Monitor
from edge.synthetic import synthesize
from firmware_bridge.block import LeadState, SampleBlock
from train.data.mitdb import read_annotations

FS = 250
BUNDLE = Bundle.load()
Signal = NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)


def watch(x: Signal) -> list[Flutter]:
    return FlutterWatch(x.shape[1]).push(x)


def active(x: Signal) -> list[bool]:
    return [window.active for window in watch(x)]


def drift(rng: np.random.Generator, n: int, seconds: float) -> Signal:
    """A smooth random course of unit size."""
    width = round(seconds * FS)
    y = np.convolve(rng.normal(size=n + 2 * width), np.hanning(2 * width + 1), "valid")
    return np.asarray(y / y.std())


def fibrillation(rng: np.random.Generator, seconds: int, leads: int = 2) -> Signal:
    """Waves of drifting frequency and size, 3.5 to 6.5 Hz, [n, leads] in mV."""
    n = seconds * FS
    x = np.zeros((n, leads))
    middle = rng.uniform(3.5, 6.0)
    for share in (1.0, 0.4):
        rate = np.clip(middle * (1 + 0.06 * drift(rng, n, 1.0)), 3.0, 6.5)
        size = 1 + 0.25 * np.tanh(drift(rng, n, 1.0))
        phase = 2 * np.pi * np.cumsum(rate) / FS + rng.uniform(0, 6)
        for lead in range(leads):
            x[:, lead] += share * size * np.sin(phase + rng.uniform(0, 1))
    return x * rng.uniform(0.25, 1.5) + rng.normal(0, 0.01, x.shape)


def fast_fibrillation(rng: np.random.Generator, seconds: int, hz: float, size: float) -> Signal:
    """Waves around `hz` that drift and swell, with a weaker one of its own beside, [n, 2]."""
    n = seconds * FS
    x = np.zeros((n, 2))
    for share in (1.0, 0.3):
        phase = 2 * np.pi * np.cumsum(hz * (1 + 0.05 * drift(rng, n, 1.0))) / FS
        swell = 1 + 0.25 * np.tanh(drift(rng, n, 1.0))
        for lead in range(2):
            x[:, lead] += share * swell * np.sin(phase + rng.uniform(0, 6))
    return size * x + rng.normal(0, 0.01, x.shape)


def hearts(rng: np.random.Generator, seconds: int, rhythm: str = "N", **kw: float) -> Signal:
    """Made-up beats, [n, 2]."""
    count = seconds * 3 // len(rhythm) + 1
    return synthesize(rhythm * count, FS, rng, **kw).mv[: seconds * FS].astype(np.float64)


def narrow(rate: float, seconds: int, half: float = 0.04) -> Signal:
    """Triangles of 80 ms on a quiet line, at a rate a minute, with a round T wave between."""
    t = np.arange(seconds * FS) / FS % (60 / rate)
    qrs = np.maximum(0, 1 - abs(t - 0.04) / half)
    wave = 0.15 * np.sin(np.pi * np.clip((t - 0.08) / (60 / rate - 0.08), 0, 1))
    return np.stack([qrs + wave, -0.5 * qrs + wave], axis=1)


@given(seeds)
@settings(max_examples=20)
def test_made_fibrillation_is_found_soon_and_stays(seed: int) -> None:
    windows = active(fibrillation(np.random.default_rng(seed), 20))
    assert True in windows
    first = windows.index(True)
    assert first <= 6
    assert all(windows[first:])


@given(seeds, st.floats(6.3, 9.0), st.floats(0.2, 3.0), st.sampled_from([1, 2]))
@settings(max_examples=30)
def test_fast_fibrillation_is_found_and_stays(
    seed: int, hz: float, size: float, leads: int
) -> None:
    windows = active(fast_fibrillation(np.random.default_rng(seed), 24, hz, size)[:, :leads])
    assert True in windows[:8]
    assert sum(windows) >= 0.8 * len(windows)


@given(seeds, st.floats(7.5, 9.0), st.floats(0.05, 0.5), st.sampled_from([50, 75, 100]))
@settings(max_examples=30)
def test_a_fast_tremor_of_half_the_height_of_narrow_beats_is_not(
    seed: int, hz: float, size: float, rate: float
) -> None:
    x = narrow(rate, 20) * np.array([1.0, 2.0])  # both leads have a QRS of 1 mV
    t = np.arange(len(x))[:, None] / FS
    tremor = size / 2 * np.sin(2 * np.pi * hz * t + np.random.default_rng(seed).uniform(0, 6, 2))
    assert not any(active(x + tremor))


@given(seeds, st.floats(0.05, 1.0), st.sampled_from([20.0, 40.0, 100.0]))
@settings(max_examples=15)
def test_muscle_noise_alone_is_not_whatever_the_board_passes(
    seed: int, size: float, highest: float
) -> None:
    b, a = butter(2, [0.5, highest], "band", fs=FS)
    noise = np.random.default_rng(seed).normal(0, size, (30 * FS, 2))
    assert not any(active(lfilter(b, a, noise, axis=0)))


@given(seeds)
@settings(max_examples=10)
def test_it_is_dated_at_its_beginning_and_at_its_end(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.concatenate([hearts(rng, 12), fibrillation(rng, 14), hearts(rng, 12)])
    windows = watch(x)
    on = next(window for window in windows if window.active)
    off = next(window for window in windows if window.at > on.at and not window.active)
    assert 10 * FS <= on.since <= 14.5 * FS  # where its first waves are low: seed 162656
    assert on.at <= 19 * FS
    assert 25 * FS <= off.since <= 29 * FS
    assert off.at <= off.since + OVER * FS
    assert not any(window.active for window in windows if window.at >= off.at)


@given(seeds, st.lists(st.integers(0, 1200), max_size=12))
@settings(max_examples=20)
def test_it_is_the_same_however_the_stream_is_cut(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    x = np.concatenate([hearts(rng, 5), fibrillation(rng, 9), hearts(rng, 5)])
    x[2000:2030] = np.nan
    cut = FlutterWatch(2)
    at = np.minimum(np.cumsum([0, *cuts]), len(x))
    parts = [x[a:b] for a, b in pairwise([*at.tolist(), len(x)])]
    assert [window for part in parts for window in cut.push(part)] == watch(x)
    assert watch(np.asfortranarray(x)) == watch(x)


@given(seeds, st.sampled_from([-4.0, -1.0, 0.5, 2.0, 8.0]), st.floats(-5, 5))
@settings(max_examples=20)
def test_gain_polarity_and_offset_do_not_matter(seed: int, gain: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.concatenate([hearts(rng, 8), fibrillation(rng, 12), hearts(rng, 8)])
    assert active(gain * x + offset) == active(x)


@pytest.mark.parametrize("rhythm", ["N", "NNNV", "VVVVN", "NSSSN", "NV"])
@given(seed=seeds)
@settings(max_examples=5)
def test_no_rhythm_with_beats_is_taken_for_it(rhythm: str, seed: int) -> None:
    assert not any(active(hearts(np.random.default_rng(seed), 20, rhythm)))


@pytest.mark.parametrize("rate", [40, 80, 150, 200, 240, 270, 300])
def test_a_narrow_rhythm_is_not_however_fast(rate: float) -> None:
    assert not any(active(narrow(rate, 20)))


@given(seeds, st.floats(0.001, 0.5))
@settings(max_examples=20)
def test_noise_is_not(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    n = 20 * FS
    t = np.arange(n)[:, None] / FS
    muscle = rng.normal(0, size, (n, 2))
    hum = size * np.sin(2 * np.pi * rng.choice([50.0, 60.0]) * t + rng.uniform(0, 6, 2))
    wander = size * 10 * np.sin(2 * np.pi * rng.uniform(0.1, 0.6) * t + rng.uniform(0, 6, 2))
    quiet = rng.normal(0, 0.005, (n, 2))
    beats = hearts(rng, 20)
    for x in (muscle, hum, wander + quiet, beats + hum, beats + muscle, beats + wander):
        assert not any(active(x))


@given(seeds)
@settings(max_examples=10)
def test_a_tremor_on_beats_is_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.arange(20 * FS)[:, None] / FS
    tremor = 0.15 * np.sin(2 * np.pi * rng.uniform(4, 6) * t + rng.uniform(0, 6, 2))
    assert not any(active(hearts(rng, 20) + tremor))


def test_a_stopped_heart_ends_it() -> None:
    rng = np.random.default_rng(1)
    x = np.concatenate([fibrillation(rng, 12), rng.normal(0, 0.005, (10 * FS, 2))])
    windows = active(x)
    assert windows[10]
    assert not windows[-1]


def test_a_lead_that_shows_beats_is_believed() -> None:
    rng = np.random.default_rng(2)
    x = fibrillation(rng, 20)
    x[:, 1] = hearts(rng, 20)[:, 0]
    assert not any(active(x))
    assert watch(x)[-1].leads == (True, False)


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_a_lead_that_shows_nothing_has_no_vote(nothing: float) -> None:
    x = fibrillation(np.random.default_rng(3), 20)
    alone = active(x[:, :1])
    x[:, 1] = nothing
    assert active(x) == alone
    assert watch(x)[-1].leads == (True, None)
    assert any(alone)


def test_it_lasts_while_the_signal_is_lost() -> None:
    rng = np.random.default_rng(4)
    flutter = FlutterWatch(2)
    before = flutter.push(fibrillation(rng, 10))[-1]
    assert before.active
    lost = flutter.skip(3600 * FS + 7)
    assert len(lost) < 10
    assert all(window.active and window.since == before.since for window in lost)
    after = flutter.push(np.concatenate([np.full((243, 2), np.nan), hearts(rng, 12)]))
    assert after[0].at == (10 + 3600 + 1) * FS
    assert not after[-1].active


@given(seeds)
@settings(max_examples=10)
def test_gaps_of_a_few_samples_hide_nothing(seed: int) -> None:
    x = fibrillation(np.random.default_rng(seed), 20)
    holes = x.copy()
    for second in range(20):
        holes[second * FS + 100 : second * FS + 110] = np.nan
    assert active(holes).count(True) >= active(x).count(True) - 3


def tachycardia(rate: float, seconds: float, polarity: float = 1.0) -> Signal:
    """Wide beats of one shape, without a rest between: QRS of 120 ms, T wave against it, [n, 1]."""
    n = round(seconds * FS)
    wave, at = np.zeros(n), np.arange(n) / FS
    for r in np.arange(0.1, seconds, 60 / rate):
        squeeze = min(1.0, (60 / rate / 0.8) ** 0.5)
        for after, width, size in (
            (0.0, 0.035, 1.3),
            (0.09, 0.03, -0.5),
            (0.3 * squeeze, 0.06 * squeeze, -0.45),
        ):
            wave += size * np.exp(-0.5 * ((at - r - after) / width) ** 2)
    return polarity * wave[:, None]


def alarms(x: Signal) -> list[Alarm]:
    """What the monitor tells of a lead or two."""
    leads = ("II", "V1")[: x.shape[1]]
    unknown, no = (LeadState.UNKNOWN,) * len(leads), (False,) * len(leads)
    noise = np.random.default_rng(0).normal(0, 0.01, x.shape)
    block = SampleBlock(0, (x + noise).astype(np.float32), FS, leads, unknown, no)
    return [event for event in Monitor(BUNDLE).push(block) if isinstance(event, Alarm)]


def sinus(seconds: int) -> Signal:
    return narrow(75, seconds)[:, :1]


@pytest.mark.parametrize("polarity", [1.0, -1.0])
@pytest.mark.parametrize("rate", [130, 150, 170, 190, 220, 240])
def test_a_regular_tachycardia_is_no_fibrillation(rate: float, polarity: float) -> None:
    told = alarms(np.concatenate([sinus(20), tachycardia(rate, 20, polarity), sinus(8)]))
    names = {alarm.name for alarm in told}
    assert "ventricular_tachycardia" in names
    assert "ventricular_fibrillation" not in names


@pytest.mark.parametrize("hz", [5.0, 6.5, 8.0])
@pytest.mark.parametrize("rate", [160, 200, 230])
def test_one_that_degenerates_is_told_and_dated(rate: float, hz: float) -> None:
    waves = fast_fibrillation(np.random.default_rng(7), 12, hz, 0.6)[:, :1]
    told = alarms(np.concatenate([sinus(16), tachycardia(rate, 14), waves]))
    first = next(alarm for alarm in told if alarm.name == "ventricular_fibrillation")
    assert 29 <= first.since <= 31
    assert first.t <= 36
    names = {alarm.name for alarm in told if alarm.t > 31}
    assert not names & {"asystole", "bradycardia", "extreme_bradycardia"}


@pytest.mark.parametrize("hz", [3.0, 4.0, 5.0])
def test_flutter_like_a_sine_is_found(hz: float) -> None:
    waves = 0.6 * np.sin(2 * np.pi * hz * np.arange(12 * FS)[:, None] / FS)
    told = alarms(np.concatenate([sinus(16), waves]))
    assert any(alarm.name == "ventricular_fibrillation" and alarm.active for alarm in told)


@pytest.mark.parametrize("part", [0.0, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("size", [0.3, 0.6, 1.5])
def test_it_is_dated_at_its_first_wave(part: float, size: float) -> None:
    start = round((16 + part) * FS)
    x = np.concatenate(
        [narrow(60, 18)[: start - 3, :1], fibrillation(np.random.default_rng(3), 12)[:, :1] * size]
    )
    first = next(window for window in watch(x) if window.active)
    assert abs(first.since - start) <= 0.8 * FS


@pytest.mark.parametrize("hz", [4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
@pytest.mark.parametrize("rate", [50, 75, 110])
def test_a_tremor_of_half_the_height_of_beats_is_none_either(rate: float, hz: float) -> None:
    x = narrow(rate, 40, 0.025)[:, :1]
    x += 0.25 * np.sin(2 * np.pi * hz * np.arange(len(x))[:, None] / FS)
    assert "ventricular_fibrillation" not in {alarm.name for alarm in alarms(x)}


STOPS = fibrillation(np.random.default_rng(5), 14)
STORM = np.concatenate([hearts(np.random.default_rng(6), 12), STOPS, STOPS[:2500] * 0.001])


def play(size: int) -> list[Event]:
    """What the monitor says of beats, fibrillation and standstill, in blocks of that size."""
    monitor = Monitor(BUNDLE)
    unknown, off = (LeadState.UNKNOWN,) * 2, (False,) * 2
    said = []
    for start in range(0, len(STORM), size):
        mv = STORM[start : start + size].astype(np.float32)
        said += monitor.push(SampleBlock(start, mv, FS, ("II", "V1"), unknown, off))
    return said


@given(st.integers(1, 3000))
@settings(max_examples=8, deadline=None)
def test_the_monitor_tells_it_in_its_place_however_the_stream_is_cut(size: int) -> None:
    said = play(size)
    assert said == play(len(STORM))
    alarms = [e for e in said if isinstance(e, Alarm) and e.name == "ventricular_fibrillation"]
    assert 12 <= min(alarm.since for alarm in alarms if alarm.active) <= 14
    assert max(alarm.t for alarm in alarms if alarm.active) <= 30


@pytest.mark.data_required("mitdb")
def test_the_flutter_of_a_patient_is_found(mitdb: Path) -> None:
    recording = replay.read(mitdb / "207")
    marks = read_annotations(mitdb / "207")
    x = Resampler(recording.fs, 2).push(recording.nv / 1e6)
    on = [window.at / FS for window in watch(x) if window.active]
    for start, end in marks.vf:
        assert any(start / marks.fs < t < end / marks.fs + 2 for t in on)
    ventricular = [(a / marks.fs - 1, b / marks.fs + 5) for a, b in marks.vf]
    assert all(any(a < t < b for a, b in ventricular) for t in on)


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("record", ["106", "109", "119", "201", "203", "208"])
def test_other_patients_have_none(mitdb: Path, record: str) -> None:
    recording = replay.read(mitdb / record)
    assert not any(active(Resampler(recording.fs, 2).push(recording.nv / 1e6)))


@pytest.mark.data_required("cinc2015")
@pytest.mark.parametrize("record", ["f543l", "f544s", "f545l", "f563l"])
def test_an_alarm_is_given_within_seconds_of_the_bedside_monitors(
    data_sets: Path, record: str
) -> None:
    recording = replay.read(data_sets / "cinc2015" / record)
    monitor = Monitor()
    said = [event for block in replay.blocks(recording) for event in monitor.push(block)]
    times = [
        event.t
        for event in said
        if isinstance(event, Alarm) and event.name == "ventricular_fibrillation" and event.active
    ]
    assert any(t <= 300 for t in times)
