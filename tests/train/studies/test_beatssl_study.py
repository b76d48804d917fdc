"""Beat-SSL's study, tiny, and its figure."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import data_dir
from train.commands.explain import explain
from train.studies.beatssl.jobs import WAYS
from train.studies.beatssl.study import TINY_WAYS, study
from train.studies.harness import Study


def test_every_row_of_the_ablation_is_there() -> None:
    assert len(WAYS) == 13
    assert set(TINY_WAYS) <= set(WAYS)


@pytest.mark.slow
@pytest.mark.data_required("ptbxl", "ludb")
def test_a_tiny_study_learns(tmp_path: Path) -> None:
    s = Study(data_dir(), tmp_path / "beatssl", seeds=1, tiny=True)
    text = study(s)
    results = json.loads((tmp_path / "beatssl" / "results.json").read_text())
    for way in TINY_WAYS:
        assert f"| {way} |" in text
        assert results[f"{way} 0"]["waves"][1] > 0.9
    scratch, best = (results[f"{way} 0"] for way in TINY_WAYS)
    assert best["frozen"] > 0.6
    assert best["all"] > 0.55  # the beats that are found decide the windows, and few are all here
    # Two layers of random filters see no P wave.
    assert np.mean(best["frozen waves"]) > np.mean(scratch["frozen waves"]) + 0.2
    assert np.mean(best["losses"][-2:]) < 0.9 * best["losses"][0]
    assert (tmp_path / "beatssl" / "beatssl-nearest.png").stat().st_size > 10_000
    explain(
        "beatssl", s.out / "beatssl.safetensors", s.data, s.cache, None, tmp_path / "explained.png"
    )
