"""Frames as boards' makers describe them, packed without any encoder of ours.

Each function takes converter steps of two leads, [n, 2], and a random stream for what else a frame
holds, and gives the bytes.
"""

import struct
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Steps = NDArray[np.int64]
Rng = np.random.Generator
Pack = Callable[[Steps, Rng], bytes]


def _protocentral(payload: bytes, kind: int = 2) -> bytes:
    return b"\x0a\xfa" + struct.pack("<HB", len(payload), kind) + payload + b"\x00\x0b"


def ads1292r(x: Steps, rng: Rng) -> bytes:
    """ECG and respiration, 16 bits each; rates behind them."""
    return b"".join(
        _protocentral(struct.pack("<hhHHB", a, int(rng.integers(-99, 99)), 16, 72, 0))
        for a in _first(x)
    )


def ads1293(x: Steps, _: Rng) -> bytes:
    """Three leads of 32 bits, their zero at 0x400000."""
    codes = x + 0x400000
    return b"".join(
        _protocentral(struct.pack("<3i", a, b, b - a + 0x400000)) for a, b in codes.tolist()
    )


def max30003(x: Steps, _: Rng) -> bytes:
    """ECG at the top of 32 bits; RR interval and rate after it."""
    return b"".join(
        _protocentral(
            struct.pack("<iHHHH", a << 16, 832 if i > 250 else 0, 0, 72 if i > 250 else 0, 0)
        )
        for i, a in enumerate(_first(x))
    )


def max30001(x: Steps, rng: Rng) -> bytes:
    """ECG and, every other time, bioimpedance."""
    out = []
    for i, a in enumerate(_first(x)):
        bioz = int(rng.integers(190_000, 210_000)) if i % 2 == 0 else 0
        out.append(_protocentral(struct.pack("<iiB3x", a, bioz, 0 if i % 2 == 0 else 0xFF)))
    return b"".join(out)


def max86150(x: Steps, rng: Rng) -> bytes:
    """ECG and two of light."""
    light = rng.integers(20_000, 60_000, (len(x), 2)).tolist()
    return b"".join(
        _protocentral(struct.pack("<hHH", a, *two)) for a, two in zip(_first(x), light, strict=True)
    )


def healthypi4(x: Steps, _: Rng) -> bytes:
    """ECG, respiration, light, temperature and what is made of them."""
    rest = struct.pack("<hiihBBBBBB", 5, 90_000, 91_000, 3650, 16, 98, 72, 120, 80, 0)
    return b"".join(_protocentral(struct.pack("<h", a) + rest) for a in _first(x))


def healthypi5(x: Steps, rng: Rng) -> bytes:
    """ECG, bioimpedance and light, a sample a frame."""
    light = rng.integers(80_000, 100_000, (len(x), 2)).tolist()
    return b"".join(
        _protocentral(struct.pack("<iiBiihBBB", a, 1000, 0, *two, 3650, 98, 72, 16))
        for a, two in zip(_first(x), light, strict=True)
    )


def healthypi5_eights(x: Steps, rng: Rng) -> bytes:
    """The same board's older firmware: eight samples a frame."""
    ecg = _first(x)
    return b"".join(
        _protocentral(
            struct.pack("<8i4iBB", *ecg[i : i + 8], *rng.integers(-999, 999, 4).tolist(), 72, 16), 3
        )
        for i in range(0, len(ecg) - 7, 8)
    )


def healthypi6(x: Steps, _: Rng) -> bytes:
    """Blocks of ten samples in microvolts, numbered, with a CRC-32."""
    out = []
    for n, i in enumerate(range(0, len(x) - 9, 10)):
        body = b"".join(
            struct.pack("<4iBBxx", 7, a, b, b - a, 0, 0) for a, b in x[i : i + 10].tolist()
        )
        head = b"DBLK" + struct.pack("<IIQBBHI", 32 + len(body), n, 1000 + 2 * i, 1, 0, 10, 0)
        out.append(head + body + struct.pack("<I", zlib.crc32(head + body)))
    return b"".join(out)


def _three_bytes(x: int) -> bytes:
    return x.to_bytes(3, "big", signed=True)


def cyton(x: Steps, rng: Rng) -> bytes:
    """Eight channels of 24 bits, numbered; six of them float."""
    floating = rng.integers(-(10**6), 10**6, 6).tolist()
    out = []
    for i, two in enumerate(x.tolist()):
        rest = [f + int(rng.integers(-40, 40)) for f in floating]
        channels = b"".join(map(_three_bytes, [*two, *rest]))
        out.append(bytes([0xA0, i % 256]) + channels + bytes(6) + b"\xc0")
    return b"".join(out)


def daisy(x: Steps, rng: Rng) -> bytes:
    """Sixteen channels: the daisy's half first, then the board's."""
    floating = rng.integers(-(10**6), 10**6, 14).tolist()
    out = []
    for i, two in enumerate(x.tolist()):
        rest = [f + int(rng.integers(-40, 40)) for f in floating]
        board, daisy = [*two, *rest[:6]], rest[6:]
        for count, eight in ((2 * i, daisy), (2 * i + 1, board)):
            channels = b"".join(map(_three_bytes, eight))
            out.append(bytes([0xA0, count % 256]) + channels + bytes(6) + b"\xc0")
    return b"".join(out)


def chords(channels: int, bits: int) -> Pack:
    """Inputs of so many bits, numbered; all but the first are idle."""

    def pack(x: Steps, rng: Rng) -> bytes:
        idle = rng.integers(0, 1 << bits, channels - 1)
        out = []
        for i, a in enumerate(_first(x)):
            others = (idle + rng.integers(-20, 20, channels - 1)).clip(0, (1 << bits) - 1).tolist()
            inputs = struct.pack(f">{channels}H", a + (1 << bits - 1), *others)
            out.append(b"\xc7\x7c" + bytes([i % 256]) + inputs + b"\x01")
        return b"".join(out)

    return pack


def spikershield(bits: int, times: int = 20) -> Pack:
    """Samples alone, in two bytes, each sent so many times."""

    def pack(x: Steps, _: Rng) -> bytes:
        out = bytearray()
        for a in _first(x):
            for i in range(times):  # in 2 ms it moves, too
                value = a + (1 << bits - 1) + (times > 1) * (1 if i % 2 else -1)
                out += bytes([value >> 7 | 0x80, value & 0x7F])
        return bytes(out)

    return pack


def olimex(x: Steps, rng: Rng) -> bytes:
    """Six inputs of 10 bits, numbered; all but the first are idle."""
    return b"".join(
        b"\xa5\x5a\x02"
        + bytes([i % 256])
        + struct.pack(">6H", a + 512, *rng.integers(0, 1024, 5).tolist())
        + b"\x01"
        for i, a in enumerate(_first(x))
    )


def bitalino(channels: int) -> Pack:
    """One to six inputs, numbered, with a CRC of four bits."""

    def pack(x: Steps, rng: Rng) -> bytes:
        out = []
        for i, a in enumerate(_first(x)):
            inputs = rng.integers(0, 1024, channels).tolist()
            inputs[min(1, channels - 1)] = a + 512
            out.append(_bitalino_frame(i % 16, inputs))
        return b"".join(out)

    return pack


def _bitalino_frame(count: int, inputs: list[int]) -> bytes:
    bits = "".join(f"{x:010b}" if i < 4 else f"{x >> 4:06b}" for i, x in enumerate(inputs))
    size = -(-(12 + len(bits)) // 8)
    # Read from the last byte on: the counter and the CRC, digital inputs and the channels.
    rest = ("0000" + bits).ljust(8 * (size - 1), "0")
    frame = [int(rest[j : j + 8], 2) for j in range(len(rest) - 8, -1, -8)]
    frame.append(count << 4)
    crc = 0
    for byte in frame:
        for bit in range(7, -1, -1):
            crc = crc << 1 | byte >> bit & 1
            crc = (crc ^ 0x13) & 15 if crc & 0x10 else crc
    frame[-1] |= crc
    return bytes(frame)


def ganglion(x: Steps, _: Rng) -> bytes:
    """A whole value, then 100 packets of differences of 19 bits."""
    four = np.column_stack([x, x[:, ::-1]])
    out, last = [], four[0]
    at, packet = 0, 0
    while at + 2 < len(four):
        if packet == 0:
            last = four[at]
            out.append(bytes([0]) + b"".join(map(_three_bytes, last.tolist())) + bytes(7))
            at += 1
        else:
            codes = []
            for sample in four[at : at + 2]:
                difference = last - sample
                codes += [
                    (abs(int(d)) & ~1 | (d < 0)) & 0x7FFFF if d >= 0 else (int(d) | 1) & 0x7FFFF
                    for d in difference
                ]
                last = last - np.array([_of_19_bits(c) for c in codes[-4:]])
            number = int("".join(f"{c:019b}" for c in codes), 2)
            out.append(bytes([100 + packet]) + number.to_bytes(19, "big"))
            at += 2
        packet = (packet + 1) % 101
    return b"".join(out)


def _of_19_bits(code: int) -> int:
    """The last bit is the sign."""
    return code - (1 << 19) if code & 1 else code


def _first(x: Steps) -> list[int]:
    return x[:, 0].tolist()  # type: ignore[no-any-return]
