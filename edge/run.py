"""`edge-run`: a live port, a recording or the built-in demo, beat by beat.

Each mode only makes another source of sample blocks; the loop and the sinks are the same. The
source is read in one thread, each output written in another, and between them is the monitor.
"""

if __name__ == "__main__":
    import sys

    from edge.start import main as start

    sys.exit(start())

import argparse
import io
import math
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, takewhile
from pathlib import Path

from edge import alarms, boards, demo, replay
from edge.bundle import DEFAULT_BUNDLE, Bundle
from edge.errors import EdgeError, OutputError
from edge.events import Output, Session, Stats
from edge.filters import FS_MAX, FS_MIN
from edge.intake import HOLD_S, Intake, Read
from edge.leads import wire_names
from edge.live import watch
from edge.monitor import Monitor
from edge.outputs import END_S, Outputs, say
from edge.sinks import writing
from edge.sinks.jsonl import Jsonl
from edge.sinks.terminal import Lines, summary
from edge.sinks.wfdb import Annotations
from edge.start import SIGNALS
from edge.view import View
from firmware_bridge import clock
from firmware_bridge.block import SampleBlock
from firmware_bridge.calibration import Boards
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.emulator import Emulator
from firmware_bridge.errors import CalibrationError, PortError, ProtocolError
from firmware_bridge.link import LinkChange, SerialLink

PORT, PROTOCOL, VANISHED, CALIBRATION = 3, 4, 9, 11
"""Exit codes of what is no EdgeError; those carry their own."""
_STDOUT = "standard output"

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
  edge-run --replay mitdb/208 --lead MLII            watch a recording
  edge-run --replay mine.csv --fs 250                and one of another kind
  edge-run --port auto --alarm pause=3 --alarm bigeminy=off
                                                     limits of your own; see --list-alarms
  edge-run --replay mitdb/208 --speed max --quiet --annotate out
                                                     its beats as annotations, out/208.edge

exit codes:
  0  the stream ended, or SIGINT, SIGTERM or SIGHUP did; all beats are written
  2  usage                          6  the model bundle cannot be used
  3  the port cannot be opened      7  the inference back end is missing
  4  no protocol fits the bytes     8  an output failed, or events are
  5  the recording or a lead of it     missing from it
     cannot be used                 9  the port vanished, with --once
                                   11  no calibration pulse came, or the
                                       file of scales cannot be used

An output that stands still (Ctrl-S, a reader that sleeps, a slow disk) holds up
nothing else: what it does not take waits, ten minutes of events at least, and
what is dropped after them is counted. A full disk is tried again every 5 s.
When nobody reads any output any more, the run ends.

This is no medical device.
"""


@dataclass(frozen=True)
class _Source:
    """What a mode plays."""

    name: str
    """A port's path, or a recording's name."""
    items: Iterable[Read]
    stop: Callable[[], None]
    """Ends `items` soon; may be called in a signal handler."""
    link: SerialLink | None = None
    """Its decoder's counters belong to the totals."""
    scale: tuple[float | None, ...] | None = None
    """Of leads without a unit, as `edge.events.Session` tells it."""
    told: tuple[str, ...] = ()
    """As `edge.events.Session` has it."""
    live: bool = False
    """A board waits for nobody; what is played does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    closed = sys.stdout is None  # by whoever started us
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a lead's name need not fit the terminal
    args = _parse(argv)
    try:
        if closed and args.jsonl == "-":
            raise OutputError(f"cannot write {_STDOUT}: it is closed")
        if _tells(args):
            with _on_signal(_interrupt):
                return _tell(args)
        return _run(args)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Whoever read us has enough; the interpreter's last flush shall be quiet about it too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except EdgeError as error:
        return _refuse(error, error.exit_code)
    except PortError as error:
        return _refuse(error, PORT)
    except ProtocolError as error:
        return _refuse(error, PROTOCOL)
    except CalibrationError as error:
        return _refuse(error, CALIBRATION)


def _tells(args: argparse.Namespace) -> bool:
    lists = args.list_ports or args.list_protocols or args.list_alarms
    return lists or args.probe or args.calibrate is not None


def _tell(args: argparse.Namespace) -> int:
    """What watches nothing: lines for people."""
    with ExitStack() as stack:
        lines: Iterable[str]
        if args.list_ports:
            lines = boards.ports()
        elif args.list_protocols:
            lines = boards.protocols()
        elif args.list_alarms:
            lines = alarms.lines(args.alarm)
        elif args.probe:
            lines = boards.probe(args.port, args.baud, args.ask)
        else:
            link = stack.enter_context(_link(args))
            lines = boards.calibrate(link, args.lead[0] if args.lead else None, args.calibrate)
        for line in lines:
            with writing(_STDOUT):
                print(line, flush=True)
    return 0


def _run(args: argparse.Namespace) -> int:
    bundle = Bundle.load(args.model)
    # A replay has chosen its leads when it was read.
    leads = None if args.replay else args.lead
    monitor = Monitor(bundle, backend=args.backend, leads=leads, alarms=args.alarm)
    score = demo.Score() if args.demo else None
    stats: Stats | None = None
    begun, down = False, ""
    stops: list[Callable[[], None]] = []
    with ExitStack() as stack:
        # Until something is open, there is nothing to end in order.
        stack.enter_context(_on_signal(lambda: [stop() for stop in stops] or os._exit(0)))
        source = stack.enter_context(_open(args))
        if source.scale and not args.quiet:
            _say(
                f"{source.name} has leads without a unit: their usual QRS complex is taken to be "
                "1 mV high, so trust classes less"
            )
        if source.told and not args.quiet:
            _say("\n".join(source.told))
        view = None
        if _screen(args):
            view = View(sys.stdout, source.name)
            stack.enter_context(_giving_way(view))
        outputs = Outputs(_say, waits=not source.live, view=view)
        intake = Intake(source.items, source.stop, waits=not source.live)
        stack.enter_context(closing(intake))
        stops += [outputs.stop, intake.stop]
        try:
            for item, events in watch(
                intake,
                monitor,
                source.name,
                bundle,
                args.duration,
                source.link,
                source.scale,
                source.told,
            ):
                if isinstance(item, SampleBlock) and view:
                    view.show(item)
                elif isinstance(item, LinkChange):
                    down = item.detail if item.state == "down" else ""
                for event in events:
                    if isinstance(event, Stats):
                        event = stats = replace(event, dropped_events=outputs.dropped)
                    if not begun:
                        _open_texts(args, outputs)
                    taken = None
                    if isinstance(event, Session) and event.fs and args.annotate:
                        taken = _open_annotations(args, outputs, source, event)
                    outputs.write(event)
                    if taken:
                        outputs.write(taken)
                    if not begun:
                        outputs.check()
                        begun = True
                    if score:
                        score.write(event)
                if outputs.gone:
                    intake.stop()
        finally:
            complete = outputs.close()
        if stats and not (args.quiet or outputs.gone):
            text = "\n".join([summary(stats), *([score.table()] if score else [])])
            say(sys.stderr if args.jsonl == "-" else sys.stdout, text)
    code = 0 if complete else OutputError.exit_code
    return _refuse(down, code or VANISHED) if down and args.once else code


def _screen(args: argparse.Namespace) -> bool:
    """Whether there is a view, on a terminal that a view can be drawn on."""
    dumb = os.environ.get("TERM") == "dumb"
    return not (args.quiet or args.jsonl == "-" or dumb) and sys.stdout.isatty()


def _open_texts(args: argparse.Namespace, outputs: Outputs) -> None:
    """Lines for people, and of JSON, now that there is a source; OutputError if they cannot be."""
    if not (args.quiet or args.jsonl == "-" or _screen(args)):
        # A terminal that stands still keeps nothing: it is not waited for at the end.
        outputs.add(Lines(sys.stdout), _STDOUT, END_S if sys.stdout.isatty() else HOLD_S)
    if args.jsonl is not None:
        sink = Jsonl(args.jsonl, overwrite=args.overwrite)
        outputs.add(sink, _STDOUT if args.jsonl == "-" else args.jsonl)


def _open_annotations(
    args: argparse.Namespace, outputs: Outputs, source: _Source, session: Session
) -> Output | None:
    """The annotation file, a port's under the time of its start; OutputError as above.

    Tells the file's name where it is another one, because that is taken.
    """
    assert session.fs
    start = datetime.fromisoformat(session.start)
    name, dated = (f"{start:%Y%m%dT%H%M%SZ}", start) if args.port else (source.name, None)
    sink = Annotations(args.annotate, name, session.fs, overwrite=args.overwrite, start=dated)
    outputs.add(sink, str(sink.path))
    if sink.path.stem == name:
        return None
    text = f"{args.annotate / name}.edge is there already: {sink.path.name} is written"
    _say(text)
    return Output(session.sample, session.t, str(sink.path), "up", 0, f"{text}.")


def _link(args: argparse.Namespace) -> SerialLink:
    """The port that was asked for; without its calibration, and once, if that is to be made."""
    watching = args.calibrate is None
    return SerialLink(
        args.port,
        args.baud,
        args.protocol or "auto",
        args.fs,
        reconnect=watching and not args.once,
        ask=bool(args.ask),
        boards=Boards() if watching else None,
    )


@contextmanager
def _open(args: argparse.Namespace) -> Iterator[_Source]:
    """The source of the mode that was asked for; closed on leaving."""
    if args.port:
        with _link(args) as link:
            yield _Source(args.port, link, link.stop, link, live=True)
        return
    speed = args.speed or 1.0
    recording: replay.Recording | replay.Opened = (
        demo.stream()[0] if args.demo else replay.Opened(args.replay, args.lead, args.fs)
    )
    opened = recording if isinstance(recording, replay.Opened) else None
    scale, told = (opened.scale, opened.told) if opened else (None, ())
    doubts = opened.doubts if opened else []
    if args.demo or args.via == "pty":
        with (
            Emulator(
                _renamed(replay.blocks(recording), wire_names(recording.leads)),
                "edge",
                None if speed == math.inf else speed,
            ) as emulator,
            SerialLink(
                emulator.port, protocol="edge", clock=clock.now if speed == 1 else None
            ) as link,
        ):
            # The totals of a replay are the recording's, whichever way it came.
            counted = link if args.demo else None
            items: Iterable[Read] = chain(doubts, _played(link, recording.leads))
            yield _Source(recording.name, items, link.stop, counted, scale, told)
    else:
        stopped: list[bool] = []
        blocks = takewhile(lambda _: not stopped, replay.blocks(recording, speed=speed))
        items = chain(doubts, blocks)
        yield _Source(recording.name, items, lambda: stopped.append(True), None, scale, told)


def _played(link: SerialLink, leads: tuple[str, ...]) -> Iterator[Read]:
    """The link's items, with the recording's names; that the emulator hangs up is as it should."""
    for item in link:
        if isinstance(item, LinkChange) and item.state == "down":
            item = LinkChange("down", "everything was played")
        yield replace(item, leads=leads) if isinstance(item, SampleBlock) else item


def _renamed(blocks: Iterable[SampleBlock], leads: tuple[str, ...]) -> Iterator[SampleBlock]:
    return (replace(block, leads=leads) for block in blocks)


@contextmanager
def _on_signal(action: Callable[[], object]) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP (the terminal is gone) call `action`."""
    before = {
        number: signal.signal(number, lambda *_: action())
        for number in SIGNALS
        if signal.getsignal(number) != signal.SIG_IGN  # nohup
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _giving_way(view: View) -> Iterator[None]:
    """Let Ctrl-Z leave the shell its screen, and draw the view again when the run goes on."""

    def stop(*_: object) -> None:
        view.pause()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # here it stands still
        signal.signal(signal.SIGTSTP, stop)
        view.resume()

    before = signal.getsignal(signal.SIGTSTP)
    if before == signal.SIG_DFL:  # else nobody would let it go on
        signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    say(sys.stderr, "\n".join(f"edge-run: {line}" for line in text.splitlines()))


def _refuse(sentence: object, code: int) -> int:
    _say(str(sentence))
    return code


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="edge-run",
        usage="edge-run (--demo | --port DEV | --replay RECORD | --list-...) [options]",
        description="Names every heartbeat of an ECG: from a serial port or another line, "
        "a recording, or a demo.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    mode = parser.add_argument_group("what to watch (one of)").add_mutually_exclusive_group()
    mode.add_argument("--demo", action="store_true", help="a made-up minute of ECG")
    mode.add_argument(
        "--port",
        metavar="DEV",
        help="a board on this serial port, on auto, on socket://HOST:PORT or rfc2217://HOST:PORT, "
        "on a FIFO, or on -, standard input",
    )
    mode.add_argument(
        "--replay", metavar="FILE", help="a recording: a WFDB record, EDF, CSV or NumPy file"
    )
    mode.add_argument("--list-ports", action="store_true", help="serial ports of this machine")
    mode.add_argument("--list-protocols", action="store_true", help="boards that are understood")
    mode.add_argument(
        "--list-alarms", action="store_true", help="every alarm, its limit and its source"
    )

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
        type=_rate,
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
        type=_scale,
        metavar="SCALE",
        help="only store, for this board, what its samples are multiplied by from now on: SCALE, "
        "or what makes a pulse of 1 mV on the inputs right",
    )

    played = parser.add_argument_group("with --demo and --replay")
    played.add_argument(
        "--speed", type=_speed, metavar="X", help="times real time, or max; default: 1"
    )
    played.add_argument(
        "--via",
        choices=["direct", "pty"],
        help="--replay only: pty sends the record over a pseudo-terminal and reads it like a "
        "board; the events are the same; default: direct",
    )

    what = parser.add_argument_group("what to do with it")
    what.add_argument(
        "--lead",
        action="append",
        metavar="LEAD",
        help="name, or number from 0; may be given again; default: every ECG lead there is",
    )
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
        type=_positive,
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
        "--overwrite",
        action="store_true",
        help="begin the files of --jsonl and --annotate anew; what they hold is lost",
    )
    args = parser.parse_args(argv)
    args.alarm = dict(args.alarm)
    try:
        alarms.Limits(args.alarm)
    except ValueError as error:
        parser.error(f"argument --alarm: {error}")
    if not (args.demo or args.port or args.replay or _tells(args)):
        parser.error("nothing to watch: give --demo, --port DEV or --replay RECORD (see --help)")
    for option, modes in _BELONGS.items():
        if getattr(args, option) is not None and not any(getattr(args, mode) for mode in modes):
            parser.error(f"--{option} belongs to --{' and --'.join(modes)}")
    if args.probe and args.port == "auto":
        parser.error("--probe needs the path of a port: see --list-ports")
    return args


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


def _number(text: str, least: float, most: float, says: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{says}, not {text!r}")
    return value


def _alarm(text: str) -> tuple[str, alarms.Setting]:
    try:
        return alarms.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _baud(text: str) -> int:
    return int(_number(text, 1, 2**31 - 1, "give bits a second, such as 115200"))


def _positive(text: str) -> float:
    return _number(text, sys.float_info.min, sys.float_info.max, "give a number above 0")


def _scale(text: str) -> float:
    return _number(text, math.ulp(0.0), sys.float_info.max, "give a finite factor above 0")


def _speed(text: str) -> float:
    return math.inf if text == "max" else _positive(text)


def _file(text: str) -> str:
    if not text:  # a variable of a script that is not set
        raise argparse.ArgumentTypeError("give a file, or - for standard output, not ''")
    return text


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("give a folder, not ''")
    return Path(text)


def _rate(text: str) -> float:
    low, high = FS_MIN, FS_MAX
    return _number(text, low, high, f"{low:g} to {high:g} Hz are possible")
