"""What a receiver reads from a serial line that it samples at another speed than it was sent.

Eight data bits, no parity, one stop bit, least significant bit first. The receiver is the common
one: a falling edge starts a character, the middle of its start bit must be low still, and each
bit after that is what the line is in the bit's middle. A stop bit that is low is a framing error,
whose byte is passed on all the same, as a terminal in raw mode does; the receiver then waits for
the line to rise and fall again (our choice; some take the low stop bit for a start bit).
"""

import math

import numpy as np

_FALL = b"\1\0"


class Line:
    """A line from a sender at one speed to a receiver at another; it idles before the first byte.

    The same bytes come out however they are cut, as long as the pauses are the same.
    """

    def __init__(self, sent: int, read: int) -> None:
        """Speeds in bits a second."""
        self._sent = sent
        self.read = read
        self._bit = sent / read  # the receiver's bit, in bits of the sender
        # From here on in bits of the sender. The levels are those that are still to be read.
        self._levels = b"\1"
        self._from = 0.0  # the receiver looks for an edge from here on

    def carry(self, data: bytes, idle_s: float = 0.0) -> bytes:
        """What the receiver has read once `data`, without a pause in it, and a pause are over."""
        # A pause need be no longer than what the receiver may still be reading.
        idle = round(min(idle_s * self._sent, 10 * self._bit + 2))
        levels = self._levels + _levels(data) + b"\1" * idle
        read = bytearray()
        while True:
            before = levels.find(_FALL, max(0, math.ceil(self._from) - 1))
            if before < 0:
                before = len(levels) - 1
                break
            edge = before + 1
            if edge + 9.5 * self._bit >= len(levels):
                break
            if levels[int(edge + 0.5 * self._bit)]:  # too short for a start bit
                self._from = edge + 0.5 * self._bit
                continue
            middle = edge + 1.5 * self._bit
            read.append(sum(levels[int(middle + i * self._bit)] << i for i in range(8)))
            self._from = edge + 9.5 * self._bit
        self._levels = levels[before:]
        self._from = max(0.0, self._from - before)
        return bytes(read)


def _levels(data: bytes) -> bytes:
    """The line's level, 0 or 1, for each bit of the sender."""
    levels = np.ones((len(data), 10), np.uint8)
    levels[:, 0] = 0
    levels[:, 1:9] = np.unpackbits(np.frombuffer(data, np.uint8)[:, None], 1, bitorder="little")
    return levels.tobytes()
