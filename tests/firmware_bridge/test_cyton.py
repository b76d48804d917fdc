"""The board's frame and its traps."""

import pytest

from firmware_bridge.decoders.cyton import CytonDecoder


def frame(count: int, first: int = 0, stop: int = 0xC0, aux: bytes = bytes(6)) -> bytes:
    channels = first.to_bytes(3, "big", signed=True) + bytes(21)
    return bytes([0xA0, count % 256]) + channels + aux + bytes([stop])


def test_numbers_are_big_endian_and_signed() -> None:
    data = frame(0, 1) + frame(1, -1) + frame(2, 44739) + frame(3, -(2**23))
    (block,) = CytonDecoder().feed(data)
    assert (block.fs, len(block.leads)) == (250, 8)
    assert block.mv[:, 0].tolist() == pytest.approx([22e-6, -22e-6, 1.0, -187.5], rel=2e-2)


def test_the_counter_wraps_after_255() -> None:
    decoder = CytonDecoder()
    (block,) = decoder.feed(b"".join(map(frame, range(250, 520))))
    assert len(block) == 270
    assert decoder.counters.lost == 0


def test_every_kind_of_auxiliary_bytes() -> None:
    data = b"".join(frame(i, stop=0xC0 + i, aux=b"\xc0\xa0" * 3) for i in range(7))
    (block,) = CytonDecoder().feed(data + frame(7) + frame(8))
    assert len(block) == 9


def test_marks_inside_of_a_frame_are_no_frame() -> None:
    """A reader that joins in the middle sees `A0` and a stop byte where none is."""
    inner = b"\xa0\x05" + bytes(14)
    data = b"".join(
        bytes([0xA0, i]) + inner + bytes(8) + b"\xa0" + bytes(5) + b"\xc0" for i in range(20)
    )
    decoder = CytonDecoder()
    assert sum(len(b) for b in decoder.feed(data[7:])) == 19


def test_lost_and_repeated_frames() -> None:
    decoder = CytonDecoder()
    data = [frame(i, i) for i in range(20)]
    blocks = decoder.feed(b"".join(data[:5] + data[7:12] + data[11:]))
    assert [(b.start, len(b)) for b in blocks] == [(0, 5), (7, 13)]
    assert (decoder.counters.lost, decoder.counters.repeated) == (2, 1)


def test_repeated_runs_are_dropped_however_they_are_cut() -> None:
    """Found by fuzzing: where the reader stood after a repetition hung on how bytes were cut."""
    data = b"".join(frame(i, i) for i in (255, 0, 1)) * 2 + frame(2) + frame(3)
    for size in (160, len(data)):
        decoder = CytonDecoder()
        for at in range(0, len(data), size):
            decoder.feed(data[at : at + size])
        assert (decoder.counters.good, decoder.counters.repeated) == (5, 3)


def test_the_answer_to_a_reset_is_text() -> None:
    text = b"OpenBCI V3 8-16 channel\r\nFirmware: v3.1.2\r\n$$$"
    decoder = CytonDecoder()
    (block,) = decoder.feed(text + frame(0) + frame(1))
    assert (block.start, decoder.counters.unknown, decoder.counters.damaged) == (0, 1, 0)
