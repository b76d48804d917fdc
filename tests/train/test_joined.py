"""Data sets joined: labels, patients, order."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from edge.replay import Recording
from train.data.corpus import Record, Reference
from train.data.joined import Joined
from train.data.windows import Cut, Windows, cut
from train.engine.batches import Batch
from train.engine.randomness import RandomStream
from train.objectives.supervised import Augmentation, RecordTask

HOW = Cut(seconds=5.0, stride=5.0)


@dataclass(frozen=True)
class Made:
    """A corpus of noise whose records are labelled in turn."""

    name: str
    classes: tuple[str, ...]
    count: int

    @property
    def records(self) -> list[Record]:
        """Two of each patient."""
        return [
            Record(f"{i}", f"{i // 2}", (self.classes[i % len(self.classes)],))
            for i in range(self.count)
        ]

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """Ten seconds of lead II."""
        rng = np.random.default_rng([len(self.name), int(record.name)])
        nv = rng.normal(0, 1e5, (1000, 1)).astype(np.int32)
        return Recording(record.name, 100.0, ("II",), nv), Reference()


@pytest.fixture
def parts(tmp_path: Path) -> list[Windows]:
    made = Made("one", ("AF", "SR"), 5), Made("three", ("PVC", "other", "SR"), 4)
    return [cut(corpus, HOW, tmp_path, bar=False) for corpus in made]


def test_known_labels_are_kept_and_others_are_unknown(parts: list[Windows]) -> None:
    joined = Joined(parts, ("SR", "AF", "PVC"))
    first, second = parts
    labels = joined.column("labels")
    assert len(joined) == len(labels) == len(first) + len(second)
    np.testing.assert_array_equal(labels[joined.part("one"), :2], first.column("labels")[:, ::-1])
    assert (labels[joined.part("one"), 2] == -1).all()
    np.testing.assert_array_equal(
        labels[joined.part("three")][:, [2, 0]], second.column("labels")[:, [0, 2]]
    )
    assert (labels[joined.part("three"), 1] == -1).all()


def test_rows_of_any_order_are_those_of_the_parts(parts: list[Windows]) -> None:
    joined = Joined(parts, ("SR", "AF", "PVC"))
    rows = np.random.default_rng(0).permutation(len(joined)).repeat(2)
    batch = joined.batch(rows)
    for i, row in enumerate(rows):
        own, start = (parts[0], 0) if row < len(parts[0]) else (parts[1], len(parts[0]))
        assert torch.equal(batch.ecg[i], own.batch(np.array([row - start])).ecg[0])
    np.testing.assert_array_equal(batch.labels, joined.column("labels")[rows])
    np.testing.assert_array_equal(joined.rows(rows)["record"], joined.column("record")[rows])


def test_patients_of_two_sets_are_two(parts: list[Windows]) -> None:
    joined = Joined(parts)
    names = {r.patient for r in joined.records}
    assert len(names) == sum(len({r.patient for r in p.records}) for p in parts)
    rows = joined.where(patients=["three/0"])
    assert len(rows)
    assert set(rows.tolist()) <= set(joined.part("three").tolist())


def test_sets_cut_in_different_ways_are_refused(parts: list[Windows], tmp_path: Path) -> None:
    other = cut(Made("one", ("AF",), 2), Cut(), tmp_path, bar=False)
    with pytest.raises(ValueError, match="different ways"):
        Joined([parts[0], other])


def test_nothing_is_learned_from_labels_that_are_not_known() -> None:
    torch.manual_seed(0)
    net = torch.nn.Linear(1, 3)

    class Net(torch.nn.Module):
        def forward(self, ecg: torch.Tensor, leads: torch.Tensor, peaks: torch.Tensor):  # type: ignore[no-untyped-def]
            return net(ecg.mean((1, 2))[:, None])

    batch = Batch(
        ecg=torch.randn(2, 12, 50), leads=torch.ones(2, 12, dtype=torch.bool),
        peaks=torch.full((2, 5), -1), beats=torch.full((2, 5), -1),
        labels=torch.tensor([[1.0, -1, 0], [0, -1, -1]]),
    )  # fmt: skip
    task = RecordTask(Net(), Augmentation(0, 0, 0), smoothing=0.1)
    loss = task(batch, RandomStream(0))
    loss.backward()
    assert net.bias.grad is not None
    assert (net.bias.grad != 0).tolist() == [True, False, True]
    logits = net(batch.ecg.mean((1, 2))[:, None]).sigmoid()

    def entropy(p: torch.Tensor, y: float) -> torch.Tensor:
        return -(y * p.log() + (1 - y) * (1 - p).log())

    first = (entropy(logits[0, 0], 0.95) + entropy(logits[0, 2], 0.05)) / 2
    torch.testing.assert_close(loss, (first + entropy(logits[1, 0], 0.05)) / 2)
