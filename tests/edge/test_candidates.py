"""Candidates against a plain reading of their definition, by scipy."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal

from edge.candidates import SHAPE, WAIT, Candidate, Finder
from edge.filters import STREAM_FS

Array = NDArray[np.float64]


def found(x: Array, sizes: tuple[int, ...] = (1 << 20,)) -> list[Candidate]:
    """Candidates of the stream `x`, [n, leads], pushed in pieces of `sizes`, over and over."""
    finder = Finder(x.shape[1])
    candidates: list[Candidate] = []
    start = turn = 0
    while start < len(x):
        size = sizes[turn % len(sizes)]
        finder.push(np.ascontiguousarray(x[start : start + size]), candidates.append)
        start += size
        turn += 1
    return candidates


def fields(candidates: list[Candidate]) -> list[tuple[int, float, int, float, float]]:
    return [(c.r, c.size, c.seen, c.sharp, c.balance) for c in candidates]


def bursts(seed: int, n: int = 3000) -> Array:
    """Waves of the QRS band that come and go."""
    rng = np.random.default_rng(seed)
    band = signal.butter(2, [5, 20], "bandpass", fs=STREAM_FS, output="sos")
    return np.asarray(signal.sosfilt(band, rng.normal(size=n) * (1 + np.sin(np.arange(n) / 40))))


def feature(x: Array) -> Array:
    """The feature of one lead without pulses as its definition says, in order of arrival, [n]."""
    notch = np.array([1.0, -2 * math.cos(2 * math.pi * 60 / STREAM_FS), 1.0])
    smooth = np.convolve(notch / notch.sum(), np.ones(5))
    bend = np.convolve(smooth, [1.0, *[0.0] * 7, -2.0, *[0.0] * 7, 1.0])
    held = np.concatenate([np.repeat(x[:1], 200), x])
    curvature = np.abs(np.convolve(held, bend))
    return np.asarray(np.convolve(curvature, np.ones(25))[200 : 200 + len(x)])


def without_pulses(x: Array) -> Array:
    """Lines over what is up to four samples wide, level, and flat beside."""
    x = x.copy()
    for last in range(8, len(x)):
        beside = abs(x[last] - x[last - 1])
        if abs(x[last - 2] - x[last - 1]) <= 2.5 * beside:
            continue
        for width in range(1, 5):
            inside = slice(last - 1 - width, last - 1)
            begin, end = x[last - 2 - width], x[last - 1]
            line = np.linspace(begin, end, width + 2)[1:-1]
            height = np.abs(x[inside] - line).max()
            shoulder = max(beside, abs(begin - x[last - 3 - width]))
            if height > max(abs(end - begin) / 0.25, shoulder / 0.12):
                x[inside] = line
                break
    return x


@pytest.mark.parametrize("seed", range(5))
def test_candidates_are_the_dominant_maxima_of_the_feature(seed: int) -> None:
    x = bursts(seed)
    f = feature(without_pulses(x))
    expected = [
        i + 12  # 7 until it is known for a maximum, 5 until no pulse can be in it
        for i in range(40, len(f) - 12)
        if f[i] > f[i - 25 : i].max() and f[i] >= f[i + 1 : i + 8].max()
    ]
    seen = [c.seen for c in found(x[:, None])]
    assert len(expected) > 20
    assert [s for s in seen if s >= 52] == expected


@pytest.mark.parametrize("seed", range(3))
def test_r_lies_on_the_wave_and_is_seen_in_time(seed: int) -> None:
    x = bursts(seed)
    for candidate in found(x[:, None]):
        assert 0 <= candidate.r < len(x)
        assert abs(candidate.seen - WAIT - candidate.r) <= 25


@settings(deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=5), st.integers(1, 3))
def test_candidates_are_the_same_for_any_chunks(sizes: list[int], leads: int) -> None:
    x = np.stack([bursts(seed) for seed in range(leads)], axis=1)
    x[700:760, 0] = np.nan
    assert fields(found(x, tuple(sizes))) == fields(found(x))


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_read_that_has_not_arrived(seed: int) -> None:
    """Tops of waves that lie later than what shows them, in leads whose weights change."""
    rng, t = np.random.default_rng(seed), np.arange(6000)
    leads = [np.convolve(rng.normal(size=6000), [0.5, 0.5], "same") for _ in range(3)]
    gains = np.exp(2 * np.sin(t[:, None] / 300 + 2 * np.arange(3)))
    x = np.stack(leads, axis=1) * gains
    for size in (1, 37):
        assert fields(found(x, (size,))) == fields(found(x))


@pytest.mark.parametrize("dead", [0.0, np.nan, 7.0])
def test_a_lead_beside_dead_ones_keeps_its_own_scale(dead: float) -> None:
    x = bursts(1)
    alone = found(x[:, None])
    beside = found(np.stack([np.full(len(x), dead), x, np.full(len(x), dead)], axis=1))
    assert [(c.r, c.seen) for c in beside] == [(c.r, c.seen) for c in alone]
    np.testing.assert_allclose([c.size for c in beside], [c.size for c in alone])


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-3])
def test_a_lead_that_has_gone_still_keeps_its_gain_and_has_no_part(noise: float) -> None:
    x = np.stack([bursts(1, 12_000), bursts(2, 12_000)], axis=1)
    missing = x.copy()
    x[3000:9000, 1] = np.random.default_rng(3).normal(0, noise, 6000)
    missing[3000:9000, 1] = np.nan
    still, absent = ([c for c in found(each) if 4500 < c.r < 8900] for each in (x, missing))
    assert [c.r for c in still] == [c.r for c in absent]
    np.testing.assert_allclose([c.size for c in still], [c.size for c in absent], atol=0.3)
    assert [c.r for c in found(x) if c.r > 11_000] == [c.r for c in found(missing) if c.r > 11_000]


def test_the_gain_of_a_lead_does_not_matter_beside_another() -> None:
    x = np.stack([bursts(1), bursts(2)], axis=1)
    scaled = found(x * [1.0, 1024.0])
    assert [c.r for c in scaled] == [c.r for c in found(x)]


def test_the_shape_is_the_curvature_around_r_at_unit_energy() -> None:
    finder = Finder(1)
    shapes: list[Array] = []

    def take(candidate: Candidate) -> None:
        first = candidate.slot * SHAPE
        shapes.append(np.array(finder.shapes[first : first + SHAPE]))

    t = np.arange(2000) / STREAM_FS
    x = np.sum([np.exp(-0.5 * ((t - beat) / 0.012) ** 2) for beat in range(1, 8)], axis=0)
    finder.push(x[:, None], take)
    beats = [shape for shape in shapes if shape[15] < -0.3]
    assert len(beats) == 7
    np.testing.assert_allclose(np.linalg.norm(beats, axis=1), 1.0)
    assert min(np.corrcoef(beats[0], beat)[0, 1] for beat in beats) > 0.99
    assert abs(np.argmin(beats[0]) - 15) <= 1


def test_a_constant_has_no_candidates() -> None:
    assert found(np.full((3000, 2), 0.3)) == []


def test_a_gap_makes_none() -> None:
    x = bursts(3)
    whole = found(x[:, None])
    x[1000:1400] = np.nan
    with_gap = found(x[:, None])
    assert not [c for c in with_gap if 1000 <= c.r < 1400]
    after = [(c.r, c.seen) for c in whole if c.r > 1500]
    assert [(c.r, c.seen) for c in with_gap if c.r > 1500] == after


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 2.0))
@settings(deadline=None, max_examples=20)
def test_there_are_few_a_second_whatever_comes(seed: int, colour: float) -> None:
    """At most 31 a second, so that work and memory are bounded."""
    rng = np.random.default_rng(seed)
    spectrum = rng.normal(size=1001) + 1j * rng.normal(size=1001)
    x = np.fft.irfft(spectrum / np.arange(1, 1002) ** colour)
    seen = [c.seen for c in found(x[:, None])]
    assert all(b - a >= 8 for a, b in pairwise(seen))


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("height", [0.3, -3.0, 300.0])
def test_a_pulse_leaves_no_trace(width: int, height: float) -> None:
    t = np.arange(2000) / STREAM_FS
    x = np.sum([np.exp(-0.5 * ((t - beat) / 0.012) ** 2) for beat in range(1, 8)], axis=0)
    pulsed = x.copy()
    for beat in range(1, 8):
        pulsed[round((beat + 0.55) * STREAM_FS) :][:width] += height
    plain, with_pulses = found(x[:, None]), found(pulsed[:, None])
    large = [c for c in with_pulses if c.size > plain[0].size - 1]
    assert [c.r for c in large] == [c.r for c in plain if c.size > plain[0].size - 1]


def test_the_narrowest_qrs_is_no_pulse() -> None:
    """A triangle of 40 ms, the least that a monitor of newborns counts (EC13)."""
    t = np.arange(2000) / STREAM_FS
    x = np.sum([np.clip(1 - abs(t - beat - 0.001) / 0.02, 0, None) for beat in range(1, 8)], axis=0)
    largest = max(c.size for c in found(x[:, None]))
    assert len([c for c in found(x[:, None]) if c.size > largest - 0.1]) == 7


def test_balance_tells_a_step_from_a_wave() -> None:
    t = np.arange(2000) / STREAM_FS
    wave = np.exp(-0.5 * ((t - 4) / 0.03) ** 2)
    step = np.tanh((t - 4) / 0.008)
    for x, low, high in ((wave, 0.9, 1.0), (step, 0.0, 0.1)):
        (largest,) = sorted(found(x[:, None]), key=lambda c: c.size)[-1:]
        assert low <= largest.balance <= high


def test_what_is_narrower_is_sharper() -> None:
    t = np.arange(2000) / STREAM_FS
    widths = (0.01, 0.013, 0.017, 0.022)
    waves = [found(np.exp(-0.5 * ((t - 4) / w) ** 2)[:, None]) for w in widths]
    sharp = [max(each, key=lambda c: c.size).sharp for each in waves]
    assert sharp == sorted(sharp, reverse=True)
