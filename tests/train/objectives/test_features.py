"""Measures of records and beats."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from train.data.corpus import LEADS
from train.objectives.features import BEAT, RECORD, features, similarity

FS = 100.0


def record(gap: int = 80, width: float = 2.0, size: float = 1.0) -> tuple[Tensor, Tensor]:
    """Gaussian QRS complexes in lead I alone, T waves in V2 alone."""
    t = torch.arange(1000)
    peaks = torch.arange(40, 940, gap)
    ecg = torch.zeros(1, 12, 1000)
    for r in peaks:
        ecg[0, LEADS.index("I")] += size * torch.exp(-(((t - r) / width) ** 2))
        ecg[0, LEADS.index("V2")] += 0.3 * torch.exp(-(((t - r - 28) / 5) ** 2))
    return ecg, peaks[None]


def named(**how: Any) -> dict[str, float]:
    of_record, _ = features(*record(**how), FS)
    return dict(zip(RECORD, of_record[0].tolist(), strict=True))


def test_a_regular_rhythm_measures_as_one() -> None:
    found = named(gap=80)
    assert np.exp(found["RR"]) == pytest.approx(0.8)
    assert found["RR spread"] == pytest.approx(0, abs=1e-6)
    assert found["RR change"] == pytest.approx(0, abs=1e-6)


def test_waves_are_seen_where_they_are() -> None:
    found = named()
    assert found["QRS area I"] > 0.1 > abs(found["QRS area V2"])
    assert found["T area V2"] > 0.05 > abs(found["T area I"])


def test_wider_is_wider_and_larger_larger_and_no_wider() -> None:
    assert named(width=4)["QRS width"] > named(width=2)["QRS width"] + 0.005
    assert named(size=2)["QRS size"] > named(size=1)["QRS size"]
    assert named(size=2)["QRS width"] == pytest.approx(named(size=1)["QRS width"], abs=2e-3)


def test_an_early_beat_is_early() -> None:
    ecg, peaks = record(gap=80)
    peaks[0, 4] -= 30
    _, beats = features(ecg, peaks, FS)
    before, after = beats[0, :, BEAT.index("RR before")], beats[0, :, BEAT.index("RR after")]
    assert before.argmin() == 4
    assert after.argmax() == 4


def test_peaks_behind_the_last_do_not_matter() -> None:
    ecg, peaks = record()
    more = torch.cat([peaks, torch.full((1, 7), -1)], 1)
    (a, of_a), (b, of_b) = features(ecg, peaks, FS), features(ecg, more, FS)
    torch.testing.assert_close(a, b)
    torch.testing.assert_close(of_a, of_b[:, : peaks.shape[1]])


@pytest.mark.parametrize("beats", [0, 1, 2])
def test_few_beats_measure_as_something(beats: int) -> None:
    ecg, peaks = record()
    peaks[:, beats:] = -1
    assert all(x.isfinite().all() for x in features(ecg, peaks, FS))


def test_alike_is_a_likeness() -> None:
    torch.manual_seed(0)
    x = torch.randn(40, 6) * torch.tensor([1, 1, 1, 10, 100, 0.01])
    w = similarity(x)
    torch.testing.assert_close(w, w.T)
    torch.testing.assert_close(w.diagonal(), torch.ones(40))
    assert 0 <= w.min() <= w.max() <= 1 + 1e-5
    torch.testing.assert_close(w, similarity(3 * x + 5), atol=1e-4, rtol=0)
