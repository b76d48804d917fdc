"""A graph's fake-quantised twin: trains in float what the int8 files will compute.

Follows the "TensorFlow Lite 8-bit quantization specification" and, for training, Jacob et al.,
"Quantization and Training of Neural Networks" (CVPR 2018): weights and activations are rounded
in the forward pass, and gradients pass straight through. Ranges are those of the calibration.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edge.bundle import Quantization
from quantize.graph import Add, Concat, Conv, QuantGraph, from_student
from train.models.student import CONTEXT_LIMIT, Student
from train.student.beats import Beats
from train.student.training import BATCH, logits, tensors

MIN_RANGE = 0.1
"""No activation's range is narrower. A dead ReLU would have a scale near zero, which LiteRT's
XNNPACK refuses; live activations are of order 1."""
MIN_WEIGHT_SCALE = 2.0**-16
"""Keeps the bias of an all-zero channel within int32."""
INPUT_TAIL = 3e-5
"""Share of the ECG's samples that are clipped on either side: rare spikes must not cost the
resolution of every P wave. Between 2e-5 and 5e-5 the int8 students came nearest to their float
originals on left-out subjects of DS1; nothing else that is rounded cost as much."""


class FakeQuant(nn.Module):
    """Stands in for a `Student`: the same inputs and outputs, in int8's arithmetic."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.graph = from_student(student)
        self.standardise = student.standardise
        self.weight = nn.ParameterDict(
            {name: torch.from_numpy(w.copy()) for name, w in self.graph.weight.items()}
        )
        self.bias = nn.ParameterDict(
            {name: torch.from_numpy(b.copy()) for name, b in self.graph.bias.items()}
        )
        # LiteRT joins tensors of one scale only, so what a Concat joins has its output's.
        self.scale_of = {op.y: op.y for op in self.graph.ops} | {n: n for n in self.graph.inputs}
        for op in self.graph.ops:
            if isinstance(op, Concat):
                self.scale_of |= {op.a: op.y, op.b: op.y}
        self.ranges: dict[str, tuple[float, float]] = {}
        """Smallest and largest value of each activation; empty until `calibrate`."""
        self._observed: dict[str, tuple[float, float]] | None = None

    def forward(self, ecg: Tensor, context: Tensor) -> Tensor:
        """ECG [B, C, T] and raw context [B, F] to logits [B, K]."""
        values = {
            "ecg": self._round("ecg", ecg),
            "context": self._round("context", self.standardise(context)[:, :, None]),
        }
        for op in self.graph.ops:
            if isinstance(op, Conv):
                y = F.conv1d(
                    values[op.x],
                    *self._rounded_parameters(op),
                    op.stride,
                    op.pad,
                    groups=op.groups,
                )
                y = F.relu6(y) if op.relu6 else y
            elif isinstance(op, Add):
                y = F.relu6(values[op.a] + values[op.b])
            else:
                y = torch.cat([values[op.a], values[op.b]], 1)
            values[op.y] = self._round(op.y, y) if self.scale_of[op.y] == op.y else y
        logits: Tensor = values[self.graph.output][:, :, 0]
        return logits

    @torch.no_grad()
    def calibrate(self, beats: Beats) -> None:
        """Measures the ranges of all activations over `beats`, with nothing rounded."""
        self._observed = {}
        for i in range(0, len(beats), BATCH):
            self(*tensors(beats, slice(i, i + BATCH)))
        self.ranges, self._observed = self._observed, None
        lo, hi = np.quantile(beats.ecg, (INPUT_TAIL, 1 - INPUT_TAIL))
        self.ranges["ecg"] = float(lo), float(hi)
        self.ranges["context"] = -CONTEXT_LIMIT, CONTEXT_LIMIT

    def quantization(self, name: str) -> Quantization:
        """Scale and zero point of an activation; real 0 is exact, as padding needs."""
        lo, hi = self.ranges[self.scale_of[name]]
        lo, hi = min(lo, 0.0), max(hi, 0.0)
        scale = float(np.float32(max(hi - lo, MIN_RANGE) / 255))
        return Quantization(scale, int(np.clip(round(-128 - lo / scale), -128, 127)))

    def quantised(self) -> QuantGraph:
        """The integers that the files hold."""
        quantization = {name: self.quantization(name) for name in self.scale_of}
        weight, weight_scale, bias = {}, {}, {}
        for op in self.graph.convs():
            w, scale = self.weight[op.y].detach(), _weight_scale(self.weight[op.y])
            step = scale.double() * quantization[op.x].scale
            b = (self.bias[op.y].detach() / step).round()
            if b.abs().max() >= 2**31:
                raise ValueError(f"the bias of {op.y} does not fit int32: its weights have died")
            weight[op.y] = (w * (1 / scale)[:, None, None]).round().to(torch.int8).numpy()
            weight_scale[op.y], bias[op.y] = scale.numpy(), b.to(torch.int32).numpy()
        return QuantGraph(self.graph, quantization, weight, weight_scale, bias)

    def _round(self, name: str, x: Tensor) -> Tensor:
        if self._observed is not None:
            lo, hi = self._observed.get(name, (0.0, 0.0))
            self._observed[name] = min(lo, x.min().item()), max(hi, x.max().item())
            return x
        q = self.quantization(name)
        y: Tensor = torch.fake_quantize_per_tensor_affine(x, q.scale, q.zero_point, -128, 127)
        return y

    def _rounded_parameters(self, op: Conv) -> tuple[Tensor, Tensor]:
        weight, bias = self.weight[op.y], self.bias[op.y]
        if self._observed is not None:
            return weight, bias
        scale, zero = _weight_scale(weight), torch.zeros(len(weight), dtype=torch.int32)
        step = scale * self.quantization(op.x).scale
        return (
            torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -127, 127),
            bias + ((bias / step).round() * step - bias).detach(),
        )


def _weight_scale(weight: Tensor) -> Tensor:
    return (weight.detach().flatten(1).abs().amax(1) / 127).clamp(min=MIN_WEIGHT_SCALE)


def divergence(exact: Tensor, rounded: Tensor) -> float:
    """Mean Kullback-Leibler divergence of what logits [N, K] say, in nats."""
    p, q = exact.log_softmax(1), rounded.log_softmax(1)
    return F.kl_div(q, p, reduction="batchmean", log_target=True).item()


def fine_tune(
    twin: FakeQuant,
    student: Student,
    beats: Beats,
    *,
    epochs: int = 2,
    learning_rate: float = 3e-5,
    distillation: float = 1.0,
    seed: int = 0,
    progress: Callable[[int, int], object] = lambda step, steps: None,
) -> None:
    """Trains a calibrated twin where it stands (quantisation-aware training).

    The loss is the divergence from the float student's own probabilities, for a share of
    `distillation`, and for the rest cross entropy with the labels. The student's probabilities
    hold what it learnt under augmentation and class weights, which need not be repeated here.
    `progress` is called with the steps done and to do.
    """
    order = np.random.default_rng(seed)
    target = logits(student.eval(), beats).log_softmax(1)
    labels = torch.from_numpy(beats.label)
    steps_an_epoch = -(-len(beats) // BATCH)
    steps = epochs * steps_an_epoch
    optimiser = torch.optim.Adam(twin.parameters(), learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for epoch in range(epochs):
        for i, rows in enumerate(np.array_split(order.permutation(len(beats)), steps_an_epoch)):
            logp = twin(*tensors(beats, rows)).log_softmax(1)
            loss = (1 - distillation) * F.nll_loss(logp, labels[rows])
            loss += distillation * F.kl_div(
                logp, target[rows], reduction="batchmean", log_target=True
            )
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            progress(epoch * steps_an_epoch + i + 1, steps)
