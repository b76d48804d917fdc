"""The subcommands of the whole: latency, live, web and monitor."""

import argparse
from pathlib import Path

from benchmarks import options
from benchmarks.options import Commands, add_command
from benchmarks.report import Report
from benchmarks.system.latency import latency
from benchmarks.system.live import live
from benchmarks.system.monitor.report import monitor
from benchmarks.system.monitor.waveforms import BOARDS
from benchmarks.system.web import picture, web


def add(commands: Commands) -> None:
    """Adds them to `edge-bench`."""
    add_command(
        commands,
        "latency",
        _latency,
        "time of each stage, and of edge-run as a whole",
        *(options.record, options.leads, options.model, options.backend, options.data),
        options.repeats,
    )
    command = add_command(
        commands,
        "live",
        _live,
        "memory, CPU share and first event of edge-run on a pseudo-terminal",
        *(options.record, options.one_lead, options.model, options.backend, options.data),
    )
    command.add_argument(
        "--duration",
        type=options.number(1, 24 * 3600),
        default=60.0,
        metavar="S",
        help="seconds (default: 60)",
    )
    command = add_command(
        commands,
        "web",
        _web,
        "how soon a mark is seen on the page of edge-run --web, and what it costs",
        *(options.record, options.model, options.data),
        description="Plays four leads at 500 Hz, and looks at the page in a real Chromium.",
    )
    command.add_argument(
        "--duration",
        type=options.number(5, 24 * 3600),
        default=60.0,
        metavar="S",
        help="seconds (default: 60)",
    )
    command.add_argument(
        "--still",
        type=options.number(0, 15),
        default=0,
        metavar="N",
        help="so many other viewers never read (default: 0)",
    )
    command.add_argument("--recorder", action="store_true", help="record it, too")
    command.add_argument("--terminal", action="store_true", help="show it on a terminal, too")
    command.add_argument(
        "--picture",
        type=Path,
        metavar="FILE",
        help="only write a PNG file of the page, after --duration seconds of --record",
    )
    command = add_command(
        commands,
        "monitor",
        _monitor,
        "what makers of bedside monitors disclose: rates, times to alarm, what is rejected",
        *(options.model, options.json_file),
        description="Measures on made waveforms, as ANSI/AAMI EC13 and IEC 60601-2-27 define them, "
        "what makers of bedside monitors state. Claims no conformity. Under a minute.",
    )
    rates = [board.fs for board in BOARDS]
    command.add_argument(
        "--fs",
        type=float,
        choices=rates,
        default=250.0,
        metavar="HZ",
        help=f"the board's rate: one of {', '.join(f'{fs:g}' for fs in rates)} (default: 250)",
    )
    command.add_argument("--out", type=Path, metavar="FILE", help="write the page here too")


def _latency(args: argparse.Namespace) -> Report:
    path = args.data / "mitdb" / args.record
    return latency(path, args.lead, model=args.model, backend=args.backend, repeats=args.repeats)


def _live(args: argparse.Namespace) -> Report:
    path = args.data / "mitdb" / args.record
    return live(path, args.lead, args.duration, model=args.model, backend=args.backend)


def _web(args: argparse.Namespace) -> Report:
    if args.picture:
        return picture(args.data / "mitdb" / args.record, args.duration, args.picture)
    return web(
        args.duration,
        int(args.still),
        args.model,
        recorder=args.recorder,
        terminal=args.terminal,
    )


def _monitor(args: argparse.Namespace) -> Report:
    return monitor(args.fs, args.model, args.out)
