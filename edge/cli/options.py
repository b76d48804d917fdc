"""The options of `edge-run`: what they are called, what they take, which belong together."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from edge import alarms
from edge.bundle import DEFAULT_BUNDLE
from edge.cli.values import add_leads, number, positive, rate, scale, speed
from edge.sinks.keep import Keep
from edge.web.address import Address
from edge.web.address import parse as parse_address
from firmware_bridge.decoders import PROTOCOLS

_EPILOG = """\
examples:
  edge-run --demo                                    a minute of made-up ECG, scored
  edge-run --list-ports                              which port is the board on?
  edge-run --port /dev/ttyUSB0                       watch it; protocol and rate are found out
  edge-run --port auto                               the same, on whatever port it is
  edge-run --port /dev/ttyUSB0 --probe               what is on the line, and how sure is that?
  edge-run --port /dev/ttyUSB0 --calibrate           a 1 mV pulse on the inputs sets the scale
  edge-run --port /dev/ttyUSB0 --jsonl - | your-program
  edge-run --port socket://192.168.1.20:2000         the same, over a network
  edge-run --port auto --web                         the same, in a browser
  edge-run --port auto --web 0.0.0.0                 and in others of your network
  edge-run --replay mitdb/208 --lead MLII            watch a recording
  edge-run --replay mine.csv --fs 250                and one of another kind
  edge-run --port auto --alarm pause=3 --alarm bigeminy=off
                                                     limits of your own; see --list-alarms
  edge-run --port auto --record ecg --keep 30d       keep it: samples, labels, alarms
  edge-run --replay ecg                              and see it again
  edge-run --replay mitdb/208 --speed max --quiet --annotate out
                                                     its beats as annotations, out/208.edge

exit codes:
  0  the stream ended, or SIGINT, SIGTERM or SIGHUP did; all beats are written
  2  usage                          6  the model bundle cannot be used
  3  the port cannot be opened      7  the inference back end, or what an
  4  no protocol fits the bytes        option needs, is not installed
  5  the recording or a lead of it  8  an output failed, or events are
     cannot be used                    missing from it
                                    9  the port vanished, with --once
                                   11  no calibration pulse came, or the
                                       file of scales cannot be used

An output that stands still (Ctrl-S, a reader that sleeps, a slow disk) holds up
nothing else: what it does not take waits, ten minutes of events at least, and
what is dropped after them is counted. A full disk is tried again every 5 s.
When nobody reads any output any more, the run ends.

This is no medical device.
"""

_BELONGS = {
    "baud": ("port",),
    "protocol": ("port",),
    "fs": ("port", "replay"),
    "ask": ("port",),
    "once": ("port",),
    "probe": ("port",),
    "calibrate": ("port",),
    "speed": ("demo", "replay"),
    "via": ("replay",),
}
"""Options that mean something in these modes only."""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options that were given, or the defaults; exits with 2 and a sentence, as argparse does,
    where they cannot be.
    """
    parser = argparse.ArgumentParser(
        prog="edge-run",
        usage="edge-run (--demo | --port DEV | --replay RECORD | --list-...) [options]",
        description="Names every heartbeat of an ECG: from a serial port or another line, "
        "a recording, or a demo.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for add in (_modes, _live, _played, _watching, _outputs):
        add(parser)
    args = parser.parse_args(argv)
    args.alarm = dict(args.alarm)
    try:
        alarms.Limits(args.alarm)
    except ValueError as error:
        parser.error(f"argument --alarm: {error}")
    if not (args.demo or args.port or args.replay or tells(args)):
        parser.error("nothing to watch: give --demo, --port DEV or --replay RECORD (see --help)")
    for option, modes in _BELONGS.items():
        if getattr(args, option) is not None and not any(getattr(args, mode) for mode in modes):
            parser.error(f"--{option} belongs to --{' and --'.join(modes)}")
    if args.keep and not args.record:
        parser.error("--keep belongs to --record")
    if args.probe and args.port == "auto":
        parser.error("--probe needs the path of a port: see --list-ports")
    return args


def tells(args: argparse.Namespace) -> bool:
    """Whether the mode watches nothing, and only tells people something."""
    lists = args.list_ports or args.list_protocols or args.list_alarms
    return lists or args.probe or args.calibrate is not None


def _modes(parser: argparse.ArgumentParser) -> None:
    mode = parser.add_argument_group("what to watch (one of)").add_mutually_exclusive_group()
    mode.add_argument("--demo", action="store_true", help="a made-up minute of ECG")
    mode.add_argument(
        "--port",
        metavar="DEV",
        help="a board on this serial port, on auto, on socket://HOST:PORT or rfc2217://HOST:PORT, "
        "on a FIFO, or on -, standard input",
    )
    mode.add_argument(
        "--replay",
        metavar="FILE",
        help="a recording: a folder of --record, or a WFDB record, EDF, CSV or NumPy file",
    )
    mode.add_argument("--list-ports", action="store_true", help="serial ports of this machine")
    mode.add_argument("--list-protocols", action="store_true", help="boards that are understood")
    mode.add_argument(
        "--list-alarms", action="store_true", help="every alarm, its limit and its source"
    )


def _live(parser: argparse.ArgumentParser) -> None:
    live = parser.add_argument_group("with --port")
    live.add_argument("--baud", type=_baud, metavar="N", help="default: what the board uses")
    live.add_argument(
        "--protocol",
        choices=["auto", *PROTOCOLS],
        metavar="NAME",
        help="one of --list-protocols; default: auto, found out from the bytes",
    )
    live.add_argument(
        "--fs",
        type=rate,
        metavar="HZ",
        help="rate, where the board is mistaken (a link event proposes one), or of a CSV or NumPy "
        "file that does not tell it",
    )
    live.add_argument(
        "--ask",
        action="store_true",
        default=None,
        help="may send commands to a board that was not recognised from its bytes",
    )
    live.add_argument(
        "--once",
        action="store_true",
        default=None,
        help="end when the port vanishes (exit code 9); default: wait until the board is back",
    )
    live.add_argument(
        "--probe",
        action="store_true",
        default=None,
        help="only show what is seen at each baud (exit code 4 if nothing is recognised for sure)",
    )
    live.add_argument(
        "--calibrate",
        nargs="?",
        const=math.nan,
        type=scale,
        metavar="SCALE",
        help="only store, for this board, what its samples are multiplied by from now on: SCALE, "
        "or what makes a pulse of 1 mV on the inputs right",
    )


def _played(parser: argparse.ArgumentParser) -> None:
    played = parser.add_argument_group("with --demo and --replay")
    played.add_argument(
        "--speed", type=speed, metavar="X", help="times real time, or max; default: 1"
    )
    played.add_argument(
        "--via",
        choices=["direct", "pty"],
        help="--replay only: pty sends the record over a pseudo-terminal and reads it like a "
        "board; the events are the same; default: direct",
    )


def _watching(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what to do with it")
    add_leads(what)
    what.add_argument(
        "--model",
        default=DEFAULT_BUNDLE,
        metavar="BUNDLE",
        help="name of a shipped model or path of a bundle; default: %(default)s",
    )
    what.add_argument(
        "--backend", choices=["litert", "onnx"], help="default: litert, onnx where it is missing"
    )
    what.add_argument(
        "--duration",
        type=positive,
        default=math.inf,
        metavar="S",
        help="stop after so many seconds of signal",
    )

    what.add_argument(
        "--alarm",
        action="append",
        type=_alarm,
        default=[],
        metavar="NAME=LIMIT",
        help="another limit than that of --list-alarms, or off; may be given again",
    )


def _outputs(parser: argparse.ArgumentParser) -> None:
    output = parser.add_argument_group("output")
    output.add_argument("--quiet", action="store_true", help="no view and no summary")
    output.add_argument(
        "--jsonl",
        type=_file,
        metavar="FILE",
        help="every event as a line of JSON, after what the file holds; - for standard output",
    )
    output.add_argument(
        "--annotate",
        type=_folder,
        metavar="DIR",
        help="final labels as DIR/RECORD.edge, a WFDB annotation file, or RECORD-2.edge and so on "
        "if that is there; a port's RECORD is the time of its start, as 20261129T002444Z",
    )
    output.add_argument(
        "--record",
        type=_folder,
        metavar="DIR",
        help="everything, as WFDB records in DIR, a new one at each full hour (UTC): samples as "
        "the board sends them, labels, rhythms, alarms, noise and gaps. An hour of a lead of "
        "250 Hz takes 1.8 MB, of converters of more than 15 bits 2.7 MB, of more than 23 bits "
        "3.6 MB",
    )
    output.add_argument(
        "--keep",
        type=_keep,
        action="append",
        default=[],
        metavar="LIMIT",
        help="with --record: of what was recorded in DIR delete the oldest hours, as 30d (or 12h) "
        "or 10GB (or MB, TB); may be given again; default: all is kept",
    )
    output.add_argument(
        "--web",
        nargs="?",
        const=Address(),
        type=_address,
        metavar="HOST:PORT",
        help="a page that shows it all in a browser, with alarms and their limits; default: "
        f"{Address()}, which this machine alone reaches; elsewhere it needs the key that is in the "
        "link that is printed",
    )
    output.add_argument(
        "--overwrite",
        action="store_true",
        help="begin the files of --jsonl and --annotate anew; what they hold is lost",
    )


def _alarm(text: str) -> tuple[str, alarms.Setting]:
    try:
        return alarms.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _keep(text: str) -> Keep:
    try:
        return Keep.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _baud(text: str) -> int:
    return int(number(text, 1, 2**31 - 1, "give bits a second, such as 115200"))


def _file(text: str) -> str:
    if not text:  # a variable of a script that is not set
        raise argparse.ArgumentTypeError("give a file, or - for standard output, not ''")
    return text


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("give a folder, not ''")
    return Path(text)
