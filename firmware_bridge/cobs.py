"""Consistent overhead byte stuffing: any bytes, written without a zero.

S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Trans. Networking 7(2), 1999.
"""


def encode(data: bytes) -> bytes:
    """Bytes without zeros that stand for `data`, at most `len(data) // 254 + 1` longer."""
    out = bytearray()
    for run in data.split(b"\0"):
        while len(run) >= 254:
            out += b"\xff" + run[:254]
            run = run[254:]
        out.append(len(run) + 1)
        out += run
    return bytes(out)


def decode(coded: bytes) -> bytes:
    """The bytes that `coded` stands for; ValueError where no encoder could have written it."""
    if not coded or 0 in coded:
        raise ValueError("COBS: empty, or a zero inside")
    data = bytearray(coded)
    at, end = 0, len(data)
    full = [0]  # code bytes that stand for no zero: the first, and those after a full block
    while at < end:
        code = data[at]
        data[at] = 0
        at += code
        if code == 255:
            full.append(at)
    if at != end:
        raise ValueError("COBS: a block runs over the end")
    for i in reversed(full):
        del data[i : i + 1]
    return bytes(data)
