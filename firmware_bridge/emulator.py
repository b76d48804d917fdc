"""A front end without hardware: sample blocks played as a board's bytes on a pseudo-terminal."""

import fcntl
import os
import pty
import select
import struct
import termios
import threading
import time
import tty
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.errors import ProtocolError

_PIECES_PER_S = 30  # as many as our frame has in a second: fewer wake-ups than that gain nothing


class Emulator:
    """Plays blocks on `port`, from when a reader has opened it, and hangs up after the last byte.

    Bytes wait for the reader: none is lost before it has opened the port, while it is slow, or at
    the end. If the reader goes, playing ends.
    """

    def __init__(
        self,
        blocks: Iterable[SampleBlock],
        protocol: str = "edge",
        speed: float | None = 1.0,
    ) -> None:
        """`speed` 1: real time; None: as fast as the reader takes it. The baud means nothing here.

        ProtocolError for an unknown protocol. `blocks` is read in the playing thread; what it or
        the encoder raises there comes out of `close`.
        """
        if protocol not in PROTOCOLS:
            raise ProtocolError(
                f"no protocol is called {protocol!r}: choose {', '.join(PROTOCOLS)}"
            )
        self._encoder = PROTOCOLS[protocol].encoder()
        self._blocks = blocks
        self._speed = speed
        self._master, slave = pty.openpty()
        self.port = os.ttyname(slave)
        """Path of the pseudo-terminal, to be opened like a serial port."""
        tty.setraw(slave)
        os.close(slave)  # from now on, a hang-up on our side means that no reader is there
        os.set_blocking(self._master, False)
        # Packet mode tells us when the reader flushes its input, as pyserial does after opening.
        fcntl.ioctl(self._master, termios.TIOCPKT, struct.pack("i", 1))
        self._poll = select.poll()
        self._poll.register(self._master, select.POLLIN | select.POLLPRI)
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops playing and hangs up; raises what went wrong in playing, once."""
        self._stop.set()
        self._thread.join()
        error, self._error = self._error, None
        if error:
            raise error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            self._await_reader()
            self._play()
            self._drain()
        except Exception as error:
            self._error = error
        finally:
            os.close(self._master)

    def _connected(self) -> bool:
        """Whether a reader has the port open and nobody has stopped us."""
        return not self._stop.is_set() and not any(
            events & select.POLLHUP for _, events in self._poll.poll(0)
        )

    def _await_reader(self) -> None:
        while not self._connected() and not self._stop.wait(0.005):
            pass
        # A reader other than pyserial may never flush; half a second is time enough to do it.
        for _, events in self._poll.poll(500):
            if events & (select.POLLIN | select.POLLPRI):
                os.read(self._master, 64)

    def _play(self) -> None:
        begin, due = time.monotonic(), 0.0
        for block in self._blocks:
            for piece in self._pieces(block):
                if self._speed is not None:
                    due += (piece.lost + len(piece)) / (piece.fs * self._speed)
                    self._stop.wait(max(0.0, begin + due - time.monotonic()))
                self._write(self._encoder.encode(piece))
                if not self._connected():
                    return

    def _pieces(self, block: SampleBlock) -> Iterator[SampleBlock]:
        if self._speed is None:
            yield block
            return
        size = max(1, round(block.fs * self._speed / _PIECES_PER_S))
        time_s = block.device_time_s
        for at in range(0, len(block), size):
            yield replace(
                block,
                start=block.start + at,
                mv=block.mv[at : at + size],
                lost=0 if at else block.lost,
                device_time_s=None if time_s is None else time_s + at / block.fs,
            )

    def _write(self, data: bytes) -> None:
        rest, room = memoryview(data), select.poll()
        room.register(self._master, select.POLLOUT)
        while rest and self._connected():
            try:
                rest = rest[os.write(self._master, rest) :]
            except BlockingIOError:
                room.poll(20)

    def _drain(self) -> None:
        """Waits until the reader has read all: hanging up throws away what it has not.

        The kernel moves bytes to the reader's queue in the background, so only a queue that stays
        empty for a while is one.
        """
        empty = 0
        while empty < 5 and self._connected():
            slave = os.open(self.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            waiting = fcntl.ioctl(slave, termios.FIONREAD, b"\0" * 4)
            os.close(slave)
            empty = 0 if any(waiting) else empty + 1
            self._stop.wait(0.02)
