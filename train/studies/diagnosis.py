"""PTB-XL's superclasses: its published folds, and how a network is trained and scored on them.

The benchmark's protocol (Strodthoff et al., IEEE JBHI 2021) learns on folds 1 to 8, chooses on 9
and tests on 10. Where there is no fold 10, as in the part at hand, everything is one lower: 1 to 7,
8 and 9. Studies that compare or choose anything do not look at the tested one: each of their seeds
tests on another two of folds 1 to 8. Of sets that have no folds the patients are dealt to nine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from train.data.joined import Joined
from train.data.labelled import FEWEST
from train.data.subsets import label_subset
from train.data.tables import LABELS_SHOWN, listed
from train.data.windows import Windows
from train.engine.loop import FitConfig, Objective, fit
from train.engine.manifest import of_arrays
from train.engine.prediction import predict
from train.metrics.classification import macro_auc
from train.models.encoder import Classifier
from train.objectives.supervised import RecordTask

FOLDS = 9
"""Patients are dealt to so many."""
ROTATIONS = 4
DEFAULTS = FitConfig(epochs=20, least_steps=150)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Numbers of the windows to learn from, to stop by, and to test on."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def tested_fold(windows: Windows) -> int:
    """PTB-XL's tenth where it is there, otherwise 9; the one before it is to stop by."""
    return max([FOLDS, *(record.fold or 0 for record in windows.records)])


def parts_said(windows: Windows) -> str:
    """Which folds are for what, in a report."""
    last = tested_fold(windows)
    return f"folds 1 to {last - 2} learned, {last - 1} to stop by, {last} tested"


def published(windows: Windows) -> Part:
    """The folds up to the last two, the last but one, and the last."""
    return Part(*(_labelled(windows, folds) for folds in _parts(tested_fold(windows))))


def untested(windows: Windows) -> NDArray[np.int64]:
    """The windows of all records but those of the published test fold."""
    tested = windows.where(folds=[tested_fold(windows)])
    return np.setdiff1d(np.arange(len(windows)), tested)


def _parts(last: int) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    return range(1, last - 1), [last - 1], [last]


def parted(windows: Windows) -> Part:
    """The same, of folds that are published, or else `dealt`; then records without labels stay.

    RecordError where there are fewer patients than folds.
    """
    if all(record.fold is not None for record in windows.records):
        return published(windows)
    fold = dealt(windows)
    return Part(*(np.flatnonzero(np.isin(fold, list(part))) for part in _parts(FOLDS)))


def dealt(windows: Windows) -> NDArray[np.int64]:
    """The fold, 1 to 9, of each window: a patient's are all in one.

    Every fold has its share of every label, and of all windows, as far as patients allow: who has
    most of some label comes first, and goes where what they have is rarest.
    """
    patients, of = np.unique([record.patient for record in windows.records], return_inverse=True)
    patient = of[windows.column("record")]
    if (seen := len(np.unique(patient))) < FEWEST:
        raise RecordError(
            f"{windows.name} has {seen} patients: {FEWEST} are the least to learn from"
        )
    labels = windows.column("labels")
    held = np.zeros((len(patients), labels.shape[1] + 1))
    np.add.at(held, patient, np.column_stack([labels, np.ones(len(labels))]))
    held /= held.sum(0).clip(min=1)
    total = np.zeros((FOLDS, held.shape[1]))
    fold = np.zeros(len(patients), np.int64)
    for i in np.argsort(-held.max(1), kind="stable"):
        fold[i] = np.argmin(total @ held[i])
        total[fold[i]] += held[i]
    of_windows: NDArray[np.int64] = fold[patient] + 1
    return of_windows


def told_apart(windows: Windows, part: Part) -> tuple[Windows, list[str]]:
    """With those labels alone that can be learned and calibrated, and a sentence about the others.

    In the train and in the validation part some windows have such a label, and some lack it.
    RecordError where there is none.
    """
    labels = windows.column("labels").astype(bool)
    sides = [labels[rows] for rows in (part.train, part.validation)]
    both = np.all([of.any(0) & ~of.all(0) for of in sides], 0)
    if both.all():
        return windows, []
    classes = [name for name, known in zip(windows.classes, both, strict=True) if known]
    without = [name for name in windows.classes if name not in classes]
    left = listed("label", without, LABELS_SHOWN)
    last = tested_fold(windows)
    why = f"in folds 1 to {last - 2}, or in fold {last - 1}, all windows have it, or none"
    if not classes:
        raise RecordError(f"{windows.name} has no label to learn: {why} ({left})")
    return Joined([windows], classes), [f"{left}: left out, {why}"]


def rotated(windows: Windows, seed: int) -> Part:
    """Of folds 1 to 8 two to test on, the next to stop by, the other five to learn from."""
    folds = np.roll(np.arange(1, 9), -2 * (seed % ROTATIONS)).tolist()
    parts = folds[3:], folds[2:3], folds[:2]
    return Part(*(_labelled(windows, part) for part in parts))


def _labelled(windows: Windows, folds: Sequence[int]) -> NDArray[np.int64]:
    """As in the benchmark, records that have none of the labels are left out, if there are any."""
    rows = windows.where(folds)
    return rows[windows.column("labels")[rows].any(1)] if windows.classes else rows


def diagnose(
    net: Classifier,
    windows: Windows,
    part: Part,
    share: float = 1.0,
    config: FitConfig = DEFAULTS,
    run: Path | None = None,
    bar: str | None = None,
    task: Callable[[Classifier], Objective] = RecordTask,
) -> float:
    """Teaches a classifier of records with a share of the labels; its macro-AUC on the test part.

    The share is of patients, and holds for the validation part too: a label there costs as much.
    """
    labels = windows.column("labels")
    train = label_subset(windows, part.train, share, config.seed)
    validation = label_subset(windows, part.validation, share, config.seed)
    known = labels[validation].any(0) & ~labels[validation].all(0)

    def validate() -> float:
        return macro_auc(labels[validation], predict(net, windows, validation))

    # With too few windows to see any class apart from the rest there is nothing to stop by.
    stop = validate if known.sum() == labels.shape[1] else None
    told = {"share": share, "validation windows": of_arrays([validation]) if stop else None}
    fit(task(net), windows, train, config, run, stop, bar, told)
    return macro_auc(labels[part.test], predict(net, windows, part.test))
