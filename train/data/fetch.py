"""Download of the data sets that the project's commands and tests use, mostly from PhysioNet.

What the network sends is not trusted: nothing is written outside the data set's folder, nothing
larger than it may be, nothing that comes from elsewhere, and only what has the right SHA-256 is
kept. Which that is PhysioNet's list says; where this project knows the data set in full, the list
is held against that.
"""

import hashlib
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tqdm import tqdm

from firmware_bridge.text import printable
from train.data import zenodo
from train.data.download import Site, connected
from train.data.errors import FetchError
from train.data.sources import DATA_SETS, Source
from train.engine.files import sha256

SITE: Final = "https://physionet.org/files/"
_SUMS = "SHA256SUMS.txt"


class _File(NamedTuple):
    url: str
    path: Path
    sha256: str


def fetch(name: str, data_dir: Path) -> Path:
    """Download a data set into its folder below `data_dir`, with a progress bar; returns that.

    The site's list says which files there are, and every one is held against its hash there. Files
    that are already there and whole are kept, so an interrupted download is taken up by calling
    this again. Raises FetchError where the name is unknown, the site cannot be reached, sends too
    much or too slowly, or a file arrives damaged.
    """
    if name not in DATA_SETS:
        known = ", ".join(DATA_SETS)
        raise FetchError(f"there is no data set {name!r} to fetch: it is one of {known}")
    source = DATA_SETS[name]
    folder = data_dir / source.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with connected(source.most) as site:
            if source.host == "zenodo.org":
                zenodo.fetch(name, source, folder, site)
            else:
                _fetch(name, source, folder, site)
    except OSError as error:  # requests' own are too
        raise FetchError(
            f"cannot download {name} from {source.host} into {folder}: check the network and the "
            f"folder, then run the same command again; what is complete is kept "
            f"({printable(str(error), 100)})"
        ) from error
    return folder


def _fetch(name: str, source: Source, folder: Path, site: Site) -> None:
    [sums] = site.each(site.read, [f"{SITE}{source.project}/{_SUMS}"])
    files = _wanted(name, source, folder, sums)
    (folder / _SUMS).write_bytes(sums)
    each = zip(files, site.each(partial(_get, site), files), strict=False)
    for file, content in tqdm(each, name, len(files), unit="file"):
        if content is not None:
            _write(file.path, content)


def digest(lines: Iterable[tuple[str, str]]) -> str:
    """SHA-256 of what a list says: hashes and paths, in order of the hashes, a line each."""
    text = "".join(f"{sha256} {path}\n" for sha256, path in sorted(lines))
    return hashlib.sha256(text.encode()).hexdigest()


def _wanted(name: str, source: Source, folder: Path, sums: bytes) -> list[_File]:
    """The data set's files that the list `sums` has, from lines of SHA-256 and path."""
    lines = sums.decode("ascii", "replace").splitlines()
    listed: dict[str, str] = {}
    files: dict[Path, _File] = {}  # by path, so that no two connections write one file
    for line in lines:
        sha256, _, file = line.partition(" ")
        if match := re.fullmatch(source.files, file.strip()):
            listed[match[0]] = sha256
            path = folder / match[1]
            files[path] = _File(f"{SITE}{source.project}/{match[0]}", path, sha256)
    if not files:
        raise FetchError(
            f"what physionet.org sent as {_SUMS} lists no file of {name}: check that the network "
            "lets it through, then run the same command again"
        )
    told = digest((sha256, file) for file, sha256 in listed.items())
    if source.pin and told != source.pin:
        raise FetchError(
            f"what physionet.org sent as {_SUMS} is not the list of {name} that this version of "
            "edge-ecg knows: check the network, or get a newer version"
        )
    return list(files.values())


def _write(path: Path, content: bytes) -> None:
    """On the disk nothing is ever half or damaged: one thread writes, and names at last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def _get(site: Site, file: _File) -> bytes | None:
    """What belongs in one file; None where it is there and whole."""
    if file.path.is_file() and sha256(file.path) == file.sha256:
        return None
    content = site.read(file.url)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise FetchError(f"{file.url} arrived damaged: run the same command again")
    return content
