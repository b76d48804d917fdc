"""Downloads, from a local server that stands in for PhysioNet."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import wfdb
import wfdb.io._url
import wfdb.io.download

from train.data.fetch import DATA_SETS, fetch
from train.errors import FetchError

RECORDS, TYPES = DATA_SETS["nstdb"]
FILES = [f"{record}.{type_}" for record in RECORDS for type_ in TYPES]


class Handler(http.server.SimpleHTTPRequestHandler):
    requests: list[str]

    def log_message(self, format: str, *args: object) -> None:
        if self.command == "GET":
            self.requests.append(self.path)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A made-up nstdb, version 1.0.0, served over HTTP; gives its folder of files."""
    root = tmp_path / "site"
    page = root / "content" / "nstdb"
    files = root / "files" / "nstdb" / "1.0.0"
    (page / "1.0.0").mkdir(parents=True)
    (page / "index.html").write_text("<p>Version: 1.0.0</p>\n")
    files.mkdir(parents=True)
    sums = []
    for name in FILES:
        data = name.encode() * 1000
        (files / name).write_bytes(data)
        sums.append(f"{hashlib.sha256(data).hexdigest()} {name}\n")
    (files / "SHA256SUMS.txt").write_text("".join(sums))

    Handler.requests = []
    handler = functools.partial(Handler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(wfdb.io.download, "PN_CONTENT_URL", f"{url}/content/")
        monkeypatch.setattr(wfdb.io.download.config, "db_index_url", f"{url}/files/")
        yield files
        wfdb.io._url._get_session().close()
        server.shutdown()
        thread.join()


def same_files(folder: Path, site: Path) -> bool:
    return all((folder / f).read_bytes() == (site / f).read_bytes() for f in FILES)


def test_fetches_every_file_and_prints_nothing(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fetch("nstdb", tmp_path / "new" / "data")
    assert folder == tmp_path / "new" / "data" / "nstdb"
    assert same_files(folder, site)
    assert capsys.readouterr().out == ""


def test_takes_up_an_interrupted_download(site: Path, tmp_path: Path) -> None:
    folder = fetch("nstdb", tmp_path)
    (folder / "ma.dat").write_bytes(b"cut")
    (folder / "em.hea").unlink()
    Handler.requests.clear()
    fetch("nstdb", tmp_path)
    assert same_files(folder, site)
    fetched = {Path(path).name for path in Handler.requests if "/files/" in path}
    assert fetched - {"SHA256SUMS.txt"} == {"ma.dat", "em.hea"}


def test_refuses_a_damaged_file(site: Path, tmp_path: Path) -> None:
    (site / "em.dat").write_bytes(b"<html>please log in</html>")
    with pytest.raises(FetchError, match=r"em\.dat of nstdb arrived damaged"):
        fetch("nstdb", tmp_path)
    assert not (tmp_path / "nstdb" / "em.dat").exists()


def test_refuses_a_page_that_is_not_physionet(site: Path, tmp_path: Path) -> None:
    (site.parents[2] / "content" / "nstdb" / "index.html").write_text("<p>Log in</p>")
    with pytest.raises(FetchError, match="check the network"):
        fetch("nstdb", tmp_path)


@pytest.mark.usefixtures("site")
def test_says_when_there_is_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*args: object) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(wfdb, "dl_files", no_network)
    with pytest.raises(FetchError, match="check the network") as caught:
        fetch("nstdb", tmp_path)
    assert caught.value.exit_code == 10


def test_names_the_data_sets_there_are(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="one of mitdb, nstdb"):
        fetch("../mitdb", tmp_path)
    assert not any(tmp_path.iterdir())
