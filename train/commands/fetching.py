"""`edge-train fetch`, and what it shares with the other commands."""

import argparse
import os
import sys
from pathlib import Path

from edge.errors import EdgeError, OutputError
from train.data.sources import DATA_SETS


def data() -> argparse.ArgumentParser:
    """Where the data sets are."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("ECG_DATA") or "data",
        help="folder that holds the data sets, mitdb/ and so on (default: $ECG_DATA, else data)",
    )
    return parser


def add(parser: argparse.ArgumentParser) -> None:
    """What else the command takes."""
    parser.add_argument("name", choices=sorted(DATA_SETS))
    parser.set_defaults(command=lambda: _fetch)


def guarded(args: argparse.Namespace) -> int:
    """Run a command; returns the exit code, that of `edge-run` for the same fault."""
    try:
        args.run(args)
        sys.stdout.flush()
    except EdgeError as error:
        print(f"edge-train: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print(file=sys.stderr)  # a bar was broken off
        print("edge-train: stopped; the same command goes on with what it kept", file=sys.stderr)
        return 130
    except OSError as error:
        # What is left for a full disk, or for who has read enough, must not fail again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 0
        print(f"edge-train: {error.strerror or error}", file=sys.stderr)
        return OutputError.exit_code
    return 0


def _fetch(args: argparse.Namespace) -> None:
    from train.data.fetch import fetch  # its packages are of `train` alone

    print(fetch(args.name, args.data))
