"""The study of delineation: in small on real records, and its parts on waves made by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from train.data.corpus import LEADS
from train.data.ludb import Ludb
from train.data.windows import cut
from train.metrics.delineation import Waves
from train.studies.delineation.figures import figure_of
from train.studies.delineation.jobs import CUT, count, parts, without_p
from train.studies.delineation.study import spread_of_marks, study
from train.studies.harness import Study


def test_marks_that_lie_apart_have_that_spread() -> None:
    marked = np.full((1, 12, 5000), -1, np.int8)
    for lead in range(12):
        start = 1000 + (5 if lead % 2 else -5)  # 10 ms to either side of the middle
        marked[0, lead, start : start + 40] = 2
        marked[0, lead, 2000:2050] = 1
        marked[0, lead, 3000:3100] = 3
    assert spread_of_marks(marked).tolist() == [[0, 0], [10, 10], [0, 0]]


def test_counts_keep_records_and_leads_apart() -> None:
    marked = np.zeros((2, 3, 5000), np.int8)
    marked[1, 2, 1000:1050] = 2
    log_p = np.log(np.full((2, 3, 4, 2500), 0.01))
    log_p[:, :, 0] = np.log(0.97)
    counts = count(log_p, marked)
    assert counts.shape == (2, 3, 3, 2, 5)
    assert np.argwhere(counts).tolist() == [[1, 2, 1, 0, 1], [1, 2, 1, 1, 1]]


def test_a_picture_shades_each_wave_and_marks_each_end(tmp_path: Path) -> None:
    waves = Waves(*(np.array(x) for x in ([1, 2, 3], [100, 300, 500], [200, 400, 700])))
    none = Waves(*(np.array([], np.int64) for _ in range(3)))
    mv = np.zeros((2, 250))
    axes = figure_of(mv, 250.0, ("I", "II"), [waves, none], [none, waves], "two").axes[0]
    shades, ticks = axes.collections[:3], [c for c in axes.collections[3:] if len(c.get_paths())]
    assert [round(s.get_paths()[0].get_extents().x0, 3) for s in shades] == [0.1, 0.3, 0.5]
    found = sorted(p.get_extents().x0 for t in ticks for p in t.get_paths())
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.7])


@pytest.mark.data_required("ludb")
@pytest.mark.slow
def test_every_record_is_tested_once_and_by_a_network_that_never_saw_it(
    data_sets: Path, runs: Path
) -> None:
    windows = cut(Ludb(data_sets / "ludb"), CUT, runs / "windows", bar=False)
    assert not windows.skipped
    folds = parts(windows)
    tested = np.concatenate([part.test for part in folds])
    assert sorted(tested) == list(range(200))
    assert without_p(windows, tested).sum() == 24
    for part in folds:
        assert not set(part.train) & set(part.test)
        assert len(part.train) + len(part.test) == 200
        assert 4 <= without_p(windows, part.test).sum() <= 5


@pytest.mark.data_required("ludb")
@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
def test_the_study_in_small_learns(data_sets: Path, runs: Path) -> None:
    out = runs / "delineation-study"
    text = study(Study(data_sets, out, seeds=1, tiny=True))
    assert (out / "report.md").read_text("utf-8") == text
    results = json.loads((out / "results.json").read_text("utf-8"))
    for fold in ("0 0", "0 1"):
        losses = results[fold]["losses"]
        assert losses[-1] < 0.6 * losses[0]
        tp, fn, fp = np.sum(results[fold]["counts"]["twelve"]["leads"], (0, 2))[:, :3].T
        f1 = 2 * tp / (2 * tp + fn + fp)
        assert f1[1] > 0.9, "QRS"
        assert f1[[0, 2]].min() > 0.7, "P and T"
    assert all(f"| {lead} |" in text for lead in LEADS)
