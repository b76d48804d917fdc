"""HeartBeatAI's trainings and tests; `study` makes tables and figures of what they give."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from train.data.corpora import open_corpus
from train.data.joined import Joined
from train.data.windows import Cut, Windows, cut
from train.engine.loop import FitConfig, fit
from train.engine.manifest import summary
from train.engine.prediction import predict
from train.models import heartbeatai
from train.models.checkpoint import save
from train.models.encoder import Classifier
from train.models.heartbeatai import HeartBeatAi, HeartBeatAiConfig
from train.models.registry import classifier
from train.objectives.supervised import Augmentation, RecordTask
from train.studies.diagnosis import DEFAULTS, diagnose, published, rotated, untested

DOMAINS: Final = (
    *("mitdb", "cpsc2021", "ptbxl", "ludb", "georgia", "chapman", "cpsc-extra", "cinc2017"),
)
TINY_DOMAINS: Final = ("ptbxl", "ludb")
FOLDS: Final = 3
LEARNING: Final = FitConfig(epochs=1, learning_rate=2e-3)
"""The epoch holds all windows that are drawn, in one schedule. Nothing is chosen by validation."""
INTRA_DRAWS: Final = 4000
LODO_DRAWS: Final = 8000
TINY_DRAWS: Final = 640
LEAST: Final = 2
"""Patients with and patients without that a class needs in a domain to be scored there."""
PER_PATIENT: Final = 40
"""A patient with more windows counts as one with so many."""
HOW: Final = Augmentation(lead_drop=0.5)
"""Domains differ most in their leads, from one to twelve: many go missing in training."""
SMOOTHING: Final = 0.05


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
    return np.intersect1d(windows.part(domain), untested(windows))


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
    weight = torch.from_numpy(positive_weight(windows.column("labels")[rows])).float()
    net = network(name, len(windows.classes), seed, tiny)
    fit(RecordTask(net, HOW, SMOOTHING, weight), windows, rows, replace(LEARNING, seed=seed))
    # The bias goes the other half, so that 0.5 means even odds for every class.
    with torch.no_grad():
        net.head.bias.add_(weight.log().to(net.head.bias.device))
    return net


def positive_weight(labels: NDArray[np.int8]) -> NDArray[np.float64]:
    """What a class weighs where it holds, [K], from labels [n, K]: 1, 0, or -1 where unknown.

    Halfway, on a log scale, between as it is and as much as where it does not hold. Labels count as
    in `RecordTask`: all of a window that are known together are one.
    """
    known = labels >= 0
    counts = known / known.sum(1, keepdims=True).clip(min=1)
    share = (counts * (labels == 1)).sum(0) / counts.sum(0).clip(min=np.finfo(float).tiny)
    share = (1 - SMOOTHING) * share + SMOOTHING / 2
    weight: NDArray[np.float64] = np.sqrt((1 - share) / share)
    return weight


def counted(windows: Joined, rows: NDArray[np.int64]) -> list[int]:
    """The classes of which at least `LEAST` patients have windows with, and as many without."""
    labels, patient = windows.column("labels")[rows], patients(windows, rows)
    return [
        k
        for k in range(labels.shape[1])
        if all(len(np.unique(patient[labels[:, k] == value])) >= LEAST for value in (0, 1))
    ]


def scores(
    windows: Joined,
    rows: NDArray[np.int64],
    fold: NDArray[np.int64],
    logits: NDArray[np.float32],
) -> dict[str, dict[str, float]]:
    """F1 at logit 0 and area under the ROC curve, within folds, of every class that counts."""
    labels = windows.column("labels")[rows]
    return {
        windows.classes[k]: {
            "f1": float(f1_score(labels[:, k], logits[:, k] > 0)),
            "auc": auc_within(labels[:, k], fold, logits[:, k]),
        }
        for k in counted(windows, rows)
    }


def auc_within(
    label: NDArray[np.integer], fold: NDArray[np.int64], logit: NDArray[np.float32]
) -> float:
    """How often a window with a class is likelier than one of the same fold without, all [n].

    The area under the ROC curve of each fold, weighed by its pairs: logits of different networks
    are never ranked together. NaN where no fold has both.
    """
    found, pairs = [], []
    for held in (fold == i for i in np.unique(fold)):
        positive = (label[held] == 1).sum()
        pairs.append(positive * (held.sum() - positive))
        found.append(roc_auc_score(label[held] == 1, logit[held]) if pairs[-1] else 0.0)
    return float(np.average(found, weights=pairs)) if any(pairs) else float("nan")


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
        logits[tested] = predict(net, windows, rows[tested])
    return scores(windows, rows, fold, logits)


def lodo(
    data: Path, cache: Path, domain: str, name: str, seed: int, tiny: bool, keep: Path | None
) -> dict[str, dict[str, float]]:
    """Scores of all windows of a domain by a network that learned from the others.

    Ranked within the folds of `intra`, so that both are of the same pairs. Its weights go to
    `keep`.
    """
    windows = domains(data, cache, tiny)
    others = [learnable(windows, p.name) for p in windows.parts if p.name != domain]
    draws = TINY_DRAWS if tiny else LODO_DRAWS
    net = taught(name, windows, np.concatenate(others), draws, seed, tiny)
    if keep:
        origin = {"task": "shared", "left_out": domain, "seed": seed}
        origin["run"] = summary(keep.parent)
        save(keep, "heartbeatai", net, windows.classes, origin)
    rows = learnable(windows, domain)
    return scores(windows, rows, dealt(windows, rows, seed), predict(net, windows, rows))


def superclasses(data: Path, cache: Path, name: str, seed: int, tiny: bool) -> float:
    """Macro-AUC of PTB-XL's superclasses, by the published folds; tiny ones keep off the last."""
    windows = cut(open_corpus("ptbxl", data, "superclass"), Cut(), cache, bar=False)
    net = network(name, len(windows.classes), seed, tiny)
    part = rotated(windows, seed) if tiny else published(windows)
    config = replace(DEFAULTS, epochs=4, least_steps=100) if tiny else DEFAULTS
    task = partial(RecordTask, smoothing=SMOOTHING)
    return diagnose(net, windows, part, config=replace(config, seed=seed), task=task)
