"""Cross-validation over the records of DS1: what every choice is made by.

Scored are the labels that the monitor would give: beats that the detector found, all leads fused,
in the recordings as they are and with the noise of nstdb at 24 to 0 dB. Only the quality gate and
int8 are left out; a beat that the detector missed is not counted. That no beat of fibrillating
atria is S is taken into account.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge.beats import SAMPLES
from edge.errors import OutputError, RecordError
from edge.events import Label
from edge.filters import STREAM_FS
from edge.naming import in_fibrillation
from edge.rhythm import RhythmWatch
from edge.workers import end_with_parent
from train.data.windows import AAMI
from train.engine.devices import side_by_side
from train.engine.files import write_text
from train.engine.manifest import Manifest, manifest, parsed, unlike
from train.metrics.classification import f1_of, tally
from train.models.student import Student, StudentConfig
from train.student.beats import Beats, Source, fuse
from train.student.distillation import Distillation
from train.student.training import (
    MODEL,
    PROVISIONAL,
    TrainingConfig,
    folds,
    logits,
    settings,
    train,
)

FOLDS: Final = 4
LEAST_FOLDS: Final = 2

STEPS: Final[Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]] = {
    "as it is": ({}, {}),
    "no synthetic rhythms": ({"synthetic_normals": 0, "synthetic_premature": 0}, {}),
    "no noise of nstdb": ({"noisy": False}, {}),
    "no morphology augmentation": ({"morphology_augmentation": False}, {}),
    "final observations only": ({"provisional": 0.0}, {}),
    "classes as they are": ({"balance": 0.0}, {}),
    "shape speaks of every class": ({}, {"by_context": ()}),
    "context never alone": ({}, {"shape_dropout": 0.0}),
    "four times the weights": ({}, {"stem": 16, "stages": (32, 48, 64)}),
    "S of no record": ({"s_records": 0}, {}),
    "S of 2 records": ({"s_records": 2}, {}),
    "S of 4 records": ({"s_records": 4}, {}),
}
"""What is changed, one thing at a time: fields of `TrainingConfig` and of `StudentConfig`."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Held-out predictions: of beats of records that a student had not seen, beats in rows."""

    record: NDArray[np.str_]
    label: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    """[n, K]."""
    fibrillates: NDArray[np.bool_]
    """Whether the rhythm was called that when the beat came; the probabilities do not show it."""

    def f1(self, classes: Sequence[str]) -> dict[str, float]:
        """F1 of each class, and of N, S and V `macro`."""
        return f1_of(self.tally(classes), classes)

    def tally(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """What F1 is made of, [K, 2]; see `train.metrics.classification.tally`."""
        held = in_fibrillation(self.probabilities, classes)
        predicted = np.where(self.fibrillates[:, None], held, self.probabilities)
        return tally(predicted.argmax(1), self.label, classes)

    @staticmethod
    def concatenate(parts: Sequence["Predictions"]) -> "Predictions":
        """All beats of all parts."""
        return Predictions(
            *(np.concatenate([getattr(p, n) for p in parts]) for n in Predictions.__slots__)
        )


class HeldOut(NamedTuple):
    """Predictions for one set of beats: final, provisional, and final in noise."""

    final: Predictions
    provisional: Predictions
    noisy: Predictions


@dataclass(frozen=True, slots=True)
class Run:
    """One training to be cross-validated."""

    model: StudentConfig
    config: TrainingConfig


def cross_validate(setup: Distillation, runs: Sequence[Run]) -> list[HeldOut]:
    """Each run over all folds, its teachers before it, on all cores, with a progress bar."""
    setup.observations()  # made once, before the workers read it
    teachers = dict.fromkeys(name for run in runs for name in run.config.taught_by)
    if teachers:
        setup.windows()
    count = len(left_out(setup))
    jobs = [(run, fold) for run in runs for fold in range(count)]
    total = len(jobs) + count * len(teachers)
    with (
        ProcessPoolExecutor(side_by_side(), get_context("spawn"), end_with_parent) as pool,
        tqdm(total=total, desc="folds", unit="fold") as bar,
    ):
        soft_targets = [
            pool.submit(teacher_predictions, setup, t, k) for t in teachers for k in range(count)
        ]
        for target in as_completed(soft_targets):
            target.result()
            bar.update()
        futures = [pool.submit(validated, setup, run, fold) for run, fold in jobs]
        for _ in as_completed(futures):
            bar.update()
    held = [future.result() for future in futures]
    return [
        HeldOut(*map(Predictions.concatenate, zip(*held[i : i + count], strict=True)))
        for i in range(0, len(held), count)
    ]


def left_out_of(setup: Distillation, fold: int) -> list[str]:
    """The records that one of the folds is scored on."""
    return left_out(setup)[fold]


def left_out(setup: Distillation) -> list[list[str]]:
    """The records that each fold is scored on.

    Where there are own ones it is they alone, by patient, in the folds that their split names if it
    does. RecordError where there are no two folds with beats.
    """
    detected, own = setup.observations()["detected"], setup.own
    if own is None:
        of = folds(detected, FOLDS)
        return [[r for r, k in of.items() if k == fold] for fold in range(FOLDS)]
    found = detected[np.isin(detected.record, own.names)]
    patients = own.patients
    fold = {record.patient: record.fold for record in own.records}
    if None in fold.values():
        patient = np.array([patients[str(record)] for record in found.record])
        fold = dict(folds(replace(found, record=patient), min(FOLDS, len(fold))))
    scored = sorted({cast(int, fold[patients[str(r)]]) for r in np.unique(found.record)})
    if len(scored) < LEAST_FOLDS:
        raise RecordError(
            f"cross-validation needs beats of two patients or more in {own.folder}, and in two "
            "folds where its split names them"
        )
    return [[r for r, patient in patients.items() if fold.get(patient) == k] for k in scored]


def described_folds(setup: Distillation) -> list[list[object]]:
    """Of each fold its number, its records, and how many of their beats of each class are found."""
    detected = setup.observations()["detected"]
    first, _ = fuse(detected, np.ones((len(detected), 1)))
    beats = detected[first]
    return [
        [fold, " ".join(records), *(int(n) for n in np.bincount(
            beats.label[np.isin(beats.record, records)], minlength=len(AAMI)
        ))]
        for fold, records in enumerate(left_out(setup), 1)
    ]  # fmt: skip


def teacher_predictions(setup: Distillation, teacher: str, fold: int) -> NDArray[np.float32]:
    """Held-out predictions of a teacher, which is trained if it was not yet.

    Log probabilities at the observations of all records, [n, K]; NaN where it found no such beat.
    """
    return setup.soft_targets_of(teacher, left_out_of(setup, fold))["detected"]


def validated(setup: Distillation, run: Run, fold: int) -> HeldOut:
    """Predictions of a student for a fold whose records neither it nor its teachers have seen."""
    left_out = left_out_of(setup, fold)
    beats, soft_targets = setup.material(run.config, left_out)
    student = train(beats, run.model, run.config, soft_targets=soft_targets)
    return held_out(student, setup.observations(), left_out)


def held_out(student: Student, sets: Mapping[Source, Beats], left_out: Sequence[str]) -> HeldOut:
    """Predictions of a student for records that it has not seen."""
    clean, noisy = (s[np.isin(s.record, left_out)] for s in (sets["detected"], sets["noisy"]))
    final = _predictions(student, clean)
    masked = logits(student, clean, PROVISIONAL).softmax(1).numpy()
    provisional = replace(final, probabilities=fuse(clean, masked)[1])
    return HeldOut(final, provisional, _predictions(student, noisy))


def _predictions(student: Student, beats: Beats) -> Predictions:
    rows, fused = fuse(beats, logits(student, beats).softmax(1).numpy())
    predicted = [cast(Label, student.config.classes[c]) for c in fused.argmax(1)]
    return Predictions(
        beats.record[rows], beats.label[rows], fused, _fibrillates(beats, rows, predicted)
    )


def _fibrillates(
    beats: Beats, rows: NDArray[np.int64], label: Sequence[Label]
) -> NDArray[np.bool_]:
    """Of fused beats, `rows` the first observation of each, whether they came in fibrillation."""
    place = {(beats.record[row], beats.sample[row]): i for i, row in enumerate(rows)}
    windows: list[list[NDArray[np.float32]]] = [[] for _ in rows]
    for key in zip(beats.record, beats.sample, beats.ecg[:, 0], strict=True):
        windows[place[key[:2]]].append(key[2])
    result = np.zeros(len(rows), dtype=np.bool_)
    for record in np.unique(beats.record[rows]):
        leads = max(len(windows[i]) for (r, _), i in place.items() if r == record)
        watch = RhythmWatch(leads)
        before: int | None = None
        for r, i in sorted((r, i) for (name, r), i in place.items() if name == record):
            result[i] = watch.fibrillates
            missing = [np.full(SAMPLES, np.nan)] * (leads - len(windows[i]))
            rr = None if before is None else (int(r) - before) / STREAM_FS
            watch.beat(int(r), label[i], rr, np.array(windows[i] + missing))
            before = int(r)
    return result


def temperature(held: Sequence[HeldOut]) -> float:
    """What to divide logits by that said probabilities are deserved: least log loss over `held`.

    After Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), on final observations,
    fused.
    """
    final = Predictions.concatenate([h.final for h in held])
    label, log = final.label, np.log(final.probabilities + 1e-6)
    rows = np.arange(len(label))

    def loss(t: float) -> float:
        scaled = log / t
        total = np.log(np.exp(scaled).sum(1))
        return float((total - scaled[rows, label]).mean())

    return round(float(min(np.arange(0.2, 2.51, 0.05), key=loss)), 2)


def calibrated(setup: Distillation, config: TrainingConfig, of: Sequence[int]) -> Manifest:
    """What a temperature is of: a training from the seeds `of`."""
    told = {k: v for k, v in settings(MODEL, config).items() if k != "seed"}
    told |= {"seeds": list(of), "tiny": setup.tiny, "fit": setup.fit}
    if setup.own:
        told["own"] = setup.own  # its folds
    return manifest(told, setup.identity(bool(config.taught_by)), __name__)


def keep_temperature(path: Path, degrees: float, mine: Manifest) -> None:
    """Writes a temperature and what it is of; OutputError where that fails."""
    try:
        write_text(path, json.dumps({"temperature": degrees, "manifest": asdict(mine)}) + "\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def kept_temperature(path: Path, setup: Distillation, config: TrainingConfig) -> float | None:
    """The temperature of a training that was cross-validated, from this seed among others.

    None where nothing was; RecordError, which says what differs, where another training was.
    """
    again = "run `edge-train crossval` with the options of this command"
    try:
        kept = json.loads(path.read_text("utf-8"))
        degrees, theirs = float(kept["temperature"]), parsed(kept["manifest"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(
            f"{path} is damaged, or does not say what it is of: remove it, or {again}"
        ) from error
    of = theirs.settings.get("seeds", ())
    mine = calibrated(setup, config, of if config.seed in of else [config.seed])
    if mine.digest != theirs.digest:
        raise RecordError(
            f"{path} was made {unlike(theirs, mine)}: {again}, give another --out, or remove it"
        )
    return degrees


def seeds(model: StudentConfig, config: TrainingConfig, count: int) -> list[Run]:
    """One training from `count` seeds."""
    return [Run(model, replace(config, seed=config.seed + i)) for i in range(count)]


def table(held: Mapping[str, Sequence[HeldOut]], classes: Sequence[str]) -> str:
    """F1 of each class in %, mean and standard deviation over seeds, if several, a line each."""
    columns = [*"NSV", "macro"]
    width = max(len(name) for name in held)
    head = [f"{kind} {name}" for kind in ("final", "prov.", "noisy") for name in columns]
    lines = [" " * width + "".join(f"{name:>13}" for name in head)]
    for name, of in held.items():
        found = [[predicted.f1(classes) for predicted in h] for h in of]
        scores = np.array([[kind[c] for kind in kinds for c in columns] for kinds in found])
        mean, spread = 100 * scores.mean(0), 100 * scores.std(0, ddof=int(len(of) > 1))
        several = len(of) > 1
        lines.append(
            f"{name:{width}}"
            + "".join(
                f"{m:7.1f} ± {s:3.1f}" if several else f"{m:13.1f}"
                for m, s in zip(mean, spread, strict=True)
            )
        )
    return "\n".join(lines)
