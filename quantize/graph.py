"""The network as plain data: what is fake-quantised, and written to each file format.

Tensors are named and have the shape [channels, length] of one window. Every linear operation is
a 1-D convolution; a dense layer is one over length 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.bundle import Quantization
from train.models.student import Block, ConvBN, Student

Shape = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Conv:
    """y = weight * x + bias, padded with `pad` zeros on both sides; through ReLU6 or not."""

    x: str
    y: str
    stride: int
    pad: int
    groups: int
    relu6: bool


@dataclass(frozen=True, slots=True)
class Add:
    """y = relu6(a + b)."""

    a: str
    b: str
    y: str


@dataclass(frozen=True, slots=True)
class Concat:
    """y = a and b, one after the other along the channels."""

    a: str
    b: str
    y: str


Op = Conv | Add | Concat


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Operations in the order they run; `weight` and `bias` are by a convolution's output."""

    shapes: Mapping[str, Shape]
    """Of every tensor, [channels, length]."""
    inputs: tuple[str, ...]
    output: str
    ops: tuple[Op, ...]
    weight: Mapping[str, NDArray[np.float32]]
    """[out, in / groups, kernel]."""
    bias: Mapping[str, NDArray[np.float32]]
    """[out]."""

    def convs(self) -> list[Conv]:
        """The operations that have weights."""
        return [op for op in self.ops if isinstance(op, Conv)]


@dataclass(frozen=True, slots=True, eq=False)
class QuantGraph:
    """A graph in LiteRT's int8 arithmetic: what both writers write.

    Activations are int8, asymmetric, one scale a tensor; weights int8, symmetric, one scale an
    output channel; biases int32 with scale `x.scale * weight_scale` ("TensorFlow Lite 8-bit
    quantization specification").
    """

    graph: Graph
    quantization: Mapping[str, Quantization]
    """Of every activation."""
    weight: Mapping[str, NDArray[np.int8]]
    weight_scale: Mapping[str, NDArray[np.float32]]
    """[out]."""
    bias: Mapping[str, NDArray[np.int32]]

    def bias_scale(self, op: Conv) -> NDArray[np.float32]:
        """What one step of the accumulator stands for, [out]."""
        return np.float32(self.quantization[op.x].scale) * self.weight_scale[op.y]


class _Builder:
    """Collects operations and works out shapes."""

    def __init__(self) -> None:
        self.shapes: dict[str, Shape] = {}
        self.ops: list[Op] = []
        self.weight: dict[str, NDArray[np.float32]] = {}
        self.bias: dict[str, NDArray[np.float32]] = {}

    def conv(
        self, x: str, y: str, layer: nn.Conv2d, weight: Tensor, bias: Tensor, act: bool
    ) -> str:
        stride, pad = layer.stride[1], int(layer.padding[1])
        length = (self.shapes[x][1] + 2 * pad - layer.kernel_size[1]) // stride + 1
        return self._add(Conv(x, y, stride, pad, layer.groups, act), length, weight, bias)

    def conv_bn(self, x: str, y: str, module: ConvBN, act: bool = True) -> str:
        """A convolution with its batch norm folded into it."""
        layer, norm = module
        assert isinstance(layer, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        return self.conv(x, y, layer, *fold(layer, norm), act)

    def dense(self, x: str, y: str, weight: Tensor, bias: Tensor, act: bool) -> str:
        return self._add(Conv(x, y, 1, 0, 1, act), 1, weight[:, :, None], bias)

    def _add(self, op: Conv, length: int, weight: Tensor, bias: Tensor) -> str:
        self.ops.append(op)
        self.shapes[op.y] = len(weight), length
        self.weight[op.y] = weight.detach().numpy().copy()
        self.bias[op.y] = bias.detach().numpy().copy()
        return op.y


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of the one 1-D convolution that equals `norm(conv(x))` in evaluation."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    return conv.weight[:, :, 0] * gain[:, None, None], norm.bias - norm.running_mean * gain


def from_student(student: Student) -> Graph:
    """The student in evaluation mode as a graph of inputs `ecg` and `context`.

    `context` is standardised (`Student.standardise`): that is done in float, where features with
    very different ranges lose nothing, before one scale quantises them all.
    """
    config, g = student.config, _Builder()
    g.shapes["ecg"] = config.channels, config.samples
    g.shapes["context"] = config.context, 1
    x = g.conv_bn("ecg", "stem", student.stem)
    for i, block in enumerate(student.blocks):
        assert isinstance(block, Block)
        y = g.conv_bn(x, f"depthwise{i}", block.depthwise)
        y = g.conv_bn(y, f"pointwise{i}", block.pointwise, act=not block.residual)
        if block.residual:
            g.ops.append(Add(x, y, f"sum{i}"))
            g.shapes[f"sum{i}"] = g.shapes[y]
            y = f"sum{i}"
        x = y
    pool = student.pool
    assert pool.bias is not None
    found = g.conv(x, "found", pool, pool.weight[:, :, 0], pool.bias, act=True)
    shape = g.dense(found, "shape", student.shape.weight, student.shape.bias, act=True)
    rhythm = g.dense("context", "rhythm", student.context.weight, student.context.bias, act=True)
    g.ops.append(Concat(shape, rhythm, "features"))
    g.shapes["features"] = g.shapes[shape][0] + g.shapes[rhythm][0], 1
    logits = g.dense("features", "logits", student.decision, student.out.bias, act=False)
    return Graph(g.shapes, ("ecg", "context"), logits, tuple(g.ops), g.weight, g.bias)
