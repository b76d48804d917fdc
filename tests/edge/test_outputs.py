"""Outputs that stand still, fail and come back: each stops only itself, what it misses is said."""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable

import pytest

from edge import outlet, outputs
from edge.errors import OutputError
from edge.events import Beat, Event, Output
from edge.outputs import Outputs, say

GENEROUS_S = 20.0


def beat(i: int) -> Beat:
    return Beat(100 * i, i * 0.4, i, "N", True, 0.9, 800.0, 1.0, 150.0, False)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + GENEROUS_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


class Disk:
    """A sink that stands still, or gives an error, when it is told to."""

    def __init__(self) -> None:
        self.out: list[Event] = []
        self.error: OSError | None = None
        self.moves = threading.Event()
        self.moves.set()
        self.closed = False
        self._taken: list[Event] = []

    def write(self, event: Event) -> None:
        self._taken.append(event)

    def flush(self) -> None:
        self.moves.wait()
        if self.error:
            raise self.error
        self.out += self._taken
        self._taken.clear()

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "QUEUE", 100)
    monkeypatch.setattr(outlet, "RETRY_S", 0.02)


def made(*disks: Disk, waits: bool = False) -> tuple[Outputs, list[str]]:
    said: list[str] = []
    all_outputs = Outputs(said.append, waits=waits)
    for i, disk in enumerate(disks):
        all_outputs.add(disk, f"disk {i}")
    all_outputs.write(beat(0))
    all_outputs.check()
    return all_outputs, said


def write(all_outputs: Outputs, ids: range) -> None:
    for i in ids:
        all_outputs.write(beat(i))


def beats(disk: Disk) -> list[int]:
    return [event.id for event in disk.out if isinstance(event, Beat)]


def told(disk: Disk) -> list[tuple[str, str, int]]:
    return [(e.output, e.state, e.missing) for e in disk.out if isinstance(e, Output)]


def test_one_that_stands_still_stops_only_itself_and_goes_on() -> None:
    still, other = Disk(), Disk()
    both, said = made(still, other)
    still.moves.clear()
    for i in range(1, 301):
        both.write(beat(i))
        until(lambda: len(beats(other)) == i + 1)  # noqa: B023
    assert [state for _, state, _ in told(other)] == ["stalled"]
    still.moves.set()
    until(lambda: all(one._put == one._done for one in both._outlets))
    for i in range(301, 351):
        both.write(beat(i))
    assert not both.close()
    got = beats(still)
    missing = sorted(set(range(351)) - set(got))
    assert missing == list(range(missing[0], missing[-1] + 1))
    assert missing[-1] == 300
    (up,) = [e for e in told(still) if e[1] == "up"]
    # The event that tells of the stall was not written there either.
    assert up == ("disk 0", "up", len(missing) + 1)
    at = [isinstance(e, Output) and e.state == "up" for e in still.out].index(True)
    assert still.out[at - 1] == beat(missing[0] - 1)
    assert still.out[at + 1] == beat(301)
    assert beats(other) == list(range(351))
    assert both.dropped == {"disk 0": len(missing) + 1}
    assert said == [f"{len(missing) + 1} events did not get into disk 0"]


def test_one_that_fails_is_told_once_and_misses_nothing_that_waits() -> None:
    full, other = Disk(), Disk()
    both, said = made(full, other)
    full.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for i in range(1, 60):
        both.write(beat(i))
        time.sleep(0.002)
    until(lambda: len(beats(other)) == 60)
    assert said == ["cannot write disk 0: No space left on device"]
    assert told(other) == [("disk 0", "failed", 0)]
    full.error = None
    until(lambda: len(beats(full)) == 60)
    both.write(beat(60))
    assert not both.close()
    assert beats(full) == beats(other) == list(range(61))
    assert told(full) == told(other) == [("disk 0", "failed", 0), ("disk 0", "up", 0)]
    assert full.closed
    assert len(said) == 1


def test_one_that_fails_at_first_is_refused() -> None:
    full = Disk()
    full.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(OutputError, match="cannot write disk 0: No space left on device"):
        made(full)


def test_nobody_left_to_read_is_the_end() -> None:
    pipe, other = Disk(), Disk()
    both, said = made(pipe, other)
    assert not both.gone
    pipe.error = BrokenPipeError(errno.EPIPE, "Broken pipe")
    both.write(beat(1))
    until(lambda: any(one.gone for one in both._outlets))
    assert not both.gone
    other.error = pipe.error
    both.write(beat(2))
    until(lambda: both.gone)
    assert not both.close()
    assert "nobody reads it" in said[0]


def test_one_that_fails_to_the_end_is_incomplete() -> None:
    full, other = Disk(), Disk()
    both, said = made(full, other)
    full.error = OSError(errno.EIO, os.strerror(errno.EIO))
    both.write(beat(1))
    assert not both.close()
    assert said == [f"cannot write disk 0: {os.strerror(errno.EIO)}"]
    assert beats(other) == [0, 1]


def test_what_is_played_waits_for_a_slow_one_and_a_signal_for_nobody() -> None:
    still = Disk()
    one, said = made(still, waits=True)
    still.moves.clear()
    thread = threading.Thread(target=write, args=(one, range(1, 301)))
    thread.start()
    time.sleep(0.1)
    assert thread.is_alive()
    still.moves.set()
    thread.join(GENEROUS_S)
    until(lambda: len(still.out) == 301)
    still.moves.clear()
    thread = threading.Thread(target=write, args=(one, range(301, 601)))
    thread.start()
    one.stop()
    thread.join(GENEROUS_S)
    assert not thread.is_alive()
    assert not one.close()
    assert said
    still.moves.set()


def test_what_waits_at_the_end_is_written_unless_a_signal_came() -> None:
    still = Disk()
    one, said = made(still)
    still.moves.clear()
    for i in range(1, 50):
        one.write(beat(i))
    threading.Timer(3 * outputs.END_S, still.moves.set).start()
    assert one.close()
    assert beats(still) == list(range(50))
    assert not said


def test_a_disk_gets_longer_after_a_signal_than_a_terminal() -> None:
    disk, terminal = Disk(), Disk()
    said: list[str] = []
    both = Outputs(said.append)
    both.add(disk, "disk", stopped_s=GENEROUS_S)
    both.add(terminal, "terminal")
    both.write(beat(0))
    both.check()
    for one in (disk, terminal):
        one.moves.clear()
    both.write(beat(1))
    both.stop()
    threading.Timer(2 * outputs.END_S, disk.moves.set).start()
    assert not both.close()
    assert disk.closed
    assert beats(disk) == [0, 1]
    assert not terminal.closed
    assert said == ["1 events did not get into terminal"]
    terminal.moves.set()


def test_what_cannot_be_said_is_not_waited_for() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_end, b"x" * 512)
    os.set_blocking(write_end, True)
    began = time.monotonic()
    with os.fdopen(write_end, "w") as pipe:
        say(pipe, "a line")
        assert time.monotonic() - began < 5
        while b"a line" not in os.read(read_end, 65536):
            pass
    os.close(read_end)
