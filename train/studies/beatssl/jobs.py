"""Beat-SSL's trainings and tests; `study` makes tables and figures of what they give."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from train.data.corpora import open_corpus
from train.data.corpus import Corpus
from train.data.corruption import Few
from train.data.joined import Joined
from train.data.pseudolabels import PseudoLabelled
from train.data.windows import Cut, Windows, cut
from train.engine.batches import each
from train.engine.loop import FitConfig, Objective, fit
from train.engine.manifest import summary
from train.metrics.classification import macro_auc
from train.models.beatssl import TINY, BeatSsl, BeatSslConfig, WaveNet
from train.models.checkpoint import save
from train.models.encoder import Classifier
from train.objectives.beatssl import Target, TwoLevel, TwoLevelConfig
from train.objectives.contrast import Cmsc, W2v, W2vCmscRlm
from train.studies.diagnosis import DEFAULTS, Part, diagnose, published, rotated
from train.studies.harness import Study
from train.studies.segmentation import DEFAULTS as SEGMENTING
from train.studies.segmentation import segment, split

Way = Callable[[BeatSsl], Objective]
UNLABELLED: Final = ("ptbxl", "georgia", "chapman", "cpsc-extra")
PRETRAINING: Final = FitConfig(epochs=10, batch=64, least_steps=120)
TINY_PRETRAINING: Final = replace(PRETRAINING, batch=32, learning_rate=3e-3)
FEW: Final = 0.1
"""Share of PTB-XL's patients with labels, where they are few."""
FEW_WAVES: Final = 16
"""Records of LUDB with marks, where they are few."""
PENALTY: Final = 0.003
"""C of the logistic regression on features as they are."""
TINY_RECORDS: Final = {"ptbxl": 200, "ludb": 48}


def _two(rhythm: Target, beat: Target, exponent: float = 50.0) -> Way:
    return partial(TwoLevel, config=TwoLevelConfig(rhythm, beat, exponent))


SCRATCH: Final = "from scratch"
BEST: Final = "rhythm soft + beat hard"
"""The paper's best."""
WAYS: Final[Mapping[str, Way | None]] = {
    SCRATCH: None,
    "CMSC": Cmsc,
    "W2V": W2v,
    "W2V + CMSC + RLM": W2vCmscRlm,
    "rhythm hard (3KG)": _two("hard", "none"),
    "rhythm soft": _two("soft", "none"),
    "beat hard": _two("none", "hard"),
    "beat soft": _two("none", "soft"),
    "rhythm hard + beat hard": _two("hard", "hard"),
    "rhythm soft + beat soft": _two("soft", "soft"),
    BEST: _two("soft", "hard"),
    f"{BEST}, exponent 10": _two("soft", "hard", 10.0),
    f"{BEST}, exponent 1": _two("soft", "hard", 1.0),
}


def opened(s: Study, name: str, labels: str | None = None) -> Corpus:
    """A data set, or the first of its records."""
    corpus = open_corpus(name, s.data, labels)
    return Few(corpus, TINY_RECORDS[name]) if s.tiny else corpus


def unlabelled(s: Study, bar: bool = False) -> Joined:
    """What is pretrained on: records without labels, whose beats the student labels."""
    names = UNLABELLED[:1] if s.tiny else UNLABELLED
    return Joined([cut(PseudoLabelled(opened(s, name)), Cut(), s.cache, bar) for name in names], ())


def diagnosed(s: Study, bar: bool = False) -> Windows:
    """PTB-XL with superclasses."""
    return cut(opened(s, "ptbxl"), Cut(), s.cache, bar)


def marked(s: Study, bar: bool = False) -> Windows:
    """LUDB with its waves."""
    return cut(opened(s, "ludb"), Cut(waves=True), s.cache, bar)


def pretrained(s: Study, way: str, seed: int, folds: Part) -> tuple[BeatSsl, list[float]]:
    """An encoder after pretraining, and its losses; `folds` are of the windows of `unlabelled`."""
    torch.manual_seed(seed)
    encoder = BeatSsl(TINY if s.tiny else BeatSslConfig())
    make = WAYS[way]
    if make is None:
        return encoder.eval(), []
    windows = unlabelled(s)
    free = [windows.records[r].fold is None for r in windows.column("record")]
    rows = np.concatenate([folds.train, folds.validation, np.flatnonzero(free)])
    config = replace(TINY_PRETRAINING if s.tiny else PRETRAINING, seed=seed)
    losses = fit(make(encoder), windows, rows, config)
    return encoder, losses


def weights(s: Study) -> Path:
    """Where the encoder is kept that the best way pretrained from the first seed."""
    return s.out / "beatssl.safetensors"


def compared(s: Study, way: str, seed: int) -> dict[str, Any]:
    """Scores of one way of pretraining on all tasks, each time from the same encoder."""
    encoder, losses = pretrained(s, way, seed, rotated(unlabelled(s), seed))
    if way == BEST and seed == 0:
        kept = nn.ModuleDict({"encoder": encoder})
        origin = {"way": way, "losses": losses, "run": summary(s.out)}
        save(weights(s), "beatssl", kept, (), origin)
    windows, part = diagnosed(s), rotated(diagnosed(s), seed)
    config = replace(DEFAULTS, seed=seed)
    if s.tiny:
        config = replace(config, epochs=5, least_steps=40, learning_rate=3e-3)

    def fine_tuned(share: float) -> float:
        return diagnose(headed(encoder, windows, seed), windows, part, share, config)

    waves = marked(s)
    train, test = split(waves, seed)
    how = replace(SEGMENTING, seed=seed)
    if s.tiny:
        how = replace(how, epochs=5, batch=8, least_steps=40, learning_rate=5e-3)

    def segmented(tuned: bool) -> list[float]:
        torch.manual_seed(seed)
        net = WaveNet(deepcopy(encoder).requires_grad_(tuned))
        return segment(net, waves, train[:FEW_WAVES], test, how)

    return {
        "losses": losses,
        "frozen": frozen(encoder, windows, part),
        "all": fine_tuned(1.0),
        "few": fine_tuned(FEW),
        "frozen waves": segmented(False),
        "waves": segmented(True),
    }


def last(s: Study, way: str, seed: int) -> float:
    """The score by the published folds, from which a tiny study keeps away."""
    of = rotated if s.tiny else lambda windows, _: published(windows)
    encoder, _ = pretrained(s, way, seed, of(unlabelled(s), seed))
    windows = diagnosed(s)
    net = headed(encoder, windows, seed)
    return diagnose(net, windows, of(windows, seed), config=replace(DEFAULTS, seed=seed))


def headed(encoder: BeatSsl, windows: Windows, seed: int) -> Classifier:
    """A copy of the encoder with a new head for the windows' classes."""
    torch.manual_seed(seed)
    return Classifier(deepcopy(encoder), encoder.width, len(windows.classes))


def frozen(encoder: BeatSsl, windows: Windows, part: Part) -> float:
    """Macro-AUC of logistic regression on an encoder's features, which stay as they are."""
    labels = windows.column("labels")
    x, y = (_features(encoder, windows, rows) for rows in (part.train, part.test))
    scores = np.zeros((len(y), labels.shape[1]))
    for k, known in enumerate(labels[part.train].T):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=1000))
        scores[:, k] = model.fit(x, known).decision_function(y)
    return macro_auc(labels[part.test], scores)


@torch.no_grad()
def _features(encoder: BeatSsl, windows: Windows, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Of records, [n, D]."""
    parts = [
        encoder.eval()(batch.ecg, batch.leads, batch.peaks).record.cpu().numpy()
        for batch in each(encoder, windows, rows)
    ]
    return np.concatenate(parts)
