"""ECG-NAT's evaluation: what pretraining gives, what attention costs, what the levels are for.

Comparisons test on two of PTB-XL's folds 1 to 8, others for each seed; fold 9 is left to the line
with the published folds. A network is pretrained on all windows that a seed does not test on, and
on the other data sets, without their labels.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
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
from train.data.windows import Cut, Windows, cut, learned_from
from train.engine.loop import FitConfig, fit
from train.engine.prediction import said
from train.models import registry
from train.models.checkpoint import fill, read, save
from train.models.ecgnat import STRIDE, TINY, Attention, EcgNat, EcgNatConfig
from train.models.encoder import Classifier
from train.objectives.ecgnat import ContrastiveTask, MaskedAutoencoder
from train.objectives.supervised import RecordTask
from train.studies.diagnosis import DEFAULTS, TEST_FOLD, Part, diagnose, published, rotated
from train.studies.ecgnat.figures import cost_picture, exponent, picture
from train.studies.harness import Job, Study, spread

OTHERS: Final = ("ludb", "georgia", "chapman", "cpsc-extra", "cinc2017", "cpsc2021")
"""What is pretrained on beside PTB-XL; mitdb is left to the teaching of beats."""
TINY_OTHERS: Final = ("georgia", "chapman")
FEW: Final = 100
"""Windows at most of a data set of one or two leads: it is twelve leads that are asked for."""
PRETRAINING: Final = FitConfig(epochs=40, learning_rate=2e-3)
FINETUNING: Final = replace(DEFAULTS, learning_rate=3e-4)
"""Gently, where something is there already."""
BRIEF: Final = FitConfig(epochs=6, batch=8, learning_rate=3e-3)
"""Of a tiny study."""
HOWS: Final = {
    "xresnet": "xresnet, from scratch",
    "scratch": "ECG-NAT, from scratch",
    "gentle": "ECG-NAT, from scratch, as gently as where pretrained",
    "pretrained": "ECG-NAT, pretrained",
    "contrast": "ECG-NAT, pretrained, contrast",
}
PRETRAINED: Final = ("pretrained", "contrast")
GENTLE: Final = ("gentle", *PRETRAINED)
"""Taught at `FINETUNING`'s rate."""
SHARES: Final = {0.01: 4, 0.1: 4, 1.0: 1}
"""Of the labels, and how often each seed draws whose they are."""
TINY_SHARES: Final = {1.0: 1}
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

Scores = Mapping[str, dict[str, float]]
"""Of each run."""
Costs = Mapping[str, Mapping[str, list[float]]]
"""Of neighbourhoods and of full attention: what was measured, a value for each length."""


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
    save(weights(s, seed, final), "ecgnat", task, (), origin, tiny=s.tiny)
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
    named = said(net, windows, rows[alone]).argmax(1)
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


def study(s: Study) -> str:
    """Runs what no earlier run has left; the tables and pictures, which go to `s.out` too."""
    names = ("ptbxl", *(TINY_OTHERS if s.tiny else OTHERS))
    data = learned_from(*(cut(open_corpus(name, s.data), Cut(), s.cache) for name in names))
    seeds = range(s.seeds)
    shares = TINY_SHARES if s.tiny else SHARES
    finals = (False,) if s.tiny else (False, True)
    pretraining: dict[str, Job] = {
        f"pretrain {'published' if final else 'rotated'} {seed}": (pretrain, (s, seed, final))
        for final, seed in product(finals, seeds)
    }
    losses = s.run(pretraining, data)
    jobs: dict[str, Job] = {}
    for seed, how in product(seeds, HOWS):
        for share, draws in shares.items():
            if how == "contrast" and share < 0.1:  # two or three windows have nothing to contrast
                continue
            for draw in range(draws):
                jobs[f"{how} {share} {seed} {draw}"] = (teach, (s, how, share, seed, draw))
        if not s.tiny:
            jobs[f"{how} published {seed}"] = (teach, (s, how, 1.0, seed, 0, True))
    if not s.tiny:
        few = [count for count in LEVELS if count < max(LEVELS)]  # the rest is `scratch`
        jobs |= {f"levels {n} {i}": (levels, (s, n, i)) for n, i in product(few, seeds)}
    done = s.run(jobs, data)
    costs = s.run({"cost": (cost, (s,))}, data)["cost"]  # alone, as it is timed
    text = tables(s, done, losses, costs)
    (s.out / "tables.md").write_text(text, "utf-8")
    drawn(s, costs)
    return text


def drawn(s: Study, costs: Costs) -> None:
    """The pictures."""
    windows = ptbxl(s)
    net = autoencoder(s, 0)
    fill(net, read(weights(s, 0, False)))
    row = int(rotated(windows, 0).test[0])
    picture(net, windows, row).savefig(s.out / "ecgnat-reconstruction.png", dpi=72)
    seconds = SECONDS[:2] if s.tiny else SECONDS
    cost_picture(seconds, costs).savefig(s.out / "ecgnat-cost.png", dpi=72)


def tables(
    s: Study,
    done: Scores,
    losses: Mapping[str, list[float]],
    costs: Costs,
) -> str:
    """All that was measured, as Markdown."""
    seeds = list(range(s.seeds))
    ends = [losses[f"pretrain rotated {seed}"] for seed in seeds]
    lines = [
        f"PTB-XL, superclasses, 12 leads, 10 s at 100 Hz; {s.seeds} seeds, each of which tests on "
        "other two folds of 1 to 8, learns from five and stops by one; mean ± deviation over "
        "seeds. Shares of labels are of patients, in the validation fold too.",
        "",
        "Pretraining: squared error of what is hidden, in % of each lead's variance, in the first "
        f"epoch {spread([loss[0] for loss in ends])}, in the last "
        f"{spread([loss[-1] for loss in ends])}.",
        "",
        *_gains(s, done, "auc", "macro-AUC, %"),
        *_gains(s, done, "accuracy", "accuracy among windows with one superclass, %"),
    ]
    if not s.tiny:
        lines += [
            "All labels, from scratch, by the number of levels (five blocks in all):",
            "",
            "| levels | weights | multiply-adds, millions | macro-AUC, % |",
            "|---|---|---|---|",
        ]
        for count, config in LEVELS.items():
            weight = sum(p.numel() for p in EcgNat(config).parameters())
            macs = multiply_adds(config, 1000)[0]
            last = count == max(LEVELS)
            keys = [f"scratch 1.0 {i} 0" if last else f"levels {count} {i}" for i in seeds]
            auc = spread([done[key]["auc"] for key in keys])
            lines.append(f"| {count} | {weight:,} | {macs / 1e6:.0f} | {auc} |")
        lines += [
            "",
            f"Published folds: 1 to 7 to learn from, 8 to stop by, {TEST_FOLD} to test on:",
            "",
            "| network | macro-AUC, % | accuracy, % |",
            "|---|---|---|",
        ]
        for how, name in HOWS.items():
            found = [done[f"{how} published {seed}"] for seed in seeds]
            both = (spread([f[score] for f in found]) for score in ("auc", "accuracy"))
            lines.append(f"| {name} | {' | '.join(both)} |")
        lines.append("")
    return "\n".join([*lines, *_costs(s, costs), ""])


def _gains(s: Study, done: Scores, score: str, title: str) -> list[str]:
    """One score of all networks at all shares of the labels."""
    shares = TINY_SHARES if s.tiny else SHARES
    lines = [
        f"| {title} | {' | '.join(f'{share:.0%} of labels' for share in shares)} |",
        "|---" * (len(shares) + 1) + "|",
    ]

    def of(how: str, share: float) -> list[float]:
        """For each seed, the mean over draws; nothing where it was not run."""
        found = [
            [f[score] for key, f in done.items() if key.startswith(f"{how} {share} {seed} ")]
            for seed in range(s.seeds)
        ]
        return [float(np.mean(draws)) for draws in found if draws]

    for how, name in HOWS.items():
        cells = [spread(of(how, share)) if of(how, share) else "" for share in shares]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for how in ("scratch", "gentle"):
        pairs = [np.array(of("pretrained", share)) - of(how, share) for share in shares]
        gains = " | ".join(spread(pair.tolist()) for pair in pairs)
        lines.append(f"| gain of pretraining over {HOWS[how].partition(', ')[2]} | {gains} |")
    return [*lines, ""]


def _costs(s: Study, costs: Costs) -> list[str]:
    """Cost over length, of neighbourhoods and full attention side by side."""
    seconds = SECONDS[:2] if s.tiny else SECONDS
    near, full = costs["neighbourhood"], costs["full"]
    lines = [
        f"One window of {COST_HZ} Hz and 12 leads, processor time of one thread, median of {CALLS} "
        "calls in turns; neighbourhood / full attention in the same network:",
        "",
        "| length, s | tokens | attention, million multiply-adds | first attention layer, ms "
        "| network, ms | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for i, length in enumerate(seconds):
        pairs = [
            f"{scale * near[column][i]:.{digits}f} / {scale * full[column][i]:.{digits}f}"
            for column, scale, digits in (
                *(("attention_macs", 1e-6, 1), ("attention_s", 1e3, 1), ("seconds", 1e3, 1)),
            )
        ]
        ratio = full["seconds"][i] / near["seconds"][i]
        tokens = -(-round(length * COST_HZ) // STRIDE)
        lines.append(f"| {length:g} | {tokens} | {' | '.join(pairs)} | {ratio:.1f} |")
    powers = [
        f"{exponent(seconds, near[column]):.2f} / {exponent(seconds, full[column]):.2f}"
        for column in ("attention_macs", "attention_s", "seconds")
    ]
    return [*lines, f"| exponent | | {' | '.join(powers)} | |"]
