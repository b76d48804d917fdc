"""ECG-NAT's trainings and tests; `study` makes tables and figures of what they give."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from train.data.corpora import open_corpus
from train.data.joined import Joined
from train.data.windows import Cut, Windows, cut
from train.engine.loop import FitConfig, fit
from train.engine.manifest import summary
from train.engine.prediction import predict
from train.models import registry
from train.models.checkpoint import fill, read, save
from train.models.ecgnat import STRIDE, TINY, Attention, EcgNat, EcgNatConfig
from train.models.encoder import Classifier
from train.objectives.ecgnat import ContrastiveTask, MaskedAutoencoder
from train.objectives.supervised import RecordTask
from train.studies.diagnosis import DEFAULTS, Part, diagnose, published, rotated
from train.studies.harness import Study

OTHERS: Final = ("ludb", "georgia", "chapman", "cpsc-extra", "cinc2017", "cpsc2021")
"""What is pretrained on beside PTB-XL; mitdb is left to the teaching of beats."""
TINY_OTHERS: Final = ("georgia", "chapman")
FEW: Final = 100
"""Windows at most of a data set of one or two leads: it is twelve leads that are asked for."""
PRETRAINING: Final = FitConfig(epochs=40, learning_rate=2e-3)
FINETUNING: Final = replace(DEFAULTS, learning_rate=3e-4)
"""Gently, where something is there already."""
BRIEF: Final = FitConfig(epochs=3, batch=8, learning_rate=3e-3)
"""Of a tiny study."""
PRETRAINED: Final = ("pretrained", "contrast")
GENTLE: Final = ("gentle", *PRETRAINED)
"""Taught at `FINETUNING`'s rate."""
LEVELS: Final = {
    1: EcgNatConfig(widths=(48,), depths=(5,)),
    2: EcgNatConfig(widths=(48, 72), depths=(1, 4)),
    3: EcgNatConfig(),
}
"""As many blocks on fewer levels or more."""
SECONDS: Final = (2.5, 5.0, 10.0, 20.0, 30.0, 60.0)
COST_HZ: Final = 500
CALLS: Final = 9
"""Of which the median is taken."""


def ptbxl(s: Study) -> Windows:
    """The labelled windows."""
    return cut(open_corpus("ptbxl", s.data), Cut(), s.cache, bar=False)


def part_of(windows: Windows, seed: int, final: bool) -> Part:
    """What a run learns from and is tested on."""
    return published(windows) if final else rotated(windows, seed)


def unlabelled(s: Study, seed: int, final: bool) -> tuple[Joined, NDArray[np.int64]]:
    """All data sets, and what of them may be looked at without labels."""
    names = TINY_OTHERS if s.tiny else OTHERS
    others = [cut(open_corpus(name, s.data), Cut(), s.cache, bar=False) for name in names]
    windows = Joined([ptbxl(s), *others], ())
    part = part_of(windows.parts[0], seed, final)
    rng = np.random.default_rng(seed)
    rows = [part.train, part.validation]
    for name, corpus in zip(names, others, strict=True):
        of = rng.permutation(windows.part(name))
        rows.append(of if corpus.column("leads").sum(1).mean() > 2 else of[:FEW])
    return windows, np.concatenate(rows)


def weights(s: Study, seed: int, final: bool) -> Path:
    """Where a pretrained autoencoder is kept."""
    return s.out / f"pretrained-{'published' if final else 'rotated'}-{seed}.safetensors"


def pretrain(s: Study, seed: int, final: bool) -> list[float]:
    """Fits an autoencoder and keeps it; the loss of each epoch."""
    windows, rows = unlabelled(s, seed, final)
    task = autoencoder(s, seed)
    losses = fit(task, windows, rows, replace(BRIEF if s.tiny else PRETRAINING, seed=seed))
    origin = {"sets": [part.name for part in windows.parts], "seed": seed, "losses": losses}
    origin["run"] = summary(s.out)
    save(weights(s, seed, final), "ecgnat", task, (), origin)
    return losses


def autoencoder(s: Study, seed: int) -> MaskedAutoencoder:
    """A new one."""
    torch.manual_seed(seed)
    return MaskedAutoencoder(EcgNat(TINY if s.tiny else EcgNatConfig()))


def classifier(s: Study, how: str, seed: int, final: bool, classes: int) -> Classifier:
    """A network as it is before it sees labels."""
    if how == "xresnet":
        torch.manual_seed(seed)
        return registry.classifier("xresnet", classes, tiny=s.tiny)
    task = autoencoder(s, seed)
    if how in PRETRAINED:
        fill(task, read(weights(s, seed, final)))
    return Classifier(task.encoder, task.encoder.width, classes)


def teach(
    s: Study, how: str, share: float, seed: int, draw: int, final: bool = False
) -> dict[str, float]:
    """Teaches one network superclasses; its scores."""
    windows = ptbxl(s)
    part = part_of(windows, seed, final)
    net = classifier(s, how, seed, final, len(windows.classes))
    config = BRIEF if s.tiny else FINETUNING if how in GENTLE else DEFAULTS
    task = ContrastiveTask if how == "contrast" else RecordTask
    config = replace(config, seed=seed + 100 * draw)
    auc = diagnose(net, windows, part, share, config, task=task)
    return {"auc": auc, "accuracy": accuracy(net, windows, part.test)}


def accuracy(net: Classifier, windows: Windows, rows: NDArray[np.int64]) -> float:
    """How often the likeliest class is right, of windows that have one class alone."""
    labels = windows.column("labels")[rows]
    alone = labels.sum(1) == 1
    named = predict(net, windows, rows[alone]).argmax(1)
    return float((named == labels[alone].argmax(1)).mean())


def levels(s: Study, count: int, seed: int) -> dict[str, float]:
    """Teaches a network of that many levels from scratch; its scores."""
    windows = ptbxl(s)
    torch.manual_seed(seed)
    encoder = EcgNat(LEVELS[count])
    net = Classifier(encoder, encoder.width, len(windows.classes))
    part = rotated(windows, seed)
    auc = diagnose(net, windows, part, 1.0, replace(DEFAULTS, seed=seed))
    return {"auc": auc, "accuracy": accuracy(net, windows, part.test)}


def inputs(samples: int, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """Noise of all leads and a beat for every second at 100 Hz: what counts is the length."""
    return (
        torch.randn(1, 12, samples, device=device),
        torch.ones(1, 12, dtype=torch.bool, device=device),
        torch.arange(0, samples, 100, device=device)[None],
    )


def multiply_adds(config: EcgNatConfig, samples: int) -> tuple[float, float]:
    """Of the whole network, and of its attention to tokens; counted, nothing is computed."""
    net = EcgNat(config).to("meta")
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        net(*inputs(samples, "meta"))
    products = counter.get_flop_counts()["Global"].get(torch.ops.aten.bmm, 0)
    return counter.get_total_flops() / 2, products / 2


@torch.no_grad()
def cost(s: Study) -> dict[str, dict[str, list[float]]]:
    """For each length time in seconds and multiply-adds, of neighbourhoods and of full attention.

    Processor time of one thread; the networks take turns, so that both meet the machine in the same
    mood.
    """
    torch.set_num_threads(1)
    configs = {"neighbourhood": EcgNatConfig(), "full": EcgNatConfig(radius=None)}
    nets = {name: EcgNat(config).eval() for name, config in configs.items()}
    layers = {
        name: next(m for m in net.modules() if isinstance(m, Attention))
        for name, net in nets.items()
    }
    columns = ("seconds", "attention_s", "macs", "attention_macs")
    found: dict[str, dict[str, list[float]]] = {n: {c: [] for c in columns} for n in configs}
    for length in SECONDS[:2] if s.tiny else SECONDS:
        samples = round(length * COST_HZ)
        record = inputs(samples)
        tokens = torch.randn(1, -(-samples // STRIDE), configs["full"].widths[0])
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in nets}
        for call in range(3 if s.tiny else CALLS + 1):
            for name, net in nets.items():
                start = time.process_time()
                net(*record)
                middle = time.process_time()
                layers[name](tokens)
                if call:  # the first warms up
                    times[name].append((middle - start, time.process_time() - middle))
        for name, config in configs.items():
            whole, attention = np.median(times[name], 0).tolist()
            macs, products = multiply_adds(config, samples)
            row = (whole, attention, macs, products)
            for column, value in zip(columns, row, strict=True):
                found[name][column].append(value)
    return found
