"""The host's clocks: jumps and suspends are told, and nothing else."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.clocks import JUMP_S, ClockWatch, Jump, Moment, local, now, utc, zone

START = 1_795_911_884.12


class Host:
    """A machine whose clocks do what they are told."""

    def __init__(self) -> None:
        self.wall, self.running, self.boot = START, 50.0, 80.0

    def read(self) -> Moment:
        return Moment(self.wall, self.running, self.boot)

    def run(self, seconds: float, suspended: float = 0.0, set_by: float = 0.0) -> None:
        self.wall += seconds + suspended + set_by
        self.running += seconds
        self.boot += seconds + suspended


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e5),
            st.one_of(st.just(0.0), st.floats(1, 1e6)),
            st.one_of(
                st.just(0.0), st.sampled_from([1.0, -1.0, 3600.0, -3600.0, 86400.0, -86400.0])
            ),
        ),
        max_size=20,
    )
)
def test_every_jump_is_told_once(steps: list[tuple[float, float, float]]) -> None:
    host = Host()
    watch = ClockWatch(host.read)
    for seconds, suspended, set_by in steps:
        host.run(seconds, suspended, set_by)
        told = {jump.kind: jump.by_s for jump in watch.look()}
        expected = {"suspended": suspended, "set": set_by}
        assert told == pytest.approx({k: by for k, by in expected.items() if by}, abs=0.01)
        assert watch.look() == []


def test_small_steps_are_told_when_they_are_worth_it() -> None:
    host = Host()
    watch = ClockWatch(host.read)
    told: list[Jump] = []
    for _ in range(40):
        host.run(1.0, set_by=0.1)
        told += watch.look()
    assert 2 <= len(told) <= 4
    assert sum(jump.by_s for jump in told) == pytest.approx(4, abs=JUMP_S)


def test_clocks_that_run_are_not_told() -> None:
    watch = ClockWatch()
    assert watch.look() == []
    assert now().boot >= now().running - 0.1


def test_times_are_written_in_utc_and_read_as_local() -> None:
    assert utc(1_700_000_000.0) == "2023-11-14T22:13:20.000Z"
    assert datetime.fromisoformat(utc(START)).timestamp() == pytest.approx(START, abs=0.001)
    assert datetime.fromisoformat(local(utc(START))).timestamp() == int(START)
    assert local(utc(START)).endswith(zone(START))


@contextmanager
def in_zone(name: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("name", "offset", "there"),
    [
        ("XXX24", "-24:00", "2023-11-13 22:13:20"),
        ("XXX-24", "+24:00", "2023-11-15 22:13:20"),
        ("XXX24:59", "-24:59", "2023-11-13 21:14:20"),
        ("LMT-0:19:32", "+00:19:32", "2023-11-14 22:32:52"),
        ("XXX-5:30", "+05:30", "2023-11-15 03:43:20"),
        ("UTC0", "+00:00", "2023-11-14 22:13:20"),
    ],
)
def test_any_zone_is_told(name: str, offset: str, there: str) -> None:
    with in_zone(name):
        assert zone(1_700_000_000.0) == offset
        assert local("2023-11-14T22:13:20.000Z") == f"{there}{offset}"


@given(st.floats(-1e12, 1e12))
@example(137438953472.292)
def test_any_time_has_a_form(wall: float) -> None:
    told = datetime.fromisoformat(utc(wall))
    finest = math.ulp(wall)  # 0.03 ms in the year 6325
    assert told.year in (1, 9999) or told.timestamp() == pytest.approx(wall, abs=0.001 + finest)
    assert local(utc(wall))
