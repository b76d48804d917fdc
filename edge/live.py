"""The one loop: sample blocks from any source, through the monitor, to events."""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from importlib import metadata
from itertools import chain
from numbers import Real
from pathlib import Path

from edge.alarms import Setting
from edge.bundle import DEFAULT_BUNDLE, Bundle
from edge.classify import Backend
from edge.clocks import Jump, utc, zone
from edge.events import Clock, Event, Link, Overrun, Session, Stats, seconds
from edge.intake import Dropped, Intake, Taken
from edge.monitor import Monitor
from edge.rates import check_rate
from edge.replay import Opened, blocks
from firmware_bridge.block import SampleBlock
from firmware_bridge.calibration import Boards
from firmware_bridge.errors import ProtocolError
from firmware_bridge.link import LinkChange, SerialLink
from firmware_bridge.text import printable

Item = Taken
"""What a source may give."""


def follow(
    source: Iterable[Item],
    monitor: Monitor,
    duration_s: float = math.inf,
    link: SerialLink | None = None,
) -> Iterator[tuple[Item | None, list[Event]]]:
    """Give each item of `source` with its events, and at the end None with the last ones.

    The stream ends with its source, or exactly `duration_s` seconds of signal after its start.
    The totals hold the counters and the measured rate of `link`. ProtocolError where the rate of
    the samples is out of bounds.
    """
    end, t, dropped = 0, 0.0, 0
    for item in source:
        match item:
            case LinkChange():
                yield item, [Link(end, t, item.state, item.detail, item.measured_hz)]
                continue
            case Jump():
                yield item, [_clock(end, t, item)]
                continue
            case Dropped():
                dropped += item.lost
                yield item, [_overrun(item)]
                continue
        check_rate(item.fs, "the rate of the board", ProtocolError)
        end = item.start + len(item)
        last = end >= duration_s * item.fs
        if last:
            end = max(item.start, round(duration_s * item.fs))
            item = replace(item, mv=item.mv[: end - item.start])
        t = seconds(end, item.fs)
        yield item, monitor.push(item)
        if last:
            break
    yield None, [_totals(event, link, dropped) for event in monitor.flush()]


def _clock(sample: int, t: float, jump: Jump) -> Clock:
    if jump.kind == "set":
        way = "forward" if jump.by_s > 0 else "back"
        detail = f"The clock of this machine was set {way} by {abs(jump.by_s):.1f} s"
    else:
        detail = f"This machine was suspended for {jump.by_s:.1f} s"
    after = utc(jump.wall)
    return Clock(sample, t, jump.kind, round(jump.by_s, 3), after, f"{detail}; it is now {after}.")


def _overrun(dropped: Dropped) -> Overrun:
    lasted = seconds(dropped.lost, dropped.fs)
    return Overrun(
        dropped.start,
        seconds(dropped.start, dropped.fs),
        dropped.lost,
        lasted,
        f"{lasted:.2f} s of samples came and were not taken in time: this program, or what reads "
        "its events, was too slow.",
    )


def _totals(event: Event, link: SerialLink | None, dropped: int) -> Event:
    if not isinstance(event, Stats):
        return event
    event = replace(event, dropped_samples=dropped)
    if link is None:
        return event
    rate, drift = link.rate_hz, link.drift_ppm
    return replace(
        event,
        frames=asdict(link.counters),
        rate_hz=None if rate is None else round(rate, 4),
        drift_ppm=None if drift is None else round(drift, 1),
    )


def watch(
    source: Iterable[Item],
    monitor: Monitor,
    name: str,
    bundle: Bundle,
    duration_s: float = math.inf,
    link: SerialLink | None = None,
    scale: tuple[float | None, ...] | None = None,
    told: tuple[str, ...] = (),
) -> Iterator[tuple[Item | None, list[Event]]]:
    """As `follow`, with a `session` event of the source called `name` at its start.

    Where the source begins by saying that nothing comes, the session begins with that, and another
    one with the first samples: that is when `t` was 0.
    """
    held: list[Event] = []
    begun = sampled = False
    opened = time.time()
    for item, events in follow(source, monitor, duration_s, link):
        if sampled:
            yield item, events
            continue
        held += events
        match item:
            case SampleBlock():
                begun = sampled = True
                session = _session(name, bundle, item, _start(item, link))
                scale = scale or _assumed(item)
                yield item, [replace(session, scale=scale, told=told), *held]
                held = []
            case LinkChange("silent" | "down"):
                if not begun:
                    held.insert(0, _session(name, bundle, None, opened))
                begun = True
                yield item, held
                held = []
            case _:  # that the line is up is told with the samples
                yield item, []


def _assumed(block: SampleBlock) -> tuple[float | None, ...] | None:
    """Of a board that sends text: millivolts that 1 was taken for, where its lines do not tell."""
    if all(scale.told for scale in block.scale):
        return None
    return tuple(None if scale.told else scale.mv for scale in block.scale)


def _start(block: SampleBlock, link: SerialLink | None) -> float:
    """Unix time of sample 0, where this is the first block."""
    if link and link.began_s is not None:
        return time.time() - (time.monotonic() - link.began_s)
    return time.time() - (block.start + len(block)) / block.fs


def _session(name: str, bundle: Bundle, block: SampleBlock | None, start: float) -> Session:
    try:
        version = metadata.version("edge-ecg")
    except metadata.PackageNotFoundError:
        version = "unknown"
    fs, leads = (block.fs, block.leads) if block else (None, ())
    model = f"{bundle.manifest.name} {bundle.manifest.version}"
    return Session(0, 0.0, utc(start), zone(start), version, name, fs, leads, model)


def open(
    port: str,
    *,
    baud: int | None = None,
    protocol: str = "auto",
    fs: float | None = None,
    leads: Sequence[str | int] | None = None,
    model: str = DEFAULT_BUNDLE,
    backend: Backend | None = None,
    once: bool = False,
    ask: bool = False,
    alarms: Mapping[str, Setting] | None = None,
) -> Iterator[Event]:
    """The events of a board on a serial port; with `once`, until it vanishes, and then the totals.

    The arguments are those of `edge-run`: `fs` in Hz overrides the board's rate, `leads` are
    names or indices (None: all), `alarms` other limits than those of `edge.alarms.RULES`, or
    "off", by name. The port is opened with the first event, and closed with the
    iterator. Scales that were stored by `edge-run --calibrate` are applied.

    The port is read in the background. Who is slow in taking events loses nothing as long as less
    than `edge.intake.HOLD_S`, ten minutes, of signal waits; of more, an `overrun` event says what
    was dropped, and `stats` sums it.

    Raises:
        PortError: The port cannot be opened.
        ProtocolError: Nothing that comes from it is understood, or its rate is out of bounds.
        BundleError, BackendError: The model cannot be loaded.
        RecordError: The board has no such lead.
        CalibrationError: The file of scales cannot be used.
        ValueError: There is no such alarm, or it cannot have that limit, or another argument cannot
            be.

    """
    _numbers(baud=baud, fs=fs)
    loaded = Bundle.load(model)
    monitor = Monitor(loaded, backend=backend, leads=leads, alarms=alarms)
    boards = Boards()
    with (
        SerialLink(port, baud, protocol, fs, reconnect=not once, ask=ask, boards=boards) as link,
        closing(Intake(link, link.stop)) as intake,
    ):
        for _, events in watch(intake, monitor, port, loaded, link=link):
            yield from events


def _numbers(**given: object) -> None:
    for name, value in given.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise ValueError(f"{name} must be a number, not {printable(repr(value), 40)}")


def play(
    record: str | Path,
    *,
    fs: float | None = None,
    leads: Sequence[str | int] | None = None,
    model: str = DEFAULT_BUNDLE,
    backend: Backend | None = None,
    alarms: Mapping[str, Setting] | None = None,
) -> Iterator[Event]:
    """The events of a recording, which is read as they are taken; the last are the totals.

    `record` and `leads` are as in `edge.replay.Opened`: a WFDB record, an EDF, CSV or NumPy file;
    `fs` in Hz is the rate of the latter two, where they do not tell it; where they do, and another,
    a `link` event says so. The rest is as in `open`. Where no unit is known, `Session.scale` tells
    what was taken for it.

    Raises:
        RecordError: The recording, or a lead of it, cannot be used.
        BundleError, BackendError: The model cannot be loaded.
        ValueError: There is no such alarm, or it cannot have that limit, or another argument cannot
            be.

    """
    _numbers(fs=fs)
    loaded = Bundle.load(model)
    monitor = Monitor(loaded, backend=backend, alarms=alarms)
    yield from played(Opened(record, leads, fs), monitor, loaded)


def played(opened: Opened, monitor: Monitor, bundle: Bundle) -> Iterator[Event]:
    """As `play`, of a recording that is open."""
    items: Iterable[Item] = chain(opened.doubts, blocks(opened))
    for _, events in watch(
        items, monitor, opened.name, bundle, scale=opened.scale, told=opened.told
    ):
        yield from events
