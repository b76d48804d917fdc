"""`edge-emulate`: a recording, or the demo, played as a board on a pseudo-terminal, with faults."""

import argparse
import math
import random
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edge import demo, replay
from edge.cli.values import add_leads, rate, speed
from edge.replay import Recording
from edge.sampled import SKETCH_FS, as_board
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.emulator import Emulator
from firmware_bridge.errors import ProtocolError, UserError
from firmware_bridge.faults import FRAME_FAULTS, RATE_FAULTS, SPAN_FAULTS, Fault, Faults, parse


def _rows(kinds: dict[str, str], form: str) -> str:
    return "\n".join(f"  {kind + form:15} {text}" for kind, text in kinds.items())


_EPILOG = f"""\
examples:
  edge-emulate demo --link /tmp/ecg                  our own frame; in another terminal:
  edge-run --port /tmp/ecg
  edge-emulate mitdb/208 --as cyton --link /tmp/ecg  an OpenBCI Cyton, silent until it is started:
  edge-run --port /tmp/ecg --protocol cyton          or --ask, which finds out what it is
  edge-emulate mitdb/208 --as cyton --link /tmp/ecg --faults drop:0.01,unplug@30s:5s --seed 1
                                                     that loses 1 % of its frames, and whose
                                                     plug is out from 0:30 to 0:35

faults (with commas between; without @START:DURATION they last throughout; seconds of signal)
 to a share of the frames, KIND:SHARE or KIND:SHARE@START:DURATION; the frame
{_rows(FRAME_FAULTS, ":0.01")}
 for a while, KIND@START:DURATION
{_rows(SPAN_FAULTS, "@30s:5s")}
 to the line, KIND:AMOUNT or KIND:AMOUNT@START:DURATION
{_rows(RATE_FAULTS, ":AMOUNT")}
 --baud is a fault too: a reader that has set another speed gets what a UART would make of it.

exit codes:
  0  everything was played, or SIGINT or SIGTERM came    4  the board cannot send these leads
  2  usage                                               5  the recording cannot be used
  3  the link cannot be made
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Play until the end or a signal; returns the exit code."""
    args = _parse(argv)
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        recording = (
            demo.stream()[0].only(args.lead)
            if args.record == "demo"
            else replay.read(args.record, args.lead)
        )
        row = PROTOCOLS[args.protocol]
        if args.lead and row.leads != "sent" and len(args.lead) > len(row.leads):
            raise ProtocolError(f"{args.protocol} has {len(row.leads)} ECG lead(s): choose as many")
        faults = Faults(args.faults, args.seed)
        _play(args, as_board(recording, row, args.fs), faults)
    except UserError as error:
        return _refuse(error, error.exit_code)
    except KeyboardInterrupt:
        pass
    return 0


def _play(args: argparse.Namespace, recording: Recording, faults: Faults) -> None:
    front_end = PROTOCOLS[args.protocol]
    baud = args.baud or next(iter(front_end.bauds), None)
    with Emulator(
        replay.blocks(recording, max(1, round(recording.fs / 10))),
        args.protocol,
        None if args.speed == math.inf else args.speed,
        link=args.link,
        baud=baud,
        faults=faults,
        stay=True,
        overrun=args.overrun,
    ) as emulator:
        speed = f"{baud} baud, " if baud else ""
        leads = ", ".join(recording.leads)
        print(f"{front_end.board} on {emulator.port}: {speed}{recording.fs:g} Hz, {leads}")
        told = f" --protocol {args.protocol}" if front_end.commands.start else ""
        print(
            f"Waiting for a reader: edge-run --port {emulator.port}{told}; Ctrl-C ends it.",
            flush=True,
        )
        try:
            emulator.wait()
        finally:
            kinds = Counter(window.kind for window in faults.log)
            happened = [f"{kind} {n}" for kind, n in kinds.items()]
            if emulator.overrun:
                happened.append(f"overrun {emulator.overrun} bytes")
            print("Faults:", ", ".join(happened) or "none")


def _refuse(sentence: object, code: int) -> int:
    print(f"edge-emulate: {sentence}", file=sys.stderr)
    return code


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="edge-emulate",
        usage="edge-emulate RECORD [--as PROTOCOL] [--link PATH] [--faults SCRIPT] [options]",
        description="Plays a recording as a board that edge-run, or any other program, can read.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "record", metavar="RECORD", help="a WFDB record, its path without extension; or demo"
    )
    parser.add_argument(
        "--as",
        dest="protocol",
        choices=PROTOCOLS,
        default="edge",
        metavar="PROTOCOL",
        help="one of edge-run --list-protocols; default: edge, our own",
    )
    parser.add_argument(
        "--link",
        type=Path,
        metavar="PATH",
        help="path that leads to the port while it is there; default: none, the port's own path "
        "is printed",
    )
    add_leads(parser, "as many as the board has")
    parser.add_argument(
        "--fs", type=rate, metavar="HZ", help=f"board's rate; default: its own, or {SKETCH_FS:g}"
    )
    parser.add_argument(
        "--baud", type=int, metavar="N", help="board's speed; default: what its vendor uses"
    )
    parser.add_argument(
        "--speed",
        type=speed,
        default=1.0,
        metavar="X",
        help="times real time, or max, as fast as it is read; default: 1",
    )
    parser.add_argument(
        "--faults", type=_script, default=[], metavar="SCRIPT", help="what goes wrong: see below"
    )
    parser.add_argument(
        "--overrun",
        action="store_true",
        help="a reader that does not read loses what its system's buffer has no room for, as on a "
        "UART; default: bytes wait",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of the faults; default: another each time"
    )
    args = parser.parse_args(argv)
    if args.link is None and any(fault.kind == "unplug" for fault in args.faults):
        parser.error("an unplugged board comes back under its link: give --link PATH")
    if args.baud is not None and args.baud < 1:
        parser.error("--baud: give bits a second, such as 115200")
    if args.seed is None:
        args.seed = random.randrange(1 << 32)
    return args


def _script(text: str) -> list[Fault]:
    try:
        return parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
