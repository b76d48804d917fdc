"""The sketch's lines and what stands between them."""

import pytest

from firmware_bridge.block import LeadState
from firmware_bridge.decoders.ad8232 import Ad8232Decoder

ON, OFF = (LeadState.ON,), (LeadState.OFF,)


def test_lines_of_either_end() -> None:
    (block,) = Ad8232Decoder(190.0).feed(b"\r\n338\r\n563\n0\r\n\r\n1023\n")
    assert block.fs == 190
    assert block.mv[:, 0].tolist() == pytest.approx([0, 0.99972, -1.50180, 3.04360], abs=1e-4)


def test_what_may_be_half_a_line_is_dropped() -> None:
    (block,) = Ad8232Decoder(190.0).feed(b"12\r\n512\r\n51")
    assert len(block) == 1
    assert block.start == 0


def test_lead_off_holds_the_last_value() -> None:
    blocks = Ad8232Decoder(190.0).feed(b"\n!\n512\n!\n!\n600\n")
    assert [(b.start, len(b), b.lead_state) for b in blocks] == [
        (0, 1, OFF),
        (1, 1, ON),
        (2, 2, OFF),
        (4, 1, ON),
    ]
    assert blocks[0].mv[0, 0] == 0
    assert blocks[2].mv.tolist() == [blocks[1].mv[0].tolist()] * 2


@pytest.mark.parametrize(
    "line", [b"5x2", b"-5", b"1,2", b"1.5", b"123456", b"1" * 1000, b"!!", b"\xb2", b"1_0", b"+5"]
)
def test_other_lines_are_damaged_and_count_as_a_lost_sample(line: bytes) -> None:
    decoder = Ad8232Decoder(190.0)
    assert decoder.feed(b"\n" + line + b"\n") == []
    assert (decoder.counters.damaged, decoder.counters.lost) == (1, 0)
    before, after = decoder.feed(b"1\n2\n" + line + b"\n3\n")
    assert (before.start, after.start, after.lost) == (0, 3, 1)
    assert (decoder.counters.damaged, decoder.counters.lost) == (2, 1)
