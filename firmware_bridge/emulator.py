"""A front end without hardware: sample blocks played as a board's bytes on a pseudo-terminal."""

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import PROTOCOLS, spikershield
from firmware_bridge.errors import ProtocolError
from firmware_bridge.faults import FRAME_FAULTS, SPLIT_S, Board, Faults, pieces
from firmware_bridge.terminal import Terminal
from firmware_bridge.uart import Line

_PIECES_PER_S = 30  # as many as our frame has in a second: fewer wake-ups than that gain nothing
_WAKE_S = 0.01  # a piece that is less than this ahead of its time is played at once
_LONGEST_COMMAND = 64

REPLIES: Final = {
    "cyton": b"OpenBCI V3 8-16 channel\nOn Board ADS1299 Device ID: 0x3E\nFirmware: v3.1.2\n$$$",
    "daisy": b"OpenBCI V3 8-16 channel\nOn Board ADS1299 Device ID: 0x3E\n"
    b"On Daisy ADS1299 Device ID: 0x3E\nFirmware: v3.1.2\n$$$",
    "ganglion": b"OpenBCI Ganglion v3.0.2\n$$$",
    "chords": b"UNO-R4\r\n",
    "spikershield": spikershield.TEXT + b"HWT:HEARTSS;" + spikershield.TEXT_END,
    "bitalino": b"BITalino_v5.2\n",
}
"""What boards answer to their `identify` command."""


def frame_samples(protocol: str, fs: float) -> int:
    """How many samples to encode at a time so that it makes a frame, or a part of one."""
    return max(1, round(fs / _PIECES_PER_S)) if protocol == "edge" else 1


class Emulator:
    """Plays blocks on `port`, from when a reader has opened it, and hangs up after the last byte.

    Bytes wait for the reader: none is lost before it has opened the port, at the end, or, unless
    that is asked for, while it is slow. A board that is silent until told to start is so here too,
    and the samples wait; it tells who it is, and stops when told to.
    """

    def __init__(
        self,
        blocks: Iterable[SampleBlock],
        protocol: str = "edge",
        speed: float | None = 1.0,
        *,
        link: Path | None = None,
        baud: int | None = None,
        faults: Faults | None = None,
        stay: bool = False,
        overrun: bool = False,
    ) -> None:
        """`speed` 1: real time; None: as fast as the reader takes it.

        `link` is a path that leads to the port as long as it is there, as /dev/ttyUSB0 does, and
        to the next one after an "unplug" fault. `baud` is the board's: a reader that has set
        another one gets what a UART would read from such a line; None: every one is right, as on
        USB. `stay`: when the reader goes another may come, and until then what is played is lost,
        or waits at speed None; otherwise playing ends. `overrun`: what comes while the system's
        buffer is full, since the reader does not read, is lost.

        ProtocolError for an unknown protocol, PortError where `link` cannot be made, ValueError
        for an "unplug" without one. `blocks` is read in the playing thread; what it or the encoder
        raises there comes out of `close`.
        """
        if protocol not in PROTOCOLS:
            raise ProtocolError(
                f"no protocol is called {protocol!r}: choose {', '.join(PROTOCOLS)}"
            )
        self._faults = faults or Faults()
        if "unplug" in self._faults.kinds and link is None:
            raise ValueError("a board that is unplugged comes back under a link: give its path")
        front_end = PROTOCOLS[protocol]
        self._protocol, self._commands = protocol, front_end.commands
        self._board = Board(front_end.encoder, self._faults)
        self._blocks = blocks
        self._speed = speed
        self._link = link
        self._baud = baud
        self._stay = stay
        self._overrun = overrun
        self.overrun = 0
        """Bytes lost by that."""
        self._heard = b""
        self._begun = self._sending = not front_end.commands.start
        self._line: Line | None = None
        self._late: list[bytes] = []  # what the adapter holds back
        self._stop = threading.Event()
        # Not joined: a join that a signal breaks off takes the thread for ended.
        self._ended = threading.Event()
        self._terminal: Terminal | None = Terminal(self._stop, link, self._baud)
        self.port = str(link or self._terminal.path)
        """Path of the pseudo-terminal, to be opened like a serial port."""
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Returns when everything is played, or nobody is there for it."""
        self._ended.wait()

    def close(self) -> None:
        """Stops playing and hangs up; raises what went wrong in playing, once."""
        self._stop.set()
        self._thread.join()
        error, self._error = self._error, None
        if error:
            raise error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _run(self) -> None:
        try:
            self._await_reader()
            self._play()
            self._flush()
            if self._terminal:
                self._terminal.drain()
        except Exception as error:
            self._error = error
        finally:
            if self._terminal:
                self._terminal.close()
            self._ended.set()

    def _play(self) -> None:
        begin, due = time.monotonic(), 0.0
        for block in self._blocks:
            for piece in pieces([block], self._size(block)):
                if self._speed is not None:
                    due += self._duration(piece) / self._speed
                    if begin + due - time.monotonic() > _WAKE_S:
                        self._stop.wait(begin + due - time.monotonic())
                begin += self._pause()
                if self._stop.is_set() or not self._reader_there():
                    return
                self._send(piece)

    def _size(self, block: SampleBlock) -> int:
        """Samples in a piece: a frame's, where frames have faults or are misread one by one."""
        if self._faults.kinds & FRAME_FAULTS.keys() or self._misread():
            return frame_samples(self._protocol, block.fs)
        if self._speed is None and not self._faults.kinds:
            return len(block)
        return max(1, round(block.fs * (self._speed or 1.0) / _PIECES_PER_S))

    def _duration(self, piece: SampleBlock) -> float:
        """Seconds that the piece takes by a clock that is right."""
        ppm = self._faults.amount("drift", piece.start / piece.fs) or 0.0
        return (piece.lost + len(piece)) / (piece.fs * (1 + ppm * 1e-6))

    def _pause(self) -> float:
        """Listens, and waits for the board's start; gives the seconds that this took."""
        began, paused = time.monotonic(), 0.0  # asking alone takes no time from the board's clock
        while self._terminal:
            self._obey(self._terminal.heard())
            waits = not self._begun or (self._speed is None and not self._sending)
            if not waits or not self._reader_there() or self._stop.wait(_WAKE_S):
                break
            paused = time.monotonic() - began
        return paused

    def _reader_there(self) -> bool:
        """False where nobody will read what is played from here on; may wait for somebody."""
        if not self._terminal or self._terminal.connected():
            return True
        if self._stay and self._speed is None:
            self._await_reader()
        return self._stay

    def _await_reader(self) -> None:
        if self._terminal:
            self._obey(self._terminal.await_reader())

    def _send(self, piece: SampleBlock) -> None:
        parts = self._board.send(piece)
        if self._terminal and not self._board.plugged:
            if self._speed is None:
                self._terminal.drain()
            self._terminal.close()
            self._terminal, self._late = None, []
            self._sending = not self._commands.start
        elif self._board.plugged and not self._terminal:
            self._terminal = Terminal(self._stop, self._link, self._baud)
            if self._speed is None:
                self._await_reader()
        if not self._terminal or not self._sending:
            return
        t, period_s = piece.start / piece.fs, len(piece) / piece.fs
        lump_s = self._faults.amount("lump", t)
        for i, part in enumerate(parts):
            if i and self._speed is not None and not lump_s:
                self._flush()
                self._stop.wait(SPLIT_S / self._speed)
            self._late.append(self._as_read(part, period_s))
        if not lump_s or t // lump_s != (t + period_s) // lump_s:
            self._flush()

    def _flush(self) -> None:
        late, self._late = self._late, []
        if self._terminal:
            self.overrun += self._terminal.write(b"".join(late), wait=not self._overrun)

    def _misread(self) -> int | None:
        """The reader's speed, where it is another than the board's."""
        read = self._terminal.baud() if self._terminal else None
        return read if self._baud and read != self._baud else None

    def _as_read(self, data: bytes, period_s: float) -> bytes:
        """What the reader's UART reads of data that is sent within `period_s` seconds."""
        read = self._misread()
        if not read or not self._baud:
            self._line = None
            return data
        if self._line is None or self._line.read != read:
            self._line = Line(self._baud, read)
        return self._line.carry(data, max(0.0, period_s - 10 * len(data) / self._baud))

    def _obey(self, heard: bytes) -> None:
        """Does what the reader has asked for; at another speed than the board's it is noise."""
        if self._misread():
            return
        self._heard += heard
        commands = self._commands
        known = [c for c in (commands.identify, commands.start, commands.stop) if c]
        other = commands.starts
        while True:
            asked = [c for c in known if c in self._heard]
            if other and (match := other.search(self._heard)):
                asked.append(match[0])
            if not asked:
                break
            first = min(asked, key=self._heard.index)
            self._heard = self._heard.partition(first)[2]
            if first == commands.identify:
                self._late.append(REPLIES[self._protocol])
                self._flush()
                continue
            self._sending = first != commands.stop
            self._begun |= self._sending
            if other and self._sending and (match := other.search(first)):
                self._board.told(match[0])
        self._heard = self._heard[-_LONGEST_COMMAND:]
