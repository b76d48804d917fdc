"""Downloads, from a local server that stands in for PhysioNet."""

import functools
import hashlib
import http.server
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from train.cli import main
from train.data import download
from train.data import fetch as fetching
from train.data.corpora import CORPORA
from train.data.errors import FetchError
from train.data.fetch import digest, fetch
from train.data.sources import DATA_SETS

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
    "svdb": {"800.atr": "800.atr", "894.dat": "894.dat", "800.hea-": None},
    "incartdb": {"I01.dat": "I01.dat", "I75.atr": "I75.atr", "files-patients-diagnoses.txt": None},
    "ltdb": {"14046.hea": "14046.hea", "14046.atr": "14046.atr", "14046.xws": None},
    "afdb": {"04015.qrs": "04015.qrs", "00735.atr": "00735.atr", "old/04015.atr": None},
    "mimic-iv-ecg": {
        "record_list.csv": "record_list.csv",
        "machine_measurements.csv": "machine_measurements.csv",
        "files/p1000/p10000032/s40689238/40689238.hea": (
            "files/p1000/p10000032/s40689238/40689238.hea"
        ),
        "machine_measurements_data_dictionary.csv": None,
        "waveform_note_links.csv": None,
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


Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Handler(http.server.SimpleHTTPRequestHandler):
    requests: list[str]
    odd: dict[str, Answer]
    """How paths that end so are answered, other than with what is there."""

    def do_GET(self) -> None:
        for end, answer in self.odd.items():
            if self.path.endswith(end):
                try:
                    answer(self)
                except OSError:
                    self.close_connection = True  # whoever asked has gone
                return
        super().do_GET()

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
    for name in FILES:  # what is made up has no known hash
        monkeypatch.setitem(DATA_SETS, name, DATA_SETS[name]._replace(pin=None))

    Handler.requests, Handler.odd = [], {}
    handler = functools.partial(Handler, directory=str(root.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/files/"
        monkeypatch.setattr(fetching, "SITE", url)
        yield root
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
    others = {"cinc2015", "nstdb", "svdb", "incartdb", "ltdb", "afdb"}  # are no corpora
    assert FILES.keys() | {"code15"} == DATA_SETS.keys() == CORPORA.keys() | others
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
    def no_network(*args: object, **options: object) -> None:
        raise requests.ConnectionError("Name or service not known")

    monkeypatch.setattr(requests.Session, "get", no_network)
    with pytest.raises(FetchError, match="check the network") as caught:
        fetch(name, tmp_path)
    assert caught.value.exit_code == 10


def test_names_the_data_sets_there_are(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="one of mitdb, nstdb"):
        fetch("../mitdb", tmp_path)
    assert not any(tmp_path.iterdir())


def told(tmp_path: Path) -> str:
    """The one sentence that fetching `nstdb` ends with; then nothing half is left behind."""
    with pytest.raises(FetchError) as caught:
        fetch("nstdb", tmp_path)
    text = str(caught.value)
    assert text.isprintable()
    assert not list(tmp_path.rglob("*.part"))
    return text


def goes_on(tmp_path: Path) -> bool:
    """Whether the same command, with a server that behaves, brings the rest."""
    Handler.odd.clear()
    return fetched("nstdb", fetch("nstdb", tmp_path))


def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b"x")
        time.sleep(0.02)


def drip_header(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
    for _ in range(1000):
        handler.wfile.write(b"x")
        time.sleep(0.02)


def silent(handler: http.server.BaseHTTPRequestHandler) -> None:
    time.sleep(20)


def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * (1 << 16))


def cut(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.close_connection = True


def to(place: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", place)
        handler.end_headers()

    return answer


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("answer", [drip, drip_header, silent])
@pytest.mark.parametrize("file", ["em.dat", "SHA256SUMS.txt"])
def test_a_server_that_hardly_sends(
    answer: Answer, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_S", 0.5)
    Handler.odd = {file: answer}
    began = time.monotonic()
    assert "check the network" in told(tmp_path)
    assert time.monotonic() - began < 15
    monkeypatch.undo()


@pytest.mark.usefixtures("site")
def test_a_slow_line_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(20):
            handler.wfile.write(b"x" * 20_000)
            time.sleep(0.1)

    monkeypatch.setattr(download, "STALL_S", 0.5)
    Handler.odd = {"em.dat": slow}
    assert "arrived damaged" in told(tmp_path)  # in full, that is, though it took two seconds


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("file", ["em.dat", "SHA256SUMS.txt"])
def test_a_body_without_end(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MOST_BYTES", 1 << 20)
    Handler.odd = {file: endless}
    assert "larger than 1048576 bytes" in told(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("nstdb/*")) < 1 << 20
    assert goes_on(tmp_path)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:9/nstdb/em.dat",
        "https://127.0.0.1/files/nstdb/em.dat",
        "http://login.example/\u202e\x1b[2J",
        "//elsewhere.example/em.dat",
        "file:///etc/passwd",
    ],
)
def test_a_redirection_elsewhere_is_not_followed(place: str, tmp_path: Path) -> None:
    Handler.odd = {"em.dat": to(place.encode("utf-8").decode("latin-1"))}
    assert "leads elsewhere" in told(tmp_path)
    assert goes_on(tmp_path)


@pytest.mark.usefixtures("site")
def test_a_redirection_within_the_site_is_followed(tmp_path: Path) -> None:
    Handler.odd = {"1.0.0/em.dat": to("/files/nstdb/1.0.0/./em.dat?again")}
    assert fetched("nstdb", fetch("nstdb", tmp_path))


@pytest.mark.usefixtures("site")
def test_a_redirection_in_a_circle(tmp_path: Path) -> None:
    Handler.odd = {"em.dat": to("em.dat")}
    assert "from one place to another" in told(tmp_path)
    assert goes_on(tmp_path)


@pytest.mark.usefixtures("site")
def test_a_connection_that_breaks(tmp_path: Path) -> None:
    Handler.odd = {"em.dat": cut}
    assert "check the network" in told(tmp_path)
    assert goes_on(tmp_path)


NAMES = (
    "../mitdb/x.hea", "/etc/passwd", "..", "em.dat/../../x", "..\\em.dat", "em.dat\0",
    "\x1b[2Jem.dat", "./em.dat", "em.dat/", "bw.hea ../bw.hea", "\u0662.dat", "em.dat.part",
    "EM.DAT", "",
)  # fmt: skip


def test_names_in_the_list_lead_nowhere(site: Path, tmp_path: Path) -> None:
    sums = site / "nstdb/1.0.0/SHA256SUMS.txt"
    bad = "".join(f"{'0' * 64} {name}\n" for name in NAMES)
    sums.write_text(bad + sums.read_text())
    data = tmp_path / "data"
    assert fetched("nstdb", fetch("nstdb", data))
    assert {path.name for path in data.rglob("*")} <= {"nstdb", "SHA256SUMS.txt", *FILES["nstdb"]}
    assert all("/nstdb/1.0.0/" in path and ".." not in path for path in Handler.requests)


@pytest.mark.parametrize("content", [b"", b"\0" * 100_000, b"\xff\xfe" * 1000, b"a\n" * 100_000])
def test_a_list_that_is_none(content: bytes, site: Path, tmp_path: Path) -> None:
    (site / "nstdb/1.0.0/SHA256SUMS.txt").write_bytes(content)
    assert "lists no file" in told(tmp_path)


def test_a_data_set_that_is_known_in_full(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [
        (hashlib.sha256(content(file)).hexdigest(), file) for file, path in FILES["mitdb"].items()
        if path
    ]  # fmt: skip
    monkeypatch.setitem(DATA_SETS, "mitdb", DATA_SETS["mitdb"]._replace(pin=digest(known)))
    assert fetched("mitdb", fetch("mitdb", tmp_path))
    other = b"another recording"
    (site / "mitdb/1.0.0/101.hea").write_bytes(other)
    sums = site / "mitdb/1.0.0/SHA256SUMS.txt"
    before = sums.read_text()
    for after in (
        before.replace(known[1][0], hashlib.sha256(other).hexdigest()),
        before + f"{'0' * 64} 999.dat\n",
        before.replace(f"{known[0][0]} {known[0][1]}\n", ""),
    ):
        assert after != before
        sums.write_text(after)
        with pytest.raises(FetchError, match="not the list of mitdb that this version"):
            fetch("mitdb", tmp_path)
    assert fetched("mitdb", tmp_path / "mitdb")  # nothing was replaced


@pytest.mark.data_required("mitdb", "ludb")
@pytest.mark.parametrize("name", ["mitdb", "ludb"])
def test_the_known_hashes_are_those_of_the_recordings(name: str, data_sets: Path) -> None:
    folder = data_sets / DATA_SETS[name].folder
    paths = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert DATA_SETS[name].pin == digest(
        (hashlib.sha256((folder / path).read_bytes()).hexdigest(), path)
        for path in paths
        if re.fullmatch(DATA_SETS[name].files, path)
    )


@pytest.mark.usefixtures("site")
def test_the_command_says_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Handler.odd = {"em.dat": to("http://x.example/\x1b[2J")}
    assert main(["fetch", "nstdb", "--data", str(tmp_path)]) == 10
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("edge-train: ")
    assert last.isprintable()
