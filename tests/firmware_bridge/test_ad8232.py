"""The sketch's lines and what stands between them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.decoders.ad8232 import HELD, SETTLE, Ad8232Decoder

ON, OFF = (LeadState.ON,), (LeadState.OFF,)


def begun(line: bytes = b"338") -> Ad8232Decoder:
    """A decoder that knows the scale, by such lines."""
    decoder = Ad8232Decoder(190.0)
    (block,) = decoder.feed(b"\n" + (line + b"\r\n") * SETTLE)
    assert (block.start, len(block)) == (0, SETTLE)
    return decoder


def joined(blocks: list[SampleBlock]) -> list[tuple[int, float, LeadState]]:
    return [
        (block.start + i, float(mv), block.lead_state[0])
        for block in blocks
        for i, mv in enumerate(block.mv[:, 0])
    ]


def test_lines_of_either_end() -> None:
    (block,) = begun().feed(b"338\r\n563\n0\r\n\r\n1023\n")
    assert block.fs == 190
    assert block.mv[:, 0].tolist() == pytest.approx([0, 0.99972, -1.50180, 3.04360], abs=1e-4)


def test_what_may_be_half_a_line_is_dropped() -> None:
    (block,) = Ad8232Decoder(190.0).feed(b"12\r\n" + b"512\r\n" * SETTLE + b"51")
    assert (block.start, len(block)) == (0, SETTLE)


def test_lead_off_holds_the_last_value() -> None:
    decoder = Ad8232Decoder(190.0)
    (first,) = decoder.feed(b"\n!\n!\n")
    assert (first.mv.tolist(), first.lead_state) == ([[0], [0]], OFF)
    blocks = decoder.feed(b"512\n!\n!\n600\n" + b"512\n" * SETTLE)
    assert [(b.start, len(b), b.lead_state) for b in blocks] == [
        (2, 1, ON),
        (3, 2, OFF),
        (5, SETTLE + 1, ON),
    ]
    assert blocks[1].mv.tolist() == [blocks[0].mv[0].tolist()] * 2


def test_lead_off_does_not_hold_back_for_long() -> None:
    blocks = Ad8232Decoder(190.0).feed(b"\n512\n" + b"!\n" * HELD)
    assert [(b.start, len(b), b.lead_state) for b in blocks] == [(0, 1, ON), (1, HELD, OFF)]


@pytest.mark.parametrize(
    "line", [b"5x2", b"-5", b"1,2", b"1.5", b"123456", b"1" * 1000, b"!!", b"\xb2", b"1_0", b"+5"]
)
def test_other_lines_are_damaged_and_count_as_a_lost_sample(line: bytes) -> None:
    decoder = Ad8232Decoder(190.0)
    assert decoder.feed(b"\n" + line + b"\n") == []
    assert (decoder.counters.damaged, decoder.counters.lost) == (1, 0)
    decoder = begun()
    before, after = decoder.feed(b"1\n2\n" + line + b"\n3\n")
    assert (before.start, after.start, after.lost) == (SETTLE, SETTLE + 3, 1)
    assert (decoder.counters.damaged, decoder.counters.lost) == (1, 1)


@pytest.mark.parametrize(
    ("level", "bits", "full_v"),
    [(500, 10, 5.0), (1023, 10, 5.0), (2048, 12, 3.3), (5406, 14, 5.0), (32768, 16, 3.3)],
)
def test_the_least_usual_converter_that_holds_the_numbers(
    level: int, bits: int, full_v: float
) -> None:
    """And all that comes later is on that scale, whatever it is."""
    decoder = Ad8232Decoder(190.0)
    lines = [str(level)] * SETTLE
    (first,) = decoder.feed(("\n" + "\n".join(lines) + "\n").encode())
    (later,) = decoder.feed(f"{level + 100}\n{level + 30000}\n".encode())
    step_mv = 1e3 * full_v / (2**bits - 1) / 1100
    assert first.scale[0].mv == later.scale[0].mv
    assert later.scale[0].unit == f"counts of {bits} bits, but larger numbers come" or bits == 16
    assert first.scale[0].mv == pytest.approx(step_mv)
    assert first.scale[0].unit == f"counts of {bits} bits"
    assert not first.scale[0].told
    rise = later.mv[:, 0] - first.mv[-1, 0]
    assert rise.tolist() == pytest.approx([100 * step_mv, 30000 * step_mv], rel=1e-4)


@pytest.mark.parametrize(
    "word", ["OK", "--", "Leads off!", "Lead off", "Température", "ok?", "-=-"]
)
def test_lines_of_words_are_no_samples(word: str) -> None:
    decoder = begun()
    (block,) = decoder.feed(f"1\n2\n{word}\n3\n\n4\n".encode())
    assert (len(block), block.lost, block.lead_state) == (4, 0, ON)
    assert (decoder.counters.damaged, decoder.counters.unknown) == (0, 1)


@pytest.mark.parametrize("word", ["Leads off!", "Lead off", "LEADS_OFF", "electrode disconnected"])
@pytest.mark.parametrize("many", [2, 3, 100])
def test_words_in_place_of_samples_are_lead_off(word: str, many: int) -> None:
    blocks = begun().feed(("1\n" + f"{word}\n" * many + "2\n").encode())
    assert [(b.start, len(b), b.lead_state) for b in blocks] == [
        (SETTLE, 1, ON),
        (SETTLE + 1, many, OFF),
        (SETTLE + 1 + many, 1, ON),
    ]


def test_words_before_every_sample_are_lead_off_of_that() -> None:
    blocks = begun().feed(b"1\n" + b"Leads off!\n2\n" * 5 + b"3\n4\n")
    assert [(len(b), b.lead_state) for b in blocks] == [(2, ON), (4, OFF), (2, ON)]


LINES = st.sampled_from(["512", "2000", "!", "Leads off!", "OK", "x", "BPM: 72", "", "ecg ready"])


@given(st.lists(LINES, max_size=150), st.integers(1, 40))
def test_the_same_however_cut(lines: list[str], size: int) -> None:
    data = ("\n" + "\n".join([*lines, *["700"] * SETTLE, *lines]) + "\n").encode()
    whole, cut = Ad8232Decoder(190.0), Ad8232Decoder(190.0)
    blocks = [b for at in range(0, len(data), size) for b in cut.feed(data[at : at + size])]
    assert joined(blocks) == joined(whole.feed(data))
    assert cut.counters == whole.counters
    scales = {b.scale[0].mv for b in blocks if LeadState.OFF not in b.lead_state}
    assert len(scales) <= 1
    assert all(np.isfinite(b.mv).all() for b in blocks)
