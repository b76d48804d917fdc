"""What holds for every protocol, whatever the bytes and however they are cut."""

from collections import deque
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import (
    PROTOCOLS,
    Prober,
    ad8232,
    ads1292r,
    ads1293,
    bitalino,
    chords,
    csv,
    cyton,
    decoder,
    ganglion,
    healthypi5,
    healthypi6,
    max30001,
    max30003,
    max86150,
    olimex,
    probe,
    spikershield,
)
from firmware_bridge.errors import ProtocolError
from firmware_bridge.uart import Line

FS = 200.0
NAMES = list(PROTOCOLS)
BOUND = 17_000  # bytes that any decoder may hold back: the longest frames
STEP_NV = {
    "edge": 0.0,
    "ads1292r": ads1292r.NV_PER_STEP,
    "ads1293": ads1293.NV_PER_STEP,
    "max30003": max30003.NV_PER_STEP,
    "healthypi4": ads1292r.NV_PER_STEP,
    "healthypi5": healthypi5.NV_PER_STEP,
    "max30001": max30001.NV_PER_STEP,
    "max86150": max86150.NV_PER_STEP,
    "daisy": cyton.NV_PER_STEP,
    "healthypi6": healthypi6.NV_PER_STEP,
    "cyton": cyton.NV_PER_STEP,
    "ganglion": 3 * ganglion.NV_PER_STEP,  # a difference's last bit is its sign
    "chords": chords.nv_per_step(14),
    "spikershield": spikershield.NV_PER_STEP,
    "olimex": olimex.NV_PER_STEP,
    "bitalino": bitalino.NV_PER_STEP,
    "ad8232": ad8232.NV_PER_COUNT,
    "csv": csv.NV_PER_STEP,
}
FRAME = {"edge": round(FS / 30), "healthypi6": 8}
"""Samples of our encoders' frames, where more than one."""
COUNTED = [name for name in NAMES if PROTOCOLS[name].sequence and name != "ganglion"]
Sample = tuple[int, bytes, tuple[LeadState, ...], tuple[bool, ...], float]

few = settings(max_examples=20, deadline=None)  # fifteen protocols, each byte looked at thrice
every_protocol = pytest.mark.parametrize("name", NAMES)
CUTS = st.lists(st.integers(1, 700), min_size=1, max_size=30)
HEADS = [b"\0", b"\n", b"!\r\n", b"512\n", b"1,2\n", b"\x0a\xfa\x09\x00\x02", b"\x00\x0b"]
HEADS += [b"DBLK", b"\xc7\x7c", b"\xa5\x5a\x02", b"\xa0", spikershield.TEXT, b"boot ok\r\n"]
NOISE = st.lists(st.one_of(st.binary(max_size=30), st.sampled_from(HEADS)), max_size=6).map(
    b"".join
)


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


def held(thing: object) -> int:
    """Bytes, array elements and list items that an object holds, and those that it holds."""
    if isinstance(thing, bytes):
        return len(thing)
    if isinstance(thing, np.ndarray):
        return thing.size
    if isinstance(thing, dict):
        return held([*thing.values()])
    if isinstance(thing, list | deque):
        return sum(1 + held(item) for item in thing)
    inner = type(thing).__module__.startswith("firmware_bridge")
    return sum(map(held, vars(thing).values())) if inner and hasattr(thing, "__dict__") else 0


def fed(name: str, data: bytes, cuts: list[int]) -> tuple[list[Sample], dict[str, int]]:
    """What a new decoder makes of the bytes, cut again and again into these sizes."""
    reader = decoder(name, FS)
    blocks, at, turn = [], 0, 0
    while at < len(data):
        size = cuts[turn % len(cuts)]
        blocks += reader.feed(data[at : at + size])
        at, turn = at + size, turn + 1
        if turn % 16 == 0 or at >= len(data):  # to count takes longer than to decode
            assert held(reader) <= BOUND
    return flat(blocks), asdict(reader.counters)


def signal(seed: int, *stretches: tuple[int, bool]) -> list[SampleBlock]:
    """Consecutive blocks of one lead, each of so many samples, with the electrode off or on."""
    rng = np.random.default_rng(seed)
    blocks, start = [], 0
    for n, off in stretches:
        nv = rng.integers(-400_000, 400_000, (n, 1))
        state = LeadState.OFF if off else LeadState.ON
        blocks.append(SampleBlock(start, mv_from_nv(nv), FS, ("ECG",), (state,), (False,)))
        start += n
    return blocks


@st.composite
def signals(draw: st.DrawFn) -> list[SampleBlock]:
    """As `signal`, from drawn numbers; the first is long enough to tell what it is."""
    rest = draw(st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=4))
    return signal(draw(st.integers(0, 2**32 - 1)), (csv.SETTLE, False), *rest)


def encoded(name: str, blocks: list[SampleBlock]) -> list[bytes]:
    encoder = PROTOCOLS[name].encoder()
    return [encoder.encode(block) for block in blocks]


def first_lead(mv: bytes) -> NDArray[np.float32]:
    return np.frombuffer(mv, np.float32)[:1]


@every_protocol
@few
@given(signals())
def test_round_trip(name: str, blocks: list[SampleBlock]) -> None:
    got, counters = fed(name, b"".join(encoded(name, blocks)), [10**6])
    sent = flat(blocks)
    # A packet of Ganglion's is two samples, and is believed when the next one is there.
    assert len(sent) - len(got) <= (4 if name == "ganglion" else 0)
    assert [i for i, *_ in got] == [i for i, *_ in sent][: len(got)]
    for (_, got_mv, got_state, *_), (_, sent_mv, sent_state, *_) in zip(got, sent, strict=False):
        if PROTOCOLS[name].lead_off == "yes":
            assert got_state == sent_state
        elif PROTOCOLS[name].lead_off == "no":
            assert set(got_state) == {LeadState.UNKNOWN}
        if name == "edge" or sent_state == (LeadState.ON,):
            error = np.abs(first_lead(got_mv) - first_lead(sent_mv)).max()
            assert error <= STEP_NV[name] * 0.5e-6 + (1e-6 if STEP_NV[name] else 0)
    assert {counters[k] for k in ("damaged", "lost", "repeated", "unknown")} == {0}


@every_protocol
@few
@given(signals(), CUTS, NOISE, st.data())
def test_same_samples_however_the_bytes_are_cut(
    name: str, blocks: list[SampleBlock], cuts: list[int], noise: bytes, data: st.DataObject
) -> None:
    sent = b"".join(encoded(name, blocks))
    at = data.draw(st.integers(0, len(sent)))
    gone = data.draw(st.integers(0, 100))
    sent = sent[:at] + noise + sent[at + gone :]
    whole = fed(name, sent, [10**6])
    assert fed(name, sent, cuts) == whole
    part = sent[max(0, at - 150) : at + 150]
    assert fed(name, part, [1]) == fed(name, part, [10**6])


@every_protocol
@few
@given(st.lists(st.one_of(st.binary(max_size=300), NOISE), max_size=10).map(b"".join), CUTS)
def test_no_bytes_raise(name: str, data: bytes, cuts: list[int]) -> None:
    assert fed(name, data, cuts) == fed(name, data, [10**6])


@every_protocol
@few
@given(st.lists(st.one_of(st.binary(max_size=300), NOISE), max_size=10).map(b"".join))
def test_a_good_stream_is_read_after_any_bytes(name: str, before: bytes) -> None:
    good = b"".join(encoded(name, signal(1, (400, False))))
    got, _ = fed(name, before + good, [10**6])
    # Two frames, and what a reader waits for: a line's end, a packet, the next whole value.
    most = {"ganglion": ganglion.CYCLE + 8}.get(name, 2 * FRAME.get(name, 1) + 4)
    assert len(got) >= 400 - most


@every_protocol
@pytest.mark.parametrize("unit", [b"\0", b"\x01", b"5", *HEADS[5:12], b" ", b"\xff", b"DBLK\0"])
def test_endless_bytes_do_not_fill_the_memory(name: str, unit: bytes) -> None:
    samples, counters = fed(name, unit * 8_000, [4096])
    assert samples == []
    assert counters["good"] == 0


@every_protocol
@few
@given(st.integers(0, 10**6), st.integers(0, 40), NOISE)
def test_damage_costs_what_it_hit_and_two_frames(
    name: str, where: int, gone: int, noise: bytes
) -> None:
    pieces = encoded(name, signal(where, (300, False), (300, False)))
    # Long enough to have told what it is, and to find back.
    at = len(pieces[0]) + where % (len(pieces[1]) // 2)
    sent = b"".join(pieces)
    clean, _ = fed(name, sent, [10**6])
    got, _ = fed(name, sent[:at] + noise + sent[at + gone :], [10**6])
    frame = FRAME.get(name, 1)
    bytes_each = len(sent) / len(clean)
    hit = gone / bytes_each + (2 if len(noise) < 8 or name in COUNTED else 4) * frame
    hit += len(noise) / bytes_each
    if name == "ganglion":
        hit += ganglion.CYCLE  # differences mean nothing until the next sample as it is
    values = [mv for _, mv, *_ in clean]
    survivors = sum(mv in values for _, mv, *_ in got)
    if name == "spikershield":
        survivors = len(got)  # a pair that is missing shifts what a mean is taken of
    assert survivors >= len(clean) - hit - 1
    if name in COUNTED and name != "bitalino":
        assert got[-1][0] == clean[-1][0]


@every_protocol
@few
@given(st.data())
def test_probe_knows_the_protocol(name: str, data: st.DataObject) -> None:
    mv = mv_from_nv(np.random.default_rng(1).integers(-(10**6), 10**6, (400, 1)))
    block = SampleBlock(0, mv, FS, ("ECG",), (LeadState.ON,), (False,))
    (sent,) = encoded(name, [block])
    late = data.draw(st.integers(0, len(sent) // 4))
    guess = probe(sent[late:])
    assert guess
    assert (guess.name, guess.sure) == (name, True)


@few
@given(st.one_of(st.binary(max_size=4000), st.binary(max_size=20).map(lambda unit: 500 * unit)))
def test_probe_is_unsure_of_noise(data: bytes) -> None:
    assume(not {*data} <= {*b"!\r\n "})  # a sketch whose electrodes are off sends nothing else
    guess = probe(data)
    assert guess is None or not guess.sure


@every_protocol
@pytest.mark.parametrize(
    "misread",
    [
        lambda data: bytes(255 - byte for byte in data),
        lambda data: bytes(byte >> 1 for byte in data),
        lambda data: bytes(byte << 1 & 255 for byte in data),
        lambda data: bytes(byte & 0x7F for byte in data),
        lambda data: data[::2],
        lambda data: data[::3],
        lambda data: data[::-1],
    ],
)
def test_probe_is_not_sure_of_another(name: str, misread: Callable[[bytes], bytes]) -> None:
    guess = probe(misread(b"".join(encoded(name, signal(1, (400, False))))))
    assert guess is None or not guess.sure or guess.name == name


@every_protocol
@pytest.mark.parametrize("read", [9600, 57600, 115200, 230400])
def test_probe_is_not_sure_at_another_baud(name: str, read: int) -> None:
    sent = PROTOCOLS[name].bauds[0]
    line, prober, encoder = Line(sent, read), Prober(), PROTOCOLS[name].encoder()
    mv = mv_from_nv(np.rint(400_000 * np.sin(np.arange(200) / 9)).astype(np.int64)[:, None])
    guesses = []
    for at in range(0, 200, 4):
        block = SampleBlock(at, mv[at : at + 4], FS, ("ECG",), (LeadState.ON,), (False,))
        guesses.append(prober.feed(line.carry(encoder.encode(block), idle_s=0.004)))
    assert any(guess and guess.sure for guess in guesses) == (read == sent)
    assert {guess.name for guess in guesses if guess and guess.sure} <= {name}


def test_electrodes_off_from_the_first_line_are_an_ad8232() -> None:
    guess = probe(b"!\r\n" * 60)
    assert guess
    assert (guess.name, guess.sure) == ("ad8232", True)


def test_probe_is_unsure_of_text_and_of_little() -> None:
    assert probe(b"") is None
    guess = probe(b"512\r\n" * 4)
    assert guess
    assert (guess.name, guess.sure) == ("ad8232", False)
    assert probe(b"boot: 3 leads, ok\r\n" * 50) is None
    mixed = probe(b"512\r\nnot a sample\r\n" * 50)
    assert mixed
    assert not mixed.sure


@every_protocol
def test_one_row_tells_what_the_decoder_does(name: str) -> None:
    row = PROTOCOLS[name]
    fs = row.fs if isinstance(row.fs, float) else FS
    block = SampleBlock(0, np.zeros((100, 1), np.float32), fs, ("ECG",), (LeadState.ON,), (False,))
    (sent,) = encoded(name, [block])
    (got,) = decoder(name, None if row.fs != "estimated" else fs).feed(sent)
    assert got.fs == fs
    sent_names = {"edge": ("ECG",), "csv": ("C1",)}
    assert got.leads == (sent_names[name] if row.leads == "sent" else row.leads)
    assert (got.lead_state == (LeadState.ON,)) == (row.lead_off == "yes")


@every_protocol
def test_one_row_tells_whether_losses_are_counted(name: str) -> None:
    """Frames that vanish without a trace: seen by their numbers only."""
    pieces = encoded(name, signal(1, (201, False), (20, False), (201, False)))
    encoder_gap = b"".join([pieces[0], pieces[2]])
    _, counters = fed(name, encoder_gap, [10**6])
    assert (counters["lost"] > 0) == PROTOCOLS[name].sequence
    assert counters["damaged"] == 0
    if name in COUNTED:
        assert counters["lost"] == (20 if name != "bitalino" else 20 % 16)


@every_protocol
def test_one_row_tells_whether_there_is_a_checksum(name: str) -> None:
    """A bit of a sample turned: with a checksum, nothing false comes out."""
    pieces = encoded(name, signal(1, *[(20, False)] * 10))
    clean = {mv for _, mv, *_ in fed(name, b"".join(pieces), [10**6])[0]}
    hit = bytearray(b"".join(pieces))
    for at in range(len(hit) // 2, len(hit) - 40):
        hit[at] ^= 1
        got = fed(name, bytes(hit), [10**6])[0]
        hit[at] ^= 1
        if any(mv not in clean for _, mv, *_ in got):
            assert not PROTOCOLS[name].checksum
            return
    assert PROTOCOLS[name].checksum


def test_the_factory_refuses_in_one_sentence() -> None:
    with pytest.raises(ProtocolError, match="choose edge, ads1292r, "):
        decoder("openbci")
    with pytest.raises(ProtocolError, match="give fs"):
        decoder("ad8232")
    for fs in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ProtocolError, match="no sampling rate"):
            decoder("edge", fs)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if PROTOCOLS[name].leads in (("ECG",), ("A0",))]
)
def test_one_lead_boards_refuse_two(name: str) -> None:
    block = SampleBlock(
        0, np.zeros((5, 2), np.float32), FS, ("I", "II"), (LeadState.ON,) * 2, (False,) * 2
    )
    with pytest.raises(ProtocolError, match="one ECG lead"):
        encoded(name, [block])
