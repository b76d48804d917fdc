"""The beat classifier that is shipped: a small residual 1-D CNN beside a context path.

Depthwise-separable residual blocks after Sandler et al., "MobileNetV2" (CVPR 2018), and
batch norm and ReLU6 throughout, because both disappear or become cheap in int8. Strided
convolutions have even kernels and the others odd ones, so that PyTorch's symmetric padding is
what LiteRT calls SAME and no padding operator is needed (our choice).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

CONTEXT_LIMIT = 4.0
"""Standardised context beyond this is clipped, here and on the device: an outlier says no more."""


@dataclass(frozen=True, slots=True)
class StudentConfig:
    """Every hyper-parameter of the architecture."""

    channels: int = 2
    """Waveforms a window: the beat, and the patient's running template."""
    samples: int = 128
    """Window length; a multiple of 16."""
    context: int = 16
    """Context features beside the window."""
    classes: tuple[str, ...] = ("N", "S", "V", "F")
    by_context: tuple[str, ...] = ("N", "S")
    """Classes of which the context alone speaks; see `Student`."""
    stem: int = 8
    """Channels after the first convolution."""
    stages: tuple[int, int, int] = (16, 24, 32)
    """Channels of the three stages, each of half the length of the one before."""
    shape_units: int = 16
    context_units: int = 32
    dropout: float = 0.2
    """Of what was found in the window, in training."""
    shape_dropout: float = 0.5
    """Share of observations, in training, for which the context decides alone."""
    context_dropout: float = 0.15
    """Of single context features, in training: none may decide alone."""


class ConvBN(nn.Sequential):
    """A convolution and its batch norm; the length is divided by `stride`.

    Along time alone, but 2-D: only there has PyTorch quick kernels for channels that lie last.
    """

    def __init__(self, ins: int, outs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = 0, (kernel - stride) // 2
        conv = nn.Conv2d(ins, outs, (1, kernel), (1, stride), padding, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outs))


class Block(nn.Module):
    """Depthwise, then pointwise convolution; the input is added where shapes allow it.

    The sum goes through ReLU6 too, as in He et al. (CVPR 2016). Without, two inputs of the range
    [0, 6] have a sum of [0, 12], every other int8 sum is half-way between two steps, and
    runtimes round those differently.
    """

    def __init__(self, ins: int, outs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.depthwise = ConvBN(ins, ins, kernel, stride, groups=ins)
        self.pointwise = ConvBN(ins, outs, 1)
        self.residual = ins == outs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """[B, ins, 1, L] -> [B, outs, 1, L / stride]."""
        y = self.pointwise(F.relu6(self.depthwise(x)))
        return F.relu6(x + y if self.residual else y)


class Student(nn.Module):
    """Logits of the beat in the middle of a window, from its shape and from its context.

    Whether a beat is supraventricular is a question of time, and of a P wave that the context
    features compare with the patient's own; a convolution that may answer it learns the few S
    patients by heart. So the window speaks for the other classes alone, and in training often not
    at all, that the context learns to do without (our choice: `edge-train steps` measures both).
    """

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("context_mean", torch.zeros(config.context))
        self.register_buffer("context_std", torch.ones(config.context))
        self.stem = ConvBN(config.channels, config.stem, kernel=8, stride=2)
        self.blocks = nn.Sequential()
        ins = config.stem
        for outs in config.stages:
            self.blocks.append(Block(ins, outs, kernel=6, stride=2))
            self.blocks.append(Block(outs, outs, kernel=7, stride=1))
            ins = outs
        # R sits at the same place of every window, so where a feature was found means something:
        # pooling has a weight for each place. It begins as the mean.
        length = config.samples // 16
        self.pool = nn.Conv2d(ins, ins, (1, length), groups=ins)
        nn.init.constant_(self.pool.weight, 1 / length)
        self.shape = nn.Linear(ins, config.shape_units)
        self.context = nn.Linear(config.context, config.context_units)
        self.out = nn.Linear(config.shape_units + config.context_units, len(config.classes))
        self.dropout = nn.Dropout(config.dropout)
        self.context_dropout = nn.Dropout(config.context_dropout)
        mask = torch.ones_like(self.out.weight)
        by_context = [i for i, name in enumerate(config.classes) if name in config.by_context]
        mask[by_context, : config.shape_units] = 0
        self.register_buffer("_mask", mask, persistent=False)

    context_mean: Tensor
    context_std: Tensor
    _mask: Tensor

    def fit_context(self, context: Tensor) -> None:
        """Takes mean and deviation of each feature from training data, [n, F]."""
        self.context_mean.copy_(context.mean(0))
        self.context_std.copy_(context.std(0).clamp(min=1e-3))

    def standardise(self, context: Tensor) -> Tensor:
        """Raw context [B, F] to what the network sees, within `CONTEXT_LIMIT`."""
        z = (context - self.context_mean) / self.context_std
        return z.clamp(-CONTEXT_LIMIT, CONTEXT_LIMIT)

    def forward(self, ecg: Tensor, context: Tensor) -> Tensor:
        """ECG [B, C, T] and raw context [B, F] to logits [B, K]."""
        x = ecg[:, :, None].contiguous(memory_format=torch.channels_last)
        found = F.relu6(self.pool(self.blocks(F.relu6(self.stem(x)))))
        shape = F.relu6(self.shape(self.dropout(found.flatten(1))))
        if self.training:
            shape = shape * (torch.rand(len(shape), 1) >= self.config.shape_dropout)
        rhythm = F.relu6(self.context(self.context_dropout(self.standardise(context))))
        return F.linear(torch.cat([shape, rhythm], 1), self.decision, self.out.bias)

    @property
    def decision(self) -> Tensor:
        """Weights of the last layer, [K, shape and context units]: 0 where shape is not asked."""
        return self.out.weight * self._mask

    @property
    def weights(self) -> int:
        """Parameters that multiply something: what the int8 file holds a byte each of."""
        return sum(layer.weight.numel() for layer in self._layers())

    @property
    def multiply_adds(self) -> int:
        """Multiplications of one window's forward pass, batch norms folded."""
        total, length = 0, self.config.samples
        for layer in self._layers():
            if isinstance(layer, nn.Conv2d):
                padded = length + 2 * int(layer.padding[1])
                length = (padded - layer.kernel_size[1]) // layer.stride[1] + 1
                total += layer.weight.numel() * length
            else:
                total += layer.weight.numel()
        return total

    def _layers(self) -> list[nn.Conv2d | nn.Linear]:
        return [layer for layer in self.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]


def save(student: Student, path: Path) -> None:
    """Writes weights and config as one safetensors file; the config is JSON in its header."""
    save_file(student.state_dict(), path, {"config": json.dumps(asdict(student.config))})


def load(path: Path) -> Student:
    """Reads what `save` wrote, in evaluation mode."""
    with safe_open(path, framework="pt") as file:
        config = json.loads(file.metadata()["config"])
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    config = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
    student = Student(StudentConfig(**config))
    student.load_state_dict(state)
    return student.eval()
