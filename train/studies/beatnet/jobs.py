"""BEAT-Net's trainings and tests; `study` makes tables and figures of what they give."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from train.data.corpora import open_corpus
from train.data.corpus import LEADS, Corpus
from train.data.corruption import Few, FewerLeads, Noisy
from train.data.windows import Cut, Windows, cut
from train.engine.batches import given
from train.engine.loop import FitConfig
from train.engine.manifest import summary
from train.engine.prediction import predict
from train.metrics.classification import macro_auc
from train.models.beatnet import BeatNet
from train.models.checkpoint import save
from train.models.encoder import Classifier
from train.models.registry import classifier
from train.studies.diagnosis import DEFAULTS, diagnose, published, rotated
from train.studies.harness import Study

NOISES: Final = ("bw", "ma")
SNRS_DB: Final = (24, 18, 12, 6, 0)
LEFT: Final = {6: LEADS[:6], 3: ("I", "II", "V2"), 2: ("I", "II"), 1: ("II",)}
"""Leads that remain of twelve."""
DRAWS: Final = 3
"""Of the noise of each condition, whose scores are averaged."""
TINY_LEARNING: Final = FitConfig(epochs=4, learning_rate=4e-3, least_steps=40)
TINY_RECORDS: Final = 160


def network(name: str, classes: int, seed: int, tiny: bool) -> Classifier:
    """One of `NETS`, new."""
    torch.manual_seed(seed)
    return classifier(name, classes, tiny=tiny)


def conditions(data: Path, tiny: bool) -> dict[str, list[Corpus]]:
    """PTB-XL as it is, and with each corruption; noise in several draws."""
    clean = ptbxl(data, "superclass", tiny)
    noises, snrs, left = (("ma",), (6,), {2: LEFT[2]}) if tiny else (NOISES, SNRS_DB, LEFT)
    draws = range(1 if tiny else DRAWS)
    nstdb = data / "nstdb"
    return (
        {"clean": [clean]}
        | {f"{n} {x}": [Noisy(clean, nstdb, n, x, i) for i in draws] for n in noises for x in snrs}
        | {f"leads {n}": [FewerLeads(clean, leads)] for n, leads in left.items()}
    )


def ptbxl(data: Path, labels: str, tiny: bool) -> Corpus:
    """The records at hand, or the first of them."""
    corpus = open_corpus("ptbxl", data, labels)
    return Few(corpus, TINY_RECORDS) if tiny else corpus


def taught(s: Study, name: str, seed: int, share: float, draw: int = 0) -> dict[str, Any]:
    """Scores of a network that learned superclasses from a share of the labels, of one draw.

    With all labels it is tested under every condition, and BEAT-Net's attention is measured.
    """
    corpora = conditions(s.data, s.tiny)
    windows = cut(corpora["clean"][0], Cut(), s.cache, bar=False)
    net, auc = learned(s, name, seed, windows, share, draw)
    scores = {"clean": auc}
    for condition, draws in corpora.items():
        if share == 1.0 and condition != "clean":
            every = [cut(corpus, Cut(), s.cache, bar=False) for corpus in draws]
            scores[condition] = float(np.mean([tested(net, other, seed) for other in every]))
    return {"auc": scores, "attention": of_leads(net, windows, rotated(windows, seed).test)}


def tested(net: Classifier, windows: Windows, seed: int) -> float:
    """Macro-AUC on the rotated test folds."""
    rows = rotated(windows, seed).test
    return macro_auc(windows.column("labels")[rows], predict(net, windows, rows))


def rhythm(s: Study, seed: int) -> dict[str, Any]:
    """BEAT-Net's score where it learned the statements about rhythm, and its attention there."""
    windows = cut(ptbxl(s.data, "rhythm", s.tiny), Cut(), s.cache, bar=False)
    net, auc = learned(s, "beatnet", seed, windows, 1.0)
    return {"auc": auc, "attention": of_leads(net, windows, rotated(windows, seed).test)}


def learned(
    s: Study, name: str, seed: int, windows: Windows, share: float, draw: int = 0
) -> tuple[Classifier, float]:
    """A network trained on the rotated folds, and its score; `draw` is of whose labels it has."""
    net = network(name, len(windows.classes), seed, s.tiny)
    config = TINY_LEARNING if s.tiny else DEFAULTS
    part = rotated(windows, seed)
    return net, diagnose(net, windows, part, share, replace(config, seed=seed + 100 * draw))


def weights(s: Study, name: str, seed: int) -> Path:
    """Where a network is kept that was trained by the published folds."""
    return s.out / f"{name}-{seed}.safetensors"


def last(s: Study, name: str, seed: int) -> float:
    """The score by the published folds, from which a tiny study keeps away; keeps the weights."""
    windows = cut(ptbxl(s.data, "superclass", s.tiny), Cut(), s.cache, bar=False)
    net = network(name, len(windows.classes), seed, s.tiny)
    config = TINY_LEARNING if s.tiny else DEFAULTS
    part = rotated(windows, seed) if s.tiny else published(windows)
    auc = diagnose(net, windows, part, config=replace(config, seed=seed))
    origin = {"task": "superclass", "seed": seed, "auc": auc, "run": summary(s.out)}
    save(weights(s, name, seed), name, net, windows.classes, origin)
    return auc


@torch.no_grad()
def of_leads(net: Classifier, windows: Windows, rows: NDArray[np.int64]) -> list[float]:
    """Share of the attention that each lead gets, mean over windows, [12]; none of a baseline."""
    if not isinstance(net.encoder, BeatNet):
        return []
    batch = given(net, windows, rows)
    _, attention = net.encoder.attentive(batch.ecg, batch.leads, batch.peaks)
    share = (attention.leads * attention.beats[:, :, None]).sum(1)
    return [float(x) for x in share.mean(0)]
