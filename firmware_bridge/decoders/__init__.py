"""The protocols that are spoken, a file each; which one bytes are in."""

from firmware_bridge.decoders.base import Counters, Decoder, Encoder
from firmware_bridge.decoders.prober import Guess, Prober, probe
from firmware_bridge.decoders.registry import PROTOCOLS, Commands, FrontEnd, decoder

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
