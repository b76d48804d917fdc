"""All outputs of a run together: events in; what became of each output told in all of them."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO

from edge.errors import OutputError
from edge.events import Event, Output
from edge.intake import HOLD_S
from edge.outlet import Outlet
from edge.sinks import Sink, because
from edge.view import View
from firmware_bridge.block import SampleBlock

END_S: Final = 0.3
"""After a signal, so long for all that waits to be written."""
DISK_S: Final = 5.0
"""The same for what is to be on the disk when the run ends: a card may take seconds for that."""
_SAY_S = 0.1
_POLL_S = 0.01


def say(out: TextIO, text: str) -> None:
    """Write a line, and wait only a moment for that: it may stand still, or be gone."""
    thread = threading.Thread(target=_write, args=(out, text), daemon=True)
    thread.start()
    thread.join(_SAY_S)


def _write(out: TextIO, text: str) -> None:
    with suppress(OSError, ValueError):  # nobody can be told
        print(text, file=out, flush=True)


class Outputs:
    """Each apart, behind its own queue."""

    def __init__(
        self, tell: Callable[[str], None], *, waits: bool = False, view: View | None = None
    ) -> None:
        """`tell`: sentences for the user, one an output that fails; `waits` as for `Outlet`."""
        self._stopped = False
        self._tell, self._waits, self._view = tell, waits, view
        self._outlets: dict[Outlet, tuple[float, float]] = {}
        self._told: set[Outlet] = set()

    def stop(self) -> None:
        """Wait for nothing any more; for signal handlers."""
        self._stopped = True

    def add(
        self, sink: Sink, name: str, patience_s: float = HOLD_S, stopped_s: float = END_S
    ) -> None:
        """From now on events go there, too; what waits at the end gets so long to be written.

        After a signal, `stopped_s` at most.
        """
        self._outlets[Outlet(sink, name, waits=self._waits)] = patience_s, stopped_s

    def write(self, event: Event) -> None:
        """Give an event to all; what became of an output since the last one is told before it."""
        for outlet in self._outlets:
            if change := outlet.change():
                self._put(Output(event.sample, event.t, outlet.name, *change))
                if not self._view:  # which would cover it, and shows the event
                    self._complain()
        self._put(event)

    def show(self, block: SampleBlock) -> None:
        """Give samples to those that take them, before the events that are found in them."""
        for outlet in self._outlets:
            outlet.put(block, lambda: self._stopped)
        if self._view:
            self._view.show(block)

    def check(self) -> None:
        """After the first event: OutputError where it could not be written. Waits but a moment."""
        end = time.monotonic() + END_S
        while any(outlet.fresh for outlet in self._outlets) and time.monotonic() < end:
            for outlet in self._outlets:
                if outlet.fresh and outlet.error:
                    self._told.add(outlet)
                    raise OutputError(f"cannot write {outlet.name}: {because(outlet.error)}")
            time.sleep(_POLL_S / 10)

    @property
    def gone(self) -> bool:
        """Whether there were some, and nobody reads any of them any more."""
        gone = [outlet.gone for outlet in self._outlets]
        gone += [self._view.gone] if self._view else []
        return bool(gone) and all(gone)

    @property
    def dropped(self) -> dict[str, int]:
        """Events that an output did not get, where there are any."""
        return {outlet.name: outlet.dropped for outlet in self._outlets if outlet.dropped}

    def close(self) -> bool:
        """Write what waits, after a signal for a moment at most; whether nothing is missing.

        What is missing is told. Without a signal, nobody left to write to is something missing.
        """
        for outlet in self._outlets:
            outlet.finish()
        now = time.monotonic()
        end = {outlet: now + patience_s for outlet, (patience_s, _) in self._outlets.items()}
        while any(not outlet.ended and now < s for outlet, s in end.items()):
            if self._stopped:
                end = {outlet: min(s, now + self._outlets[outlet][1]) for outlet, s in end.items()}
            time.sleep(_POLL_S)
            now = time.monotonic()
        if self._view:
            self._view.close()
        self._complain(ended=True)
        short = any(o.failed or o.lost or o in self._told for o in self._outlets)
        return not short and (self._stopped or not self.gone)

    def _put(self, event: Event) -> None:
        for outlet in self._outlets:
            outlet.put(event, lambda: self._stopped)
        if self._view:
            self._view.write(event)

    def _complain(self, ended: bool = False) -> None:
        """Sentences for the user: an output that failed is told once, one that is short at the end.

        All at once, since standard error may stand still as well.
        """
        lines = []
        for outlet in self._outlets:
            if outlet in self._told:
                continue
            if outlet.failed:
                lines.append(f"cannot write {outlet.name}: {because(outlet.failed)}")
            elif ended and outlet.lost:
                lines.append(f"{outlet.lost} events did not get into {outlet.name}")
            else:
                continue
            self._told.add(outlet)
        if lines:
            self._tell("\n".join(lines))
