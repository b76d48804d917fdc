"""What the commands of `edge-train` do that are about the student."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from train.data.windows import AAMI
from train.engine.manifest import expect, restart
from train.models.registry import TEACHERS
from train.models.student import StudentConfig
from train.student.crossval import (
    FOLDS,
    STEPS,
    HeldOut,
    calibrated,
    cross_validate,
    keep_temperature,
    kept_temperature,
    seeds,
    table,
    temperature,
)
from train.student.distillation import TINY_FIT, TINY_RECORDS, TINY_TRAINING, Distillation
from train.student.training import MODEL, TrainingConfig, checkpoints, settings, train, write

DEFAULTS: Final = TrainingConfig(taught_by=("ecgnat",))
"""Of the student that is shipped; its teacher is the best in `evaluate --model teaching`."""
TAUGHT_BY: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: (name,) for name in TEACHERS},
    "ensemble": TEACHERS,
    "none": (),
}
TEMPERATURE: Final = "temperature.json"
"""What `crossval` leaves beside the student."""


def distill(args: argparse.Namespace) -> None:
    """Runs `edge-train distill`."""
    setup, config = _setup(args), _config(args)
    out, checkpoint = setup.cache, setup.cache / "checkpoint.safetensors"
    if args.restart:
        restart(checkpoint, *out.glob("checkpoint-*.safetensors"))
    expect(out, settings(MODEL, config), checkpoints(checkpoint, config.students))
    known = kept_temperature(out / TEMPERATURE, setup, config)
    beats, soft_targets = setup.material(config, bar=True)
    with tqdm(total=config.epochs * (config.students + 1), desc="student", unit="epoch") as bar:

        def progress(epoch: int, loss: float) -> None:
            bar.update(epoch - bar.n)
            bar.set_postfix(loss=f"{loss:.4f}")

        student = train(beats, MODEL, config, checkpoint, progress, soft_targets)
    if known is None:
        print(
            f"{out} has no {TEMPERATURE}: probabilities stay as they are; `edge-train crossval` "
            "with the same options finds one, and `distill` then writes it down",
            file=sys.stderr,
        )
    teachers = {name: setup.kept(name) for name in config.taught_by}
    print(write(student, config, setup.records, 1.0 if known is None else known, out, teachers))


def crossval(args: argparse.Namespace) -> None:
    """Runs `edge-train crossval`."""
    setup, config = _setup(args), _config(args)
    held = _validated(setup, args.seeds, {"student": (MODEL, config)})
    print(table(held, AAMI))
    found = temperature(held["student"])
    of = range(config.seed, config.seed + args.seeds)
    keep_temperature(setup.cache / TEMPERATURE, found, calibrated(setup, config, of))
    print(f"temperature {found:g}: `edge-train distill` with the same options writes it down")


def steps(args: argparse.Namespace) -> None:
    """Runs `edge-train steps`."""
    config = _config(args)
    steps = {
        name: (replace(MODEL, **architecture), replace(config, **training))
        for name, (training, architecture) in STEPS.items()
    }
    held = _validated(_setup(args), args.seeds, steps)
    held["S in fibrillation too"] = [
        HeldOut(*(replace(said, fibrillates=np.zeros_like(said.fibrillates)) for said in h))
        for h in held["as it is"]
    ]
    print(table(held, AAMI))


def _setup(args: argparse.Namespace) -> Distillation:
    out = args.out or Path("runs") / ("student-tiny" if args.tiny else "student")
    if args.tiny:
        return Distillation(args.data, out, TINY_RECORDS, TINY_FIT, tiny=True)
    return Distillation(args.data, out)


def _config(args: argparse.Namespace) -> TrainingConfig:
    """What is asked for; `steps` has no teachers."""
    config = replace(DEFAULTS, **TINY_TRAINING) if args.tiny else DEFAULTS
    return replace(
        config,
        seed=args.seed,
        epochs=args.epochs or config.epochs,
        taught_by=TAUGHT_BY[getattr(args, "model", "none")],
        students=getattr(args, "students", 0),
    )


def _validated(
    setup: Distillation, count: int, trainings: Mapping[str, tuple[StudentConfig, TrainingConfig]]
) -> dict[str, list[HeldOut]]:
    runs = [run for training in trainings.values() for run in seeds(*training, count)]
    held = cross_validate(setup, runs)
    print(
        f"{'Four records of DS1' if setup.tiny else 'DS1'}, {FOLDS} folds over records, detected "
        "peaks, both leads fused, float; final and provisional observations, and final ones in "
        f"noise of nstdb at 24 to 0 dB; F1 in %, mean and standard deviation over {count} seeds"
    )
    parts = [held[i : i + count] for i in range(0, len(held), count)]
    return dict(zip(trainings, parts, strict=True))
