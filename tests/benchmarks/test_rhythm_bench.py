"""`edge-bench rhythm`: what is right to alarm, and what is counted."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cli import main
from benchmarks.rhythm.played import AF, ALARMS, Episode, Span, Watched, collect, watch
from benchmarks.rhythm.reference import Reference, from_beats, read_reference
from benchmarks.rhythm.tallies import Durations, Tally, durations, tally
from edge.alarms import RULES
from edge.bundle import DEFAULT_BUNDLE
from edge.errors import RecordError
from edge.events import Alarm, AlarmName
from edge.synthetic import synthesize
from train.data import cinc2017
from train.data.mitdb import Annotations

spans = st.lists(st.integers(0, 200), max_size=8, unique=True).map(
    lambda ends: list(zip(sorted(ends)[::2], sorted(ends)[1::2], strict=False))
)


def alarmed(name: AlarmName, found: Sequence[Span], seconds: float = 200.0) -> Watched:
    alarms: dict[AlarmName, list[Episode]] = {other: [] for other in RULES}
    alarms[name] = [Episode((a, b), (a, b)) for a, b in found]
    return Watched("r", seconds, alarms)


def beats(labels: str, rr: float | Sequence[float] = 0.8, vf: Span | None = None) -> Annotations:
    intervals = [rr] * len(labels) if isinstance(rr, float) else rr
    samples = np.cumsum(np.rint(np.array(intervals) * 360)).astype(np.int64)
    stretch = () if vf is None else ((int(vf[0] * 360), int(vf[1] * 360)),)
    return Annotations(360.0, samples, np.array(list(labels), dtype="U1"), (), stretch)


def test_an_alarm_lasts_from_on_to_off_or_to_the_end() -> None:
    said = [
        Alarm(0, 10.0, "pause", True, 8.0, "", "medium", 2.0),
        Alarm(0, 11.0, AF, True, 5.0, "", "medium", None),
        Alarm(0, 12.0, "pause", False, 11.5, "", "medium", 2.0),
    ]
    watched = collect("r", 60.0, said)
    assert watched.alarms["pause"] == [Episode((10.0, 12.0), (8.0, 11.5))]
    assert watched.alarms[AF] == [Episode((11.0, 60.0), (5.0, 60.0))]
    assert not watched.alarms["couplet"]


@pytest.mark.parametrize(
    ("labels", "rr", "expected"),
    [
        ("NNVVNN", 0.8, {"couplet": 1}),
        ("VVNNVV", 0.8, {}),  # at an end, where there may have been more
        ("NNVVVN", 0.5, {"ventricular_run": 1}),
        ("NNVVVN", 0.7, {"accelerated_ventricular_rhythm": 1}),
        ("NNVVVN", 1.3, {}),
        ("NNVVNN", 1.3, {}),
        ("NVVVVVN", 0.5, {"ventricular_run": 1, "ventricular_tachycardia": 1}),
        ("NVNVNVNN", 0.8, {"bigeminy": 1}),
        ("NVNVNNVN", 0.8, {}),
        ("VNNVNNVNNVNVNVN", 0.8, {"trigeminy": 1, "bigeminy": 1}),
        ("NNNN", [1.0, 1.0, 2.1, 1.0], {"pause": 1}),
        ("NNNN", [1.0, 1.0, 4.1, 1.0], {"pause": 1, "asystole": 1}),
        ("N" * 13, 0.4, {"tachycardia": 1}),
        ("N" * 12, 0.4, {}),
        ("N" * 13, 0.3, {"tachycardia": 1, "extreme_tachycardia": 1}),
        ("N" * 5, 1.6, {"bradycardia": 1}),
        ("N" * 4, 1.6, {}),
        ("N" * 20, [0.8] * 10 + [0.39] * 10, {"supraventricular_tachycardia": 1}),
        ("N" * 8, [0.8] * 5 + [1.5, 0.8, 0.8], {"missed_beat": 1}),
        ("N" * 6 + "VN", [0.8] * 6 + [0.25, 1.1], {"r_on_t": 1}),
        ("NNNNV" * 11, 0.8, {"pvcs_per_minute": 1}),
    ],
)
def test_what_the_annotated_beats_ask_for(
    labels: str, rr: float | list[float], expected: dict[str, int]
) -> None:
    found = from_beats(beats(labels, rr))
    assert {name: len(part) for name, part in found.items() if part} == expected


def test_a_worse_alarm_of_the_chain_finds_what_it_hides() -> None:
    reference = Reference({"couplet": [(10.0, 11.0)], "bigeminy": [(30.0, 40.0)]})
    assert tally(alarmed("bigeminy", [(5.0, 20.0)]), reference, "couplet").found == 1
    assert tally(alarmed("couplet", [(30.0, 40.0)]), reference, "bigeminy").found == 0


def test_ventricular_fibrillation_is_no_pause() -> None:
    rr = [1.0, 1.0, 6.0, 1.0]
    assert not from_beats(beats("NNNN", rr, vf=(2.5, 7.5)))["asystole"]


@given(spans, spans, spans)
def test_durations_are_those_of_sets_of_seconds(
    asked: list[Span], said: list[Span], other: list[Span]
) -> None:
    reference = Reference({AF: asked}, {AF: other})
    sets = [{t for a, b in part for t in range(int(a), int(b))} for part in (asked, said, other)]
    ref, got, flutter = sets
    for kind, counted, truth in (
        ("left out", set(range(200)) - flutter, ref),
        ("fibrillation", set(range(200)), ref | flutter),
        ("another rhythm", set(range(200)), ref),
    ):
        found = durations(alarmed(AF, said), reference, dated=True, flutter=kind)  # type: ignore[arg-type]
        expected = truth & got & counted, (truth - got) & counted, (got - truth) & counted
        assert found == Durations(*(float(len(part)) for part in expected))


@given(spans.filter(lambda s: all(a - b > 2 for (_, b), (a, _) in pairwise(s))))
def test_the_reference_as_alarms_is_perfect(asked: list[Span]) -> None:
    counted = tally(alarmed("bigeminy", asked), Reference({"bigeminy": asked}), "bigeminy")
    assert counted == Tally(len(asked), len(asked), len(asked), 0)


def test_an_alarm_where_it_is_allowed_is_not_counted() -> None:
    reference = Reference({"couplet": [(10.0, 11.0)]}, {"couplet": [(50.0, 60.0)]})
    watched = alarmed("couplet", [(11.9, 12.5), (55.0, 56.0), (80.0, 81.0)])
    assert tally(watched, reference, "couplet") == Tally(1, 1, 2, 1)
    assert tally(watched, reference, "couplet", least_s=2.0) == Tally(0, 0, 2, 1)


def test_the_report_counts_the_alarms_of_a_record(
    made_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, picture = tmp_path / "rhythm.json", tmp_path / "rhythm.png"
    arguments = ["rhythm", "--data", str(made_data), "--set", "100", "--lead", "0"]
    assert main([*arguments, "--json", str(out), "--plot", str(picture)]) == 0
    data: Any = json.loads(out.read_text())
    assert data["protocol"]["leads"] == ["0"]
    everything = data["parts"]["all"]
    assert set(everything["alarms"]) == set(ALARMS)
    assert everything["hours"] == pytest.approx(data["records"]["100"]["seconds"] / 3600, abs=1e-4)
    assert everything["alarms"][AF] == {
        **dict.fromkeys(("reference", "found", "given", "false"), 0),
        "se": None,
        "ppv": None,
        "false_per_24_h": 0.0,
    }
    assert data["parts"]["N only"] == everything
    assert "an hour" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def made_challenge(tmp_path: Path) -> Path:
    """A data folder whose cinc2017 holds two records of half a minute."""
    folder = tmp_path / "cinc2017"
    folder.mkdir()
    for name in ("A00001", "A00002"):
        mv = synthesize("N" * 36, 300.0, np.random.default_rng(1)).mv[:, 0]
        values = np.rint(1000 * mv).astype(np.int16)[None]
        scipy.io.savemat(folder / f"{name}.mat", {"val": values}, format="4")
        header = (
            f"{name} 1 300 {values.size} 2014-05-01 11:05:48\n"
            f"{name}.mat 16+24 1000/mV 16 0 {values[0, 0]} 0 0 ECG\n"
        )
        (folder / f"{name}.hea").write_text(header)
    (folder / "REFERENCE.csv").write_text("A00001,N\nA00002,A\n")
    return tmp_path


def test_the_challenge_is_counted_by_record(
    made_challenge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "challenge.json"
    arguments = ["rhythm", "--data", str(made_challenge), "--set", "cinc2017"]
    assert main([*arguments, "--model", DEFAULT_BUNDLE, "--json", str(out)]) == 0
    odd, even = json.loads(out.read_text())["parts"].values()
    assert odd["alarmed"]["N"] == {"records": 1, "alarmed": 0}
    assert even["alarmed"]["A"] == {"records": 1, "alarmed": 0}  # it is sinus rhythm in truth
    assert even["se"] == 0
    assert sum(odd["alarms_in_sinus"].values()) == 0
    assert "0 of 1" in capsys.readouterr().out


def test_a_damaged_challenge_is_refused(made_challenge: Path) -> None:
    folder = made_challenge / "cinc2017"
    recording = cinc2017.read_recording(folder / "A00001")
    assert recording.fs == 300
    (folder / "A00001.mat").write_bytes(b"no MATLAB file")
    (folder / "A00002.hea").write_text("A00002 1 300 7\nA00002.mat 16+24 1000/mV 16 0 0 0 0 ECG\n")
    for name in ("A00001", "A00002", "A00003"):
        with pytest.raises(RecordError, match=name):
            cinc2017.read_recording(folder / name)
    (folder / "REFERENCE.csv").write_text("A00001,N\nA00002\n")
    with pytest.raises(RecordError, match="damaged"):
        cinc2017.read_reference(folder)
    with pytest.raises(RecordError, match=r"no REFERENCE\.csv"):
        cinc2017.read_reference(made_challenge)


@pytest.mark.data_required("cinc2017")
def test_the_challenge_is_read_as_its_headers_describe_the_bytes(mitdb: Path) -> None:
    folder = mitdb.parent / "cinc2017"
    for record in list(cinc2017.read_reference(folder))[:20]:
        # format 16+24: 16-bit numbers from byte 24 on, 1000 of them a millivolt
        raw = np.fromfile(folder / f"{record}.mat", "<i2", offset=24)
        recording = cinc2017.read_recording(folder / record)
        assert recording.nv[:, 0].tolist() == (1000 * raw.astype(np.int32)).tolist()
        assert recording.fs == 300


@pytest.mark.data_required("mitdb")
def test_episodes_are_those_that_the_annotators_tell(mitdb: Path) -> None:
    reference = read_reference(mitdb / "201", 1805.556)
    assert len(reference.episodes[AF]) == 3
    assert sum(b - a for a, b in reference.episodes[AF]) == pytest.approx(606, abs=1)
    flutter = read_reference(mitdb / "203", 1805.556).allowed[AF]
    assert sum(b - a for a, b in flutter) == pytest.approx(314, abs=1)


@pytest.mark.slow
@pytest.mark.data_required("mitdb")
def test_fibrillation_is_found_in_a_patient_and_not_in_another(mitdb: Path) -> None:
    for record, least in (("203", 0.95), ("119", None)):
        watched = watch(mitdb / record, ["0"], DEFAULT_BUNDLE)
        spent = durations(watched, read_reference(mitdb / record, watched.seconds), dated=True)
        if least is None:
            assert spent == Durations(0, 0, 0)
            assert watched.alarms["bigeminy"]
            assert watched.alarms["trigeminy"]
        else:
            assert spent.se > least
            assert spent.ppv > 0.9
