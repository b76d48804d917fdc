"""Labels in noise."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.beats.counts import f1_data
from benchmarks.beats.protocol import Protocol, compare_all
from benchmarks.cli import main
from benchmarks.play import play
from edge.bundle import DEFAULT_BUNDLE


def test_noise_costs_labels_and_none_is_the_score(long_data: Path, tmp_path: Path) -> None:
    out, picture = tmp_path / "figures.json", tmp_path / "picture.png"
    arguments = ["score", "--data", str(long_data), "--set", "100", "--lead", "0"]
    arguments += ["--noise", "ma", "--snr", "30", "-6", "--json", str(out)]
    assert main([*arguments, "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    runs: Any = json.loads(out.read_text())["runs"]
    assert [run["snr_db"] for run in runs] == [None, 30, -6]
    played = play(long_data / "mitdb" / "100", ["0"], DEFAULT_BUNDLE, None)
    protocol = Protocol(long_data / "mitdb", ["100"], ["0"], "papers")
    clean = compare_all([played], protocol, 300)["100"]
    assert runs[0]["all"]["f1"] == {"QRS": pytest.approx(clean.qrs.f1), **f1_data(clean)}
    # the made record ends in its first noisy stretch
    assert runs[0]["noisy"] == runs[0]["all"]
    lost = [1 - run["noisy"]["f1"]["N"] + run["noisy"]["unknown"] for run in runs]
    assert lost[2] > max(lost[:2]) + 0.2


def test_a_picture_needs_noise(made_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["score", "--data", str(made_data), "--set", "100", "--plot", "x.png"])
    assert refused.value.code == 2
    assert "add --noise" in capsys.readouterr().err
