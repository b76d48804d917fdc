"""From recordings to a bundle, on made ones: what ships, what it says of itself, and what stops."""

import json
import math
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from edge.bundle import Bundle, figures
from quantize import bundling
from quantize.cli import main as quantize
from tests.train.killed import killed
from train.cli import main
from train.commands import student as distilling
from train.data.windows import AAMI
from train.engine.files import sha256
from train.engine.manifest import code
from train.models.student import load
from train.student import crossval
from train.student.distillation import (
    TINY_FIT,
    TINY_RECORDS,
    Distillation,
    in_context,
    reopened,
    soft_targets,
)
from train.student.training import TrainingConfig

pytestmark = pytest.mark.usefixtures("one_process")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each test finds what the ones before it left."""
    return tmp_path_factory.mktemp("runs") / "student-tiny"


@pytest.fixture
def run(made_sets: Path, out: Path) -> Callable[..., int]:
    """A command on the made recordings, tiny."""
    return lambda command, *more: main(
        [command, "--tiny", "--data", str(made_sets), "--out", str(out), *more]
    )


def test_a_student_is_taught_and_its_teacher_kept(
    run: Callable[..., int], out: Path, made_sets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("distill") == 0
    assert "has no temperature.json" in capsys.readouterr().err
    origin = json.loads((out / "training.json").read_text("utf-8"))
    assert origin["records"] == list(TINY_RECORDS)
    assert origin["temperature"] is None
    assert origin["sha256"] == sha256(out / "student.safetensors")
    assert load(out / "student.safetensors").config.classes == AAMI
    # The teacher says what it said.
    teacher = origin["teachers"]["ecgnat"]
    assert teacher["sha256"] == sha256(out / teacher["file"])
    assert teacher["settings"]["fit"]["epochs"] == TINY_FIT.epochs
    setup = Distillation(made_sets, out, TINY_RECORDS, TINY_FIT, tiny=True)
    observations = setup.observations()
    said = soft_targets(
        reopened(out / teacher["file"]),
        in_context(setup.windows(), observations),
        observations,
    )
    for source, log in setup.soft_targets_of("ecgnat").items():
        np.testing.assert_array_equal(said[source], log)
        assert np.isfinite(log).all(1).mean() > 0.8


@pytest.mark.slow
def test_a_killed_command_ends_where_an_unbroken_one_does(
    run: Callable[..., int], made_sets: Path, out: Path, tmp_path: Path
) -> None:
    """Killed while observations, a teacher, its soft targets and the student are written."""
    if not (out / "student.safetensors").exists():  # it is run alone
        assert run("distill") == 0
    broken = ["distill", "--tiny", "--data", str(made_sets), "--out", str(tmp_path)]
    moments = (
        ".beats-*noisy*",
        "teacher-ecgnat-*/.checkpoint*",
        ".soft-targets*",
        ".checkpoint.safetensors*",
    )
    killed(f"from train.cli import main\nmain({broken!r})", tmp_path, moments)
    assert main(broken) == 0
    for name in ("student.safetensors", "training.json"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--model", "none"], 'with taught_by ["ecgnat"], this is taught_by []'),
        (["--seed", "1"], "with seed 0, this is seed 1"),
        (["--epochs", "3"], "with epochs 2, this is epochs 3"),
        (["--students", "1"], "with students 0, this is students 1"),
    ],
)
def test_another_student_is_not_taken_for_it(
    run: Callable[..., int],
    out: Path,
    more: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()}
    assert run("distill", *more) == 5
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == f"edge-train: {out} was made {words}: give another --out, or --restart"
    assert before == {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()}


def test_it_may_begin_anew_and_comes_to_the_same_end(run: Callable[..., int], out: Path) -> None:
    before = sha256(out / "student.safetensors")
    assert run("distill", "--restart", "--model", "none") == 0
    assert sha256(out / "student.safetensors") != before
    assert run("distill", "--restart") == 0
    assert sha256(out / "student.safetensors") == before


def test_cross_validation_sets_the_temperature_of_its_own_student(
    run: Callable[..., int], out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("crossval") == 0
    shown = capsys.readouterr().out
    cells = next(line for line in shown.splitlines() if line.startswith("student ")).split()[1:]
    assert len(cells) == 12  # without a spread, of one seed
    assert all(0 <= float(cell) <= 100 for cell in cells)
    degrees = json.loads((out / "temperature.json").read_text("utf-8"))["temperature"]
    assert f"temperature {degrees:g}:" in shown
    assert 0.2 <= degrees <= 2.5
    assert run("distill") == 0
    again = capsys.readouterr().err
    assert f"temperature {degrees:g}, as " in again
    assert "student: 100%" in again  # it was done before
    assert "nan" not in again
    assert json.loads((out / "training.json").read_text("utf-8"))["temperature"] == degrees


@pytest.mark.parametrize("other", [["--model", "none"], ["--seed", "1"], ["--epochs", "1"]])
def test_a_temperature_of_another_student_is_refused(
    run: Callable[..., int], out: Path, other: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("distill", "--restart", *other) == 5
    error = capsys.readouterr().err.splitlines()[-1]
    assert "temperature.json was made with" in error
    assert "edge-train crossval" in error
    assert run("distill") == 0  # what was removed is made again


@pytest.mark.parametrize("text", ["0.5", "{}", "", '{"temperature": 1, "manifest": {}}'])
def test_a_temperature_of_who_knows_what_is_refused(
    run: Callable[..., int], out: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = out / "temperature.json"
    kept = path.read_text("utf-8")
    path.write_text(text, "utf-8")
    assert run("distill") == 5
    assert "damaged, or does not say" in capsys.readouterr().err
    path.write_text(kept, "utf-8")


def test_a_bundle_says_who_taught_its_student(
    run: Callable[..., int],
    out: Path,
    made_sets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("quantize.compare.TIMED_CALLS", 3)
    monkeypatch.setattr(bundling, "FINE_TUNING", 256)
    student = out / "student.safetensors"
    arguments = [str(student), "--data", str(made_sets), "--out", str(tmp_path / "bundle")]
    assert quantize(arguments) == 0
    manifest = Bundle.load(tmp_path / "bundle").manifest
    origin = json.loads((out / "training.json").read_text("utf-8"))
    assert manifest.training.config["teachers"] == origin["teachers"]
    assert manifest.training.config["torch"] == torch.__version__
    assert manifest.temperature == origin["temperature"]
    # Of both ways to int8 the one ships that is nearer to the float student.
    measured = figures(tmp_path / "bundle")["quantisation"]
    losses = measured["divergence_from_float"]
    assert measured["kept"] == min(losses, key=losses.__getitem__)
    assert all(math.isfinite(loss) for loss in losses.values())
    # Of a student that was not cross-validated that is said.
    assert "cross-validated" not in capsys.readouterr().err
    monkeypatch.setattr(bundling, "quantise", lambda *_, **how: f"{how['temperature']:g}")
    notes = out / "training.json"
    notes.write_text(json.dumps(origin | {"temperature": None}), "utf-8")
    assert quantize(arguments) == 0
    said = capsys.readouterr()
    assert said.out == "1\n"
    assert "not cross-validated" in said.err
    # What it has learned is what int8 is made by: neither another record, nor by other code.
    other = tmp_path / "data"
    shutil.copytree(made_sets, other)
    record = other / "mitdb" / f"{TINY_RECORDS[0]}.dat"
    samples = np.fromfile(record, "<i2")
    np.roll(samples, len(samples) // 2).tofile(record)
    assert quantize([*arguments, "--data", str(other)]) == 5
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"{out} was made from other data (observations of beats): train it anew" in error
    known = code("train.student.training")
    with monkeypatch.context() as patch:
        patch.setattr("train.engine.manifest.code", lambda *_: known | {"edge.qrs": "another"})
        assert quantize(arguments) == 5
    assert f"{out} was made by other code (edge.qrs): train it anew" in capsys.readouterr().err
    # Another student beside the same notes is none of it.
    student.write_bytes(student.read_bytes()[:-4] + b"\0\0\0\0")
    assert quantize(arguments) == 5


def test_steps_are_each_one_change(
    run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: Iterable[str] = ("as it is", "no noise of nstdb", "S of no record")
    monkeypatch.setattr(distilling, "STEPS", {name: crossval.STEPS[name] for name in kept})
    assert run("steps", "--epochs", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[: len(name)] for line, name in zip(lines[2:], kept, strict=False)] == [*kept]
    assert lines[-1].startswith("S in fibrillation too")
    for training, architecture in crossval.STEPS.values():
        assert len(training) + len(architecture) <= 2
        TrainingConfig(**training)
