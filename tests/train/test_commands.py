"""The teachers' commands as a user runs them, small and on real recordings, and their mistakes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from train.cli import main
from train.explain import EXPLAINED

SETS = "ptbxl", "cinc2021"


def run(*arguments: str | Path) -> int:
    return main([str(a) for a in arguments])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one test finds what another has trained."""
    return tmp_path_factory.mktemp("runs")


@pytest.mark.data_required(*SETS)
@pytest.mark.parametrize("model", sorted(EXPLAINED))
def test_a_network_is_trained_and_explained(
    model: str, runs: Path, data_sets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = runs / model
    small = ("--data", data_sets, "--model", model)
    if EXPLAINED[model] == "pretrained":
        sets = ("--set", "georgia", "--set", "chapman")
        assert run("pretrain", *small, "--out", out, "--tiny", "--epochs", "4", *sets) == 0
        start: tuple[str | Path, ...] = ("--start", out / "pretrained.safetensors")
        with safe_open(out / "pretrained.safetensors", framework="pt") as file:
            origin = json.loads(file.metadata()["manifest"])["origin"]
        assert origin["windows"] == 40
        if model == "ecgnat":
            assert origin["losses"][-1] < origin["losses"][0]
    else:
        start = ()
    assert run("finetune", *small, "--out", out, "--tiny", "--epochs", "1", *start) == 0
    assert "on fold 8" in capsys.readouterr().out
    picture = out / "picture.png"
    net = out / f"{EXPLAINED[model]}.safetensors"
    assert run("explain", *small, "--net", net, "--out", picture, "--record", "00012_lr") == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
    assert list(out.glob("finetuning-superclass/events.out.tfevents.*"))


@pytest.mark.slow
@pytest.mark.data_required(*SETS)
@pytest.mark.parametrize("model", ["beatssl", "ecgnat"])
def test_two_processes_pretrain_as_one_does(model: str, tmp_path: Path, data_sets: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    states = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        command = (
            f"-m torch.distributed.run --standalone --nproc-per-node {processes} -m train.cli "
            f"pretrain --model {model} --tiny --epochs 3 --set georgia --set chapman"
        )
        arguments = [*command.split(), "--data", str(data_sets), "--out", str(out)]
        done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True)
        assert not done.returncode, done.stderr.decode()
        states.append(load_file(out / "pretrained.safetensors"))
    one, two = states
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-5)


@pytest.mark.data_required(*SETS)
def test_what_cannot_be_is_said_in_one_sentence(
    tmp_path: Path, data_sets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--data", data_sets)

    def said(*arguments: str | Path) -> str:
        assert run(*arguments) == 5
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("edge-train: ")
        return error

    small = ("--model", "beatnet", *where)
    assert "train one first" in said(
        "explain", *small, "--net", tmp_path / "none", "--out", tmp_path
    )
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"no network")
    assert "is damaged" in said("explain", *small, "--net", damaged, "--out", tmp_path / "x.png")
    out = ("--out", tmp_path / "beatnet", "--tiny", "--epochs", "1")
    assert run("finetune", *small, *out) == 0
    net = tmp_path / "beatnet" / "superclass.safetensors"
    assert "another kind or size" in said(
        "finetune", "--model", "ecgnat", *where, *out[2:], "--out", tmp_path, "--start", net
    )
    missing = said("explain", *small, "--net", net, "--record", "99999_lr", "--out", tmp_path)
    assert "no record 99999_lr" in missing
    nothing = ("--data", tmp_path, "--out", tmp_path / "none")
    assert "edge-train fetch ptbxl" in said("finetune", "--model", "beatnet", *nothing)
    unknown = said("pretrain", "--model", "ecgnat", *where, "--set", "nowhere", "--out", tmp_path)
    assert "no data set and no folder 'nowhere'" in unknown
