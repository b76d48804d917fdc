"""Which recordings a folder or a list names."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from edge.errors import RecordError
from edge.files import EDF

_KINDS: Final = (".hea", *EDF)
"""Of files that a folder is searched for; CSV and NumPy files may be anything, and must be named.
"""


def listed(where: Path) -> dict[str, Path]:
    """Recordings by name, in order of their names.

    Of a folder all WFDB records (no segments of others) and EDF files below it, each called by its
    path there, a record without its suffix; a folder in it that cannot be read, too: as a record
    that cannot be. Of a list, a text file, what its lines name, as seen from the list's folder; `#`
    begins a comment. Bytes of a name that are no UTF-8 are written as `\\udcff`.

    RecordError where there is none, or two would have the same annotations.
    """
    try:
        found = _in_folder(where) if where.is_dir() else _in_list(where)
        records = {_text(name): path for name, path in sorted(found)}
    except UnicodeDecodeError:
        raise RecordError(
            f"{where} is no list, which is text with the path of a recording a line"
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise RecordError(f"cannot read {where}: {why}") from None
    if not records:
        raise RecordError(
            f"{where} holds no recording in WFDB or EDF"
            if where.is_dir()
            else f"{where} names no recording: give a folder of WFDB or EDF, or a list"
        )
    taken: dict[str, str] = {}
    for name in records:
        other = taken.setdefault(beside(name), name)
        if other != name:
            raise RecordError(f"{other} and {name} would have annotations of one name: score one")
    return records


def beside(name: str) -> str:
    """Where a recording's annotations go in a folder of their own, whatever it is called."""
    return "/".join(part for part in PurePosixPath(name).parts if part not in ("/", "//", ".."))


def stamp(path: Path) -> list[list[int]]:
    """Sizes and times of the files of a recording, to tell a changed one; [] if there is none."""
    files: list[Path] = []
    with suppress(OSError):  # a folder that cannot be read
        files += _files(path)
    found = []
    for file in files:
        with suppress(OSError, ValueError):  # a name that none can have
            info = file.stat()
            found.append([info.st_size, info.st_mtime_ns])
    return found


def _files(path: Path) -> Iterator[Path]:
    """Those that hold a recording: of a WFDB record its headers and what they name, too."""
    # os.path: where pathlib raises (no permission, a name too long), it says no.
    if os.path.isdir(path):  # noqa: PTH112
        yield from sorted(path.iterdir())
        return
    yield path
    there = (path.with_name(f"{path.name}.hea"), path.with_suffix(".hea"))
    headers = [header for header in there if os.path.isfile(header)][:1]  # noqa: PTH113
    headers += [header.parent / part for header in headers for part in sorted(_segments(header))]
    for header in headers:
        yield header
        yield from (header.parent / row[0] for row in _rows(header)[1:])


def _text(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def _in_folder(folder: Path) -> Iterator[tuple[str, Path]]:
    unread: list[OSError] = []
    for at, folders, files in os.walk(folder, onerror=unread.append):
        folders.sort()
        here = Path(at)
        headers = {name for name in files if name.casefold().endswith(_KINDS)}
        parts: set[str] = set()
        for name in headers:
            if name.endswith(".hea"):
                parts |= _segments(here / name)
        for name in headers - parts:
            path = here / name
            path = path.with_suffix("") if path.suffix == ".hea" else path
            yield path.relative_to(folder).as_posix(), path
    for error in unread:
        path = Path(error.filename)
        if path == folder:
            raise error
        yield path.relative_to(folder).as_posix(), path


def _segments(header: Path) -> set[str]:
    """Headers of the segments of a record; none where it is no record of segments."""
    rows = _rows(header)
    if not rows or "/" not in rows[0][0]:
        return set()
    return {f"{row[0]}.hea" for row in rows[1:]}


def _rows(header: Path) -> list[list[str]]:
    """The words of a header's lines; none where it cannot be read."""
    try:
        lines = header.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]


def _in_list(file: Path) -> Iterator[tuple[str, Path]]:
    for line in file.read_text("utf-8-sig").splitlines():
        name = line.partition("#")[0].strip()
        if name:
            yield name.removesuffix(".hea"), file.parent / name.removesuffix(".hea")
