"""Figures are kept, and told again only for the same size, data and code."""

import json
import os
from pathlib import Path

import pytest

from edge.errors import RecordError
from train.engine import manifest
from train.studies.harness import Job, Study

CALLS: list[int] = []


def job(number: int) -> int:
    """Something measured."""
    CALLS.append(number)
    return 10 * number


JOBS: dict[str, Job] = {str(i): (job, (i,)) for i in range(3)}
DATA = {"ptbxl": {"00012_lr": "a"}}


@pytest.fixture(autouse=True)
def no_calls() -> None:
    CALLS.clear()


def where() -> int:
    """The process that it is done in."""
    return os.getpid()


def test_jobs_are_done_by_other_processes(tmp_path: Path) -> None:
    found = Study(tmp_path, tmp_path / "x").run({"a": (where, ()), "b": (where, ())}, DATA)
    assert os.getpid() not in found.values()


@pytest.mark.usefixtures("one_process")
def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    s = Study(tmp_path, tmp_path / "x")
    assert s.run({"1": JOBS["1"]}, DATA) == {"1": 10}
    assert s.run(JOBS, DATA) == {"0": 0, "1": 10, "2": 20}
    assert sorted(CALLS) == [0, 1, 2]
    assert Study(tmp_path / "elsewhere", s.out, seeds=1).run(JOBS, DATA) == s.run(JOBS, DATA)


def kept_job(s: Study) -> int:
    """Something whose network is kept."""
    CALLS.append(0)
    (s.out / "net").write_text(json.dumps(manifest.summary(s.out)))
    return 1


def meanwhile(s: Study) -> int:
    """Another command in the same folder is done while this one works."""
    s.run({"2": JOBS["2"]}, DATA)
    return 7


@pytest.mark.usefixtures("one_process")
def test_what_another_command_found_meanwhile_stays(tmp_path: Path) -> None:
    s = Study(tmp_path, tmp_path / "x")
    assert s.run({"0": JOBS["0"], "slow": (meanwhile, (s,))}, DATA) == {"0": 0, "slow": 7}
    assert s.run(JOBS, DATA) == {"0": 0, "1": 10, "2": 20}
    assert CALLS == [0, 2, 1]


@pytest.mark.usefixtures("one_process")
def test_a_network_that_is_gone_is_made_again(tmp_path: Path) -> None:
    """With the summary of the study's manifest, which is there before any job begins."""
    s = Study(tmp_path, tmp_path / "x")
    jobs: dict[str, Job] = {"net": (kept_job, (s,)), "1": JOBS["1"]}
    network = s.out / "net"
    for _ in range(2):
        assert s.run(jobs, DATA, {"net": network}) == {"net": 1, "1": 10}
    assert CALLS == [0, 1]
    assert json.loads(network.read_text())["settings"] == {"tiny": False}
    network.unlink()
    assert s.run(jobs, DATA, {"net": network}) == {"net": 1, "1": 10}
    assert CALLS == [0, 1, 0]
    assert network.exists()


@pytest.mark.usefixtures("one_process")
def test_old_figures_are_not_told_as_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s = Study(tmp_path, tmp_path / "x")
    s.run(JOBS, DATA)
    kept = s.results.read_bytes()
    with pytest.raises(RecordError, match="with tiny false, this is tiny true: give another --out"):
        Study(tmp_path, s.out, tiny=True).run(JOBS, DATA)
    with pytest.raises(RecordError, match="with tiny false, this is tiny true: give another --out"):
        Study(tmp_path, s.out, tiny=True).expect()
    with pytest.raises(RecordError, match=r"from other data \(ptbxl 00012_lr\)"):
        s.run(JOBS, {"ptbxl": {"00012_lr": "b"}})
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "code", lambda *_: {"train.engine.loop": "another"})
        with pytest.raises(RecordError, match=r"by other code \(train.engine.loop\)"):
            s.run(JOBS, DATA)
    assert s.results.read_bytes() == kept
    other = Study(tmp_path, tmp_path / "y", tiny=True)
    other.run(JOBS, DATA)
    s.results.write_bytes(other.results.read_bytes())
    with pytest.raises(RecordError, match=r"of another run than the manifest\.json beside it"):
        s.run(JOBS, DATA)


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("text", ["", "[]", "{", '{"0": 1}', "[1]"])
def test_damaged_results_are_refused(tmp_path: Path, text: str) -> None:
    s = Study(tmp_path, tmp_path / "x")
    s.run(JOBS, DATA)
    assert json.loads(s.results.read_text("utf-8"))["1"] == 10
    s.results.write_text(text)
    with pytest.raises(RecordError, match="damaged or of another run"):
        s.run(JOBS, DATA)
