"""The shield's frame and its traps."""

import struct

import pytest

from firmware_bridge import decoders


def frame(count: int, first: int = 512, switches: int = 1) -> bytes:
    head = b"\xa5\x5a\x02" + bytes([count % 256])
    return head + struct.pack(">6H", first, 1, 2, 3, 4, 1023) + bytes([switches])


def test_frame() -> None:
    assert len(frame(0)) == 17
    (block,) = decoders.decoder("olimex").feed(frame(0, 512) + frame(1, 1023) + frame(2, 0))
    assert block.fs == 250  # what its timer gives, where its comments say 256
    assert block.mv[:, 0].tolist() == pytest.approx([0, 0.87610, -0.87781], abs=1e-4)
    (block,) = decoders.decoder("olimex", 125.0).feed(frame(0) + frame(1))  # the variant
    assert block.fs == 125


def test_the_counter_wraps_and_counts() -> None:
    data = [frame(i, 300 + i) for i in range(500)]
    decoder = decoders.decoder("olimex")
    blocks = decoder.feed(b"".join(data[:250] + data[260:400] + data[399:]))
    assert [(b.start, len(b)) for b in blocks] == [(0, 250), (260, 240)]
    assert (decoder.counters.lost, decoder.counters.repeated) == (10, 1)


@pytest.mark.parametrize("at", [0, 1, 2, 4, 6, 16])
def test_bits_that_must_be_zero_are_checked(at: int) -> None:
    hit = bytearray(frame(2))
    hit[at] |= 0x10
    hit[at] ^= 0x40
    decoder = decoders.decoder("olimex")
    before, after = decoder.feed(frame(0) + frame(1) + hit + frame(3) + frame(4))
    assert (before.start, after.start, decoder.counters.damaged) == (0, 3, 1)


def test_a_dropped_byte_costs_one_frame() -> None:
    decoder = decoders.decoder("olimex")
    before, after = decoder.feed(frame(0) + frame(1) + frame(2)[:-1] + frame(3) + frame(4))
    assert (len(before), after.start, len(after)) == (2, 3, 2)
