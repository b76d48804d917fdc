"""One output behind a queue, in a thread of its own: whatever it does, nobody waits for it."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final, Literal, NamedTuple

from edge.events import Event
from edge.intake import HOLD_S
from edge.sinks import SignalSink, Sink, because
from firmware_bridge.block import SampleBlock

QUEUE: Final = 100 * round(HOLD_S)
"""So many events wait for an output that stands still: ten minutes of 100 a second, which only
electrodes that chatter give; hours of a heart. They take some 20 MB. For a sink that takes samples
each block counts as one, and no more than `HOLD_S` of signal wait."""
RETRY_S: Final = 5.0
"""Pause before an output that failed is tried again."""
_BATCH = 64
_POLL_S = 0.01


class Change(NamedTuple):
    """As `edge.events.Output`, without when."""

    state: Literal["stalled", "failed", "up"]
    missing: int
    detail: str


class Outlet:
    """Writes events to a sink, in order, and tells what it could not."""

    def __init__(self, sink: Sink, name: str, *, waits: bool = False) -> None:
        """`waits`: a full queue is waited for by who puts events, and not what it says then."""
        self.name = name
        self.error: OSError | None = None
        """What speaks against writing to it now."""
        self.failed: OSError | None = None
        """What first did."""
        self.dropped = 0
        """Events, and blocks of samples, that it was not given."""
        self._sink, self._waits = sink, waits
        self._state: Literal["stalled", "failed", "up"] = "up"
        self._missing = 0  # since it was up
        # Each counter has one writer.
        self._put = self._done = 0
        self._put_s = self._done_s = 0.0  # of signal
        self._queue: SimpleQueue[Event | SampleBlock | None] = SimpleQueue()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def gone(self) -> bool:
        """Whether it will never take anything again: nobody reads it any more."""
        return isinstance(self.error, BrokenPipeError)

    @property
    def fresh(self) -> bool:
        """Whether nothing was ever written."""
        return self._done == 0

    @property
    def lost(self) -> int:
        """What it did not get, as `dropped`, and what still waits."""
        return self.dropped + self._put - self._done

    @property
    def ended(self) -> bool:
        """Whether it has written what it could, and is closed."""
        return not self._thread.is_alive()

    def put(self, item: Event | SampleBlock, stopped: Callable[[], bool] = lambda: False) -> None:
        """Take it, or count it as dropped; at once, or else by the time that `stopped`.

        A block of samples is passed over where the sink takes none.
        """
        if isinstance(item, SampleBlock) and not isinstance(self._sink, SignalSink):
            return
        while self._waits and self._full() and not (self.error or stopped()):
            time.sleep(_POLL_S)
        if self._missing or self.gone or self._full():
            self._missing += 1
            self.dropped += 1
        else:
            self._put += 1
            self._put_s += _seconds(item)
            self._queue.put(item)

    def change(self) -> Change | None:
        """What became of it since the last call, which comes before each `put`."""
        before, missing = self._state, self._missing
        if error := self.error:
            if before == "failed":
                return None
            self._state = "failed"
            again = "" if self.gone else f"; it is tried again every {RETRY_S:.0f} s"
            return Change("failed", missing, f"{self.name}: {because(error)}{again}.")
        if before == "up" and missing:
            self._state = "stalled"
            waiting = self._put - self._done
            text = (
                f"{self.name} stands still: {waiting} events wait for it, later ones are dropped."
            )
            return Change("stalled", missing, text)
        # Half emptied before it is given more: one hole, not many.
        if before != "up" and self._half_empty():
            self._state, self._missing = "up", 0
            text = f"{self.name} goes on; {missing or 'no'} events are missing from it."
            return Change("up", missing, text)
        return None

    def finish(self) -> None:
        """No event comes any more; returns at once."""
        self._queue.put(None)
        self._ending.set()

    def _full(self) -> bool:
        return self._put - self._done >= QUEUE or self._put_s - self._done_s >= HOLD_S

    def _half_empty(self) -> bool:
        return self._put - self._done <= QUEUE // 2 and self._put_s - self._done_s <= HOLD_S / 2

    def _run(self) -> None:
        batch: list[Event | SampleBlock | None] = []
        while None not in batch:
            batch = [self._queue.get()]
            with suppress(Empty):
                while len(batch) < _BATCH:
                    batch.append(self._queue.get_nowait())
            for item in batch:
                if isinstance(item, SampleBlock):
                    assert isinstance(self._sink, SignalSink)
                    self._sink.samples(item)
                elif item:
                    self._sink.write(item)
            if not self._flush():
                break
            self._done += len(batch) - (None in batch)
            self._done_s += sum(map(_seconds, batch))
        try:
            self._sink.close()
        except OSError as error:
            self.error, self.failed = error, self.failed or error

    def _flush(self) -> bool:
        """Whether what was taken is out; it is tried until then, or until the end."""
        while True:
            try:
                self._sink.flush()
            except BlockingIOError:  # who shares it wants that: it stands still, no more
                time.sleep(_POLL_S)
            except OSError as error:
                self.error, self.failed = error, self.failed or error
                if self.gone or self._ending.is_set():
                    return False
                self._ending.wait(RETRY_S)
            else:
                self.error = None
                return True


def _seconds(item: Event | SampleBlock | None) -> float:
    return len(item) / item.fs if isinstance(item, SampleBlock) else 0.0
