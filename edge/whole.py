"""A file that is written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.errors import OutputError
from edge.sinks import writing


def check(path: Path, *, overwrite: bool = False) -> None:
    """OutputError where something is at `path` that is not to be overwritten, or no file."""
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} is there already: give another name, or --overwrite")
    if os.path.isdir(path):  # noqa: PTH112  pathlib's raises without permission
        raise OutputError(f"cannot write {path}: it is a folder")
    if os.path.lexists(path) and not os.path.isfile(path):  # noqa: PTH113
        # A device, a pipe, or a link to such or to nothing: it would be replaced, not written to.
        raise OutputError(f"cannot write {path}: what is there is no file")


@contextmanager
def made(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A file beside `path` that takes its place when it is whole; none is left else.

    OutputError where it cannot be written, or `path` is there and not to be overwritten.
    """
    check(path, overwrite=overwrite)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(path.suffix, f".{path.stem[:50]}-", path.parent)
        os.close(number)
    part = Path(name)
    try:
        with writing(path):
            yield part
            part.chmod(0o666 & ~_mask())
            part.replace(path) if overwrite else _named(part, path)
    finally:
        part.unlink(missing_ok=True)


def _named(part: Path, path: Path) -> None:
    """Give it its name, unless something has got that meanwhile."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise OutputError(f"{path} is there already: it was made meanwhile") from None
    except OSError:  # a file system without links
        part.replace(path)


def _mask() -> int:
    """What this process lets nobody do with the files it makes."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
