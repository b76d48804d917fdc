"""COBS against a byte-by-byte reading of the paper."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge import cobs

# Long runs without a zero, and zeros at every place around the block limit.
DATA = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.integers(250, 260).map(lambda n: b"\x01" * n),
        st.just(b"\0"),
    ),
    max_size=8,
).map(b"".join)


def plain_decode(coded: bytes) -> bytes:
    out, at = bytearray(), 0
    while at < len(coded):
        code = coded[at]
        out += coded[at + 1 : at + code]
        at += code
        if code < 255 and at < len(coded):
            out.append(0)
    return bytes(out)


@given(DATA)
def test_round_trip_without_zeros(data: bytes) -> None:
    coded = cobs.encode(data)
    assert 0 not in coded
    assert len(coded) <= len(data) + 1 + len(data) // 254
    assert cobs.decode(coded) == plain_decode(coded) == data


@pytest.mark.parametrize(
    ("data", "coded"),
    [
        (b"", b"\x01"),
        (b"\0", b"\x01\x01"),
        (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
        (bytes(range(1, 255)), b"\xff" + bytes(range(1, 255))),  # no closing code
    ],
)
def test_examples_of_the_paper(data: bytes, coded: bytes) -> None:
    assert cobs.decode(coded) == data


@given(st.binary(max_size=600))
def test_any_bytes_decode_or_are_refused(coded: bytes) -> None:
    try:
        data = cobs.decode(coded)
    except ValueError:
        return
    assert data == plain_decode(coded)
