"""Beat-SSL's evaluation: which targets make features that diagnosis and delineation can use.

Every way of pretraining sees the same records, without labels, for the same number of steps; then
the same encoder is taught PTB-XL's superclasses and LUDB's waves. Seeds rotate PTB-XL's folds 1 to
8 (`train.diagnosis.rotated`) and LUDB's records; the published folds come last.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from train.data.corpora import open_corpus
from train.data.joined import Joined
from train.data.named import Named
from train.data.windows import Cut, Windows, cut
from train.diagnosis import DEFAULTS, TEST_FOLD, Part, diagnose, published, rotated
from train.loop import FitConfig, Objective, fit
from train.models.beatssl import TINY, BeatSsl, BeatSslConfig, WaveNet
from train.models.encoder import Classifier
from train.objectives.beatssl import Target, TwoLevel, TwoLevelConfig
from train.objectives.contrast import Cmsc, W2v, W2vCmscRlm
from train.segmentation import DEFAULTS as SEGMENTING
from train.segmentation import segment, split
from train.study import Study, spread
from train.supervised import BATCH, macro_auc

UNLABELLED: Final = ("ptbxl", "georgia", "chapman", "cpsc-extra")
PRETRAINING: Final = FitConfig(epochs=30, batch=64, least_steps=150)
FEW: Final = 0.1
"""Share of the labels when there are few."""
FEW_WAVES: Final = 16
"""Records of LUDB that are learned from when there are few."""

def two_levels(rhythm: Target, beat: Target, exponent: float = 50.0) -> Callable[[BeatSsl], Objective]:
    return partial(TwoLevel, config=TwoLevelConfig(rhythm=rhythm, beat=beat, exponent=exponent))

WAYS: Final[dict[str, Callable[[BeatSsl], Objective] | None]] = {
    "from scratch": None,
    "CMSC": Cmsc,
    "W2V": W2v,
    "W2V+CMSC+RLM": W2vCmscRlm,
    "rhythm hard (3KG)": two_levels("hard", "none"),
    "rhythm soft": two_levels("soft", "none"),
    "beat hard": two_levels("none", "hard"),
    "beat soft": two_levels("none", "soft"),
    "rhythm hard + beat hard": two_levels("hard", "hard"),
    "rhythm soft + beat soft": two_levels("soft", "soft"),
    "rhythm soft + beat hard": two_levels("soft", "hard"),
    "rhythm soft + beat hard, exponent 10": two_levels("soft", "hard", 10.0),
    "rhythm soft + beat hard, exponent 1": two_levels("soft", "hard", 1.0),
}
