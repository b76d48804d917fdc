"""Downloads, from a local server that stands in for PhysioNet."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import wfdb.io._url
import wfdb.io.download

from train.data.corpora import CORPORA
from train.data.fetch import DATA_SETS, fetch
from train.errors import FetchError

# Paths as PhysioNet has them, below the project's version, to where they belong; None if nowhere.
FILES: dict[str, dict[str, str | None]] = {
    "mitdb": {
        "101.atr": "101.atr",
        "101.hea": "101.hea",
        "mitdbdir/101.hea": None,
        "101.at_": None,
    },
    "nstdb": {
        f"{noise}.{t}": f"{noise}.{t}" for noise in ("bw", "em", "ma") for t in ("hea", "dat")
    }
    | {"118e00.dat": None},
    "ludb": {"ludb.csv": "ludb.csv", "data/1.dat": "data/1.dat", "data/200.avf": "data/200.avf"},
    "ptbxl": {
        "ptbxl_database.csv": "ptbxl_database.csv",
        "scp_statements.csv": "scp_statements.csv",
        "records100/00000/00001_lr.dat": "records100/00000/00001_lr.dat",
        "records500/00000/00001_hr.dat": None,
        "example_physionet.py": None,
    },
    "cinc2015": {
        "training/ALARMS": "ALARMS",
        "training/a103l.mat": "a103l.mat",
        "training/RECORDS": None,
        "sample-submission/a103l.mat": None,
    },
    "cinc2017": {
        "training/REFERENCE.csv": "REFERENCE.csv",
        "training/A00/A00109.mat": "A00109.mat",
        "validation/A00109.mat": None,
        "REFERENCE-v3.csv": None,
    },
    "cpsc2021": {
        "Training_set_I/data_8_3.hea": "data_8_3.hea",
        "Training_set_II/data_101_8.atr": "data_101_8.atr",
        "Training_set_I/RECORDS": None,
    },
    "georgia": {"training/georgia/g11/E07503.mat": "E07503.mat", "training/ptb/g1/S0001.mat": None},
    "chapman": {
        "training/chapman_shaoxing/g1/JS00001.hea": "JS00001.hea",
        "training/ningbo/g35/JS45551.mat": "JS45551.mat",
        "training/ningbo/g13/S23074.hea": None,
    },
    "cpsc-extra": {
        "training/cpsc_2018_extra/g4/Q3581.hea": "Q3581.hea",
        "training/cpsc_2018/g1/A0001.hea": None,
    },
}


class Handler(http.server.SimpleHTTPRequestHandler):
    requests: list[str]

    def log_message(self, format: str, *args: object) -> None:
        if self.command == "GET":
            self.requests.append(self.path)


def content(file: str) -> bytes:
    return file.encode() * 1000


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Made-up data sets served over HTTP as PhysioNet does; gives the folder of projects."""
    root = tmp_path / "site" / "files"
    sums: dict[str, list[str]] = {}
    for name, files in FILES.items():
        project = DATA_SETS[name].project
        for file in files:
            (root / project / file).parent.mkdir(parents=True, exist_ok=True)
            (root / project / file).write_bytes(content(file))
            digest = hashlib.sha256(content(file)).hexdigest()
            sums.setdefault(project, []).append(f"{digest} {file}\n")
    for project, lines in sums.items():
        (root / project / "SHA256SUMS.txt").write_text("".join(lines))

    Handler.requests = []
    handler = functools.partial(Handler, directory=str(root.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/files/"
        monkeypatch.setattr(wfdb.io.download.config, "db_index_url", url)
        yield root
        wfdb.io._url._get_session().close()
        server.shutdown()
        thread.join()


def fetched(name: str, folder: Path) -> bool:
    """Is what belongs there, and nothing else of it, in the folder?"""
    wanted = {path: content(file) for file, path in FILES[name].items() if path}
    there = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS.txt"
    }
    return there == wanted


def test_knows_every_corpus() -> None:
    assert FILES.keys() == DATA_SETS.keys() == CORPORA.keys() | {"cinc2015", "nstdb"}
    assert all(DATA_SETS[name].folder == folder for name, (folder, _) in CORPORA.items())


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", FILES)
def test_fetches_what_belongs_to_a_set_and_prints_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fetch(name, tmp_path / "new" / "data")
    assert folder == tmp_path / "new" / "data" / DATA_SETS[name].folder
    assert fetched(name, folder)
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("site")
def test_sets_may_share_a_folder(tmp_path: Path) -> None:
    assert fetch("georgia", tmp_path) == fetch("chapman", tmp_path)
    there = {path.name for path in (tmp_path / "cinc2021").iterdir()}
    assert there == {"E07503.mat", "JS00001.hea", "JS45551.mat", "SHA256SUMS.txt"}


@pytest.mark.usefixtures("site")
def test_takes_up_an_interrupted_download(tmp_path: Path) -> None:
    folder = fetch("nstdb", tmp_path)
    (folder / "ma.dat").write_bytes(b"cut")
    (folder / "em.hea").unlink()
    Handler.requests.clear()
    fetch("nstdb", tmp_path)
    assert fetched("nstdb", folder)
    files = {Path(path).name for path in Handler.requests}
    assert files - {"SHA256SUMS.txt"} == {"ma.dat", "em.hea"}


def test_refuses_a_damaged_file(site: Path, tmp_path: Path) -> None:
    (site / "nstdb/1.0.0/em.dat").write_bytes(b"<html>please log in</html>")
    with pytest.raises(FetchError, match=r"nstdb/1\.0\.0/em\.dat arrived damaged"):
        fetch("nstdb", tmp_path)
    assert not (tmp_path / "nstdb" / "em.dat").exists()


def test_refuses_a_page_that_is_not_physionet(site: Path, tmp_path: Path) -> None:
    (site / "nstdb/1.0.0/SHA256SUMS.txt").write_text("<p>Log in</p>")
    with pytest.raises(FetchError, match="check that the network"):
        fetch("nstdb", tmp_path)


def test_says_when_a_file_is_not_there(site: Path, tmp_path: Path) -> None:
    (site / "ludb/1.0.1/data/1.dat").unlink()
    with pytest.raises(FetchError, match="check the network"):
        fetch("ludb", tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_says_when_there_is_no_network(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*args: object) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(wfdb.io.download, "dl_full_file", no_network)
    with pytest.raises(FetchError, match="check the network") as caught:
        fetch(name, tmp_path)
    assert caught.value.exit_code == 10


def test_names_the_data_sets_there_are(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="one of mitdb, nstdb"):
        fetch("../mitdb", tmp_path)
    assert not any(tmp_path.iterdir())
