"""`edge-score`: many recordings, all of them, once each, whatever stops it."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge
from edge import demo
from edge.archive import cli, processes, run
from edge.archive.records import listed, stamp
from edge.archive.run import ANNOTATIONS, JOURNAL, ROWS
from edge.archive.score import How, scored
from edge.errors import OutputError, RecordError
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


def wait_for_a_row(process: subprocess.Popen[bytes], out: Path) -> Path:
    """The journal of a run, once there is a row in it."""
    journal = out / JOURNAL
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None
        time.sleep(0.01)
    return journal


def test_a_killed_run_goes_on_and_gives_the_same_file(tmp_path: Path) -> None:
    where, fs = archive(tmp_path / "in", 5)
    assert cli.main(command(where, fs, tmp_path / "whole")) == 0
    arguments = command(where, fs, tmp_path / "out")
    process = started(arguments)
    journal = wait_for_a_row(process, tmp_path / "out")
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
    wait_for_a_row(process, tmp_path / "out")
    os.kill(int(children(process.pid)[0]), signal.SIGKILL)
    assert process.wait(120) == 0
    whole = (tmp_path / "whole" / ROWS).read_bytes()
    assert (tmp_path / "out" / ROWS).read_bytes() == whole


def kills(name: str, record: Path, how: How, annotations: Path) -> processes.Row:
    """As `scored`; some recordings end the process, as one out of memory is ended."""
    if "deadly" in name:
        os._exit(1)
    return scored(name, record, how, annotations)


def test_a_recording_that_kills_its_process_each_time_is_bad_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, fs = archive(tmp_path / "in", 2)
    where.write_text("r0.npy\ndeadly.npy\nr1.npy\n")
    monkeypatch.setattr(run, "scored", kills)
    assert cli.main(command(where, fs, tmp_path / "out")) == RecordError.exit_code
    rows = {row["record"]: row for row in pq.read_table(tmp_path / "out" / ROWS).to_pylist()}
    assert [name for name, row in rows.items() if row["error"]] == ["deadly.npy"]
    assert "killed the process" in rows["deadly.npy"]["error"]
    assert rows["r1.npy"]["beats_N"] > 0


def test_on_a_cluster_it_costs_no_other_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask says of all that a worker had that it killed it: they are tried again, alone.

    Without Dask's own processes: a nanny whose worker dies as it starts gives up, and who waits
    for workers then waits for ever.
    """
    distributed = pytest.importorskip("distributed")
    left = {name: tmp_path / name for name in ("r0", "deadly0", "r1", "r2", "deadly1", "r3")}
    for path in left.values():
        path.touch()
    running: list[str] = []

    class Cluster:
        def nthreads(self) -> dict[str, int]:
            return {"a": 1}

        def submit(self, _: object, name: str, record: Path, pure: bool) -> Future[processes.Row]:
            assert not pure
            running.append(name)
            future: Future[processes.Row] = Future()
            beside = len(running) > 1 and len(running) <= len(left)
            if "deadly" in name or (beside and name == "r1"):
                future.set_exception(distributed.KilledWorker(name, None, 3))
            else:
                future.set_result({"record": record.name})
            return future

    monkeypatch.setattr(distributed, "wait", wait)
    found = {name: row.get("error") for name, _, row in run._in_turn(Cluster(), left, reads)}
    assert set(found) == set(left)
    assert {name for name, error in found.items() if error} == {"deadly0", "deadly1"}
    assert sorted(running[len(left) :]) == ["deadly0", "deadly1", "r1"]


def test_a_scheduler_that_goes_is_a_sentence(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    left = {f"r{i}.npy": tmp_path / f"r{i}.npy" for i in range(40)}
    for path in left.values():
        path.touch()
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        found = run._on_cluster(left, reads, cluster.scheduler_address)
        assert next(found)[0] in left
        cluster.close()
        with pytest.raises(OutputError, match="the same command goes on"):
            list(found)


def reads(_: str, record: Path) -> processes.Row:
    """A recording's row."""
    return {"record": record.name}


def test_pools_that_break_again_and_again_are_no_recursion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Executor):
        def submit(self, *_: object, **__: object) -> Any:
            future: Future[Any] = Future()
            future.set_exception(BrokenProcessPool())
            return future

    monkeypatch.setattr(processes, "_pool", lambda _: nullcontext(Broken()))
    left = {f"r{i}": tmp_path / "r" for i in range(10_000)}
    found = list(processes.here(left, lambda *_: {}, 1))
    assert {name for name, _, row in found if "killed" in row["error"]} == set(left)


@pytest.mark.skipif(not Path("/proc").exists(), reason="children are found by /proc")
def test_workers_end_with_the_command_and_no_other_run_writes_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, fs = archive(tmp_path / "in", 40)
    arguments = command(where, fs, tmp_path / "out")
    process = started(arguments)
    wait_for_a_row(process, tmp_path / "out")
    assert cli.main(arguments) == 8
    assert "another run writes to" in capsys.readouterr().err
    workers = children(process.pid)
    process.kill()
    process.wait()
    end = time.monotonic() + 30
    while any(b"spawn_main" in line(worker) for worker in workers):
        assert time.monotonic() < end
        time.sleep(0.01)


def line(pid: str) -> bytes:
    """The command of a process; nothing where there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def children(pid: int) -> list[str]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    found = " ".join((task / "children").read_text() for task in tasks).split()
    return [child for child in found if b"spawn_main" in line(child)]


def test_any_name_and_any_folder_may_be_in_an_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (b"odd\xff.edf", b"\x1b[31m.edf"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"0")
    assert cli.main([str(folder), "--out", str(tmp_path / "out"), "--workers", "1"]) == 5
    told = capsys.readouterr().err
    assert "\x1b" not in told
    rows = pq.read_table(tmp_path / "out" / ROWS).to_pylist()
    assert [row["record"] for row in rows] == ["\x1b[31m.edf", "odd\\udcff.edf"]
    assert cli.main([str(folder / os.fsdecode(b"odd\xff.edf")), "--out", str(tmp_path / "x")]) == 5
    Path(tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa.edf\r\nb.edf\r\n")
    assert list(listed(tmp_path / "list.txt")) == ["a.edf", "b.edf"]


def test_what_a_header_names_tells_of_a_change(tmp_path: Path) -> None:
    (tmp_path / "long.hea").write_text("long/2 1 250 2000\na.v2 1000\n~ 1000\n")
    (tmp_path / "a.v2.hea").write_text("a.v2 1 250 1000\nsamples.mat 16\n")
    (tmp_path / "kept").mkdir()
    records = [tmp_path / "long", tmp_path / "a.v2", tmp_path / "kept"]
    before = [stamp(record) for record in records]
    (tmp_path / "samples.mat").write_bytes(b"1")
    (tmp_path / "kept" / "hour.dat").write_bytes(b"1")
    assert all(stamp(record) != old for record, old in zip(records, before, strict=True))
    (tmp_path / "self.hea").write_text("self/1 1 250 2000\nself 2000\n")
    assert stamp(tmp_path / "self")


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


def test_a_cluster_gives_the_same_and_is_waited_for_where_it_has_no_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    where, fs = archive(tmp_path / "in", 2)
    assert cli.main(command(where, fs, tmp_path / "whole")) == 0
    said: list[str] = []
    with distributed.LocalCluster(
        n_workers=0, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:

        def told(text: str, **_: object) -> None:
            said.append(text)
            cluster.scale(1)

        monkeypatch.setattr(run, "_LOOKED_S", 0.2)
        monkeypatch.setattr("edge.archive.run.tqdm.write", told)
        out = command(where, fs, tmp_path / "out", "--scheduler", cluster.scheduler_address)
        assert cli.main(out) == 0
    assert len(said) == 1
    assert "has no worker" in said[0]
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
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match="holds no recording in WFDB or EDF"):
        listed(tmp_path / "empty")
