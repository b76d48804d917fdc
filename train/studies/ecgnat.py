"""ECG-NAT's evaluation: what pretraining gives, what its attention costs, what its levels are for."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from train.data.corpora import open_corpus
from train.data.windows import Cut, Joined, Windows, cut
from train.diagnosis import DEFAULTS, Part, diagnose, published, rotated
from train.loop import FitConfig, fit
from train.models.ecgnat import TINY, EcgNat, EcgNatConfig
from train.models.encoder import Classifier
from train.models.xresnet import XResNet, XResNetConfig
from train.objectives.ecgnat import ContrastiveTask, MaskedAutoencoder
from train.study import Job, Study, spread
from train.supervised import RecordTask, said

UNLABELLED: Final = ("ludb", "georgia", "chapman", "cpsc-extra", "cinc2017", "cpsc2021", "mitdb")
"""What is pretrained on beside PTB-XL."""
FEW: Final = 300
"""Windows at most of a data set of one or two leads: twelve leads are what is asked for."""
PRETRAINING: Final = FitConfig(epochs=40, learning_rate=2e-3)
SHARES: Final = {1.0: 1, 0.1: 2, 0.01: 5}
"""Of the labels, and how many times each seed draws who has them."""
LEVELS: Final = {
    "1": EcgNatConfig(widths=(48,), depths=(5,)),
    "2": EcgNatConfig(widths=(48, 72), depths=(1, 4)),
    "3": EcgNatConfig(),
}
"""As many blocks on one level or more."""
SECONDS: Final = (2.5, 5, 10, 20, 30, 60)
COST_HZ: Final = 500
CALLS: Final = 9
"""Of which the median is taken."""


def study(s: Study) -> str:
    """Runs whatever has not been run yet; the tables, which also go to `s.out`."""
    for name in ("ptbxl", *_unlabelled(s)):
        cut(open_corpus(name, s.data), Cut(), s.cache)
    seeds = range(s.seeds)
    final = (False,) if s.tiny else (False, True)
    s.run({f"pretraining/{_of(f)}/{i}": (pretrain, (s, i, f)) for f in final for i in seeds})
    jobs: dict[str, Job] = {}
    for seed in seeds:
        for share, draws in _shares(s).items():
            for how in HOWS:
                if how == "contrast" and share < 0.1:
                    continue
                for draw in range(draws):
                    jobs[_key(how, share, seed, draw)] = (teach, (s, how, share, seed, draw))
        for level in LEVELS:
            jobs[f"levels/{level}/{seed}"] = (level_of, (s, level, seed))
        if not s.tiny:
            for how in HOWS:
                jobs[f"published/{how}/{seed}"] = (teach, (s, how, 1.0, seed, 0, True))
    done = s.run(jobs)
    # Alone, for it is timed.
    costs = s.run({"cost": (cost, (s,))})["cost"]
    return ""
