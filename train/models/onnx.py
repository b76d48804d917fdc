"""Networks as ONNX, with their facts: what `train.reading.nets.OnnxNet` runs without torch."""

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor
from torch.onnx.utils import register_custom_op_symbolic

from edge.errors import OutputError
from train.engine.files import replacing
from train.models.checkpoint import Saved
from train.models.facts import KEY, Facts

OPSET: Final = 17
INPUTS: Final = ["ecg", "leads", "peaks"]
"""[B, 12, T] in mV, whether a lead is there [B, 12], R peaks [B, P]. A network that makes no use of
one has it not."""
QUANTISED: Final = ("Conv", "MatMul", "Gemm")
"""Operations that are done in whole numbers: others hold no weights."""


def write(saved: Saved, path: Path, example: tuple[Tensor, Tensor, Tensor]) -> None:
    """Writes what reads records; it takes any number of windows as long as the example's.

    OutputError where that fails. By the exporter that traces: the newer one wants another package,
    and sizes that do not depend on what is in a window.
    """
    register_custom_op_symbolic("aten::asinh", _asinh, OPSET)
    inputs = INPUTS[: 2 if saved.facts.delineates else 3]
    names = [*inputs, "logits"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is the older one, and traces
            torch.onnx.export(
                saved.reader(), example[: len(inputs)], str(new), input_names=inputs,
                output_names=["logits"],
                dynamic_axes={name: {0: "windows"} for name in names},
                opset_version=OPSET, dynamo=False,
            )  # fmt: skip
            _tell(new, saved.facts)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def _asinh(graph: Any, x: Any) -> Any:
    """ONNX has had it since opset 9; the exporter does not know."""
    return graph.op("Asinh", x)


def _tell(path: Path, facts: Facts) -> None:
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {KEY: json.dumps(facts.as_json())})
    onnx.save(model, path)


class _Some(CalibrationDataReader):  # type: ignore[misc]
    """Windows, one after the other."""

    def __init__(self, given: Mapping[str, NDArray[Any]], names: set[str]) -> None:
        self._each: Iterator[dict[str, NDArray[Any]]] = (
            {name: given[name][i : i + 1] for name in names} for i in range(len(given["ecg"]))
        )

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._each, None)


def quantised(source: Path, path: Path, given: Mapping[str, NDArray[Any]]) -> None:
    """The same in int8, ranges taken from some windows, by input; OutputError where that fails."""
    model = onnx.load(source)
    facts = {p.key: p.value for p in model.metadata_props}
    names = {value.name for value in model.graph.input}
    try:
        with replacing(path) as new:
            ready = new.with_suffix(".ready")
            quant_pre_process(source, ready, skip_symbolic_shape=True)
            quantize_static(
                ready, new, _Some(given, names), quant_format=QuantFormat.QDQ, per_channel=True,
                op_types_to_quantize=list(QUANTISED),
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
            ready.unlink()
            small = onnx.load(new)
            onnx.helper.set_model_props(small, facts)
            onnx.save(small, new)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error
