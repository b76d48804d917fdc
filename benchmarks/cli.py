"""`edge-bench`: the project's figures, each a table and, on request, JSON."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.beats import commands as beats
from benchmarks.boards import commands as boards
from benchmarks.keep import keep
from benchmarks.qrs import commands as qrs
from benchmarks.report import Report
from benchmarks.rhythm import commands as rhythm
from benchmarks.system import commands as system
from edge.errors import EdgeError, OutputError

_EPILOG = """\
exit codes:
  0  the figures are printed         6  the model bundle cannot be used
  1  edge-run or a peer failed       7  the inference back end is missing
  2  usage                           8  an output cannot be written
  5  a recording cannot be used
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one benchmark; returns the exit code, as `edge-run`'s for the same fault."""
    args = _parser().parse_args(argv)
    try:
        report: Report = args.measure(args)
        if args.json:
            _write(args.json, report)
        if args.plot:
            args.draw(report.data, args.plot)
        if args.keep:
            keep(args.model, args.keep, report.kept)
    except EdgeError as error:
        print(f"edge-bench: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    print(report.text)
    return 0


def _write(path: Path, report: Report) -> None:
    try:
        path.write_text(json.dumps(report.data, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-bench",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(json=None, plot=None, keep=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for room in (beats, qrs, rhythm, system, boards):
        room.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
