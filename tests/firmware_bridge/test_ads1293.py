"""The breakout's frame and its traps."""

import struct

import pytest

from firmware_bridge import decoders
from firmware_bridge.decoders import probe

HEAD = bytes.fromhex("0afa0c0002")


def frame(*codes: int) -> bytes:
    return HEAD + struct.pack("<3i", *codes) + b"\x00\x0b"


def test_codes_are_offset_binary_at_the_chips_own_scale() -> None:
    (block,) = decoders.decoder("ads1293").feed(frame(0x400000, 0x400000 + 6116, 0x7FFFFF))
    assert (block.fs, block.leads) == (100, ("I", "II", "V1"))
    # One step is 2 * 2.4 V / 3.5 / 2^23; the library's own conversion is no such thing.
    assert block.mv[0].tolist() == pytest.approx([0, 1.0, 685.714], abs=1e-3)


def test_hosts_disagree_on_the_rate() -> None:
    (block,) = decoders.decoder("ads1293", 128.0).feed(frame(0x400000, 0, 0))
    assert block.fs == 128


def test_a_number_beyond_24_bits_is_no_frame() -> None:
    decoder = decoders.decoder("ads1293")
    good, bad = frame(0x400000, 0x400000, 0x400000), frame(0x400000, 1 << 24, 0)
    before, after = decoder.feed(good + bad + good)
    assert (before.start, after.start, after.lost) == (0, 2, 1)
    assert decoder.counters.damaged == 1


def test_all_zeros_may_be_a_max30003_too() -> None:
    guess = probe(frame(0, 0, 0) * 100)
    assert guess
    assert not guess.sure
