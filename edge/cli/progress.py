"""How far a recording has been analysed."""

import sys
from collections.abc import Iterator

from edge.events import Event


def followed(program: str, events: Iterator[Event]) -> Iterator[Event]:
    """The same events; on a terminal it shows how far they are."""
    if not sys.stderr.isatty():
        yield from events
        return
    told = -1
    for event in events:
        if event.t // 600 > told:
            told = int(event.t // 600)
            print(f"\r{program}: {told // 6}:{told % 6}0 h", end="", file=sys.stderr, flush=True)
        yield event
    print("\r\x1b[K", end="", file=sys.stderr, flush=True)
