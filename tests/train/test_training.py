"""Training learns, repeats itself, and goes on where it stopped."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import replay
from edge.beats import CONTEXT
from edge.errors import RecordError
from edge.synthetic import synthesize
from train.cli import main
from train.data.mitdb import Annotations, read_annotations
from train.metrics.classification import f1
from train.models.student import StudentConfig
from train.student.beats import Beats, ListedPeaks, fuse, observe
from train.student.crossval import FOLDS, HeldOut, Predictions, Run, temperature, validated
from train.student.distillation import Distillation
from train.student.forms import Form
from train.student.training import TrainingConfig, _fewer, folds, logits, train

CLASSES = ("N", "S", "V", "F")
MODEL = StudentConfig(context=len(CONTEXT), stem=8, stages=(8, 8, 8))
SCRIPT = ("NNNNNNSNNNNVNN" * 16, "NNNVNNNNVVVNNSNN" * 16)


def made_beats() -> Beats:
    """Observations of made records, through the runtime."""
    parts = []
    for i, script in enumerate(SCRIPT):
        made = synthesize(script, 250.0, np.random.default_rng(i))
        samples, labels = zip(*made.beats, strict=True)
        symbols = np.array([{"N": "N", "S": "A", "V": "V"}[label] for label in labels])
        reference = Annotations(250.0, np.array(samples), symbols, (), ())
        parts += [observe(made.mv[:, :1], reference, Form(str(i)), CLASSES)]
    return Beats.concatenate(parts)


BEATS = made_beats()
CONFIG = TrainingConfig(epochs=40, normals=512, averaging=0.8)


def weights(student: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in student.parameters()])


def test_looks_hold_nearly_every_beat() -> None:
    assert len(BEATS) > 0.97 * sum(len(s) for s in SCRIPT)
    assert np.bincount(BEATS.label).tolist()[1:] == [
        pytest.approx(sum(s.count(c) for s in SCRIPT), abs=3) for c in "SV"
    ]


def test_it_learns() -> None:
    losses: list[float] = []
    student = train(BEATS, MODEL, CONFIG, progress=lambda _, loss: losses.append(loss))
    assert losses[-1] < 0.7 * losses[0]
    assert f1(logits(student, BEATS).argmax(1).numpy(), BEATS.label, CLASSES)["V"] > 0.9


def test_the_same_seed_gives_the_same_weights_also_after_an_interruption(tmp_path: Path) -> None:
    unbroken = train(BEATS, MODEL, CONFIG)

    def stop(epoch: int, loss: float) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(BEATS, MODEL, CONFIG, checkpoint, stop)
    resumed = train(BEATS, MODEL, CONFIG, checkpoint)
    assert torch.equal(weights(unbroken), weights(resumed))
    with pytest.raises(RecordError, match="with seed 0, this is seed 1"):
        train(BEATS, MODEL, replace(CONFIG, seed=1), checkpoint)


def test_a_student_learns_from_its_teachers(tmp_path: Path) -> None:
    config = TrainingConfig(epochs=6, normals=512, averaging=0.8, students=2, distillation=0.9)
    epochs: list[int] = []
    checkpoint = tmp_path / "checkpoint.safetensors"
    taught = train(BEATS, MODEL, config, checkpoint, lambda epoch, _: epochs.append(epoch))
    assert epochs == list(range(1, 19))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "checkpoint-0.safetensors",
        "checkpoint-1.safetensors",
        "checkpoint.safetensors",
        "manifest.json",
    ]
    alone = train(BEATS, MODEL, replace(config, students=0))
    assert not torch.equal(weights(taught), weights(alone))


def test_beats_of_all_but_a_few_records_are_forgotten() -> None:
    record = np.repeat(["a", "b", "c", "d"], 100)
    label = np.where(np.arange(400) % 2 == 0, 1, 0)
    label[300:] = 0
    label[-1] = 1  # a record with a single one is not one that could be left out
    beats = Beats(
        np.zeros((400, 2, 1), np.float32),
        np.zeros((400, 1), np.float32),
        label,
        record,
        record,
        np.arange(400),
        np.ones(400),
        np.arange(400) % 4 == 0,
    )
    for count in range(4):
        left = _fewer(beats, 1, count, seed=5)
        assert (left.label == 0).sum() == (label == 0).sum()
        counts = [np.count_nonzero(left.label[left.record == r]) for r in "abcd"]
        assert sorted(counts[:3]) == [0] * (3 - count) + [50] * count
        assert counts[3] == 1


def test_a_fused_beat_is_the_weighted_mean_of_its_leads() -> None:
    leads = Beats.concatenate([BEATS, replace(BEATS, weight=3 * BEATS.weight)])
    sure, unsure = (
        np.tile([1.0, 0, 0, 0], (len(BEATS), 1)),
        np.tile([0, 0, 1.0, 0], (len(BEATS), 1)),
    )
    rows, fused = fuse(leads, np.concatenate([sure, unsure]))
    assert len(rows) == len(BEATS)
    np.testing.assert_allclose(fused, np.tile([0.25, 0, 0.75, 0], (len(BEATS), 1)))


def test_temperature_undoes_what_was_divided() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 4))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    label = (p.cumsum(1) > rng.random((len(p), 1))).argmax(1)
    for t in (0.7, 1.0, 1.6):
        said = p**t / (p**t).sum(1, keepdims=True)
        beats = Predictions(np.full(len(p), "r"), label, said, np.zeros(len(p), np.bool_))
        assert temperature([HeldOut(beats, beats, beats)]) == pytest.approx(t, abs=0.1)


def test_folds_hold_each_record_once_and_every_class() -> None:
    rng = np.random.default_rng(0)
    record = np.repeat([str(i) for i in range(12)], 100)
    beats = Beats(
        np.zeros((1200, 2, 1), np.float32),
        np.zeros((1200, 1), np.float32),
        rng.choice(4, 1200, p=[0.7, 0.1, 0.1, 0.1]),
        record,
        record,
        np.arange(1200),
        np.ones(1200),
        np.zeros(1200, bool),
    )
    fold = folds(beats, 4)
    assert sorted(fold, key=int) == [str(i) for i in range(12)]
    assert sorted(np.bincount(list(fold.values())).tolist()) == [3, 3, 3, 3]


@given(
    counts=st.lists(st.tuples(*[st.integers(0, 30)] * 3), min_size=5, max_size=8),
    count=st.integers(2, 4),
)
@settings(deadline=None, max_examples=20)
def test_one_record_with_all_of_a_class_has_no_fold_of_its_own(
    counts: list[tuple[int, ...]], count: int
) -> None:
    """As 208 has of DS1's F: what it has of others is balanced all the same."""
    beats = counted([(200, 5, 40, 300), *((100 + n, 2 + s, 5 + v, 0) for n, s, v in counts)])
    fold = folds(beats, count)
    assert set(fold.values()) == set(range(count))
    beside = [record for record, k in fold.items() if k == fold["0"] and record != "0"]
    assert beside or len(counts) < 2 * count
    held = np.array([
        [(beats.label[np.isin(beats.record, [r for r, f in fold.items() if f == k])] == c).sum()
         for c in range(3)] for k in range(count)
    ])  # fmt: skip
    assert (held > 0).all()


def test_nothing_of_a_fold_is_learned_and_all_is_scored_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beats = counted([(20, 3, 4, 1)] * 9)
    learned: list[set[str]] = []
    scored: list[str] = []

    class Given(Distillation):
        def observations(self) -> dict[str, Beats]:  # type: ignore[override]
            return dict.fromkeys(("detected", "annotated", "noisy", "synthetic"), beats)

    def train_on(known: Beats, *_: object, **__: object) -> None:
        learned.append(set(known.record.tolist()))

    monkeypatch.setattr("train.student.crossval.train", train_on)
    monkeypatch.setattr("train.student.crossval.held_out", lambda _s, _b, out: scored.extend(out))
    setup = Given(Path(), Path())
    for fold in range(FOLDS):
        before = len(scored)
        validated(setup, Run(MODEL, TrainingConfig()), fold)
        assert not learned[-1] & set(scored[before:])
        assert learned[-1] | set(scored[before:]) == set(beats.record.tolist())
    assert sorted(scored) == sorted(set(beats.record.tolist()))


def counted(classes: Sequence[Sequence[int]]) -> Beats:
    """Records with so many beats of each class."""
    label = np.concatenate([np.repeat(np.arange(len(n)), n) for n in classes])
    record = np.repeat([str(i) for i in range(len(classes))], [sum(n) for n in classes])
    n = len(label)
    return Beats(
        np.zeros((n, 2, 1), np.float32),
        np.zeros((n, 1), np.float32),
        label,
        record,
        record,
        np.arange(n),
        np.ones(n),
        np.zeros(n, bool),
    )


def test_listed_peaks_come_once_and_late() -> None:
    detector = ListedPeaks(np.array([10, 200, 400]))
    first = detector.push(np.zeros((230, 1)))
    assert [p.sample for p in first] == [10, 200]
    assert [p.sample for p in detector.flush()] == [400]


def test_missing_recordings_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["distill", "--data", str(tmp_path)]) == 5
    assert "edge-train fetch mitdb" in capsys.readouterr().err


@pytest.mark.data_required("mitdb")
def test_observations_of_a_real_record_find_its_beats(mitdb: Path) -> None:
    mv = replay.read(mitdb / "119", [0]).nv * 1e-6
    reference = read_annotations(mitdb / "119")
    counts = np.bincount(observe(mv, reference, Form("119"), CLASSES).label)
    assert counts.tolist() == [pytest.approx(1543, abs=3), 0, pytest.approx(444, abs=3)]
