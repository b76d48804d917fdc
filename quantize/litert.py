"""Writes a graph as a LiteRT (.tflite) file, quantised or float.

Straight from the schema that comes with ai-edge-litert, without TensorFlow: a file holds
nothing but convolutions, additions and a concatenation, which XNNPACK runs as one piece.
Tensors of [channels, length] are stored as NHWC with height 1: [1, 1, length, channels].
"""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge.bundle import Quantization
from quantize.graph import Add, Conv, Graph, QuantGraph, Shape

BUFFER_ALIGNMENT = 16
"""The schema's `force_align` of constant data, which the Python code generated from it ignores."""


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Writes equal vectors once: zero points and shapes would be a third of a small file."""

    def __init__(self) -> None:
        super().__init__(1 << 16)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: NDArray[Any]) -> int:  # noqa: N802
        key = x.dtype.str, x.tobytes()
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802
        if elemSize == 1:
            alignment = BUFFER_ALIGNMENT
        offset: int = super().StartVector(elemSize, numElems, alignment)
        return offset


class _Model:
    """A model in the making: tensors and operators get their numbers as they come."""

    def __init__(self) -> None:
        self.buffers = [schema.BufferT()]  # buffer 0 means "no data"
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: dict[tuple[int, int], int] = {}

    def activation(self, name: str, shape: Shape, q: Quantization | None) -> int:
        dims = np.array([1, 1, shape[1], shape[0]], np.int32)
        if q is None:
            return self._tensor(name, dims, schema.TensorType.FLOAT32, None, 0)
        parameters = schema.QuantizationParametersT()
        parameters.scale = np.array([q.scale], np.float32)
        parameters.zeroPoint = np.array([q.zero_point], np.int64)
        return self._tensor(name, dims, schema.TensorType.INT8, parameters, 0)

    def constant(self, data: NDArray[Any], scale: NDArray[np.float32] | None, axis: int) -> int:
        """Weights or biases; `scale` runs along `axis`, None where `data` is float."""
        buffer, parameters = schema.BufferT(), None
        buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        self.buffers.append(buffer)
        if scale is not None:
            parameters = schema.QuantizationParametersT()
            parameters.scale, parameters.zeroPoint = scale, np.zeros(len(scale), np.int64)
            parameters.quantizedDimension = axis
        kind = getattr(schema.TensorType, data.dtype.name.upper())
        shape = np.array(data.shape, np.int32)
        return self._tensor("", shape, kind, parameters, len(self.buffers) - 1)

    def _tensor(
        self, name: str, shape: NDArray[np.int32], kind: int, parameters: Any, buffer: int
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, shape, kind
        tensor.quantization, tensor.buffer = parameters, buffer
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def operator(self, code: int, version: int, ins: list[int], out: int, options: Any) -> None:
        op = schema.OperatorT()
        op.opcodeIndex = self.codes.setdefault((code, version), len(self.codes))
        op.inputs, op.outputs = np.array(ins, np.int32), np.array([out], np.int32)
        op.builtinOptions = options
        op.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        self.operators.append(op)

    def pack(self, inputs: list[int], output: int) -> bytes:
        subgraph, model = schema.SubGraphT(), schema.ModelT()
        subgraph.tensors, subgraph.operators = self.tensors, self.operators
        subgraph.inputs = np.array(inputs, np.int32)
        subgraph.outputs = np.array([output], np.int32)
        model.version, model.subgraphs, model.buffers = 3, [subgraph], self.buffers
        model.operatorCodes = []
        for builtin, version in self.codes:
            code = schema.OperatorCodeT()
            code.builtinCode = code.deprecatedBuiltinCode = builtin  # all of ours are below 127
            code.version = version
            model.operatorCodes.append(code)
        builder = _Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def write(quant: QuantGraph) -> bytes:
    """The model as a .tflite file's content; inputs and output are int8."""
    return _write(quant.graph, quant)


def write_float(graph: Graph) -> bytes:
    """The graph in float32 as a .tflite file's content, to measure the int8 one against."""
    return _write(graph, None)


def _write(graph: Graph, quant: QuantGraph | None) -> bytes:
    model, ops = _Model(), schema.BuiltinOperator
    tensor = {
        name: model.activation(name, shape, quant.quantization[name] if quant else None)
        for name, shape in graph.shapes.items()
    }
    for op in graph.ops:
        options: Any
        if isinstance(op, Conv):
            weight, bias = (quant or graph).weight[op.y], (quant or graph).bias[op.y]
            depthwise = op.groups > 1
            options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
            if depthwise:
                options.depthMultiplier = 1
            # LiteRT refuses a depthwise convolution with unequal strides; height is 1 anyway.
            options.strideH = options.strideW = op.stride
            options.dilationHFactor = options.dilationWFactor = 1
            options.padding = schema.Padding.SAME if op.pad else schema.Padding.VALID
            if op.relu6:
                options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
            axes = (1, 2, 0) if depthwise else (0, 2, 1)  # [1, 1, kernel, C] or [O, 1, kernel, I]
            nhwc = np.expand_dims(weight.transpose(axes), 0 if depthwise else 1)
            scale = quant.weight_scale[op.y] if quant else None
            ins = [
                tensor[op.x],
                model.constant(nhwc, scale, 3 if depthwise else 0),
                model.constant(bias, quant.bias_scale(op) if quant else None, 0),
            ]
            code = ops.DEPTHWISE_CONV_2D if depthwise else ops.CONV_2D
            model.operator(code, 3, ins, tensor[op.y], options)
        elif isinstance(op, Add):
            ins = [tensor[op.a], tensor[op.b]]
            options = schema.AddOptionsT()
            options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
            model.operator(ops.ADD, 2, ins, tensor[op.y], options)
        else:
            options = schema.ConcatenationOptionsT()
            options.axis = 3
            ins = [tensor[op.a], tensor[op.b]]
            model.operator(ops.CONCATENATION, 2, ins, tensor[op.y], options)
    inputs = [tensor[name] for name in graph.inputs]
    return model.pack(inputs, tensor[graph.output])
