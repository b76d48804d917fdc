"""The benchmarks of boards, on little: they count what they say they count."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.boards import bursts, faults, overflow, probing, reconnect
from benchmarks.boards.bursts import Stream
from edge import demo, replay
from edge.replay import INVALID, Recording
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.faults import FRAME_FAULTS, Faults


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Two minutes of the demo, one lead, never off: one burst, and a minute before and after it."""
    nv = demo.stream()[0].nv[:, :1]
    return Recording("demo", demo.FS, ("ECG",), np.tile(np.where(nv == INVALID, 0, nv), (2, 1)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_faults_move_no_sample_and_make_no_beat(protocol: str, recording: Recording) -> None:
    outcome = faults.measure(recording, protocol, count=200)
    assert 150 < sum(outcome.faults[kind] for kind in FRAME_FAULTS) < 260
    assert outcome.beats > 50
    # Its frames have no checksum: a damaged sample beside a lost one looks like a beat of its own.
    assert outcome.invented <= (protocol == "max30001")
    assert outcome.moved == 0
    if PROTOCOLS[protocol].sequence and PROTOCOLS[protocol].checksum:
        assert outcome.misplaced == 0


def test_a_sample_off_by_one_and_a_beat_too_many_are_counted(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = bursts.play

    def worse(*args: object) -> Stream:
        stream = play(*args)  # type: ignore[arg-type]
        if not any(isinstance(arg, Faults) and arg.kinds for arg in args):
            return stream
        late = np.concatenate([stream.mv[:1], stream.mv[:-1]])
        beats = [*((sample + 1, label) for sample, label in stream.beats), (10, "V"), (11, "U")]
        return Stream(late, beats, stream.lost)

    monkeypatch.setattr(faults, "play", worse)
    outcome = faults.measure(recording, "edge", count=200)
    assert outcome.misplaced > len(recording.nv) / 2
    assert outcome.moved == outcome.beats
    assert (outcome.invented, outcome.unsure) == (1, 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_board_is_recognised_at_its_speed_only(protocol: str, recording: Recording) -> None:
    for baud in PROTOCOLS[protocol].bauds:
        outcome = probing.Outcome(protocol, baud)
        probing._listen(outcome, recording)
        assert (outcome.wrong, outcome.misled) == (0, 0)
        assert outcome.silent + outcome.guessed == len({*probing.SPEEDS} - {baud})


def test_strangers_are_no_board() -> None:
    assert probing._foreign(12) == 0


@pytest.mark.parametrize("protocol", ["chords", "healthypi6", "spikershield"])
def test_what_overflows_is_a_gap_behind_what_lay_there(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overflow, "BEFORE_S", 3.0)
    monkeypatch.setattr(overflow, "AFTER_S", 3.0)
    outcome = overflow.measure(protocol, 5.0)
    assert outcome.dropped > 0
    assert outcome.missing > 500
    assert outcome.before > 1000
    # Without numbers only the clock tells, and this machine may be busy.
    assert outcome.misplaced <= (0 if PROTOCOLS[protocol].sequence else 100)
    assert outcome.off_by == 0 or abs(outcome.off_by) < 50 * (not PROTOCOLS[protocol].sequence)
    assert outcome.lost == outcome.missing - outcome.off_by


@pytest.mark.slow
@pytest.mark.data_required("mitdb")
def test_unplugged_and_plugged_in_again(mitdb: Path) -> None:
    recording = replay.read(mitdb / "100", [0])
    (outcome,) = reconnect.measure(replace(recording, nv=recording.nv[: 30 * 360]), "edge", 1)
    assert outcome.beat_signal_s <= 5
