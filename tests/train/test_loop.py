"""The training loop: it learns, resumes to the same weights, and is the same over processes."""

import os
import subprocess
import sys
from contextlib import nullcontext
from copy import copy
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from edge.errors import OutputError, RecordError
from tests.train import processes
from tests.train.killed import killed
from tests.train.made import Made
from train.data.windows import Cut, Windows, cut
from train.engine import manifest
from train.engine.batches import Batch
from train.engine.distributed import alone
from train.engine.loop import FitConfig, Objective, fit
from train.engine.prediction import predict
from train.engine.randomness import RandomStream
from train.metrics.classification import macro_auc
from train.models.encoder import Classifier
from train.models.xresnet import XResNet, XResNetConfig
from train.objectives.supervised import RecordTask

SMALL = XResNetConfig(stem=8, stages=(8, 8, 16))
CONFIG = FitConfig(epochs=4, batch=4, learning_rate=3e-3)


def network(seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    encoder = XResNet(SMALL)
    return Classifier(encoder, encoder.width, 3)


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    return cut(Made(9), Cut(), tmp_path_factory.mktemp("windows"), bar=False)


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def assert_equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


def _refused(run: Path) -> None:
    try:
        with alone(run):
            pass
    except OutputError as error:
        sys.exit(f"another command writes to {run}" not in str(error))
    sys.exit(2)


def test_a_run_is_one_commands_alone(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "run"
    for expected in (0, 2):
        with alone(run) if not expected else nullcontext():
            other = get_context("fork").Process(target=_refused, args=(run,))
            other.start()
            other.join()
        assert other.exitcode == expected
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OutputError, match="cannot write to"), alone(file / "run"):
        pass


def test_it_learns(windows: Windows) -> None:
    net = network()
    rows = np.arange(len(windows))
    losses = fit(RecordTask(net), windows, rows, replace(CONFIG, epochs=12))
    assert losses[-1] < 0.6 * losses[0]
    assert macro_auc(windows.column("labels"), predict(net, windows, rows)) > 0.95


class StoppedError(Exception):
    """What interrupts a run here."""


@pytest.mark.parametrize("validated", [False, True])
def test_a_stopped_run_ends_where_an_unbroken_one_does(
    windows: Windows, tmp_path: Path, validated: bool
) -> None:
    rows = np.arange(len(windows))
    scores = [0.3, 0.7, 0.5, 0.6]  # so the second epoch's weights are the ones to end with

    def task(stop_at: int, calls: list[int]) -> tuple[Classifier, Objective]:
        class Task(RecordTask):
            def forward(self, batch: Batch, random: RandomStream) -> Tensor:
                calls.append(1)
                if len(calls) > stop_at:
                    raise StoppedError
                return super().forward(batch, random)

        net = network()
        return net, Task(net)

    def run(stop_at: int, folder: Path) -> dict[str, Tensor]:
        net, objective = task(stop_at, [])
        left = iter(scores[done:]) if validated else iter(())
        validate = (lambda: next(left)) if validated else None
        fit(objective, windows, rows, CONFIG, folder, validate)
        return weights(net)

    done = 0
    unbroken = run(10**9, tmp_path / "a")
    steps = len(rows) // CONFIG.batch
    with pytest.raises(StoppedError):
        run(2 * steps + 1, tmp_path / "b")
    done = 2
    assert_equal(unbroken, run(10**9, tmp_path / "b"))
    assert list((tmp_path / "b").glob("events.out.tfevents.*"))


def test_it_ends_early_and_with_the_best_weights(windows: Windows, tmp_path: Path) -> None:
    rows = np.arange(len(windows))
    net = network()
    seen: list[dict[str, Tensor]] = []

    def validate() -> float:
        seen.append(weights(net))
        return float(-abs(len(seen) - 3))

    config = replace(CONFIG, epochs=20, patience=2)
    assert len(fit(RecordTask(net), windows, rows, config, None, validate)) == 5
    assert_equal(weights(net), seen[2])


def test_a_damaged_checkpoint_and_another_networks_are_refused(
    windows: Windows, tmp_path: Path
) -> None:
    rows = np.arange(len(windows))
    fit(RecordTask(network()), windows, rows, replace(CONFIG, epochs=1), tmp_path)
    other = XResNet(replace(SMALL, stem=16))
    task = RecordTask(Classifier(other, other.width, 3))
    config = replace(CONFIG, epochs=1)
    with pytest.raises(RecordError, match="first weights"):
        fit(task, windows, rows, config, tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    with pytest.raises(RecordError, match="damaged or of another run"):
        fit(RecordTask(network()), windows, rows, config, tmp_path)
    fit(RecordTask(network(1)), windows, rows, config, tmp_path / "other")
    path.write_bytes((tmp_path / "other" / path.name).read_bytes())
    with pytest.raises(RecordError, match="damaged or of another run"):
        fit(RecordTask(network()), windows, rows, config, tmp_path)
    path.write_bytes(whole)
    fit(RecordTask(network()), windows, rows, config, tmp_path)


def test_a_run_is_not_resumed_as_another_one(windows: Windows, tmp_path: Path) -> None:
    """What was begun with another setting, window, part of the network, or code is refused."""
    rows, config = np.arange(len(windows)), replace(CONFIG, epochs=1)
    fit(RecordTask(network()), windows, rows, config, tmp_path)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()

    def refused(*, net: int = 0, how: float = 0.0, taken: int = len(rows), **other: Any) -> str:
        task = RecordTask(network(net), smoothing=how)
        with pytest.raises(RecordError) as error:
            fit(task, windows, rows[:taken], replace(config, **other), tmp_path)
        return str(error.value)

    said = refused(net=1, seed=1, learning_rate=1.0)
    assert "was made with seed 0, learning_rate 0.003, this is seed 1, learning_rate 1.0" in said
    assert said.endswith("give another --out, or --restart")
    assert "with epochs 1, this is epochs 4" in refused(epochs=4)
    assert "with network smoothing 0.0, this is network smoothing 0.1" in refused(how=0.1)
    assert "from other data (first weights)" in refused(net=1)
    assert "from other data (windows that are learned)" in refused(taken=len(rows) - 1)
    changed = copy(windows)
    code = {**windows.identity["code"], "edge.qrs": "another"}
    changed.identity = {**windows.identity, "code": code}
    with pytest.raises(RecordError, match=r"from other data .*code edge\.qrs"):
        fit(RecordTask(network()), changed, rows, config, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "code", lambda *_: {"train.engine.loop": "another"})
        assert "by other code (" in refused()
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_a_killed_run_ends_where_an_unbroken_one_does(windows: Windows, tmp_path: Path) -> None:
    """A process that is killed before, while and after it writes its first checkpoint."""
    rows, moments = np.arange(len(windows)), ("manifest.json", ".checkpoint.*", "checkpoint.*")
    work = f"""
from tests.train.test_loop import CONFIG, RecordTask, Windows, fit, network, np
windows = Windows(Path({str(folder_of(windows))!r}))
fit(RecordTask(network()), windows, np.arange(len(windows)), CONFIG, run)
"""
    killed(work, tmp_path / "run", moments)
    net, again = network(), network()
    fit(RecordTask(net), windows, rows, CONFIG)
    fit(RecordTask(again), windows, rows, CONFIG, tmp_path / "run")
    assert_equal(weights(net), weights(again))


def folder_of(windows: Windows) -> Path:
    """Where windows lie."""
    (folder,) = {Path(str(shard.filename)).parent for shard in windows._shards}  # type: ignore[attr-defined]
    return folder


def test_nothing_to_learn_from_is_said(windows: Windows) -> None:
    with pytest.raises(RecordError, match="no window to learn from"):
        fit(RecordTask(network()), windows, np.empty(0, np.int64), CONFIG)


def test_processes_draw_what_one_draws() -> None:
    whole = RandomStream(1, 2).uniform(6, 3)
    parts = [RandomStream(1, 2, rank=rank, world=2).uniform(3, 3) for rank in range(2)]
    assert torch.equal(whole, torch.stack(parts, 1).flatten(0, 1))


@pytest.mark.slow
def test_two_processes_follow_one(windows: Windows, tmp_path: Path) -> None:
    """By `torchrun`, with gloo: losses and weights, of a loss that compares windows too."""
    folder = folder_of(windows)
    processes.main(folder, tmp_path / "alone")
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *several, processes.__file__, str(folder), str(tmp_path / "several")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    for kind in ("labels", "contrast"):
        one, two = (load_file(tmp_path / of / f"{kind}.safetensors") for of in ("alone", "several"))
        torch.testing.assert_close(two["losses"], one["losses"], rtol=1e-4, atol=1e-5)
        for name, tensor in one.items():
            torch.testing.assert_close(two[name], tensor, rtol=1e-2, atol=2e-3)
        assert one["losses"][-1] < one["losses"][0]
