"""The shield's frame and its traps."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import decoders
from firmware_bridge.block import LeadState


def frame(ecg: int, respiration: int = 0, tail: bytes = bytes(5)) -> bytes:
    payload = struct.pack("<hh", ecg, respiration) + tail
    return b"\x0a\xfa" + struct.pack("<HB", len(payload), 2) + payload + b"\x00\x0b"


def steps(data: bytes) -> list[int]:
    return [
        round(float(v) / 0.006154)
        for b in decoders.decoder("ads1292r").feed(data)
        for v in b.mv[:, 0]
    ]


I16 = st.integers(-(2**15), 2**15 - 1)


@given(st.lists(st.tuples(I16, I16, st.binary(min_size=5, max_size=5)), max_size=20))
def test_any_payload(payloads: list[tuple[int, int, bytes]]) -> None:
    """Also where it holds the header or the footer."""
    data = b"".join(frame(*payload) for payload in payloads)
    assert steps(data) == [ecg for ecg, *_ in payloads]


def test_nominal_rate_and_scale_are_the_shields() -> None:
    (block,) = decoders.decoder("ads1292r").feed(frame(1000))
    assert block.fs == 125
    assert block.mv[0, 0] == pytest.approx(2420 / 12 / 2**15 * 1000, rel=1e-4)
    (block,) = decoders.decoder("ads1292r", fs=500.0).feed(frame(1000))
    assert block.fs == 500


def test_joining_in_the_middle_of_a_payload_with_a_header() -> None:
    data = frame(1, 2, b"\x0a\xfa\x09\x00\x02")[6:] + frame(3) + frame(4)
    assert steps(data) == [3, 4]


@pytest.mark.parametrize(
    "other",
    [
        b"\x0a\xfa\x09\x00\x02" + bytes(9) + b"\x0b",  # bare footer
        b"\x0a\xfa\x09\x00\x03" + bytes(9) + b"\x00\x0b",  # another type
        b"\x0a\xfa\x0c\x00\x02" + bytes(12) + b"\x00\x0b",  # another board's length
        b"\x0a\xfa\x08\x00\x02" + bytes(8) + b"\x00\x0b",
    ],
)
def test_other_frames_are_damaged_and_cost_nothing_else(other: bytes) -> None:
    decoder = decoders.decoder("ads1292r")
    before, after = decoder.feed(frame(1) + frame(2) + other + frame(3))
    assert (len(before), len(after)) == (2, 1)
    assert (after.start, after.lost) == (2 + after.lost, -(-len(other) // 16))
    assert decoder.counters.damaged == decoder.counters.lost == after.lost


def test_bytes_before_the_first_frame_are_no_loss() -> None:
    decoder = decoders.decoder("ads1292r")
    (block,) = decoder.feed(b"\x00\x01\x80\x00\x0b" + frame(1))
    assert (block.start, block.lost) == (0, 0)
    assert (decoder.counters.damaged, decoder.counters.lost) == (1, 0)


def test_text_is_no_damage() -> None:
    decoder = decoders.decoder("ads1292r")
    (block,) = decoder.feed(b"boot: ready\r\n" + frame(1))
    assert (block.start, block.lost) == (0, 0)
    assert (decoder.counters.damaged, decoder.counters.unknown) == (0, 1)


def test_lead_off_bits_are_never_set_so_it_is_unknown() -> None:
    (block,) = decoders.decoder("ads1292r").feed(frame(0) * 3)
    assert block.lead_state == (LeadState.UNKNOWN,)


def test_a_frame_with_a_changed_footer_is_one_lost_sample() -> None:
    decoder = decoders.decoder("ads1292r")
    blocks = decoder.feed(frame(1) + frame(2)[:-1] + b"\x0c" + frame(3))
    assert [b.start for b in blocks] == [0, 2]
