"""The loop from a source to events: duration, link changes, totals."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

import edge
from edge import demo, replay
from edge.errors import RecordError
from edge.events import Beat, Event, Gap, Link, Stats
from edge.live import Item, follow
from edge.sampled import as_board
from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.emulator import Emulator
from firmware_bridge.errors import PortError, ProtocolError
from firmware_bridge.faults import Faults, parse
from firmware_bridge.link import LinkChange, SerialLink


class Counting(edge.Monitor):
    """A monitor that only remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[float] = []

    def push(self, samples: SampleBlock | ArrayLike) -> list[Event]:
        block = samples
        assert isinstance(block, SampleBlock)
        assert block.start >= len(self.given)
        self.given += [math.nan] * (block.start - len(self.given))
        self.given += block.mv[:, 0].tolist()
        return []

    def flush(self) -> list[Event]:
        return []


def block(start: int, n: int, fs: float = 250.0) -> SampleBlock:
    mv = np.arange(start, start + n, dtype=np.float32)[:, None]
    return SampleBlock(start, mv, fs, ("II",), (LeadState.ON,), (False,))


@given(
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=20),
    duration_s=st.one_of(st.just(math.inf), st.floats(0.001, 20)),
)
def test_a_duration_is_kept_to_the_sample(sizes: list[int], duration_s: float) -> None:
    def source() -> Iterator[Item]:
        start = 0
        for size in sizes:
            yield block(start, size)
            start += size

    monitor = Counting()
    *_, (last, _) = follow(source(), monitor, duration_s)
    n = sum(sizes) if duration_s == math.inf else min(sum(sizes), round(duration_s * 250))
    assert last is None
    assert monitor.given == list(range(n))


def test_a_gap_over_the_end_gives_no_samples() -> None:
    monitor = Counting()
    items = list(follow([block(0, 100), block(1000, 100), block(1100, 100)], monitor, 2.0))
    assert len(monitor.given) == 1000
    assert len(items) == 3


def test_link_changes_are_events_where_they_happen() -> None:
    source: list[Item] = [LinkChange("up", "here"), block(0, 500), LinkChange("down", "gone")]
    events = [event for _, events in follow(source, Counting()) for event in events]
    assert events == [Link(0, 0.0, "up", "here"), Link(500, 2.0, "down", "gone")]


@pytest.mark.parametrize("fs", [10.0, 10_000.0])
def test_a_board_out_of_bounds_is_refused(fs: float) -> None:
    with pytest.raises(ProtocolError, match="must be from 60 to 1000 Hz"):
        list(follow([block(0, 10, fs)], Counting()))


def test_open_gives_the_events_of_a_port() -> None:
    recording, truth = demo.stream()
    with Emulator(replay.blocks(recording), speed=None) as board:
        events = list(edge.open(board.port, protocol="edge", leads=["MLII"], once=True))
    assert [e.state for e in events if isinstance(e, Link)] == ["up", "down"]
    stats = events[-1]
    assert isinstance(stats, Stats)
    assert stats.sample == len(recording.nv)
    assert stats.frames["good"] > 1000
    assert stats.frames["damaged"] == stats.frames["lost"] == stats.lost_samples == 0
    final = [e for e in events if isinstance(e, Beat) and e.final]
    assert sum(stats.beats.values()) == len(final)
    assert len(final) >= len(truth.beats) - 13


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["edge", "ads1292r"])
def test_beats_go_on_when_the_plug_is_back(protocol: str, tmp_path: Path) -> None:
    """In real time: the clock has a part in how long the gap is."""
    recording = as_board(demo.stream()[0], PROTOCOLS[protocol])
    faults = Faults(parse("unplug@4s:2s"), seed=1)
    path = tmp_path / "ttyUSB0"
    source = replay.blocks(recording, round(recording.fs / 10))
    events: list[Event] = []
    with (
        Emulator(source, protocol, link=path, faults=faults, stay=True),
        SerialLink(str(path), protocol=protocol, reconnect=True) as link,
    ):
        for _, some in follow(link, edge.Monitor(), 11.0, link):
            events += some
    assert [e.state for e in events if isinstance(e, Link)] == ["up", "down", "up"]
    (gap,) = [e for e in events if isinstance(e, Gap)]
    assert gap.t == pytest.approx(4, abs=0.2)
    assert gap.duration_s >= 2
    after = [e for e in events if isinstance(e, Beat) and e.sample >= gap.sample + gap.lost]
    assert after[0].t <= gap.t + gap.duration_s + 5
    stats = events[-1]
    assert isinstance(stats, Stats)
    assert stats.sample == round(11 * recording.fs)
    assert stats.lost_samples == stats.frames["lost"] == gap.lost


def test_open_refuses_a_port_that_is_not_there() -> None:
    with pytest.raises(PortError):
        next(edge.open("/dev/no-such-port"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fs": "360"}, "fs must be a number, not '360'"),
        ({"fs": True}, "fs must be a number"),
        ({"leads": "MLII"}, r"leads must be a list of names or numbers, as \['II'\], not 'MLII'"),
        ({"leads": []}, "leads must be a list"),
        ({"alarms": ["pause"]}, "alarms must map names to limits"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_in_words(
    options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3600))
    with pytest.raises(ValueError, match=words):
        next(edge.play(tmp_path / "a.npy", **{"fs": 360, **options}))
    with pytest.raises(ValueError, match=words):
        next(edge.open(str(tmp_path), **options))


def test_a_baud_is_a_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="baud must be a number, not 'x'"):
        next(edge.open(str(tmp_path), baud="x"))  # type: ignore[arg-type]


def test_a_file_without_a_rate_asks_for_it_in_python_too(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(3600))
    with pytest.raises(RecordError, match="fs in Python"):
        next(edge.play(tmp_path / "a.npy"))
