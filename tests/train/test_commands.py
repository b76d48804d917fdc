"""The teachers' commands as a user runs them, small and on real recordings, and their mistakes."""

import csv
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import benchmarks.cli
import quantize.cli
from edge.synthetic import synthesize
from tests.train.conftest import SHOWN, write
from train import cli
from train.cli import main
from train.commands.explain import EXPLAINED
from train.commands.student import TAUGHT_BY
from train.commands.teachers import PRETRAINED, STUDIES
from train.models.checkpoint import read, save
from train.models.registry import SYSTEMS, TEACHERS, classifier
from train.studies.delineation.jobs import TINY_FIT

SETS = "ptbxl", "cinc2021"


def test_the_names_on_the_command_line_are_those_there_are() -> None:
    assert {*cli.SYSTEMS, "blind"} == set(SYSTEMS)
    assert set(cli.TEACHERS) == set(TEACHERS) == set(EXPLAINED)
    assert set(cli.PRETRAINED) == set(PRETRAINED)
    assert set(cli.STUDIES) == set(STUDIES)
    assert set(cli.TAUGHT_BY) == set(TAUGHT_BY)


@pytest.mark.parametrize(
    "arguments",
    [
        ["distill", "--epochs", "0"],
        ["distill", "--students", "-1"],
        ["crossval", "--seeds", "0"],
        ["evaluate", "--model", "beatnet", "--seeds", "-3"],
        ["finetune", "--model", "beatnet", "--lr", "nan"],
        ["finetune", "--model", "beatnet", "--seed", "-1"],
        ["distill", "--seed", "99999999999999999999"],
        ["export", "--net", "a.safetensors", "-o", "a.safetensors"],
        ["diagnose", "record", "--net", "a.onnx", "--json", "-"],
        ["cache", "--prune", "-5"],
        ["cache", "--prune", "nan"],
    ],
)
def test_numbers_that_cannot_be_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)


def ended(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A process that goes through some Python."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--help"], 0, "distill"),
        (["distill", "--help"], 0, "--students"),
        (["finetune", "--help"], 0, "xresnet"),
        (["fetch", "nowhere"], 2, "invalid choice: 'nowhere'"),
        (["finetune", "--model", "beatnet"], 7, "torch is not installed"),
    ],
)
def test_help_and_fetch_need_no_torch(arguments: list[str], code: int, words: str) -> None:
    script = (
        "import sys; sys.modules['torch'] = None; import train; "
        f"sys.argv = ['edge-train', *{arguments!r}]; sys.exit(train.main())"
    )
    done = ended(script)
    assert done.returncode == code, done.stderr
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize("module", ["train.cli", "torch"])
def test_who_interrupts_the_imports_sees_no_traceback(module: str) -> None:
    done = ended(
        "import os, signal, sys, train\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.argv = ['edge-train', 'finetune', '--model', 'beatnet']\n"
        "sys.exit(train.main())"
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_what_the_locale_cannot_show_is_no_error(tmp_path: Path) -> None:
    done = ended(
        f"from train.cli import main; main(['cache', {str(tmp_path)!r}]); print('89 \\xb1 1')",
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
        PYTHONIOENCODING="",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("89 ? 1\n")


@pytest.mark.parametrize(("told", "where"), [(None, "data"), ("", "data"), ("/some", "/some")])
def test_data_has_one_default(
    told: str | None, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ECG_DATA", raising=False)
    if told is not None:
        monkeypatch.setenv("ECG_DATA", told)
    commands = {
        cli._parser: ("fetch mitdb", "distill", "crossval", "steps", "finetune --model beatnet"),
        quantize.cli._parser: ("student.safetensors --out bundle",),
        benchmarks.cli._parser: ("score --set 100", "qrs --set 100"),
    }
    for parser, lines in commands.items():
        for line in lines:
            assert parser().parse_args(line.split()).data == Path(where), line


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two folders of made records without labels."""
    data = tmp_path_factory.mktemp("data")
    for i, folder in enumerate(("one", "two")):
        for name in ("a", "b"):
            made = synthesize("NNNVNNNNSN" * 3, 250.0, np.random.default_rng(i))
            write(data / folder, name, made.mv, ["II", "V5"], 250)
    return {name: data / name for name in ("one", "two")}


def test_a_pretraining_is_not_taken_for_another_one(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another seed, other records, or other contents of the same ones."""

    def pretrain(where: Path, *more: str | Path) -> int:
        common = ("--model", "ecgnat", "--tiny", "--batch", "2", "--out", tmp_path / "x" / where)
        return run("pretrain", *common, *more)

    one, two = ("--set", folders["one"]), ("--set", folders["two"])
    path, first = tmp_path / "x" / "x" / "pretrained.safetensors", Path("x")
    assert pretrain(first, *one) == 0
    begun = path.read_bytes()
    said = []
    for more in ((*one, "--seed", "1"), two, (*one, "--epochs", "1")):
        assert pretrain(first, *more) == 5
        said += capsys.readouterr().err.splitlines()[-1:]
    assert "with seed 0, this is seed 1" in said[0]
    assert "from other data (one, two)" in said[1]
    assert "with epochs 4, this is epochs 1" in said[2]
    assert all(line.endswith("give another --out, or --restart") for line in said)
    assert path.read_bytes() == begun
    assert pretrain(first, *one) == 0
    assert path.read_bytes() == begun
    # Begun anew it is what it is elsewhere.
    assert pretrain(first, *one, "--seed", "1", "--restart") == 0
    assert pretrain(Path("y"), *one, "--seed", "1") == 0
    assert path.read_bytes() == (tmp_path / "x" / "y" / path.name).read_bytes() != begun
    # What can be known beforehand is said before anything is read.
    assert pretrain(first, "--set", tmp_path / "none") == 5
    assert "with seed 1, this is seed 0" in capsys.readouterr().err
    # The same records, one of which has changed.
    signal = folders["one"] / "a.dat"
    signal.write_bytes(signal.read_bytes()[::-1])
    assert pretrain(first, *one, "--seed", "1") == 5
    assert "from other data (one data a)" in capsys.readouterr().err


def test_records_that_cannot_be_read_are_all_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = synthesize("NNNVNNNNSN" * 3, 250.0, np.random.default_rng(0))
    for i in range(13):
        write(tmp_path / "lab", f"r{i:02}", made.mv, ["II", "V5"], 250)
        if i > 1:
            (tmp_path / "lab" / f"r{i:02}.dat").write_bytes(b"")
    where = ("--set", tmp_path / "lab", "--out", tmp_path / "x", "--batch", "2", "--tiny")
    assert run("pretrain", "--model", "ecgnat", "--epochs", "1", *where) == 0
    said = capsys.readouterr().err
    table = tmp_path / "x/pretraining/skipped.csv"
    assert f"skipped 1 more records: {table} names all of them" in said
    head, *rows = csv.reader(table.read_text("utf-8").splitlines())
    assert head == ["record", "why"]
    assert [name for name, _ in rows] == [f"lab/r{i:02}" for i in range(2, 13)]
    assert all(f"skipped {name}: {why}" in said for name, why in rows[:10])
    for path in (tmp_path / "lab").glob("*.dat"):
        path.write_bytes(b"")
    assert run("pretrain", "--model", "ecgnat", *where, "--restart") == 5
    assert "there is no window to learn from" in capsys.readouterr().err


def test_a_picture_is_of_the_system_that_was_asked_for(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = tmp_path / "net.safetensors"
    save(net, "beatnet", classifier("beatnet", 5, tiny=True), "abcde", {})
    where = ("--net", net, "--data", tmp_path, "--out", tmp_path / "x.png")
    for model in set(EXPLAINED) - {"beatnet"}:
        assert run("explain", "--model", model, *where) == 5
        assert f"holds a network of beatnet, not of {model}" in capsys.readouterr().err
    save(net, "beatnet", classifier("beatnet", 5, tiny=True), "abcde", {"set": "lab"})
    assert run("explain", "--model", "beatnet", *where) == 5
    assert "has learned the labels of lab" in capsys.readouterr().err


def test_a_tiny_network_is_found_where_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.chdir(tmp_path)
    cached: list[Path] = []

    def explain(system: str, net: Path, data: Path, cache: Path, *_: object) -> None:
        asked.append(net)
        cached.append(cache)

    monkeypatch.setattr("train.commands.explain.explain", explain)
    whole = Path("runs/beatnet/superclass.safetensors")
    tiny = Path("runs/beatnet-tiny") / whole.name
    for there in (None, tiny, whole):
        if there:
            there.parent.mkdir(parents=True)
            there.touch()
        assert run("explain", "--model", "beatnet") == 0
    assert asked == [whole, tiny, whole]
    # Windows are where the network's training cut them to, else where all commands have them.
    there = tmp_path / "elsewhere/net/x.safetensors"
    assert run("explain", "--model", "beatnet", "--net", there) == 0
    assert not there.parents[1].exists()
    (there.parents[1] / "windows").mkdir(parents=True)
    assert run("explain", "--model", "beatnet", "--net", there) == 0
    assert cached == [*[Path("runs/windows")] * 4, there.parents[1] / "windows"]


def run(*arguments: str | Path) -> int:
    return main([str(a) for a in arguments])


@pytest.mark.data_required(*SETS)
@pytest.mark.parametrize("model", sorted(EXPLAINED))
def test_a_network_is_trained_and_explained(
    model: str, runs: Path, some_sets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = runs / model
    small = ("--data", some_sets, "--model", model)
    if EXPLAINED[model] == "pretrained":
        sets = ("--set", "georgia", "--set", "chapman")
        assert run("pretrain", *small, "--out", out, "--tiny", *sets) == 0
        start: tuple[str | Path, ...] = ("--start", out / "pretrained.safetensors")
        with safe_open(out / "pretrained.safetensors", framework="pt") as file:
            origin = json.loads(file.metadata()["manifest"])["origin"]
        assert origin["windows"] == 40
        assert origin["losses"] == sorted(origin["losses"], reverse=True)
        assert origin["losses"][-1] < 0.95 * origin["losses"][0]
    else:
        start = ()
    assert run("finetune", *small, "--out", out, "--tiny", "--epochs", "1", *start) == 0
    assert "on fold 8" in capsys.readouterr().out
    assert parts_in(out / "superclass.safetensors") == {"validation"}
    if model == "beatnet":
        weights = (out / "superclass.safetensors").read_bytes()[-1000:]
        again = ("--out", out, "--tiny", "--epochs", "1", "--test")
        assert run("finetune", *small, *again) == 0
        assert "% on fold 9" in capsys.readouterr().out
        assert parts_in(out / "superclass.safetensors") == {"validation", "test"}
        assert (out / "superclass.safetensors").read_bytes()[-1000:] == weights
    figure = out / "figure.png"
    net = out / f"{EXPLAINED[model]}.safetensors"
    assert run("explain", *small, "--net", net, "--out", figure, "--record", SHOWN) == 0
    assert f"{figure}: by {net}" in capsys.readouterr().out
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert figure.stat().st_size > 20_000
    assert list(out.glob("finetuning-superclass/events.out.tfevents.*"))


def parts_in(net: Path) -> set[str]:
    """Of which parts the header of a file has figures, and its card."""
    facts = read(net).facts
    figures = [of.figures for of in facts.statements] or [facts.origin["delineation"]]
    card = net.with_name(f"{net.stem}-safetensors.md").read_text()
    said = {part for part in ("validation", "test") if f"Figures of the {part} part" in card}
    assert all({*of} == said for of in figures)
    assert ("was not looked at" in card) == ("test" not in said)
    return said


@pytest.mark.data_required("ludb")
def test_a_delineator_is_trained_and_reads(
    runs: Path, data_sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = runs / "delineator"
    assert (
        run("finetune", "--model", "delineator", "--tiny", "--data", data_sets, "--out", out) == 0
    )
    net, said = out / "ludb.safetensors", tmp_path / "said.json"
    assert parts_in(net) == {"validation"}
    facts = read(net).facts
    assert facts.origin["run"]["settings"]["batch"] == TINY_FIT.batch
    found = facts.origin["delineation"]["validation"]
    assert min(found[end]["sensitivity"] for end in ("QRS onset", "QRS offset")) > 0.9
    assert run("diagnose", data_sets / "ludb" / "data" / "7", "--net", net, "--json", said) == 0
    waves = json.loads(said.read_text())["delineation"]
    assert waves["beats"] == 10
    for more in (("--task", "rhythm"), ("--set", "ptbxl"), ("--start", net)):
        command = ("finetune", "--model", "delineator", "--tiny", "--out", out, *more)
        assert run(*command) == 5
        assert "it goes without --set, --task" in capsys.readouterr().err


def _as_one_of_two(rank: int, environment: Mapping[str, str], arguments: list[str | Path]) -> None:
    """As `torchrun` starts it, with which test_loop.py has two."""
    os.environ |= {**environment, "RANK": f"{rank}", "LOCAL_RANK": f"{rank}", "WORLD_SIZE": "2"}
    sys.exit(run(*arguments))


@pytest.mark.slow
@pytest.mark.data_required(*SETS)
@pytest.mark.parametrize("model", ["beatssl", "ecgnat"])
def test_two_processes_pretrain_as_one_does(model: str, tmp_path: Path, data_sets: Path) -> None:
    # Small steps, of which many go another way for another order of sums.
    common = ("pretrain", "--model", model, "--tiny", "--epochs", "1", "--lr", "3e-5")
    sets = ("--set", "georgia", "--set", "chapman", "--data", str(data_sets))
    arguments = [*common, *sets, "--out"]
    out = [tmp_path / "1", tmp_path / "2"]
    assert run(*arguments, out[0]) == 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        environment = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{server.getsockname()[1]}"}
    fork = get_context("fork")  # with all that is imported
    both = [
        fork.Process(target=_as_one_of_two, args=(rank, environment, [*arguments, out[1]]))
        for rank in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    one, two = (load_file(of / "pretrained.safetensors") for of in out)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-5)


@pytest.mark.data_required(*SETS)
def test_what_cannot_be_is_said_in_one_sentence(
    tmp_path: Path, some_sets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--data", some_sets)

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
    large = ("--batch", "99999", "--out", tmp_path / "large")
    assert "give a --batch of no more" in said("finetune", *small, *out[2:], *large)
    steep = ("--lr", "1e9", "--out", tmp_path / "steep")
    assert "give a lower learning rate" in said("finetune", *small, *out[2:], *steep)
    net = tmp_path / "beatnet" / "superclass.safetensors"
    assert "holds a network of beatnet, and what was asked for is of another system" in said(
        "finetune", "--model", "ecgnat", *where, *out[2:], "--out", tmp_path, "--start", net
    )
    missing = said("explain", *small, "--net", net, "--record", "99999_lr", "--out", tmp_path)
    assert "no record 99999_lr" in missing
    nothing = ("--data", tmp_path, "--out", tmp_path / "none")
    assert "edge-train fetch ptbxl" in said("finetune", "--model", "beatnet", *nothing)
    unknown = said("pretrain", "--model", "ecgnat", *where, "--set", "nowhere", "--out", tmp_path)
    assert "no data set and no folder 'nowhere'" in unknown
