"""What teachers give the student: the table that decides which one teaches it.

Each teacher learns the beats of three quarters of DS1's records, gives their soft targets, and
the student learns from those beside the labels; both are scored on the records that neither has
seen. The student alone, and with students of other seeds for teachers, stand beside it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from train.data.windows import AAMI
from train.engine.markdown import table
from train.metrics.classification import f1_of, tally
from train.models.registry import TEACHERS
from train.student.beats import fuse
from train.student.crossval import (
    FOLDS,
    Run,
    described_folds,
    left_out_of,
    teacher_predictions,
    validated,
)
from train.student.distillation import TINY_FIT, TINY_RECORDS, TINY_TRAINING, Distillation
from train.student.training import MODEL, TrainingConfig
from train.studies.harness import Job, Study
from train.studies.report import over, page, publish, spread

STUDENTS: Final = 3
"""Of other seeds, where they teach."""
CONTROL: Final = "context alone, without sight of the ECG"
OWN: Final = {**{name: name for name in TEACHERS}, "blind": CONTROL}
"""Teachers whose own predictions are scored, and what they are called."""
DISTILLATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "no teacher": {},
    "students of other seeds": {"students": STUDENTS},
    **{name: {"taught_by": (name,)} for name in TEACHERS},
    "ensemble": {"taught_by": TEACHERS},
    CONTROL: {"taught_by": ("blind",)},
}
"""Who teaches a student: fields of `TrainingConfig`."""
KINDS: Final = ("final", "provisional", "noisy")
_COLUMNS: Final = (*"SV", "macro")


def study(s: Study) -> str:
    """The table of gains, in DS1 cross-validation, with spread over seeds, and in noise."""
    setup = Distillation(s.data, s.cache)
    training, folds = TrainingConfig(), range(FOLDS)
    if s.tiny:
        setup = replace(setup, records=TINY_RECORDS, fit=TINY_FIT, tiny=True)
        training, folds = replace(training, **TINY_TRAINING), range(1)
    setup.observations()  # made once, before the workers read it
    setup.windows()
    asked: dict[str, Job] = {
        f"{name}, fold {k}": (own_score, (setup, name, k)) for name in OWN for k in folds
    }
    taught: dict[str, Job] = {
        f"{name}, seed {i}, fold {k}": (
            student_score,
            (setup, Run(MODEL, replace(training, seed=i, **how)), k),
        )
        for name, how in DISTILLATIONS.items()
        for i in range(s.seeds)
        for k in folds
    }
    data = setup.identity(teachers=True)
    own, scores = s.run(asked, data), s.run(taught, data)

    def own_row(name: str) -> list[str]:
        found = f1_of(np.sum([own[f"{name}, fold {k}"] for k in folds], 0), AAMI)
        return [OWN[name], *(spread([found[c]]) for c in _COLUMNS)]

    def student_row(name: str) -> list[str]:
        cells = []
        for kind in KINDS:
            tallies = [
                np.sum([scores[f"{name}, seed {i}, fold {k}"][kind] for k in folds], 0)
                for i in range(s.seeds)
            ]
            found = [f1_of(tallied, AAMI) for tallied in tallies]
            cells += [spread([f1[c] for f1 in found]) for c in _COLUMNS]
        return [name, *cells]

    text = page(
        f"DS1, {len(folds)} folds over records, detected peaks, both leads, float; F1 in %.",
        table(["fold", "records", *AAMI], described_folds(setup)),
        "Each teacher's own predictions, one seed:",
        table(["teacher", *_COLUMNS], map(own_row, OWN)),
        f"The student, {over(s.seeds)}; noisy: nstdb, 24 to 0 dB:",
        table(
            ["taught by", *(f"{kind} {c}" for kind in KINDS for c in _COLUMNS)],
            map(student_row, DISTILLATIONS),
        ),
    )
    publish(s.out, text)
    return text


def own_score(setup: Distillation, name: str, fold: int) -> list[list[int]]:
    """A tally of a teacher's predictions for the records left out."""
    log = teacher_predictions(setup, name, fold)
    observations = setup.observations()["detected"]
    seen = np.isin(observations.record, left_out_of(setup, fold)) & ~np.isnan(log).any(1)
    beats = observations[seen]
    first, fused = fuse(beats, np.exp(log[seen]))
    tallied: list[list[int]] = tally(fused.argmax(1), beats.label[first], AAMI).tolist()
    return tallied


def student_score(setup: Distillation, run: Run, fold: int) -> dict[str, Any]:
    """A tally of a student's predictions, for each kind of observation."""
    held = validated(setup, run, fold)
    return {kind: getattr(held, kind).tally(AAMI).tolist() for kind in KINDS}
