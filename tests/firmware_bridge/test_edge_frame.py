"""Our frame: the document's vectors, exactness, and exact counts of what went wrong."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from firmware_bridge import cobs
from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import edge_frame
from firmware_bridge.decoders.edge_frame import EdgeDecoder, EdgeEncoder
from firmware_bridge.errors import ProtocolError

DOCUMENT = Path(__file__).parents[2] / "docs" / "frame.md"
VECTORS = re.findall(
    r"^(HELLO|DATA): .*\n\n```\nbody (.+)\ncrc  (.+)\nwire (.+)\n```$",
    DOCUMENT.read_text(encoding="utf-8"),
    re.MULTILINE,
)
INT32 = st.integers(-(2**31), 2**31 - 1)


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def samples(first: int, n: int) -> bytes:
    """A data frame of one lead whose samples tell their own index."""
    nv = np.arange(first, first + n, dtype="<i8").astype("<i4").tobytes()
    return edge_frame.data(first, first * 1000, b"\x01", nv)


def indices(blocks: list[SampleBlock]) -> list[int]:
    return [round(float(v) * 1e6) for block in blocks for v in block.mv[:, 0]]


HELLO = edge_frame.hello(360, ("MLII",))


@pytest.mark.parametrize(("kind", "body", "crc", "wire"), VECTORS)
def test_vectors_of_the_document(kind: str, body: str, crc: str, wire: str) -> None:
    whole = bytes.fromhex(body + crc)
    assert crc16(bytes.fromhex(body)) == int.from_bytes(bytes.fromhex(crc), "big")
    assert cobs.encode(whole) + b"\0" == bytes.fromhex(wire)
    assert whole[0] == {"HELLO": 0x11, "DATA": 0x12}[kind]


def test_vectors_decode_to_what_the_document_says() -> None:
    one_lead, two_leads, first, last = (bytes.fromhex(wire) for *_, wire in VECTORS)
    (block,) = EdgeDecoder().feed(one_lead + first)
    assert (block.fs, block.leads, block.start, block.device_time_s) == (360, ("MLII",), 0, 0)
    assert block.mv.tolist() == [[0], [1]]
    assert block.lead_state == (LeadState.ON,)
    (block,) = EdgeDecoder().feed(two_leads + last)
    assert (block.fs, block.leads) == (128.5, ("I", "V₁"))
    np.testing.assert_array_equal(block.mv, mv_from_nv(np.array([[-1, -(2**31)]])))
    assert block.lead_state == (LeadState.ON, LeadState.OFF)
    assert block.saturated == (False, True)
    assert block.device_time_s == pytest.approx(4294.967295)


@given(arrays(np.int32, (50, 2), elements=INT32))
def test_every_nanovolt_value_comes_back_bit_for_bit(nv: np.ndarray) -> None:
    mv = mv_from_nv(nv)
    block = SampleBlock(0, mv, 360.0, ("I", "II"), (LeadState.ON,) * 2, (False,) * 2)
    (back,) = EdgeDecoder().feed(EdgeEncoder().encode(block))
    assert back.mv.tobytes() == mv.tobytes()


def test_exact_around_every_power_of_two() -> None:
    near = np.array([s * 2**k + d for k in range(31) for d in range(-40, 41) for s in (-1, 1)])
    mv = mv_from_nv(near.clip(-(2**31), 2**31 - 1).reshape(-1, 1))
    block = SampleBlock(0, mv, 360.0, ("I",), (LeadState.ON,), (False,))
    back = EdgeDecoder().feed(EdgeEncoder().encode(block))
    assert b"".join(b.mv.tobytes() for b in back) == mv.tobytes()


FAULTS = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from(["ok", "lost", "twice", "damaged"])), max_size=40
)


@given(FAULTS, st.sampled_from([0, 5000, 2**32 - 200]))
def test_lost_repeated_and_damaged_are_counted_exactly(
    frames: list[tuple[int, str]], begin: int
) -> None:
    """Also where `first_sample` wraps."""
    sent, first = [HELLO], begin
    expected: list[int] = []
    lost = repeated = damaged = pending = 0
    seen = False
    for n, fate in frames:
        frame = samples(first, n)
        if fate == "damaged":
            damaged += 1
            frame = bytes([frame[0], frame[1] ^ 0x40]) + frame[2:]
        if fate != "lost":
            sent.append(frame)
        if fate == "twice":
            sent.append(frame)
            repeated += n
        if fate in ("ok", "twice"):
            expected += range(first, first + n)
            lost += pending if seen else 0
            pending, seen = 0, True
        else:
            pending += n
        first += n
    decoder = EdgeDecoder()
    blocks = decoder.feed(b"".join(sent))
    assert indices(blocks) == [int(np.int64(i).astype(np.int32)) for i in expected]
    assert [b.start + i for b in blocks for i in range(len(b))] == [
        i - expected[0] for i in expected
    ]
    counters = decoder.counters
    assert (counters.lost, counters.repeated, counters.damaged) == (lost, repeated, damaged)
    end = 0
    for block in blocks:
        assert block.start == end + block.lost
        end = block.start + len(block)


def test_device_time_unwraps() -> None:
    decoder = EdgeDecoder()
    for i in range(6):
        nv = struct.pack("<i", 0)
        (block,) = decoder.feed(
            (HELLO if i == 0 else b"")
            + edge_frame.data(i, 2**32 - 3_000_000 + i * 10**6, b"\0", nv)
        )
        assert block.device_time_s == pytest.approx((2**32 - 3_000_000) / 1e6 + i)


def test_restart_of_the_board_shows_as_a_break() -> None:
    decoder = EdgeDecoder()
    before, after = decoder.feed(HELLO + samples(1000, 100) + HELLO + samples(0, 6) + samples(6, 6))
    assert (before.start, after.start, after.lost, after.restart) == (0, 101, 1, True)
    assert indices([after]) == list(range(12))
    assert after.device_time_s == 0
    assert decoder.counters.repeated == 0


@given(
    jump=st.one_of(st.integers(361, 2**31 - 1), st.integers(-(2**31), -400)),
    at=st.integers(400, 2**32 - 1),
)
def test_a_number_that_jumps_once_is_refused_and_moves_nothing(jump: int, at: int) -> None:
    """A damaged frame whose checksum is right: of 16 bits, one in 65536 is."""
    decoder = EdgeDecoder()
    nv = np.arange(12, dtype="<i4").tobytes()
    firsts = [at, at + 12, at + 24 + jump, at + 36, at + 48]
    blocks = decoder.feed(
        HELLO + b"".join(edge_frame.data(first, 0, b"\x01", nv) for first in firsts)
    )
    assert [(block.start, len(block), block.lost) for block in blocks] == [(0, 24, 0), (36, 24, 12)]
    assert (decoder.counters.damaged, decoder.counters.lost) == (1, 12)


@given(jump=st.integers(361, 2**31 - 100), again=st.booleans())
def test_a_number_that_jumps_for_good_is_believed_with_the_next(jump: int, again: bool) -> None:
    decoder = EdgeDecoder()
    before, after = decoder.feed(
        HELLO
        + samples(0, 12)
        + samples(12 + jump, 12) * (1 + again)
        + samples(24 + jump, 12)
        + samples(40 + jump, 12)
    )[:2]
    assert (before.start, len(before)) == (0, 12)
    assert (after.start, len(after), after.lost) == (12 + jump, 24, jump)
    assert (decoder.counters.damaged, decoder.counters.repeated) == (0, 12 * again)


def test_data_waits_for_the_first_hello() -> None:
    decoder = EdgeDecoder()
    assert decoder.feed(samples(0, 12)) == []
    (block,) = decoder.feed(HELLO + samples(24, 12))
    assert (block.start, block.lost) == (0, 0)
    assert decoder.counters.unknown == 1


@pytest.mark.parametrize("other", [(250, ("MLII",)), (360, ("V1",)), (360, ("MLII", "V1"))])
def test_data_of_another_stream_is_refused(other: tuple[float, tuple[str, ...]]) -> None:
    decoder = EdgeDecoder()
    decoder.feed(HELLO + samples(0, 12))
    assert decoder.feed(edge_frame.hello(*other) + samples(12, 12)) == []
    (block,) = decoder.feed(HELLO + samples(24, 12))
    assert (block.start, block.lost) == (24, 12)
    assert decoder.counters.unknown == 2


@pytest.mark.parametrize(
    "body",
    [
        "11",
        "11 00000000 01 0149",  # 0 Hz
        "11 407e0500 00",  # no lead
        "11 407e0500 02 0149",  # one name too few
        "11 407e0500 01 0149 0149",  # one too many
        "11 407e0500 02 0149 0149",  # twice the same
        "11 407e0500 01 0249",  # a name that runs over the end
        "11 407e0500 01 00",  # a name without letters
        "11 407e0500 01 11 4141414141414141414141414141414141",  # 17 bytes
        "11 407e0500 01 01ff",  # not UTF-8
        "11 407e0500 01 025b1b",  # steers a terminal
    ],
)
def test_hello_against_the_specification_is_damaged(body: str) -> None:
    decoder = EdgeDecoder()
    assert decoder.feed(edge_frame._seal(bytes.fromhex(body)) + samples(0, 12)) == []
    assert (decoder.counters.damaged, decoder.counters.good) == (1, 0)


@pytest.mark.parametrize("body", ["13", "21 00", "22" + "00" * 20, "1f"])
def test_other_versions_and_types_are_unknown(body: str) -> None:
    decoder = EdgeDecoder()
    (block,) = decoder.feed(HELLO + edge_frame._seal(bytes.fromhex(body)) + samples(0, 12))
    assert len(block) == 12
    assert decoder.counters.unknown == 1


@given(n=st.integers(0, 255), size=st.integers(0, 40))
def test_data_whose_length_does_not_fit_is_damaged(n: int, size: int) -> None:
    body = struct.pack("<BIIB", 0x12, 0, 0, n) + b"\x01" + bytes(size)
    decoder = EdgeDecoder()
    blocks = decoder.feed(HELLO + edge_frame._seal(body))
    fits = n > 0 and size == 4 * n
    assert len(blocks) == fits
    assert decoder.counters.damaged == (not fits)


def test_hello_comes_once_a_second_of_signal() -> None:
    block = SampleBlock(
        0, np.zeros((3600, 1), np.float32), 360.0, ("I",), (LeadState.ON,), (False,)
    )
    encoder = EdgeEncoder()
    pieces = [encoder.encode(block), encoder.encode(block)]
    frames = [cobs.decode(f) for f in pieces[0].split(b"\0") if f]
    assert sum(frame[0] == edge_frame.HELLO for frame in frames) == 10
    assert max(len(b) for b in frames) <= 10 + 1 + 4 * 12 + 2


def test_a_users_rate_overrides_the_boards() -> None:
    (block,) = EdgeDecoder(fs=250.0).feed(HELLO + samples(0, 12))
    assert block.fs == 250


def test_leads_that_do_not_fit_are_refused() -> None:
    for leads in ((), ("",), ("x" * 17,), tuple(map(str, range(17)))):
        with pytest.raises(ProtocolError, match="1 to 16"):
            edge_frame.hello(360, leads)
