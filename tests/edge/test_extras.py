"""A command without its packages says what to install."""

import sys

import pytest

import train
from edge.extras import run


def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("train.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "argv", ["edge-train", "finetune", "--model", "beatnet"])
    assert train.main() == 7
    error = capsys.readouterr().err
    assert "torch" in error
    assert "pip install '.[train]'" in error


def test_a_command_that_is_all_there_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["edge-bench", "--help"])
    with pytest.raises(SystemExit) as end:
        run("benchmarks.cli", "bench")
    assert end.value.code == 0
    assert "edge-bench" in capsys.readouterr().out


def test_recordings_are_fetched_without_torch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("train.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "argv", ["edge-train", "fetch", "--help"])
    with pytest.raises(SystemExit) as end:
        train.main()
    assert end.value.code == 0
    assert "mitdb" in capsys.readouterr().out
