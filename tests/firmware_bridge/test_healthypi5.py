"""Both frames of the board and their traps."""

import struct

import pytest

from firmware_bridge.decoders.healthypi5 import HealthyPi5Decoder


def short(ecg: int) -> bytes:
    vitals = struct.pack("<iBiihBBB", -7, 0, 1, 2, 3690, 98, 71, 14)
    return bytes.fromhex("0afa160002") + struct.pack("<i", ecg) + vitals + b"\x00\x0b"


def long(*ecg: int) -> bytes:
    rest = struct.pack("<4iBB", 1, 2, 3, 4, 71, 14)
    return bytes.fromhex("0afa320003") + struct.pack("<8i", *ecg) + rest + b"\x00\x0b"


def test_one_sample_a_frame() -> None:
    (block,) = HealthyPi5Decoder().feed(short(0) + short(2621) + short(-2621))
    assert block.fs == 128
    assert block.mv[:, 0].tolist() == pytest.approx([0, 0.99983, -0.99983], abs=1e-4)


def test_eight_samples_a_frame() -> None:
    decoder = HealthyPi5Decoder()
    (block,) = decoder.feed(long(*range(8)) + long(*range(8, 16)))
    assert block.mv[:, 0].tolist() == pytest.approx([i * 3.8147e-4 for i in range(16)], abs=1e-6)
    before, after = decoder.feed(long(*range(8)) + long(*range(8))[:-1] + b"\x0c" + long(*range(8)))
    assert (before.start, after.start, after.lost) == (16, 32, 8)


def test_the_first_frame_tells_which_and_the_other_is_damage() -> None:
    decoder = HealthyPi5Decoder(104.0)  # sources say 128, 125 and 104
    blocks = decoder.feed(short(1) + long(*range(8)) + short(2))
    assert {b.fs for b in blocks} == {104}
    assert sum(map(len, blocks)) == 2
    assert decoder.counters.damaged == 2  # 57 bytes are two frames of 29
