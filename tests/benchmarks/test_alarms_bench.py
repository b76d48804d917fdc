"""`edge-bench alarms`: what counts as an answer to a bedside alarm."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cli import main
from benchmarks.rhythm.bedside import IMPLYING, Answer, Judged, Verdicts, judge, on_before, verdicts
from edge.bundle import DEFAULT_BUNDLE
from edge.errors import RecordError
from edge.events import Alarm, AlarmName
from edge.synthetic import LEADS, synthesize
from tests.benchmarks.conftest import write_signal
from train.data.cinc2015 import KINDS, BedsideAlarm


def alarm(name: AlarmName, active: bool, t: float, since: float | None = None) -> Alarm:
    return Alarm(round(250 * t), t, name, active, t if since is None else since, "", "high", None)


def test_an_alarm_counts_that_is_on_at_some_moment_of_the_ten_seconds() -> None:
    events = [
        alarm("pause", True, 280.0),
        alarm("pause", False, 289.9),
        alarm("bradycardia", True, 100.0, 95.0),
        alarm("couplet", True, 285.0),
        alarm("couplet", False, 290.0),
        alarm("asystole", True, 299.5, 295.0),
    ]
    assert on_before(events) == (
        Answer("bradycardia", 100.0, 95.0, 300.0),
        Answer("couplet", 285.0, 285.0, 290.0),
        Answer("asystole", 299.5, 295.0, 300.0),
    )


def judged(true: bool, *names: str, kind: int = 0) -> Judged:
    on = tuple(Answer(name, 295.0, 291.0, 300.0) for name in names)
    return Judged(BedsideAlarm("a101l", KINDS[kind], true), on)


def test_only_what_implies_the_bedside_alarm_is_an_answer() -> None:
    assert judged(True, "pause", "bradycardia").answer is None
    assert math.isnan(judged(True, "pause").delay_s)
    found = judged(True, "pause", "asystole")
    assert found.answer
    assert found.answer.name == "asystole"
    assert found.delay_s == 4.0
    assert IMPLYING.keys() == set(KINDS)


def test_verdicts_count_each_record_once() -> None:
    records = [
        *[judged(True, "asystole")] * 3,
        *[judged(True)] * 2,
        judged(False, "asystole", "asystole"),
        *[judged(False, "pause")] * 4,
    ]
    v = verdicts(records)
    assert v == Verdicts(3, 2, 1, 4)
    assert (v.tpr, v.tnr) == (0.6, 0.8)
    assert v.score == pytest.approx(100 * 7 / 18)


@given(st.tuples(*[st.integers(0, 50)] * 4))
def test_a_missed_true_alarm_costs_more_than_a_false_one(counts: tuple[int, int, int, int]) -> None:
    v = Verdicts(*counts)
    if sum(v) == 0:
        assert math.isnan(v.score)
        return
    assert 0 <= v.score <= 100
    assert (v.score == 100) == (v.fn == v.fp == 0)
    assert v._replace(fn=v.fn + 1).score <= v._replace(fp=v.fp + 1).score


@pytest.fixture
def made_bedside(tmp_path: Path) -> Path:
    """A data folder whose cinc2015 holds two records at 80/min; one begins to race after 5:00."""
    folder = tmp_path / "cinc2015"
    folder.mkdir()
    calm = synthesize("N" * 401, 250.0, np.random.default_rng(1)).mv[:75000]
    for name, mv in (("t101s", calm), ("t102l", np.concatenate([calm, calm[7500::-3]]))):
        write_signal(folder, name, 250, mv, LEADS)
    (folder / "ALARMS").write_text("t101s,Tachycardia,0\nt102l,Tachycardia,1\n")
    return tmp_path


def test_the_command_counts_records_and_lists_each(
    made_bedside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "alarms.json"
    arguments = ["alarms", "--data", str(made_bedside), "--set", "cinc2015", "--json", str(out)]
    assert main(arguments) == 0
    data = json.loads(out.read_text())
    assert data["kinds"].keys() == {"Tachycardia", "all"}
    counts = [data["kinds"]["all"][name] for name in ("tp", "fn", "fp", "tn")]
    assert counts == [0, 1, 0, 1]
    assert data["kinds"]["all"]["score"] == pytest.approx(100 / 6)
    assert data["records"]["t101s"] == {
        "block": 10,
        "kind": "Tachycardia",
        "true": False,
        "alarmed": False,
        "delay_s": None,
        "on": [],
    }
    assert "t102l" in capsys.readouterr().out


def test_nothing_after_the_alarm_is_used(made_bedside: Path) -> None:
    folder = made_bedside / "cinc2015"
    kind, true = KINDS[2], True
    short, long = (
        judge(BedsideAlarm(name, kind, true), folder, None, DEFAULT_BUNDLE)
        for name in ("t101s", "t102l")
    )
    assert short.on == long.on
    with pytest.raises(RecordError, match="t103s"):
        judge(BedsideAlarm("t103s", kind, true), folder, None, DEFAULT_BUNDLE)
