"""Both frames of the board and their traps."""

import math
import struct

import pytest

from firmware_bridge.decoders.healthypi5 import HealthyPi5Decoder


def short(ecg: int) -> bytes:
    vitals = struct.pack("<iBiihBBB", -7, 0, 1, 2, 3690, 98, 71, 14)
    return bytes.fromhex("0afa160002") + struct.pack("<i", ecg) + vitals + b"\x00\x0b"


def long(*ecg: int) -> bytes:
    rest = struct.pack("<4iBB", 1, 2, 3, 4, 71, 14)
    return bytes.fromhex("0afa320003") + struct.pack("<8i", *ecg) + rest + b"\x00\x0b"


QUIET = [i % 5 for i in range(61)]  # 64 frames of 22 bytes tell the scale, or 16 of 50


def test_one_sample_a_frame() -> None:
    data = b"".join(map(short, [*QUIET, 0, 2621, -2621]))
    (block,) = HealthyPi5Decoder().feed(data)
    assert block.fs == 128
    assert block.mv[61:, 0].tolist() == pytest.approx([0, 0.99983, -0.99983], abs=1e-4)


def test_eight_samples_a_frame() -> None:
    decoder = HealthyPi5Decoder()
    (block,) = decoder.feed(b"".join(long(*range(8 * i, 8 * i + 8)) for i in range(16)))
    assert block.fs == 128
    # Firmware 1.0: gain 80.
    assert block.mv[:, 0].tolist() == pytest.approx([i * 9.5367e-5 for i in range(128)], abs=1e-6)
    before, after = decoder.feed(long(*range(8)) + long(*range(8))[:-1] + b"\x0c" + long(*range(8)))
    assert (before.start, after.start, after.lost) == (128, 144, 8)


def wave(step_nv: float, n: int = 640) -> list[int]:
    """A quiet start, then beats of 1 mV."""
    mv = [0.005 * math.sin(i) + (i > 200 and i % 100 < 4) for i in range(n)]
    return [round(1e6 * x / step_nv) for x in mv]


@pytest.mark.parametrize(("step_nv", "fs"), [(1e9 / 20 / 2**17, 128), (0.3725, 256)])
def test_the_samples_tell_the_firmware(step_nv: float, fs: float) -> None:
    (block,) = HealthyPi5Decoder().feed(b"".join(map(short, wave(step_nv))))
    assert block.fs == fs
    assert block.mv.max() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("step_nv", [1e9 / 80 / 2**17, 0.3725])
def test_the_samples_tell_the_scale_of_long_frames(step_nv: float) -> None:
    x = wave(step_nv)
    data = b"".join(long(*x[i : i + 8]) for i in range(0, len(x), 8))
    (block,) = HealthyPi5Decoder().feed(data)
    assert block.fs == 128
    assert len(block) >= len(x) - 256  # until the first beat
    assert block.mv.max() == pytest.approx(1, abs=0.01)


def test_a_scale_that_was_wrong_is_unlearnt() -> None:
    """A nearly flat line first; the rate is the one that was given."""
    decoder = HealthyPi5Decoder(256.0)
    blocks = decoder.feed(b"".join(map(short, QUIET + QUIET + wave(0.3725, 2000))))
    assert {b.fs for b in blocks} == {256}
    assert blocks[-1].mv[-500:].max() == pytest.approx(1, abs=0.01)


def test_what_may_be_either_scale_is_waited_for() -> None:
    """What hums from rail to rail is of 18 bits, if nothing else comes."""
    first = [131_071, -131_072] * 200
    (block,) = HealthyPi5Decoder().feed(b"".join(map(short, first + wave(0.3725))))
    assert block.fs == 256
    assert len(block) > 300
    assert block.mv.max() == pytest.approx(1, abs=0.01)
    (block,) = HealthyPi5Decoder().feed(b"".join(map(short, 4 * first)))
    assert (block.fs, len(block)) == (128, 1600 - 12 * 64)


@pytest.mark.parametrize("low", [0, 20])
def test_samples_shifted_by_eight_bits_are_told_before_a_beat(low: int) -> None:
    x = [(i * 7 % 11 + low) << 8 for i in range(100)]
    (block,) = HealthyPi5Decoder().feed(b"".join(map(short, x)))
    assert (block.fs, len(block)) == (256, 100)


def test_the_first_frame_tells_which_and_the_other_is_damage() -> None:
    decoder = HealthyPi5Decoder(104.0)  # sources say 128, 125 and 104
    blocks = decoder.feed(b"".join(map(short, [*QUIET, 1, 2, 3])) + long(*range(8)) + short(2))
    assert {b.fs for b in blocks} == {104}
    assert sum(map(len, blocks)) == 65
    assert decoder.counters.damaged == 2  # 57 bytes are two frames of 29
