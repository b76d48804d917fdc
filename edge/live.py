"""The one loop: sample blocks from any source, through the monitor, to events."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from edge.alarms import Setting
from edge.bundle import DEFAULT_BUNDLE
from edge.classify import Backend
from edge.events import Event, Link, Stats, seconds
from edge.filters import FS_MAX, FS_MIN
from edge.monitor import Monitor
from firmware_bridge.block import SampleBlock
from firmware_bridge.calibration import Boards
from firmware_bridge.errors import ProtocolError
from firmware_bridge.link import LinkChange, SerialLink

Item = SampleBlock | LinkChange


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
    end, t = 0, 0.0
    for item in source:
        if isinstance(item, LinkChange):
            yield item, [Link(end, t, item.state, item.detail)]
            continue
        if not FS_MIN <= item.fs <= FS_MAX:
            raise ProtocolError(
                f"the board sends {item.fs:g} samples a second: "
                f"only {FS_MIN:g} to {FS_MAX:g} can be used"
            )
        end = item.start + len(item)
        last = end >= duration_s * item.fs
        if last:
            end = max(item.start, round(duration_s * item.fs))
            item = replace(item, mv=item.mv[: end - item.start])
        t = seconds(end, item.fs)
        yield item, monitor.push(item)
        if last:
            break
    yield (
        None,
        [
            _with_link(event, link) if link and isinstance(event, Stats) else event
            for event in monitor.flush()
        ],
    )


def _with_link(stats: Stats, link: SerialLink) -> Stats:
    rate, drift = link.rate_hz, link.drift_ppm
    return replace(
        stats,
        frames=asdict(link.counters),
        rate_hz=None if rate is None else round(rate, 4),
        drift_ppm=None if drift is None else round(drift, 1),
    )


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

    Raises:
        PortError: The port cannot be opened.
        ProtocolError: Nothing that comes from it is understood, or its rate is out of bounds.
        BundleError, BackendError: The model cannot be loaded.
        RecordError: The board has no such lead.
        CalibrationError: The file of scales cannot be used.
        ValueError: There is no such alarm, or it cannot have that limit.

    """
    monitor = Monitor(model, backend=backend, leads=leads, alarms=alarms)
    boards = Boards()
    with SerialLink(port, baud, protocol, fs, reconnect=not once, ask=ask, boards=boards) as link:
        for _, events in follow(link, monitor, link=link):
            yield from events
