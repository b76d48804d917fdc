"""A receiver at another speed: what the edges on the line say, worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.uart import Line

BAUDS = st.sampled_from([9600, 38400, 57600, 115200, 230400])


@given(BAUDS, st.binary(max_size=200))
def test_equal_speeds_change_nothing(baud: int, data: bytes) -> None:
    assert Line(baud, baud).carry(data, 0.01) == data


@given(st.floats(0.97, 1.03), st.binary(min_size=1, max_size=200))
def test_three_percent_off_is_read_all_the_same(ratio: float, data: bytes) -> None:
    assert Line(115200, round(115200 * ratio)).carry(data, 0.01) == data


@pytest.mark.parametrize(
    ("sent", "read", "data", "expected"),
    [
        # 0x66 is 0 01100110 1 on the line. At half the speed the middles of the bits lie at 1 (the
        # start bit), 3, 5, 7, 9 and then in the pause: 1 0 1 1 and ones, the lowest bit first.
        (115200, 57600, b"\x66", b"\xfd"),
        # At twice the speed each bit sent is read twice; 0xFF's start bit is a start bit and a 0.
        (57600, 115200, b"\xff", b"\xfe"),
        # 0x00 sent at half the speed read: nine zeros are 18, one character and its break.
        (57600, 115200, b"\x00", b"\x00"),
        # A start bit of a quarter of the receiver's is none.
        (38400, 9600, b"\xff", b""),
    ],
)
def test_by_hand(sent: int, read: int, data: bytes, expected: bytes) -> None:
    assert Line(sent, read).carry(data, 0.1) == expected


@given(BAUDS, BAUDS, st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=20))
def test_however_it_is_cut(sent: int, read: int, parts: list[bytes]) -> None:
    whole = Line(sent, read)
    cut = Line(sent, read)
    expected = whole.carry(b"".join(parts), 0.1)
    assert b"".join(map(cut.carry, parts)) + cut.carry(b"", 0.1) == expected


@given(BAUDS, BAUDS, st.lists(st.binary(min_size=1, max_size=20), min_size=2, max_size=10))
def test_after_a_pause_nothing_is_remembered(sent: int, read: int, parts: list[bytes]) -> None:
    line = Line(sent, read)
    assert [line.carry(part, 0.1) for part in parts] == [
        Line(sent, read).carry(part, 0.1) for part in parts
    ]
