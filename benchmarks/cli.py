"""`edge-bench`: the project's figures, each a table and, on request, JSON."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from benchmarks.adaptation import adaptation
from benchmarks.alarms_report import alarms
from benchmarks.calibration import calibration
from benchmarks.curves import draw_adaptation, draw_delay, draw_noise, draw_reliability
from benchmarks.decode import decode
from benchmarks.delay import delay
from benchmarks.faults import RECORDS as FAULTY
from benchmarks.faults import faults
from benchmarks.int8 import int8
from benchmarks.keep import keep
from benchmarks.latency import latency
from benchmarks.layouts import layouts
from benchmarks.live import live
from benchmarks.monitor_report import monitor
from benchmarks.noise import noise
from benchmarks.overflow import overflow
from benchmarks.page import page
from benchmarks.peers import PEERS, require_peers
from benchmarks.plots import draw as draw_qrs
from benchmarks.probing import probing
from benchmarks.qrs import Protocol as QrsProtocol
from benchmarks.qrs_report import report as qrs_report
from benchmarks.reconnect import reconnect
from benchmarks.remade import RATES
from benchmarks.replay import RECORDS, replays
from benchmarks.report import Report
from benchmarks.rhythm_plot import draw as draw_rhythm
from benchmarks.rhythm_report import challenge, rhythm
from benchmarks.score import STARTS, Protocol, score
from benchmarks.sets import OTHERS, Condition, data_set
from benchmarks.sketches import sketches
from benchmarks.waveforms import BOARDS
from edge.bundle import DEFAULT_BUNDLE
from edge.classify import Backend
from edge.errors import EdgeError, OutputError
from firmware_bridge.decoders import PROTOCOLS
from train.data.aami import CLASS_MAPS
from train.data.mitdb import ALL, RECORD_SETS
from train.data.nstdb import NOISES

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


def _score(args: argparse.Namespace) -> Report:
    if args.plot and not args.noise:
        args.refuse("--plot draws labels in noise: add --noise")
    if args.noise:
        conditions = [Condition(), *(Condition(n, snr) for n in args.noise for snr in args.snr)]
        return noise(_protocol(args), conditions, model=args.model, backend=args.backend)
    starts = STARTS if args.start is None else [args.start]
    return score(_protocol(args), model=args.model, backend=args.backend, starts=tuple(starts))


def _delay(args: argparse.Namespace) -> Report:
    return delay(_protocol(args), model=args.model, start_s=args.start)


def _calibration(args: argparse.Namespace) -> Report:
    return calibration(_protocol(args), model=args.model, start_s=args.start)


def _adaptation(args: argparse.Namespace) -> Report:
    return adaptation(_protocol(args), model=args.model)


def _int8(args: argparse.Namespace) -> Report:
    return int8(_protocol(args), model=args.model, start_s=args.start)


def _protocol(args: argparse.Namespace) -> Protocol:
    return Protocol(args.data / "mitdb", args.records, args.lead, args.map)


def _page(args: argparse.Namespace) -> Report:
    return page(args.model, args.out)


def _qrs(args: argparse.Namespace) -> Report:
    peers = PEERS if "all" in args.peers else dict.fromkeys(args.peers)
    require_peers(list(peers))
    if args.rates and (args.noise or args.start):
        args.refuse("--rates goes with neither --noise nor --start")
    if args.sudden and not args.rates:
        args.refuse("--sudden says how --rates are reached")
    noises = dict.fromkeys(args.noise or ["none"])
    conditions = [
        Condition(noise, snr)
        for noise in noises
        for snr in dict.fromkeys(args.snr)
        if noise != "none"
    ]
    if "none" in noises:
        conditions.insert(0, Condition())
    if args.rates:
        conditions = [
            Condition(rate=rate, sudden=args.sudden) for rate in dict.fromkeys(args.rates)
        ]
    data = data_set(args.data, args.records)
    lead, windows = args.lead or ["0"], sorted(set(args.tolerance))
    return qrs_report(
        QrsProtocol(data, lead, args.start, conditions, list(peers), windows), timing=args.timing
    )


def _rhythm(args: argparse.Namespace) -> Report:
    if args.records == "cinc2017":
        if args.plot:
            args.refuse("--plot draws rhythms over time: cinc2017 has one for each record")
        return challenge(args.data / args.records, model=args.model)
    return rhythm(data_set(args.data, args.records), args.lead, model=args.model)


def _alarms(args: argparse.Namespace) -> Report:
    return alarms(args.data / args.records, args.lead, model=args.model)


def _latency(args: argparse.Namespace) -> Report:
    path = args.data / "mitdb" / args.record
    return latency(path, args.lead, model=args.model, backend=args.backend, repeats=args.repeats)


def _monitor(args: argparse.Namespace) -> Report:
    return monitor(args.fs, args.model, args.out)


def _decode(args: argparse.Namespace) -> Report:
    return decode(args.duration, args.repeats)


def _live(args: argparse.Namespace) -> Report:
    path = args.data / "mitdb" / args.record
    return live(path, args.lead, args.duration, model=args.model, backend=args.backend)


def _replay(args: argparse.Namespace) -> Report:
    return replays(args.data / "mitdb", args.records, args.protocols)


def _faults(args: argparse.Namespace) -> Report:
    return faults(args.data / "mitdb", args.records, args.protocols, args.seed)


def _probing(args: argparse.Namespace) -> Report:
    return probing(args.data, args.protocols)


def _layouts(args: argparse.Namespace) -> Report:
    return layouts(args.data)


def _sketches(args: argparse.Namespace) -> Report:
    return sketches(args.data)


def _overflow(args: argparse.Namespace) -> Report:
    return overflow(args.protocols, args.stand, args.seed)


def _reconnect(args: argparse.Namespace) -> Report:
    return reconnect(args.data / "mitdb" / args.record, args.protocols, args.times)


def _records(text: str) -> tuple[str, ...]:
    records = tuple(r for part in text.split(",") for r in RECORD_SETS.get(part, (part,)))
    unknown = sorted(set(records) - set(ALL))
    if unknown:
        raise argparse.ArgumentTypeError(f"mitdb has no record {', '.join(unknown)}")
    return records


def _qrs_records(text: str) -> str | tuple[str, ...]:
    return text if text in OTHERS else _records(text)


def _rhythm_records(text: str) -> str | tuple[str, ...]:
    return text if text in ("cpsc2021", "cinc2017") else _records(text)


def _number(text: str, least: float, most: float) -> float:
    number = float(text)
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g}")
    return number


def _rate(text: str) -> float:
    return _number(text, RATES[0], RATES[-1])


def _tolerance(text: str) -> float:
    return _number(text, 8, 150)


def _write(path: Path, report: Report) -> None:
    try:
        path.write_text(json.dumps(report.data, indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    written = argparse.ArgumentParser(add_help=False)
    written.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")

    everywhere = argparse.ArgumentParser(add_help=False, parents=[written])
    everywhere.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        default=os.environ.get("ECG_DATA") or "data",
        help="folder that holds the data sets, mitdb/ and so on (default: $ECG_DATA, else data)",
    )

    sets = argparse.ArgumentParser(add_help=False)
    sets.add_argument(
        "--set",
        dest="records",
        type=_records,
        required=True,
        metavar="mitdb|ds1|ds2|paced|LIST",
        help="records: sets and names with commas between",
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

    kept = argparse.ArgumentParser(add_help=False)
    kept.add_argument(
        "--keep",
        metavar="NAME",
        help="write the figures into the manifest of the bundle's folder, under this name",
    )
    plotted = argparse.ArgumentParser(add_help=False)
    plotted.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the figures (png, svg) too"
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
    parser.set_defaults(json=None, plot=None, keep=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "score",
        parents=[sets, leads, class_map, model, backend, kept, plotted, everywhere],
        help="beats and labels against the reference annotations, in noise too",
    )
    command.add_argument(
        "--start",
        type=int,
        choices=STARTS,
        help="count from this second; EC57's start is 300 (default: tables for both)",
    )
    command.add_argument(
        "--noise",
        nargs="+",
        choices=NOISES,
        metavar="NAME",
        help=f"labels in noise of nstdb instead, from 5:00: some of {', '.join(NOISES)}; em is a "
        "model, not the recording, where nstdb/em is not in the data folder",
    )
    command.add_argument(
        "--snr",
        nargs="+",
        type=float,
        default=[24.0, 18.0, 12.0, 6.0, 0.0],
        metavar="DB",
        help="its levels (default: 24 18 12 6 0)",
    )
    command.set_defaults(measure=_score, draw=draw_noise, refuse=command.error)

    for name, measure, draw, words in (
        ("delay", _delay, draw_delay, "labels against how much is seen after R"),
        ("calibration", _calibration, draw_reliability, "whether confidence is deserved"),
    ):
        command = commands.add_parser(
            name,
            parents=[sets, leads, from_zero, class_map, model, kept, plotted, everywhere],
            help=words,
        )
        command.set_defaults(measure=measure, draw=draw)

    command = commands.add_parser(
        "adaptation",
        parents=[sets, leads, class_map, model, kept, plotted, everywhere],
        help="what knowing the patient gives, and how soon another is forgotten",
    )
    command.set_defaults(measure=_adaptation, draw=draw_adaptation)

    command = commands.add_parser(
        "int8",
        parents=[sets, leads, from_zero, class_map, model, kept, everywhere],
        help="the int8 model on both runtimes against its float original",
    )
    command.set_defaults(measure=_int8)

    command = commands.add_parser(
        "qrs",
        parents=[from_zero, plotted, everywhere],
        help="our detector beside known ones, in noise too",
    )
    command.add_argument(
        "--set",
        dest="records",
        type=_qrs_records,
        required=True,
        metavar="mitdb|ds1|ds2|paced|LIST|cpsc2021|ludb|qtdb",
        help="records: sets and names of mitdb with commas between",
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
        "--noise",
        nargs="+",
        choices=["none", *NOISES],
        metavar="NAME",
        help=f"noise of nstdb to add: some of none, {', '.join(NOISES)} (default: none); em is a "
        "model of electrode motion, not the recording, where nstdb/em is not in the data folder",
    )
    command.add_argument(
        "--snr",
        nargs="+",
        type=float,
        default=[24.0, 18.0, 12.0, 6.0, 0.0, -6.0],
        metavar="DB",
        help="its levels (default: 24 18 12 6 0 -6)",
    )
    command.add_argument(
        "--rates",
        nargs="+",
        type=_rate,
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
        type=_tolerance,
        default=[],
        metavar="MS",
        help="also F1 with match windows of so many ms on either side, 8 to 150",
    )
    command.add_argument(
        "--timing", action="store_true", help="also the time of each on the first record"
    )
    command.set_defaults(measure=_qrs, draw=draw_qrs, refuse=command.error)

    command = commands.add_parser(
        "rhythm",
        parents=[leads, model, plotted, everywhere],
        help="alarms, atrial fibrillation above all, against the annotated rhythm",
    )
    command.add_argument(
        "--set",
        dest="records",
        type=_rhythm_records,
        required=True,
        metavar="mitdb|ds1|ds2|paced|LIST|cpsc2021|cinc2017",
        help="records: sets and names of mitdb with commas between, or another set",
    )
    command.set_defaults(measure=_rhythm, draw=draw_rhythm, refuse=command.error)

    command = commands.add_parser(
        "alarms",
        parents=[leads, model, everywhere],
        help="alarms where a bedside monitor alarmed, rightly or not (some 7 minutes on two cores)",
    )
    command.add_argument(
        "--set", dest="records", choices=["cinc2015"], required=True, help="the records"
    )
    command.set_defaults(measure=_alarms)

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

    command = commands.add_parser(
        "monitor",
        parents=[model, written],
        help="what makers of bedside monitors disclose: rates, times to alarm, what is rejected",
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
    command.set_defaults(measure=_monitor)

    boards = argparse.ArgumentParser(add_help=False)
    boards.add_argument(
        "--protocols",
        nargs="+",
        choices=PROTOCOLS,
        default=list(PROTOCOLS),
        metavar="NAME",
        help="some of edge-run --list-protocols (default: all)",
    )

    command = commands.add_parser(
        "replay",
        parents=[boards, everywhere],
        help="records through each board's bytes on a pseudo-terminal, against direct replay",
        description="Plays whole records as each board, through its bytes on a pseudo-terminal, "
        "and replays them directly at the board's rate and resolution: samples and events must be "
        "equal. Three records take a minute for every two protocols.",
    )
    command.add_argument(
        "--set",
        dest="records",
        type=_records,
        default=RECORDS,
        metavar="mitdb|ds1|ds2|paced|LIST",
        help=f"records (default: {','.join(RECORDS)})",
    )
    command.set_defaults(measure=_replay)

    command = commands.add_parser(
        "decode",
        parents=[written],
        help="what decoding costs, for each protocol",
        description="Decodes a minute of each protocol on one core, in reads as a port gives them, "
        "and holds it against the protocol's fastest baud.",
    )
    command.add_argument(
        "--duration", type=float, default=60.0, metavar="S", help="of the signal (default: 60)"
    )
    command.add_argument("--repeats", type=int, default=5, metavar="N", help="runs (default: 5)")
    command.set_defaults(measure=_decode)

    command = commands.add_parser(
        "faults",
        parents=[boards, everywhere],
        help="10,000 faults in an hour of each board's bytes: beats and samples against none",
        description="Plays two records as each board twice, unharmed and with 10,000 faults in "
        "bursts of ten seconds, every minute. Beats and samples between bursts must be the same, "
        "and no beat may be found that is not there. Half a minute a protocol.",
    )
    command.add_argument(
        "--set",
        dest="records",
        type=_records,
        default=FAULTY,
        metavar="mitdb|ds1|ds2|paced|LIST",
        help=f"records, one after the other (default: {','.join(FAULTY)})",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the faults")
    command.set_defaults(measure=_faults)

    command = commands.add_parser(
        "probing",
        parents=[boards, everywhere],
        help="whether boards are recognised, at their speed and at others",
        description="Each board plays 50 recordings to readers at four speeds: at its own it must "
        "be recognised for sure, at others never be taken for another. Noise and text are no "
        "board.",
    )
    command.set_defaults(measure=_probing)

    command = commands.add_parser(
        "layouts",
        parents=[everywhere],
        help="whether boards are recognised by frames that no encoder of ours has made",
        description="Packs 50 recordings as each board's makers describe its frames: the board "
        "must be recognised for sure, and every sample be equal. A minute.",
    )
    command.set_defaults(measure=_layouts)

    command = commands.add_parser(
        "sketches",
        parents=[everywhere],
        help="whether text is read as sketches print it",
        description="Prints 50 recordings in some 70 kinds of text: leads, clocks, other columns "
        "must be told apart for sure, and every sample be read. Four minutes.",
    )
    command.set_defaults(measure=_sketches)

    command = commands.add_parser(
        "reconnect",
        parents=[boards, record, everywhere],
        help="how soon a pulled plug is told, and beats come when it is back, in real time",
        description="Plays a record in real time and pulls the plug for three seconds, again and "
        "again: 15 s each time.",
    )
    command.add_argument("--times", type=int, default=5, metavar="N", help="pulls (default: 5)")
    command.set_defaults(measure=_reconnect)

    command = commands.add_parser(
        "overflow",
        parents=[boards, written],
        help="where samples are put when nobody has read for longer than buffers last",
        description="Noise as each board, in real time, whose reader stands still once while the "
        "system's buffer overflows, as a UART's does: the gap must be behind what lay there.",
    )
    command.add_argument(
        "--stand", type=float, default=40.0, metavar="S", help="seconds (default: 40)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise")
    command.set_defaults(measure=_overflow)

    command = commands.add_parser(
        "page", parents=[model], help="write a bundle's page and pictures from its manifest"
    )
    command.add_argument(
        "--out",
        type=Path,
        default=Path("docs/bundles"),
        metavar="DIR",
        help="folder (default: docs/bundles)",
    )
    command.set_defaults(measure=_page)
    return parser


if __name__ == "__main__":
    sys.exit(main())
