"""From a float student and its quantised twin to a bundle's folder."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.bundle import (
    FIGURES,
    FORMAT,
    ONNX,
    ONNX_FLOAT,
    TFLITE,
    Bundle,
    FileSpec,
    InputSpec,
    Manifest,
    Training,
)
from quantize import litert, onnx_qdq
from quantize.fakequant import FakeQuant
from quantize.graph import from_student
from train.models.student import Student


def write_bundle(
    folder: Path,
    student: Student,
    twin: FakeQuant,
    *,
    name: str,
    version: str,
    fs_hz: float,
    before_r: int,
    channels: tuple[str, ...],
    context: tuple[str, ...],
    thresholds: Mapping[str, float],
    training: Training,
    figures: Mapping[str, Any],
) -> Bundle:
    """Writes manifest and model files into `folder`, and reads them back as a device would.

    The same student, twin and fields give the same bytes.
    """
    quant = twin.quantised()
    files = {
        TFLITE: litert.write(quant),
        ONNX: onnx_qdq.write(quant),
        ONNX_FLOAT: onnx_qdq.write_float(from_student(student)),
    }
    manifest = Manifest(
        format=FORMAT,
        name=name,
        version=version,
        input=InputSpec(
            fs_hz=fs_hz,
            samples=student.config.samples,
            before_r=before_r,
            channels=channels,
            context=context,
            context_mean=tuple(student.context_mean.tolist()),
            context_std=tuple(student.context_std.tolist()),
            ecg_quantization=quant.quantization["ecg"],
            context_quantization=quant.quantization["context"],
            logits_quantization=quant.quantization["logits"],
        ),
        classes=student.config.classes,
        thresholds=thresholds,
        files={
            file: FileSpec(hashlib.sha256(content).hexdigest(), len(content))
            for file, content in files.items()
        },
        training=training,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    (folder / FIGURES).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return Bundle.load(folder)
