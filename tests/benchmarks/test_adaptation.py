"""Forgetting nothing changes nothing, and another patient is outgrown."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmarks.beats.adaptation
from benchmarks.beats.adaptation import SWITCH_S, _stranger, beats_until_similar, spliced
from benchmarks.beats.counts import f1_data
from benchmarks.beats.observations import observe, read_signal
from benchmarks.beats.protocol import Protocol, compare_all
from benchmarks.cli import main
from benchmarks.play import play
from edge.bundle import DEFAULT_BUNDLE
from edge.filters import STREAM_FS
from train.data.mitdb import ALL, DS1, subject

AT = int(SWITCH_S * STREAM_FS)


def test_figures_of_a_made_patient(
    long_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmarks.beats.adaptation, "PERIODS_S", (10,))
    out, picture = tmp_path / "figures.json", tmp_path / "picture.png"
    arguments = ["adaptation", "--data", str(long_data), "--set", "100", "--lead", "0"]
    assert main([*arguments, "--json", str(out), "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    found: Any = json.loads(out.read_text())
    played = play(long_data / "mitdb" / "100", ["0"], DEFAULT_BUNDLE, None)
    protocol = Protocol(long_data / "mitdb", ["100"], ["0"], "papers")
    never = found["forgetting"][-1]
    assert never["every_s"] is None
    assert never["f1"] == f1_data(compare_all([played], protocol, 0)["100"])
    assert found["forgetting"][0]["f1"] != never["f1"]
    switch = found["switch"]
    assert switch["strangers"] == {"100": "201"}
    assert switch["alike_at_once"] == switch["never_alike"] == 0
    assert 5 < switch["beats_until_alike"]["median"] < 200
    assert switch["after"][0]["f1"]["own"]["N"] > 0.9


def test_what_follows_the_switch_is_the_same_beats(long_data: Path) -> None:
    own, other = (read_signal(long_data / "mitdb" / record, ["0"]) for record in ("100", "201"))
    both = spliced(own, other, AT)
    assert both.stream.shape == own.stream.shape
    assert np.array_equal(both.stream[AT:], own.stream[AT:])
    assert not np.array_equal(both.stream[:AT], own.stream[:AT])
    late = AT + int(0.15 * STREAM_FS)
    r, r_own = ([v.r for v in observe(s) if v.final and v.r >= late] for s in (both, own))
    assert r == r_own
    assert len(r) > 100
    finals = [v for v in observe(own) if v.final]
    assert beats_until_similar(finals, finals) == [0]


def test_a_record_that_ends_before_the_switch_is_refused(
    made_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["adaptation", "--data", str(made_data), "--set", "100"]) == 5
    assert "choose longer ones" in capsys.readouterr().err


@pytest.mark.parametrize("record", ALL)
def test_the_stranger_is_another_person_of_ds1(record: str) -> None:
    assert _stranger(record) in DS1
    assert subject(_stranger(record)) != subject(record)
