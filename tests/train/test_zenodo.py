"""CODE-15 % from a local server that stands in for Zenodo."""

import hashlib
import http.server
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from train.cli import main
from train.data import download, zenodo
from train.data.errors import FetchError
from train.data.fetch import fetch
from train.data.sources import DATA_SETS

RECORD = f"api/records/{DATA_SETS['code15'].project}"
PARTS = {f"exams_part{i}.hdf5": f"part {i}".encode() * 40_000 for i in (0, 17)}
EXAMS = b"exam_id,patient_id\n1,2\n"


def packed(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, of in files.items():
            archive.writestr(name, of)
    return content.getvalue()


def published() -> dict[str, bytes]:
    archives = {Path(name).stem + ".zip": packed({name: of}) for name, of in PARTS.items()}
    return {"exams.csv": EXAMS, **archives, "code15_chagas_labels.zip": b"not wanted"}


class Handler(http.server.BaseHTTPRequestHandler):
    files: dict[str, bytes]
    listing: Callable[[dict[str, bytes]], bytes]
    sent: dict[str, int]
    """Bytes of each file."""
    ranges: bool
    breaks: int | None
    """After how many bytes of a file the connection breaks."""

    def do_GET(self) -> None:
        path = self.path.strip("/")
        if path == RECORD:
            content = type(self).listing(self.files)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        name = path.removeprefix(f"{RECORD}/files/").removesuffix("/content")
        content, asked = self.files[name], self.headers["Range"]
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges else 0
        content = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.breaks is not None:
            content, self.close_connection = content[: self.breaks], True
        self.wfile.write(content)
        self.sent[name] = self.sent.get(name, 0) + len(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


def listed(files: dict[str, bytes]) -> bytes:
    """As Zenodo has it."""
    entries = [
        {
            "key": name,
            "size": len(content),
            "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
            "links": {"self": f"https://elsewhere.example/{name}"},
        }
        for name, content in files.items()
    ]
    return json.dumps({"id": 4916206, "files": entries}).encode()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Handler]]:
    class Mine(Handler):
        files, sent, ranges, breaks = published(), {}, True, None
        listing = staticmethod(listed)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setattr(zenodo, "SITE", f"http://127.0.0.1:{server.server_port}/")
        yield Mine
        server.shutdown()
        thread.join()


def whole(folder: Path) -> bool:
    seen = {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}
    return seen == {"exams.csv": EXAMS, **PARTS}


def test_parts_are_unpacked_and_nothing_else_is_kept(site: type[Handler], tmp_path: Path) -> None:
    folder = fetch("code15", tmp_path)
    assert folder == tmp_path / "code15"
    assert whole(folder)
    assert set(site.sent) == {"exams.csv", "exams_part0.zip", "exams_part17.zip"}
    site.sent.clear()
    assert whole(fetch("code15", tmp_path))
    assert not site.sent  # what is whole is not asked for again
    (folder / "exams_part0.hdf5").write_bytes(b"cut")
    (folder / "exams.csv").write_bytes(b"cut")
    assert whole(fetch("code15", tmp_path))
    assert set(site.sent) == {"exams.csv", "exams_part0.zip"}


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_is_gone_on_with(
    ranges: bool, site: type[Handler], tmp_path: Path
) -> None:
    """From where it was, if the site can; else from the beginning."""
    site.breaks, site.ranges = 100_000, ranges
    with pytest.raises(FetchError, match=r"from zenodo\.org .* check the network"):
        fetch("code15", tmp_path)
    before = {p.name: p.stat().st_size for p in (tmp_path / "code15").glob("*.part")}
    assert "exams_part0.zip.part" in before
    site.breaks = None
    site.sent.clear()
    assert whole(fetch("code15", tmp_path))
    size = len(site.files["exams_part0.zip"])
    expected = size - before["exams_part0.zip.part"] if ranges else size
    assert site.sent["exams_part0.zip"] == expected


def test_what_arrives_damaged_is_not_kept(site: type[Handler], tmp_path: Path) -> None:
    site.listing = staticmethod(lambda _: listed(published()))
    good = site.files["exams_part0.zip"]
    site.files = site.files | {"exams_part0.zip": good[:-5] + b"wrong"}
    with pytest.raises(FetchError, match=r"exams_part0\.zip/content arrived damaged"):
        fetch("code15", tmp_path)
    assert not (tmp_path / "code15" / "exams_part0.hdf5").exists()
    site.files = published()
    assert whole(fetch("code15", tmp_path))


@pytest.mark.parametrize(
    "archive",
    [
        b"no archive",
        packed({"other.hdf5": b"x"}),
        packed({"../exams_part0.hdf5": b"x", "exams_part0.hdf5": b"y"}),
    ],
)
def test_an_archive_of_something_else(archive: bytes, site: type[Handler], tmp_path: Path) -> None:
    site.files = site.files | {"exams_part0.zip": archive}
    with pytest.raises(FetchError, match=r"does not hold exams_part0\.hdf5"):
        fetch("code15", tmp_path / "data")
    assert not (tmp_path / "data" / "exams_part0.hdf5").exists()
    assert {p.name for p in tmp_path.rglob("*.hdf5")} <= {"exams_part17.hdf5"}


def test_an_archive_that_swells(
    site: type[Handler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zenodo, "MOST_BYTES", 200_000)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("exams_part0.hdf5", bytes(10_000_000))
    site.files = {"exams_part0.zip": content.getvalue()}
    with pytest.raises(FetchError, match=r"does not hold exams_part0\.hdf5"):
        fetch("code15", tmp_path)
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) < 200_000


def test_a_body_larger_than_listed(site: type[Handler], tmp_path: Path) -> None:
    site.listing = staticmethod(lambda _: listed({"exams.csv": EXAMS}))
    site.files = {"exams.csv": EXAMS * 1000}
    with pytest.raises(FetchError, match=f"larger than {len(EXAMS)} bytes"):
        fetch("code15", tmp_path)


@pytest.mark.parametrize(
    "listing",
    [
        b"", b"<html>", b"[]", b"{}", b'{"files": 3}', b'{"files": [{}]}', b"[" * 100_000,
        json.dumps({"files": [{"key": "../exams.csv", "size": 1, "checksum": "md5:0"}]}).encode(),
        json.dumps({"files": [{"key": "exams.csv", "size": "x", "checksum": "md5:0"}]}).encode(),
        json.dumps({"files": [{"key": "exams.csv", "size": 1, "checksum": "crc:0"}]}).encode(),
    ],
)  # fmt: skip
def test_a_list_that_is_none(listing: bytes, site: type[Handler], tmp_path: Path) -> None:
    site.listing = staticmethod(lambda _: listing)
    with pytest.raises(FetchError, match="has no file of code15"):
        fetch("code15", tmp_path)


def test_the_command_waits_for_work_on_a_large_file(
    site: type[Handler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing and unpacking are progress too."""
    moved: list[int] = []
    counted = download.Site.moved

    def moves(self: download.Site, count: int) -> None:
        moved.append(count)
        counted(self, count)

    monkeypatch.setattr(download.Site, "moved", moves)
    assert main(["fetch", "code15", "--data", str(tmp_path)]) == 0
    archives = sum(len(of) for name, of in site.files.items() if name.startswith("exams_part"))
    assert sum(moved) > 3 * archives * 0.9  # come, hashed and unpacked
