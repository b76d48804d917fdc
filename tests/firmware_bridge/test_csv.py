"""Lines of numbers and their traps."""

import pytest

from firmware_bridge.block import LeadState
from firmware_bridge.decoders.csv import SETTLE, CsvDecoder
from firmware_bridge.errors import ProtocolError


def begun(line: bytes) -> CsvDecoder:
    """A decoder that has settled on such lines."""
    decoder = CsvDecoder(190.0)
    assert sum(map(len, decoder.feed(b"\n" + (line + b"\r\n") * SETTLE))) == SETTLE
    return decoder


@pytest.mark.parametrize(
    ("line", "mv"),
    [
        (b"338,563", [0, 0.99972]),
        (b"338;563", [0, 0.99972]),
        (b"338\t563", [0, 0.99972]),
        (b"338, 563", [0, 0.99972]),
        (b"1.65,2.75", [0, 1]),
        (b"2.75", [1]),
        (b"338,2.75", [0, 1]),
        (b"338.00,563.0", [0, 0.99972]),  # above 5: a mean of counts, no volts
    ],
)
def test_volts_and_counts(line: bytes, mv: list[float]) -> None:
    (block,) = begun(line).feed(line + b"\n")
    assert block.fs == 190
    assert block.leads == tuple(f"C{i + 1}" for i in range(len(mv)))
    assert block.mv[0].tolist() == pytest.approx(mv, abs=1e-4)
    assert block.lead_state == (LeadState.UNKNOWN,) * len(mv)


def test_a_clock_in_front_is_no_lead() -> None:
    data = b"\n" + b"".join(b"%d,%d\n" % (5 * i, 338 + i % 2) for i in range(SETTLE))
    (block,) = CsvDecoder(190.0).feed(data)
    assert block.leads == ("C2",)
    assert block.mv[:3, 0].tolist() == pytest.approx([0, 4.443e-3, 0], abs=1e-5)


@pytest.mark.parametrize("line", [b"1", b"1,2,3", b"1,x", b"1,", b",1", b"nan,1", b"1,2" * 100])
def test_other_lines_are_damaged_and_count_as_a_lost_sample(line: bytes) -> None:
    decoder = begun(b"338,338")
    before, after = decoder.feed(b"1,2\n" + line + b"\n3,4\n")
    assert (before.start, after.start, after.lost) == (SETTLE, SETTLE + 2, 1)
    assert (decoder.counters.damaged, decoder.counters.lost) == (1, 1)


@pytest.mark.parametrize("line", [b"x", b"!", b"1,2,3"])
def test_the_stream_begins_with_lines_in_a_row(line: bytes) -> None:
    decoder = CsvDecoder(190.0)
    many = b"338,338\n" * (SETTLE - 1)
    assert decoder.feed(b"\n" + many + line + b"\n" + many) == []
    (block,) = decoder.feed(b"338,338\n")
    assert (block.start, len(block), decoder.counters.lost) == (0, SETTLE, 0)


def test_lead_off_holds_the_last_value_and_is_unknown_before() -> None:
    decoder = begun(b"338,338")
    blocks = decoder.feed(b"563,338\n!\n!\n338,338\n")
    states = [(len(b), b.lead_state[0]) for b in blocks]
    assert states == [(1, LeadState.UNKNOWN), (2, LeadState.OFF), (1, LeadState.ON)]
    assert blocks[1].mv[:, 0].tolist() == [blocks[0].mv[0, 0]] * 2


def test_single_integers_are_the_other_protocols() -> None:
    assert CsvDecoder(190.0).feed(b"\n" + b"512\n" * 200) == []


def test_the_rate_must_be_given() -> None:
    with pytest.raises(ProtocolError, match="give fs"):
        CsvDecoder()
