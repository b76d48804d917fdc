"""Training learns, repeats itself, and goes on where it stopped."""

from pathlib import Path

import numpy as np
import pytest
import torch

from edge import replay
from edge.beats import CONTEXT
from edge.synthetic import synthesize
from train.beats import Beats, ListedPeaks, look
from train.cli import main
from train.data.mitdb import Annotations, read_annotations
from train.evaluation import f1
from train.models.student import StudentConfig
from train.student import TrainingConfig, folds, logits, train

CLASSES = ("N", "S", "V", "F")
MODEL = StudentConfig(context=len(CONTEXT), stem=8, stages=(8, 8, 8))
SCRIPT = ("NNNNNNSNNNNVNN" * 8, "NNNVNNNNVVVNNSNN" * 8)


def made_beats() -> Beats:
    """Looks at made records, through the runtime."""
    parts = []
    for i, script in enumerate(SCRIPT):
        made = synthesize(script, 250.0, np.random.default_rng(i))
        samples, labels = zip(*made.beats, strict=True)
        symbols = np.array([{"N": "N", "S": "A", "V": "V"}[label] for label in labels])
        reference = Annotations(250.0, np.array(samples), symbols, (), ())
        parts += [look(made.mv[:, 0], reference, str(i), CLASSES, "detected")]
    return Beats.concatenate(parts)


BEATS = made_beats()
CONFIG = TrainingConfig(epochs=40, normals=512, averaging=0.8)


def weights(student: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in student.parameters()])


def test_looks_hold_both_labels_of_nearly_every_beat() -> None:
    finals = BEATS[BEATS.final]
    assert len(finals) == len(BEATS) / 2
    made = sum(len(s) for s in SCRIPT)
    assert len(finals) > 0.97 * made
    assert np.bincount(finals.label).tolist()[1:] == [
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

    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        train(BEATS, MODEL, CONFIG, checkpoint, stop)
    resumed = train(BEATS, MODEL, CONFIG, checkpoint)
    assert torch.equal(weights(unbroken), weights(resumed))


def test_folds_hold_each_record_once_and_every_class() -> None:
    rng = np.random.default_rng(0)
    record = np.repeat([str(i) for i in range(12)], 100)
    beats = Beats(
        np.zeros((1200, 2, 1), np.float32),
        np.zeros((1200, 1), np.float32),
        rng.choice(4, 1200, p=[0.7, 0.1, 0.1, 0.1]),
        np.ones(1200, bool),
        record,
        np.arange(1200),
    )
    fold = folds(beats, 4)
    assert sorted(fold, key=int) == [str(i) for i in range(12)]
    assert sorted(np.bincount(list(fold.values())).tolist()) == [3, 3, 3, 3]


def test_listed_peaks_come_once_and_late() -> None:
    detector = ListedPeaks(np.array([10, 200, 400]))
    first = detector.push(np.zeros((230, 1)))
    assert [p.sample for p in first] == [10, 200]
    assert [p.sample for p in detector.flush()] == [400]


def test_missing_recordings_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["student", "--data", str(tmp_path)]) == 5
    assert "edge-train fetch mitdb" in capsys.readouterr().err


@pytest.mark.data_required("mitdb")
def test_looks_at_a_real_record_find_its_beats(mitdb: Path) -> None:
    mv = (replay.read(mitdb / "119", [0]).nv[:, 0] * 1e-6).astype(np.float64)
    reference = read_annotations(mitdb / "119")
    finals = look(mv, reference, "119", CLASSES, "detected")
    counts = np.bincount(finals.label[finals.final])
    assert counts.tolist() == [pytest.approx(1543, abs=3), 0, pytest.approx(444, abs=3)]
