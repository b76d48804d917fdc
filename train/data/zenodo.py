"""Download of a data set from Zenodo: few files, so large that they go to the disk as they come.

Zenodo's list of a record says the size and MD5 of each. An archive holds one HDF5 file; what is
kept is that, and beside it which archive it came out of.
"""

import hashlib
import json
import re
import zipfile
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tqdm import tqdm

from train.data.download import Site
from train.data.errors import FetchError
from train.data.sources import Source
from train.engine.files import replacing, write_text

SITE: Final = "https://zenodo.org/"
MOST_BYTES: Final = 16 << 30
"""Of any file, packed or not; the largest at hand unpacks to some 4 GB."""
_CHUNK: Final = 1 << 20


class _File(NamedTuple):
    url: str
    path: Path
    size: int
    md5: str


def fetch(name: str, source: Source, folder: Path, site: Site) -> None:
    """What of a record is wanted and not there yet, with a progress bar; FetchError as ever."""
    url = f"{SITE}api/records/{source.project}"
    [listing] = site.each(site.read, [url])
    files = _listed(name, source, folder, url, listing)
    got = site.each(partial(_get, site), files)
    for _ in tqdm(got, name, len(files), unit="file"):
        pass


def _listed(name: str, source: Source, folder: Path, url: str, listing: bytes) -> list[_File]:
    found = []
    try:
        for file in json.loads(listing)["files"]:
            kind, _, md5 = str(file["checksum"]).partition(":")
            match = re.fullmatch(source.files, str(file["key"]))
            if match and kind == "md5":
                place = folder / match[1]
                size = min(int(file["size"]), MOST_BYTES)
                found.append(_File(f"{url}/files/{match[0]}/content", place, size, md5))
    except (ValueError, LookupError, TypeError, RecursionError):
        found = []
    if not found:
        raise FetchError(
            f"what {source.host} sent as a list has no file of {name}: check that the network "
            "lets it through, then run the same command again"
        )
    return found


def _get(site: Site, file: _File) -> None:
    """Brings one file, goes on where that was stopped, and unpacks it if it is an archive."""
    archive = file.path.suffix == ".zip"
    kept = file.path.with_suffix(".hdf5") if archive else file.path
    note = kept.with_name(f".{kept.name}.of")
    if archive and kept.exists() and _note(note) == f"{file.md5} {kept.stat().st_size}":
        return
    if not archive and kept.exists() and _md5(kept, site) == file.md5:
        return
    part = file.path.with_name(f"{file.path.name}.part")
    site.save(file.url, part, file.size)
    if _md5(part, site) != file.md5:
        part.unlink()
        raise FetchError(f"{file.url} arrived damaged: run the same command again")
    if not archive:
        part.replace(kept)
        return
    _unpack(part, kept, site)
    write_text(note, f"{file.md5} {kept.stat().st_size}")
    part.unlink(missing_ok=True)  # another command may have unpacked it, too


def _note(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return ""


def _md5(path: Path, site: Site) -> str:
    total = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
            site.moved(len(chunk))
    return total.hexdigest()


def _unpack(archive: Path, kept: Path, site: Site) -> None:
    """Writes the one file of an archive that has the right name."""
    try:
        with zipfile.ZipFile(archive) as packed, replacing(kept) as new, new.open("wb") as out:
            [member] = [m for m in packed.namelist() if Path(m).name == kept.name]
            with packed.open(member) as file:
                while chunk := file.read(_CHUNK):
                    if out.tell() + len(chunk) > MOST_BYTES:
                        raise ValueError
                    out.write(chunk)
                    site.moved(len(chunk))
    except (ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        archive.unlink()
        raise FetchError(f"{archive.stem} does not hold {kept.name} as it should") from error
