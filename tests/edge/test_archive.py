"""`edge-score`: many recordings, all of them, once each, whatever stops it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import edge
from edge import demo
from edge.archive import cli
from edge.archive.records import listed
from edge.archive.run import ANNOTATIONS, JOURNAL, ROWS
from edge.errors import RecordError
from edge.events import Stats

pq = pytest.importorskip("pyarrow.parquet")
wfdb = pytest.importorskip("wfdb")
SECONDS = 20


def archive(folder: Path, n: int = 3) -> tuple[Path, float]:
    """A list of so many recordings, each begun a second later, and their rate."""
    recording = demo.stream()[0]
    folder.mkdir()
    for i in range(n):
        first = round(i * recording.fs)
        piece = recording.nv[first : first + round(SECONDS * recording.fs)]
        np.save(folder / f"r{i}.npy", piece[:, 0] * 1e-6)
    path = folder / "list.txt"
    path.write_text("# all of them\n" + "".join(f"r{i}.npy\n" for i in range(n)))
    return path, recording.fs


def command(where: Path, fs: float, out: Path, *more: str) -> list[str]:
    return [str(where), "--fs", f"{fs:g}", "--out", str(out), "--workers", "2", *more]


def started(arguments: list[str]) -> subprocess.Popen[bytes]:
    code = "from edge.archive import main\nif __name__ == '__main__': main()"
    return subprocess.Popen([sys.executable, "-c", code, *arguments])


def test_each_row_and_annotation_is_what_a_run_of_the_record_says(tmp_path: Path) -> None:
    where, fs = archive(tmp_path / "in")
    assert cli.main(command(where, fs, tmp_path / "out")) == 0
    rows = pq.read_table(tmp_path / "out" / ROWS).to_pylist()
    assert [row["record"] for row in rows] == ["r0.npy", "r1.npy", "r2.npy"]
    for row in rows:
        events = list(edge.play(where.parent / row["record"], fs=fs))
        stats = events[-1]
        assert isinstance(stats, Stats)
        counted = {label: row[f"beats_{label}"] for label in "NSVFQU" if row[f"beats_{label}"]}
        assert counted == {label: n for label, n in stats.beats.items() if n}
        assert row["seconds"] == pytest.approx(SECONDS)
        assert row["error"] is None
        found = wfdb.rdann(str(tmp_path / "out" / ANNOTATIONS / row["record"]), "edge")
        assert len(found.sample) == sum(counted.values())


def test_a_killed_run_goes_on_and_gives_the_same_file(tmp_path: Path) -> None:
    where, fs = archive(tmp_path / "in", 5)
    assert cli.main(command(where, fs, tmp_path / "whole")) == 0
    arguments = command(where, fs, tmp_path / "out")
    process = started(arguments)
    journal = tmp_path / "out" / JOURNAL
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = journal.read_bytes()
    journal.write_bytes(done + b'[{"record": "r4')  # and the disk has but a part of a line
    assert not (tmp_path / "out" / ROWS).exists()
    assert cli.main(arguments) == 0
    assert journal.read_bytes().startswith(done)  # nothing was done again
    whole = (tmp_path / "whole" / ROWS).read_bytes()
    assert (tmp_path / "out" / ROWS).read_bytes() == whole


@pytest.mark.skipif(not Path("/proc").exists(), reason="children are found by /proc")
def test_a_worker_that_dies_costs_no_record(tmp_path: Path) -> None:
    where, fs = archive(tmp_path / "in", 6)
    assert cli.main(command(where, fs, tmp_path / "whole")) == 0
    process = started(command(where, fs, tmp_path / "out"))
    journal = tmp_path / "out" / JOURNAL
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None
        time.sleep(0.01)
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    children = " ".join((task / "children").read_text() for task in tasks).split()
    workers = [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
    os.kill(int(workers[0]), signal.SIGKILL)
    assert process.wait(120) == 0
    whole = (tmp_path / "whole" / ROWS).read_bytes()
    assert (tmp_path / "out" / ROWS).read_bytes() == whole


def test_what_cannot_be_read_is_named_and_the_rest_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, fs = archive(tmp_path / "in", 1)
    mv = np.load(where.parent / "r0.npy")[:, None]
    wfdb.wrsamp("own", 200, ["mV"], ["II"], mv, fmt=["16"], write_dir=str(where.parent))
    (where.parent / "cut.npy").write_bytes((where.parent / "r0.npy").read_bytes()[:60])
    where.write_text("cut.npy\nr0.npy\nnowhere.npy\nown\n")
    assert cli.main(command(where, fs, tmp_path / "out")) == RecordError.exit_code
    told = capsys.readouterr()
    assert "2 of 4 records" in told.out
    assert "cut.npy: " in told.err
    assert "nowhere.npy: " in told.err
    rows = {row["record"]: row for row in pq.read_table(tmp_path / "out" / ROWS).to_pylist()}
    assert rows["cut.npy"]["error"]
    assert rows["cut.npy"]["beats_N"] is None
    assert rows["r0.npy"]["beats_N"] > 0
    assert rows["own"]["fs"] == 200  # which it tells itself


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is /dev/full")
def test_a_full_disk_ends_it_and_is_no_recordings_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, fs = archive(tmp_path / "in", 1)
    full = tmp_path / "out" / ANNOTATIONS / "r0.npy.edge"
    full.parent.mkdir(parents=True)
    full.symlink_to("/dev/full")
    assert cli.main(command(where, fs, tmp_path / "out")) == 8
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"edge-score: cannot write {full}: ")
    full.unlink()
    assert cli.main(command(where, fs, tmp_path / "out")) == 0
    assert full.is_file()


def test_a_changed_record_is_done_again_and_other_settings_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, fs = archive(tmp_path / "in", 2)
    arguments = command(where, fs, tmp_path / "out")
    assert cli.main(arguments) == 0
    recording = demo.stream()[0]
    np.save(where.parent / "r1.npy", recording.nv[: round(10 * fs), 0] * 1e-6)
    assert cli.main(arguments) == 0
    rows = pq.read_table(tmp_path / "out" / ROWS).to_pylist()
    assert [row["seconds"] for row in rows] == [pytest.approx(SECONDS), pytest.approx(10)]
    assert cli.main([*arguments, "--lead", "0"]) == 8
    assert "another leads" in capsys.readouterr().err
    assert cli.main([*arguments, "--lead", "0", "--restart"]) == 0


def test_a_cluster_gives_the_same(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    where, fs = archive(tmp_path / "in", 2)
    assert cli.main(command(where, fs, tmp_path / "whole")) == 0
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        out = command(where, fs, tmp_path / "out", "--scheduler", cluster.scheduler_address)
        assert cli.main(out) == 0
    whole = (tmp_path / "whole" / ROWS).read_bytes()
    assert (tmp_path / "out" / ROWS).read_bytes() == whole


def test_annotations_stay_in_their_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, fs = archive(tmp_path / "in", 2)
    (tmp_path / "in" / "a").mkdir()
    names = tmp_path / "in" / "a" / "list.txt"
    names.write_text(f"../r0.npy\n{where.parent / 'r1.npy'}\n")
    before = set(where.parent.iterdir())
    assert cli.main(command(names, fs, tmp_path / "out")) == 0
    assert set(where.parent.iterdir()) == before
    found = sorted(path.name for path in (tmp_path / "out").rglob("*.edge"))
    assert found == ["r0.npy.edge", "r1.npy.edge"]
    names.write_text("../r0.npy\nr0.npy\n")
    assert cli.main(command(names, fs, tmp_path / "out")) == RecordError.exit_code
    assert "of one name" in capsys.readouterr().err


def test_segments_of_a_record_are_no_records(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "long.hea").write_text("long/2 1 250 2000\na 1000\nb 1000\n")
    for name in "ab":
        (tmp_path / "p" / f"{name}.hea").write_text(f"{name} 1 250 1000\n{name}.dat 16\n")
    (tmp_path / "night.EDF").write_bytes(b"0")
    (tmp_path / "labels.csv").write_text("1")
    assert list(listed(tmp_path)) == ["night.EDF", "p/long"]
    none = tmp_path / "empty.txt"
    none.write_text("# none\n")
    with pytest.raises(RecordError, match="names no recording"):
        listed(none)
