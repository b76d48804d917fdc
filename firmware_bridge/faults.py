"""Faults by script: what can happen to a board and its line, when, and how often, from a seed.

A script is a list of faults with commas between, each `KIND[:AMOUNT][@START:DURATION]`, e.g.
`drop:0.01,split:0.2@60s:30s,unplug@30s:5s`. Times are seconds of signal, with or without an `s`;
without them a fault lasts from the first sample to the last.
"""

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.decoders import Encoder
from firmware_bridge.decoders.bitalino import BitalinoEncoder

FRAME_FAULTS: Final = {
    "drop": "does not arrive",
    "repeat": "arrives twice",
    "damage": "has a byte changed",
    "cut": "loses a byte, or up to half of its bytes in a row",
    "insert": "has foreign bytes in it, one to eight",
    "split": "arrives in two parts with a tenth of a second between, unharmed",
}
"""What may happen to a frame; the amount is the share of frames that it happens to."""
SPAN_FAULTS: Final = {
    "off": "electrodes are off, which is said where the board can; the signal is at its rail",
    "saturate": "the signal is at its rail, which is said where the board can",
    "unplug": "the port vanishes; the board starts anew when it comes back",
}
"""What holds for a while; there is no amount, but there must be a time."""
RATE_FAULTS: Final = {
    "lump": "bytes arrive in lumps, one every AMOUNT seconds, as adapters make them",
    "drift": "the board's clock is AMOUNT ppm fast, or slow where that is negative",
}
"""What changes when bytes arrive; no sample is touched."""
SPLIT_S: Final = 0.1
_RAIL_MV = 1000.0  # more than any board's converter takes, so every encoder clips it
_FAULT = re.compile(r"([a-z]+)(?::(-?[\d.]+)(?:s|ppm)?)?(?:@([\d.]+)s?:([\d.]+)s?)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One of a script."""

    kind: str
    amount: float = 0.0
    """Share of frames; of "lump" seconds, of "drift" ppm."""
    start_s: float = 0.0
    end_s: float = math.inf


class Frame(NamedTuple):
    """What an encoder gives at once: in most protocols a sample."""

    start: int
    """Index of its first sample."""
    end: int
    """Index after its last sample."""
    data: bytes


class Window(NamedTuple):
    """Samples, from `start` to before `end`, that a fault of this kind happened to."""

    start: int
    end: int
    kind: str


def parse(script: str) -> list[Fault]:
    """The faults of a script; ValueError, with one sentence for the user, where it is wrong."""
    return [_parse(text.strip()) for text in script.split(",") if text.strip()]


def _parse(text: str) -> Fault:
    match = _FAULT.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no fault: write KIND:AMOUNT@START:DURATION, as drop:0.01")
    kind, number, start, duration = match.groups()
    try:
        amount = float(number or 0)
        start_s = float(start or 0)
        end_s = start_s + float(duration) if duration else math.inf
    except ValueError:
        raise ValueError(f"{text!r} has a number that is none") from None
    if kind in FRAME_FAULTS:
        if number is None or not 0 <= amount <= 1:
            raise ValueError(f"{text!r} needs a share of the frames, as {kind}:0.01")
    elif kind in SPAN_FAULTS:
        if number is not None or duration is None:
            raise ValueError(f"{text!r} needs a start and a duration only, as {kind}@30s:5s")
    elif kind not in RATE_FAULTS:
        kinds = ", ".join([*FRAME_FAULTS, *SPAN_FAULTS, *RATE_FAULTS])
        raise ValueError(f"no fault is called {kind!r}: choose {kinds}")
    elif number is None or (kind == "lump" and amount <= 0) or amount <= -1e6:
        raise ValueError(f"{text!r} needs an amount, as lump:0.5s or drift:200ppm")
    return Fault(kind, amount, start_s, end_s)


class Faults:
    """The faults of one stream, which is to be passed through it in order, once.

    The same seed gives the same faults to any stream with as many frames, whatever is in them.
    """

    def __init__(self, script: Sequence[Fault] = (), seed: int = 0) -> None:
        self.log: list[Window] = []
        """What has happened so far, the rate faults left out; not in order of kinds."""
        self._random = random.Random(seed)
        self._to_come = sorted(script, key=lambda fault: fault.start_s, reverse=True)
        self._now: list[Fault] = []
        self.kinds = frozenset(fault.kind for fault in script)
        """Of all faults in the script."""

    def at(self, t: float) -> list[Fault]:
        """The faults that hold at `t` seconds of signal; t may not go back."""
        while self._to_come and self._to_come[-1].start_s <= t:
            self._now.append(self._to_come.pop())
        self._now = [fault for fault in self._now if t < fault.end_s]
        return self._now

    def amount(self, kind: str, t: float) -> float | None:
        """The amount of a fault at `t`, the latest to begin where there are many; None without."""
        return next((f.amount for f in reversed(self.at(t)) if f.kind == kind), None)

    def signal(self, block: SampleBlock) -> SampleBlock:
        """The block as the electrodes give it."""
        leads = len(block.leads)
        for fault in self.at(block.start / block.fs):
            if fault.kind in ("off", "saturate"):
                self.log.append(Window(block.start, block.start + len(block), fault.kind))
                block = replace(block, mv=np.full_like(block.mv, _RAIL_MV), counts=None)
                if fault.kind == "off":
                    block = replace(block, lead_state=(LeadState.OFF,) * leads)
                else:
                    block = replace(block, saturated=(True,) * leads)
        return block

    def line(self, frame: Frame, fs: float) -> list[bytes]:
        """What arrives of the frame, in the parts that it arrives in."""
        for fault in self.at(frame.start / fs):
            if fault.kind in FRAME_FAULTS and self._random.random() < fault.amount:
                self.log.append(Window(frame.start, frame.end, fault.kind))
                return self._harm(fault.kind, frame.data)
        return [frame.data]

    def _harm(self, kind: str, data: bytes) -> list[bytes]:
        # As many numbers are drawn whatever the bytes are.
        where, much, what = (self._random.random() for _ in range(3))
        at = int(where * len(data))
        match kind:
            case "drop":
                return []
            case "repeat":
                return [data + data]
            case "damage":
                return [data[:at] + bytes([data[at] ^ (1 + int(what * 255))]) + data[at + 1 :]]
            case "cut":
                return [data[:at] + data[at + 1 + int(much * (len(data) // 2)) :]]
            case "insert":
                foreign = random.Random(what).randbytes(1 + int(much * 8))
                return [data[:at] + foreign + data[at:]]
            case _:
                at = max(1, at)
                return [data[:at], data[at:]]


class Board:
    """An encoder with faults between it and the reader."""

    def __init__(self, encoder: Callable[[], Encoder], faults: Faults) -> None:
        """`encoder` is called at the start, and again when the board is plugged in again."""
        self._make = encoder
        self._encoder: Encoder | None = encoder()
        self._faults = faults
        self._origin = 0  # where the board's count begins
        self._start: int | None = None  # of the frame that is begun

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._encoder is not None

    def told(self, command: bytes) -> None:
        """The board was started by this command."""
        if isinstance(self._encoder, BitalinoEncoder):
            self._encoder.start(command)

    def send(self, piece: SampleBlock) -> list[bytes]:
        """What arrives of these samples, in the parts that it arrives in.

        They are one frame, or less of a protocol whose frames hold more: those come with their
        last sample.
        """
        if self._faults.amount("unplug", piece.start / piece.fs) is not None:
            self._faults.log.append(Window(piece.start, piece.start + len(piece), "unplug"))
            self._encoder = self._start = None
            return []
        if self._encoder is None:
            self._encoder = self._make()
            self._origin = piece.start
        if self._start is None:
            self._start = piece.start
        piece = self._faults.signal(piece)
        time_s = piece.device_time_s
        data = self._encoder.encode(
            replace(
                piece,
                start=piece.start - self._origin,
                device_time_s=None if time_s is None else time_s - self._origin / piece.fs,
            )
        )
        if not data:
            return []
        frame = Frame(self._start, piece.start + len(piece), data)
        self._start = None
        return self._faults.line(frame, piece.fs)


def pieces(blocks: Iterable[SampleBlock], size: int) -> Iterator[SampleBlock]:
    """The blocks, cut to at most `size` samples."""
    for block in blocks:
        for at in range(0, len(block), size):
            yield block.part(at, at + size)
