"""A source read in the background: nothing lost within the bound, everything counted beyond."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edge
from edge import demo, replay
from edge.bundle import Bundle
from edge.clocks import ClockWatch, Jump, Moment
from edge.events import Beat, Clock, Event, Gap, Overrun, Session, Stats
from edge.intake import Dropped, Intake, Read, Taken
from edge.live import follow, watch
from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.emulator import Emulator
from firmware_bridge.errors import PortError
from firmware_bridge.link import LinkChange, SerialLink

FS = 100.0


def block(start: int, n: int) -> SampleBlock:
    mv = np.arange(start, start + n, dtype=np.float32)[:, None]
    return SampleBlock(start, mv, FS, ("II",), (LeadState.ON,), (False,))


class Steps:
    """A source that gives its items when it is told to."""

    def __init__(self, items: list[Read]) -> None:
        self._items = items
        self._go = threading.Semaphore(0)
        self.given = 0

    def __iter__(self) -> Iterator[Read]:
        for item in self._items:
            self._go.acquire()
            yield item
            self.given += 1
        self._go.acquire()

    def give(self, n: int) -> None:
        """Lets so many items out, and waits until they are."""
        goal = min(len(self._items), self.given + n)
        self._go.release(n)
        while self.given < goal:
            time.sleep(0.0005)


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=30),
    turns=st.lists(st.tuples(st.integers(1, 8), st.integers(0, 4)), max_size=12),
)
def test_what_is_not_given_is_told(sizes: list[int], turns: list[tuple[int, int]]) -> None:
    starts = np.cumsum([0, *sizes]).tolist()
    source = Steps([block(start, n) for start, n in zip(starts, sizes, strict=False)])
    taken: list[Taken] = []
    with closing(Intake(source, hold_s=5.0)) as intake:
        items = iter(intake)
        for give, take in turns:
            source.give(give)
            for _ in range(take):
                if not intake._queue.empty():
                    taken += itertools.islice(items, 1)
        source.give(len(sizes) + 1)
        taken += items
    at = 0
    for item in taken:
        assert isinstance(item, SampleBlock | Dropped)
        assert item.start == at
        at += len(item) if isinstance(item, SampleBlock) else item.lost
        if isinstance(item, SampleBlock):
            assert item.mv[:, 0].tolist() == list(range(item.start, at))
    assert at == sum(sizes)
    if sum(sizes) <= 5 * FS:
        assert not any(isinstance(item, Dropped) for item in taken)


def test_a_source_that_waits_loses_nothing() -> None:
    blocks = [block(i * 1000, 1000) for i in range(50)]
    with closing(Intake(iter(blocks), waits=True, hold_s=5.0)) as intake:
        time.sleep(0.05)
        assert intake._put <= 6
        assert list(intake) == blocks


def test_what_the_source_raises_comes_after_what_it_gave() -> None:
    def source() -> Iterator[Read]:
        yield block(0, 10)
        raise PortError("it burns")

    with closing(Intake(source())) as intake:
        items = iter(intake)
        assert isinstance(next(items), SampleBlock)
        with pytest.raises(PortError, match="it burns"):
            next(items)


def test_a_source_that_does_not_end_is_left() -> None:
    def source() -> Iterator[Read]:
        yield block(0, 10)
        time.sleep(3600)

    with closing(Intake(source())) as intake:
        items = iter(intake)
        next(items)
        began = time.monotonic()
        intake.stop()
        assert list(items) == []
    assert time.monotonic() - began < 3


def test_a_slow_reader_of_events_is_told_what_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples, gaps and totals add up with what the board sent."""
    recording, _ = demo.stream()
    monkeypatch.setattr("edge.live.Intake", lambda *a: Intake(*a, hold_s=10.0))
    events: list[Event] = []
    with Emulator(replay.blocks(recording), speed=None) as board:
        stream = edge.open(board.port, protocol="edge", once=True)
        events.append(next(stream))
        board.wait()  # as fast as it is read
        events += stream
    assert isinstance(events[0], Session)
    (overrun,) = [e for e in events if isinstance(e, Overrun)]
    (gap,) = [e for e in events if isinstance(e, Gap)]
    stats = events[-1]
    assert isinstance(stats, Stats)
    assert (overrun.sample, overrun.lost) == (gap.sample, gap.lost)
    assert overrun.t >= 10
    assert stats.lost_samples == stats.dropped_samples == overrun.lost
    assert stats.frames["lost"] == 0
    assert stats.sample == len(recording.nv)
    assert not [e for e in events if isinstance(e, Beat) and e.sample >= gap.sample]


def test_a_reader_who_is_slow_within_the_bound_loses_nothing() -> None:
    recording, _ = demo.stream()
    with Emulator(replay.blocks(recording), speed=None) as board:
        stream = edge.open(board.port, protocol="edge", once=True)
        first = next(stream)
        board.wait()
        events = [first, *stream]
    stats = events[-1]
    assert isinstance(stats, Stats)
    assert (stats.sample, stats.lost_samples) == (len(recording.nv), 0)


def test_clock_jumps_are_told_and_move_nothing() -> None:
    recording, _ = demo.stream()
    host = Moment(1.7e9, 100.0, 100.0)
    jumps = iter([(3600.0, 0.0), (-86400.0, 0.0), (0.0, 600.0), (86400.0, 0.0)])

    def read() -> Moment:
        nonlocal host
        set_by, suspended = next(jumps, (0.0, 0.0))
        host = Moment(host.wall + set_by + suspended, host.running, host.boot + suspended)
        return host

    def quiet() -> list[Event]:
        return [e for b in replay.blocks(recording) for e in monitor.push(b)] + monitor.flush()

    monitor = edge.Monitor()
    expected = quiet()
    monitor = edge.Monitor()
    intake = Intake(replay.blocks(recording), waits=True, clocks=ClockWatch(read))
    intake._looked = 0.0
    events = []
    for _, some in follow(intake, monitor):
        events += some
        intake._looked = 0.0  # a second has passed
    told = [e for e in events if isinstance(e, Clock)]
    assert [(e.kind, e.by_s) for e in told] == [
        ("set", -86400.0), ("suspended", 600.0), ("set", 86400.0)
    ]  # fmt: skip
    assert "set back by 86400.0 s" in told[0].detail
    assert [e for e in events if not isinstance(e, Clock)] == expected


def test_a_session_begins_with_its_source() -> None:
    bundle = Bundle.load("student")
    up, silent = LinkChange("up", "here"), LinkChange("silent", "nothing")
    jump = Jump("set", 5.0, 1.7e9)

    def told(*items: Taken) -> list[str]:
        pairs = watch(items, edge.Monitor(bundle), "the port", bundle)
        events = [event for _, events in pairs for event in events]
        return [
            f"session {event.fs}" if isinstance(event, Session) else event.type
            for event in events
            if event.type not in ("lead", "quality", "stats")
        ]

    assert told(up, block(0, 10)) == ["session 100.0", "link"]
    assert told(up, jump, block(0, 10), up) == ["session 100.0", "link", "clock", "link"]
    assert told(silent, up, block(0, 10)) == ["session None", "link", "session 100.0", "link"]
    assert told() == []


def test_a_session_begins_when_its_first_sample_was_taken() -> None:
    recording, _ = demo.stream()
    bundle = Bundle.load("student")
    began = time.time()
    with (
        Emulator(replay.blocks(recording, 36)) as board,
        SerialLink(board.port, protocol="edge") as link,
        closing(Intake(link, link.stop)) as intake,
    ):
        pairs = watch(intake, edge.Monitor(bundle), "p", bundle, link=link)
        session = next(events[0] for _, events in pairs if events)
    assert isinstance(session, Session)
    assert began - 0.1 <= datetime.fromisoformat(session.start).timestamp() <= time.time()


def test_a_session_without_samples_began_before_the_one_with_them() -> None:
    """Samples that were held back until their rate was known are older than the silence."""
    bundle = Bundle.load("student")

    def items() -> Iterator[Taken]:
        time.sleep(0.3)
        yield LinkChange("silent", "no rate yet")
        yield block(0, 20)

    pairs = watch(items(), edge.Monitor(bundle), "p", bundle)
    first, second = [e.start for _, events in pairs for e in events if isinstance(e, Session)]
    assert first < second
