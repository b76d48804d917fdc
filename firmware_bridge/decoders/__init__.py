"""The protocols that are spoken: one row each, a factory, and a guess from bytes."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from firmware_bridge.decoders import ad8232, ads1292r
from firmware_bridge.decoders.ad8232 import Ad8232Decoder, Ad8232Encoder
from firmware_bridge.decoders.ads1292r import Ads1292rDecoder, Ads1292rEncoder
from firmware_bridge.decoders.base import Counters, Decoder, Encoder
from firmware_bridge.decoders.edge_frame import EdgeDecoder, EdgeEncoder
from firmware_bridge.errors import ProtocolError

__all__ = [
    "PROTOCOLS",
    "Commands",
    "Counters",
    "Decoder",
    "Encoder",
    "FrontEnd",
    "Guess",
    "Prober",
    "decoder",
    "probe",
]


@dataclass(frozen=True)
class Commands:
    """What the host may write to the board; `b""` where it has no such command."""

    identify: bytes = b""
    """Asks who is there; changes nothing in a board of this kind."""
    reply: re.Pattern[bytes] | None = None
    """What its answer to `identify` looks like."""
    start: bytes = b""
    """Makes it send samples."""
    stop: bytes = b""
    """Makes it fall silent."""


@dataclass(frozen=True)
class FrontEnd:
    """What a protocol carries and what it cannot tell."""

    board: str
    bauds: tuple[int, ...]
    """The vendor's firmware's first, then others that are met."""
    leads: tuple[str, ...] | Literal["sent"]
    """ECG leads; "sent": the board names them."""
    fs: float | Literal["sent", "estimated"]
    """Hz; "sent": the board tells it; "estimated": from arrivals, unless the user knows it."""
    scale: str
    sequence: bool
    """Whether lost and repeated samples are counted exactly."""
    checksum: bool
    lead_off: Literal["yes", "no", "unknown"]
    """Whether it tells that an electrode is off; "unknown": its frame could, its firmware never
    does. The lead state is unknown unless "yes"."""
    commands: Commands
    decoder: Callable[[float | None], Decoder]
    encoder: Callable[[], Encoder]


PROTOCOLS: dict[str, FrontEnd] = {
    "edge": FrontEnd(
        board="our own firmware (docs/frame.md)",
        bauds=(115200,),
        leads="sent",
        fs="sent",
        scale="1 nV",
        sequence=True,
        checksum=True,
        lead_off="yes",
        commands=Commands(),
        decoder=EdgeDecoder,
        encoder=EdgeEncoder,
    ),
    "ads1292r": FrontEnd(
        board="ProtoCentral ADS1292R shield",
        bauds=(57600,),
        leads=ads1292r.LAYOUT.leads,
        fs=ads1292r.LAYOUT.fs,
        scale=f"{ads1292r.NV_PER_STEP / 1e3:.3f} µV, nominal",
        sequence=False,
        checksum=False,
        lead_off="unknown",
        commands=Commands(),
        decoder=Ads1292rDecoder,
        encoder=Ads1292rEncoder,
    ),
    "ad8232": FrontEnd(
        board="AD8232 with the usual Arduino sketch",
        bauds=(9600,),
        leads=ad8232.LEADS,
        fs="estimated",
        scale=f"{ad8232.NV_PER_COUNT / 1e3:.3f} µV, nominal",
        sequence=False,
        checksum=False,
        lead_off="yes",
        commands=Commands(),
        decoder=Ad8232Decoder,
        encoder=Ad8232Encoder,
    ),
}


def decoder(name: str, fs: float | None = None) -> Decoder:
    """A new decoder; `fs` in Hz overrides what the board tells or is known for."""
    if name not in PROTOCOLS:
        raise ProtocolError(f"no protocol is called {name!r}: choose {', '.join(PROTOCOLS)}")
    if fs is not None and not 0 < fs < math.inf:
        raise ProtocolError(f"{fs} Hz is no sampling rate: give one above 0")
    return PROTOCOLS[name].decoder(fs)


class Guess(NamedTuple):
    """What bytes seem to be."""

    name: str
    """Of a protocol, a key of `PROTOCOLS`."""
    sure: bool
    """False: another fits as well, or there is too little yet."""
    why: str
    """One clause for people."""


class Prober:
    """Tells the protocol from bytes, by who understands them."""

    def __init__(self) -> None:
        self._decoders = {name: decoder(name, fs=1.0) for name in PROTOCOLS}  # rate not used

    def feed(self, data: bytes) -> Guess | None:
        """What all bytes so far seem to be; None where nothing known fits them.

        Sure is (our choice): five good frames, and three times as many as that decoder found
        damaged and all others found good.
        """
        for candidate in self._decoders.values():
            candidate.feed(data)
        counts = {name: candidate.counters for name, candidate in self._decoders.items()}
        best = max(counts, key=lambda name: counts[name].good)
        good = counts[best].good
        against = counts[best].damaged + sum(c.good for c in counts.values()) - good
        if good <= against:
            return None
        return Guess(best, good >= 5 and good > 3 * against, f"{good} good frames")


def probe(data: bytes) -> Guess | None:
    """What these bytes seem to be, or None where nothing known fits."""
    return Prober().feed(data)
