"""Teaching, tiny: teachers learn, and students learn from them."""

import json
from pathlib import Path

import pytest
import wfdb

from tests.conftest import data_dir
from tests.train.conftest import write
from train.models.registry import TEACHERS
from train.student.distillation import TINY_RECORDS, TINY_TRAINING
from train.studies.harness import Study
from train.studies.teaching.study import DISTILLATIONS, study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("one_process"),
    pytest.mark.data_required("mitdb", "nstdb"),
]
MINUTES = 5
"""Of each record: V is in all of them by then."""
TRAINING = {"epochs": 4, "learning_rate": 5e-3, "averaging": 0.9}
"""Fewer beats want larger steps."""


@pytest.fixture
def beginnings(tmp_path: Path) -> Path:
    """A data folder: the beginnings of the records of a tiny run, and nstdb."""
    data = tmp_path / "data"
    for name in TINY_RECORDS:
        path, end = str(data_dir() / "mitdb" / name), MINUTES * 60 * 360
        record, marks = wfdb.rdrecord(path, sampto=end), wfdb.rdann(path, "atr", sampto=end)
        write(data / "mitdb", name, record.p_signal, record.sig_name)
        wfdb.wrann(
            name, "atr", marks.sample, marks.symbol,
            aux_note=marks.aux_note, write_dir=str(data / "mitdb"),
        )  # fmt: skip
    (data / "nstdb").symlink_to(data_dir() / "nstdb")
    return data


def test_all_teachers_and_students_learn(
    tmp_path: Path, beginnings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.studies.teaching.study.TINY_TRAINING", {**TINY_TRAINING, **TRAINING})
    s = Study(beginnings, tmp_path / "teaching", seeds=1, tiny=True)
    text = study(s)
    done = json.loads((s.out / "results.json").read_text("utf-8"))

    def v(tally: list[list[int]]) -> float:
        right, total = tally[2]
        return 2 * right / total

    for name in TEACHERS:
        assert v(done[f"{name}, fold 0"]) > 0.5
    for name in DISTILLATIONS:
        assert v(done[f"{name}, seed 0, fold 0"]["final"]) > 0.5
        assert f"| {name} |" in text
    assert study(s) == text  # nothing is run again
