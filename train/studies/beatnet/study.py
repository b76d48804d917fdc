"""BEAT-Net's evaluation: how few labels it needs, how much noise it stands, and what it looks at.

On PTB-XL's superclasses, beside the baseline in the same runs. Seeds rotate the folds 1 to 8
(`train.studies.diagnosis.rotated`); the published folds come last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from edge.errors import OutputError
from train.data.corpora import open_corpus
from train.data.corpus import LEADS, Corpus
from train.data.corruption import Few, FewerLeads, Noisy
from train.data.subsets import thinned
from train.data.windows import Cut, Windows, cut, learned_from
from train.engine.loop import FitConfig
from train.engine.prediction import said
from train.metrics.classification import macro_auc
from train.models.beatnet import BeatNet
from train.models.checkpoint import fill, read, save
from train.models.encoder import Classifier
from train.models.registry import classifier
from train.studies.beatnet.figures import curves, picture
from train.studies.diagnosis import DEFAULTS, diagnose, published, rotated
from train.studies.harness import Study, spread

NETS: Final = {"beatnet": "BEAT-Net", "xresnet": "xresnet"}
SHARES: Final = (0.01, 0.03, 0.1, 0.3, 1.0)
NOISES: Final = ("bw", "ma")
SNRS_DB: Final = (24, 18, 12, 6, 0)
LEFT: Final = {6: LEADS[:6], 3: ("I", "II", "V2"), 2: ("I", "II"), 1: ("II",)}
"""Leads that remain of twelve."""
RECOVERED: Final = 0.97
"""Share of the full score at which labels are said to be enough."""
TINY_LEARNING: Final = FitConfig(epochs=4, learning_rate=4e-3, least_steps=60)
TINY_RECORDS: Final = 160


def network(name: str, classes: int, seed: int, tiny: bool) -> Classifier:
    """One of `NETS`, new."""
    torch.manual_seed(seed)
    return classifier(name, classes, tiny=tiny)


def conditions(data: Path, tiny: bool) -> dict[str, Corpus]:
    """PTB-XL as it is, and made harder in each way."""
    clean = ptbxl(data, "superclass", tiny)
    noises, snrs, left = (("ma",), (6,), {2: LEFT[2]}) if tiny else (NOISES, SNRS_DB, LEFT)
    return (
        {"clean": clean}
        | {f"{n} {snr}": Noisy(clean, data / "nstdb", n, snr) for n in noises for snr in snrs}
        | {f"leads {n}": FewerLeads(clean, leads) for n, leads in left.items()}
    )


def ptbxl(data: Path, labels: str, tiny: bool) -> Corpus:
    """The records at hand, or the first of them."""
    corpus = open_corpus("ptbxl", data, labels)
    return Few(corpus, TINY_RECORDS) if tiny else corpus


def taught(s: Study, name: str, seed: int, share: float) -> dict[str, Any]:
    """Scores of a network that learned superclasses from a share of the labels.

    With all labels it is tested under every condition, and BEAT-Net's attention is measured.
    """
    corpora = conditions(s.data, s.tiny)
    windows = cut(corpora["clean"], Cut(), s.cache, bar=False)
    net, auc = learned(s, name, seed, windows, share)
    scores = {"clean": auc}
    for condition, corpus in corpora.items():
        if share == 1.0 and condition != "clean":
            other = cut(corpus, Cut(), s.cache, bar=False)
            rows = rotated(other, seed).test
            scores[condition] = macro_auc(other.column("labels")[rows], said(net, other, rows))
    return {"auc": scores, "attention": of_leads(net, windows, rotated(windows, seed).test)}


def rhythm(s: Study, seed: int) -> dict[str, Any]:
    """BEAT-Net's score where it learned the statements about rhythm, and its attention there."""
    windows = cut(ptbxl(s.data, "rhythm", s.tiny), Cut(), s.cache, bar=False)
    net, auc = learned(s, "beatnet", seed, windows, 1.0)
    return {"auc": auc, "attention": of_leads(net, windows, rotated(windows, seed).test)}


def learned(
    s: Study, name: str, seed: int, windows: Windows, share: float
) -> tuple[Classifier, float]:
    """A network taught on the rotated folds, and its score."""
    net = network(name, len(windows.classes), seed, s.tiny)
    config = TINY_LEARNING if s.tiny else DEFAULTS
    part = rotated(windows, seed)
    return net, diagnose(net, windows, part, share, replace(config, seed=seed))


def last(s: Study, name: str, seed: int) -> float:
    """The score by the published folds, from which a tiny study keeps away; keeps the weights."""
    windows = cut(ptbxl(s.data, "superclass", s.tiny), Cut(), s.cache, bar=False)
    net = network(name, len(windows.classes), seed, s.tiny)
    config = TINY_LEARNING if s.tiny else DEFAULTS
    part = rotated(windows, seed) if s.tiny else published(windows)
    auc = diagnose(net, windows, part, config=replace(config, seed=seed))
    origin = {"task": "superclass", "seed": seed, "auc": auc}
    save(s.out / f"{name}-{seed}.safetensors", name, net, windows.classes, origin, tiny=s.tiny)
    return auc


@torch.no_grad()
def of_leads(net: Classifier, windows: Windows, rows: NDArray[np.int64]) -> list[float]:
    """Share of the attention that each lead gets, mean over windows, [12]; none of a baseline."""
    if not isinstance(net.encoder, BeatNet):
        return []
    batch = windows.batch(rows)
    _, attention = net.encoder.attentive(batch.ecg, batch.leads, batch.peaks)
    share: NDArray[np.float32] = (attention.leads * attention.beats[:, :, None]).sum(1).numpy()
    return [float(x) for x in share.mean(0)]


def study(s: Study) -> str:
    """All trainings and tests; tables and pictures go to `s.out`, the tables are returned."""
    corpora = [*conditions(s.data, s.tiny).values(), ptbxl(s.data, "rhythm", s.tiny)]
    every = [cut(corpus, Cut(), s.cache) for corpus in corpora]
    windows = every[0]
    seeds, shares = range(s.seeds), SHARES[-1:] if s.tiny else SHARES
    results = s.run(
        {f"{n} {x:g} {i}": (taught, (s, n, i, x)) for x in shares for n in NETS for i in seeds}
        | {f"rhythm {i}": (rhythm, (s, i)) for i in seeds}
        | {f"published {n} {i}": (last, (s, n, i)) for n in NETS for i in seeds},
        learned_from(*every),
    )
    text = tables(s, windows, shares, results)
    net = network("beatnet", len(windows.classes), 0, s.tiny)
    fill(net, read(s.out / "beatnet-0.safetensors"))
    part = rotated(windows, 0) if s.tiny else published(windows)
    # The first that is not normal.
    shown = part.test[windows.column("labels")[part.test, 1:].any(1).argmax()]
    try:
        (s.out / "beatnet.md").write_text(text, "utf-8")
        robust = {n: [results[f"{n} 1 {i}"]["auc"] for i in seeds] for n in NETS}
        curves(robust, NETS).savefig(s.out / "beatnet-robust.png", dpi=100)
        picture(net, windows, shown).savefig(s.out / "beatnet-attention.png", dpi=90)
    except OSError as error:
        raise OutputError(f"cannot write to {s.out}: {error}") from error
    return text


def tables(s: Study, windows: Windows, shares: Sequence[float], results: Mapping[str, Any]) -> str:
    """The report, with its protocol."""
    seeds = range(s.seeds)

    def scores(net: str, share: float, condition: str = "clean") -> list[float]:
        return [results[f"{net} {share:g} {i}"]["auc"][condition] for i in seeds]

    def row(title: str, share: float, condition: str) -> str:
        ours, theirs = (scores(net, share, condition) for net in NETS)
        gain = spread([a - b for a, b in zip(ours, theirs, strict=True)])
        return f"| {title} | {spread(ours)} | {spread(theirs)} | {gain} |"

    train = [rotated(windows, i).train for i in seeds]
    head = [f"| {' | '.join(NETS.values())} | difference |", "|---|---|---|---|"]
    lines = [
        f"PTB-XL, {len(windows)} records of 12 leads and 10 s at 100 Hz, superclasses, macro-AUC "
        f"in %, mean and standard deviation over {s.seeds} seeds, differences by seed. Each seed "
        "tests on two of folds 1 to 8, stops by another, and learns from five.",
        "",
        "| patients with labels " + head[0],
        head[1],
    ]
    for share in shares:
        count = np.mean([len(thinned(windows, rows, share, i)) for i, rows in enumerate(train)])
        lines.append(row(f"{100 * share:g} % ({count:.0f} records)", share, "clean"))
    lines += [
        "",
        *(recovery(name, [scores(n, x) for x in shares], shares) for n, name in NETS.items()),
    ]
    lines += ["", "| tested " + head[0], head[1]]
    for condition in conditions(s.data, s.tiny):
        lines.append(row(titled(condition), 1.0, condition))
    lines += ["", f"| attention of {NETS['beatnet']} | {' | '.join(LEADS)} |", "|---" * 13 + "|"]
    for title, key in {"superclasses": "beatnet 1", "rhythm": "rhythm"}.items():
        of = np.array([results[f"{key} {i}"]["attention"] for i in seeds])
        lines.append(f"| {title} | {' | '.join(spread(list(lead)) for lead in of.T)} |")
    rhythms = spread([results[f"rhythm {i}"]["auc"] for i in seeds])
    lines += [
        "",
        f"In %; evenly it would be {100 / len(LEADS):.1f} a lead. On the statements about rhythm "
        f"{NETS['beatnet']} has a macro-AUC of {rhythms}.",
        "",
        "By the published folds, one lower: 1 to 7, 8 to stop by, 9 to test on: "
        + ", ".join(
            f"{name} {spread([results[f'published {n} {i}'] for i in seeds])}"
            for n, name in NETS.items()
        )
        + ".",
    ]
    return "\n".join(lines) + "\n"


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
