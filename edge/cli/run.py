"""`edge-run`: a live port, a recording or the built-in demo, beat by beat.

Each mode only makes another source of sample blocks; the loop and the sinks are the same. The
source is read in one thread, each output written in another, and between them is the monitor.
"""

if __name__ == "__main__":
    import sys

    from edge.cli.start import main as start

    sys.exit(start())

import argparse
import math
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from itertools import chain, takewhile
from operator import or_
from pathlib import Path

from edge import alarms, demo, replay
from edge.bundle import Bundle
from edge.cli import boards
from edge.cli.options import parse, tells
from edge.cli.start import SIGNALS, printing
from edge.errors import OutputError
from edge.events import Clock, Output, Session, Stats
from edge.intake import HOLD_S, Intake, Read
from edge.leads import wire_names
from edge.live import watch
from edge.monitor import Monitor
from edge.outputs import DISK_S, END_S, Outputs, say
from edge.sinks import writing
from edge.sinks.jsonl import Jsonl
from edge.sinks.keep import Keep
from edge.sinks.recorder import Recorder
from edge.sinks.terminal import Lines, summary
from edge.sinks.wfdb import Annotations
from edge.view import View
from edge.web.start import Page
from firmware_bridge import clock
from firmware_bridge.block import SampleBlock
from firmware_bridge.calibration import Boards
from firmware_bridge.emulator import Emulator
from firmware_bridge.errors import UserError
from firmware_bridge.link import LinkChange, SerialLink

VANISHED = 9
"""Exit code of what is no error; those carry their own."""
_STDOUT = "standard output"


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

    def warnings(self) -> list[str]:
        """What whoever plays it should know."""
        return [*([replay.unscaled(self.name)] if self.scale else []), *self.told]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    closed = sys.stdout is None  # by whoever started us
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    printing()
    args = parse(argv)
    try:
        if closed and args.jsonl == "-":
            raise OutputError(f"cannot write {_STDOUT}: it is closed")
        if tells(args):
            with _on_signal(_interrupt):
                return _tell(args)
        return _run(args)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Whoever read us has enough; the interpreter's last flush shall be quiet about it too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UserError as error:
        return _refuse(error, error.exit_code)


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
    begun, down, start = False, "", 0.0
    stops: list[Callable[[], None]] = []
    with ExitStack() as stack:
        # Until something is open, there is nothing to end in order.
        stack.enter_context(_on_signal(lambda: [stop() for stop in stops] or os._exit(0)))
        page = None if args.web is None else Page(args.web, args.alarm)
        source = stack.enter_context(_open(args))
        if page:
            _say(f"the page is at {page.link}")
            if sys.stderr.isatty() and sys.stderr.encoding.lower().startswith("utf"):
                say(sys.stderr, page.code)
        for sentence in [] if args.quiet else source.warnings():
            _say(sentence)
        view = None
        if _screen(args):
            view = View(sys.stdout, f"{source.name}  {page.link}" if page else source.name)
            stack.enter_context(_giving_way(view))
        outputs = Outputs(_say, waits=not source.live, view=view)
        intake = Intake(source.items, source.stop, waits=not source.live)
        stack.enter_context(closing(intake))
        if page:
            outputs.add(page.serve(intake.wish), "the page", END_S)
        stops += [outputs.stop, intake.stop]
        if view:
            view.listen()
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
                taken = None
                if not begun and events:
                    _open_outputs(args, outputs, live=source.live)
                if events and isinstance(events[0], Session) and events[0].fs and args.annotate:
                    taken = _open_annotations(args, outputs, source, events[0])
                if isinstance(item, SampleBlock):
                    outputs.show(item)
                elif isinstance(item, LinkChange):
                    down = item.detail if item.state == "down" else ""
                for event in events:
                    match event:
                        case Stats():
                            event = stats = replace(event, dropped_events=outputs.dropped)
                        case Session():
                            start = datetime.fromisoformat(event.start).timestamp()
                        case Clock(kind="set"):
                            start += event.by_s
                    outputs.write(event)
                    if taken:
                        outputs.write(taken)
                        taken = None
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
            text = "\n".join([summary(stats, start), *([score.table()] if score else [])])
            say(sys.stderr if args.jsonl == "-" else sys.stdout, text)
    code = 0 if complete else OutputError.exit_code
    return _refuse(down, code or VANISHED) if down and args.once else code


def _screen(args: argparse.Namespace) -> bool:
    """Whether there is a view, on a terminal that a view can be drawn on."""
    dumb = os.environ.get("TERM") == "dumb"
    hidden = args.quiet or args.jsonl == "-" or dumb or _link_stays(args)
    return not hidden and sys.stdout.isatty()


def _link_stays(args: argparse.Namespace) -> bool:
    """Whether the terminal keeps the page's link and its QR code, and shows nothing else."""
    return args.web is not None and not args.web.local and sys.stdout.isatty()


def _open_outputs(args: argparse.Namespace, outputs: Outputs, *, live: bool) -> None:
    """Lines for people, JSON and the recorder, once there is a source; OutputError if they fail."""
    if not (args.quiet or args.jsonl == "-" or _screen(args) or _link_stays(args)):
        # A terminal that stands still keeps nothing: it is not waited for at the end.
        outputs.add(Lines(sys.stdout), _STDOUT, END_S if sys.stdout.isatty() else HOLD_S)
    if args.jsonl is not None:
        sink = Jsonl(args.jsonl, overwrite=args.overwrite)
        outputs.add(sink, _STDOUT if args.jsonl == "-" else args.jsonl)
    if args.record:
        recorder = Recorder(args.record, reduce(or_, args.keep, Keep()), live=live)
        outputs.add(recorder, str(args.record), stopped_s=DISK_S)


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
