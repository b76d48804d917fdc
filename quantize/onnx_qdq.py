"""Writes a graph as ONNX: float, or quantised with QuantizeLinear and DequantizeLinear pairs.

ONNX Runtime fuses each convolution between a dequantised input and a quantised output into one
integer kernel. Tensors are [1, channels, length].
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from quantize.graph import Add, Concat, Conv, Graph, QuantGraph, Shape

OPSET = 17
IR_VERSION = 9
"""Old enough for every ONNX Runtime that we allow, both of them."""


class _Nodes:
    """Nodes and constants of an ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, ins: list[str], out: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, ins, [out], **attributes))
        return out

    def constant(self, name: str, data: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(data, name))
        return name

    def operation(self, op: Conv | Add | Concat, ins: list[str], out: str) -> str:
        """One of ours; `ins` are its inputs, for a convolution with weight and bias."""
        if isinstance(op, Add):
            return self.add("Add", ins, out)
        if isinstance(op, Concat):
            return self.add("Concat", ins, out, axis=1)
        pads, strides = [op.pad, op.pad], [op.stride]
        return self.add("Conv", ins, out, group=op.groups, pads=pads, strides=strides)

    def model(self, graph: Graph, kind: int) -> bytes:
        def tensor(name: str, shape: Shape) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, kind, [1, *shape])

        body = helper.make_graph(
            self.nodes,
            "student",
            [tensor(name, graph.shapes[name]) for name in graph.inputs],
            [tensor(graph.output, graph.shapes[graph.output])],
            self.constants,
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(body, opset_imports=opset, ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString(deterministic=True)
        return content


def write_float(graph: Graph) -> bytes:
    """The graph in float32 as an .onnx file's content."""
    nodes = _Nodes()
    limits = [nodes.constant(f"relu{v}", np.array(v, np.float32)) for v in (0, 6)]
    for op in graph.ops:
        if isinstance(op, Conv):
            weight = nodes.constant(f"{op.y}.weight", graph.weight[op.y])
            bias = nodes.constant(f"{op.y}.bias", graph.bias[op.y])
            ins, relu6 = [op.x, weight, bias], op.relu6
        else:
            ins, relu6 = [op.a, op.b], isinstance(op, Add)
        real = nodes.operation(op, ins, f"{op.y}.sum" if relu6 else op.y)
        if relu6:
            nodes.add("Clip", [real, *limits], op.y)
    return nodes.model(graph, TensorProto.FLOAT)


def write(quant: QuantGraph) -> bytes:
    """The model as an .onnx file's content; inputs and output are uint8, int8 plus 128.

    Activations and weights are unsigned: on x86, ONNX Runtime does not fuse signed activations,
    and its kernels for unsigned times signed may saturate where a processor lacks VNNI.
    """
    graph, nodes = quant.graph, _Nodes()
    dequantised: dict[str, str] = {}

    def parameters(name: str) -> list[str]:
        q = quant.quantization[name]
        return [
            nodes.constant(f"{name}.scale", np.array(q.scale, np.float32)),
            nodes.constant(f"{name}.zero", np.array(q.zero_point + 128, np.uint8)),
        ]

    def constant(
        name: str, data: NDArray[np.generic], zero: int, scale: NDArray[np.float32]
    ) -> str:
        ins = [
            nodes.constant(f"{name}.q", data),
            nodes.constant(f"{name}.scale", scale),
            nodes.constant(f"{name}.zero", np.full(len(scale), zero, data.dtype)),
        ]
        return nodes.add("DequantizeLinear", ins, name, axis=0)

    for name in graph.inputs:
        dequantised[name] = nodes.add("DequantizeLinear", [name, *parameters(name)], f"{name}.real")
    for op in graph.ops:
        ins = [dequantised[x] for x in ([op.x] if isinstance(op, Conv) else [op.a, op.b])]
        if isinstance(op, Conv):
            unsigned = (quant.weight[op.y].astype(np.int16) + 128).astype(np.uint8)
            ins.append(constant(f"{op.y}.weight", unsigned, 128, quant.weight_scale[op.y]))
            ins.append(constant(f"{op.y}.bias", quant.bias[op.y], 0, quant.bias_scale(op)))
        # ReLU6 needs no node: a quantised range within [0, 6] saturates where it would.
        real = nodes.operation(op, ins, f"{op.y}.exact")
        pair = parameters(op.y)
        nodes.add("QuantizeLinear", [real, *pair], op.y)
        if op.y != graph.output:
            dequantised[op.y] = nodes.add("DequantizeLinear", [op.y, *pair], f"{op.y}.real")
    return nodes.model(graph, TensorProto.UINT8)
