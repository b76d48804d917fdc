"""The command `edge-score`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edge import extras
from edge.archive.processes import Row
from edge.archive.records import listed
from edge.archive.run import ANNOTATIONS, ROWS, run
from edge.archive.score import How
from edge.bundle import DEFAULT_BUNDLE
from edge.cli.values import add_leads, rate
from edge.errors import EdgeError
from firmware_bridge.text import printable

_TOLD = 10  # bad records that are named on the screen; all are in the file
_EPILOG = """\
examples:
  edge-score holters --out scored                  every WFDB record and EDF file below holters/
  edge-score list.txt --out scored --lead II       what list.txt names, a line each
  edge-score holters --out scored --scheduler tcp://10.0.0.1:8786     on a Dask cluster

  python -c "import pandas; print(pandas.read_parquet('scored/records.parquet'))"

Killed, or stopped by Ctrl-C, the same command goes on where it was.

exit codes:
  0  all records are scored             7  a package is missing
  2  usage                              8  the output cannot be written, or
  5  a record cannot be used: named        is of another model or setting
  6  the model bundle cannot be used  130  stopped

This is no medical device.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    args = parse(argv)
    how = How(args.model, tuple(args.lead) if args.lead else None, args.fs, args.backend)
    try:
        rows = run(
            listed(args.records),
            how,
            args.out,
            workers=args.workers,
            scheduler=args.scheduler,
            restart=args.restart,
        )
    except KeyboardInterrupt:
        print("edge-score: stopped; the same command goes on", file=sys.stderr)
        return 130
    except EdgeError as error:
        print(f"edge-score: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        return extras.missing(error, "dask")
    return _tell(rows, args.out)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options; exits with 2 and a sentence where they cannot be."""
    parser = argparse.ArgumentParser(
        prog="edge-score",
        description="Runs what edge-run runs over many recordings: a row a record in "
        f"DIR/{ROWS}, the beats as WFDB annotations in DIR/{ANNOTATIONS}/.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "records", type=Path, help="a folder, searched for .hea, .edf, .bdf and .rec, or a list"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="may hold a part")
    parser.add_argument(
        "--workers",
        type=_workers,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="processes; default: one a core, %(default)s",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDR", help="of a Dask cluster that sees the same files"
    )
    add_leads(parser)
    parser.add_argument("--fs", type=rate, metavar="HZ", help="of CSV and NumPy files of a list")
    parser.add_argument("--model", default=DEFAULT_BUNDLE, metavar="BUNDLE")
    parser.add_argument("--backend", choices=["litert", "onnx"])
    parser.add_argument("--restart", action="store_true", help="throw away what DIR has of before")
    return parser.parse_args(argv)


def _workers(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 1024):
        raise argparse.ArgumentTypeError(f"give 1 to 1024, not {text!r}")
    return int(text)


def _tell(rows: list[Row], out: Path) -> int:
    bad = [row for row in rows if row["error"]]
    good = [row for row in rows if not row["error"]]
    hours = sum(row["seconds"] for row in good) / 3600
    print(f"{len(good)} of {len(rows)} records, {hours:.1f} h: {out / ROWS}")
    for row in bad[:_TOLD]:
        print(f"  {printable(row['record'])}: {row['error']}", file=sys.stderr)
    if len(bad) > _TOLD:
        print(f"  and {len(bad) - _TOLD} more: see the column `error`", file=sys.stderr)
    return 5 if bad else 0
