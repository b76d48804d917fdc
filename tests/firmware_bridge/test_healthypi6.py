"""The board's block and its traps."""

import struct
import zlib

import pytest

from firmware_bridge.block import LeadState
from firmware_bridge.decoders.healthypi6 import HealthyPi6Decoder

Sample = tuple[int, int, int, int]
SAMPLES: list[Sample] = [(1000, -2000, 500, 0)] * 4


def block(
    sequence: int, time_ms: int, samples: list[Sample] = SAMPLES, channel: int = 1, more: int = 0
) -> bytes:
    payload = b"".join(struct.pack("<4iBB2x", 9, i, ii, v1, off, 0) for i, ii, v1, off in samples)
    head = struct.pack("<IIQBBHI", 32 + len(payload), sequence, time_ms, channel, 0, 4, 0)
    body = b"DBLK" + head + payload
    return body + struct.pack("<I", zlib.crc32(body) + more)


def test_block() -> None:
    assert len(block(0, 0)) == 32 + 4 * 20
    (got,) = HealthyPi6Decoder().feed(block(7, 1500))
    assert (got.fs, got.leads, got.device_time_s) == (500, ("I", "II", "V1"), 1.5)
    assert got.mv.tolist() == [pytest.approx([1, -2, 0.5])] * 4


def test_lost_blocks_are_counted_by_sequence_and_measured_by_the_clock() -> None:
    decoder = HealthyPi6Decoder()
    before, after = decoder.feed(block(1, 100) + block(4, 124))
    assert (before.start, after.start, after.lost) == (0, 12, 8)
    assert decoder.counters.lost == 8


def test_a_lost_block_of_another_channel_is_no_lost_ecg() -> None:
    decoder = HealthyPi6Decoder()
    decoder.feed(block(1, 100) + block(2, 101, channel=2))
    (after,) = decoder.feed(block(4, 108))
    assert (after.start, after.lost) == (4, 0)
    assert (decoder.counters.good, decoder.counters.damaged) == (3, 0)


def test_the_clock_may_be_a_millisecond_off() -> None:
    (_, after) = HealthyPi6Decoder().feed(block(1, 100) + block(3, 115))
    assert after.start == 8


def test_repeated_blocks_are_dropped() -> None:
    decoder = HealthyPi6Decoder()
    (got,) = decoder.feed(block(1, 100) * 2 + block(2, 108) + block(1, 100) + block(3, 116))
    assert len(got) == 12
    assert (decoder.counters.repeated, decoder.counters.lost) == (8, 0)


def test_a_restart_shows_as_a_gap() -> None:
    (_, after) = HealthyPi6Decoder().feed(block(1000, 60_000) + block(0, 3))
    assert (after.start, after.lost, after.restart) == (5, 1, True)


def test_a_clock_that_jumps_loses_no_more_than_the_missing_blocks_hold() -> None:
    (_, after) = HealthyPi6Decoder().feed(block(1, 100) + block(3, 80_000_000))
    assert after.lost == 256


@pytest.mark.parametrize(
    "other",
    [
        block(2, 108, more=1),  # CRC
        b"DBLK" + bytes(40),
        block(2, 108)[:20],
        block(2, 108).replace(struct.pack("<I", 112), struct.pack("<I", 111), 1),
    ],
)
def test_damage_costs_nothing_else(other: bytes) -> None:
    decoder = HealthyPi6Decoder()
    before, after = decoder.feed(block(1, 100) + other + block(3, 116))
    assert (before.start, after.start) == (0, 8)
    assert decoder.counters.damaged == 1


def test_a_wrong_length_only_delays() -> None:
    decoder = HealthyPi6Decoder()
    wrong = b"DBLK" + struct.pack("<I", 5000) + bytes(24)
    data = b"".join(block(i, 8 * i) for i in range(50))
    assert decoder.feed(wrong + data[:4000]) == []
    assert sum(map(len, decoder.feed(data[4000:]))) == 200


def test_lead_off_is_unknown_until_a_bit_was_seen() -> None:
    """Firmware 1.0.0 always sends 0."""
    on, off, unknown = LeadState.ON, LeadState.OFF, LeadState.UNKNOWN
    decoder = HealthyPi6Decoder()
    samples = [(0, 0, 0, bits) for bits in (0, 0b0010, 0b0100, 0b0001)]
    states = [b.lead_state for b in decoder.feed(block(1, 0, samples))]
    assert states == [(unknown,) * 3, (off, on, off), (on, off, off), (off,) * 3]
