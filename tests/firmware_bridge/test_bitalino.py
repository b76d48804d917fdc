"""The frames of one to six channels, put together bit by bit, and their traps."""

import pytest

from firmware_bridge import decoders

SIZES = {1: 3, 2: 4, 3: 6, 4: 7, 5: 8, 6: 8}


def remainder(value: int) -> int:
    """Of the division by x^4 + x + 1, coefficients modulo 2."""
    while value.bit_length() > 4:
        value ^= 0x13 << value.bit_length() - 5
    return value


def frame(count: int, *channels: int, digital: int = 0b1010) -> bytes:
    """From the last byte back: counter and CRC, digital inputs, then the channels' bits."""
    bits = f"{digital:04b}" + "".join(
        f"{value:0{10 if i < 4 else 6}b}" for i, value in enumerate(channels)
    )
    size = SIZES[len(channels)]
    bits = bits.ljust(8 * (size - 1), "0")
    body = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))[::-1]
    low = count % 16 << 4
    return body + bytes([low | remainder(int.from_bytes(body + bytes([low]), "big"))])


def frames(numbers: range, channels: int) -> list[bytes]:
    rest = [1023, 0, 513, 63, 1]  # of A2, which is replaced, to A6
    return [
        frame(i, *([i % 1024] if channels == 1 else [7, i % 1024, *rest[1 : channels - 1]]))
        for i in numbers
    ]


@pytest.mark.parametrize("channels", SIZES)
def test_the_bytes_tell_the_channels_and_the_second_is_the_ecg(channels: int) -> None:
    decoder = decoders.decoder("bitalino")
    (block,) = decoder.feed(b"".join(frames(range(400, 700), channels)))
    assert (block.fs, len(block)) == (1000, 300)
    mv = [(i - 512) * 3.3 / 1024 / 1.1 for i in range(400, 700)]
    assert block.mv[:, 0].tolist() == pytest.approx(mv, abs=1e-5)
    assert decoder.counters.damaged == 0


def test_the_documented_places_of_the_first_channel() -> None:
    data = frame(3, 0x2A5, 0x1F0)
    assert (data[-2] & 0x0F) << 6 | data[-3] >> 2 == 0x2A5
    assert (data[-3] & 3) << 8 | data[-4] == 0x1F0
    assert data[-1] >> 4 == 3


def test_a_wrong_checksum_is_a_lost_sample() -> None:
    data = frames(range(60), 2)
    data[30] = bytes([data[30][0] ^ 4]) + data[30][1:]
    decoder = decoders.decoder("bitalino")
    before, after = decoder.feed(b"".join(data))
    assert (len(before), after.start, len(after)) == (30, 31, 29)
    assert (decoder.counters.damaged, decoder.counters.lost) == (1, 1)


def test_the_counter_of_four_bits_wraps() -> None:
    """What is lost is known modulo 16; bytes in between tell how often it wrapped."""
    data = frames(range(100), 1)
    decoder = decoders.decoder("bitalino")
    before, after = decoder.feed(b"".join(data[:40] + data[50:]))
    assert (len(before), after.start) == (40, 50)
    decoder = decoders.decoder("bitalino")
    before, after = decoder.feed(b"".join(data[:40]) + bytes(3 * 35) + b"".join(data[75:]))
    assert (len(before), after.start) == (40, 75)


def test_foreign_bytes_that_look_like_the_frame_before_are_none() -> None:
    """One in 256 do: a loss of 15 frames would be found where none was."""
    data = frames(range(80), 1)
    decoder = decoders.decoder("bitalino")
    (block,) = decoder.feed(b"".join([*data[:40], b"\7", frame(39, 900), *data[40:]]))
    assert (len(block), decoder.counters.lost) == (80, 0)


def test_a_number_that_does_not_fit_the_bytes_takes_longer_to_be_believed() -> None:
    data = frames(range(120), 1)
    decoder = decoders.decoder("bitalino")
    false = b"".join(frame(50 + i, 900 + i) for i in range(3))
    (block,) = decoder.feed(b"".join([*data[:40], false, *data[40:]]))
    assert (len(block), decoder.counters.lost) == (120, 0)
    decoder = decoders.decoder("bitalino")
    before, after = decoder.feed(b"".join(data[:40] + data[50:]))
    assert (len(before), after.start, len(after)) == (40, 50, 70)
