"""Inputs that fuzzing found to take different ways through the readers of files, read again."""

import resource
import tempfile
import time
import warnings
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from edge import replay
from edge.errors import RecordError
from edge.files import ARRAYS, TABLES

READERS: Final = {
    "wfdb": ["r.hea", "s.hea", "r.dat", "s.dat"],
    "edf": ["r.edf"],
    "bdf": ["r.bdf"],
    "table": ["r.csv"],
    "npy": ["r.npy"],
    "npz": ["r.npz"],
}
"""Files that each input is; the first is played."""
PARTS: Final = b"\n%%\n"
"""Between the files of an input."""
CORPUS: Final = Path(__file__).parent / "corpus"
_MOST_MB: Final = 400
_MOST_S: Final = 20.0
_BLOCKS: Final = 100


def check(reader: str, data: bytes, folder: Path) -> bool:
    """Whether an input plays; it is refused in one sentence else, in bounded time and memory."""
    names = READERS[reader]
    parts = data.split(PARTS, len(names) - 1)
    for name, part in zip(names, parts + [b""] * len(names), strict=False):
        (folder / name).write_bytes(part)
    path = folder / names[0]
    mb, began = _peak_mb(), time.process_time()
    told = "plays"
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")  # as an error one would be caught, and pass as damage
        try:
            given = path.suffix in TABLES + ARRAYS and len(data) % 2
            opened = replay.Opened(path, fs=250 if given else None)
            for block in islice(replay.blocks(opened), _BLOCKS):
                assert np.isfinite(block.mv).all()
                assert block.mv.shape[1] == len(opened.leads)
        except RecordError as error:
            told = str(error)
    assert "\n" not in told
    assert not warned, warned[0]
    assert _peak_mb() - mb < _MOST_MB
    assert time.process_time() - began < _MOST_S
    return told == "plays"


def kept(reader: str) -> Iterator[bytes]:
    """The corpus of a reader."""
    with zipfile.ZipFile(CORPUS / f"{reader}.zip") as file:
        for name in file.namelist():
            yield file.read(name)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("reader", READERS)
def test_what_fuzzing_found_plays_or_is_refused(reader: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = {check(reader, data, Path(folder)) for data in kept(reader)}
    assert results == {True, False}
