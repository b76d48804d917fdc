"""`edge-bench layouts`: frames that are written by their layout alone, of real recordings.

No encoder of ours takes part: each board's bytes are packed here as its makers describe them. They
are given to the prober in lumps; right is who is sure of the board and whose samples are those that
were packed, each at its scale.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.boards.probing import guess
from benchmarks.boards.recordings import fifty
from benchmarks.report import Report
from benchmarks.tables import percent, table
from firmware_bridge.decoders import decoder

SECONDS: Final = 4.0
_WAITS: Final = {"ganglion": 205, "daisy": 1, "spikershield": 16}
"""Samples that a reader may wait for first: the next whole value, the other half, what moves."""


class Kind(NamedTuple):
    """A board's layout."""

    protocol: str
    fs: float
    step_nv: float
    low: int
    high: int
    pack: Callable[[NDArray[np.int64], np.random.Generator], bytes]
    """Steps of two leads, shape [n, 2], to bytes."""
    leads: int = 1
    """Of those, how many are read."""
    within: float = 0.5
    """Steps that a sample may be off."""
    slew: int = 0
    """Steps that a sample may be from the one before; 0: any."""
    told_fs: float | None = None
    """The rate that the bytes do not tell, but when they come."""


Steps = NDArray[np.int64]
Rng = np.random.Generator


def _protocentral(payload: bytes, kind: int = 2) -> bytes:
    return b"\x0a\xfa" + struct.pack("<HB", len(payload), kind) + payload + b"\x00\x0b"


def _ads1292r(x: Steps, rng: Rng) -> bytes:
    return b"".join(
        _protocentral(struct.pack("<hhHHB", a, int(rng.integers(-99, 99)), 16, 72, 0))
        for a in _first(x)
    )


def _ads1293(x: Steps, _: Rng) -> bytes:
    codes = x + 0x400000
    return b"".join(
        _protocentral(struct.pack("<3i", a, b, b - a + 0x400000)) for a, b in codes.tolist()
    )


def _max30003(x: Steps, _: Rng) -> bytes:
    return b"".join(
        _protocentral(
            struct.pack("<iHHHH", a << 16, 832 if i > 250 else 0, 0, 72 if i > 250 else 0, 0)
        )
        for i, a in enumerate(_first(x))
    )


def _max30001(x: Steps, rng: Rng) -> bytes:
    out = []
    for i, a in enumerate(_first(x)):
        bioz = int(rng.integers(190_000, 210_000)) if i % 2 == 0 else 0
        out.append(_protocentral(struct.pack("<iiB3x", a, bioz, 0 if i % 2 == 0 else 0xFF)))
    return b"".join(out)


def _max86150(x: Steps, rng: Rng) -> bytes:
    light = rng.integers(20_000, 60_000, (len(x), 2)).tolist()
    return b"".join(
        _protocentral(struct.pack("<hHH", a, *two)) for a, two in zip(_first(x), light, strict=True)
    )


def _healthypi4(x: Steps, _: Rng) -> bytes:
    rest = struct.pack("<hiihBBBBBB", 5, 90_000, 91_000, 3650, 16, 98, 72, 120, 80, 0)
    return b"".join(_protocentral(struct.pack("<h", a) + rest) for a in _first(x))


def _healthypi5(x: Steps, rng: Rng) -> bytes:
    light = rng.integers(80_000, 100_000, (len(x), 2)).tolist()
    return b"".join(
        _protocentral(struct.pack("<iiBiihBBB", a, 1000, 0, *two, 3650, 98, 72, 16))
        for a, two in zip(_first(x), light, strict=True)
    )


def _eights(x: Steps, rng: Rng) -> bytes:
    ecg = _first(x)
    return b"".join(
        _protocentral(
            struct.pack("<8i4iBB", *ecg[i : i + 8], *rng.integers(-999, 999, 4).tolist(), 72, 16), 3
        )
        for i in range(0, len(ecg) - 7, 8)
    )


def _healthypi6(x: Steps, _: Rng) -> bytes:
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


def _cyton(x: Steps, rng: Rng) -> bytes:
    floating = rng.integers(-(10**6), 10**6, 6).tolist()
    out = []
    for i, two in enumerate(x.tolist()):
        rest = [f + int(rng.integers(-40, 40)) for f in floating]
        channels = b"".join(map(_three_bytes, [*two, *rest]))
        out.append(bytes([0xA0, i % 256]) + channels + bytes(6) + b"\xc0")
    return b"".join(out)


def _daisy(x: Steps, rng: Rng) -> bytes:
    floating = rng.integers(-(10**6), 10**6, 14).tolist()
    out = []
    for i, two in enumerate(x.tolist()):
        rest = [f + int(rng.integers(-40, 40)) for f in floating]
        board, daisy = [*two, *rest[:6]], rest[6:]
        for count, eight in ((2 * i, daisy), (2 * i + 1, board)):
            channels = b"".join(map(_three_bytes, eight))
            out.append(bytes([0xA0, count % 256]) + channels + bytes(6) + b"\xc0")
    return b"".join(out)


def _chords(channels: int, bits: int) -> Callable[[Steps, Rng], bytes]:
    def pack(x: Steps, rng: Rng) -> bytes:
        idle = rng.integers(0, 1 << bits, channels - 1)
        out = []
        for i, a in enumerate(_first(x)):
            others = (idle + rng.integers(-20, 20, channels - 1)).clip(0, (1 << bits) - 1).tolist()
            inputs = struct.pack(f">{channels}H", a + (1 << bits - 1), *others)
            out.append(b"\xc7\x7c" + bytes([i % 256]) + inputs + b"\x01")
        return b"".join(out)

    return pack


def _spiker(bits: int, times: int = 20) -> Callable[[Steps, Rng], bytes]:
    def pack(x: Steps, _: Rng) -> bytes:
        out = bytearray()
        for a in _first(x):
            for i in range(times):  # in 2 ms it moves, too
                value = a + (1 << bits - 1) + (times > 1) * (1 if i % 2 else -1)
                out += bytes([value >> 7 | 0x80, value & 0x7F])
        return bytes(out)

    return pack


def _olimex(x: Steps, rng: Rng) -> bytes:
    return b"".join(
        b"\xa5\x5a\x02"
        + bytes([i % 256])
        + struct.pack(">6H", a + 512, *rng.integers(0, 1024, 5).tolist())
        + b"\x01"
        for i, a in enumerate(_first(x))
    )


def _bitalino(channels: int) -> Callable[[Steps, Rng], bytes]:
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


def _ganglion(x: Steps, _: Rng) -> bytes:
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


KINDS: Final[dict[str, Kind]] = {
    "ADS1292R": Kind("ads1292r", 125, 6154, -(2**15), 2**15 - 1, _ads1292r),
    "ADS1293": Kind("ads1293", 100, 2 * 2.4e9 / 3.5 / 2**23, -(2**20), 2**20, _ads1293, leads=2),
    "MAX30003": Kind("max30003", 128, 1e9 / 20 / 2**15, -(2**15), 2**15 - 1, _max30003),
    "MAX30001": Kind("max30001", 128, 1e9 / 20 / 2**17, -(2**17), 2**17 - 1, _max30001),
    "MAX86150": Kind("max86150", 200, 4 * 12247 / 76, -(2**15), 2**15 - 1, _max86150),
    "HealthyPi v4": Kind("healthypi4", 125, 6154, -(2**15), 2**15 - 1, _healthypi4),
    "HealthyPi 5": Kind("healthypi5", 128, 1e9 / 20 / 2**17, -(2**17), 2**17 - 1, _healthypi5),
    "HealthyPi 5, 1.0": Kind("healthypi5", 128, 1e9 / 80 / 2**17, -(2**17), 2**17 - 1, _eights),
    "HealthyPi 5, 1.1": Kind(
        "healthypi5",
        128,
        1e9 / 80 / 2**17,
        -(2**17),
        2**17 - 1,
        lambda x, rng: _eights(x << 8, rng),
    ),
    "HealthyPi 5, 2.0": Kind(
        "healthypi5",
        256,
        1e9 / 80 / 2**17,
        -(2**17),
        2**17 - 1,
        lambda x, rng: _healthypi5(x << 8, rng),
    ),
    "HealthyPi 6": Kind("healthypi6", 500, 1000, -(2**20), 2**20, _healthypi6, leads=2),
    "Cyton": Kind("cyton", 250, 4.5e9 / 24 / (2**23 - 1), -(2**22), 2**22, _cyton, leads=2),
    "Cyton, Daisy": Kind("daisy", 125, 4.5e9 / 24 / (2**23 - 1), -(2**22), 2**22, _daisy, leads=2),
    "Ganglion": Kind(
        "ganglion",
        200,
        1.2e9 / (2**23 - 1) / 1.5 / 51,
        -(2**22),
        2**22,
        _ganglion,
        leads=2,
        within=2,
        slew=2**18 - 4,
    ),
    **{
        f"Chords, {board}": Kind(
            "chords",
            250 if bits == 10 else 500,
            (3.3e9 if bits in (12, 16) else 5e9) / 2**bits / 1000,
            -(1 << bits - 1),
            (1 << bits - 1) - 1,
            _chords(channels, bits),
        )
        for board, channels, bits in (
            ("UNO R3", 6, 10),
            ("UNO R4", 6, 14),
            ("GIGA R1", 6, 16),
            ("Pico", 3, 12),
            ("Nano", 8, 10),
            ("Black Pill", 8, 12),
            ("Mega", 16, 10),
            ("STM32G4", 16, 12),
        )
    },
    "SpikerShield": Kind("spikershield", 500, 5e9 / 1024 / 1000, -511, 510, _spiker(10)),
    "Human SpikerBox": Kind(
        "spikershield", 500, 5e9 / 2**14 / 1000, 1 - 2**13, 2**13 - 2, _spiker(14)
    ),
    "SpikerBox Pro": Kind(
        "spikershield", 1000, 5e9 / 1024 / 1000, -511, 510, _spiker(10, 1), told_fs=1000
    ),
    "Olimex": Kind("olimex", 250, 5e9 / 1024 / 2848, -512, 511, _olimex),
    **{
        f"BITalino, {n} channels": Kind(
            "bitalino", 1000, 3.3e9 / 1024 / 1100, -512, 511, _bitalino(n)
        )
        for n in range(1, 7)
    },
}


@dataclass(slots=True)
class Outcome:
    """One board over all recordings."""

    board: str
    right: int = 0
    unsure: int = 0
    another: int = 0
    """Taken for another, for sure."""
    unequal: int = 0
    """Recognised, and other samples."""


def layouts(data: Path) -> Report:
    """Every layout of fifty recordings."""
    outcomes = {board: Outcome(board) for board in KINDS}
    for seed, recording in enumerate(tqdm(fifty(data), unit="recording")):
        for i, (board, kind) in enumerate(KINDS.items()):
            judge(outcomes[board], kind, recording, np.random.default_rng([seed, i]))
    rows = [
        [o.board, *map(str, (o.right, o.unsure, o.another, o.unequal))] for o in outcomes.values()
    ]
    total = sum(o.right + o.unsure + o.another + o.unequal for o in outcomes.values())
    right = sum(o.right for o in outcomes.values())
    another = sum(o.another for o in outcomes.values())
    text = table(["board", "right", "unsure", "another", "unequal"], rows)
    text += f"\n\nright: {percent(right / total)} % of {total}; taken for another: {another}"
    found = {"outcomes": [asdict(o) for o in outcomes.values()], "right": right / total}
    return Report(text, found | {"another": another})


def judge(
    outcome: Outcome, kind: Kind, recording: tuple[NDArray[np.float64], float], rng: Rng
) -> None:
    """Packs some seconds from anywhere, at a drawn height, and counts what is made of it."""
    mv, fs = recording
    n = int(SECONDS * fs)
    at = int(rng.integers(0, max(1, len(mv) - n)))
    t = np.arange(int(SECONDS * kind.fs)) / kind.fs * fs
    some = mv[at : at + n]
    height = rng.uniform(0.4, 1.5)
    sampled = [height * np.interp(t, np.arange(len(some)), x - np.median(x)) for x in some.T]
    steps = np.rint(np.stack(sampled, axis=1) * 1e6 / kind.step_nv).astype(np.int64)
    steps = steps.clip(kind.low, kind.high)
    while kind.slew and np.abs(np.diff(steps, axis=0)).max() > kind.slew:
        steps //= 2
    data = kind.pack(steps, rng)
    said = guess(data)
    if said is None or not said.sure:
        outcome.unsure += 1
    elif said.name != kind.protocol:
        outcome.another += 1
    elif _equal(kind, data, steps):
        outcome.right += 1
    else:
        outcome.unequal += 1


def _equal(kind: Kind, data: bytes, steps: Steps) -> bool:
    """Whether the samples are the packed ones: all but the last few, at the board's rate."""
    blocks = decoder(kind.protocol, kind.told_fs).feed(data)
    if not blocks or {block.fs for block in blocks} != {kind.fs}:
        return False
    got = np.concatenate([block.mv for block in blocks])[:, : kind.leads].astype(float)
    late = len(steps) - len(got)
    if late > 12 + _WAITS.get(kind.protocol, 0):
        return False
    # The first are missing, or the last.
    sent = [steps[at : at + len(got), : kind.leads] * kind.step_nv * 1e-6 for at in (0, late)]
    error = min(np.abs(got - those).max() for those in sent) / (kind.step_nv * 1e-6)
    return bool(error <= kind.within + 1e-6 * np.abs(steps).max() + 1 / kind.step_nv)
