"""What speaks on a port: the protocol, told from bytes at one baud after another."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from firmware_bridge.decoders import PROTOCOLS, Guess, Prober, decoder
from firmware_bridge.ports import Line

PROBE_S = 3.0
"""Bytes are looked at this long after opening: an Arduino that this reset needs up to 2."""
NEXT_S = 2.5
"""And this long at every other baud: enough for two of the headers that some send once a second."""
LUMPS_S = 12.0
"""And this long where bytes may come in lumps."""
ASK_S = 1.0
"""A board has this long to answer."""
STOOD_S = 1.0
"""A read that took so long did so because this program stood still: that does not count."""
STALE = 0.25
"""A lump that comes after a change of the baud is left out, it may be older; or this part of all
the time, where bytes never cease."""
PROBE_BYTES = 1 << 18
_GOOD = 5
_TEXT = 0.9  # of lines that are printable, where bytes are text


class Sighting(NamedTuple):
    """What came at one baud."""

    baud: int
    """0 where the line has none."""
    data: bytes
    guess: Guess | None


def bauds(protocol: str | None = None) -> list[int]:
    """Those that `protocol` is met at, the vendor's first; of None: those of most boards first."""
    if protocol:
        return list(PROTOCOLS[protocol].bauds)
    met = Counter(baud for board in PROTOCOLS.values() for baud in board.bauds)
    return [baud for baud, _ in met.most_common()]


def look(line: Line, speeds: list[int], ask: bool = False) -> Iterator[Sighting]:
    """What each baud gives, until one makes sense for sure or all are done; then the line is there.

    `ask`: where bytes do not tell, send the `identify` commands of the boards that use that baud.
    """
    speeds = speeds if line.has_speed else [0]
    for baud, seconds in _looks(line, speeds):
        line.baud = baud
        prober, data = Prober(), b""
        guess = None
        # What is not sure yet is listened to once more: slow lines take longer.
        for more_s in (seconds, PROBE_S):
            for lump in _lumps(line, more_s):
                data += lump
                guess = prober.feed(lump)
                if guess and guess.sure:
                    break
            if not guess or guess.sure:
                break
        if ask and not (guess and guess.sure):
            answer, guess = _ask(line, baud, speeds, guess)
            data += answer
        if line.cancelled:
            return
        yield Sighting(baud, data, guess)


def settle(line: Line, protocol: str, speeds: list[int]) -> bytes:
    """Puts the line at the baud at which `protocol` makes sense, else at the first; what came.

    A board that waits for a command to start is given it.
    """
    if len(speeds) > 1 and line.has_speed:
        for baud, seconds in _looks(line, speeds):
            line.baud = baud
            line.write(PROTOCOLS[protocol].commands.start)
            reader, data = decoder(protocol, fs=1.0), b""
            for lump in _lumps(line, seconds):
                data += lump
                reader.feed(lump)
                if reader.counters.good >= _GOOD and reader.counters.good > reader.counters.damaged:
                    return data
    line.baud = speeds[0]
    return b""


def hexdump(data: bytes) -> list[str]:
    """Lines of sixteen bytes: offset, hexadecimal, and what of it is printable ASCII."""
    return [
        f"{at:08x}  {row.hex(' '):47}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in row)}"
        for at in range(0, len(data), 16)
        for row in [data[at : at + 16]]
    ]


def text_line(data: bytes) -> str | None:
    """A line of these bytes, of those with a digit if there is one, where they are text."""
    lines = [line.strip() for line in re.split(rb"[\r\n]+", data)[1:-1]]
    printed = [line.decode() for line in lines if re.fullmatch(rb"[\t -~]+", line)]
    if len(printed) < _TEXT * len(lines) or not printed:
        return None
    return next((line for line in printed if any(map(str.isdigit, line))), printed[0])[:60]


def not_understood(port: str, text: str, at: str) -> str:
    """A sentence for who sends such a line; `at`: at which baud."""
    return (
        f"{port} sends text that is not understood, such as {text!r}{at}: wanted is a line a "
        "sample, such as 512 or 512,300 or 0.53 mV or ECG:512 or a clock before, 5000,512"
    )


def _looks(line: Line, speeds: list[int]) -> Iterator[tuple[int, float]]:
    """Each baud, and for how many seconds; all once more where bytes may come in lumps.

    They may where nothing came at some; of several, it may be that nobody sends.
    """
    heard = []
    for baud in speeds:
        yield baud, PROBE_S if baud == speeds[0] else NEXT_S
        heard.append(line.heard)
    if not all(heard) and (any(heard) or len(speeds) == 1):
        yield from ((baud, LUMPS_S) for baud in speeds)


def _lumps(line: Line, seconds: float) -> Iterator[bytes]:
    end, size = time.monotonic() + seconds, 0
    stale_until: float | None = None
    while (began := time.monotonic()) < end and size < PROBE_BYTES and not line.cancelled:
        lump = line.read()
        if line.ended:
            end = 0.0
        took_s = time.monotonic() - began
        end += took_s if took_s > STOOD_S else 0.0
        size += len(lump)
        if line.stale:
            stale_until = stale_until or (time.monotonic() + STALE * seconds if lump else None)
            line.stale = stale_until is None or (bool(lump) and time.monotonic() < stale_until)
            lump = b"" if line.stale else lump
        yield lump
    line.stale = False


def _ask(
    line: Line, baud: int, speeds: list[int], guess: Guess | None
) -> tuple[bytes, Guess | None]:
    """The answers at this baud, and what they tell; `guess` where they tell nothing."""
    heard = b""
    for name, board in PROTOCOLS.items():
        commands = board.commands
        if not commands.identify or not commands.reply:
            continue
        if baud not in board.bauds and len(speeds) > 1:  # a typed baud is meant for all
            continue
        line.write(commands.identify)
        answer = b""
        for lump in _lumps(line, ASK_S):
            answer += lump
            if found := commands.reply.search(answer):
                said = found[0][:40].decode("ascii", "replace").strip()
                return heard + answer, Guess(name, True, f"it answered {said!r}")
        heard += answer
    return heard, guess
