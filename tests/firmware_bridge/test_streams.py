"""Lines that are no serial ports, against real servers, FIFOs and pipes."""

import contextlib
import json
import math
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
import serial.rfc2217

import edge
from edge import demo, replay
from edge.cli.run import main
from edge.events import Stats
from edge.sampled import as_board
from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import PROTOCOLS, edge_frame
from firmware_bridge.emulator import Emulator
from firmware_bridge.errors import PortError
from firmware_bridge.link import LinkChange, SerialLink
from firmware_bridge.ports import Line


def encoded(seconds: float, first: int = 0) -> bytes:
    """That much of a stream of zeros at 250 Hz, as our frame has it."""
    frames = [edge_frame.hello(250, ("II",))]
    for at in range(first, first + round(seconds * 250), 10):
        frames.append(edge_frame.data(at, at * 4000, b"\0", bytes(40)))
        if at % 250 == 0:
            frames.append(edge_frame.hello(250, ("II",)))
    return b"".join(frames)


@contextlib.contextmanager
def serving(*connections: bytes, stay: bool = False) -> Iterator[int]:
    """A TCP port that gives each client in turn its bytes, and then hangs up, or stays."""
    done = threading.Event()

    def serve() -> None:
        for data in connections:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                time.sleep(0.5)  # a reader throws away what is there when it opens a port
                client.sendall(data)
                if stay:
                    done.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        done.set()


def samples(link: SerialLink) -> list[SampleBlock | LinkChange]:
    return list(link)


def test_a_socket_is_a_line_and_its_end_is_told() -> None:
    with (
        serving(b"\0" + encoded(60)) as port,
        SerialLink(f"socket://127.0.0.1:{port}", protocol="edge") as link,
    ):
        items = samples(link)
    changes = [item for item in items if isinstance(item, LinkChange)]
    assert [change.state for change in changes] == ["up", "down"]
    assert "baud" not in changes[0].detail
    assert sum(len(item) for item in items if isinstance(item, SampleBlock)) > 50 * 250


def test_a_socket_that_comes_back_goes_on() -> None:
    states, last = [], 0
    with (
        serving(b"\0" + encoded(60), b"\0" + encoded(60, 60 * 250)) as port,
        SerialLink(f"socket://127.0.0.1:{port}", protocol="edge", reconnect=True) as link,
    ):
        for item in link:
            if isinstance(item, LinkChange):
                states.append(item.state)
            else:
                last = item.start + len(item)
            if states.count("down") == 2:
                link.stop()
    assert states == ["up", "down", "up", "down"]
    assert last == pytest.approx(120 * 250, abs=250)  # a pause is at least a sample


def test_a_socket_is_recognised_at_one_look(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(b"\0" + encoded(600), stay=True) as port:
        assert main(["--port", f"socket://127.0.0.1:{port}", "--probe"]) == 0
    assert capsys.readouterr().out.count("edge") == 1


@pytest.mark.filterwarnings("ignore:set:DeprecationWarning")
@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_what_cannot_be_reached_is_one_sentence(
    scheme: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for address, says in (
        (f"{scheme}://127.0.0.1:{port}", "nothing listens there"),
        (f"{scheme}://no-such-host.invalid:{port}", "no such host"),
        (f"{scheme}://127.0.0.1", "give it as"),
        (f"{scheme}://127.0.0.1:99999", "give it as"),
        (f"{scheme}://", "give it as"),
        (f"{scheme}://:x", "give it as"),
    ):
        assert main(["--port", address, "--quiet"]) == 3
        told = capsys.readouterr().err
        assert says in told, address
        assert told.count("\n") == 1


@pytest.mark.parametrize(
    "address", ["loop://", "spy:///dev/null", "hwgrep://x", "ftp://a:1", "://"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(PortError, match="only socket://HOST:PORT and rfc2217://HOST:PORT"):
        Line(address, 115200)


class Pseudo(serial.Serial):
    """A pseudo-terminal, with the modem lines that it lacks."""

    cts = dsr = ri = cd = property(lambda self: True)
    rts = dtr = property(lambda self: True, lambda self, value: None)


class Redirector:
    """A server of one serial port, by pyserial's own part for that."""

    def __init__(self, path: str) -> None:
        self.serial = Pseudo(path, 9600, timeout=0.05)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        self.bauds: set[int] = set()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def write(self, data: bytes) -> None:
        """What the manager sends to the client."""
        with self._lock:
            self.client.sendall(data)

    def _serve(self) -> None:
        self.client, _ = self.server.accept()
        manager = serial.rfc2217.PortManager(self.serial, self)  # type: ignore[arg-type]
        reader = threading.Thread(target=self._read, args=(manager,), daemon=True)
        reader.start()
        with contextlib.suppress(OSError):
            while data := self.client.recv(1024):
                self.serial.write(b"".join(manager.filter(data)))
                self.bauds.add(self.serial.baudrate)
        self._stop.set()
        reader.join()

    def _read(self, manager: serial.rfc2217.PortManager) -> None:
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                if data := self.serial.read(self.serial.in_waiting or 1):
                    self.write(b"".join(manager.escape(data)))

    def close(self) -> None:
        self._stop.set()
        self.server.close()
        self.client.close()
        self.serial.close()


@pytest.mark.filterwarnings("ignore:set:DeprecationWarning")  # pyserial's own
def test_a_port_of_another_machine_is_read_at_its_speed() -> None:
    recording = as_board(demo.stream()[0], PROTOCOLS["ads1292r"], None)
    with Emulator(replay.blocks(recording), "ads1292r", speed=8, stay=True) as board:
        server = Redirector(board.port)
        with SerialLink(f"rfc2217://127.0.0.1:{server.port}", protocol="ads1292r") as link:
            got = 0
            for item in link:
                got += len(item) if isinstance(item, SampleBlock) else 0
                if got > 2000:
                    break
        server.close()
    assert got > 2000
    assert 57600 in server.bauds or 115200 in server.bauds


def test_a_fifo_is_live_and_ends_with_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "line"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb") as file:
            file.write(b"\0" + encoded(30))

    threading.Timer(0.5, write).start()  # the reader is there first, and waits
    with SerialLink(str(path), protocol="edge", reconnect=True) as link:
        items = samples(link)
    assert sum(len(item) for item in items if isinstance(item, SampleBlock)) == 30 * 250
    assert "down" not in [item.state for item in items if isinstance(item, LinkChange)]


def test_standard_input_ends_the_run_in_order(tmp_path: Path) -> None:
    command = ["--port", "-", "--quiet", "--jsonl", "-", "--once"]
    done = subprocess.run(
        [sys.executable, "-m", "edge.cli.run", *command],
        input=b"\0" + encoded(30),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["type"] == "stats"
    assert events[-1]["frames"]["good"] > 700


def test_a_late_writer_is_waited_for_and_then_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("firmware_bridge.identify.PROBE_S", 0.3)
    path = tmp_path / "line"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb") as file:
            time.sleep(0.5)  # it is open, and nothing comes yet
            file.write(b"\0" + encoded(30))

    threading.Timer(0.5, write).start()
    assert main(["--port", str(path), "--probe"]) == 0
    assert "edge" in capsys.readouterr().out


def test_calibrating_from_an_input_that_ends_says_that_no_pulse_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "line"
    os.mkfifo(path)
    threading.Thread(target=lambda: path.write_bytes(b"\0" + encoded(30)), daemon=True).start()
    assert main(["--port", str(path), "--calibrate"]) == 11
    assert capsys.readouterr().err == "edge-run: no pulse of 1 mV came before the line ended\n"


def test_standard_input_may_be_closed(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m edge.cli.run --port - --quiet <&-",
        shell=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (
        3, "edge-run: cannot open -: standard input is closed\n"
    )  # fmt: skip


def test_a_server_that_is_gone_without_a_word_is_noticed() -> None:
    with serving(b"", stay=True) as port:
        line = Line(f"socket://127.0.0.1:{port}", 115200)
        assert line._port._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert line._port._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 10
        line.close()


@pytest.mark.parametrize("scheme", [
    "socket",
    pytest.param("rfc2217", marks=[  # pyserial's own
        pytest.mark.filterwarnings("ignore:set:DeprecationWarning"),
        pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    ]),
])  # fmt: skip
def test_a_server_that_hangs_up_at_once_is_one_sentence(
    scheme: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def serve() -> None:
        client, _ = server.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        address = f"{scheme}://127.0.0.1:{server.getsockname()[1]}"
        assert main(["--port", address, "--quiet", "--once"]) in (3, 9)
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "Errno" not in told


def test_an_address_may_be_of_ipv6_and_is_opened_by_the_library() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")

    def serve() -> None:
        client, _ = server.accept()
        with client:
            time.sleep(0.2)
            client.sendall(b"\0" + encoded(30))

    threading.Thread(target=serve, daemon=True).start()
    with server:
        *_, last = edge.open(f"socket://[::1]:{server.getsockname()[1]}", once=True)
    assert isinstance(last, Stats)
    assert last.t == 30


@pytest.mark.parametrize("data", [b"", b"hello\n", bytes(1000)])
def test_an_input_that_nobody_understands_is_refused(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.identify.PROBE_S", 0.3)
    path = tmp_path / "line"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb") as file:
            file.write(data)

    threading.Timer(0.1, write).start()
    assert main(["--port", str(path), "--quiet"]) == 4


def test_text_that_comes_at_once_and_ends_tells_no_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "line"
    os.mkfifo(path)
    counts = [round(2048 + 800 * math.exp(-(((i % 250 - 100) / 4) ** 2))) for i in range(2500)]
    text = "".join(f"{count}\n" for count in counts).encode()
    for options in ([], ["--protocol", "ad8232"]):
        threading.Thread(target=path.write_bytes, args=(text,), daemon=True).start()
        assert main(["--port", str(path), "--quiet", *options]) == 4
        assert "give --fs" in capsys.readouterr().err
    threading.Thread(target=path.write_bytes, args=(text,), daemon=True).start()
    assert main(["--port", str(path), "--quiet", "--fs", "250"]) == 0
