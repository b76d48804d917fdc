"""What can go wrong between the board and the first sample block, each with its exit code."""

from firmware_bridge.text import printable


class UserError(Exception):
    """Base of every error that ends a command; its text is one sentence for the user."""

    exit_code = 1

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))


class BridgeError(UserError):
    """Base of every error of this package."""


class PortError(BridgeError):
    """The serial port cannot be opened or configured."""

    exit_code = 3


class ProtocolError(BridgeError):
    """No known protocol can be read from the bytes, or the named one does not exist."""

    exit_code = 4


class CalibrationError(BridgeError):
    """No scale could be measured, or the file of the user's scales cannot be used."""

    exit_code = 11
