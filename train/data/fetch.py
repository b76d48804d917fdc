"""Download of the data sets that the project's commands and tests use, from PhysioNet."""

import hashlib
import posixpath
import re
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Final, NamedTuple

from tqdm import tqdm
from wfdb.io import download

from train.errors import FetchError


class Source(NamedTuple):
    """Where PhysioNet has a data set, and where it goes."""

    project: str
    """With its version."""
    folder: str
    """Below the folder of all data."""
    files: str
    """Matches the project's files that are wanted; its group is their path in the folder."""


_CHALLENGE = "challenge-2021/1.0.3"
_SIGNALS = r"\.(?:hea|mat)"

DATA_SETS: Final = {
    "mitdb": Source("mitdb/1.0.0", "mitdb", r"(\d{3}\.(?:hea|dat|atr))"),
    # Only the noises: the noisy records are made of them and mitdb.
    "nstdb": Source("nstdb/1.0.0", "nstdb", r"((?:bw|em|ma)\.(?:hea|dat))"),
    "ludb": Source(
        "ludb/1.0.1", "ludb", r"(ludb\.csv|data/\d+\.(?:hea|dat|i|ii|iii|av[rlf]|v[1-6]))"
    ),
    "ptbxl": Source(
        "ptb-xl/1.0.3",
        "ptbxl",
        r"((?:ptbxl_database|scp_statements)\.csv|records100/\d{5}/\d{5}_lr\.(?:hea|dat))",
    ),
    "cinc2015": Source(
        "challenge-2015/1.0.0", "cinc2015", rf"training/([a-z]\d{{3}}[ls]{_SIGNALS}|ALARMS)"
    ),
    "cinc2017": Source(
        "challenge-2017/1.0.0",
        "cinc2017",
        rf"training/(?:A\d\d/)?(A\d{{5}}{_SIGNALS}|REFERENCE\.csv)",
    ),
    "cpsc2021": Source(
        "cpsc2021/1.0.0", "cpsc2021", r"Training_set_II?/(data_\d+_\d+\.(?:hea|dat|atr))"
    ),
    "georgia": Source(_CHALLENGE, "cinc2021", rf"training/georgia/g\d+/(E\d+{_SIGNALS})"),
    "chapman": Source(
        _CHALLENGE,
        "cinc2021",
        rf"training/(?:chapman_shaoxing|ningbo)/g\d+/(JS\d+{_SIGNALS})",
    ),
    "cpsc-extra": Source(
        _CHALLENGE, "cpsc2018", rf"training/cpsc_2018_extra/g\d+/(Q\d+{_SIGNALS})"
    ),
}
"""Each data set by its name."""

_SUMS = "SHA256SUMS.txt"
_CONNECTIONS = 2  # what PhysioNet's own package allows itself


class _File(NamedTuple):
    url: str
    path: Path
    sha256: str


def fetch(name: str, data_dir: Path) -> Path:
    """Download a data set into its folder below `data_dir`, with a progress bar; returns that.

    PhysioNet's SHA-256 list says which files there are, and every one is held against it. Files
    that are already there and whole are kept, so an interrupted download is taken up by calling
    this again. Raises FetchError where the name is unknown, PhysioNet cannot be reached, or a
    file arrives damaged.
    """
    if name not in DATA_SETS:
        known = ", ".join(DATA_SETS)
        raise FetchError(f"there is no data set {name!r} to fetch: it is one of {known}")
    project, subfolder, _ = DATA_SETS[name]
    folder = data_dir / subfolder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(posixpath.join(project, _SUMS), folder / _SUMS)
        files = _wanted(name, folder)
        with ThreadPool(_CONNECTIONS) as pool:
            for _ in tqdm(pool.imap(_get, files), name, len(files), unit="file"):
                pass
    except OSError as error:
        raise FetchError(
            f"cannot download {name} from physionet.org into {folder}: check the network and the "
            "folder, then run the same command again; what is complete is kept"
        ) from error
    return folder


def _wanted(name: str, folder: Path) -> list[_File]:
    """The data set's files that the list in its folder has, from lines of SHA-256 and path."""
    lines = (folder / _SUMS).read_text(encoding="ascii", errors="replace").splitlines()
    project, _, pattern = DATA_SETS[name]
    files = []
    for line in lines:
        sha256, _, file = line.partition(" ")
        if match := re.fullmatch(pattern, file.strip()):
            url = posixpath.join(project, match[0])
            files.append(_File(url, folder / match[1], sha256))
    if not files:
        raise FetchError(
            f"what physionet.org sent as {_SUMS} lists no file of {name}: check that the network "
            "lets it through, then run the same command again"
        )
    return files


def _get(file: _File) -> None:
    if not _is_whole(file):
        file.path.parent.mkdir(parents=True, exist_ok=True)
        _download(file.url, file.path)
        if not _is_whole(file):
            file.path.unlink()
            raise FetchError(
                f"{file.url} arrived damaged and was removed: run the same command again"
            )


def _download(url: str, path: Path) -> None:
    download.dl_full_file(posixpath.join(download.config.db_index_url, url), str(path))


def _is_whole(file: _File) -> bool:
    if not file.path.exists():
        return False
    with file.path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
