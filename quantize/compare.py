"""Float, PTQ and QAT on both runtimes: what rounding costs, and what it saves."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from edge.classify import SIGN, to_int8
from quantize import litert, onnx_qdq
from quantize.fakequant import FakeQuant
from quantize.graph import from_student
from train.metrics.classification import f1
from train.models.student import Student
from train.student.beats import Beats
from train.student.training import logits

TIMED_CALLS = 2000

Row = Callable[[int], NDArray[Any]]
"""Logits [K] of one of the beats, by its number."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One model on one runtime."""

    model: str
    """float, PTQ or QAT."""
    runtime: str
    bytes: int
    us: float
    """Median time of a call in microseconds, one window, one thread, all models interleaved."""
    agreement: float
    """Share of beats that get the same class as from the same model in torch."""
    float_agreement: float
    """Share of beats that get the same class as from the float model in torch."""
    f1: Mapping[str, float]
    """By class, and `macro` of N, S and V."""


def compare(student: Student, twins: Mapping[str, FakeQuant], beats: Beats) -> list[Figures]:
    """Figures of the float student and its twins (by name) over labelled beats."""
    context = student.standardise(torch.from_numpy(beats.context)).numpy()
    graph = from_student(student)
    models: dict[tuple[str, str], tuple[int, Row]] = {}
    for runtime, write, open_ in (
        ("LiteRT", litert.write_float, _litert),
        ("ONNX Runtime", onnx_qdq.write_float, _onnx),
    ):
        content = write(graph)
        models["float", runtime] = len(content), open_(content, beats.ecg, context)
    torch_logits = {"float": logits(student, beats).numpy()}
    for name, twin in twins.items():
        torch_logits[name] = logits(twin, beats).numpy()
        quant = twin.quantised()
        q = quant.quantization
        inputs = to_int8(beats.ecg, q["ecg"]), to_int8(context, q["context"])
        content = litert.write(quant)
        models[name, "LiteRT"] = len(content), _litert(content, *inputs)
        content = onnx_qdq.write(quant)
        unsigned = [x.view(np.uint8) ^ SIGN for x in inputs]
        models[name, "ONNX Runtime"] = len(content), _onnx(content, *unsigned)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in models}
    for i in range(TIMED_CALLS):
        for key, (_, row) in models.items():
            start = time.perf_counter()
            row(i % len(beats))
            times[key].append(time.perf_counter() - start)
    figures = []
    for (name, runtime), (size, row) in models.items():
        label = np.array([row(i) for i in range(len(beats))]).argmax(1)
        figures.append(
            Figures(
                name,
                runtime,
                size,
                round(1e6 * median(times[name, runtime]), 1),
                float(np.mean(label == torch_logits[name].argmax(1))),
                float(np.mean(label == torch_logits["float"].argmax(1))),
                f1(label, beats.label, student.config.classes),
            )
        )
    return figures


def table(figures: Sequence[Figures]) -> str:
    """The figures as text, and where int8 is slower than float."""
    classes = list(figures[0].f1)
    lines = [
        f"{'model':8}{'runtime':14}{'bytes':>8}{'us':>8}{'= torch %':>11}{'= float %':>11}  F1 %: "
        + "".join(f"{name:>7}" for name in classes)
    ]
    for f in figures:
        scores = "".join(f"{100 * f.f1[name]:7.2f}" for name in classes)
        lines.append(
            f"{f.model:8}{f.runtime:14}{f.bytes:8}{f.us:8.1f}{100 * f.agreement:11.2f}"
            f"{100 * f.float_agreement:11.2f}        {scores}"
        )
    floats = {f.runtime: f.us for f in figures if f.model == "float"}
    slower = [f"{f.model} on {f.runtime}" for f in figures if f.us > floats[f.runtime]]
    lines.append(f"int8 slower than float: {', '.join(slower) or 'nowhere'}")
    return "\n".join(lines)


def _litert(content: bytes, ecg: NDArray[Any], context: NDArray[Any]) -> Row:
    model = Interpreter(model_content=content, num_threads=1)
    model.allocate_tensors()
    index = {tensor["name"]: tensor["index"] for tensor in model.get_input_details()}
    output = model.get_output_details()[0]["index"]
    ecg = np.ascontiguousarray(ecg.transpose(0, 2, 1))

    def row(i: int) -> NDArray[Any]:
        model.set_tensor(index["ecg"], ecg[i][None, None])
        model.set_tensor(index["context"], context[i][None, None, None])
        model.invoke()
        logits: NDArray[Any] = model.get_tensor(output)[0, 0, 0]
        return logits

    return row


def _onnx(content: bytes, ecg: NDArray[Any], context: NDArray[Any]) -> Row:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def row(i: int) -> NDArray[Any]:
        inputs = {"ecg": ecg[i : i + 1], "context": context[i : i + 1, :, None]}
        logits: NDArray[Any] = model.run(["logits"], inputs)[0][0, :, 0]
        return logits

    return row
