"""The subcommand `qrs`."""

import argparse

from benchmarks import options
from benchmarks.options import Commands, add_command
from benchmarks.qrs.compare import Protocol
from benchmarks.qrs.peers import PEERS, require_peers
from benchmarks.qrs.picture import draw
from benchmarks.qrs.report import report
from benchmarks.remade import RATES
from benchmarks.report import Report
from benchmarks.sets import OTHERS, Condition, data_set
from train.data.nstdb import NOISES


def add(commands: Commands) -> None:
    """Adds it to `edge-bench`."""
    command = add_command(
        commands,
        "qrs",
        _qrs,
        "our detector beside known ones, in noise too",
        options.record_set(*OTHERS),
        options.start,
        options.plotted,
        options.data,
        options.noise(
            ["none", *NOISES],
            f"noise of nstdb to add: some of none, {', '.join(NOISES)} (default: none); em is a "
            "model of electrode motion, not the recording, where nstdb/em is not in the data "
            "folder",
            (24, 18, 12, 6, 0, -6),
        ),
    )
    command.add_argument(
        "--lead",
        action="append",
        metavar="NAME|INDEX",
        help="lead (default: the first); given again, ours is given them all, peers the first",
    )
    command.add_argument(
        "--peers",
        nargs="+",
        choices=[*PEERS, "all"],
        default=["sleepecg"],
        metavar="NAME",
        help=f"all, or some of {', '.join(PEERS)} (default: sleepecg)",
    )
    command.add_argument(
        "--rates",
        nargs="+",
        type=options.number(RATES[0], RATES[-1]),
        metavar="RATE",
        help="instead, records remade with their own beats to these rates a minute, 20 to 300: "
        f"{' '.join(map(str, RATES))}, ...",
    )
    command.add_argument(
        "--sudden",
        action="store_true",
        help="the rate comes suddenly, halfway, after the rate that the record has",
    )
    command.add_argument(
        "--tolerance",
        nargs="+",
        type=options.number(8, 150),
        default=[],
        metavar="MS",
        help="also F1 with match windows of so many ms on either side, 8 to 150",
    )
    command.add_argument(
        "--timing", action="store_true", help="also the time of each on the first record"
    )
    command.set_defaults(draw=draw)


def _qrs(args: argparse.Namespace) -> Report:
    peers = PEERS if "all" in args.peers else dict.fromkeys(args.peers)
    require_peers(list(peers))
    if args.rates and (args.noise or args.start):
        args.refuse("--rates goes with neither --noise nor --start")
    if args.sudden and not args.rates:
        args.refuse("--sudden says how --rates are reached")
    data = data_set(args.data, args.records)
    protocol = Protocol(
        data,
        args.lead or ["0"],
        args.start,
        _conditions(args),
        list(peers),
        sorted(set(args.tolerance)),
    )
    return report(protocol, timing=args.timing)


def _conditions(args: argparse.Namespace) -> list[Condition]:
    if args.rates:
        return [Condition(rate=rate, sudden=args.sudden) for rate in dict.fromkeys(args.rates)]
    noises = dict.fromkeys(args.noise or ["none"])
    clean = [Condition()] if "none" in noises else []
    levels = dict.fromkeys(args.snr)
    return clean + [Condition(n, snr) for n in noises if n != "none" for snr in levels]
