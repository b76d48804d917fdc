"""What is said of a line to a board, a sentence each."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import PROTOCOLS, Counters, Guess
from firmware_bridge.identify import Sighting, not_understood, text_line
from firmware_bridge.ports import Line
from firmware_bridge.timebase import Gap

DAMAGED: Final = 0.1
"""Where a larger part of the frames is damaged, the protocol is half right at best."""
_LEAST_FRAMES: Final = 100


def up(
    name: str, line: Line, asked: str, block: SampleBlock, scale: float, *, estimated: bool
) -> str:
    """What is read, and where; `estimated`: its rate."""
    rate = f"rate estimated: {block.fs:.1f} Hz" if estimated else f"{block.fs:g} Hz"
    where = "" if line.path == asked else f" on {line.path}"
    speed = f" at {line.baud} baud" if line.has_speed else ""
    text = f"{name}{speed}{where}, {rate}, leads: "
    text += ", ".join(block.leads)
    if scale != 1:
        text += f", scaled by {scale:.4g} as calibrated"
    elif block.scaled:
        text += f", {block.scaled}"
    if note := PROTOCOLS[name].note:
        text += f"; {note}"
    return text


def lost(gap: Gap | None, fs: float) -> str:
    """The end of a sentence: what the last interruption took."""
    if gap is None:
        return "."
    by = "counted by the board" if gap.exact else "estimated from the clock"
    return f"; {gap.lost} samples ({gap.lost / fs:.2f} s) were lost, as {by}."


def stood(seconds: float) -> str:
    """That nobody read."""
    return f"Nothing was read for {seconds:.1f} s: this program stood still"


def jumped(samples: int, fs: float) -> str:
    """That the board counts samples that cannot have been."""
    return (
        f"The board's count went on by {samples} samples ({samples / fs:.1f} s) at once, and "
        "by this machine's clock so many cannot have been: the clock is believed"
    )


def other_rate(measured_hz: float, fs: float) -> str:
    """That the samples do not come at the rate `fs` that they are taken for."""
    return (
        f"The board sends some {measured_hz:g} samples a second by this machine's clock, not "
        f"{fs:g}: every time and heart rate is wrong by as much, so give --fs {measured_hz:g}."
    )


def wrong(name: str, guess: Guess | None, counts: Counters) -> str:
    """What speaks against the protocol that was asked for; "" where nothing does."""
    if guess and guess.sure and guess.name != name:
        return (
            f"What comes is {guess.name} ({guess.why}), and {name} fits it in part at "
            f"most: give --protocol {guess.name}."
        )
    frames = counts.good + counts.damaged
    if frames >= _LEAST_FRAMES and counts.damaged > DAMAGED * frames:
        return (
            f"{counts.damaged} of {frames} frames are damaged: {name} may be the wrong "
            "protocol, or the line is bad; --probe shows what fits."
        )
    return ""


def unread(other: Guess | None, stranger: SampleBlock | None, *, begun: bool, again: bool) -> str:
    """Why bytes give no samples; "" where it is not that they are of `other`, or of a `stranger`.

    `begun`: there were samples before; `again`: the line was lost, and found again, before.
    """
    if other and not begun:
        return f"Bytes come, but no samples: they are {other.name}: give --protocol {other.name}."
    if stranger:
        what = f"{', '.join(stranger.leads)} at {stranger.fs:g} Hz"
        if not again:
            return f"The board sends {what}, and not what it was taken for first: start again."
    elif other:
        what = other.name
    else:
        return ""
    return f"Another board is here, which sends {what}: it is not read, put the first back."


def silent(for_s: float, counters: Counters) -> str:
    """That there are bytes, but no samples."""
    counts = ", ".join(f"{name} {count}" for name, count in asdict(counters).items())
    return (
        f"Bytes come, but no samples for {for_s:.0f} s ({counts}): "
        "another baud or protocol, or the board has changed its rate or leads."
    )


def left_alone(stranger: str, port: str, board: str | None) -> str:
    """That another board is where the one that vanished was."""
    return f"Another board, {stranger}, is at {port}: it is left alone until {board} is back."


def unknown(port: str, seen: Sequence[Sighting]) -> str:
    """Why nothing was recognised, and what to do."""
    ports = "any port" if port == "auto" else port
    speeds = ", ".join(map(str, dict.fromkeys(s.baud for s in seen if s.baud)))
    at = f" at {speeds} baud" if speeds else ""
    for sighting in seen:
        if sighting.guess:
            name, _, why = sighting.guess
            told = f" at {sighting.baud} baud" if sighting.baud else ""
            return (
                f"{ports} may be {name}{told} ({why}), which is not sure: "
                f"give --protocol {name} if it is"
            )
    text = next(filter(None, (text_line(sighting.data) for sighting in seen)), None)
    if text:
        return not_understood(ports, text, at)
    if count := sum(len(s.data) for s in seen):
        return (
            f"{count} bytes came from {ports}{at}, and no known protocol fits them: "
            f"give {'--baud, or ' if at else ''}--protocol, or see what --probe shows"
        )
    return (
        f"nothing came from {ports}{at}: check that the board is powered and sending; "
        "if it waits for a command to start, try --ask, or give --protocol"
    )
