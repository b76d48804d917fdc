"""What can go wrong between the board and the first sample block."""

from firmware_bridge.text import printable


class BridgeError(Exception):
    """Base of every error of this package; its text is one sentence for the user."""

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


class PortError(BridgeError):
    """The serial port cannot be opened or configured."""


class ProtocolError(BridgeError):
    """No known protocol can be read from the bytes, or the named one does not exist."""


class CalibrationError(BridgeError):
    """No scale could be measured, or the file of the user's scales cannot be used."""
