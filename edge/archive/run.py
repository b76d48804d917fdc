"""An archive on all cores, or on a cluster: what is done is kept, so that a killed run goes on."""

import fcntl
import json
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from importlib import metadata
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from edge.archive.records import stamp
from edge.archive.score import FIELDS, How, scored
from edge.bundle import Bundle
from edge.errors import OutputError
from edge.sinks import writing
from edge.workers import end_with_parent

JOURNAL: Final = "done.jsonl"
"""First what decides the rows, then a line a record that is done."""
ROWS: Final = "records.parquet"
ANNOTATIONS: Final = "annotations"
_WAITING: Final = 4  # records a worker, so that none waits for this process
_LOOKED_S: Final = 5.0  # between looks whether a cluster that gives nothing has workers at all
_TYPES: Final = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    list: pa.list_(pa.string()),
}

Row = dict[str, Any]
Done = tuple[str, list[list[int]], Row]
"""A record's name, the sizes and times of its files when it was begun, and its row."""


def run(
    records: dict[str, Path],
    how: How,
    out: Path,
    *,
    workers: int,
    scheduler: str | None = None,
    restart: bool = False,
) -> list[Row]:
    """Scores what is not done yet, writes `out`/records.parquet, and gives its rows by name.

    `scheduler` is the address of a Dask cluster, whose workers see the same files under the same
    paths; else `workers` processes of this machine are used. Killed at any moment and started
    again it ends with the same file.

    OutputError where `out` cannot be written, another run writes to it, or it holds the rows of
    other settings and `restart` does not throw them away.
    """
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        journal = _Journal(out / JOURNAL, _identity(how), restart=restart)
    with closing(journal):
        rows = {
            name: row
            for name, (row, seen) in journal.done.items()
            if name in records and seen == stamp(records[name])
        }
        left = {name: path for name, path in records.items() if name not in rows}
        work = partial(scored, how=how, annotations=out / ANNOTATIONS)
        found = _on_cluster(left, work, scheduler) if scheduler else _here(left, work, workers)
        bar = tqdm(total=len(records), initial=len(rows), unit="record", disable=None)
        with bar, closing(found):
            for name, seen, row in found:
                rows[name] = row
                with writing(journal.path):
                    journal.add(name, row, seen)
                bar.update()
    ordered = [rows[name] for name in records]
    with writing(out / ROWS):
        _write(ordered, out / ROWS)
    return ordered


def _identity(how: How) -> Row:
    bundle = Bundle.load(how.model).manifest
    files = {name: spec.sha256 for name, spec in bundle.files.items()}
    return {"version": metadata.version("edge-ecg"), **asdict(how), "files": files}


class _Journal:
    """Rows that are done, a line each, handed to the system as soon as they are."""

    def __init__(self, path: Path, identity: Row, *, restart: bool) -> None:
        self.path = path
        self.done: dict[str, tuple[Row, list[list[int]]]] = {}
        identity = json.loads(json.dumps(identity))
        self._file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")  # noqa: PTH123, SIM115
        try:
            self._alone()
            whole = b"" if restart else self._read(identity)
        except OutputError:
            self._file.close()
            raise
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        if not whole:
            self._line(identity)

    def _alone(self) -> None:
        """No other run writes to it, until it is closed or this process ends."""
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OutputError(
                    f"another edge-score writes to {self.path.parent}: wait for it, or give "
                    "another --out"
                ) from None

    def _read(self, identity: Row) -> bytes:
        """The lines that are whole; OutputError where they are not of this run."""
        data = self._file.read()
        whole = data[: data.rfind(b"\n") + 1]
        if not whole:
            return b""
        try:
            first, *rest = map(json.loads, whole.splitlines())
            self.done = {row["record"]: (row, seen) for row, seen in rest}
            differs = sorted(k for k in identity | first if identity.get(k) != first.get(k))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise OutputError(f"{self.path} is damaged: give --restart, or another --out") from None
        if differs:
            raise OutputError(
                f"{self.path.parent} was scored with another {', '.join(differs)}: give another "
                "--out, or --restart to begin anew"
            )
        return whole

    def add(self, name: str, row: Row, seen: list[list[int]]) -> None:
        self.done[name] = row, seen
        self._line([row, seen])

    def _line(self, what: object) -> None:
        self._file.write(json.dumps(what, allow_nan=False).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    """Processes that end with this one, and at once where it is stopped."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begun)
    try:
        yield pool
    except BaseException:
        for child in active_children():
            child.kill()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _begun() -> None:
    """In a new process: Ctrl-C is the parent's, and its end, however it comes, is this one's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def _here(
    left: dict[str, Path], work: Callable[[str, Path], Row], workers: int
) -> Generator[Done, None, None]:
    """All records, as they are done, in processes of this machine.

    One that kills its process costs no other: those that were under way then are done again, one
    at a time, and what kills its process then is bad.
    """
    todo, most = deque(left.items()), _WAITING * workers
    while todo:
        suspects = deque[tuple[str, Path]]()
        with _pool(workers) as pool:
            for name, seen, future in _each(pool.submit, wait, work, todo, lambda: most):
                try:
                    yield name, seen, future.result()
                except BrokenProcessPool:
                    suspects.append((name, left[name]))
        while suspects:
            with _pool(1) as alone:
                for name, seen, future in _each(alone.submit, wait, work, suspects, lambda: 1):
                    try:
                        yield name, seen, future.result()
                    except BrokenProcessPool:
                        yield name, seen, _bad(name, "it killed the process that read it")


def _on_cluster(
    left: dict[str, Path], work: Callable[[str, Path], Row], scheduler: str
) -> Generator[Done, None, None]:
    """The same on a Dask cluster, which itself tries again what a worker had that died.

    After several deaths it is done alone, as there.
    """
    import distributed

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is told here
    try:
        client = distributed.Client(scheduler, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise OutputError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    with client:
        try:
            yield from _in_turn(client, left, work)
        except (distributed.CancelledError, OSError) as error:
            raise OutputError(
                f"the Dask scheduler at {scheduler} is gone: what is done is kept, and the same "
                f"command goes on with the rest ({type(error).__name__})"
            ) from None


def _in_turn(
    client: Any, left: dict[str, Path], work: Callable[[str, Path], Row]
) -> Iterator[Done]:
    """All at once; then one at a time those whose workers died."""
    import distributed

    # Not its executor, whose futures never end where workers die.
    each = partial(_each, partial(client.submit, pure=False), partial(_waited, client), work)
    suspects = deque[tuple[str, Path]]()
    # As many as there are threads now: workers come and go.
    for name, seen, future in each(
        deque(left.items()), lambda: _WAITING * max(1, sum(client.nthreads().values()))
    ):
        try:
            yield name, seen, future.result()
        except distributed.KilledWorker:
            suspects.append((name, left[name]))
    for name, seen, future in each(suspects, lambda: 1):
        try:
            yield name, seen, future.result()
        except distributed.KilledWorker:
            yield name, seen, _bad(name, "it killed each worker that read it")


def _waited(client: Any, running: list[Any], return_when: str) -> Any:
    """Waits for a cluster, and says once where it has nobody left to wait for."""
    import distributed

    told = False
    while True:
        try:
            return distributed.wait(running, _LOOKED_S, return_when)  # type: ignore[no-untyped-call]
        except TimeoutError:
            if not told and not client.nthreads():
                told = True
                tqdm.write(
                    "edge-score: the cluster has no worker: waiting for one; Ctrl-C stops, and "
                    "what is done is kept",
                    file=sys.stderr,
                )


class _Result(Protocol):
    """A future, of a pool or a cluster."""

    def result(self) -> Row: ...


def _each(
    submit: Callable[..., _Result],
    wait: Callable[..., Any],
    work: Callable[[str, Path], Row],
    todo: deque[tuple[str, Path]],
    most: Callable[[], int],
) -> Iterator[tuple[str, list[list[int]], _Result]]:
    """Takes records off `todo`; gives each one's name, files, and result when that is there.

    `submit` and `wait` are those of `concurrent.futures`, or another's like them. So many records
    wait, or run, as `most` says then. Ends where there are none, or the pool is broken.
    """
    running: dict[_Result, tuple[str, list[list[int]]]] = {}
    broken = False
    while True:
        room = most() - len(running)
        while todo and room > 0 and not broken:
            name, path = todo[0]
            seen = stamp(path)
            try:
                running[submit(work, name, path)] = name, seen
            except BrokenProcessPool:
                broken = True
                break
            todo.popleft()
            room -= 1
        if not running:
            return
        for future in wait(list(running), return_when=FIRST_COMPLETED).done:
            yield *running.pop(future), future


def _bad(name: str, error: str) -> Row:
    return dict.fromkeys(FIELDS) | {"record": name, "error": error}


def _write(rows: list[Row], path: Path) -> None:
    """All of them at once: a file that is there is a whole one."""
    schema = pa.schema([(name, _TYPES[kind]) for name, kind in FIELDS.items()])
    part = path.with_name(path.name + ".part")
    pq.write_table(pa.Table.from_pylist(rows, schema), part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
