"""The frame of ProtoCentral's boards: `0A FA`, u16 length, u8 type, the payload, `00 0B`.

Little-endian, no checksum, no sequence number; the length is the payload's. So everything that is
fixed must match: both header bytes, length, type, and both footer bytes. Some hosts take a bare
`0B` as the footer, but every board sends both bytes, and half of the little there is to check
would be given away. A payload may hold the header: length and footer tell the real one.
"""

import numpy as np

from firmware_bridge.decoders.frames import Rows

HEAD = 5
"""Bytes before the payload."""


def frame_size(length: int) -> int:
    """Bytes of a frame with so many of payload."""
    return HEAD + length + 2


def fixed(length: int, kind: int = 2) -> dict[int, int | tuple[int, int]]:
    """What every frame of this length and type has at which byte."""
    head = {0: 0x0A, 1: 0xFA, 2: length & 0xFF, 3: length >> 8, 4: kind}
    return {**head, HEAD + length: 0x00, HEAD + length + 1: 0x0B}


def blank(n: int, length: int, kind: int = 2) -> Rows:
    """`n` frames with a payload of zeros."""
    rows = np.zeros((n, frame_size(length)), np.uint8)
    for place, value in fixed(length, kind).items():
        rows[:, place] = value
    return rows
