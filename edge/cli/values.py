"""Arguments of the commands: each gives the value, or argparse's error in one sentence."""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

from edge.rates import FS_MAX, FS_MIN, MUST_BE


def number(text: str, least: float, most: float, says: str) -> float:
    """A number from `least` to `most`; `says` is what to give else."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{says}, not {text!r}")
    return value


def positive(text: str) -> float:
    """A finite number above 0."""
    return number(text, sys.float_info.min, sys.float_info.max, "give a number above 0")


def scale(text: str) -> float:
    """A factor, however small."""
    return number(text, math.ulp(0.0), sys.float_info.max, "give a finite factor above 0")


def speed(text: str) -> float:
    """Times real time; infinity for max."""
    if text == "max":
        return math.inf
    return number(text, sys.float_info.min, sys.float_info.max, "give a number above 0, or max")


def rate(text: str) -> float:
    """Samples a second that can be watched."""
    return number(text, FS_MIN, FS_MAX, MUST_BE)


def add_leads(parser: argparse._ActionsContainer, default: str = "every ECG lead there is") -> None:
    """`--lead`, as every command has it: a list, None for the `default`."""
    parser.add_argument(
        "--lead",
        action="append",
        metavar="LEAD",
        help=f"name, or number from 0; may be given again; default: {default}",
    )


def add_rate(parser: argparse._ActionsContainer) -> None:
    """`--fs`, as every command has it that reads recordings alone."""
    parser.add_argument(
        "--fs", type=rate, metavar="HZ", help="rate of a CSV or NumPy file that does not tell it"
    )


def output(*endings: str) -> Callable[[str], Path]:
    """The path of a file that ends in one of these."""

    def read(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in endings:
            raise argparse.ArgumentTypeError(
                f"give a file that ends in {' or '.join(endings)}, not {text!r}"
            )
        return path

    return read
