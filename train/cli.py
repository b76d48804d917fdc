"""`edge-train`: recordings and models on the workstation."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from train import commands, fetching
from train.crossval import FOLDS, STEPS, Held, cross_validate, seeds, table, temperature
from train.data.windows import AAMI
from train.models.student import StudentConfig
from train.student import MODEL, TrainingConfig, train, write
from train.systems import TEACHERS
from train.teaching import TINY_FIT, TINY_RECORDS, TINY_TRAINING, Course

DEFAULTS: Final = TrainingConfig(taught_by=("ecgnat",))
"""Of the student that is shipped; its teacher is the best in `evaluate --model teaching`."""
TAUGHT_BY: Final = {
    **{name: (name,) for name in TEACHERS},
    "ensemble": TEACHERS,
    "none": (),
}
TEMPERATURE: Final = "temperature.json"
"""What `crossval` leaves beside the student."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, that of `edge-run` for the same fault."""
    return fetching.guarded(_parser().parse_args(argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-train", description=__doc__)
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    data = fetching.data()
    runs = argparse.ArgumentParser(add_help=False)
    runs.add_argument("--out", type=Path, default=Path("runs/student"), help="default: %(default)s")
    runs.add_argument("--seed", type=int, default=DEFAULTS.seed, help="default: %(default)s")
    runs.add_argument("--epochs", type=int, default=DEFAULTS.epochs, help="default: %(default)s")
    taught = argparse.ArgumentParser(add_help=False)
    taught.add_argument(
        "--model",
        choices=sorted(TAUGHT_BY),
        default="ecgnat",
        help="who teaches the student; ensemble: all four; none: labels alone (default: ecgnat, "
        "the best, whose student is shipped)",
    )
    taught.add_argument(
        "--students",
        type=int,
        default=DEFAULTS.students,
        metavar="N",
        help="students of other seeds that teach too (default: %(default)s)",
    )
    several = argparse.ArgumentParser(add_help=False)
    several.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="seeds to train from (default: 1)"
    )
    one = subcommands.add_parser(
        "fetch", parents=[data], help="get recordings from PhysioNet; goes on where it stopped"
    )
    fetching.add(one)
    one = subcommands.add_parser(
        "distill",
        parents=[data, runs, taught],
        help="teach a teacher DS1's beats, then the beat classifier (the student) what the teacher "
        "says of them; resumes",
    )
    one.add_argument("--tiny", action="store_true", help="a run of a minute on four records")
    one.set_defaults(run=_distill)
    one = subcommands.add_parser(
        "crossval",
        parents=[data, runs, taught, several],
        help="teach on three quarters of DS1's records and score on the rest, four times",
    )
    one.set_defaults(run=_crossval)
    one = subcommands.add_parser(
        "steps",
        parents=[data, runs, several],
        help="cross-validate without teachers and without each step of the training, one after "
        "the other",
    )
    one.set_defaults(run=_steps)
    commands.add(subcommands, data)
    return parser


def _distill(args: argparse.Namespace) -> None:
    course, config = Course(args.data, args.out), _config(args)
    if args.tiny:
        course = replace(course, records=TINY_RECORDS, fit=TINY_FIT, tiny=True)
        config = replace(config, **TINY_TRAINING)
    beats, lessons = course.material(config, bar=True)
    with tqdm(total=config.epochs * (config.students + 1), desc="student", unit="epoch") as bar:

        def progress(epoch: int, loss: float) -> None:
            bar.update(epoch - bar.n)
            bar.set_postfix(loss=f"{loss:.4f}")

        checkpoint = args.out / "checkpoint.pt"
        student = train(beats, MODEL, config, checkpoint, progress, lessons)
    warmth = args.out / TEMPERATURE
    known = json.loads(warmth.read_text()) if warmth.exists() else 1.0
    print(write(student, config, course.records, known, args.out))


def _crossval(args: argparse.Namespace) -> None:
    held = _validated(args, {"student": (MODEL, _config(args))})
    print(table(held, AAMI))
    warmth = temperature(held["student"])
    (args.out / TEMPERATURE).write_text(json.dumps(warmth))
    print(f"temperature {warmth:g}: `edge-train distill` with the same --out writes it down")


def _steps(args: argparse.Namespace) -> None:
    config = replace(DEFAULTS, seed=args.seed, epochs=args.epochs, taught_by=())
    steps = {
        name: (replace(MODEL, **architecture), replace(config, **training))
        for name, (training, architecture) in STEPS.items()
    }
    held = _validated(args, steps)
    held["S in fibrillation too"] = [
        Held(*(replace(said, fibrillates=np.zeros_like(said.fibrillates)) for said in h))
        for h in held["as it is"]
    ]
    print(table(held, AAMI))


def _config(args: argparse.Namespace) -> TrainingConfig:
    return replace(
        DEFAULTS,
        seed=args.seed,
        epochs=args.epochs,
        taught_by=TAUGHT_BY[args.model],
        students=args.students,
    )


def _validated(
    args: argparse.Namespace, trainings: Mapping[str, tuple[StudentConfig, TrainingConfig]]
) -> dict[str, list[Held]]:
    runs = [run for training in trainings.values() for run in seeds(*training, args.seeds)]
    held = cross_validate(Course(args.data, args.out), runs)
    print(
        f"DS1, {FOLDS} folds over records, detected peaks, both leads fused, float; final and "
        "provisional looks, and final ones in noise of nstdb at 24 to 0 dB; F1 in %, mean and "
        f"standard deviation over {args.seeds} seeds"
    )
    parts = [held[i : i + args.seeds] for i in range(0, len(held), args.seeds)]
    return dict(zip(trainings, parts, strict=True))


if __name__ == "__main__":
    sys.exit(main())
