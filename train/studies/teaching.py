"""What teachers give the student: the table that decides which one teaches it.

Each teacher learns the beats of three quarters of DS1's records, says what it thinks of them, and
the student learns from that beside the labels; both are scored on the records that neither has
seen. The student alone, and with students of other seeds for teachers, stand beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from train.beats import fuse
from train.crossval import FOLDS, held_out, left_out_of, looks
from train.data.mitdb import DS1
from train.data.windows import AAMI
from train.evaluation import f1_of, tally
from train.loop import FitConfig
from train.student import MODEL, TrainingConfig, collect, learnt, train
from train.study import Job, Study, spread
from train.systems import TEACHERS
from train.teaching import FIT, cached_lessons, lessons_of

STUDENTS: Final = 3
"""Of other seeds, where they teach."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Who teaches a student."""

    teachers: tuple[str, ...] = ()
    """Of `train.systems.TEACHERS`; the mean of what they say is taught."""
    students: int = 0
    """Of other seeds; where there are teachers too, the mean of both is taught."""


LESSONS: Final[Mapping[str, Lesson]] = {
    "no teacher": Lesson(),
    "students of other seeds": Lesson(students=STUDENTS),
    **{name: Lesson((name,)) for name in TEACHERS},
    "ensemble": Lesson(TEACHERS),
    "ensemble and students": Lesson(TEACHERS, STUDENTS),
}
KINDS: Final = ("final", "provisional", "noisy")
_COLUMNS: Final = (*"SV", "macro")


def study(s: Study) -> str:
    """The table of gains, in DS1 cross-validation, with spread over seeds, and in noise."""
    collect(s.data / "mitdb", DS1, s.cache, AAMI)  # made once, before the workers read it
    fit = replace(FIT, epochs=1, batch=8) if s.tiny else FIT
    training = (
        TrainingConfig(epochs=1, normals=2000, made_normals=2000) if s.tiny else TrainingConfig()
    )
    where = s.data, s.cache
    asked: dict[str, Job] = {
        f"{name}, fold {k}": (own_score, (*where, name, k, fit))
        for name in TEACHERS
        for k in range(FOLDS)
    }
    taught: dict[str, Job] = {
        f"{name}, seed {seed}, fold {k}": (
            student_score,
            (*where, s.out / f"students-{seed}-{k}", name, replace(training, seed=seed), k, fit),
        )
        for name in LESSONS
        for seed in range(s.seeds)
        for k in range(FOLDS)
    }
    own, scores = s.run(asked), s.run(taught)
    lines = [
        f"DS1, {FOLDS} folds over records, detected peaks, both leads, float; F1 in %.",
        "",
        "What each teacher says itself, one seed:",
        "",
        "| teacher | S | V | macro |",
        "|---|---|---|---|",
    ]
    for name in TEACHERS:
        total = np.sum([own[f"{name}, fold {k}"] for k in range(FOLDS)], 0)
        found = f1_of(total, AAMI)
        lines.append(f"| {name} | " + " | ".join(f"{100 * found[c]:.1f}" for c in _COLUMNS) + " |")
    head = [f"{kind} {c}" for kind in KINDS for c in _COLUMNS]
    lines += [
        "",
        f"The student, mean and standard deviation over {s.seeds} seeds; noisy: nstdb, 24 to 0 dB:",
        "",
        "| taught by | " + " | ".join(head) + " |",
        "|---" * (len(head) + 1) + "|",
    ]
    for name in LESSONS:
        cells = []
        for kind in KINDS:
            of = [
                f1_of(
                    np.sum([scores[f"{name}, seed {i}, fold {k}"][kind] for k in range(FOLDS)], 0),
                    AAMI,
                )
                for i in range(s.seeds)
            ]
            cells += [spread([found[c] for found in of]) for c in _COLUMNS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def own_score(data: Path, cache: Path, name: str, fold: int, fit: FitConfig) -> list[list[int]]:
    """How a teacher names the beats of the records left out: a tally."""
    sets = looks(data / "mitdb", cache, AAMI)
    left_out = left_out_of(sets, fold)
    said = cached_lessons(name, data, cache, sets, left_out, fit)["detected"]
    seen = np.isin(sets["detected"].record, left_out) & ~np.isnan(said).any(1)
    beats = sets["detected"][seen]
    first, fused = fuse(beats, np.exp(said[seen]))
    tallied: list[list[int]] = tally(fused.argmax(1), beats.label[first], AAMI).tolist()
    return tallied


def student_score(
    data: Path, cache: Path, out: Path, name: str, config: TrainingConfig, fold: int, fit: FitConfig
) -> dict[str, Any]:
    """How the student of a lesson names them: a tally of each kind of look."""
    lesson = LESSONS[name]
    sets = looks(data / "mitdb", cache, AAMI)
    left_out = left_out_of(sets, fold)
    given = lesson.teachers and lessons_of(lesson.teachers, data, cache, sets, left_out, fit)
    rest = {s: ~np.isin(of.record, left_out) for s, of in sets.items()}
    config = replace(config, teachers=lesson.students)
    beats = learnt({s: sets[s][rows] for s, rows in rest.items()}, config)
    taught = np.concatenate([given[s][rest[s]] for s in sets]) if given else None
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / f"{name.replace(' ', '-')}.pt"
    student = train(beats, MODEL, config, checkpoint, lessons=taught)
    held = held_out(student, sets, left_out)
    return {kind: getattr(held, kind).tally(AAMI).tolist() for kind in KINDS}
