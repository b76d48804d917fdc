"""A laboratory's own records, scored."""

import json
from pathlib import Path

import numpy as np
import pytest
import wfdb

from benchmarks.cli import main
from edge.synthetic import synthesize
from tests.benchmarks.conftest import write_made, write_signal


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good ones of two patients, one without annotations, and two that cannot be read."""
    folder = tmp_path_factory.mktemp("own") / "laboratory"
    folder.mkdir()
    write_made(folder, "good", "NNNNNNNNSNNNNVNNNN" * 2, seed=1)
    write_made(folder, "lost", "NNNN", seed=2)
    (folder / "lost.dat").unlink()
    write_made(folder, "bad", "NNNN", seed=3)
    (folder / "bad.atr").write_bytes(b"\xff" * 7)
    write_made(folder, "bare", "NNNN", seed=4)
    (folder / "bare.atr").unlink()
    (folder / "ward").mkdir()
    made = synthesize("NNNV" * 8, 500.0, np.random.default_rng(5))
    write_signal(folder / "ward", "other", 500, made.mv[:, :1], ["ECG"])
    sample, label = zip(*made.beats, strict=True)
    wfdb.wrann("other", "atr", np.array(sample), list(label), write_dir=str(folder / "ward"))
    (folder / "split.csv").write_text(
        "record,patient,part\ngood,a,train\nlost,b,train\nbad,c,train\nward/other,d,test\n"
    )
    return folder


def test_every_record_that_can_be_read_is_scored_and_the_others_named(
    laboratory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert main(["score", "--records", str(laboratory), "--json", str(file)]) == 0
    text = capsys.readouterr().out
    assert "2 records of laboratory, all leads" in text
    assert "S of A a J S" in text
    assert "each record is taken for a patient of its own" in text
    assert "no annotations NAME.atr for record bare: left out" in text
    assert "left out, 1 of 4" not in text
    assert "left out, 2 of 4: lost: record lost is incomplete: lost.dat is missing" in text
    assert "left out, 2 of 4: bad: the annotations" in text
    scored = json.loads(file.read_text("utf-8"))
    counted = scored["from"]["0"]["records"]
    assert list(counted) == ["good", "ward/other"]
    for record, beats in (("good", 36), ("ward/other", 32)):
        qrs = counted[record]["rates"]["QRS"]
        assert qrs["tp"] + qrs["fn"] == beats
        assert qrs["tp"] >= beats - 3  # the first seconds are learned from
        assert counted[record]["jitter_ms"] < 40
    assert len(scored["notes"]) == 4


def test_of_a_split_the_test_alone_is_scored(
    laboratory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = ["--split", str(laboratory / "split.csv")]
    assert main(["score", "--records", str(laboratory), *split]) == 0
    text = capsys.readouterr().out
    assert "1 records of laboratory" in text
    assert "ward/other" in text
    assert "lost" not in text


def test_where_no_record_can_be_scored_it_is_an_error(
    laboratory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = tmp_path / "split.csv"
    split.write_text("record,patient\nlost,a\n")
    assert main(["score", "--records", str(laboratory), "--split", str(split)]) == 5
    assert "none of 1 records can be scored; lost:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [[], ["--set", "100", "--records", "x"], ["--set", "100", "--split", "x"]],
)
def test_what_does_not_go_together_is_usage(options: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["score", *options])
    assert stopped.value.code == 2
