"""Faults by script: each kind does what it says, where it says, the same from the same seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import PROTOCOLS, decoder
from firmware_bridge.faults import FRAME_FAULTS, Board, Fault, Faults, Frame, parse, pieces

FS = 250.0
N = 1000


def stream(n: int = N) -> SampleBlock:
    nv = np.random.default_rng(3).integers(-(10**6), 10**6, (n, 1))
    return SampleBlock(0, mv_from_nv(nv), FS, ("I",), (LeadState.ON,), (False,))


def sent(faults: Faults, n: int = N) -> bytes:
    board = Board(PROTOCOLS["edge"].encoder, faults)
    return b"".join(part for piece in pieces([stream(n)], 5) for part in board.send(piece))


@pytest.mark.parametrize(
    ("script", "faults"),
    [
        ("", []),
        ("drop:0.01", [Fault("drop", 0.01)]),
        (
            "split:0.2@60s:30s, unplug@30:5s",
            [Fault("split", 0.2, 60, 90), Fault("unplug", 0, 30, 35)],
        ),
        ("lump:0.5s,drift:-200ppm", [Fault("lump", 0.5), Fault("drift", -200)]),
    ],
)
def test_a_script_is_read(script: str, faults: list[Fault]) -> None:
    assert parse(script) == faults


@pytest.mark.parametrize(
    "script",
    [
        "drop",
        "drop:2",
        "drop:-0.1",
        "off",
        "off@3s",
        "off:0.1@3:4",
        "lump:0",
        "drift",
        "rain:1",
        "drop:1.2.3",
        "drop:0.1@:2",
        "drift:-1000000ppm",
        "drop:0.1;cut:0.1",
    ],
)
def test_a_wrong_script_is_refused_in_one_sentence(script: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        parse(script)


def test_without_faults_the_bytes_are_the_boards() -> None:
    faults = Faults()
    encoder = PROTOCOLS["edge"].encoder()
    assert sent(faults) == b"".join(encoder.encode(piece) for piece in pieces([stream()], 5))
    assert faults.log == []


@pytest.mark.parametrize("kind", FRAME_FAULTS)
def test_as_many_as_the_script_says_and_the_same_from_a_seed(kind: str) -> None:
    script = [Fault(kind, 0.25, 1.0, 3.0)]
    faults = Faults(script, 7)
    data = sent(faults)
    assert 10 < len(faults.log) < 45  # of 100 frames; six deviations
    assert all(FS <= window.start < 3 * FS and window.kind == kind for window in faults.log)
    again, other = Faults(script, 7), Faults(script, 8)
    assert sent(again) == data
    assert again.log == faults.log
    sent(other)
    assert other.log != faults.log


@pytest.mark.parametrize("kind", FRAME_FAULTS)
@given(data=st.binary(min_size=2, max_size=40), seed=st.integers(0, 2**32))
def test_what_happens_to_a_frame(kind: str, data: bytes, seed: int) -> None:
    parts = Faults([Fault(kind, 1.0)], seed).line(Frame(0, 1, data), FS)
    joined = b"".join(parts)
    match kind:
        case "drop":
            assert parts == []
        case "repeat":
            assert joined == data * 2
        case "damage":
            assert len(joined) == len(data)
            assert sum(a != b for a, b in zip(joined, data, strict=True)) == 1
        case "cut":
            assert len(data) // 2 - 1 <= len(joined) < len(data)
        case "insert":
            assert 1 <= len(joined) - len(data) <= 8
        case _:
            assert joined == data
            assert len(parts) == 2
            assert all(parts)


def test_electrodes_off_and_saturation_are_told_where_the_board_can() -> None:
    faults = Faults([Fault("off", 0, 1.0, 2.0), Fault("saturate", 0, 3.0, 3.5)])
    blocks = decoder("edge").feed(sent(faults))
    states = {
        block.start + i: (block.lead_state[0] is LeadState.OFF, block.saturated[0])
        for block in blocks
        for i in range(len(block))
    }
    assert states == {i: (250 <= i < 500, 750 <= i < 875) for i in range(N)}


def test_an_unplugged_board_sends_nothing_and_starts_anew() -> None:
    faults = Faults([Fault("unplug", 0, 1.0, 2.0)])
    board = Board(PROTOCOLS["edge"].encoder, faults)
    before, after = b"", b""
    for piece in pieces([stream()], 5):
        parts = board.send(piece)
        assert board.plugged != (250 <= piece.start < 500)
        if piece.start < 250:
            before += b"".join(parts)
        else:
            after += b"".join(parts)
    mv = stream().mv
    for data, expected in ((before, mv[:250]), (after, mv[500:])):
        blocks = decoder("edge").feed(data)
        assert blocks[0].start == 0
        assert np.array_equal(np.concatenate([block.mv for block in blocks]), expected)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_no_sample_of_our_frame_comes_at_another_index(seed: int) -> None:
    # The first frame that comes is where a stream begins: it is spared.
    faults = Faults([Fault(kind, 0.1, 0.5) for kind in FRAME_FAULTS], seed)
    reader, mv = decoder("edge"), stream().mv
    came = np.zeros(N, bool)
    for block in reader.feed(sent(faults)):
        assert np.array_equal(block.mv, mv[block.start : block.start + len(block)])
        came[block.start : block.start + len(block)] = True
    for window in faults.log:
        if window.kind in ("repeat", "split"):
            continue
        # Damage to a frame's end may take the next one along.
        came[window.start : window.end + 5] = True
    assert came.all()
