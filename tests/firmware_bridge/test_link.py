"""The link against real pseudo-terminals."""

import errno
import itertools
import os
import pty
import re
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import serial

from benchmarks.boards.layouts import KINDS
from firmware_bridge import estimator, identify, reading, timebase
from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.emulator import Emulator
from firmware_bridge.errors import PortError, ProtocolError
from firmware_bridge.identify import look
from firmware_bridge.link import LinkChange, SerialLink, list_ports
from firmware_bridge.ports import Line

FS = 250.0
MV = mv_from_nv(np.random.default_rng(3).integers(-(10**6), 10**6, (5000, 1)))


def blocks(n: int = 5000, size: int = 700) -> Iterator[SampleBlock]:
    for at in range(0, n, size):
        yield SampleBlock(at, MV[at : min(n, at + size)], FS, ("I",), (LeadState.ON,), (False,))


def split(
    items: list[SampleBlock | LinkChange],
) -> tuple[list[SampleBlock], list[LinkChange]]:
    return (
        [item for item in items if isinstance(item, SampleBlock)],
        [item for item in items if isinstance(item, LinkChange)],
    )


class Board:
    """The other end of a pseudo-terminal, worked by hand."""

    def __init__(self) -> None:
        self.master, self._slave = pty.openpty()
        self.port = os.ttyname(self._slave)

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    def close(self) -> None:
        for fd in (self.master, self._slave):
            if fd >= 0:
                os.close(fd)
        self.master = self._slave = -1


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A board, and a link that is quick to lose patience."""
    monkeypatch.setattr(reading, "SILENT_S", 0.2)
    monkeypatch.setattr(identify, "PROBE_S", 0.1)
    monkeypatch.setattr(identify, "NEXT_S", 0.1)
    monkeypatch.setattr(identify, "LUMPS_S", 0.3)
    monkeypatch.setattr(estimator, "ESTIMATE_S", 0.5)
    made = Board()
    yield made
    made.close()


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_finds_the_protocol_and_loses_nothing(name: str) -> None:
    with Emulator(blocks(), name, speed=None) as board:
        # One that waits for a command cannot be found from its bytes.
        protocol = name if PROTOCOLS[name].commands.start else "auto"
        link = SerialLink(board.port, protocol=protocol, fs=FS)
        got, changes = split(list(link))
    assert [change.state for change in changes] == ["up", "down"]
    assert changes[0].detail.startswith(name)
    assert len(MV) - 4 < sum(map(len, got)) <= len(MV)  # differences wait for a whole value first
    assert link.counters.good > 0
    assert link.counters.damaged == link.counters.lost == 0
    if name == "edge":
        assert b"".join(b.mv.tobytes() for b in got) == MV.tobytes()


def test_estimates_the_rate_where_the_board_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimator, "ESTIMATE_S", 0.6)
    with Emulator(blocks(250), "ad8232") as board:
        got, changes = split(list(SerialLink(board.port)))
    assert re.match(r"ad8232 at \d+ baud, rate estimated: ", changes[0].detail)
    assert got[0].fs == pytest.approx(FS, rel=0.2)  # loose: a loaded machine delays arrivals
    assert got[0].start == 0
    assert sum(map(len, got)) == 250


def test_estimate_waits_until_the_electrodes_are_on(board: Board) -> None:
    """Shorter lines come faster while a lead is off: that stretch must not be counted."""
    stop = threading.Event()

    def send() -> None:
        board.send(b"\n" + b"!\n" * 50)
        while not stop.wait(0.02):
            board.send(b"512\n" * 4)

    with SerialLink(board.port, protocol="ad8232") as link:
        sender = threading.Thread(target=send)
        sender.start()
        items = iter(link)
        change, first = next(items), next(items)
        stop.set()
        sender.join()
    assert isinstance(change, LinkChange)
    assert "rate estimated" in change.detail
    assert isinstance(first, SampleBlock)
    assert first.start == 0
    assert first.lead_state == (LeadState.ON,)


def test_estimate_begins_anew_after_a_reader_that_stood_still(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came at 200 Hz before a minute of standing still would tell some 5 Hz with it."""
    monkeypatch.setattr(estimator, "BACKLOG_S", 0.2)
    asleep_s = 0.0
    stop = threading.Event()

    def send() -> None:
        nonlocal asleep_s
        board.send(b"\n")
        began, sent = time.monotonic(), 0
        while not stop.wait(0.02):
            due = int((time.monotonic() - began) * 200)
            board.send(b"512\n" * (due - sent))
            sent = due
            if sent > 60:
                asleep_s = 60.0

    clock = lambda: time.monotonic() + asleep_s  # noqa: E731
    with SerialLink(board.port, protocol="ad8232", baud=9600, clock=clock) as link:
        sender = threading.Thread(target=send)
        sender.start()
        first = next(item for item in link if isinstance(item, SampleBlock))
        stop.set()
        sender.join()
    assert first.fs == pytest.approx(200, rel=0.3)
    assert first.start == 0


def test_silence_is_told_once_and_so_is_its_end(board: Board) -> None:
    encoder = PROTOCOLS["edge"].encoder()
    sent = [encoder.encode(block) for block in blocks(1400)]
    states = []
    with SerialLink(board.port, protocol="edge") as link:
        board.send(sent[0])
        for item in link:
            if isinstance(item, LinkChange):
                states.append(item.state)
                if states == ["up", "silent"]:
                    assert item.detail.startswith("No bytes")
                    board.send(sent[1])
                if states == ["up", "silent", "up", "silent"]:
                    break
    assert states == ["up", "silent", "up", "silent"]


def test_lumps_that_are_known_are_no_silence(board: Board) -> None:
    """Half a second of samples every half second, where a fifth is a silence."""
    encoder = PROTOCOLS["edge"].encoder()
    stop = threading.Event()

    def send() -> None:
        for block in blocks(1500, 125):
            board.send(encoder.encode(block))
            if stop.wait(0.5):
                return

    states = []
    with SerialLink(board.port, protocol="edge") as link:
        sender = threading.Thread(target=send)
        sender.start()
        for item in link:
            if isinstance(item, LinkChange):
                states.append(item.state)
            elif item.start >= 1000:
                break
        stop.set()
        sender.join()
    assert states[0] == "up"
    assert len(states) <= 5  # once or twice, before it is known


def test_lumps_are_waited_for_where_nothing_else_is_known(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identify, "LUMPS_S", 10.0)
    lump = b"".join(PROTOCOLS["edge"].encoder().encode(block) for block in blocks(700))
    stop = threading.Event()

    def send() -> None:
        while not stop.wait(1.0):
            board.send(lump)

    sender = threading.Thread(target=send)
    sender.start()
    with SerialLink(board.port, baud=9600) as link:
        item = next(iter(link))
    stop.set()
    sender.join()
    assert isinstance(item, LinkChange)
    assert item.state == "up"


def test_bytes_that_were_read_at_another_baud_are_not_looked_at(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter hands a lump over when the speed is another already: that is not the right one."""
    monkeypatch.setattr(identify, "NEXT_S", 1.0)
    line = Line(board.port, 9600)
    lump = b"".join(PROTOCOLS["edge"].encoder().encode(block) for block in blocks(700))
    looks = look(line, [9600, 19200, 115200])
    assert next(looks).guess is None
    threading.Timer(0.2, board.send, [lump]).start()
    assert next(looks).guess is None
    done = threading.Event()

    def send() -> None:
        while not done.wait(0.05):
            board.send(lump[:500])

    sender = threading.Thread(target=send)
    sender.start()
    guess = next(looks).guess
    done.set()
    sender.join()
    line.close()
    assert guess
    assert guess.sure


def test_bytes_that_make_no_samples_are_a_silence_too(board: Board) -> None:
    with SerialLink(board.port, protocol="edge") as link:
        done = threading.Event()

        def babble() -> None:
            while not done.wait(0.02):
                board.send(b"512\n\0")

        sender = threading.Thread(target=babble)
        sender.start()
        item = next(iter(link))
        done.set()
        sender.join()
    assert isinstance(item, LinkChange)
    assert item.state == "silent"
    assert item.detail.startswith("Bytes come, but no samples")


def test_a_closed_peer_ends_the_iteration(board: Board) -> None:
    link = SerialLink(board.port)
    board.send(PROTOCOLS["edge"].encoder().encode(next(blocks(700))))
    states = []
    for item in link:
        if isinstance(item, LinkChange):
            states.append(item.state)
        elif board.master >= 0:
            board.close()
    assert states == ["up", "down"]
    assert not link._finder.line.is_open


def test_a_peer_that_goes_before_it_is_known(board: Board) -> None:
    link = SerialLink(board.port)
    threading.Timer(0.05, board.close).start()
    assert [item.state for item in link if isinstance(item, LinkChange)] == ["down"]


def test_no_bytes_or_bytes_that_nobody_knows(board: Board) -> None:
    with SerialLink(board.port, baud=9600) as link, pytest.raises(ProtocolError, match="nothing"):
        next(iter(link))
    with SerialLink(board.port, baud=9600) as link:
        board.send(b"what is this?" * 10)
        with pytest.raises(ProtocolError, match=r"130 bytes .* at 9600 baud"):
            next(iter(link))


def test_every_known_baud_is_tried(board: Board) -> None:
    with SerialLink(board.port) as link, pytest.raises(ProtocolError, match="nothing came"):
        next(iter(link))
    assert link._finder.line.baud == identify.bauds()[-1]


def test_stop_from_another_thread_ends_a_waiting_iteration(board: Board) -> None:
    link = SerialLink(board.port, protocol="edge")
    threading.Timer(0.05, link.stop).start()
    began = time.monotonic()
    _, changes = split(list(link))
    assert "down" not in [change.state for change in changes]
    assert not link._finder.line.is_open
    assert time.monotonic() - began < 60  # it returned at all


def test_an_interrupt_passes_through_and_closes_the_port(board: Board) -> None:
    main = threading.get_ident()
    link = SerialLink(board.port, protocol="edge")
    threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        list(link)
    assert not link._finder.line.is_open


def test_leaving_the_loop_closes_the_port(board: Board) -> None:
    link = SerialLink(board.port, protocol="edge")
    for _ in link:
        break
    assert not link._finder.line.is_open
    link.close()
    link.stop()


def test_a_missing_port(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="no such port"):
        SerialLink(str(tmp_path / "ttyUSB9"))


def test_a_file_is_no_port(tmp_path: Path) -> None:
    path = tmp_path / "record.dat"
    path.write_bytes(b"1234")
    with pytest.raises(PortError, match="no serial port"):
        SerialLink(str(path))


def test_a_busy_port(board: Board) -> None:
    with SerialLink(board.port), pytest.raises(PortError, match="another program"):
        SerialLink(board.port)


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EACCES, "dialout"), (errno.EBUSY, "another program")]
)
def test_reasons_that_a_test_cannot_make(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(number, "refused")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(PortError, match=words):
        SerialLink("/dev/ttyUSB0")


def test_a_baud_that_does_not_exist(board: Board) -> None:
    with pytest.raises(PortError, match="-5 baud"):
        SerialLink(board.port, baud=-5)


def test_an_unknown_protocol_or_an_impossible_rate(board: Board) -> None:
    with pytest.raises(ProtocolError, match="choose edge"):
        SerialLink(board.port, protocol="morse")
    with pytest.raises(ProtocolError, match="no sampling rate"):
        SerialLink(board.port, fs=0.0)


def test_a_wrong_rate_is_told_once_in_one_sentence() -> None:
    """An Olimex sketch at 125 Hz, 17 s of it, by a clock that runs as fast as it is played."""
    speed = 5.0
    samples = [replace(block, fs=125.0) for block in blocks(2200, 25)]
    clock = lambda: time.monotonic() * speed  # noqa: E731
    with Emulator(samples, "olimex", speed) as board:
        link = SerialLink(board.port, protocol="olimex", clock=clock)
        got, changes = split(list(link))
    told = [change.detail for change in changes if "by this machine's clock" in change.detail]
    assert told == [
        "The board sends some 125 samples a second by this machine's clock, not 250: every time "
        "and heart rate is wrong by as much, so give --fs 125."
    ]
    assert [change.measured_hz for change in changes if change.measured_hz] == [125.0]
    assert {block.fs for block in got} == {250.0}


def test_a_right_rate_is_not_told_nor_one_that_no_clock_can_judge() -> None:
    for fs, clock in ((250.0, lambda: time.monotonic() * 5), (125.0, None)):
        samples = [replace(block, fs=fs) for block in blocks(4500 if fs == 250 else 2200, 50)]
        with Emulator(samples, "olimex", 5) as board:
            link = SerialLink(board.port, protocol="olimex", clock=clock)
            _, changes = split(list(link))
        assert [change.state for change in changes] == ["up", "down"]


def test_a_suspended_machine_closes_no_gap() -> None:
    """The clock counts the sleep; the board slept too, so its numbers tell nothing.

    That it slept is told by who watches the clocks, not twice.
    """
    asleep_s = 0.0

    def clock() -> float:
        return time.monotonic() + asleep_s

    got: list[SampleBlock | LinkChange] = []
    with Emulator(blocks(1500, 25), "edge") as board:
        for item in SerialLink(board.port, protocol="edge", clock=clock):
            got.append(item)
            if isinstance(item, SampleBlock) and item.start >= 500 and not asleep_s:
                asleep_s = 3600.0
    after, changes = split(got)
    (gap,) = [block.lost for block in after if block.lost]
    assert gap == pytest.approx(3600 * FS, abs=0.5 * FS)
    assert [change.state for change in changes] == ["up", "down"]


def test_ports_are_listed_with_a_description() -> None:
    assert all(len(port) == 2 for port in list_ports())


def test_a_line_may_be_cancelled_while_it_is_closed() -> None:
    """As a signal does in one thread while another is at its end."""
    raised: list[BaseException] = []

    def cancel(line: Line, closed: threading.Event) -> None:
        try:
            while not closed.is_set():
                line.cancel()
        except BaseException as error:
            raised.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(50):
            master, slave = os.openpty()
            line, closed = Line(os.ttyname(slave), 115200), threading.Event()
            thread = threading.Thread(target=cancel, args=(line, closed))
            thread.start()
            line.close()
            closed.set()
            thread.join()
            os.close(master)
            os.close(slave)
    finally:
        sys.setswitchinterval(interval)
    assert not raised


@pytest.mark.parametrize("jump_s", [20, 3 * 86400])
def test_a_count_that_jumps_for_good_is_told_once(
    board: Board, jump_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timebase, "HOLD_S", 0.1)
    monkeypatch.setattr(timebase, "FRESH_S", 0.3)
    encoder = PROTOCOLS["edge"].encoder()
    stop = threading.Event()

    def send() -> None:
        for i, block in enumerate(blocks(5000, 25)):
            later = round(jump_s * FS) if i >= 10 else 0
            board.send(encoder.encode(replace(block, start=block.start + later)))
            if stop.wait(0.1):
                return

    told: list[LinkChange] = []
    last = 0
    with SerialLink(board.port, protocol="edge") as link:
        sender = threading.Thread(target=send)
        sender.start()
        for item in link:
            if isinstance(item, LinkChange):
                told.append(item)
            elif (last := item.start) >= 600:
                break
        stop.set()
        sender.join()
    assert [change.state for change in told] == ["up", "up"]
    assert told[1].detail.startswith(
        f"The board's count went on by {round(jump_s * FS)} samples ({jump_s}.0 s) at once"
    )
    assert last < 1000


def as_made(kind: str, seconds: float) -> bytes:
    """What a maker's board sends of made-up beats."""
    given = KINDS[kind]
    t = np.arange(round(seconds * given.fs)) / given.fs
    mv = np.stack([np.exp(-(((t % 0.8) - 0.3) ** 2) / 4e-4), 0.02 * np.sin(9 * t)], axis=1)
    steps = np.rint(mv * 1e6 / given.step_nv).astype(np.int64).clip(given.low, given.high)
    return given.pack(steps, np.random.default_rng(1))


@contextmanager
def sending(board: Board, data: bytes, rate: int, until: bytes = b"") -> Iterator[None]:
    """The board sends this again and again, at so many bytes a second.

    It waits for `until` first, and answers `v` and `WHORU` by what it is.
    """
    done = threading.Event()

    def send() -> None:
        heard, size = b"", rate // 50
        while until not in heard and not done.is_set():
            if select.select([board.master], [], [], 0.05)[0]:
                heard = os.read(board.master, 100)
                board.send(ANSWERS.get(heard, b""))
        for at in itertools.cycle(range(0, len(data), size)):
            board.send(data[at : at + size])
            if done.wait(0.02):
                return

    sender = threading.Thread(target=send)
    sender.start()
    yield
    done.set()
    sender.join()


ANSWERS: dict[bytes, bytes] = {}


def told(link: SerialLink, says: str) -> str:
    """The first thing that is told of the line with these words in it; "" if none is in time."""
    late = threading.Timer(20, link.stop)
    late.start()
    with link:
        found = (item.detail for item in link if isinstance(item, LinkChange))
        detail = next((detail for detail in found if says in detail), "")
    late.cancel()
    return detail


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("MAX30001", "ads1293"),
        ("MAX30003", "ads1293"),
        ("Cyton, Daisy", "cyton"),
        ("ADS1293", "max30001"),
    ],
)
def test_a_protocol_that_fits_by_half_or_not_is_told(board: Board, kind: str, asked: str) -> None:
    with sending(board, as_made(kind, 4), 8000):
        detail = told(SerialLink(board.port, 115200, asked), "give --protocol")
    assert detail.endswith(f"give --protocol {KINDS[kind].protocol}.")


@pytest.mark.parametrize(
    ("ask", "reply", "kind"),
    [
        (b"v", b"OpenBCI Emulator $$$", "Cyton"),
        (b"v", b"OpenBCI V3 8-16 channel\r\nOn Daisy ADS1299\r\n$$$", "Cyton, Daisy"),
        (b"WHORU\n", b"STM32G4-CORE-BOARD\r\n", "Chords, STM32G4"),
    ],
)
def test_answers_of_boards_and_emulators_of_others(
    board: Board, monkeypatch: pytest.MonkeyPatch, ask: bytes, reply: bytes, kind: str
) -> None:
    monkeypatch.setitem(ANSWERS, ask, reply)
    monkeypatch.setattr(identify, "ASK_S", 0.2)
    row = PROTOCOLS[KINDS[kind].protocol]
    with sending(board, as_made(kind, 4), 8000, row.commands.start):
        detail = told(SerialLink(board.port, 115200, ask=True), "leads:")
    assert detail.startswith(f"{KINDS[kind].protocol} at")


def test_one_frame_at_two_rates_is_told_by_how_fast_it_comes(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimator, "SPEED_S", 0.5)
    with sending(board, as_made("SpikerBox Pro", 4), 2000):
        detail = told(SerialLink(board.port, 115200, "spikershield"), "leads:")
    assert "1000 Hz" in detail


def test_what_a_boards_user_must_know_is_said(board: Board) -> None:
    with sending(board, as_made("Olimex", 4), 4000):
        assert "upside down" in told(SerialLink(board.port, 115200, "olimex"), "leads:")
