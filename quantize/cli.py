"""`edge-quantize`: a trained float student becomes an int8 bundle.

What it needs, torch above all, is imported when it runs: `--help` does without.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.bundle import DEFAULT_BUNDLE
from edge.errors import EdgeError
from edge.extras import missing
from train.commands.fetching import data


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, that of `edge-run` for the same fault."""
    args = _parser().parse_args(argv)
    try:
        from quantize.bundling import bundled

        print(bundled(args))
    except EdgeError as error:
        print(f"edge-quantize: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        return missing(error, "quantize")
    except KeyboardInterrupt:
        print("edge-quantize: stopped; no bundle was written", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-quantize", description=__doc__, parents=[data()])
    parser.add_argument(
        "checkpoint", type=Path, help="student.safetensors as edge-train wrote it, with its notes"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write the bundle to")
    parser.add_argument(
        "--records",
        type=Path,
        metavar="DIR",
        help="the folder that edge-train --records learned from, where it did",
    )
    parser.add_argument("--name", default=DEFAULT_BUNDLE, help="default: %(default)s")
    parser.add_argument("--version", default="1", help="of the bundle; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
