"""ECG-NAT's evaluation: what pretraining gives, what attention costs, what the levels are for.

Comparisons test on two of PTB-XL's folds 1 to 8, others for each seed; the last is left to the line
with the published folds. A network is pretrained on all windows that a seed does not test on, and
on the other data sets, without their labels.
"""

from collections.abc import Mapping
from itertools import product
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from train.data.corpora import open_corpus
from train.data.windows import Cut, cut, learned_from
from train.engine.markdown import table
from train.models.checkpoint import fill, read
from train.models.ecgnat import STRIDE, EcgNat, EcgNatConfig
from train.studies.diagnosis import parts_said, rotated
from train.studies.ecgnat.figures import cost_figure, exponent, figure_of
from train.studies.ecgnat.jobs import (
    CALLS,
    COST_HZ,
    LEVELS,
    OTHERS,
    SECONDS,
    TINY_OTHERS,
    autoencoder,
    cost,
    levels,
    multiply_adds,
    pretrain,
    ptbxl,
    teach,
    weights,
)
from train.studies.harness import Job, Study
from train.studies.report import over, page, publish, spread

HOWS: Final = {
    "xresnet": "xresnet, from scratch",
    "scratch": "ECG-NAT, from scratch",
    "gentle": "ECG-NAT, from scratch, as gently as where pretrained",
    "pretrained": "ECG-NAT, pretrained",
    "contrast": "ECG-NAT, pretrained, contrast",
}
SHARES: Final = {0.01: 4, 0.1: 4, 1.0: 1}
"""Of the labels, and how often each seed draws whose they are."""
TINY_SHARES: Final = {1.0: 1}
Scores = Mapping[str, dict[str, float]]
"""Of each run."""
Costs = Mapping[str, Mapping[str, list[float]]]
"""Of neighbourhoods and of full attention: what was measured, a value for each length."""


def study(s: Study) -> str:
    """Runs what no earlier run has left; the tables and figures, which go to `s.out` too."""
    names = ("ptbxl", *(TINY_OTHERS if s.tiny else OTHERS))
    data = learned_from(*(cut(open_corpus(name, s.data), Cut(), s.cache) for name in names))
    seeds = range(s.seeds)
    shares = TINY_SHARES if s.tiny else SHARES
    finals = (False,) if s.tiny else (False, True)
    of = {
        f"pretrain {'published' if final else 'rotated'} {seed}": (seed, final)
        for final, seed in product(finals, seeds)
    }
    pretraining: dict[str, Job] = {name: (pretrain, (s, *told)) for name, told in of.items()}
    losses = s.run(pretraining, data, {name: weights(s, *told) for name, told in of.items()})
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
    text = tables(s, parts_said(ptbxl(s)), done, losses, costs)
    publish(s.out, text, drawn(s, costs))
    return text


def drawn(s: Study, costs: Costs) -> dict[str, Figure]:
    """The figures, by file name."""
    windows = ptbxl(s)
    net = autoencoder(s, 0)
    fill(net, read(weights(s, 0, False)))
    row = int(rotated(windows, 0).test[0])
    return {
        "ecgnat-reconstruction.png": figure_of(net, windows, row),
        "ecgnat-cost.png": cost_figure(SECONDS[:2] if s.tiny else SECONDS, costs),
    }


def tables(
    s: Study,
    parts: str,
    done: Scores,
    losses: Mapping[str, list[float]],
    costs: Costs,
) -> str:
    """All that was measured, as Markdown."""
    ends = [losses[f"pretrain rotated {seed}"] for seed in range(s.seeds)]
    return page(
        f"PTB-XL, superclasses, 12 leads, 10 s at 100 Hz; {over(s.seeds)}. Each seed tests on two "
        "other folds of 1 to 8, learns from five and stops by one. Shares of labels are of "
        "patients, in the validation fold too.",
        "Pretraining: squared error of what is masked, in % of each lead's variance, in the first "
        f"epoch {spread([loss[0] for loss in ends])}, in the last "
        f"{spread([loss[-1] for loss in ends])}.",
        _gains(s, done, "auc", "macro-AUC, %"),
        _gains(s, done, "accuracy", "accuracy among windows with one superclass, %"),
        *([] if s.tiny else [*_levels(s, done), *_published(s, done, parts)]),
        *_costs(s, costs),
    )


def _levels(s: Study, done: Scores) -> tuple[str, str]:
    """What the levels give."""

    def row(count: int, config: EcgNatConfig) -> list[object]:
        weight = sum(p.numel() for p in EcgNat(config).parameters())
        macs = multiply_adds(config, 1000)[0]
        last = count == max(LEVELS)
        keys = [f"scratch 1.0 {i} 0" if last else f"levels {count} {i}" for i in range(s.seeds)]
        return [count, f"{weight:,}", f"{macs / 1e6:.0f}", spread([done[k]["auc"] for k in keys])]

    return (
        "All labels, from scratch, by the number of levels (five blocks in all):",
        table(
            ["levels", "weights", "multiply-adds, millions", "macro-AUC, %"],
            [row(*level) for level in LEVELS.items()],
        ),
    )


def _published(s: Study, done: Scores, parts: str) -> tuple[str, str]:
    """All networks on the published folds."""

    def row(how: str) -> list[str]:
        found = [done[f"{how} published {seed}"] for seed in range(s.seeds)]
        return [HOWS[how], *(spread([f[score] for f in found]) for score in ("auc", "accuracy"))]

    return (
        f"Published folds ({parts}):",
        table(["network", "macro-AUC, %", "accuracy, %"], map(row, HOWS)),
    )


def _gains(s: Study, done: Scores, score: str, title: str) -> str:
    """One score of all networks at all shares of the labels."""
    shares = TINY_SHARES if s.tiny else SHARES

    def of(how: str, share: float) -> list[float]:
        """For each seed, the mean over draws; nothing where it was not run."""
        found = [
            [f[score] for key, f in done.items() if key.startswith(f"{how} {share} {seed} ")]
            for seed in range(s.seeds)
        ]
        return [float(np.mean(draws)) for draws in found if draws]

    def cells(how: str) -> list[str]:
        return [spread(of(how, share)) if of(how, share) else "" for share in shares]

    def gains(how: str) -> list[str]:
        pairs = [np.array(of("pretrained", share)) - of(how, share) for share in shares]
        return [spread(pair.tolist()) for pair in pairs]

    return table(
        [title, *(f"{share:.0%} of labels" for share in shares)],
        [
            *([name, *cells(how)] for how, name in HOWS.items()),
            *(
                [f"gain of pretraining over {HOWS[how].partition(', ')[2]}", *gains(how)]
                for how in ("scratch", "gentle")
            ),
        ],
    )


def _costs(s: Study, costs: Costs) -> tuple[str, str]:
    """Cost over length, of neighbourhoods and full attention side by side."""
    seconds = SECONDS[:2] if s.tiny else SECONDS
    near, full = costs["neighbourhood"], costs["full"]
    columns = {"attention_macs": 1e-6, "attention_s": 1e3, "seconds": 1e3}

    def row(i: int, length: float) -> list[object]:
        ratio = full["seconds"][i] / near["seconds"][i]
        return [
            f"{length:g}",
            -(-round(length * COST_HZ) // STRIDE),
            *(f"{k * near[c][i]:.1f} / {k * full[c][i]:.1f}" for c, k in columns.items()),
            f"{ratio:.1f}",
        ]

    powers = [
        f"{exponent(seconds, near[c]):.2f} / {exponent(seconds, full[c]):.2f}" for c in columns
    ]
    return (
        f"One window of {COST_HZ} Hz and 12 leads, processor time of one thread, median of {CALLS} "
        "calls in turns; neighbourhood / full attention in the same network:",
        table(
            [
                *("length, s", "tokens", "attention, million multiply-adds"),
                *("first attention layer, ms", "network, ms", "ratio"),
            ],
            [*(row(*length) for length in enumerate(seconds)), ["exponent", "", *powers, ""]],
        ),
    )
