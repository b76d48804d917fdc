"""Download of the data sets that the project's commands and tests use, from PhysioNet."""

import contextlib
import hashlib
import io
from pathlib import Path
from typing import Final

import wfdb
from tqdm import tqdm

from train.data import mitdb
from train.errors import FetchError

DATA_SETS: Final = {
    "mitdb": (mitdb.ALL, ("hea", "dat", "atr")),
    "nstdb": (("bw", "em", "ma"), ("hea", "dat")),
}
"""Records and file types of each data set; of the Noise Stress Test Database only the noises."""

_SUMS = "SHA256SUMS.txt"


def fetch(name: str, data_dir: Path) -> Path:
    """Download a data set into `data_dir/name`, showing a progress bar on stderr; returns that.

    Every file is held against PhysioNet's SHA-256 list. Files that are already there and whole
    are kept, so an interrupted download is taken up by calling this again. Raises FetchError
    where the name is unknown, PhysioNet cannot be reached, or a file arrives damaged.
    """
    if name not in DATA_SETS:
        known = ", ".join(DATA_SETS)
        raise FetchError(f"there is no data set {name!r} to fetch: it is one of {known}")
    folder = data_dir / name
    records, types = DATA_SETS[name]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(name, folder, [_SUMS])
        sums = _read_sums(folder / _SUMS)
        for record in tqdm(records, desc=name, unit="record"):
            files = [folder / f"{record}.{type_}" for type_ in types]
            wanted = [file for file in files if not _is_whole(file, sums)]
            for file in wanted:
                file.unlink(missing_ok=True)
            _download(name, folder, [file.name for file in wanted])
            for file in wanted:
                if not _is_whole(file, sums):
                    file.unlink()
                    raise FetchError(
                        f"{file.name} of {name} arrived damaged and was removed: "
                        "run the same command again"
                    )
    # wfdb's search for the version fails with an IndexError on a page that is not PhysioNet's.
    except (OSError, IndexError) as error:
        raise FetchError(
            f"cannot download {name} from physionet.org into {folder}: check the network and the "
            "folder, then run the same command again; what is complete is kept"
        ) from error
    return folder


def _download(name: str, folder: Path, files: list[str]) -> None:
    if files:
        with contextlib.redirect_stdout(io.StringIO()):  # wfdb prints
            wfdb.dl_files(name, str(folder), files)


def _read_sums(path: Path) -> dict[str, str]:
    """SHA-256 by file name, from lines of both."""
    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    pairs = [line.split(maxsplit=1) for line in lines]
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def _is_whole(path: Path, sums: dict[str, str]) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sums.get(path.name)
