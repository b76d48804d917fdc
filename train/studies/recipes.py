"""How each system learns labels of records: by its own objective, and at its own rates."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from train.engine.loop import FitConfig, Objective
from train.models.encoder import Classifier
from train.objectives.ecgnat import ContrastiveTask
from train.objectives.supervised import RecordTask
from train.studies.diagnosis import DEFAULTS
from train.studies.ecgnat.jobs import FINETUNING
from train.studies.heartbeatai.jobs import SMOOTHING


class Recipe(NamedTuple):
    """What one network is taught labels by."""

    task: Callable[[Classifier], Objective] = RecordTask
    scratch: FitConfig = DEFAULTS
    """Where it begins with random weights."""
    started: FitConfig = DEFAULTS
    """Where its encoder was pretrained."""


RECIPES: Final[Mapping[str, Recipe]] = {
    "beatnet": Recipe(),
    "ecgnat": Recipe(ContrastiveTask, started=FINETUNING),
    "beatssl": Recipe(),
    "heartbeatai": Recipe(partial(RecordTask, smoothing=SMOOTHING)),
    "xresnet": Recipe(),
}
"""Of every system that can be named on the command line."""
