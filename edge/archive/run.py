"""An archive on all cores, or on a cluster: what is done is kept, so that a killed run goes on."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import asdict
from importlib import metadata
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from edge.archive.records import stamp
from edge.archive.score import FIELDS, How, scored
from edge.bundle import Bundle
from edge.errors import OutputError
from edge.sinks import writing

JOURNAL: Final = "done.jsonl"
"""First what decides the rows, then a line a record that is done."""
ROWS: Final = "records.parquet"
ANNOTATIONS: Final = "annotations"
_WAITING: Final = 4  # records a worker, so that none waits for this process
_TYPES: Final = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    list: pa.list_(pa.string()),
}

Row = dict[str, Any]


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

    OutputError where `out` cannot be written, or holds the rows of other settings and `restart`
    does not throw them away.
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
        bar = tqdm(total=len(records), initial=len(rows), unit="record", disable=None)
        with bar, _executor(workers, scheduler) as executor:
            for name, seen, row in _all(executor, left, how, out / ANNOTATIONS, workers):
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
        whole = b"" if restart else self._read(identity)
        self._file = path.open("r+b" if whole else "wb")
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        if not whole:
            self._line(identity)

    def _read(self, identity: Row) -> bytes:
        """The lines that are whole; OutputError where they are not of this run."""
        if not self.path.exists():
            return b""
        data = self.path.read_bytes()
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
def _executor(workers: int, scheduler: str | None) -> Iterator[Executor]:
    if scheduler is None:
        pool = _pool(workers)
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return
    from distributed import Client

    try:
        client = Client(scheduler, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise OutputError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    with client:
        yield client.get_executor(retries=2)  # type: ignore[no-untyped-call]


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, get_context("spawn"), _quiet)


def _quiet() -> None:
    """Ctrl-C is the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _all(
    executor: Executor, left: dict[str, Path], how: How, annotations: Path, workers: int
) -> Iterator[tuple[str, list[list[int]], Row]]:
    """Each record's name, what it was when it was begun, and its row, as they are done.

    A record that kills its worker costs no other one: those that were under way then are done
    again, each in a process of its own.
    """
    todo = iter(left.items())
    running: dict[Future[Row], tuple[str, list[list[int]]]] = {}
    suspects: list[str] = []
    while True:
        for name, path in islice(todo, _WAITING * workers - len(running)):
            seen = stamp(path)
            try:
                future = executor.submit(scored, name, path, how, annotations)
            except BrokenProcessPool:
                suspects.append(name)
                break
            running[future] = name, seen
        if not running:
            break
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            name, seen = running.pop(future)
            try:
                yield name, seen, future.result()
            except BrokenProcessPool:
                suspects.append(name)
    for name in suspects:
        seen = stamp(left[name])
        with _pool(1) as alone:
            try:
                row = alone.submit(scored, name, left[name], how, annotations).result()
            except BrokenProcessPool:
                row = dict.fromkeys(FIELDS) | {"record": name, "error": "it killed the process"}
        yield name, seen, row
    if suspects:
        rest = dict(todo)
        if rest:
            with _executor(workers, None) as fresh:
                yield from _all(fresh, rest, how, annotations, workers)


def _write(rows: list[Row], path: Path) -> None:
    """All of them at once: a file that is there is a whole one."""
    schema = pa.schema([(name, _TYPES[kind]) for name, kind in FIELDS.items()])
    part = path.with_name(path.name + ".part")
    pq.write_table(pa.Table.from_pylist(rows, schema), part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
