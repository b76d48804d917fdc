"""BEAT-Net's evaluation: how few labels it needs, how much noise it stands, what it attends to.

On PTB-XL's superclasses, beside the baseline in the same runs. Seeds rotate the folds 1 to 8
(`train.studies.diagnosis.rotated`); the published folds come last.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np

from train.data.corpus import LEADS
from train.data.subsets import label_subset
from train.data.windows import Cut, Windows, cut, learned_from
from train.engine.markdown import table
from train.engine.prediction import predict
from train.models.checkpoint import fill, read
from train.studies.beatnet.figures import curves, figure_of
from train.studies.beatnet.jobs import (
    LEFT,
    conditions,
    last,
    network,
    ptbxl,
    rhythm,
    taught,
    weights,
)
from train.studies.diagnosis import parts_said, published, rotated
from train.studies.harness import Study
from train.studies.report import over, page, publish, spread

NETS: Final = {"beatnet": "BEAT-Net", "xresnet": "xresnet"}
SHARES: Final = {0.01: 4, 0.03: 4, 0.1: 4, 0.3: 2, 1.0: 1}
"""Of the labels, and how often each seed draws whose they are."""
TINY_SHARES: Final = {1.0: 1}
RECOVERED: Final = 0.97
"""Share of the full score at which labels are said to be enough."""


def study(s: Study) -> str:
    """All trainings and tests; tables and figures go to `s.out`, the tables are returned."""
    corpora = [*chain(*conditions(s.data, s.tiny).values()), ptbxl(s.data, "rhythm", s.tiny)]
    every = [cut(corpus, Cut(), s.cache) for corpus in corpora]
    windows = every[0]
    seeds, shares = range(s.seeds), TINY_SHARES if s.tiny else SHARES
    results = s.run(
        {f"{n} {x:g} {i} {draw}": (taught, (s, n, i, x, draw))
         for x, draws in shares.items() for n in NETS for i in seeds for draw in range(draws)}
        | {f"rhythm {i}": (rhythm, (s, i)) for i in seeds}
        | {f"published {n} {i}": (last, (s, n, i)) for n in NETS for i in seeds},
        learned_from(*every),
        {f"published {n} {i}": weights(s, n, i) for n in NETS for i in seeds},
    )  # fmt: skip
    text = tables(s, windows, shares, results)
    net = network("beatnet", len(windows.classes), 0, s.tiny)
    fill(net, read(weights(s, "beatnet", 0)))
    part = rotated(windows, 0) if s.tiny else published(windows)
    # The first that is not normal, of those that it gets right if there are any.
    labels = windows.column("labels")[part.test]
    right = ((predict(net, windows, part.test) > 0) == labels).all(1)
    abnormal = labels[:, 1:].any(1)
    shown = part.test[(abnormal & right if (abnormal & right).any() else abnormal).argmax()]
    robust = {n: [results[f"{n} 1 {i} 0"]["auc"] for i in seeds] for n in NETS}
    figures = {
        "beatnet-robust.png": curves(robust, NETS),
        "beatnet-attention.png": figure_of(net, windows, shown),
    }
    publish(s.out, text, figures)
    return text


def tables(
    s: Study, windows: Windows, shares: Mapping[float, int], results: Mapping[str, Any]
) -> str:
    """The report, with its protocol."""
    seeds = range(s.seeds)

    def scores(net: str, share: float, condition: str = "clean") -> list[float]:
        """Of each seed, mean over draws."""
        every = [
            [results[f"{net} {share:g} {i} {draw}"]["auc"][condition] for i in seeds]
            for draw in range(shares[share])
        ]
        return [float(x) for x in np.mean(every, 0)]

    def row(title: str, share: float, condition: str = "clean") -> list[str]:
        ours, theirs = (scores(net, share, condition) for net in NETS)
        gain = spread([a - b for a, b in zip(ours, theirs, strict=True)])
        return [title, spread(ours), spread(theirs), gain]

    train = [rotated(windows, i).train for i in seeds]

    def records(share: float) -> float:
        """That have labels, mean over seeds."""
        return float(np.mean([
            len(label_subset(windows, rows, share, i + 100 * draw))
            for i, rows in enumerate(train) for draw in range(shares[share])
        ]))  # fmt: skip

    def attention(key: str) -> list[str]:
        of = np.array([results[key.format(i)]["attention"] for i in seeds])
        return [spread(lead) for lead in of.T.tolist()]

    head = [*NETS.values(), "difference"]
    rhythms = spread([results[f"rhythm {i}"]["auc"] for i in seeds])
    folds = f"the published folds ({parts_said(windows)})"
    if s.tiny:
        folds = "the same folds again, as a tiny study keeps off the tested one"
    last = {n: spread([results[f"published {n} {i}"] for i in seeds]) for n in NETS}
    return page(
        f"PTB-XL, {len(windows)} records of 12 leads and 10 s at 100 Hz, superclasses, macro-AUC "
        f"in %, {over(s.seeds)}, differences by seed. Each seed "
        "tests on two of folds 1 to 8, stops by another, and learns from five. Of shares of the "
        "labels each seed draws several, of noise too: means over draws, then over seeds.",
        table(
            ["patients with labels", *head],
            [row(f"{100 * x:g} % ({records(x):.0f} records)", x) for x in shares],
        ),
        "\n".join(recovery(t, [scores(n, x) for x in shares], [*shares]) for n, t in NETS.items()),
        table(["tested", *head], [row(titled(c), 1.0, c) for c in conditions(s.data, s.tiny)]),
        table(
            [f"attention of {NETS['beatnet']}", *LEADS],
            [["superclasses", *attention("beatnet 1 {} 0")], ["rhythm", *attention("rhythm {}")]],
        ),
        f"In %; evenly it would be {100 / len(LEADS):.1f} a lead. On the statements about rhythm "
        f"{NETS['beatnet']} has a macro-AUC of {rhythms}.",
        f"By {folds}: " + ", ".join(f"{name} {last[n]}" for n, name in NETS.items()) + ".",
    )


def titled(condition: str) -> str:
    """A condition as tables name it."""
    kind, _, value = condition.partition(" ")
    if kind == "leads":
        return f"leads {', '.join(LEFT[int(value)])}"
    return f"{kind}, {value} dB" if value else "clean"


def recovery(name: str, scores: Sequence[Sequence[float]], shares: Sequence[float]) -> str:
    """A sentence on the least shares that come near the full score; both [shares], ascending."""
    mean, full = np.mean(scores, 1), float(np.mean(scores[-1]))
    sd = float(np.std(scores[-1], ddof=1)) if len(scores[-1]) > 1 else 0.0

    def least(wanted: float) -> str:
        return f"{100 * next(x for x, m in zip(shares, mean, strict=True) if m >= wanted):g} %"

    return (
        f"{name} reaches {100 * RECOVERED:g} % of its full score from {least(RECOVERED * full)} of "
        f"the labels, {100 * RECOVERED:g} % of what is above chance from "
        f"{least(0.5 + RECOVERED * (full - 0.5))}, and its mean less one standard deviation from "
        f"{least(full - sd)}."
    )
