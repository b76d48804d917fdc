"""The files against each other, against torch, and against plain integer arithmetic."""

import copy
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge.bundle import MAX_BYTES
from edge.classify import SIGN
from quantize import litert, onnx_qdq
from quantize.fakequant import FakeQuant
from quantize.graph import Add, Conv, QuantGraph, from_student
from tests.quantize.synthetic import beats, trained
from train.models.student import Block
from train.student.training import logits

Int8 = NDArray[np.int8]


def integer_reference(quant: QuantGraph, ecg: Int8, context: Int8) -> NDArray[np.int64]:
    """int8 inputs to int8 logits as LiteRT's specification has it; the convolution by loops."""
    values: dict[str, NDArray[Any]] = {
        "ecg": ecg.astype(np.int64),
        "context": context.astype(np.int64)[:, None],
    }

    def requantised(real: NDArray[np.float64], name: str, relu6: bool) -> NDArray[Any]:
        q = quant.quantization[name]
        real = np.clip(real, 0, 6) if relu6 else real
        return np.asarray(np.clip(np.rint(real / q.scale) + q.zero_point, -128, 127), np.int64)

    for op in quant.graph.ops:
        if isinstance(op, Conv):
            x = values[op.x] - quant.quantization[op.x].zero_point
            x = np.pad(x, ((0, 0), (op.pad, op.pad)))
            weight = quant.weight[op.y].astype(np.int64)
            outs, per_group, kernel = weight.shape
            length = quant.graph.shapes[op.y][1]
            total = np.repeat(quant.bias[op.y].astype(np.int64)[:, None], length, 1)
            for o in range(outs):
                first = o // (outs // op.groups) * per_group
                for k in range(kernel):
                    rows = x[first : first + per_group, k : k + length * op.stride : op.stride]
                    total[o] += weight[o, :, k] @ rows
            scale = quant.bias_scale(op).astype(np.float64)[:, None]
            values[op.y] = requantised(total * scale, op.y, op.relu6)
        elif isinstance(op, Add):
            a, b = (
                (values[n] - quant.quantization[n].zero_point) * quant.quantization[n].scale
                for n in (op.a, op.b)
            )
            values[op.y] = requantised(a + b, op.y, True)
        else:
            values[op.y] = np.concatenate([values[op.a], values[op.b]])
    return np.asarray(values[quant.graph.output][:, 0])


def int8_inputs() -> list[tuple[Int8, Int8]]:
    """Random noise, both rails, square waves, zeros, ramps, and real-looking beats."""
    rng = np.random.default_rng(0)
    c, t, f = 2, 128, 6
    made: list[tuple[NDArray[Any], NDArray[Any]]]
    made = [(rng.integers(-128, 128, (c, t)), rng.integers(-128, 128, f)) for _ in range(40)]
    made += [(rng.choice([-128, 127], (c, t)), rng.choice([-128, 127], f)) for _ in range(40)]
    made += [(np.full((c, t), v), np.full(f, w)) for v in (-128, 0, 127) for w in (-128, 0, 127)]
    made += [(np.tile(np.linspace(-128, 127, t), (c, 1)), np.zeros(f))]
    made += [(40 * row, 0 * row[0, :f]) for row in beats(100, seed=20).ecg]
    return [(x.astype(np.int8), z.astype(np.int8)) for x, z in made]


class Files:
    """Both files of a quantised graph, each on its runtime, as the classifier opens them."""

    def __init__(self, quant: QuantGraph) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.quant = quant
        self.tflite, self.onnx = litert.write(quant), onnx_qdq.write(quant)
        self.lite = Interpreter(model_content=self.tflite, num_threads=1)
        self.lite.allocate_tensors()
        self.index = {
            tensor["name"]: tensor["index"]
            for tensor in self.lite.get_input_details() + self.lite.get_output_details()
        }
        self.session = onnxruntime.InferenceSession(self.onnx, providers=["CPUExecutionProvider"])

    def run_litert(self, ecg: Int8, context: Int8) -> NDArray[np.int64]:
        self.lite.set_tensor(self.index["ecg"], ecg.T[None, None])
        self.lite.set_tensor(self.index["context"], context[None, None, None])
        self.lite.invoke()
        return np.asarray(self.lite.get_tensor(self.index["logits"])[0, 0, 0], np.int64)

    def run_onnx(self, ecg: Int8, context: Int8) -> NDArray[np.int64]:
        inputs = {
            "ecg": ecg[None].view(np.uint8) ^ SIGN,
            "context": context[None, :, None].view(np.uint8) ^ SIGN,
        }
        return np.asarray(self.session.run(None, inputs)[0][0, :, 0], np.int64) - 128


@cache
def files() -> Files:
    return Files(trained()[1].quantised())


def test_both_runtimes_compute_the_specification() -> None:
    """LiteRT, ONNX Runtime and integers: at most one step apart, and rarely that."""
    inputs = int8_inputs()
    expected = np.array([integer_reference(files().quant, *x) for x in inputs])
    lite = np.array([files().run_litert(*x) for x in inputs])
    onnx_ = np.array([files().run_onnx(*x) for x in inputs])
    assert len(np.unique(expected)) > 100  # the inputs reach most of the output's range
    for ours in (lite, onnx_):
        assert np.abs(ours - expected).max() <= 1
        assert (ours == expected).mean() >= 0.99
    assert (lite.argmax(1) == onnx_.argmax(1)).mean() >= 0.999


def test_the_twin_trains_what_the_files_compute() -> None:
    """Equal, but for a float sum in torch that falls on the other side of a half."""
    _, twin = trained()
    test = beats(400, seed=21)
    q = files().quant.quantization
    steps = (logits(twin, test) / q["logits"].scale).round().numpy() + q["logits"].zero_point
    z = twin.standardise(torch.from_numpy(test.context)).numpy()
    quantised = [
        np.clip(np.rint(x / q[name].scale) + q[name].zero_point, -128, 127).astype(np.int8)
        for name, x in (("ecg", test.ecg), ("context", z))
    ]
    lite = np.array([files().run_litert(*x) for x in zip(*quantised, strict=True)])
    assert np.abs(lite - steps).max() <= 1
    assert (lite == steps).mean() >= 0.99


def test_the_float_file_is_the_student() -> None:
    student, _ = trained()
    test = beats(64, seed=22)
    content = onnx_qdq.write_float(from_student(student))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    z = student.standardise(torch.from_numpy(test.context)).numpy()[:, :, None]
    got = [
        session.run(None, {"ecg": test.ecg[i : i + 1], "context": z[i : i + 1]})[0][0, :, 0]
        for i in range(len(test))
    ]
    np.testing.assert_allclose(got, logits(student, test).numpy(), atol=1e-5)


def test_files_are_small_and_hold_nothing_but_int8_arithmetic() -> None:
    assert len(files().tflite) <= 32_000
    assert len(files().tflite) < len(files().onnx) <= MAX_BYTES
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(files().tflite, 0))
    allowed = {
        schema.BuiltinOperator.CONV_2D,
        schema.BuiltinOperator.DEPTHWISE_CONV_2D,
        schema.BuiltinOperator.ADD,
        schema.BuiltinOperator.CONCATENATION,
    }
    assert {code.builtinCode for code in model.operatorCodes} == allowed
    kinds = {tensor.type for tensor in model.subgraphs[0].tensors}
    assert kinds == {schema.TensorType.INT8, schema.TensorType.INT32}
    proto = onnx.load_from_string(files().onnx)
    kinds = {node.op_type for node in proto.graph.node}
    assert kinds == {"QuantizeLinear", "DequantizeLinear", "Conv", "Add", "Concat"}


def test_constants_are_aligned_as_the_schema_asks() -> None:
    root = schema.Model.GetRootAs(files().tflite, 0)
    start = np.frombuffer(files().tflite, np.uint8).ctypes.data
    places = [
        root.Buffers(i).DataAsNumpy().ctypes.data - start
        for i in range(root.BuffersLength())
        if root.Buffers(i).DataLength()
    ]
    assert len(places) > 20
    assert all(place % 16 == 0 for place in places)


@pytest.mark.parametrize("bias", [-50.0, 0.0])
def test_a_dead_layer_still_loads_everywhere(bias: float) -> None:
    student = copy.deepcopy(trained()[0])
    block = student.blocks[2]
    assert isinstance(block, Block)
    norm = block.depthwise[1]
    assert isinstance(norm, torch.nn.BatchNorm2d)
    torch.nn.init.zeros_(norm.weight)
    torch.nn.init.constant_(norm.bias, bias)
    twin = FakeQuant(student)
    twin.calibrate(beats(200, seed=23))
    assert twin.ranges["depthwise2"] == (0, 0)
    dead = Files(twin.quantised())
    for x in int8_inputs()[:5]:
        expected = integer_reference(dead.quant, *x)
        assert np.abs(dead.run_litert(*x) - expected).max() <= 1
        assert np.abs(dead.run_onnx(*x) - expected).max() <= 1


def test_writing_twice_gives_the_same_bytes() -> None:
    quant = trained()[1].quantised()
    assert litert.write(quant) == litert.write(quant)
    assert onnx_qdq.write(quant) == onnx_qdq.write(quant)
    assert onnx_qdq.write_float(quant.graph) == onnx_qdq.write_float(quant.graph)
