"""Soft targets: which an observation is given, and that the student heeds them."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.train.made import Made
from train.data.corpus import Record
from train.data.windows import AAMI, Cut, Windows, cut
from train.student.beats import Beats, Source
from train.student.distillation import InContext, in_context, rows_to_learn, soft_targets
from train.student.forms import Form, forms
from train.student.training import MODEL, TrainingConfig, logits, train

SAMPLES = 128


def observations(record: NDArray[np.str_], sample: NDArray[np.int64], label: int = 0) -> Beats:
    n = len(sample)
    rng = np.random.default_rng(0)
    return Beats(
        ecg=rng.normal(size=(n, 2, SAMPLES)).astype(np.float32),
        context=rng.normal(size=(n, MODEL.context)).astype(np.float32),
        label=np.full(n, label),
        record=record,
        form=record,
        sample=sample,
        weight=np.ones(n),
        synthetic=np.zeros(n, bool),
    )


class Central(nn.Module):
    """Says of a beat how far it is from the window's middle, as the class V's logit."""

    def __init__(self) -> None:
        super().__init__()
        self.any = nn.Parameter(torch.zeros(1))

    def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor, context: Tensor) -> Tensor:
        logits = torch.zeros(*peaks.shape, len(AAMI))
        logits[:, :, AAMI.index("V")] = (peaks - ecg.shape[2] / 2).abs() / 100
        return logits


def beats_at(windows: Windows) -> NDArray[np.int64]:
    """All beats of the only record, at 100 Hz."""
    peaks = windows.column("peaks").astype(np.int64)
    at = windows.column("start")[:, None] + peaks
    return np.unique(at[peaks >= 0])


def bare(windows: Windows) -> InContext:
    """Windows of whose beats the device tells nothing."""
    shape = *windows.column("peaks").shape, MODEL.context
    return InContext(windows, np.full(shape, np.nan, np.float32))


def test_an_observation_gets_the_soft_targets_of_the_window_where_its_beat_is_most_central(
    tmp_path: Path,
) -> None:
    windows = cut(Made(1), Cut(stride=5), tmp_path, bar=False)
    at = beats_at(windows)
    starts = windows.column("start")
    inside = (at[:, None] >= starts) & (at[:, None] < starts + 1000)
    distance = np.where(inside, np.abs(at[:, None] - starts - 500), np.inf).min(1)
    moved = np.array([0, 30, -30])[np.arange(len(at)) % 3]  # at 250 Hz: within 150 ms
    sets: dict[Source, Beats] = {
        "detected": observations(np.full(len(at), "0"), at * 5 // 2 + moved)
    }
    given = soft_targets(Central(), bare(windows), sets)["detected"]
    np.testing.assert_allclose(
        given[:, AAMI.index("V")] - given[:, AAMI.index("N")], distance / 100, rtol=1e-4
    )


def test_whose_observation_it_is_does_not_hang_on_the_order(tmp_path: Path) -> None:
    windows = cut(Made(3), Cut(stride=5), tmp_path, bar=False)
    record, sample = windows.column("record"), windows.column("start")[:, None]
    peaks = windows.column("peaks").astype(np.int64)
    sample = np.where(peaks >= 0, peaks + sample, -1) * 5 // 2
    beats = Beats.concatenate([
        observations(np.full(len(at), name), at)
        for i, name in enumerate(r.name for r in windows.records)
        for at in [np.unique(sample[record == i][peaks[record == i] >= 0])]
    ])  # fmt: skip
    order = np.random.default_rng(0).permutation(len(beats))
    nothing = observations(np.full(0, "0"), np.empty(0, np.int64))
    given, told = [], []
    for of in (beats, beats[order]):
        sets: dict[Source, Beats] = {"detected": of, "noisy": nothing, "synthetic": nothing}
        told.append(in_context(windows, sets))
        given.append(soft_targets(Central(), told[-1], sets)["detected"])
    np.testing.assert_array_equal(told[0].context, told[1].context)
    np.testing.assert_array_equal(given[0][order], given[1])
    assert np.isfinite(given[0]).all()


def test_an_observation_without_a_beat_has_none(tmp_path: Path) -> None:
    windows = cut(Made(1), Cut(stride=5), tmp_path, bar=False)
    between = (beats_at(windows)[:-1] + np.diff(beats_at(windows)) // 2) * 5 // 2
    sets: dict[Source, Beats] = {"detected": observations(np.full(len(between), "0"), between)}
    given = soft_targets(Central(), bare(windows), sets)["detected"]
    assert np.isnan(given).all()


def test_a_beat_is_told_the_mean_context_of_its_observations(tmp_path: Path) -> None:
    windows = cut(Made(1), Cut(stride=5), tmp_path, bar=False)
    at = np.repeat(beats_at(windows)[1:], 2)  # two leads; of the first beat nothing is known
    beats = observations(np.full(len(at), "0"), at * 5 // 2)
    nothing = observations(np.full(0, "0"), np.empty(0, np.int64))
    told = in_context(windows, {"detected": beats, "noisy": nothing, "synthetic": nothing})
    batch = told.batch(np.arange(len(windows)))
    assert batch.context is not None
    place = windows.column("start")[:, None] + batch.peaks.numpy()
    for window, peak in zip(*np.nonzero(batch.peaks.numpy() >= 0), strict=True):
        expected = beats.context[at == place[window, peak]]
        context = batch.context[window, peak].numpy()
        if len(expected):
            np.testing.assert_allclose(context, expected.mean(0), rtol=1e-4, atol=1e-5)
        else:
            assert np.isnan(context).all()
    assert batch.context[batch.peaks < 0].isnan().all()


def test_the_student_heeds_its_soft_targets_over_its_labels() -> None:
    beats = observations(np.full(800, "0"), np.arange(800) * 200)
    says_v = np.log(np.full((800, len(AAMI)), 0.01, np.float32))
    says_v[:, AAMI.index("V")] = np.log(0.97)
    nothing = np.full_like(says_v, np.nan)
    config = TrainingConfig(
        epochs=20,
        learning_rate=5e-3,  # fewer beats want larger steps
        taught_by=("synthetic",),
        distillation=0.9,
        averaging=0.9,
        morphology_augmentation=False,
    )
    means = [
        logits(train(beats, MODEL, config, soft_targets=given), beats).softmax(1).mean(0)
        for given in (says_v, nothing)
    ]
    assert means[0][AAMI.index("V")] > 0.5
    assert means[1][AAMI.index("N")] > 0.8


def test_no_form_of_a_record_that_is_left_out_is_learned_by_a_teacher() -> None:
    known = [Record(form.name, form.record) for form in forms("ab", "none", "noise", "rhythm")]
    record = np.arange(len(known)).repeat(50)
    windows = SimpleNamespace(records=known, column=lambda name: {"record": record}[name])
    rows = rows_to_learn(cast(Windows, windows), ["b"], 0)
    learned = {known[i].name for i in record[rows]}
    assert {Form.named(name).record for name in learned} == {"a"}
    assert {Form.named(name).change for name in learned} == {"none", "noise", "rhythm"}
