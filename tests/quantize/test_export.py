import json
from pathlib import Path

import onnx
import pytest

from edge.bundle import ONNX_FLOAT, TFLITE
from tests.quantize.synthetic import trained, write


def test_the_same_student_gives_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two")
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == [
        "figures.json",
        "manifest.json",
        "model.onnx",
        "model.tflite",
        "model_float.onnx",
    ]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_manifest_says_what_the_files_are(tmp_path: Path) -> None:
    bundle = write(tmp_path / "new" / "folder")
    student, twin = trained()
    spec = bundle.manifest.input
    assert bundle.manifest.classes == student.config.classes
    assert (len(spec.channels), spec.samples) == (student.config.channels, student.config.samples)
    assert spec.context_mean == pytest.approx(student.context_mean.tolist())
    assert spec.logits_quantization == twin.quantization("logits")
    assert bundle.manifest.files[TFLITE].bytes == len(bundle.files[TFLITE])
    onnx.checker.check_model(onnx.load_from_string(bundle.files[ONNX_FLOAT]))
    text = (tmp_path / "new" / "folder" / "manifest.json").read_text()
    assert json.loads(text)["training"]["data"] == "synthetic beats"
    assert str(tmp_path) not in text
