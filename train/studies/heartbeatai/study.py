"""HeartBeatAI's evaluation: within a data set and in one that was never seen, side by side.

Each data set is a domain, with the labels that sets share. *Intra-source* is cross-validation by
patient within a domain. *Leave one domain out* (LODO) learns from all other domains and tests on
all of the one left out. Both test on the same windows, so that the difference is the price of a new
hospital. Beside MixStyle on and off there is the baseline.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from train.data.corpora import open_corpus
from train.data.joined import Joined
from train.data.windows import Cut, Windows, cut, learned_from
from train.engine.loop import FitConfig, fit
from train.engine.prediction import said
from train.models import heartbeatai
from train.models.checkpoint import fill, read, save
from train.models.encoder import Classifier
from train.models.heartbeatai import HeartBeatAi, HeartBeatAiConfig
from train.models.registry import classifier
from train.objectives.supervised import Augmentation, RecordTask
from train.studies.diagnosis import DEFAULTS, TEST_FOLD, diagnose, published, rotated
from train.studies.harness import Study, spread
from train.studies.heartbeatai.figures import picture

DOMAINS: Final = (
    *("mitdb", "cpsc2021", "ptbxl", "ludb", "georgia", "chapman", "cpsc-extra", "cinc2017"),
)
TINY_DOMAINS: Final = ("ptbxl", "ludb")
SMALL: Final = 30
"""A domain of fewer patients is small."""
NETS: Final = {
    "xresnet": "xresnet",
    "plain": "HeartBeatAI without MixStyle",
    "mixstyle": "HeartBeatAI with MixStyle",
}
FOLDS: Final = 3
LEARNING: Final = FitConfig(epochs=1, learning_rate=2e-3)
"""The epoch holds all windows that are drawn, in one schedule. Nothing is chosen by validation."""
INTRA_DRAWS: Final = 4000
LODO_DRAWS: Final = 8000
TINY_DRAWS: Final = 1600
LEAST: Final = 2
"""Patients with and patients without that a class needs in a domain to be scored there."""
PER_PATIENT: Final = 40
"""A patient with more windows counts as one with so many."""
HOW: Final = Augmentation(lead_drop=0.5)
"""Domains differ most in their leads, from one to twelve: many go missing in training."""
SMOOTHING: Final = 0.05
SHOWN: Final = "PVC"
"""What the picture explains."""


def network(name: str, classes: int, seed: int, tiny: bool) -> Classifier:
    """One of `NETS`, new."""
    torch.manual_seed(seed)
    if name == "xresnet":
        return classifier(name, classes, tiny=tiny)
    config = heartbeatai.TINY if tiny else HeartBeatAiConfig()
    encoder = HeartBeatAi(config if name == "mixstyle" else replace(config, mix=0.0))
    return Classifier(encoder, encoder.width, classes)


def domains(data: Path, cache: Path, tiny: bool) -> Joined:
    """The windows of all domains; of mitdb DS1 only."""
    names = TINY_DOMAINS if tiny else DOMAINS
    return Joined([cut(open_corpus(n, data, "shared"), Cut(), cache, bar=False) for n in names])


def learnable(windows: Joined, domain: str) -> NDArray[np.int64]:
    """Numbers of a domain's windows: all but ptbxl's test fold, which is kept for the end."""
    return np.setdiff1d(windows.part(domain), windows.where(folds=[TEST_FOLD]))


def patients(windows: Windows, rows: NDArray[np.int64]) -> NDArray[np.str_]:
    """The patient of each window, [n]."""
    return np.array([windows.records[r].patient for r in windows.column("record")[rows]])


def drawn(windows: Joined, rows: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Numbers of `n` windows of some, drawn so that no patient and no domain drowns the others.

    A patient is drawn as often as they have windows, `PER_PATIENT` at most; a domain as often as
    the square root of what its patients count together.
    """
    patient = patients(windows, rows)
    _, index, count = np.unique(patient, return_inverse=True, return_counts=True)
    weight = np.minimum(1.0, PER_PATIENT / count[index])
    domain = np.array([name.partition("/")[0] for name in patient])
    for name in np.unique(domain):
        weight[domain == name] /= np.sqrt(weight[domain == name].sum())
    return np.random.default_rng(seed).choice(rows, n, p=weight / weight.sum())


def taught(
    name: str, windows: Joined, rows: NDArray[np.int64], draws: int, seed: int, tiny: bool
) -> Classifier:
    """A network that learned the shared labels from some windows."""
    rows = drawn(windows, rows, draws, seed)
    labels = windows.column("labels")[rows]
    share = (labels == 1).sum(0) / (labels >= 0).sum(0).clip(min=1)
    share = (1 - SMOOTHING) * share + SMOOTHING / 2
    # How much a class's positives weigh is halfway, on a log scale, between as they are and as much
    # as its negatives; the bias goes the other half, so that 0.5 means even odds for every class.
    weight = torch.from_numpy(np.sqrt((1 - share) / share)).float()
    net = network(name, len(windows.classes), seed, tiny)
    fit(RecordTask(net, HOW, SMOOTHING, weight), windows, rows, replace(LEARNING, seed=seed))
    with torch.no_grad():
        net.head.bias.add_(weight.log().to(net.head.bias.device))
    return net


def counted(windows: Joined, rows: NDArray[np.int64]) -> list[int]:
    """The classes of which at least `LEAST` patients have windows with, and as many without."""
    labels, patient = windows.column("labels")[rows], patients(windows, rows)
    return [
        k
        for k in range(labels.shape[1])
        if all(len(np.unique(patient[labels[:, k] == value])) >= LEAST for value in (0, 1))
    ]


def scores(
    windows: Joined, rows: NDArray[np.int64], logits: NDArray[np.float32]
) -> dict[str, dict[str, float]]:
    """F1 at logit 0 and area under the ROC curve of every class that counts."""
    labels = windows.column("labels")[rows]
    return {
        windows.classes[k]: {
            "f1": float(f1_score(labels[:, k], logits[:, k] > 0)),
            "auc": float(roc_auc_score(labels[:, k], logits[:, k])),
        }
        for k in counted(windows, rows)
    }


def dealt(windows: Joined, rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The fold of each window, [n].

    Patients are dealt out one by one, those whose rarest class is the same after each other.
    """
    labels = windows.column("labels")[rows]
    names, index = np.unique(patients(windows, rows), return_inverse=True)
    holds = np.array([(labels[index == i] == 1).any(0) for i in range(len(names))])
    rarest = np.where(holds, holds.sum(0), len(names) + 1).argmin(1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(rarest[order], kind="stable")]
    fold = np.empty(len(names), np.int64)
    fold[order] = np.arange(len(names)) % FOLDS
    return fold[index]


def intra(
    data: Path, cache: Path, domain: str, name: str, seed: int, tiny: bool
) -> dict[str, dict[str, float]]:
    """Scores of all windows of a domain, each by a network that knows none of its patient's."""
    windows = domains(data, cache, tiny)
    rows = learnable(windows, domain)
    fold = dealt(windows, rows, seed)
    logits = np.empty((len(rows), len(windows.classes)), np.float32)
    for tested in (fold == i for i in range(FOLDS)):
        draws = TINY_DRAWS if tiny else INTRA_DRAWS
        net = taught(name, windows, rows[~tested], draws, seed, tiny)
        logits[tested] = said(net, windows, rows[tested])
    return scores(windows, rows, logits)


def lodo(
    data: Path, cache: Path, domain: str, name: str, seed: int, tiny: bool, keep: Path | None
) -> dict[str, dict[str, float]]:
    """Scores of all windows of a domain by a network that learned from the others.

    Its weights go to `keep`.
    """
    windows = domains(data, cache, tiny)
    others = [learnable(windows, p.name) for p in windows.parts if p.name != domain]
    draws = TINY_DRAWS if tiny else LODO_DRAWS
    net = taught(name, windows, np.concatenate(others), draws, seed, tiny)
    if keep:
        origin = {"task": "shared", "left_out": domain, "seed": seed}
        save(keep, "heartbeatai", net, windows.classes, origin, tiny=tiny)
    rows = learnable(windows, domain)
    return scores(windows, rows, said(net, windows, rows))


def superclasses(data: Path, cache: Path, name: str, seed: int, tiny: bool) -> float:
    """Macro-AUC of PTB-XL's superclasses, by the published folds; tiny ones keep off fold 9."""
    windows = cut(open_corpus("ptbxl", data, "superclass"), Cut(), cache, bar=False)
    net = network(name, len(windows.classes), seed, tiny)
    part = rotated(windows, seed) if tiny else published(windows)
    config = replace(DEFAULTS, epochs=4, least_steps=100) if tiny else DEFAULTS
    task = partial(RecordTask, smoothing=SMOOTHING)
    return diagnose(net, windows, part, config=replace(config, seed=seed), task=task)


COLUMNS: Final = {
    ("intra", "plain"): "intra, plain",
    ("intra", "mixstyle"): "intra, MixStyle",
    ("lodo", "xresnet"): "LODO, xresnet",
    ("lodo", "plain"): "LODO, plain",
    ("lodo", "mixstyle"): "LODO, MixStyle",
}
"""Of the tables: how a network was tested, and which."""


def tables(s: Study, windows: Joined, results: Mapping[str, Any]) -> str:
    """The report: protocol, sizes, and both protocols side by side."""
    names, classes = [part.name for part in windows.parts], windows.classes
    # [F1 and AUC, columns, seeds, domains, classes]; NaN where a class does not count
    values = np.array([
        [[[[results[f"{kind} {d} {net} {seed}"].get(c, {}).get(metric, np.nan) for c in classes]
           for d in names] for seed in range(s.seeds)] for kind, net in COLUMNS]
        for metric in ("f1", "auc")
    ])  # fmt: skip
    counts = ~np.isnan(values[0, 0, 0])
    header = [f"{metric}: {column}" for metric in ("F1", "AUC") for column in COLUMNS.values()]

    def spreads(x: NDArray[np.float64]) -> list[str]:
        """[F1 and AUC, columns, seeds] as cells."""
        return [spread(seeds.tolist()) for seeds in x.reshape(-1, s.seeds)]

    by_domain = np.nanmean(values, 4)
    intra_, lodo_ = 100 * values[
        0, [list(COLUMNS).index((k, "mixstyle")) for k in ("intra", "lodo")]
    ].mean(1)
    draws = (TINY_DRAWS, TINY_DRAWS) if s.tiny else (INTRA_DRAWS, LODO_DRAWS)
    folds = "two of folds 1 to 8" if s.tiny else "folds 1 to 7 learned, 8 stops, 9 tested"
    return "\n\n".join((
        f"Windows of 10 s, cut every 10 s, 100 Hz; mean ± deviation over {s.seeds} seeds; F1 and "
        f"AUC in %. Intra-source: {FOLDS} folds by patient, {draws[0]} windows drawn to learn "
        "from, the logits of all folds together. LODO: all other domains learned, of which "
        f"{draws[1]} windows are drawn, and the same windows tested. Nothing stops early or is "
        "chosen; a class holds where it is likelier than not if as many windows that were learned "
        f"had it as lacked it. It counts in a domain where {LEAST} "
        f"patients have windows with it and {LEAST} without. mitdb is DS1, ptbxl folds 1 to 8.",
        "Windows with a label / patients who have some (– where the set has no word for it):",
        _table(["domain", "leads", "patients", "windows", *classes],
               [_size(windows, d) for d in names]),
        "Means over the classes that count, and then over domains:",
        _table(["domain", "classes", *header],
               [[d, counts[i].sum(), *spreads(by_domain[..., i])] for i, d in enumerate(names)]
               + [["mean", "", *spreads(by_domain.mean(3))]]),
        "By class, means over the domains where it counts:",
        _table(["class", "domains", *header],
               [[c, counts[:, k].sum(), *spreads(np.nanmean(values[..., k], 3))]
                for k, c in enumerate(classes) if counts[:, k].any()]),
        "F1 with MixStyle by domain and class, intra-source → LODO:",
        _table(["domain", *classes],
               [[d, *(f"{a:.0f} → {b:.0f}" if a == a else "–" for a, b in zip(*x, strict=True))]
                for d, *x in zip(names, intra_, lodo_, strict=True)]),
        f"PTB-XL's superclasses, {folds}; macro-AUC in %:",
        _table(["network", "macro-AUC"],
               [[text, spread([results[f"ptbxl {n} {seed}"] for seed in range(s.seeds)])]
                for n, text in NETS.items()]),
    ))  # fmt: skip


def _size(windows: Joined, domain: str) -> list[object]:
    """A row of the table of sizes."""
    rows = learnable(windows, domain)
    patient, labels = patients(windows, rows), windows.column("labels")[rows]
    n, leads = len(np.unique(patient)), windows.column("leads")[rows].sum(1)
    small, most = " (small)" if n < SMALL else "", f" to {leads.max()}"
    return [
        domain + small,
        f"{leads.min()}{most if leads.max() > leads.min() else ''}",
        n,
        len(rows),
        *(
            f"{holds.sum()} / {len(np.unique(patient[holds]))}" if known else "–"
            for holds, known in zip((labels == 1).T, labels[0] >= 0, strict=True)
        ),
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """In Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def study(s: Study) -> str:
    """Runs all of it; returns the tables, which also go to `s.out`, with the picture."""
    windows = domains(s.data, s.cache, s.tiny)
    ptbxl = cut(open_corpus("ptbxl", s.data, "superclass"), Cut(), s.cache, bar=False)
    names = [part.name for part in windows.parts]
    kept = s.out / "without-ludb.safetensors"
    keep = {("ludb", "mixstyle", 0): kept}
    at, seeds = (s.data, s.cache), range(s.seeds)
    results = s.run(
        {f"intra {d} {n} {seed}": (intra, (*at, d, n, seed, s.tiny))
         for d in names for n in ("plain", "mixstyle") for seed in seeds}
        | {f"lodo {d} {n} {seed}": (lodo, (*at, d, n, seed, s.tiny, keep.get((d, n, seed))))
           for d in names for n in NETS for seed in seeds}
        | {f"ptbxl {n} {seed}": (superclasses, (*at, n, seed, s.tiny))
           for n in NETS for seed in seeds},
        learned_from(*windows.parts, ptbxl),
    )  # fmt: skip
    text = tables(s, windows, results)
    (s.out / "report.md").write_text(text + "\n", "utf-8")
    net = network("mixstyle", len(windows.classes), 0, s.tiny)
    fill(net, read(kept))
    k = windows.classes.index(SHOWN)
    rows = windows.part("ludb")
    rows = rows[windows.column("labels")[rows, k] == 1]
    surest = rows[said(net, windows, rows)[:, k].argmax()]
    picture(net, windows, int(surest), k).savefig(s.out / "saliency.png", dpi=80)
    return text
