"""Rows of one kind on disk, in files of one size, written by one process at a time.

A folder that is being written ends in `.new`. Whoever writes holds its lock, which dies with its
process; who comes next waits, and goes on where the one before was stopped.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from train.engine.files import replacing, synced, write_text

UNFINISHED: Final = ".new"
_LOCK: Final = "lock"

Made = NDArray[np.void] | str
"""The rows of one item, or why there are none."""


@contextmanager
def claimed(folder: Path) -> Iterator[Path | None]:
    """The unfinished folder, held until the end; None where there is `folder` itself by then.

    Waits for whoever holds it, for as long as that takes.
    """
    new = folder.with_name(folder.name + UNFINISHED)
    while not folder.is_dir():
        new.mkdir(parents=True, exist_ok=True)
        lock = _locked(new / _LOCK)
        if lock:
            with lock:
                yield new
            return
    yield None


def _locked(path: Path) -> IO[str] | None:
    """A file with a lock, which ends as it is closed; None where it has gone before that.

    Not `flock`: what a process forks would hold that on when the process itself is killed.
    """
    with suppress(FileNotFoundError):
        file = path.open("a")
        fcntl.lockf(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()
    return None


def held(folder: Path) -> bool:
    """Whether another process is writing an unfinished folder."""
    try:
        with (folder / _LOCK).open("a") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:
        return False
    return False


class Stand(NamedTuple):
    """How far a folder has been written."""

    shards: int
    item: int
    """The next one, of which `rows` rows are in the last shard already."""
    rows: int
    skipped: dict[str, str]
    """Why items before that have no rows, by name."""


def stand(folder: Path) -> Stand:
    """Of an unfinished folder."""
    skipped: dict[str, str] = {}
    item = rows = count = 0
    while (folder / f"{count:05}.npy").exists():
        item, rows, some = json.loads((folder / f"{count:05}.json").read_text("utf-8"))
        skipped |= some
        count += 1
    return Stand(count, item, rows, skipped)


def write(folder: Path, size: int, made: Iterable[tuple[str, Made]], at: Stand) -> Stand:
    """Writes what is made of the items from `at` on, each by name; how it stands at the end.

    All shards but the last have `size` rows. Of each shard it says first how far it goes.
    """
    held: list[NDArray[np.void]] = []
    count, item, drop, skipped = at.shards, at.item, at.rows, {}
    whole = dict(at.skipped)
    for item, (name, rows) in enumerate(made, at.item):
        if isinstance(rows, str):
            skipped[name] = rows
            continue
        held.append(rows[drop:])
        drop, left = 0, sum(map(len, held))
        while left >= size:
            joined = np.concatenate(held)
            held = [joined[size:]]
            left -= size
            _write(folder, count, joined[:size], (item, len(rows) - left, skipped))
            whole |= skipped
            count, skipped = count + 1, {}
    if sum(map(len, held)):
        _write(folder, count, np.concatenate(held), (item + 1, 0, skipped))
        count += 1
    return Stand(count, item + 1, 0, whole | skipped)


def _write(folder: Path, number: int, rows: NDArray[np.void], upto: tuple[Any, ...]) -> None:
    write_text(folder / f"{number:05}.json", json.dumps(upto))
    with replacing(folder / f"{number:05}.npy") as new, new.open("wb") as file:
        np.save(file, rows)


def finish(unfinished: Path, folder: Path) -> None:
    """Gives a folder its name, now that all of it is there."""
    for path in unfinished.iterdir():
        if (path.suffix == ".json" and path.stem.isdigit()) or path.name.startswith("."):
            path.unlink()
    synced(unfinished)
    (unfinished / _LOCK).unlink()
    unfinished.rename(folder)
    synced(folder.parent)
