"""`edge-train`: recordings and models on the workstation."""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edge.beats import CONTEXT
from edge.errors import EdgeError
from train.beats import Beats, Peaks
from train.data.fetch import DATA_SETS, fetch
from train.data.mitdb import DS1
from train.evaluation import f1
from train.models.student import StudentConfig
from train.student import TrainingConfig, collect, folds, logits, train, write

CLASSES = ("N", "S", "V", "F")
DEFAULTS = TrainingConfig()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, that of `edge-run` for the same fault."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except EdgeError as error:
        print(f"edge-train: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("edge-train: stopped; the same command goes on from the last epoch", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("ECG_DATA", "data"),
        help="folder that holds the data sets, mitdb/ and so on (default: $ECG_DATA, else data)",
    )
    runs = argparse.ArgumentParser(add_help=False)
    runs.add_argument("--out", type=Path, default=Path("runs/student"), help="default: %(default)s")
    runs.add_argument("--seed", type=int, default=DEFAULTS.seed, help="default: %(default)s")
    runs.add_argument("--epochs", type=int, default=DEFAULTS.epochs, help="default: %(default)s")
    one = commands.add_parser(
        "fetch", parents=[data], help="get recordings from PhysioNet; goes on where it stopped"
    )
    one.add_argument("name", choices=sorted(DATA_SETS))
    one.set_defaults(run=_fetch)
    one = commands.add_parser(
        "student", parents=[data, runs], help="train the beat classifier on DS1; resumes"
    )
    one.set_defaults(run=_student)
    one = commands.add_parser(
        "crossval",
        parents=[data, runs],
        help="train on three quarters of DS1's records and score on the rest, four times",
    )
    one.set_defaults(run=_crossval)
    return parser


def _fetch(args: argparse.Namespace) -> None:
    print(fetch(args.name, args.data))


def _beats(args: argparse.Namespace) -> dict[Peaks, Beats]:
    return collect(args.data / "mitdb", DS1, args.out, CLASSES)


def _student(args: argparse.Namespace) -> None:
    beats = Beats.concatenate(list(_beats(args).values()))
    config = replace(DEFAULTS, seed=args.seed, epochs=args.epochs)
    model = StudentConfig(context=len(CONTEXT), classes=CLASSES)
    with tqdm(total=config.epochs, desc="training", unit="epoch") as bar:

        def progress(epoch: int, loss: float) -> None:
            bar.update(epoch - bar.n)
            bar.set_postfix(loss=f"{loss:.4f}")

        student = train(beats, model, config, args.out / "checkpoint.pt", progress)
    print(write(student, config, DS1, args.out))


def _crossval(args: argparse.Namespace) -> None:
    sets = _beats(args)
    both, detected = Beats.concatenate(list(sets.values())), sets["detected"]
    config = replace(DEFAULTS, seed=args.seed, epochs=args.epochs)
    model = StudentConfig(context=len(CONTEXT), classes=CLASSES)
    fold = folds(detected[detected.final], 4)
    predicted = np.empty(len(detected), dtype=np.int64)
    left_out = [np.isin(detected.record, [r for r, f in fold.items() if f == k]) for k in range(4)]
    parts = [both[~np.isin(both.record, detected.record[rows])] for rows in left_out]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        students = pool.map(train, parts, repeat(model), repeat(config))
        for rows, student in tqdm(zip(left_out, students, strict=True), "folds", 4, unit="fold"):
            predicted[rows] = logits(student, detected[rows]).argmax(1).numpy()
    print("DS1, 4 folds over records, detected peaks, each lead alone, float; F1 a class")
    print(f"{'':12}" + "".join(f"{name:>8}" for name in CLASSES))
    for name, rows in (("provisional", ~detected.final), ("final", detected.final)):
        scores = f1(predicted[rows], detected.label[rows], CLASSES)
        print(f"{name:12}" + "".join(f"{100 * scores[c]:8.2f}" for c in CLASSES))


if __name__ == "__main__":
    sys.exit(main())
