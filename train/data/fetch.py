"""Download of the data sets that the project's commands and tests use, from PhysioNet.

What the network sends is not trusted: nothing is written outside the data set's folder, nothing
larger than `MOST_BYTES`, nothing that comes from elsewhere, and only what has the right SHA-256 is
kept. Which that is PhysioNet's list says; where this project knows the data set in full, the list
is held against that.
"""

import hashlib
import multiprocessing
import re
import threading
from collections.abc import Iterable, Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from tqdm import tqdm

from firmware_bridge.text import printable
from train.data.errors import FetchError

SITE: Final = "https://physionet.org/files/"
MOST_BYTES: Final = 64 << 20
"""Of any file; the largest that is wanted, the list of the challenge of 2021, has some 20 MB."""
STALL_S: Final = 60.0
"""So long may pass in which less than `STALL_BYTES` come over all connections."""
STALL_BYTES: Final = 60_000
_SOCKET_S: Final = 30.0  # for a connection, and between two reads of one
_HOPS: Final = 5  # redirections, within the site
_CHUNK: Final = 1 << 14


class Source(NamedTuple):
    """Where PhysioNet has a data set, and where it goes."""

    project: str
    """With its version."""
    folder: str
    """Below the folder of all data."""
    files: str
    """Matches the project's files that are wanted; its group is their path in the folder."""
    pin: str | None = None
    """`digest` of what PhysioNet's list must say of them; None where the project never had them all
    to know it."""


_CHALLENGE = "challenge-2021/1.0.3"
_SIGNALS = r"\.(?:hea|mat)"

DATA_SETS: Final = {
    "mitdb": Source(
        "mitdb/1.0.0",
        "mitdb",
        r"(\d{3}\.(?:hea|dat|atr))",
        "7273708f681267d5519667331133db1e7056bd98994ececef537ac27c7167cc9",
    ),
    # Only the noises: the noisy records are made of them and mitdb.
    "nstdb": Source("nstdb/1.0.0", "nstdb", r"((?:bw|em|ma)\.(?:hea|dat))"),
    "ludb": Source(
        "ludb/1.0.1",
        "ludb",
        r"(ludb\.csv|data/\d+\.(?:hea|dat|i|ii|iii|av[rlf]|v[1-6]))",
        "63a2cd760d8a200e8b618a935bcec26d88b6be67ba38275c5ce91bea2c2f030a",
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


_T = TypeVar("_T")


class _File(NamedTuple):
    url: str
    path: Path
    sha256: str


def fetch(name: str, data_dir: Path) -> Path:
    """Download a data set into its folder below `data_dir`, with a progress bar; returns that.

    PhysioNet's SHA-256 list says which files there are, and every one is held against it. Files
    that are already there and whole are kept, so an interrupted download is taken up by calling
    this again. Raises FetchError where the name is unknown, PhysioNet cannot be reached, sends too
    much or too slowly, or a file arrives damaged.
    """
    if name not in DATA_SETS:
        known = ", ".join(DATA_SETS)
        raise FetchError(f"there is no data set {name!r} to fetch: it is one of {known}")
    project, subfolder, *_ = DATA_SETS[name]
    folder = data_dir / subfolder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPool(_CONNECTIONS) as pool, requests.Session() as session:
            site = _Site(session)
            [sums] = site.watched(pool.imap(site.download, [f"{SITE}{project}/{_SUMS}"]))
            files = _wanted(name, folder, sums)
            (folder / _SUMS).write_bytes(sums)
            each = zip(files, site.watched(pool.imap(site.get, files)), strict=False)
            for file, content in tqdm(each, name, len(files), unit="file"):
                if content is not None:
                    _write(file.path, content)
    except OSError as error:  # requests' own are too
        raise FetchError(
            f"cannot download {name} from physionet.org into {folder}: check the network and the "
            f"folder, then run the same command again; what is complete is kept "
            f"({printable(str(error), 100)})"
        ) from error
    return folder


def digest(lines: Iterable[tuple[str, str]]) -> str:
    """SHA-256 of what a list says: hashes and paths, in order of the hashes, a line each."""
    text = "".join(f"{sha256} {path}\n" for sha256, path in sorted(lines))
    return hashlib.sha256(text.encode()).hexdigest()


def _wanted(name: str, folder: Path, sums: bytes) -> list[_File]:
    """The data set's files that the list `sums` has, from lines of SHA-256 and path."""
    lines = sums.decode("ascii", "replace").splitlines()
    project, _, pattern, pin = DATA_SETS[name]
    listed: dict[str, str] = {}
    files: dict[Path, _File] = {}  # by path, so that no two connections write one file
    for line in lines:
        sha256, _, file = line.partition(" ")
        if match := re.fullmatch(pattern, file.strip()):
            listed[match[0]] = sha256
            path = folder / match[1]
            files[path] = _File(f"{SITE}{project}/{match[0]}", path, sha256)
    if not files:
        raise FetchError(
            f"what physionet.org sent as {_SUMS} lists no file of {name}: check that the network "
            "lets it through, then run the same command again"
        )
    if pin and digest((sha256, file) for file, sha256 in listed.items()) != pin:
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


class _Site:
    """Downloads over several connections, watched by one thread."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session
        self._received = 0
        self._lock = threading.Lock()

    def watched(self, results: "multiprocessing.pool.IMapIterator[_T]") -> Iterator[_T]:
        """Results as they come, as long as there is progress; else TimeoutError.

        It counts what comes over all connections, so that nothing can hold us for ever: neither a
        name server, nor a header or a body that comes a byte at a time.
        """
        received = self._received
        while True:
            try:
                result = results.next(STALL_S)
            except multiprocessing.TimeoutError:
                if self._received - received < STALL_BYTES:
                    raise TimeoutError(
                        f"less than {STALL_BYTES} bytes came in {STALL_S:g} s"
                    ) from None
            except StopIteration:
                return
            else:
                yield result
            received = self._received

    def get(self, file: _File) -> bytes | None:
        """What belongs in one file; None where it is there and whole."""
        if file.path.is_file() and _sha256(file.path.read_bytes()) == file.sha256:
            return None
        content = self.download(file.url)
        if _sha256(content) != file.sha256:
            raise FetchError(f"{file.url} arrived damaged: run the same command again")
        return content

    def download(self, url: str) -> bytes:
        """What the site has there; FetchError where that is too much."""
        content = bytearray()
        with self._open(url) as answer:
            for chunk in answer.iter_content(_CHUNK):
                content += chunk
                if len(content) > MOST_BYTES:
                    raise FetchError(f"{url} is larger than {MOST_BYTES} bytes")
                with self._lock:
                    self._received += len(chunk)
        return bytes(content)

    def _open(self, url: str) -> requests.Response:
        """The answer to a GET; FetchError where the site sends us elsewhere."""
        for _ in range(_HOPS):
            answer = self._session.get(
                url,
                stream=True,
                timeout=_SOCKET_S,
                allow_redirects=False,
                headers={"Accept-Encoding": "identity"},
            )
            if answer.ok and not answer.is_redirect:
                return answer
            answer.close()
            answer.raise_for_status()
            there = urljoin(url, answer.headers["Location"])
            if urlsplit(there)[:2] != urlsplit(url)[:2]:
                raise FetchError(f"{url} leads elsewhere, to {there}: check the network")
            url = there
        raise FetchError(f"{url} leads from one place to another: check the network")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
