import json
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import Bundle, Training, figures
from edge.classify import Classifier
from edge.errors import BundleError
from quantize.bundling import quantise
from quantize.cli import main
from tests.quantize.synthetic import beats, trained
from train.metrics.classification import f1


def test_a_student_becomes_a_bundle_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantize.bundling.CONTEXT", tuple("abcdef"))
    monkeypatch.setattr("quantize.compare.TIMED_CALLS", 3)
    learn, check = beats(600, seed=30), beats(400, seed=31)
    for folder in ("one", "two"):
        text = quantise(
            trained()[0],
            Training("made", "none", 1, "test", {}),
            learn,
            check,
            tmp_path / folder,
            name="made",
            version="3",
            seed=4,
            temperature=1.5,
        )
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    for words in ("float", "PTQ", "QAT", "LiteRT", "ONNX Runtime", "int8 slower than float:"):
        assert words in text
    bundle = Bundle.load(tmp_path / "one")
    assert (bundle.manifest.name, bundle.manifest.version) == ("made", "3")
    assert bundle.manifest.temperature == 1.5
    measured = figures(tmp_path / "one")["quantisation"]
    assert measured["kept"] in ("PTQ", "QAT")
    models = {(m["model"], m["runtime"]): m for m in measured["models"]}
    assert len(models) == 6
    for (name, _), model in models.items():
        assert model["agreement"] >= (0.9999 if name == "float" else 0.99)
        assert model["float_agreement"] > 0.98
        assert model["f1"]["macro"] > 0.9
    saved = models["float", "LiteRT"]["bytes"] - models["PTQ", "LiteRT"]["bytes"]
    assert saved > 2 * trained()[0].weights  # three bytes of four, but scales and biases stay
    got = Classifier(bundle, "litert").probabilities(check.ecg, check.context).argmax(1)
    assert f1(got, check.label, "NSVF") == models[measured["kept"], "LiteRT"]["f1"]


def test_features_of_another_checkpoint_are_refused(tmp_path: Path) -> None:
    """The synthetic student has six features, the runtime more."""
    training = Training("made", "none", 1, "test", {})
    some = beats(50, seed=32)
    with pytest.raises(BundleError, match="context_mean must fit"):
        quantise(trained()[0], training, some, some, tmp_path, name="a", version="1", seed=0)


@pytest.mark.parametrize("origin", [None, "", "{}", "[]", '{"records": ["100"]}'])
def test_what_is_no_checkpoint_is_said_so(
    tmp_path: Path, origin: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "student.safetensors"
    checkpoint.write_bytes(b"nonsense")
    if origin is not None:
        (tmp_path / "training.json").write_text(origin)
    assert main([str(checkpoint), "--out", str(tmp_path / "out")]) == 5
    error = capsys.readouterr().err
    assert "not what edge-train writes" in error
    assert error.count("\n") == 1


def test_f1_is_that_of_the_confusion_matrix() -> None:
    truth = np.array([0, 0, 0, 1, 1, 2, 3, 3])
    label = np.array([0, 0, 1, 1, 0, 2, 3, 0])
    scores = f1(label, truth, "NSVF")
    assert scores["N"] == pytest.approx(2 * 2 / (3 + 4))
    assert scores["S"] == pytest.approx(2 * 1 / (2 + 2))
    assert scores["V"] == 1
    assert scores["macro"] == pytest.approx(np.mean([scores[c] for c in "NSV"]))
    assert f1(label[:3], truth[:3], "NSVF")["V"] == 0
    assert json.dumps(scores)
