"""Beat-SSL's study, tiny, and its picture."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import data_dir
from train.studies.beatssl import TINY_WAYS, WAYS, study
from train.study import Study


def test_every_row_of_the_ablation_is_there() -> None:
    assert len(WAYS) == 13
    assert set(TINY_WAYS) <= set(WAYS)


@pytest.mark.slow
@pytest.mark.data_required("ptbxl", "ludb")
def test_a_tiny_study_learns(tmp_path: Path) -> None:
    text = study(Study(data_dir(), tmp_path / "beatssl", seeds=1, tiny=True))
    results = json.loads((tmp_path / "beatssl" / "results.json").read_text())
    for way in TINY_WAYS:
        assert f"| {way} |" in text
        found = results[f"{way} 0"]
        assert found["frozen"] > 0.55
        assert found["all"] > 0.55
        assert found["waves"][1] > 0.8
    losses = results[f"{TINY_WAYS[1]} 0"]["losses"]
    assert np.mean(losses[-2:]) < 0.97 * losses[0]
    assert (tmp_path / "beatssl" / "beatssl-nearest.png").stat().st_size > 10_000
