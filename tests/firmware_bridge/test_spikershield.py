"""The pairs of bytes, the text between them, and what is put together."""

import pytest

from firmware_bridge.decoders.spikershield import TEXT, TEXT_END, SpikerShieldDecoder


def frame(*samples: int) -> bytes:
    out = bytearray(byte for x in samples for byte in (x >> 7, x & 0x7F))
    out[0] |= 0x80
    return bytes(out)


def test_twenty_samples_are_one_mean() -> None:
    data = frame(512) * 19 + frame(532) + frame(1023) * 20 + frame(0) * 20
    (block,) = SpikerShieldDecoder().feed(data)
    assert block.fs == 500
    assert block.mv[:, 0].tolist() == pytest.approx([4.8828e-3, 2.49512, -2.5], abs=1e-5)


@pytest.mark.parametrize(("channels", "fs"), [(1, 500), (2, 500), (4, 500), (6, 10_000 / 18)])
def test_the_high_bit_tells_the_channels(channels: int, fs: float) -> None:
    (block,) = SpikerShieldDecoder().feed(frame(600, *[127] * (channels - 1)) * 60)
    assert block.fs == pytest.approx(fs)
    assert len(block) == 60 // (20 // channels)
    assert block.mv[:, 0].tolist() == pytest.approx([88 * 5 / 1024] * len(block), abs=1e-6)


@pytest.mark.parametrize("cut", range(1, 30))
def test_text_is_taken_out_wherever_it_is_cut(cut: int) -> None:
    text = TEXT + b"HWT:HEARTSS;" + TEXT_END
    data = frame(700) * 10 + frame(700)[:1] + text + frame(700)[1:] + frame(700) * 29
    decoder = SpikerShieldDecoder()
    blocks = decoder.feed(data[: 21 + cut]) + decoder.feed(data[21 + cut :])
    assert sum(map(len, blocks)) == 2
    assert decoder.counters.unknown == 1
    assert (decoder.counters.damaged, decoder.counters.lost) == (0, 0)


def test_text_that_never_ends_was_damage() -> None:
    decoder = SpikerShieldDecoder()
    decoder.feed(frame(700) * 40 + TEXT)
    blocks = decoder.feed(frame(700) * 1000)
    assert sum(map(len, blocks)) > 40


def test_a_mean_with_a_lost_sample_is_lost() -> None:
    decoder = SpikerShieldDecoder()
    data = frame(700) * 45 + b"\xff\xff" + frame(700) * 60
    before, after = decoder.feed(data)
    assert (before.start, len(before)) == (0, 2)
    assert (after.start, len(after), after.lost) == (3, 2, 1)
