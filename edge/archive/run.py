"""An archive on all cores, or on a cluster: what is done is kept, so that a killed run goes on."""

import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from edge.archive.journal import Journal
from edge.archive.processes import WAITING, Done, Row, bad, each, here
from edge.archive.records import stamp
from edge.archive.score import FIELDS, How, scored
from edge.bundle import Bundle
from edge.errors import OutputError
from edge.sinks import writing

JOURNAL: Final = "done.jsonl"
ROWS: Final = "records.parquet"
ANNOTATIONS: Final = "annotations"
_LOOKED_S: Final = 5.0  # between looks whether a cluster that gives nothing has workers at all
_TYPES: Final = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    list: pa.list_(pa.string()),
}


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
        otherwise = "give another --out, or --restart to begin anew"
        journal = Journal(
            out / JOURNAL, _identity(how), of=out, otherwise=otherwise, restart=restart
        )
    with closing(journal):
        left = {n: path for n, path in records.items() if journal.done.get(n) != stamp(path)}
        work = partial(scored, how=how, annotations=out / ANNOTATIONS)
        found = _on_cluster(left, work, scheduler) if scheduler else here(left, work, workers)
        bar = tqdm(
            total=len(records), initial=len(records) - len(left), unit="record", disable=None
        )
        with bar, closing(found):
            for _, seen, row in found:
                with writing(journal.path):
                    journal.add(row, seen)
                bar.update()
        ordered = [journal.row(name) for name in records]
    with writing(out / ROWS):
        _write(ordered, out / ROWS)
    return ordered


def _identity(how: How) -> Row:
    bundle = Bundle.load(how.model).manifest
    files = {name: spec.sha256 for name, spec in bundle.files.items()}
    return {"version": metadata.version("edge-ecg"), **asdict(how), "files": files}


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
    some = partial(each, partial(client.submit, pure=False), partial(_waited, client), work)
    suspects = deque[tuple[str, Path]]()
    # As many as there are threads now: workers come and go.
    for name, seen, future in some(
        deque(left.items()), lambda: WAITING * max(1, sum(client.nthreads().values()))
    ):
        try:
            yield name, seen, future.result()
        except distributed.KilledWorker:
            suspects.append((name, left[name]))
    for name, seen, future in some(suspects, lambda: 1):
        try:
            yield name, seen, future.result()
        except distributed.KilledWorker:
            yield name, seen, bad(name, "it killed each worker that read it")


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


def _write(rows: list[Row], path: Path) -> None:
    """All of them at once: a file that is there is a whole one."""
    schema = pa.schema([(name, _TYPES[kind]) for name, kind in FIELDS.items()])
    part = path.with_name(path.name + ".part")
    pq.write_table(pa.Table.from_pylist(rows, schema), part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
