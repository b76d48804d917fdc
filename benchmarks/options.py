"""What subcommands of `edge-bench` share on the command line: each function adds an option."""

import argparse
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeAlias, get_args

from benchmarks.report import Report
from benchmarks.sets import STARTS
from edge.bundle import DEFAULT_BUNDLE
from edge.classify import Backend
from train.data.mitdb import ALL, RECORD_SETS
from train.metrics.aami import CLASS_MAPS

Command = argparse.ArgumentParser
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""To which a room adds its subcommands."""
Option = Callable[[Command], None]
SETS = "mitdb|ds1|ds2|paced|LIST"
"""How `--set` is shown."""


def add_command(
    commands: Commands,
    name: str,
    measure: Callable[[argparse.Namespace], Report],
    words: str,
    *options: Option,
    description: str | None = None,
) -> Command:
    """A subcommand that returns what `measure` makes of its arguments; `words` say what it is."""
    description = description or f"{words[0].upper()}{words[1:]}."
    command = commands.add_parser(name, help=words, description=description)
    for option in options:
        option(command)
    command.set_defaults(measure=measure, refuse=command.error)
    return command


def json_file(command: Command) -> None:
    """`--json`: the file that the figures are written to."""
    command.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")


def data(command: Command) -> None:
    """`--data`: the folder of recordings; and `--json`."""
    json_file(command)
    command.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get("ECG_DATA") or "data"),
        help="folder that holds the data sets, mitdb/ and so on (default: $ECG_DATA, else data)",
    )


def record_set(
    *others: str, default: Sequence[str] | None = None, words: str | None = None
) -> Option:
    """`--set`: records of mitdb, or one of the `others` by name; required without a default."""

    def chosen(text: str) -> str | tuple[str, ...]:
        return text if text in others else records(text)

    def option(command: Command) -> None:
        shown = f"{words or 'records'} (default: {','.join(default)})" if default else words
        command.add_argument(
            "--set",
            dest="records",
            type=chosen,
            required=default is None,
            default=default,
            metavar="|".join([SETS, *others]),
            help=shown or "records: sets and names of mitdb with commas between",
        )

    return option


def records(text: str) -> tuple[str, ...]:
    """Records of mitdb from names and sets with commas between; ArgumentTypeError if unknown."""
    named = tuple(r for part in text.split(",") for r in RECORD_SETS.get(part, (part,)))
    if unknown := sorted(set(named) - set(ALL)):
        raise argparse.ArgumentTypeError(f"mitdb has no record {', '.join(unknown)}")
    return named


def record(command: Command) -> None:
    """`--record`: one record of mitdb."""
    command.add_argument(
        "--record", choices=ALL, default="100", metavar="NAME", help="record (default: 100)"
    )


def leads(command: Command) -> None:
    """`--lead`, again and again; None for all."""
    command.add_argument(
        "--lead",
        action="append",
        metavar="NAME|INDEX",
        help="lead; may be given again (default: every lead there is)",
    )


def one_lead(command: Command) -> None:
    """`--lead`, once."""
    command.add_argument(
        "--lead", default="0", metavar="NAME|INDEX", help="lead (default: the first)"
    )


def start(command: Command) -> None:
    """`--start`: seconds from which beats are counted."""
    command.add_argument(
        "--start", type=int, choices=STARTS, default=0, help="count from this second (default: 0)"
    )


def class_map(command: Command) -> None:
    """`--map`: what class escape beats have."""
    command.add_argument(
        "--map",
        choices=CLASS_MAPS,
        default="papers",
        help="escape beats e, j, n are N (papers, the default) or S (bxb)",
    )


def model(command: Command) -> None:
    """`--model`: the bundle."""
    command.add_argument(
        "--model",
        default=DEFAULT_BUNDLE,
        metavar="NAME|PATH",
        help=f"bundle, shipped or a folder (default: {DEFAULT_BUNDLE})",
    )


def backend(command: Command) -> None:
    """`--backend`: the inference runtime."""
    command.add_argument(
        "--backend", choices=get_args(Backend), help="inference runtime (default: as edge-run)"
    )


def kept(command: Command) -> None:
    """`--keep`: the name that figures have in the manifest."""
    command.add_argument(
        "--keep",
        metavar="NAME",
        help="write the figures into figures.json in the bundle's folder, under this name",
    )


def plotted(command: Command) -> None:
    """`--plot`: the picture; the command must set `draw`."""
    command.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the figures (png, svg) too"
    )


def noise(choices: Collection[str], words: str, levels_db: Sequence[float]) -> Option:
    """`--noise` and `--snr`: what is added to the recordings, and how much of it, in dB."""

    def option(command: Command) -> None:
        command.add_argument("--noise", nargs="+", choices=choices, metavar="NAME", help=words)
        command.add_argument(
            "--snr",
            nargs="+",
            type=number(-100, 100),
            default=[*levels_db],
            metavar="DB",
            help=f"its levels (default: {' '.join(f'{level:g}' for level in levels_db)})",
        )

    return option


def number(least: float, most: float) -> Callable[[str], float]:
    """A number between two, both included; ArgumentTypeError, or ValueError, if it is none."""

    def between(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g}")
        return value

    return between


def times(text: str) -> int:
    """How often; ArgumentTypeError where it is not once, ValueError where it is no number."""
    often = int(text)
    if often < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return often


def repeats(command: Command) -> None:
    """`--repeats`: how often it is measured."""
    command.add_argument("--repeats", type=times, default=5, metavar="N", help="runs (default: 5)")
