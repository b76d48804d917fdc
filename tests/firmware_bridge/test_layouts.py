"""Boards by frames that no encoder of ours has made, and what tells them apart."""

import numpy as np
import pytest

from benchmarks.boards.layouts import KINDS, Kind, judge
from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import PROTOCOLS, Prober, decoder, probe
from firmware_bridge.decoders.bitalino import BitalinoEncoder
from firmware_bridge.decoders.spikershield import PRO

T = np.arange(2000) / 250
WANDER = 0.02 * np.sin(9 * T)
MV = np.stack([np.exp(-(((T % 0.8) - 0.3) ** 2) / 2e-4) + WANDER, WANDER], axis=1)
RNG = np.random.default_rng(0)


def packed(kind: Kind, mv: np.ndarray = MV) -> tuple[bytes, np.ndarray]:
    steps = np.rint(mv * 1e6 / kind.step_nv).astype(np.int64).clip(kind.low, kind.high)
    return kind.pack(steps, np.random.default_rng(1)), steps


def read(name: str, data: bytes, fs: float | None = None) -> list[SampleBlock]:
    return decoder(name, fs).feed(data)


@pytest.mark.parametrize("board", KINDS)
def test_recognised_for_sure_and_every_sample_equal(board: str) -> None:
    for seed in range(2):
        assert judge(KINDS[board], (MV, 250.0), np.random.default_rng(seed)) == "right"


@pytest.mark.parametrize("board", KINDS)
def test_text_between_frames_loses_nothing(board: str) -> None:
    kind = KINDS[board]
    steps = np.rint(MV * 1e6 / kind.step_nv).astype(np.int64).clip(kind.low, kind.high)
    many = {"HealthyPi 5, 1.0": 8, "HealthyPi 5, 1.1": 8, "HealthyPi 6": 10}.get(board, 1)
    frame = {"spikershield": 2, "ganglion": 20}.get(
        kind.protocol, len(kind.pack(steps[:many], np.random.default_rng(1)))
    )
    data, text = kind.pack(steps, np.random.default_rng(1)), b"HR: 72 bpm\r\n"
    at = len(data) // 10 // frame * frame
    whole = read(kind.protocol, data)
    blocks = read(kind.protocol, data[:at] + text + data[at:])
    missing = sum(map(len, whole)) - sum(map(len, blocks))
    assert 0 <= missing <= {"ganglion": 204, "bitalino": 16}.get(kind.protocol, 0)


@pytest.mark.parametrize("n", range(1, 7))
@pytest.mark.parametrize("low", [0, 20])
def test_chords_at_its_lower_rail_first(n: int, low: int) -> None:
    """Electrodes off tell no resolution, and no wrong one is taken for good."""
    board = ["UNO R4", "GIGA R1", "Pico", "Black Pill", "STM32G4", "Mega"][n - 1]
    kind = KINDS[f"Chords, {board}"]
    rail = np.full((64 * n, 2), kind.low + low)
    data, steps = packed(kind)
    frames = kind.pack(rail, RNG)
    frames = b"".join(
        frames[i : i + 3] + frames[i + 3 : i + 5] * ((len(frames) // len(rail) - 4) // 2) + b"\x01"
        for i in range(0, len(frames), len(frames) // len(rail))
    )
    blocks = read("chords", frames + data)
    assert {block.fs for block in blocks} == {kind.fs}
    got = np.concatenate([block.mv for block in blocks])[-1000:, 0]
    assert np.abs(got - steps[-1000:, 0] * kind.step_nv * 1e-6).max() < kind.step_nv * 1e-6


def test_a_wrong_layout_is_unlearnt() -> None:
    """14 bits that begin as if they were ten."""
    kind = KINDS["Chords, UNO R4"]
    data, steps = packed(kind)
    size = len(data) // len(steps)
    low = b"".join(
        b"\xc7\x7c" + bytes([i % 256]) + b"\x02\x58" * 6 + b"\x01" for i in range(2000, 2256)
    )
    blocks = read("chords", low + data[: 2000 * size], fs=500.0)
    got = np.concatenate([block.mv for block in blocks])[-1500:, 0]
    assert np.abs(got - steps[-1500:, 0] * kind.step_nv * 1e-6).max() < kind.step_nv * 1e-6


def test_a_max30001_that_has_no_bioimpedance_is_no_ads1293() -> None:
    frame = b"\x0a\xfa\x0c\x00\x02%b\x00\x00\x00\x00\xff\x00\x00\x00\x00\x0b"
    data = b"".join(frame % int(x).to_bytes(4, "little", signed=True) for x in 900 * MV[:, 0] + 9)
    guess = probe(data)
    assert guess
    assert (guess.name, guess.sure) == ("max30001", True)


def test_a_cyton_alone_takes_no_turns() -> None:
    """Nor with hum at nearly half of its rate, which is not sure."""
    hum = MV + 0.5 * np.sin(2 * np.pi * 120 * np.arange(len(MV)) / 250)[:, None]
    for mv in (MV, MV + RNG.normal(0, 0.05, MV.shape), hum):
        data, _ = packed(KINDS["Cyton"], mv)
        guess = probe(data)
        assert guess is None or not guess.sure or guess.name == "cyton"


def test_half_of_a_daisy_pair_is_no_sample() -> None:
    data, steps = packed(KINDS["Cyton, Daisy"])
    whole, cut = read("daisy", data), read("daisy", data[: 33 * 401] + data[33 * 404 :])
    assert sum(map(len, whole)) == len(steps)
    assert [block.lost for block in cut] == [0, 2]
    assert cut[1].start == 202
    assert np.array_equal(cut[1].mv, whole[0].mv[202:])


def test_the_pros_samples_are_taken_one_by_one() -> None:
    data = bytes(b for x in 500 + 40 * np.sin(T * 9) for b in (int(x) >> 7 | 0x80, int(x) & 0x7F))
    (block,) = read("spikershield", data, PRO)
    assert (block.fs, len(block)) == (1000, len(T))


@pytest.mark.parametrize("mask", range(1, 64))
def test_bitalinos_start_for_any_set_of_channels(mask: int) -> None:
    encoder = BitalinoEncoder()
    encoder.start(bytes([mask << 2 | 1]))
    nv = np.rint(5e5 * MV[:100, :1]).astype(np.float32) * np.float32(1e-6)
    block = SampleBlock(0, nv, 1000.0, ("ECG",), (), ())
    sent = encoder.encode(block)
    channels = mask.bit_count()
    assert len(sent) == 100 * {1: 3, 2: 4, 3: 6, 4: 7, 5: 8, 6: 8}[channels]
    (got,) = read("bitalino", sent)
    # A2 is the second where A1 is asked for, too, or alone.
    if mask & 0b10 and (mask & 1 or channels == 1):
        assert np.abs(got.mv - block.mv).max() < 0.002


def test_boards_of_which_no_byte_tells_more_are_said_to_be_unsure() -> None:
    prober = Prober()
    guess = prober.feed(packed(KINDS["Cyton"])[0][: 33 * 20])
    assert guess
    assert not guess.sure
    assert "Daisy" in guess.why


def test_a_board_that_needs_a_word_has_one() -> None:
    assert "upside down" in PROTOCOLS["olimex"].note
