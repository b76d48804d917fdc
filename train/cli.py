"""`edge-train`: recordings and models on the workstation.

What a command needs, torch above all, is imported when it runs: `fetch` and `--help` do without.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from edge.extras import missing
from train.commands import cache, fetching

TEACHERS: Final = ("beatnet", "beatssl", "ecgnat", "heartbeatai")
SYSTEMS: Final = (*TEACHERS, "xresnet")
PRETRAINED: Final = ("beatssl", "ecgnat")
STUDIES: Final = (*TEACHERS, "delineation", "teaching")
TASKS: Final = ("superclass", "all", "rhythm", "shared")
TAUGHT_BY: Final = (*TEACHERS, "blind", "ensemble", "none")
"""Names that can be given; a test holds them against what is there."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, that of `edge-run` for the same fault."""
    args = _parser().parse_args(argv)
    try:
        args.run = args.command()
    except ModuleNotFoundError as error:
        return missing(error, "train")
    return fetching.guarded(args)


def _parser() -> argparse.ArgumentParser:
    """All commands; of the parsed arguments `command()` imports the one that was given."""
    root = argparse.ArgumentParser(prog="edge-train", description=__doc__)
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    data = fetching.data()
    one = commands.add_parser(
        "fetch", parents=[data], help="get recordings from PhysioNet; goes on where it stopped"
    )
    fetching.add(one)
    one = commands.add_parser(
        "cache", help="tell how much room windows take that were cut, and make some"
    )
    cache.add(one)
    _add_students(commands, data)
    _add_teachers(commands, data)
    return root


def _later(module: str, name: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(module), name)


def _option(*flags: str, **how: Any) -> argparse.ArgumentParser:
    """One option, to be a parent of the commands that have it."""
    one = argparse.ArgumentParser(add_help=False)
    one.add_argument(*flags, **how)
    return one


def _add_students(commands: Any, data: argparse.ArgumentParser) -> None:
    runs = argparse.ArgumentParser(add_help=False)
    runs.add_argument(
        "--out",
        type=Path,
        help="default: runs/student, of --records runs/student-own; of --tiny that with -tiny",
    )
    runs.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    runs.add_argument("--epochs", type=int, help="default: those of the student that is shipped")
    runs.add_argument("--tiny", action="store_true", help="a run of a minute, on four of DS1")
    runs.add_argument(
        "--records",
        type=Path,
        metavar="DIR",
        help="learn from the WFDB records with beat annotations below this folder, not from DS1",
    )
    runs.add_argument(
        "--split",
        type=Path,
        metavar="CSV",
        help="of --records: lines record,patient,part; the part is train, test, which is not read, "
        "or a fold's name (default: all are learned from, each a patient of its own)",
    )
    runs.add_argument(
        "--annotator",
        metavar="NAME",
        help="of --records: what annotation files end with (default: atr)",
    )
    runs.add_argument(
        "--with-ds1", action="store_true", help="of --records: learn from DS1 beside them"
    )
    taught = argparse.ArgumentParser(add_help=False)
    taught.add_argument(
        "--model",
        choices=TAUGHT_BY,
        default="ecgnat",
        help="who teaches the student; ensemble: all four systems; none: labels alone; blind: a "
        "control that does not see the ECG (default: ecgnat, whose student is shipped)",
    )
    taught.add_argument(
        "--students",
        type=int,
        default=0,
        metavar="N",
        help="students of other seeds that teach too (default: %(default)s)",
    )
    several = _option(
        "--seeds", type=int, default=1, metavar="N", help="seeds to train from (default: 1)"
    )
    one = commands.add_parser(
        "distill",
        parents=[data, runs, taught, _restart()],
        help="train a teacher on DS1's beats, then distil it into the beat classifier (the "
        "student), by its soft targets; resumes",
    )
    one.set_defaults(command=_later("train.commands.student", "distill"))
    one = commands.add_parser(
        "crossval",
        parents=[data, runs, taught, several],
        help="train on three quarters of DS1's records and score held-out predictions of the "
        "rest, four times",
    )
    one.set_defaults(command=_later("train.commands.student", "crossval"))
    one = commands.add_parser(
        "steps",
        parents=[data, runs, several],
        help="cross-validate without teachers and without each step of the training, one after "
        "the other",
    )
    one.set_defaults(command=_later("train.commands.student", "steps"))


def _restart() -> argparse.ArgumentParser:
    return _option(
        "--restart",
        action="store_true",
        help="begin anew: what an earlier run left in --out is removed, caches are not",
    )


def _add_teachers(commands: Any, data: argparse.ArgumentParser) -> None:
    runs = argparse.ArgumentParser(add_help=False, parents=[_restart()])
    runs.add_argument("--out", type=Path, help="default: runs/NAME; of --tiny runs/NAME-tiny")
    runs.add_argument("--tiny", action="store_true", help="a run of a minute that shows it learns")
    trained = argparse.ArgumentParser(add_help=False)
    trained.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    trained.add_argument("--epochs", type=int, help="default: the study's")
    trained.add_argument(
        "--compile", action="store_true", help="torch.compile: for long runs on a GPU"
    )
    one = commands.add_parser(
        "pretrain",
        parents=[data, runs, trained],
        help="learn from records without labels; resumes, and runs under torchrun",
    )
    one.add_argument("--model", choices=PRETRAINED, required=True)
    one.add_argument(
        "--set",
        action="append",
        dest="sets",
        metavar="NAME",
        help="a data set, or any folder of WFDB records; may be repeated (default: the study's)",
    )
    one.set_defaults(command=_later("train.commands.teachers", "pretrain"))
    one = commands.add_parser(
        "finetune",
        parents=[data, runs, trained],
        help="learn PTB-XL's labels (folds 1 to 7, stopped by 8); resumes, runs under torchrun",
    )
    one.add_argument("--model", choices=SYSTEMS, required=True)
    one.add_argument("--task", choices=TASKS, default=TASKS[0], help="default: %(default)s")
    one.add_argument(
        "--start", type=Path, metavar="FILE", help="begin with the encoder that `pretrain` wrote"
    )
    one.set_defaults(command=_later("train.commands.teachers", "finetune"))
    one = commands.add_parser(
        "evaluate",
        parents=[data, runs],
        help="train and measure one system from beginning to end, and print its tables; resumes",
    )
    one.add_argument("--model", choices=STUDIES, required=True)
    one.add_argument("--seeds", type=int, default=3, metavar="N", help="default: %(default)s")
    one.set_defaults(command=_later("train.commands.teachers", "evaluate"))
    one = commands.add_parser(
        "explain",
        parents=[data],
        help="draw a figure of what a trained network makes of a real record: attention by lead "
        "and beat (beatnet), what it fills in (ecgnat), nearest beats (beatssl), saliency "
        "(heartbeatai)",
    )
    one.add_argument("--model", choices=TEACHERS, required=True)
    one.add_argument(
        "--net", type=Path, metavar="FILE", help="default: the one in runs/NAME, else NAME-tiny"
    )
    one.add_argument("--record", metavar="NAME", help="of ptbxl (default: one that is not normal)")
    one.add_argument("--out", type=Path, metavar="PNG", help="default: NAME.png beside that folder")
    one.set_defaults(command=_later("train.commands.teachers", "explain"))


if __name__ == "__main__":
    sys.exit(main())
