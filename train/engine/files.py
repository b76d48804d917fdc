"""Files that are there whole or not at all, whenever the process that writes them is killed."""

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import OutputError, RecordError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when all of it is on the disk."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        new.touch()
        mode = new.stat().st_mode  # what safetensors writes its owner alone may read
        yield new
        new.chmod(mode)
        synced(new)
        new.replace(path)
        synced(path.parent)
    finally:
        new.unlink(missing_ok=True)


def synced(path: Path) -> None:
    """Waits until a file, or what a folder lists, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Replaces a text file."""
    with replacing(path) as new:
        # A name that the locale could not decode goes back to what it was.
        new.write_text(text, "utf-8", "surrogateescape")


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes an .npz file; OutputError where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new, new.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def load_arrays(path: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Named arrays of what `save_arrays` wrote; RecordError where it is damaged."""
    try:
        with np.load(path) as arrays:
            return {name: arrays[name] for name in names}
    # A damaged archive surfaces as almost any exception of those that read archives.
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile) as e:
        raise RecordError(f"{path} is damaged: remove it, and it is made again") from e
