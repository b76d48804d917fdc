"""HeartBeatAI's study: how windows are dealt and drawn, and a tiny run."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.conftest import data_dir
from train.commands.explain import explain
from train.data.corpora import open_corpus
from train.data.corpus import LEADS
from train.data.joined import Joined
from train.data.windows import Cut, cut
from train.engine.batches import Batch
from train.models.encoder import Classifier, Features
from train.objectives.supervised import RecordTask
from train.studies.harness import Study
from train.studies.heartbeatai import jobs as of
from train.studies.heartbeatai.figures import figure_of
from train.studies.heartbeatai.study import study
from train.studies.saliency import attributed, lost

SETS = pytest.mark.data_required("cpsc2021", "ludb", "cinc2017")


@pytest.fixture(scope="module")
def windows(runs: Path) -> Joined:
    names = ("cpsc2021", "ludb", "cinc2017")
    return Joined([
        cut(open_corpus(name, data_dir(), "shared"), Cut(), runs / "windows", bar=False)
        for name in names
    ])  # fmt: skip


@SETS
def test_a_patient_is_in_one_fold_and_rare_classes_are_in_several(windows: Joined) -> None:
    rows = of.learnable(windows, "ludb")
    patient, labels = of.patients(windows, rows), windows.column("labels")[rows]
    for seed in range(3):
        fold = of.dealt(windows, rows, seed)
        assert all(len(np.unique(fold[patient == name])) == 1 for name in np.unique(patient))
        counts = np.bincount(fold)
        assert counts.max() - counts.min() <= 1
        for k in of.counted(windows, rows):
            assert len(np.unique(fold[labels[:, k] == 1])) > 1
    assert not np.array_equal(of.dealt(windows, rows, 0), of.dealt(windows, rows, 1))


@SETS
def test_draws_are_of_those_asked_for_and_few_of_one_patient(windows: Joined) -> None:
    rows = np.concatenate([of.learnable(windows, d) for d in ("cpsc2021", "cinc2017")])
    drawn = of.drawn(windows, rows, 4000, 0)
    assert set(drawn.tolist()) <= set(rows.tolist())
    assert np.array_equal(drawn, of.drawn(windows, rows, 4000, 0))
    patient = of.patients(windows, drawn)
    small = np.char.startswith(patient, "cpsc2021")
    # By windows it would be 255 of 878; four patients of two hundred would be 2 %.
    assert 0.2 < small.mean() < 0.4


def test_a_network_that_knows_nothing_says_even_odds_of_every_class() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.uniform(size=(400, 5)) < (0.5, 0.3, 0.1, 0.02, 0.4)).astype(np.int8)
    labels[:200, 1:4] = -1  # where half of the windows know two labels, which then say more
    labels[:200, 0] = rng.uniform(size=200) < 0.9
    labels[:, 4] = -1
    weight = torch.from_numpy(of.positive_weight(labels))
    task = RecordTask(nn.Identity(), smoothing=of.SMOOTHING, positive=weight)
    # What `taught` adds to the bias brings such logits to 0: no other have less loss.
    bias = (-weight.log()).requires_grad_()
    loss = task.entropy(bias.expand(400, 5), torch.from_numpy(labels).double())
    [slope] = torch.autograd.grad(loss, [bias])
    torch.testing.assert_close(slope, torch.zeros(5, dtype=torch.float64))


def test_attribution_is_what_each_sample_adds_where_all_is_linear() -> None:
    class Weighted(nn.Module):
        """A record feature that is a weighted sum."""

        def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Features:
            """[B, 1]."""
            return Features((ecg * weight).sum((1, 2))[:, None], torch.zeros(len(ecg), 1, 1))

    weight, ecg = torch.randn(12, 80), torch.randn(2, 12, 80)
    net = Classifier(Weighted(), 1, 2)
    batch = Batch(
        ecg=ecg, leads=torch.ones(2, 12, dtype=torch.bool), peaks=torch.full((2, 1), -1),
        beats=torch.full((2, 1), -1), labels=torch.zeros(2, 2),
    )  # fmt: skip
    expected = ecg * weight * net.head.weight[1, 0]
    torch.testing.assert_close(attributed(net, batch, 1), expected.detach())


def test_no_noise_comes_to_leads_that_are_absent() -> None:
    class Product(nn.Module):
        """The product of the sums of two leads, whichever are said to be there."""

        def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Features:
            """[B, 1]."""
            found = ecg[:, 0].sum(1) * ecg[:, 1].sum(1)
            return Features(found[:, None], torch.zeros(len(ecg), 1, 1))

    net = Classifier(Product(), 1, 1)
    nn.init.ones_(net.head.weight)
    leads = torch.zeros(1, 12, dtype=torch.bool)
    leads[0, 0] = True
    batch = Batch(
        ecg=torch.ones(1, 12, 80) * leads[:, :, None], leads=leads,
        peaks=torch.full((1, 1), -1), beats=torch.full((1, 1), -1), labels=torch.zeros(1, 1),
    )  # fmt: skip
    assert (attributed(net, batch, 0) == 0).all()


def test_what_is_lost_is_lost_where_the_network_looks() -> None:
    class Early(nn.Module):
        """The mean of samples 100 to 140 of lead II."""

        def forward(self, ecg: Tensor, leads: Tensor, peaks: Tensor) -> Features:
            """[B, 1]."""
            seen = ecg[:, 1, 100:140].mean(1, keepdim=True)
            return Features(seen, torch.zeros(len(ecg), 1, 1))

    net = Classifier(Early(), 1, 2)
    nn.init.ones_(net.head.weight)
    ecg = torch.zeros(1, 12, 400)
    ecg[:, :, 110:130] = 1
    batch = Batch(
        ecg=ecg, leads=torch.ones(1, 12, dtype=torch.bool), peaks=torch.full((1, 1), -1),
        beats=torch.full((1, 1), -1), labels=torch.zeros(1, 2),
    )  # fmt: skip
    middle, fall = lost(net, batch, 0, 40).T
    assert middle[fall.argmax()] == 120
    assert fall.max() == pytest.approx(0.5)
    assert (fall[np.abs(middle - 120) >= 40] == 0).all()


@SETS
def test_absent_leads_speak_for_nothing(windows: Joined) -> None:
    net = of.network("mixstyle", len(windows.classes), 0, tiny=True)
    batch = windows.batch(windows.part("cpsc2021")[:2])
    found = attributed(net, batch, 1)
    assert (found[~batch.leads] == 0).all()
    assert (found[batch.leads].abs().sum(1) > 0).all()


@SETS
def test_a_picture_of_one_lead_is_drawn_too(windows: Joined) -> None:
    net = of.network("mixstyle", len(windows.classes), 0, tiny=True)
    figure = figure_of(net, windows, int(windows.part("cinc2017")[0]), 1)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title in LEADS] == ["I"]


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
@pytest.mark.data_required("ludb", "ptbxl")
def test_a_tiny_study_learns(tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("jobs", "study"):  # a fold less, of which each is learnt anew
        monkeypatch.setattr(f"train.studies.heartbeatai.{module}.FOLDS", 2)
    s = Study(data_dir(), runs / "heartbeatai-study", seeds=1, tiny=True)
    text = study(s)
    results = json.loads((s.out / "results.json").read_text())
    for net in ("plain", "mixstyle"):
        for kind in ("intra", "lodo"):
            found = [results[f"{kind} {domain} {net} 0"] for domain in of.TINY_DOMAINS]
            assert np.mean([m["auc"] for d in found for m in d.values()]) > 0.6, (kind, net)
        assert results[f"ptbxl {net} 0"] > 0.6
    for domain in of.TINY_DOMAINS:
        assert f"| {domain} |" in text
    assert "→" in text
    assert (s.out / "heartbeatai-saliency.png").stat().st_size > 10_000
    explain(
        "heartbeatai",
        s.out / "without-ludb.safetensors",
        s.data,
        s.cache,
        None,
        tmp_path / "explained.png",
    )
