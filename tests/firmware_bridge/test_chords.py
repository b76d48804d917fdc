"""The boards' frames and their traps."""

import struct

import pytest

from firmware_bridge.decoders.chords import ChordsDecoder

HALF = {10: 512, 12: 2048, 14: 8192}


def frame(count: int, channels: int, bits: int, first: int = 0) -> bytes:
    inputs = [HALF[bits] + first] + [HALF[bits]] * (channels - 1)
    return b"\xc7\x7c" + bytes([count % 256]) + struct.pack(f">{channels}H", *inputs) + b"\x01"


@pytest.mark.parametrize(
    ("board", "channels", "bits", "fs"),
    [
        ("UNO R3", 6, 10, 250),
        ("UNO R4", 6, 14, 500),
        ("Pico", 3, 12, 500),
        ("Nano", 8, 10, 250),
        ("Mega", 16, 10, 250),
        ("NPG Lite", 3, 12, 500),
    ],
)
def test_the_bytes_tell_which_board(board: str, channels: int, bits: int, fs: float) -> None:
    assert len(frame(0, channels, bits)) == 4 + 2 * channels
    data = b"".join(frame(i, channels, bits, i - 20) for i in range(40))
    (block,) = ChordsDecoder().feed(data)
    volts = 3.3 if bits == 12 else 5.0
    assert (block.fs, len(block), block.leads) == (fs, 40, ("A0",)), board
    mv = [(i - 20) * volts / 2**bits for i in range(40)]  # mV at the electrodes: gain 1000
    assert block.mv[:, 0].tolist() == pytest.approx(mv, abs=1e-5)


def test_the_counter_wraps_and_counts() -> None:
    data = [frame(i, 3, 12, i) for i in range(600)]
    decoder = ChordsDecoder()
    blocks = decoder.feed(b"".join(data[:300] + data[550:] + data[599:]))
    assert [(b.start, len(b)) for b in blocks] == [(0, 300), (550, 50)]
    assert (decoder.counters.lost, decoder.counters.repeated) == (250, 1)


def test_answers_are_text() -> None:
    decoder = ChordsDecoder()
    data = b"".join(frame(i, 6, 14) for i in range(40))
    (block,) = decoder.feed(b"UNO-R4\r\n" + data)
    assert len(block) == 40
    assert (decoder.counters.unknown, decoder.counters.damaged) == (1, 0)
