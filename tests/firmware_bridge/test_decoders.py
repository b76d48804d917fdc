"""What holds for every protocol, whatever the bytes and however they are cut."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import PROTOCOLS, ad8232, ads1292r, decoder, edge_frame, probe
from firmware_bridge.errors import ProtocolError

FS = 200.0
NAMES = list(PROTOCOLS)
BOUND = edge_frame._LONGEST + 1  # bytes that any decoder may hold back
Sample = tuple[int, bytes, tuple[LeadState, ...], tuple[bool, ...], float]

every_protocol = pytest.mark.parametrize("name", NAMES)
CUTS = st.lists(st.integers(1, 700), min_size=1, max_size=30)
NOISE = st.lists(
    st.one_of(st.binary(max_size=30), st.sampled_from([b"\0", b"\n", b"!\r\n", b"512\n"])),
    max_size=6,
).map(b"".join)


def flat(blocks: list[SampleBlock]) -> list[Sample]:
    """Every sample with all that is said of it; checks that the blocks join up."""
    end, out = 0, []
    for block in blocks:
        assert block.start == end + block.lost
        assert len(block) > 0
        assert np.isfinite(block.mv).all()
        end = block.start + len(block)
        out += [
            (block.start + i, row.tobytes(), block.lead_state, block.saturated, block.fs)
            for i, row in enumerate(block.mv)
        ]
    return out


def fed(name: str, data: bytes, cuts: list[int]) -> tuple[list[Sample], dict[str, int]]:
    """What a new decoder makes of the bytes, cut again and again into these sizes."""
    reader = decoder(name, FS)
    blocks, at, turn = [], 0, 0
    while at < len(data):
        size = cuts[turn % len(cuts)]
        blocks += reader.feed(data[at : at + size])
        at, turn = at + size, turn + 1
        assert len(vars(reader)["_rest"]) <= BOUND
    return flat(blocks), asdict(reader.counters)


@st.composite
def signals(draw: st.DrawFn) -> list[SampleBlock]:
    """Consecutive blocks of one lead, with lead-off stretches, from a drawn seed."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    blocks, start = [], 0
    for n, off in draw(st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=5)):
        nv = rng.integers(-(10**6), 10**6, (n, 1))
        state = LeadState.OFF if off else LeadState.ON
        blocks.append(SampleBlock(start, mv_from_nv(nv), FS, ("ECG",), (state,), (False,)))
        start += n
    return blocks


def encoded(name: str, blocks: list[SampleBlock]) -> list[bytes]:
    encoder = PROTOCOLS[name].encoder()
    return [encoder.encode(block) for block in blocks]


@every_protocol
@given(signals())
def test_round_trip(name: str, blocks: list[SampleBlock]) -> None:
    got, counters = fed(name, b"".join(encoded(name, blocks)), [10**6])
    sent = flat(blocks)
    assert [i for i, *_ in got] == [i for i, *_ in sent]
    step = {"edge": 0, "ads1292r": ads1292r.NV_PER_STEP, "ad8232": ad8232.NV_PER_COUNT}[name]
    for (_, got_mv, got_state, *_), (_, sent_mv, sent_state, *_) in zip(got, sent, strict=True):
        assert got_state == (
            sent_state if PROTOCOLS[name].lead_off == "yes" else (LeadState.UNKNOWN,)
        )
        if name == "edge" or sent_state == (LeadState.ON,):
            error = np.frombuffer(got_mv, np.float32) - np.frombuffer(sent_mv, np.float32)
            assert np.abs(error).max() <= step * 0.5e-6 + (1e-6 if step else 0)
    assert {counters[k] for k in ("damaged", "lost", "repeated", "unknown")} == {0}


@every_protocol
@given(signals(), CUTS, NOISE, st.data())
def test_same_samples_however_the_bytes_are_cut(
    name: str, blocks: list[SampleBlock], cuts: list[int], noise: bytes, data: st.DataObject
) -> None:
    sent = b"".join(encoded(name, blocks))
    at = data.draw(st.integers(0, len(sent)))
    sent = sent[:at] + noise + sent[at:]
    whole = fed(name, sent, [10**6])
    assert fed(name, sent, cuts) == whole
    assert fed(name, sent, [1]) == whole


@every_protocol
@given(st.lists(st.one_of(st.binary(max_size=300), NOISE), max_size=10).map(b"".join), CUTS)
def test_no_bytes_raise(name: str, data: bytes, cuts: list[int]) -> None:
    fed(name, data, cuts)


@every_protocol
@pytest.mark.parametrize("byte", [b"\0", b"\n", b"\x01", b"5", b"\x0a\xfa\x09\x00\x02"])
def test_endless_bytes_do_not_fill_the_memory(name: str, byte: bytes) -> None:
    samples, counters = fed(name, byte * 400_000, [4096])
    assert samples == []
    assert counters["good"] == 0


@every_protocol
@given(
    st.lists(st.integers(20, 60), min_size=4, max_size=4),
    st.integers(0, 10**6),
    st.integers(1, 255),
)
def test_a_changed_byte_costs_at_most_two_frames(
    name: str, sizes: list[int], where: int, change: int
) -> None:
    rng = np.random.default_rng(sum(sizes))
    blocks, start = [], 0
    for n in sizes:
        mv = mv_from_nv(rng.integers(-(10**6), 10**6, (n, 1)))
        blocks.append(SampleBlock(start, mv, FS, ("ECG",), (LeadState.ON,), (False,)))
        start += n
    sent = bytearray(b"".join(encoded(name, blocks)))
    clean, _ = fed(name, bytes(sent), [10**6])
    sent[where % len(sent)] ^= change
    got, counters = fed(name, bytes(sent), [10**6])
    frame = {"edge": round(FS / 30), "ads1292r": 1, "ad8232": 1}[name]
    values = [mv for _, mv, *_ in clean]
    survivors = sum(mv in values for _, mv, *_ in got)
    # Where the header that begins the stream is hit, all is lost until the next second's.
    if name != "edge" or where % len(sent) > 25:
        assert survivors >= len(clean) - 2 * frame
    assert counters["damaged"] <= 2


@every_protocol
@given(st.data())
def test_probe_knows_the_protocol(name: str, data: st.DataObject) -> None:
    mv = mv_from_nv(np.random.default_rng(1).integers(-(10**6), 10**6, (400, 1)))
    block = SampleBlock(0, mv, FS, ("ECG",), (LeadState.ON,), (False,))
    (sent,) = encoded(name, [block])
    late = data.draw(st.integers(0, len(sent) // 4))
    guess = probe(sent[late:])
    assert guess
    assert (guess.name, guess.sure) == (name, True)


@given(st.binary(max_size=4000))
def test_probe_is_unsure_of_noise(data: bytes) -> None:
    guess = probe(data)
    assert guess is None or not guess.sure


def test_probe_is_unsure_of_text_and_of_little() -> None:
    assert probe(b"") is None
    few = probe(b"512\r\n" * 4)
    assert few
    assert (few.name, few.sure) == ("ad8232", False)
    assert probe(b"boot: 3 leads, ok\r\n" * 50) is None
    assert probe(b"1,512\n2,513\n3,514\n" * 50) is None
    mixed = b"512\r\nnot a sample\r\n" * 50
    assert probe(mixed) is None


@every_protocol
def test_one_row_tells_what_the_decoder_does(name: str) -> None:
    row = PROTOCOLS[name]
    fs = row.fs if isinstance(row.fs, float) else FS
    block = SampleBlock(0, np.zeros((5, 1), np.float32), fs, ("ECG",), (LeadState.ON,), (False,))
    (sent,) = encoded(name, [block])
    (got,) = decoder(name, None if row.fs != "estimated" else fs).feed(sent)
    assert got.fs == fs
    assert got.leads == (("ECG",) if row.leads == "sent" else row.leads)
    assert (got.lead_state == (LeadState.ON,)) == (row.lead_off == "yes")


def test_the_factory_refuses_in_one_sentence() -> None:
    with pytest.raises(ProtocolError, match="choose edge, ads1292r, ad8232"):
        decoder("openbci")
    with pytest.raises(ProtocolError, match="give fs"):
        decoder("ad8232")
    for fs in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ProtocolError, match="no sampling rate"):
            decoder("edge", fs)


@pytest.mark.parametrize("name", ["ads1292r", "ad8232"])
def test_one_lead_boards_refuse_two(name: str) -> None:
    block = SampleBlock(
        0, np.zeros((5, 2), np.float32), FS, ("I", "II"), (LeadState.ON,) * 2, (False,) * 2
    )
    with pytest.raises(ProtocolError, match="one ECG lead"):
        encoded(name, [block])
