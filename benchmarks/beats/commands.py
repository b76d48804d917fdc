"""The subcommands of the beats: score, delay, calibration, adaptation, int8 and page."""

import argparse
from pathlib import Path

from benchmarks import options
from benchmarks.beats.adaptation import adaptation
from benchmarks.beats.calibration import calibration
from benchmarks.beats.delay import delay
from benchmarks.beats.int8 import int8
from benchmarks.beats.noise import noise
from benchmarks.beats.page import page
from benchmarks.beats.pictures import draw_adaptation, draw_delay, draw_noise, draw_reliability
from benchmarks.beats.protocol import Protocol
from benchmarks.beats.score import score
from benchmarks.options import Commands, add_command
from benchmarks.report import Report
from benchmarks.sets import STARTS, Condition
from train.data.nstdb import NOISES
from train.data.own import ANNOTATOR, own

_LABELS = (options.leads, options.class_map, options.model)
_OUTPUTS = (options.kept, options.plotted, options.data)


def add(commands: Commands) -> None:
    """Adds them to `edge-bench`."""
    _add_score(commands)
    labels = (options.record_set(), *_LABELS)
    command = add_command(
        commands,
        "delay",
        _delay,
        "labels against how much is observed after R",
        *(*labels, options.start, *_OUTPUTS),
    )
    command.set_defaults(draw=draw_delay)
    command = add_command(
        commands,
        "calibration",
        _calibration,
        "whether confidence is deserved",
        *(*labels, options.start, *_OUTPUTS),
    )
    command.set_defaults(draw=draw_reliability)
    command = add_command(
        commands,
        "adaptation",
        _adaptation,
        "what knowing the patient gives, and how soon another is forgotten",
        *(*labels, *_OUTPUTS),
    )
    command.set_defaults(draw=draw_adaptation)
    add_command(
        commands,
        "int8",
        _int8,
        "the int8 model on both runtimes against its float original",
        *(*labels, options.start, options.kept, options.data),
    )
    command = add_command(
        commands,
        "page",
        _page,
        "write a bundle's model card and pictures from its manifest and figures",
        options.model,
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path("docs/bundles"),
        metavar="DIR",
        help="folder (default: docs/bundles)",
    )


def _add_score(commands: Commands) -> None:
    command = add_command(
        commands,
        "score",
        _score,
        "beats and labels against the reference annotations, in noise too",
        options.record_set(default=()),
        *_LABELS,
        options.backend,
        *_OUTPUTS,
        options.noise(
            NOISES,
            f"labels in noise of nstdb instead, from 5:00: some of {', '.join(NOISES)}; em is a "
            "model, not the recording, where nstdb/em is not in the data folder",
            (24, 18, 12, 6, 0),
        ),
    )
    command.add_argument(
        "--start",
        type=int,
        choices=STARTS,
        help="count from this second; EC57's start is 300 (default: tables for both)",
    )
    command.add_argument(
        "--records",
        dest="folder",
        type=Path,
        metavar="DIR",
        help="score the WFDB records with beat annotations below this folder instead of --set",
    )
    command.add_argument(
        "--split",
        type=Path,
        metavar="CSV",
        help="of --records: lines record,patient,part; where a part is test, that alone is scored",
    )
    command.add_argument(
        "--annotator",
        metavar="NAME",
        help=f"of --records: what annotation files end with (default: {ANNOTATOR})",
    )
    command.set_defaults(draw=draw_noise)


def _score(args: argparse.Namespace) -> Report:
    if args.plot and not args.noise:
        args.refuse("--plot draws labels in noise: add --noise")
    if bool(args.records) == bool(args.folder):
        args.refuse("give either --set or --records")
    if not args.folder and (args.split or args.annotator):
        args.refuse("--split and --annotator are for --records: add it")
    if args.folder and args.noise:
        args.refuse("--noise is for records of mitdb: leave it out, or --records")
    starts = tuple(STARTS if args.start is None else [args.start])
    if args.folder:
        mine = own(args.folder, args.annotator or ANNOTATOR, args.split)
        names = [record.name for record in mine.test or mine.records]
        protocol = Protocol(args.folder, names, args.lead, args.map, mine.annotator)
        return score(protocol, model=args.model, backend=args.backend, starts=starts, own=mine)
    if args.noise:
        conditions = [Condition(), *(Condition(n, snr) for n in args.noise for snr in args.snr)]
        return noise(_protocol(args), conditions, model=args.model, backend=args.backend)
    return score(_protocol(args), model=args.model, backend=args.backend, starts=starts)


def _delay(args: argparse.Namespace) -> Report:
    return delay(_protocol(args), model=args.model, start_s=args.start)


def _calibration(args: argparse.Namespace) -> Report:
    return calibration(_protocol(args), model=args.model, start_s=args.start)


def _adaptation(args: argparse.Namespace) -> Report:
    return adaptation(_protocol(args), model=args.model)


def _int8(args: argparse.Namespace) -> Report:
    return int8(_protocol(args), model=args.model, start_s=args.start)


def _page(args: argparse.Namespace) -> Report:
    return page(args.model, args.out)


def _protocol(args: argparse.Namespace) -> Protocol:
    return Protocol(args.data / "mitdb", args.records, args.lead, args.map)
