"""What every protocol gives: a decoder, an encoder, and counts of what went wrong."""

from dataclasses import dataclass
from typing import Protocol

from firmware_bridge.block import SampleBlock


@dataclass
class Counters:
    """Totals since the decoder was made; `dataclasses.asdict` gives them as plain data."""

    good: int = 0
    """Frames (or lines) that were understood."""
    damaged: int = 0
    """Frames that failed a check: code, checksum, length, footer."""
    lost: int = 0
    """Samples that never arrived."""
    repeated: int = 0
    """Samples that arrived again, and were dropped."""
    unknown: int = 0
    """Undamaged frames that cannot be used: another version or type, or no header yet."""


class Decoder(Protocol):
    """Bytes to sample blocks, without I/O.

    The same samples come out however the bytes are cut. No bytes raise, and memory stays bounded.
    """

    counters: Counters

    @property
    def doubt(self) -> str:
        """What makes it unsure that the bytes are this protocol's and read right; "": nothing."""
        ...

    def feed(self, data: bytes) -> list[SampleBlock]:
        """Blocks that these bytes complete; consecutive samples of one lead state in one block."""


class Encoder(Protocol):
    """Sample blocks to the bytes that the board would send."""

    def encode(self, block: SampleBlock) -> bytes:
        """All bytes of the block; ProtocolError where the protocol cannot carry its leads."""
