"""A board on a serial port: found, identified, read in modest lumps, lost and found again."""

import termios
from collections.abc import Callable, Iterator
from typing import Self

from firmware_bridge import clock
from firmware_bridge.block import SampleBlock
from firmware_bridge.calibration import Boards
from firmware_bridge.change import LinkChange
from firmware_bridge.decoders import Counters, decoder
from firmware_bridge.finding import Finder
from firmware_bridge.ports import list_ports
from firmware_bridge.reading import Connection, Reader

__all__ = ["LinkChange", "SerialLink", "list_ports"]


class SerialLink:
    """A board on a serial port; iterating, once, gives sample blocks and changes of its line.

    Leaving the iteration closes the port, whatever the reason. Rate and leads are those of the
    first block: a board that sends others is refused, with a `LinkChange`, until it is gone.
    """

    def __init__(
        self,
        port: str,
        baud: int | None = None,
        protocol: str = "auto",
        fs: float | None = None,
        *,
        reconnect: bool = False,
        ask: bool = False,
        boards: Boards | None = None,
        clock: Callable[[], float] | None = clock.now,
    ) -> None:
        """Opens the port, a pseudo-terminal's path too; PortError or ProtocolError if it cannot.

        `port` "auto": the first on which something is recognised. `baud` None: what the protocol's
        board uses; with protocol "auto", each known one in turn. `fs` in Hz overrides what the
        board tells or is known for. `reconnect`: when the port vanishes, wait for the board, under
        that path, or wherever its USB serial number is, or, with "auto", anywhere; else the
        iteration ends. `ask`: may write to a board that was not recognised. `boards`: scales.
        `clock`: seconds, by which gaps and rate are judged; None: by nothing, as what comes is
        played faster or slower than a board would send it.
        """
        # Refuses an unknown name or an impossible rate before a port is touched.
        decoder("edge" if protocol == "auto" else protocol, 1.0 if fs is None else fs)
        self._reconnect = reconnect
        self._finder = Finder(port, baud, protocol, ask=ask)
        self._reader = Reader(self._finder, fs, boards, clock)

    @property
    def began_s(self) -> float | None:
        """When the first sample was taken, in seconds of `time.monotonic`; None before it came."""
        return self._reader.began_s

    @property
    def counters(self) -> Counters:
        """Totals over all connections, lost samples that no decoder could count included."""
        return self._reader.counters

    @property
    def rate_hz(self) -> float | None:
        """Samples a second by this machine's clock; None before some three minutes."""
        return self._reader.timebase.rate_hz

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the board's clock runs than it says, in millionths; None as above."""
        return self._reader.timebase.drift_ppm

    @property
    def board(self) -> tuple[str | None, str | None]:
        """USB identity and protocol, as far as they are known: what its scale is kept for.

        A scale of text belongs to a sketch: with each is what its numbers were taken for.
        """
        return self._reader.board

    def __iter__(self) -> Iterator[SampleBlock | LinkChange]:
        """Blocks and changes until `stop`, or until the port vanishes and is not waited for.

        ProtocolError if nothing fits what comes from it at first.
        """
        finder = self._finder
        try:
            while True:
                gone = False
                try:
                    yield from self._connection()
                except (OSError, termios.error):  # pyserial's own is an OSError
                    gone = True
                yield from self._disconnected(gone)
                if finder.stopped or (gone and not self._reconnect):
                    return
                yield from (LinkChange("down", said) for said in finder.open_again())
        finally:
            self.close()

    def stop(self) -> None:
        """Ends a running iteration at once; for signal handlers and other threads."""
        self._finder.stop()

    def close(self) -> None:
        """Stops a board that was started, and closes the port; harmless if it is closed."""
        self._finder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _connection(self) -> Iterator[SampleBlock | LinkChange]:
        again = self._finder.name is not None
        data = b"" if again else self._finder.recognise()
        if self._finder.name is not None:
            yield from Connection(self._reader, self._finder, again=again).read(data)

    def _disconnected(self, gone: bool) -> Iterator[SampleBlock | LinkChange]:
        self._finder.line.close() if gone else self.close()
        yield from self._reader.hang_up()
        if gone and self._reader.state != "down":
            self._reader.state = "down"
            path = self._finder.line.path
            yield LinkChange("down", f"{path} went away: unplugged, or its other end closed.")
