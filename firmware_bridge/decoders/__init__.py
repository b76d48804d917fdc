"""The protocols that are spoken: one row each, a factory, and a guess from bytes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from firmware_bridge.decoders import ad8232, ads1292r
from firmware_bridge.decoders.ad8232 import Ad8232Decoder, Ad8232Encoder
from firmware_bridge.decoders.ads1292r import Ads1292rDecoder, Ads1292rEncoder
from firmware_bridge.decoders.base import Counters, Decoder, Encoder
from firmware_bridge.decoders.edge_frame import EdgeDecoder, EdgeEncoder
from firmware_bridge.errors import ProtocolError

__all__ = ["PROTOCOLS", "Counters", "Decoder", "Encoder", "FrontEnd", "Prober", "decoder", "probe"]


@dataclass(frozen=True)
class FrontEnd:
    """What a protocol carries and what it cannot tell."""

    board: str
    baud: int
    """What the vendor's firmware uses."""
    leads: tuple[str, ...] | Literal["sent"]
    """ECG leads; "sent": the board names them."""
    fs: float | Literal["sent", "estimated"]
    """Hz; "sent": the board tells it; "estimated": from arrivals, unless the user knows it."""
    scale: str
    sequence: bool
    """Whether lost and repeated samples are counted exactly."""
    checksum: bool
    lead_off: bool
    """Whether it tells that an electrode is off; if not, the lead state is unknown."""
    decoder: Callable[[float | None], Decoder]
    encoder: Callable[[], Encoder]


PROTOCOLS: dict[str, FrontEnd] = {
    "edge": FrontEnd(
        board="our own firmware (docs/frame.md)",
        baud=115200,
        leads="sent",
        fs="sent",
        scale="1 nV",
        sequence=True,
        checksum=True,
        lead_off=True,
        decoder=EdgeDecoder,
        encoder=EdgeEncoder,
    ),
    "ads1292r": FrontEnd(
        board="ProtoCentral ADS1292R shield",
        baud=57600,
        leads=ads1292r.LEADS,
        fs=ads1292r.FS,
        scale=f"{ads1292r.NV_PER_STEP / 1e3:.3f} µV, nominal",
        sequence=False,
        checksum=False,
        lead_off=False,
        decoder=Ads1292rDecoder,
        encoder=Ads1292rEncoder,
    ),
    "ad8232": FrontEnd(
        board="AD8232 with the usual Arduino sketch",
        baud=9600,
        leads=ad8232.LEADS,
        fs="estimated",
        scale=f"{ad8232.NV_PER_COUNT / 1e3:.3f} µV, nominal",
        sequence=False,
        checksum=False,
        lead_off=True,
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


class Prober:
    """Tells the protocol from bytes, by who understands them."""

    def __init__(self) -> None:
        self._decoders = {name: decoder(name, fs=1.0) for name in PROTOCOLS}  # rate not used

    def feed(self, data: bytes) -> str | None:
        """The protocol's name, or None while unsure.

        Sure is (our choice): five good frames, and three times as many as that decoder found
        damaged and all others found good.
        """
        for candidate in self._decoders.values():
            candidate.feed(data)
        counts = {name: candidate.counters for name, candidate in self._decoders.items()}
        best = max(counts, key=lambda name: counts[name].good)
        good = counts[best].good
        against = counts[best].damaged + sum(c.good for c in counts.values()) - good
        return best if good >= 5 and good > 3 * against else None


def probe(data: bytes) -> str | None:
    """The name of the protocol that these bytes are in, or None where that is not clear."""
    return Prober().feed(data)
