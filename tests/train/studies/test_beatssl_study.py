"""Beat-SSL's study, tiny, and its figure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from edge.replay import Recording
from tests.conftest import data_dir
from tests.train.made import Made
from train.commands.explain import explain
from train.data.corpora import open_corpus
from train.data.corpus import Corpus, Record, Reference
from train.data.corruption import Few
from train.studies.beatssl.jobs import TINY_RECORDS, WAYS
from train.studies.beatssl.study import TINY_WAYS, study
from train.studies.harness import Study

SHARED = {"steady": ("SR",), "ventricular": ("SR", "PVC"), "atrial": ("SR", "PAC")}
"""What sets that share labels call the made records."""


@dataclass(frozen=True)
class Shared(Made):
    """The made records with labels that sets share."""

    classes: tuple[str, ...] = ("SR", "PVC", "PAC", "LBBB")

    @property
    def records(self) -> Sequence[Record]:
        return [replace(r, labels=SHARED[r.labels[0]]) for r in Made(self.count).records]

    def read(self, record: Record) -> tuple[Recording, Reference]:
        return Made(self.count).read(Made(self.count).records[int(record.name)])


def opened(s: Study, name: str, labels: str | None = None) -> Corpus:
    """Made records whose beats say which class they are of, and LUDB's first."""
    if name == "ptbxl":
        return Shared(45) if labels else Made(45)
    return Few(open_corpus(name, s.data, labels), TINY_RECORDS[name])


def test_every_row_of_the_ablation_is_there() -> None:
    assert len(WAYS) == 13
    assert set(TINY_WAYS) <= set(WAYS)


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
@pytest.mark.data_required("ludb")
def test_a_tiny_study_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("jobs", "study"):
        monkeypatch.setattr(f"train.studies.beatssl.{module}.opened", opened)
    s = Study(data_dir(), tmp_path / "beatssl", seeds=1, tiny=True)
    text = study(s)
    results = json.loads((tmp_path / "beatssl" / "results.json").read_text())
    for way in TINY_WAYS:
        assert f"| {way} |" in text
        assert results[f"{way} 0"]["waves"][1] > 0.9
    scratch, best = (results[f"{way} 0"] for way in TINY_WAYS)
    assert best["frozen"] > 0.6
    assert best["all"] > 0.8  # beats are all that tells these records apart
    # Two layers of random filters see no P wave.
    assert np.mean(best["frozen waves"]) > np.mean(scratch["frozen waves"]) + 0.2
    assert np.mean(best["losses"][-2:]) < 0.9 * best["losses"][0]
    assert (tmp_path / "beatssl" / "beatssl-nearest.png").stat().st_size > 10_000
    monkeypatch.setattr("train.commands.explain.open_corpus", lambda *_: Shared(45))
    explain(
        "beatssl", s.out / "beatssl.safetensors", s.data, s.cache, None, tmp_path / "explained.png"
    )
