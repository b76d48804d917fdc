"""Training of the student: beats of DS1, real and synthetic, augmented, balanced, and distilled.

Final and provisional observations go through one network: a share of them is masked from some time
after R on. Everything random follows from the seed and the epoch, so that a resumed run ends where
an unbroken one does.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from edge.beats import BEFORE, CONTEXT, PROVISIONAL_SEEN, SAMPLES, STEP
from edge.errors import OutputError, RecordError
from train.data.own import Own
from train.data.windows import AAMI
from train.engine.checkpoint import Checkpoint, Part
from train.engine.devices import settle
from train.engine.epochs import BEGIN, Place, trained
from train.engine.files import replacing, sha256, write_text
from train.engine.manifest import claim, manifest, of_arrays, versions
from train.models.checkpoint import read
from train.models.student import Student, StudentConfig, save
from train.objectives.supervised import weighted
from train.student.augmentation import augment_morphology, mask
from train.student.beats import Beats

STUDENT: Final = "student.safetensors"
NOTES: Final = "training.json"
"""What is beside it."""
BEATS: Final = "observations of beats"
"""In a manifest: what a student learns from."""
MODEL = StudentConfig(context=len(CONTEXT), classes=AAMI)
"""The architecture that is shipped."""
BATCH = 256
PROVISIONAL = BEFORE + (PROVISIONAL_SEEN + 1) // STEP
"""Window samples that a provisional observation sees."""
_MASKED = 12, 50
"""Window samples after R from which on an observation may be masked, 96 to 400 ms; mostly early."""


_FEW = 20
"""Observations of a class (leads, and both sources of peaks, count) that make no patient of it."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Every choice of a training run; chosen by cross-validation over DS1's records."""

    seed: int = 0
    epochs: int = 7
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    normals: int = 30_000
    """N observations drawn for an epoch, anew for each; of the other classes all are taken."""
    synthetic_normals: int = 40_000
    """N observations of synthetic rhythms, likewise."""
    synthetic_premature: int = 8_000
    """S observations of synthetic rhythms, likewise; those of other classes are left."""
    balance: float = 0.3
    """Classes weigh as their share to the power of minus this: 0 as they are, 1 all alike."""
    averaging: float = 0.99
    """Of the moving average of the weights that becomes the student, a batch."""
    label_smoothing: float = 0.02
    provisional: float = 0.25
    """Share of observations that are provisional ones."""
    noisy: bool = True
    """Whether beats in nstdb's noise are learned."""
    morphology_augmentation: bool = True
    """See `train.student.augmentation`."""
    gain: float = 0.15
    """Standard deviation of the logarithm of each observation's gain."""
    noise: float = 0.06
    """Largest standard deviation of white noise, in QRS heights."""
    context_noise: float = 0.05
    flipped: float = 0.15
    """Share of observations with the lead's polarity turned."""
    taught_by: tuple[str, ...] = ()
    """Larger networks whose mean is distilled, by name."""
    students: int = 0
    """Students of other seeds, likewise."""
    distillation: float = 0.7
    """Share of the loss that is the divergence from the teachers."""
    s_records: int | None = None
    """Of how many records, drawn by the seed, S beats are learned; None: of all (for the learning
    curve)."""


def folds(beats: Beats, count: int) -> dict[str, int]:
    """Records to `count` folds, each with its share of every class, and of all beats, as far as
    records allow.

    Least is the sum of the squares of what folds hold of classes: a class that is nearly all in one
    record, as F of DS1 is, does not leave that record a fold of its own. Records are dealt out, the
    richest in some class first, then moved and swapped while that gains.
    """
    classes = int(beats.label.max(initial=0)) + 1
    names, of = np.unique(beats.record, return_inverse=True)
    held = np.zeros((len(names), classes))
    np.add.at(held, (of, beats.label), 1)
    held = np.column_stack([held, held.sum(1)])
    held /= held.sum(0).clip(min=1)
    fold = np.full(len(names), -1)

    def uneven(fold: NDArray[np.int64]) -> float:
        return sum(float((held[fold == k].sum(0) ** 2).sum()) for k in range(count))

    def best(changes: Iterable[tuple[list[int], list[int]]]) -> NDArray[np.int64]:
        """The folds after the change, of which records to which folds, that leaves least uneven."""
        known = list(changes)
        made = [fold.copy() for _ in known]
        for after, (records, to) in zip(made, known, strict=True):
            after[records] = to
        return min(made, key=uneven, default=fold)

    for record in np.argsort(-held.max(1), kind="stable"):
        fold = best(([record], [k]) for k in range(count))
    pairs = list(combinations(range(len(names)), 2))
    while True:
        moves = [([r], [k]) for r in range(len(names)) for k in range(count)]
        better = best([*moves, *(([a, b], [fold[b], fold[a]]) for a, b in pairs)])
        if uneven(better) > uneven(fold) - 1e-9:
            break
        fold = better
    return dict(zip(map(str, names), fold.tolist(), strict=True))


def train(
    beats: Beats,
    model: StudentConfig,
    config: TrainingConfig,
    checkpoint: Path | None = None,
    progress: Callable[[int, float], object] = lambda epoch, loss: None,
    soft_targets: NDArray[np.float32] | None = None,
    stepped: Callable[[float], object] = lambda epochs: None,
) -> Student:
    """Trains a student on `beats`, after the students that teach it, if any do.

    `soft_targets`, [n, K], are those of `config.taught_by` for the same observations, log
    probabilities; NaN where there are none. Where there are teachers of both kinds it is their mean
    that is distilled. Goes on from `checkpoint` if that file is there, and from those of the
    students beside it; RecordError, which says what differs, if they were begun otherwise.
    `progress` is called after each epoch, a teaching student's too, with the number of epochs done
    and their mean loss; `stepped` where it goes on and after each step, with the epochs done and
    the share of this one.
    """
    if bool(config.taught_by) != (soft_targets is not None):
        raise ValueError("soft targets are what `taught_by` say")
    if config.s_records is not None:
        if config.taught_by:
            raise ValueError("soft targets are of all observations, s_records forgets some")
        beats = _fewer(beats, model.classes.index("S"), config.s_records, config.seed)
    digest = ""
    if checkpoint:
        data = {BEATS: beats.digest}
        if soft_targets is not None:
            data["soft targets"] = of_arrays([soft_targets])
        mine = manifest(settings(model, config), data, __name__)
        claim(checkpoint.parent, mine, checkpoints(checkpoint, config.students))
        digest = mine.digest
    teachers: list[Student] = []
    for i in range(config.students):
        alone = replace(config, seed=1000 * (config.seed + 1) + i, students=0, taught_by=())
        kept = partial(Checkpoint, checkpoint and _teaching(checkpoint, i), digest)
        tell = _Told(progress, stepped, i * config.epochs)
        teachers.append(_train(beats, model, alone, _Taught(), kept, tell))
    kept = partial(Checkpoint, checkpoint, digest)
    tell = _Told(progress, stepped, config.students * config.epochs)
    return _train(beats, model, config, _Taught(teachers, soft_targets), kept, tell)


class _Told(NamedTuple):
    """Who wants to know how far a training is, and the epochs of other students before it."""

    progress: Callable[[int, float], object]
    stepped: Callable[[float], object]
    before: int


class _Taught(NamedTuple):
    """What a student is taught by beside labels."""

    students: Sequence[Student] = ()
    soft_targets: NDArray[np.float32] | None = None

    @torch.no_grad()
    def targets(
        self, beats: Beats, rows: NDArray[np.int64], ecg: Tensor, context: Tensor, label: Tensor
    ) -> Tensor | None:
        """Soft targets of a batch, log probabilities [B, K]; NaN, or None, where there are none.

        Students see the batch itself; soft targets are of the observations as they were, so they
        are not for those that have become another class since.
        """
        own = None
        if self.students:
            total = sum(t(ecg, context).log_softmax(1) for t in self.students) / len(self.students)
            own = cast(Tensor, total).log_softmax(1)
        if self.soft_targets is None:
            return own
        given = torch.from_numpy(self.soft_targets[rows])
        given[label != torch.from_numpy(beats.label[rows])] = torch.nan
        if own is None:
            return given
        return torch.where(given.isnan(), own, ((own + given) / 2).log_softmax(1))


def settings(model: StudentConfig, config: TrainingConfig) -> dict[str, Any]:
    """What a student's training is told."""
    return {**asdict(config), "model": asdict(model)}


def checkpoints(checkpoint: Path, students: int) -> list[Path]:
    """A student's checkpoint, and those of the students that teach it."""
    return [checkpoint, *(_teaching(checkpoint, i) for i in range(students))]


def _teaching(checkpoint: Path, number: int) -> Path:
    return checkpoint.with_name(f"checkpoint-{number}.safetensors")


def _fewer(beats: Beats, label: int, count: int, seed: int) -> Beats:
    """Of the records with more than a few beats of one class, those of all but `count` left out.

    Synthetic ones are left out with their record's: some of them are its own.
    """
    names, found = np.unique(
        beats.record[(beats.label == label) & ~beats.synthetic], return_counts=True
    )
    left_out = np.random.default_rng(seed).permutation(names[found > _FEW])[count:]
    return beats[(beats.label != label) | ~np.isin(beats.record, left_out)]


def _train(
    beats: Beats,
    model: StudentConfig,
    config: TrainingConfig,
    taught: _Taught,
    keep: Callable[[Mapping[str, Part]], Checkpoint],
    tell: _Told,
) -> Student:
    """Trains one student, after those that teach it; `keep` makes its checkpoint of its parts."""
    settle()
    torch.manual_seed(config.seed)
    student = Student(model)
    student.fit_context(torch.from_numpy(beats.context))
    groups = _groups(beats, model, config)
    steps = sum(n for *_, n in groups) // BATCH
    if not steps:
        raise RecordError(
            f"{len(beats)} observations of beats are too few to learn from: give more records"
        )
    weight = _weight(groups, model, config)
    optimiser = torch.optim.AdamW(
        student.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.epochs * steps
    )
    average = get_ema_multi_avg_fn(config.averaging)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(student, multi_avg_fn=average, use_buffers=True)
    kept = keep(
        {
            "student": student,
            "averaged": averaged,
            "optimiser": optimiser,
            "schedule": schedule,
        }
    )
    generator = torch.Generator()
    state = kept.load() or {"place": BEGIN, "drawn": None}
    begin, drawn = Place(*state["place"]), state["drawn"]
    if begin != BEGIN:
        tell.stepped(tell.before + begin.epoch + begin.step / steps)

    def batches(epoch: int, step: int) -> Iterator[Tensor]:
        rng = np.random.default_rng([config.seed, epoch])
        torch.manual_seed(config.seed * 1000 + epoch)  # dropout
        generator.manual_seed(config.seed * 1000 + epoch)
        if step and drawn:
            torch.set_rng_state(drawn[0])
            generator.set_state(drawn[1])
        order = np.concatenate([rng.choice(rows, n, replace=False) for _, rows, n in groups])
        rng.shuffle(order)
        for batch in order[: steps * BATCH].reshape(steps, BATCH)[step:]:
            ecg, context, label = augmented(beats, batch, model.classes, config, generator)
            predicted = student(ecg, context)
            loss = weighted(predicted, label, weight, config.label_smoothing).sum()
            loss = loss / weight[label].sum()
            targets = taught.targets(beats, batch, ecg, context, label)
            yield loss if targets is None else _distilled(loss, predicted, targets, config)

    def stepped(place: Place) -> None:
        schedule.step()
        averaged.update_parameters(student)
        tell.stepped(tell.before + place.epoch + place.step / steps)
        if kept.due:
            kept.save(place=place, drawn=[torch.get_rng_state(), generator.get_state()])

    of = trained(student, optimiser, config.epochs, batches, begin, stepped=stepped)
    for epoch, mean in of:
        tell.progress(tell.before + epoch + 1, mean)
        kept.save(place=Place(epoch + 1), drawn=None)
    student.load_state_dict(averaged.module.state_dict())
    return student.eval()


def _distilled(loss: Tensor, predicted: Tensor, targets: Tensor, config: TrainingConfig) -> Tensor:
    """The labels' loss with the divergence from soft targets, [B, K], where there are some."""
    known = ~targets.isnan().any(1)
    if not known.any():
        return loss
    own = predicted.log_softmax(1)[known]
    far = F.kl_div(own, targets[known], reduction="batchmean", log_target=True)
    return (1 - config.distillation) * loss + config.distillation * far


def _groups(
    beats: Beats, model: StudentConfig, config: TrainingConfig
) -> list[tuple[int, NDArray[np.intp], int]]:
    """A class, its rows that are real or synthetic, and how many of them an epoch takes."""
    limits = {
        ("N", False): config.normals,
        ("N", True): config.synthetic_normals,
        ("S", True): config.synthetic_premature,
    }
    groups = []
    for c, name in enumerate(model.classes):
        for synthetic in (False, True):
            rows = np.flatnonzero((beats.label == c) & (beats.synthetic == synthetic))
            most = limits.get((name, synthetic), 0 if synthetic else len(rows))
            groups.append((c, rows, min(most, len(rows))))
    return groups


def _weight(
    groups: Sequence[tuple[int, NDArray[np.intp], int]],
    model: StudentConfig,
    config: TrainingConfig,
) -> Tensor:
    """Of each class in the loss, [K], by how many of it an epoch takes."""
    taken = torch.zeros(len(model.classes))
    for c, _, n in groups:
        taken[c] += n
    share = taken.clamp(min=1) / taken.sum()
    return (share[0] / share) ** config.balance


def augmented(
    beats: Beats,
    rows: NDArray[np.int64],
    classes: tuple[str, ...],
    config: TrainingConfig,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """A batch: windows [B, 2, T], context [B, F], labels [B], all of it changed at random."""
    ecg, context = tensors(beats, rows)
    label = torch.from_numpy(beats.label[rows])
    if config.morphology_augmentation:
        ecg, context, label = augment_morphology(ecg, context, label, classes, rng)
    n = len(label)
    part = slice(int(config.provisional * n))  # the rows are in random order
    least, most = _MASKED
    seen = BEFORE + least + (most - least) * torch.rand(n, generator=rng)[part] ** 2
    ecg[part], context[part] = mask(ecg[part], context[part], seen)
    visible = ecg[:, :1] != 0
    level = config.noise * torch.rand(n, 1, 1, generator=rng) ** 3
    ecg[:, :1] += level * visible * torch.randn(n, 1, SAMPLES, generator=rng)
    sign = 1 - 2.0 * (torch.rand(n, 1, 1, generator=rng) < config.flipped)
    ecg *= sign * torch.exp(config.gain * torch.randn(n, 1, 1, generator=rng))
    context += config.context_noise * (context != 0) * torch.randn(context.shape, generator=rng)
    return ecg, context, label


def tensors(beats: Beats, rows: slice | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Windows [n, C, T] and contexts [n, F] of some observations."""
    return torch.from_numpy(beats.ecg[rows]), torch.from_numpy(beats.context[rows])


@torch.no_grad()
def logits(model: nn.Module, beats: Beats, seen: int | None = None) -> Tensor:
    """Logits of all observations, [n, K]; as they were when `seen` samples of each window were."""
    predicted = []
    for i in range(0, len(beats), BATCH):
        ecg, context = tensors(beats, slice(i, i + BATCH))
        if seen is not None:
            ecg, context = mask(ecg, context, torch.full((len(ecg),), seen))
        predicted.append(model(ecg, context))
    return torch.cat(predicted)


def write(
    student: Student,
    config: TrainingConfig,
    records: Sequence[str],
    temperature: float | None,
    folder: Path,
    teachers: Mapping[str, Path] | None = None,
    own: Own | None = None,
) -> Path:
    """Writes the weights, and beside them where they come from and the logits' temperature.

    Without cross-validation there is no temperature. `records` are mitdb's, `own` others.
    `teachers` are the networks in `config.taught_by`, by name. OutputError where that fails.
    """
    path = folder / STUDENT
    learned = ["mitdb 1.0.0"] if records else []
    learned += [f"{len(own.records)} own records of {own.folder.name}"] if own else []
    origin = {
        "data": " and ".join(learned) + (", with noise of nstdb 1.0.0" if config.noisy else ""),
        "records": list(records),
        **({"own": {"annotator": own.annotator, "patients": own.patients}} if own else {}),
        "config": asdict(config),
        "temperature": temperature,
        "teachers": {name: _origin(kept) for name, kept in (teachers or {}).items()},
        "versions": versions(),
    }
    try:
        with replacing(path) as new:
            save(student, new)
        origin["sha256"] = sha256(path)
        write_text(folder / NOTES, json.dumps(origin, indent=2) + "\n")
    except (OSError, SafetensorError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    return path


def _origin(kept: Path) -> dict[str, Any]:
    """A teacher's file, its hash, and how it was trained."""
    origin = read(kept).facts.origin
    return {"file": kept.name, "sha256": sha256(kept), "settings": origin["settings"]}
