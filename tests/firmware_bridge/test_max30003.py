"""The breakout's frame and its traps."""

import struct

import pytest

from firmware_bridge import decoders
from firmware_bridge.decoders import probe


def frame(ecg: int, low: int = 0, before: bytes = b"") -> bytes:
    payload = before + struct.pack("<HhHHHH", low, ecg, 812, 0, 74, 0)
    return b"\x0a\xfa" + struct.pack("<HB", len(payload), 2) + payload + b"\x00\x0b"


def test_the_upper_half_is_the_sample() -> None:
    data = b"".join(map(frame, (0, 1000, -1000, 32767), (0, 1, 2, 3)))
    (block,) = decoders.decoder("max30003").feed(data)
    assert (block.fs, block.leads) == (128, ("ECG",))
    assert block.mv[:, 0].tolist() == pytest.approx([0, 1.526, -1.526, 50.0], abs=2e-3)


def test_the_longer_frame_of_one_release() -> None:
    (block,) = decoders.decoder("max30003").feed(
        b"".join(frame(i, before=bytes(5)) for i in range(20))
    )
    assert len(block) == 20


def test_polled_twice_is_two_samples() -> None:
    decoder = decoders.decoder("max30003")
    (block,) = decoder.feed(frame(7) + frame(8) * 2 + frame(9))
    assert len(block) == 4
    assert (decoder.counters.repeated, decoder.counters.lost) == (0, 0)


def test_a_quiet_signal_is_not_taken_for_an_ads1293() -> None:
    """Whose frame it fits as well, as long as the sample stays small."""
    data = b"".join(frame(i % 50) for i in range(200))
    guess = probe(data)
    assert guess
    assert (guess.name, guess.sure) == ("max30003", True)
