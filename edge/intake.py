"""A source read in a thread of its own: whoever is slow in taking its items never stops it."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from edge.clocks import LOOK_S, ClockWatch, Jump
from edge.wishes import Wish
from firmware_bridge.block import SampleBlock
from firmware_bridge.change import LinkChange

HOLD_S: Final = 600.0
"""So many seconds of signal wait for a slow taker; what comes after them is dropped, and told."""
_AHEAD = 4  # items that are read ahead of a taker who sets the pace
_POLL_S = 0.25
_END_S = 0.3  # after `stop`, for the source to end and for what waits to be taken


@dataclass(frozen=True, slots=True)
class Dropped:
    """Samples that came and were not taken in time, between the block before and the one after."""

    start: int
    """The first of them, as `SampleBlock.start`."""
    lost: int
    """Those that came; where the board lost some meanwhile, the gap is longer."""
    fs: float


Read = SampleBlock | LinkChange
Taken = SampleBlock | LinkChange | Dropped | Jump | Wish


class Intake:
    """Gives the items of a source, read in the background from the moment that it is made.

    Between them come what was dropped, what the host's clocks did, and what viewers wish. What the
    source raises, it raises. The iteration ends with the source, or soon after `stop`.
    """

    def __init__(
        self,
        source: Iterable[Read],
        stop: Callable[[], None] = lambda: None,
        *,
        waits: bool = False,
        hold_s: float = HOLD_S,
        clocks: ClockWatch | None = None,
    ) -> None:
        """`stop` ends the source; `waits`: a source that can wait does, and nothing is dropped."""
        self._source, self._stop_source = source, stop
        self._waits, self._hold_s = waits, hold_s
        self._clocks = clocks or ClockWatch()
        self._looked = time.monotonic()
        self._queue: SimpleQueue[Read | Dropped | Wish | Exception | None] = SimpleQueue()
        # Each counter has one writer: a lock could be held when a signal handler wants it.
        self._put = self._got = 0
        self._put_s = self._got_s = 0.0
        self.stopped = False
        self._thread = threading.Thread(target=self._read, name="intake", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the iteration; for signal handlers and other threads."""
        self.stopped = True
        self._stop_source()

    def wish(self, wish: Wish) -> None:
        """Gives it after what waits already; from any thread."""
        self._queue.put(wish)

    def close(self) -> None:
        """Stops, and waits a moment for the source to close what it has open."""
        self.stop()
        self._thread.join(2 * _END_S)

    def __iter__(self) -> Iterator[Taken]:
        ends = math.inf
        while time.monotonic() < ends:
            try:
                item = self._queue.get(timeout=_POLL_S)
            except Empty:
                pass
            else:
                if item is None:
                    return
                if isinstance(item, Exception):
                    raise item
                yield item
                if not isinstance(item, Wish):
                    self._got += 1
                    self._got_s += _seconds(item)
            if time.monotonic() - self._looked >= LOOK_S:
                self._looked = time.monotonic()
                yield from self._clocks.look()
            if self.stopped:
                ends = min(ends, time.monotonic() + _END_S)

    def _read(self) -> None:
        dropped: SampleBlock | None = None  # the last of those in a row
        first = lost = 0
        try:
            for item in self._source:
                if isinstance(item, SampleBlock) and not self._waits:
                    # Once full, it is half emptied before more is taken: one gap, not many.
                    if self._put_s - self._got_s > self._hold_s * (0.5 if dropped else 1.0):
                        first = first if dropped else item.start
                        dropped, lost = item, lost + len(item)
                        continue
                    self._tell(dropped, first, lost)
                    dropped, lost = None, 0
                self._give(item)
                while self._waits and self._put - self._got > _AHEAD and not self.stopped:
                    time.sleep(0.001)
            self._tell(dropped, first, lost)
            if dropped:  # an empty block says how far the signal went
                self._give(dropped.part(len(dropped)))
            self._queue.put(None)
        except Exception as error:
            self._queue.put(error)

    def _tell(self, dropped: SampleBlock | None, first: int, lost: int) -> None:
        if dropped:
            self._give(Dropped(first, lost, dropped.fs))

    def _give(self, item: Read | Dropped) -> None:
        self._put += 1
        self._put_s += _seconds(item)
        self._queue.put(item)


def _seconds(item: Read | Dropped) -> float:
    return len(item) / item.fs if isinstance(item, SampleBlock) else 0.0
