"""`edge-bench`: the project's figures, each a table and, on request, JSON."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from benchmarks.int8 import int8
from benchmarks.latency import latency
from benchmarks.live import live
from benchmarks.peers import qrs
from benchmarks.report import Report
from benchmarks.score import STARTS, Protocol, keep, score
from edge.bundle import DEFAULT_BUNDLE
from edge.classify import Backend
from edge.errors import EdgeError, OutputError
from train.data.aami import CLASS_MAPS
from train.data.mitdb import ALL, RECORD_SETS

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
    except EdgeError as error:
        print(f"edge-bench: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    print(report.text)
    return 0


def _score(args: argparse.Namespace) -> Report:
    starts = STARTS if args.start is None else [args.start]
    report = score(_protocol(args), model=args.model, backend=args.backend, starts=tuple(starts))
    if args.keep:
        keep(report, args.model, args.keep)
    return report


def _int8(args: argparse.Namespace) -> Report:
    return int8(_protocol(args), model=args.model, start_s=args.start)


def _protocol(args: argparse.Namespace) -> Protocol:
    return Protocol(args.data / "mitdb", args.records, args.lead, args.map)


def _qrs(args: argparse.Namespace) -> Report:
    return qrs(args.data / "mitdb", args.records, args.lead, args.start)


def _latency(args: argparse.Namespace) -> Report:
    path = args.data / "mitdb" / args.record
    return latency(path, args.lead, model=args.model, backend=args.backend, repeats=args.repeats)


def _live(args: argparse.Namespace) -> Report:
    path = args.data / "mitdb" / args.record
    return live(path, args.lead, args.duration, model=args.model, backend=args.backend)


def _records(text: str) -> tuple[str, ...]:
    records = RECORD_SETS.get(text) or tuple(text.split(","))
    unknown = sorted(set(records) - set(ALL))
    if unknown:
        raise argparse.ArgumentTypeError(f"mitdb has no record {', '.join(unknown)}")
    return records


def _write(path: Path, report: Report) -> None:
    try:
        path.write_text(json.dumps(report.data, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    everywhere = argparse.ArgumentParser(add_help=False)
    data = os.environ.get("ECG_DATA")
    everywhere.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        default=Path(data) if data else None,
        required=not data,
        help="folder that holds mitdb (default: $ECG_DATA)",
    )
    everywhere.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")

    sets = argparse.ArgumentParser(add_help=False)
    sets.add_argument(
        "--set",
        dest="records",
        type=_records,
        required=True,
        metavar="mitdb|ds1|ds2|LIST",
        help="records: a set, or names with commas between",
    )

    model = argparse.ArgumentParser(add_help=False)
    model.add_argument(
        "--model",
        default=DEFAULT_BUNDLE,
        metavar="NAME|PATH",
        help=f"bundle, shipped or a folder (default: {DEFAULT_BUNDLE})",
    )
    backend = argparse.ArgumentParser(add_help=False)
    backend.add_argument(
        "--backend", choices=get_args(Backend), help="inference runtime (default: as edge-run)"
    )
    class_map = argparse.ArgumentParser(add_help=False)
    class_map.add_argument(
        "--map",
        choices=CLASS_MAPS,
        default="papers",
        help="escape beats e, j, n are N (papers, the default) or S (bxb)",
    )
    from_zero = argparse.ArgumentParser(add_help=False)
    from_zero.add_argument(
        "--start", type=int, choices=STARTS, default=0, help="count from this second (default: 0)"
    )

    leads = argparse.ArgumentParser(add_help=False)
    leads.add_argument(
        "--lead",
        action="append",
        metavar="NAME|INDEX",
        help="lead; may be given again (default: every lead there is)",
    )
    one_lead = argparse.ArgumentParser(add_help=False)
    one_lead.add_argument(
        "--lead", default="0", metavar="NAME|INDEX", help="lead (default: the first)"
    )

    record = argparse.ArgumentParser(add_help=False)
    record.add_argument(
        "--record", choices=ALL, default="100", metavar="NAME", help="record (default: 100)"
    )

    parser = argparse.ArgumentParser(
        prog="edge-bench",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "score",
        parents=[sets, leads, class_map, model, backend, everywhere],
        help="beats and labels against the reference annotations",
    )
    command.add_argument(
        "--start",
        type=int,
        choices=STARTS,
        help="count from this second; EC57's start is 300 (default: tables for both)",
    )
    command.add_argument(
        "--keep",
        metavar="NAME",
        help="write the gross figures into the manifest of the bundle's folder, under this name",
    )
    command.set_defaults(measure=_score)

    command = commands.add_parser(
        "int8",
        parents=[sets, leads, from_zero, class_map, model, everywhere],
        help="the int8 model on both runtimes against its float original",
    )
    command.set_defaults(measure=_int8)

    command = commands.add_parser(
        "qrs",
        parents=[sets, one_lead, from_zero, everywhere],
        help="our detector beside sleepecg's",
    )
    command.set_defaults(measure=_qrs)

    command = commands.add_parser(
        "latency",
        parents=[record, leads, model, backend, everywhere],
        help="time of each stage, and of edge-run as a whole",
    )
    command.add_argument("--repeats", type=int, default=5, metavar="N", help="runs (default: 5)")
    command.set_defaults(measure=_latency)

    command = commands.add_parser(
        "live",
        parents=[record, one_lead, model, backend, everywhere],
        help="memory, CPU share and first event of edge-run on a pseudo-terminal",
    )
    command.add_argument(
        "--duration", type=float, default=60.0, metavar="S", help="seconds (default: 60)"
    )
    command.set_defaults(measure=_live)
    return parser


if __name__ == "__main__":
    sys.exit(main())
