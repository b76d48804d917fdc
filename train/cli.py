"""`edge-train`: recordings and models on the workstation.

What a command needs, torch above all, is imported when it runs: `fetch` and `--help` do without.
"""

import argparse
import json
import signal
import sys
import textwrap
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from edge.cli.start import interruptible, printing
from edge.cli.values import add_rate, output, positive
from edge.errors import EdgeError, RecordError
from edge.extras import missing
from train.commands import cache, fetching

TEACHERS: Final = ("beatnet", "beatssl", "ecgnat", "heartbeatai")
SYSTEMS: Final = (*TEACHERS, "xresnet")
PRETRAINED: Final = ("beatssl", "ecgnat")
STUDIES: Final = (*TEACHERS, "delineation", "teaching")
TAUGHT_BY: Final = (*TEACHERS, "blind", "ensemble", "none")
"""Names that can be given; a test holds them against what is there."""
SEEDS: Final = 2**32 - 1
"""The largest: what is drawn multiplies it."""
SETTINGS: Final = ("model", "set", "labels", "task", "start", "lr", "batch", "epochs", "seed",
                   "compile", "tiny", "data", "out")  # fmt: skip
"""Options of `finetune` that its --config may hold."""
_FLAGS: Final = ("compile", "tiny")
"""Those of them that take no value."""
EXAMPLES: Final = """\
  edge-train fetch mitdb                             recordings, to data/mitdb
  edge-train fetch ptbxl --data /mnt/ecg             to another folder of data sets
  edge-train cache --prune                           windows take 50 GB at most
  edge-train distill                                 the classifier that is shipped
  edge-train distill --records lab                   one of own annotated records
  edge-train crossval --model none --seeds 3         how good labels alone are
  edge-train steps --seeds 3                         what each step of that is worth
  edge-train pretrain --model ecgnat --set ptbxl --set ~/my/records
  edge-train explain --model ecgnat                  runs/ecgnat/ecgnat.png
  edge-train finetune --model ecgnat --start runs/ecgnat/pretrained.safetensors
  edge-train finetune --model xresnet --set lab --labels labels.csv
  edge-train finetune --model delineator             P, QRS and T waves
  edge-train diagnose data/mitdb/208 --net a.safetensors --page 208.html --explain
  edge-train diagnose lab --net a.onnx --json lab.jsonl
  edge-train diagnose day.edf --net seed0.safetensors seed1.safetensors
  edge-train export --net a.safetensors              a.onnx, which needs no torch
  edge-train export --net a.safetensors --int8 lab   a-int8.onnx
  edge-train evaluate --model beatnet --tiny         a minute of it
  edge-train evaluate --model beatnet                all of it: minutes to an hour
"""
_EXIT_CODES: Final = """\
exit codes:
  0  done        5  recordings, labels, networks or a run cannot be used
  2  usage       7  a package is missing: pip install 'edge-ecg[train]'
  8  an output cannot be written, or another command writes to it
  10 a download failed
  130  stopped; the same command goes on with what it kept
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code, that of `edge-run` for the same fault."""
    printing()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser().parse_args(_configured(arguments))
        args.run = args.command()
    except EdgeError as error:
        print(f"edge-train: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        return missing(error, "train")
    interruptible([signal.SIGINT])  # until here `train.main` ended it
    return fetching.guarded(args)


def _parser() -> argparse.ArgumentParser:
    """All commands; of the parsed arguments `command()` imports the one that was given."""
    root = argparse.ArgumentParser(
        prog="edge-train",
        description="Recordings and models on the workstation: what the board's classifier is\n"
        "taught with, and networks that read whole records. No medical device.",
        epilog=f"examples:\n{EXAMPLES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    data = fetching.data()
    one = _command(
        commands,
        "fetch",
        parents=[data],
        help="get recordings from PhysioNet, CODE-15 from Zenodo; goes on where it stopped",
    )
    fetching.add(one)
    one = _command(
        commands, "cache", help="tell how much room windows take that were cut, and make some"
    )
    cache.add(one)
    _add_students(commands, data)
    _add_teachers(commands, data)
    return root


def _configured(arguments: list[str]) -> list[str]:
    """With what the file of `finetune --config` says before all else, which then goes over it.

    RecordError where the file cannot be read or says something else.
    """
    before = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    before.add_argument("--config", type=Path)
    path = before.parse_known_args(arguments)[0].config
    if not path or arguments[0] != "finetune":
        return arguments
    try:
        told = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # of UTF-8 or of TOML
        raise RecordError(f"{path} is no TOML: {error}") from None
    if unknown := sorted(told.keys() - {*SETTINGS}):
        raise RecordError(
            f"{path} says {', '.join(unknown)}, but finetune has no such setting: it has "
            f"{', '.join(SETTINGS)}"
        )
    said: list[str] = []
    for key, value in told.items():
        flag = isinstance(value, bool)
        if flag != (key in _FLAGS):
            wanted = "true or false, without quotes" if key in _FLAGS else "a number, or text"
            raise RecordError(f"{path}: {key} is {wanted}, not {json.dumps(value, default=str)}")
        if not isinstance(value, int | float | str):
            raise RecordError(f"{path}: {key} is a single value")
        if isinstance(value, str) and value.startswith("~"):
            value = Path(value).expanduser()
        said += ([f"--{key}"] if value else []) if flag else [f"--{key}={value}"]
    return [arguments[0], *said, *arguments[1:]]


def _whole(least: int, most: int = sys.maxsize) -> Callable[[str], int]:
    """What an option takes that is a whole number from `least` on."""

    def read(text: str) -> int:
        with suppress(ValueError):
            if least <= int(text) <= most:
                return int(text)
        upto = "on" if most == sys.maxsize else f"to {most}"
        raise argparse.ArgumentTypeError(f"give a whole number from {least} {upto}, not {text!r}")

    return read


def _command(commands: Any, name: str, help: str, **how: Any) -> argparse.ArgumentParser:
    """A command that says in its own --help too what it is for, with its lines of `EXAMPLES`."""
    lines = [line for line in EXAMPLES.splitlines() if line.startswith(f"  edge-train {name} ")]
    one: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=textwrap.fill(help[0].upper() + help[1:] + ".", 79),
        epilog="\n".join(["examples:", *lines]) if lines else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **how,
    )
    return one


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
    runs.add_argument("--seed", type=_whole(0, SEEDS), default=0, help="default: %(default)s")
    runs.add_argument(
        "--epochs", type=_whole(1), help="default: those of the student that is shipped"
    )
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
        type=_whole(0),
        default=0,
        metavar="N",
        help="students of other seeds that teach too (default: %(default)s)",
    )
    several = _option(
        "--seeds",
        type=_whole(1),
        default=1,
        metavar="N",
        help="seeds to train from (default: 1)",
    )
    one = _command(
        commands,
        "distill",
        parents=[data, runs, taught, _restart()],
        help="train a teacher on DS1's beats, then distil it into the beat classifier (the "
        "student), by its soft targets; resumes",
    )
    one.set_defaults(command=_later("train.commands.student", "distill"))
    one = _command(
        commands,
        "crossval",
        parents=[data, runs, taught, several],
        help="train on three quarters of DS1's records and score held-out predictions of the "
        "rest, four times",
    )
    one.set_defaults(command=_later("train.commands.student", "crossval"))
    one = _command(
        commands,
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
    runs.add_argument(
        "--out",
        type=Path,
        help="default: runs/NAME; of --tiny runs/NAME-tiny; windows are kept beside it "
        "(runs/windows), for other runs",
    )
    runs.add_argument("--tiny", action="store_true", help="a run of a minute that shows it learns")
    trained = argparse.ArgumentParser(add_help=False)
    trained.add_argument("--seed", type=_whole(0, SEEDS), default=0, help="default: %(default)s")
    study = "default: the study's"
    trained.add_argument("--epochs", type=_whole(1), help=study)
    trained.add_argument("--batch", type=_whole(1), help=f"windows a step; {study}")
    trained.add_argument("--lr", type=positive, help=f"learning rate at its highest; {study}")
    trained.add_argument(
        "--compile", action="store_true", help="torch.compile: for long runs on a GPU"
    )
    one = _command(
        commands,
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
        help="a data set, or any folder of WFDB and EDF; may be repeated (default: the study's)",
    )
    one.set_defaults(command=_later("train.commands.teachers", "pretrain"))
    _add_finetune(commands, [data, runs, trained])
    _add_reading(commands)
    one = _command(
        commands,
        "evaluate",
        parents=[data, runs],
        help="train and measure one system from beginning to end, and print its tables; resumes",
    )
    one.add_argument("--model", choices=STUDIES, required=True)
    one.add_argument("--seeds", type=_whole(1), default=3, metavar="N", help="default: %(default)s")
    one.set_defaults(command=_later("train.commands.teachers", "evaluate"))
    one = _command(
        commands,
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
    one.add_argument("--out", type=Path, metavar="PNG", help="default: NAME.png beside that file")
    one.set_defaults(command=_later("train.commands.teachers", "explain"))


def _add_finetune(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    one = _command(
        commands,
        "finetune",
        parents=parents,
        help="learn the labels of PTB-XL, another set or own records (of nine folds 1 to 7, "
        "stopped by 8), or the waves of ludb; resumes, runs under torchrun",
    )
    one.add_argument("--model", choices=(*SYSTEMS, "delineator"), required=True)
    one.add_argument(
        "--set",
        metavar="NAME",
        help="a data set, or a folder of WFDB and EDF (default: ptbxl; of the delineator ludb)",
    )
    one.add_argument("--task", metavar="LABELS", help="a set's labels (default: its first)")
    one.add_argument(
        "--labels",
        type=Path,
        metavar="CSV",
        help="of --set FOLDER: record,patient,labels with statements between semicolons, or "
        "record,patient and a column of 1 and 0 for each label",
    )
    one.add_argument(
        "--config", type=Path, metavar="TOML", help=f"has some of these: {', '.join(SETTINGS)}"
    )
    one.add_argument(
        "--start", type=Path, metavar="FILE", help="begin with the encoder that `pretrain` wrote"
    )
    one.add_argument(
        "--test",
        action="store_true",
        help="measure fold 9 too, for the card: once, when nothing is chosen any more; goes on "
        "from the run that is there",
    )
    one.set_defaults(command=_later("train.commands.teachers", "finetune"))


def _add_reading(commands: Any) -> None:
    one = _command(
        commands,
        "diagnose",
        help="networks that `finetune` wrote read a record, or all of a folder; exported ones need "
        "no torch",
    )
    one.add_argument(
        "record",
        type=Path,
        help="WFDB (without .hea), EDF, BDF, CSV, or an .npz with an array a lead; of a folder all "
        "in WFDB and EDF",
    )
    add_rate(one)
    one.add_argument(
        "--net",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        action="extend",
        help="runs/MODEL/LABELS.safetensors, as `finetune` writes it, or the .onnx of it; of "
        "several, such as seeds, the mean is told, and the spread; a delineator among them marks "
        "P, QRS and T",
    )
    one.add_argument(
        "--json",
        type=output(".json", ".jsonl"),
        metavar="FILE",
        help="all of it; of a folder a line a record",
    )
    one.add_argument(
        "--page", type=output(".html", ".htm"), metavar="FILE", help="the trace on paper, as HTML"
    )
    one.add_argument(
        "--explain", action="store_true", help="on the page, what the first network looks at"
    )
    one.set_defaults(command=_later("train.commands.diagnose", "diagnose"))
    one = _command(
        commands,
        "export",
        help="make ONNX of a network that `finetune` wrote, and hold it against torch",
    )
    one.add_argument("--net", type=Path, required=True, metavar="FILE")
    one.add_argument(
        "-o",
        "--out",
        type=output(".onnx"),
        metavar="FILE",
        help="default: beside it, .onnx (-int8.onnx)",
    )
    one.add_argument(
        "--int8",
        type=Path,
        metavar="DIR",
        help="in whole numbers, whose ranges are those of the records below this folder",
    )
    one.set_defaults(command=_later("train.commands.export", "export"))


if __name__ == "__main__":
    sys.exit(main())
