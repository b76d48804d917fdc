"""Readings of many records: on all cores, bounded in memory, and killed they go on."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edge import whole
from edge.archive.journal import Journal
from edge.archive.processes import Row, here
from edge.archive.records import stamp
from edge.errors import EdgeError
from edge.sinks import writing
from train.engine.files import sha256
from train.reading.nets import opened
from train.reading.reader import Reader


def told(records: dict[str, Path], nets: Sequence[Path], fs: float | None) -> Iterator[Row]:
    """A row of each record as it is read, in no order: its reading as JSON, or its `error`."""
    with closing(_read(records, nets, fs)) as rows, _bar(records) as bar:
        for _, _, row in rows:
            yield row
            bar.update()


def kept(
    records: dict[str, Path], nets: Sequence[Path], fs: float | None, out: Path
) -> Iterator[Row]:
    """The same rows, in order, when all of them are in `out`, a line each.

    What is done waits beside it, in `out`.part: killed at any moment and called again it goes on.
    OutputError where that cannot be, or was read by other networks.
    """
    whole.check(out, overwrite=True)
    part = out.with_name(f"{out.name}.part")
    with writing(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        otherwise = f"remove {part}, or give another --json"
        journal = Journal(part, _identity(nets, fs), of=part, otherwise=otherwise)
    with closing(journal):
        left = {n: path for n, path in records.items() if journal.done.get(n) != stamp(path)}
        with closing(_read(left, nets, fs)) as rows, _bar(records, len(left)) as bar:
            for _, seen, row in rows:
                with writing(part):
                    journal.add(row, seen)
                bar.update()
        with whole.made(out, overwrite=True) as made, made.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(journal.row(name)) + "\n" for name in records)
        part.unlink()
        yield from map(journal.row, records)


def _bar(records: dict[str, Path], left: int | None = None) -> "tqdm[Any]":
    done = 0 if left is None else len(records) - left
    return tqdm(total=len(records), initial=done, unit="record", disable=None)


def _read(records: dict[str, Path], nets: Sequence[Path], fs: float | None) -> Any:
    workers = min(len(records), len(os.sched_getaffinity(0)))
    return here(records, partial(read, nets=tuple(nets), fs=fs), workers)


def _identity(nets: Sequence[Path], fs: float | None) -> Row:
    return {
        "version": metadata.version("edge-ecg"),
        "fs": fs,
        "network": [sha256(net) for net in nets],
    }


@cache
def _reader(nets: tuple[Path, ...]) -> Reader:
    """Of this process."""
    return Reader([opened(net) for net in nets])


def read(name: str, path: Path, nets: tuple[Path, ...], fs: float | None) -> Row:
    """A record's row."""
    try:
        return _reader(nets).read(path, fs).as_json() | {"record": name, "error": None}
    except EdgeError as error:
        return {"record": name, "error": str(error)}
    except Exception as error:  # one defect must not cost the folder
        return {
            "record": name,
            "error": f"a defect of this program: {type(error).__name__}: {error}",
        }
