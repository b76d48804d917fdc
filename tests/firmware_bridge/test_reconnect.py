"""The link while boards are pulled and plugged, on pseudo-terminals under a path that stays."""

import os
import re
import threading
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from serial.tools.list_ports_common import ListPortInfo

from firmware_bridge import finding, identify, reading, timebase
from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.calibration import Boards
from firmware_bridge.decoders import PROTOCOLS, Commands
from firmware_bridge.errors import PortError, ProtocolError
from firmware_bridge.link import LinkChange, SerialLink

FS = 250.0
MV = mv_from_nv(np.random.default_rng(5).integers(-(10**6), 10**6, (4000, 1)))
Item = SampleBlock | LinkChange


def encoded(name: str, first: int, end: int, count_from: int = 0, lead: str = "I") -> bytes:
    """Samples of `MV` as a board sends them that counts from `count_from` on."""
    start, mv = first - count_from, MV[first:end]
    block = SampleBlock(start, mv, FS, (lead,), (LeadState.ON,), (False,))
    return PROTOCOLS[name].encoder().encode(block)


class Socket:
    """A path at which a board is plugged in, or not; its other end is worked by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.master: int | None = None
        self.heard = b""
        self._senders: list[threading.Thread] = []

    def plug(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self.master, False)
        new = self.path.with_suffix(".new")
        new.symlink_to(os.ttyname(slave))
        new.replace(self.path)
        self._slave = slave

    def unplug(self) -> None:
        self.listen()
        self.path.unlink()
        assert self.master is not None
        master, self.master = self.master, None
        for sender in self._senders:
            sender.join()
        self._senders.clear()
        os.close(self._slave)
        os.close(master)

    def send(self, data: bytes, after_s: float = 0.0) -> None:
        """Sends it in the background, as fast as it is read."""
        assert self.master is not None
        self._senders.append(threading.Thread(target=self._send, args=(data, after_s)))
        self._senders[-1].start()

    def _send(self, data: bytes, after_s: float) -> None:
        time.sleep(after_s)
        while data and self.master is not None:
            try:
                data = data[os.write(self.master, data) :]
            except BlockingIOError:
                time.sleep(0.01)

    def listen(self) -> bytes:
        """Everything that was written to the boards here so far."""
        while self.master is not None:
            try:
                self.heard += os.read(self.master, 256)
            except OSError:
                break
        return self.heard


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SILENT_S", 0.3)
    monkeypatch.setattr(finding, "BACK_OFF_S", (0.02, 0.1))
    monkeypatch.setattr(reading, "ELSEWHERE_S", 0.3)
    monkeypatch.setattr(identify, "PROBE_S", 0.2)
    monkeypatch.setattr(identify, "NEXT_S", 0.1)
    monkeypatch.setattr(timebase, "HOLD_S", 0.2)


@pytest.fixture
def make_socket(tmp_path: Path) -> Iterator[Callable[[str], Socket]]:
    made: list[Socket] = []

    def make(name: str = "ttyUSB0") -> Socket:
        made.append(Socket(tmp_path / name))
        return made[-1]

    yield make
    for socket in made:
        if socket.master is not None:
            socket.unplug()


@pytest.fixture
def socket(make_socket: Callable[[str], Socket]) -> Socket:
    made = make_socket("ttyUSB0")
    made.plug()
    return made


class Machine:
    """What pyserial says of the ports of this machine."""

    def __init__(self) -> None:
        self.plugged: dict[Socket, str | None] = {}

    def comports(self) -> list[ListPortInfo]:
        found = []
        for socket, serial_number in self.plugged.items():
            if socket.path.exists():
                port = ListPortInfo(str(socket.path))
                if serial_number:
                    port.vid, port.pid, port.serial_number = 0x403, 0x6015, serial_number
                found.append(port)
        return found


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr("firmware_bridge.ports.pyserial_ports.comports", made.comports)
    return made


def blocks_in(items: list[Item]) -> list[SampleBlock]:
    return [item for item in items if isinstance(item, SampleBlock)]


def states_in(items: list[Item]) -> list[str]:
    return [item.state for item in items if isinstance(item, LinkChange)]


def until(items: Iterator[Item], enough: Callable[[list[Item]], bool]) -> list[Item]:
    """The next items, up to one with which they are enough."""
    got: list[Item] = []
    for item in items:
        got.append(item)
        if enough(got):
            return got
    raise AssertionError(f"the iteration ended with {got}")


def samples(n: int) -> Callable[[list[Item]], bool]:
    return lambda items: sum(map(len, blocks_in(items))) >= n


def state(name: str) -> Callable[[list[Item]], bool]:
    return lambda items: name in states_in(items)


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_a_board_that_is_back_goes_on_in_the_same_stream(name: str, socket: Socket) -> None:
    with SerialLink(str(socket.path), protocol=name, fs=FS, reconnect=True) as link:
        items = iter(link)
        socket.send(encoded(name, 0, 1000))
        got = until(items, samples(900))
        before = link.counters.good
        socket.unplug()
        got += until(items, state("down"))
        socket.plug()
        socket.send(encoded(name, 2000, 3000, 2000), after_s=0.4)
        got += until(items, samples(900))
        good = link.counters.good
        lost = link.counters.lost
    assert [s for s in states_in(got) if s != "silent"] == ["up", "down", "up"]
    end = 0
    for block in blocks_in(got):
        assert block.start == end + block.lost
        end = block.start + len(block)
    (gap,) = [block.lost for block in blocks_in(got) if block.lost]
    assert lost == gap
    up = [item for item in got if isinstance(item, LinkChange)][-1]
    assert f"{gap} samples" in up.detail
    assert "estimated from the clock" in up.detail
    assert good >= 1.8 * before > 0  # of both connections


def test_a_board_whose_numbers_run_on_loses_no_place(socket: Socket) -> None:
    with SerialLink(str(socket.path), protocol="edge", reconnect=True) as link:
        items = iter(link)
        socket.send(encoded("edge", 0, 200))  # not far ahead of the clock
        got = until(items, samples(200))
        socket.unplug()
        got += until(items, state("down"))
        socket.plug()
        socket.send(encoded("edge", 323, 500), after_s=0.2)
        got += until(items, samples(177))
        assert link.counters.lost == 123
    after = blocks_in(got)[-1]
    assert np.array_equal(after.mv, MV[after.start : after.start + len(after)])
    assert "123 samples (0.49 s) were lost, as counted by the board" in str(got)


def test_a_pulled_plug_is_told_within_a_second(socket: Socket) -> None:
    with SerialLink(str(socket.path), protocol="edge", reconnect=True) as link:
        items = iter(link)
        socket.send(encoded("edge", 0, 500))
        until(items, samples(500))
        socket.unplug()
        (change,) = until(items, state("down"))
    assert isinstance(change, LinkChange)
    assert change.detail == f"{socket.path} went away: unplugged, or its other end closed."


def test_without_reconnect_it_ends(socket: Socket) -> None:
    link = SerialLink(str(socket.path), protocol="edge")
    items = iter(link)
    socket.send(encoded("edge", 0, 500))
    until(items, samples(500))
    socket.unplug()
    assert states_in(list(items)) == ["down"]


def test_stop_ends_the_wait_for_a_board(socket: Socket) -> None:
    link = SerialLink(str(socket.path), protocol="edge", reconnect=True)
    socket.unplug()
    items = iter(link)
    assert states_in([next(items)]) == ["down"]
    threading.Timer(0.1, link.stop).start()
    assert not list(items)


def test_a_board_that_is_away_before_it_is_known_is_waited_for(socket: Socket) -> None:
    with SerialLink(str(socket.path), reconnect=True) as link:
        socket.unplug()
        items = iter(link)
        assert states_in([next(items)]) == ["down"]
        socket.plug()
        socket.send(encoded("edge", 0, 1000), after_s=0.1)
        assert states_in(until(items, samples(1000))) == ["up"]


def test_another_board_at_its_place_is_not_mixed_in(socket: Socket) -> None:
    with SerialLink(str(socket.path), protocol="edge", reconnect=True) as link:
        items = iter(link)
        socket.send(encoded("edge", 0, 500))
        until(items, samples(500))
        socket.unplug()
        until(items, state("down"))
        socket.plug()
        for i in range(15):
            socket.send(encoded("edge", 0, 25, lead="V9"), after_s=0.1 * i)
        first, second = next(items), next(items)
    assert "the board has changed its rate or leads" in str(first)
    assert "Another board is here, which sends V9 at 250 Hz" in str(second)


def test_auto_finds_the_port_and_the_board_at_another_one(
    make_socket: Callable[[str], Socket], machine: Machine
) -> None:
    mute, first, second = (make_socket(f"ttyUSB{i}") for i in range(3))
    machine.plugged = dict.fromkeys((mute, first, second))
    mute.plug()
    first.plug()
    with SerialLink("auto", reconnect=True) as link:
        for i in range(40):
            first.send(encoded("edge", 25 * i, 25 * i + 25), after_s=0.1 * i)
        items = iter(link)
        got = until(items, samples(25))
        assert f"on {os.path.realpath(first.path)}," in str(got[0])
        first.unplug()
        got += until(items, state("down"))
        second.plug()
        for i in range(20):
            second.send(encoded("edge", 2000 + 25 * i, 2025 + 25 * i), after_s=0.1 * i)
        got += until(items, samples(25))
        place = os.path.realpath(second.path)
    assert f"on {place}," in str([c for c in got if isinstance(c, LinkChange)][-1])


def test_auto_without_any_port(machine: Machine) -> None:
    with pytest.raises(PortError, match="no serial port found"):
        SerialLink("auto")


def test_a_board_is_known_by_its_serial_number(
    make_socket: Callable[[str], Socket], machine: Machine
) -> None:
    here, there = make_socket("ttyUSB0"), make_socket("ttyUSB1")
    here.plug()
    machine.plugged = {here: "A1"}
    with SerialLink(str(here.path), protocol="edge", reconnect=True) as link:
        items = iter(link)
        here.send(encoded("edge", 0, 200))
        until(items, samples(200))
        assert link.board == ("0403:6015:A1", "edge")
        here.unplug()
        until(items, state("down"))
        here.plug()
        machine.plugged = {here: "B2"}
        (change,) = until(items, state("down"))
        assert "0403:6015:B2" in str(change)
        assert "left alone" in str(change)
        there.plug()
        machine.plugged[there] = "A1"
        there.send(encoded("edge", 300, 450), after_s=0.3)
        got = until(items, samples(150))
        assert f"on {os.path.realpath(there.path)}," in str(got[0])
    assert blocks_in(got)[0].start == 300
    assert not here.listen()


ASKED = re.compile(rb"Board \d+")


@pytest.fixture
def commanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own frame, as if its board waited for commands."""
    commands = Commands(identify=b"who?", reply=ASKED, start=b"go", stop=b"halt")
    row = replace(PROTOCOLS["edge"], commands=commands)
    monkeypatch.setitem(PROTOCOLS, "edge", row)


@pytest.mark.usefixtures("commanded")
def test_a_board_that_was_not_recognised_gets_no_command(socket: Socket) -> None:
    with SerialLink(str(socket.path)) as link, pytest.raises(ProtocolError, match="--ask"):
        next(iter(link))
    assert not socket.listen()


@pytest.mark.usefixtures("commanded")
def test_a_recognised_board_is_started_and_stopped(socket: Socket) -> None:
    with SerialLink(str(socket.path)) as link:
        items = iter(link)
        socket.send(encoded("edge", 0, 500), after_s=0.05)
        until(items, samples(500))
        assert socket.listen() == b"go"
    assert socket.listen() == b"gohalt"


@pytest.mark.usefixtures("commanded")
def test_a_board_of_a_named_protocol_is_started_again_when_it_is_back(socket: Socket) -> None:
    with SerialLink(str(socket.path), protocol="edge", reconnect=True) as link:
        items = iter(link)
        socket.send(encoded("edge", 0, 500))
        until(items, samples(500))
        socket.unplug()
        until(items, state("down"))
        assert socket.heard == b"go"
        socket.plug()
        socket.send(encoded("edge", 600, 1100), after_s=0.3)
        until(items, samples(500))
    assert socket.listen().startswith(b"gogo")


@pytest.mark.usefixtures("commanded")
def test_asked_boards_answer(socket: Socket) -> None:
    answered = threading.Event()

    def answer() -> None:
        while b"who?" not in socket.listen():
            time.sleep(0.01)
        socket.send(b"Board 7\r\n")
        while b"go" not in socket.listen():
            time.sleep(0.01)
        socket.send(encoded("edge", 0, 500))
        answered.set()

    threading.Thread(target=answer).start()
    with SerialLink(str(socket.path), ask=True) as link:
        got = until(iter(link), samples(500))
    assert answered.is_set()
    assert "edge" in str(got[0])


def test_a_stored_scale_is_applied_and_told(socket: Socket, tmp_path: Path) -> None:
    boards = Boards(tmp_path / "boards.toml")
    boards.store(None, "edge", 2.0)
    with SerialLink(str(socket.path), protocol="edge", boards=boards) as link:
        socket.send(encoded("edge", 0, 500))
        got = until(iter(link), samples(500))
    assert "scaled by 2 as calibrated" in str(got[0])
    mv = np.concatenate([block.mv for block in blocks_in(got)])
    assert np.array_equal(mv, 2 * MV[:500])
