"""Boards and serial lines: bytes in, blocks of samples out.

    from firmware_bridge import SerialLink

    with SerialLink("/dev/ttyUSB0") as link:
        for item in link:  # a SampleBlock in mV, or a LinkChange
            print(item)

Errors are BridgeErrors: a sentence, and the exit code that `edge-run` ends with.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firmware_bridge.block import LeadState, SampleBlock, Scale
    from firmware_bridge.calibration import Boards
    from firmware_bridge.change import LinkChange
    from firmware_bridge.decoders import PROTOCOLS, Counters, Decoder, FrontEnd, decoder
    from firmware_bridge.errors import BridgeError, CalibrationError, PortError, ProtocolError
    from firmware_bridge.link import SerialLink
    from firmware_bridge.ports import list_ports

__all__ = [
    "PROTOCOLS",
    "Boards",
    "BridgeError",
    "CalibrationError",
    "Counters",
    "Decoder",
    "FrontEnd",
    "LeadState",
    "LinkChange",
    "PortError",
    "ProtocolError",
    "SampleBlock",
    "Scale",
    "SerialLink",
    "decoder",
    "list_ports",
]

_FROM = {
    "block": ("LeadState", "SampleBlock", "Scale"),
    "calibration": ("Boards",),
    "change": ("LinkChange",),
    "decoders": ("PROTOCOLS", "Counters", "Decoder", "FrontEnd", "decoder"),
    "errors": ("BridgeError", "CalibrationError", "PortError", "ProtocolError"),
    "link": ("SerialLink",),
    "ports": ("list_ports",),
}
"""Loaded when asked for: blocks are used where there is no serial port, nor a POSIX system."""


def __getattr__(name: str) -> Any:
    for module, names in _FROM.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
