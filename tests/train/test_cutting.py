"""Cutting at the size of real corpora: killed, by two at once, with little sent about, bounded."""

import os
import pickle
import subprocess
import sys
import threading
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import OutputError
from edge.replay import Recording
from tests.train.killed import ROOT, killed
from tests.train.made import Made
from train.cli import main
from train.data import cache, shards
from train.data import windows as module
from train.data.cache import entries, prune
from train.data.corpus import Record, Reference
from train.data.windows import Cut, Windows, cut


@dataclass(frozen=True)
class Sloping:
    """Many records of which next to nothing is to be read; some cannot be."""

    count: int
    name: str = "sloping"
    classes: tuple[str, ...] = ()

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(Record(f"{i}", f"p{i}") for i in range(self.count))

    def read(self, record: Record) -> tuple[Recording, Reference]:
        number = int(record.name)
        if number % 7 == 3:
            raise OutputError("no")
        nv = number + np.arange(200 + number % 3 * 200, dtype=np.int32)[:, None]
        return Recording(record.name, 100.0, ("II",), nv), Reference()


HOW = Cut(seconds=2, stride=2)


def same(a: Windows, b: Windows) -> bool:
    rows = np.arange(len(a))
    return (
        len(a) == len(b)
        and a.skipped == b.skipped
        and a.rows(rows).tobytes() == b.rows(rows).tobytes()
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    return cut(Sloping(60), HOW, tmp_path_factory.mktemp("whole"), bar=False)


def test_a_killed_cut_goes_on_where_it_was(
    tmp_path: Path, whole: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed as each of the first files is written; nothing that is there is written again."""
    work = "from tests.train.test_cutting import *\nmodule.SHARD = 5\n"
    work += "cut(Sloping(60), HOW, run, bar=False)"
    killed(work, tmp_path, ["*/.00000.json*", "*/00000.npy", "*/.00003.npy*", "*/00007.npy"])
    [unfinished] = tmp_path.iterdir()
    assert unfinished.suffix == shards.UNFINISHED
    kept = {path: path.stat().st_mtime_ns for path in unfinished.glob("*.npy")}
    assert len(kept) >= 8
    monkeypatch.setattr(module, "SHARD", 5)
    read: list[str] = []
    made = module._made

    def noted(pool: Any, items: Any, bar: Any) -> Any:
        read.append(items[0][1].name)
        return made(pool, items, bar)

    monkeypatch.setattr(module, "_made", noted)
    again = cut(Sloping(60), HOW, tmp_path, bar=False)
    assert same(again, whole)
    assert int(read[0]) > 15
    [folder] = tmp_path.iterdir()
    assert {folder / path.name: at for path, at in kept.items()}.items() <= {
        path: path.stat().st_mtime_ns for path in folder.iterdir()
    }.items()
    assert {path.suffix for path in folder.iterdir()} == {".npy", ".json"}
    assert [path.name for path in folder.glob("*.json")] == ["index.json"]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_shards_may_be_stopped_after_any(size: int, tmp_path: Path) -> None:
    """Whatever was on the disk at whatever moment, what is written in the end is the same."""
    kind = np.dtype([("a", "i4")])
    items: list[tuple[str, shards.Made]] = [
        (str(i), "none" if i % 4 == 1 else np.full(i % 5, i, kind)) for i in range(12)
    ]

    def written(folder: Path) -> tuple[list[int], dict[str, str]]:
        at = shards.stand(folder)
        end = shards.write(folder, size, iter(items[at.item :]), at)
        rows = [np.load(folder / f"{i:05}.npy")["a"].tolist() for i in range(end.shards)]
        assert all(len(row) == size for row in rows[:-1])
        return [value for row in rows for value in row], end.skipped

    unbroken = tmp_path / "unbroken"
    unbroken.mkdir()
    expected = written(unbroken)
    assert expected[0] == [i for i in range(12) if i % 4 != 1 for _ in range(i % 5)]
    for stop in range(len(list(unbroken.glob("*.npy"))) + 1):
        folder = tmp_path / f"{stop}"
        folder.mkdir()
        for i in range(stop):
            for end in ("npy", "json"):
                (folder / f"{i:05}.{end}").write_bytes((unbroken / f"{i:05}.{end}").read_bytes())
        assert written(folder) == expected


def test_two_at_once_cut_once(tmp_path: Path, whole: Windows) -> None:
    fork = get_context("fork")  # with all that is imported
    both = [fork.Process(target=cut, args=(Sloping(60), HOW, tmp_path, False)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    [folder] = tmp_path.iterdir()
    assert same(Windows(folder), whole)


def test_who_comes_later_waits_and_finds_what_is_done(tmp_path: Path) -> None:
    """As long as the other lives, and not an instant longer: its lock dies with it."""
    folder = tmp_path / "windows"
    work = (
        "import sys\nfrom train.data.shards import *\n"
        "with claimed(Path(sys.argv[1])) as new:\n"
        "    print(new, flush=True)\n    sys.stdin.read()\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    with subprocess.Popen(
        [sys.executable, "-c", work, str(folder)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout
        assert other.stdout.readline().strip() == f"{folder}{shards.UNFINISHED}"
        unfinished = folder.with_name(folder.name + shards.UNFINISHED)
        assert shards.held(unfinished)
        assert prune(tmp_path, 0) == []
        got: list[Path | None] = []

        def wait() -> None:
            with shards.claimed(folder) as new:
                got.append(new)

        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        other.kill()
        waiting.join(60)
    assert got == [unfinished]
    assert not shards.held(unfinished)
    with shards.claimed(folder) as new:
        assert new
        shards.finish(new, folder)
    with shards.claimed(folder) as new:
        assert new is None


def test_no_task_is_sent_the_list_of_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a task weighs does not grow with the corpus."""
    sizes: dict[int, set[int]] = {}

    class Pool:
        def __init__(self, initializer: object, initargs: tuple[Sloping, Cut]) -> None:
            module._begin(*initargs)
            self.of = sizes.setdefault(initargs[0].count, set())

        def __enter__(self) -> "Pool":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def submit(self, work: object, items: object) -> object:
            self.of.add(len(pickle.dumps((work, items))))

            class Done:
                def result(self) -> object:
                    return module._cut_some(items)  # type: ignore[arg-type]

            return Done()

    monkeypatch.setattr(module, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(module, "end_with_parent", lambda: None)  # this process is nobody's
    for count in (100, 1000):
        cut(Sloping(count), HOW, tmp_path, bar=False)
    assert max(sizes[1000]) < 1.1 * max(sizes[100])


def test_a_cache_is_pruned_by_last_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (3, 5, 6):
        cut(Sloping(count), HOW, tmp_path, bar=False)
    assert cut(Made(1), Cut(), tmp_path, bar=False)
    (tmp_path / "hashes.json").write_text("{}")
    (tmp_path / "mine").mkdir()  # whatever else is there stays
    for age, entry in enumerate(sorted(entries(tmp_path), key=lambda entry: entry.size)):
        os.utime(entry.folder / cache.INDEX, (1e9 - age, 1e9 - age))
    made, *sloping = sorted(entries(tmp_path), key=lambda entry: -entry.size)
    cut(Made(1), Cut(), tmp_path, bar=False)  # used just now
    room = (made.size + sloping[-1].size) / 1e9
    assert main(["cache", str(tmp_path), "--prune", f"{room:.12f}"]) == 0
    said = capsys.readouterr()
    assert said.err.count("removed") == 2
    assert said.out.count(" sloping-") == 1
    assert said.out.count(" made-") == 1
    assert {entry.folder for entry in entries(tmp_path)} == {made.folder, sloping[-1].folder}
    assert {path.name for path in tmp_path.iterdir()} == {
        "hashes.json", "mine", made.folder.name, sloping[-1].folder.name,
    }  # fmt: skip
    monkeypatch.setattr(module, "ROOM_GB", room / 2)
    cut(Made(1), Cut(), tmp_path)
    assert "edge-train cache --prune" in capsys.readouterr().err
    assert main(["cache", str(tmp_path / "none")]) == 5


def test_what_others_left_half_written_there_is_none_of_it(tmp_path: Path) -> None:
    (tmp_path / f".beats.npz.77{shards.UNFINISHED}").write_bytes(b"torn")
    assert entries(tmp_path) == []


def test_what_is_open_can_be_read_when_it_was_pruned(tmp_path: Path, whole: Windows) -> None:
    windows = cut(Sloping(60), HOW, tmp_path, bar=False)
    assert len(prune(tmp_path, 0)) == 1
    assert not [*tmp_path.iterdir()]
    assert same(windows, whole)
