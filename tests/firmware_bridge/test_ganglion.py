"""The packets of firmware 3 and their traps, written from the layout with plain integers."""

import pytest

from firmware_bridge.decoders.ganglion import NV_PER_STEP, GanglionDecoder

UV = NV_PER_STEP / 1e3


def raw(*values: int) -> bytes:
    return b"\0" + b"".join(v.to_bytes(3, "big", signed=True) for v in values) + bytes(7)


def pair(number: int, width: int, values: list[int]) -> bytes:
    bits = "".join(f"{v % (1 << width):0{width}b}" for v in values).ljust(152, "0")
    return bytes([number]) + int(bits, 2).to_bytes(19, "big")


def quiet(*numbers: int) -> bytes:
    return b"".join(pair(n, 18 if n <= 100 else 19, [0] * 8) for n in numbers)


def steps(data: bytes) -> list[list[int]]:
    blocks = GanglionDecoder().feed(data)
    return [[round(float(v) * 1e3 / UV) for v in row] for b in blocks for row in b.mv]


@pytest.mark.parametrize(("first", "width"), [(1, 18), (101, 19)])
def test_differences_are_subtracted_and_their_last_bit_is_the_sign(first: int, width: int) -> None:
    top = 1 << width
    differences = [2, -1, 0, top - 2, -2001, 4000, -top + 1, 6]
    data = raw(100, -100, 5, 0) + pair(first, width, differences)
    got = steps(data + quiet(*range(first + 1, first + 5)))
    assert got[:3] == [
        [100, -100, 5, 0],
        [98, -99, 5, 2 - top],
        [2099, -4099, 4 + top, -4 - top],
    ]
    assert len(got) == 9  # the last packet waits for what follows it


def test_a_cycle_is_201_samples_at_200_a_second() -> None:
    cycle = raw(1, 2, 3, 4) + quiet(*range(101, 201))
    decoder = GanglionDecoder()
    (block,) = decoder.feed(cycle * 2 + raw(0, 0, 0, 0))
    assert (len(block), block.fs, decoder.counters.lost) == (402, 200, 0)


def test_a_lost_packet_costs_what_comes_before_the_next_sample_as_it_is() -> None:
    cycle = [raw(1, 2, 3, 4), *(quiet(n) for n in range(1, 101))]
    decoder = GanglionDecoder()
    blocks = decoder.feed(b"".join(cycle[:10] + cycle[11:] + cycle + cycle[:1]))
    assert [(b.start, len(b)) for b in blocks] == [(0, 19), (201, 201)]
    assert (decoder.counters.lost, decoder.counters.damaged) == (182, 0)


def test_a_repeated_packet_is_not_subtracted_twice() -> None:
    twice = pair(5, 18, [2] * 8)
    decoder = GanglionDecoder()
    data = raw(9, 9, 9, 9) + quiet(1, 2, 3, 4) + twice * 2 + quiet(*range(6, 11))
    assert steps(data)[-1] == [5] * 4
    decoder.feed(data)
    assert (decoder.counters.repeated, decoder.counters.lost) == (2, 0)


def test_impedance_and_text_are_unknown() -> None:
    others = b"".join(bytes([n]) + b"Impedance".ljust(19) for n in (201, 205, 206, 207))
    decoder = GanglionDecoder()
    (block,) = decoder.feed(raw(1, 1, 1, 1) + quiet(1, 2, 3) + others + quiet(*range(4, 9)))
    assert (len(block), decoder.counters.unknown, decoder.counters.lost) == (15, 4, 0)


def test_after_a_packet_without_a_number_the_next_still_has_to_follow() -> None:
    """Damage may look like one; then anything could have come after it."""
    decoder = GanglionDecoder()
    text = bytes([206]) + b"Impedance".ljust(19)
    foreign = pair(60, 18, [2] * 8)
    data = raw(9, 9, 9, 9) + quiet(1, 2, 3, 4) + text + foreign + quiet(*range(5, 15))
    blocks = decoder.feed(data)
    assert (sum(map(len, blocks)), decoder.counters.lost) == (1 + 2 * 13, 0)
