"""The bedside alarms of the Challenge 2015."""

from collections import Counter
from pathlib import Path

import pytest

from edge import replay
from edge.errors import RecordError
from train.data.cinc2015 import ALARM_S, KINDS, BedsideAlarm, read_alarms


def test_reads_every_alarm_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "ALARMS").write_text("v131l,Ventricular_Tachycardia,1\na139s,Asystole,0\n")
    alarms = read_alarms(tmp_path)
    assert alarms == (
        BedsideAlarm("v131l", "Ventricular_Tachycardia", True),
        BedsideAlarm("a139s", "Asystole", False),
    )
    assert [alarm.block for alarm in alarms] == [13, 13]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v131l,Ventricular_Tachycardia\n",
        "v131l,Fibrillation,1\n",
        "v131l,Asystole,2\n",
        "../v131l,Asystole,1\n",
        "v,Asystole,1\n",
    ],
)
def test_refuses_a_damaged_list(tmp_path: Path, text: str) -> None:
    (tmp_path / "ALARMS").write_text(text)
    with pytest.raises(RecordError, match="ALARMS is damaged"):
        read_alarms(tmp_path)


def test_says_how_to_get_a_missing_list(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="edge-train fetch cinc2015"):
        read_alarms(tmp_path / "cinc2015")


@pytest.mark.data_required("cinc2015")
def test_the_list_says_what_the_headers_say(data_sets: Path) -> None:
    folder = data_sets / "cinc2015"
    alarms = read_alarms(folder)
    assert set(KINDS) == {alarm.kind for alarm in alarms}
    assert max(Counter(alarm.block for alarm in alarms).values()) <= 10
    for alarm in alarms:
        comments = [
            line.removeprefix("# ").removeprefix("#").strip()
            for line in (folder / f"{alarm.record}.hea").read_text("ascii").splitlines()
            if line.startswith("#")
        ]
        assert comments == [alarm.kind, f"{alarm.true!s} alarm"]
    for alarm in alarms[:6]:
        recording = replay.read(folder / alarm.record)
        after = 30 if alarm.record.endswith("l") else 0
        assert len(recording.nv) / recording.fs == ALARM_S + after
