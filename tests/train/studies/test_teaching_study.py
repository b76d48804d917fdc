"""Teaching, tiny: teachers learn, and students learn from them."""

import json
from pathlib import Path

import pytest

from tests.conftest import data_dir
from train.models.registry import TEACHERS
from train.studies.harness import Study
from train.studies.teaching.study import DISTILLATIONS, study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("one_process"),
    pytest.mark.data_required("mitdb", "nstdb"),
]


def test_all_teachers_and_students_learn(tmp_path: Path) -> None:
    s = Study(data_dir(), tmp_path / "teaching", seeds=1, tiny=True)
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
