"""What a manifest notices, what it lets pass, and what it says."""

import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from edge.errors import OutputError, RecordError
from tests.train.made import Made
from train.data.corruption import Few
from train.data.folder import Folder
from train.data.windows import Cut, cut, identity
from train.engine import manifest as of
from train.engine.manifest import NAME, Manifest, claim, contents, described, digest, expect, unlike

SOURCES = {
    "edge/__init__.py": "",
    "train/__init__.py": "import train.shown\n",
    "train/learned.py": '''
"""Decides."""
from train import helped
from train.inner.deep import deep
def learn(x):
    import edge.filters
    return deep(helped.f(edge.filters.g(x)))
''',
    "train/helped.py": "import numpy\ndef f(x):\n    return x + 1  # one more\n",
    "train/inner/__init__.py": "",
    "train/inner/deep.py": """
from .deeper import TWO
from train import learned
def deep(x):
    return TWO * x
""",
    "train/inner/deeper.py": "TWO = 2\n",
    "train/shown.py": "def show(x):\n    return str(x)\n",
    "edge/filters.py": "def g(x):\n    return x\n",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project instead of this one."""
    for name, text in SOURCES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(of, "ROOT", tmp_path)
    of._read.cache_clear()
    return tmp_path


def code() -> dict[str, str]:
    of._read.cache_clear()
    return of.code("train.learned")


def test_code_is_what_is_imported_however_deep(tree: Path) -> None:
    inner = {"train.inner.deep", "train.inner.deeper"}
    assert set(code()) == {"train.learned", "train.helped", "edge.filters", *inner}


@pytest.mark.parametrize("name", ["edge/filters.py", "train/helped.py", "train/inner/deep.py"])
def test_what_decides_differently_is_other_code(tree: Path, name: str) -> None:
    before, path = code(), tree / name
    path.write_text(path.read_text().replace("return", "return 3 *"))
    after = code()
    changed = [module for module in before if before[module] != after[module]]
    assert changed == [name.removesuffix(".py").replace("/", ".")]


def test_what_does_not_decide_is_not(tree: Path) -> None:
    before = code()
    (tree / "train/shown.py").write_text("def show(x):\n    return repr(x)\n")
    text = (tree / "train/helped.py").read_text().replace("one more", "and again")
    (tree / "train/helped.py").write_text('"""Says more."""\n\n\n' + text)
    assert code() == before


def test_every_module_of_the_runtime_that_makes_beats_decides_them() -> None:
    made = of.code("train.student.beats")
    stream = {f"edge.{name}" for name in ("filters", "mains", "qrs", "beats", "stream", "fusion")}
    assert stream <= set(made)
    assert "train.cli" not in made


@pytest.fixture
def records(tmp_path: Path) -> Path:
    folder = tmp_path / "records"
    (folder / "deep").mkdir(parents=True)
    for name in ("a", "deep/b", "c"):
        stem = Path(name).name
        (folder / f"{name}.hea").write_text(f"{stem} 1 250 10\n{stem}.dat 16 200 16 0 0 0 0 I\n")
        (folder / f"{name}.dat").write_bytes(name.encode() * 8)
    return folder


def test_contents_are_of_the_records_that_were_asked_for(records: Path, tmp_path: Path) -> None:
    names = ("a", "deep/b")
    before = contents(records, names, tmp_path)
    assert set(before) == set(names)
    (records / "c.dat").write_bytes(b"other")
    (records / "notes.txt").write_text("nobody reads this")
    assert contents(records, names, tmp_path) == before
    (records / "deep/b.atr").write_bytes(b"annotated anew")
    after = contents(records, names, tmp_path)
    assert after["a"] == before["a"]
    assert after["deep/b"] != before["deep/b"]


def test_where_nothing_can_be_kept_it_is_one_sentence(records: Path) -> None:
    with pytest.raises(OutputError, match="cannot write /proc/"):
        contents(records, ("a",), Path("/proc/nowhere"))


def test_a_file_that_a_header_names_counts(records: Path, tmp_path: Path) -> None:
    header = records / "a.hea"
    header.write_text(header.read_text().replace("a.dat", "signal.dat"))
    (records / "signal.dat").write_bytes(b"1234")
    before = contents(records, ["a"], tmp_path)
    (records / "signal.dat").write_bytes(b"4321")
    assert contents(records, ["a"], tmp_path) != before


def test_another_content_of_the_same_size_and_time_is_seen(records: Path, tmp_path: Path) -> None:
    path = records / "a.dat"
    before, at = contents(records, ["a"], tmp_path), path.stat()
    path.write_bytes(b"z" * at.st_size)
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    assert contents(records, ["a"], tmp_path) != before


def test_what_is_unchanged_is_not_read_again(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(records, ["a", "c"], tmp_path)
    monkeypatch.setattr(of, "sha256", lambda path: pytest.fail(f"read {path}"))
    assert contents(records, ["a", "c"], tmp_path) == before
    monkeypatch.undo()
    (tmp_path / "hashes.json").write_text('{"half')
    assert contents(records, ["a", "c"], tmp_path) == before


def test_the_same_records_elsewhere_are_the_same(records: Path, tmp_path: Path) -> None:
    there = tmp_path / "there" / "records"
    shutil.copytree(records, there)
    one, two = (identity(Folder(f), Cut(), tmp_path) for f in (records, there))
    assert one == two
    assert str(tmp_path) not in json.dumps(asdict(one))


def test_windows_of_other_recordings_cuts_or_corpora_are_others(records: Path) -> None:
    kept = records.parent
    known = {identity(Folder(records), Cut(), kept).digest}
    known.add(identity(Folder(records), Cut(stride=5), kept).digest)
    known.add(identity(Few(Folder(records), 3), Cut(), kept).digest)
    (records / "a.dat").write_bytes(b"another")
    known.add(identity(Folder(records), Cut(), kept).digest)
    assert len(known) == 4


def test_windows_of_other_code_are_cut_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = cut(Made(1), Cut(), tmp_path, bar=False)
    found = of.code("train.data.windows")
    assert windows.identity["code"].items() >= found.items()
    changed = {**found, "edge.qrs": "another"}
    monkeypatch.setattr(of, "code", lambda *roots: changed)
    cut(Made(1), Cut(), tmp_path, bar=False)
    assert len(list(tmp_path.glob("made-*"))) == 2


@dataclass(frozen=True)
class Told:
    """Some settings."""

    rate: float
    where: Path
    inner: tuple[int, ...]
    how: object = len


def test_settings_are_told_apart_wherever_files_lie() -> None:
    one = Told(0.1, Path("/here"), (1, 2))
    assert described(one) == described(replace(one, where=Path("/there")))
    others = (replace(one, rate=0.2), replace(one, inner=(2, 1)), replace(one, how=max))
    assert len({digest(described(told)) for told in (one, *others)}) == 4
    assert described(np.arange(3)) != described(np.arange(3.0))
    json.dumps(described(one), allow_nan=False)


BASE = Manifest(
    {"lr": 0.001, "network": {"kernel": 5}},
    {"ptbxl": {"00012_lr": "a", "00013_lr": "b"}},
    {"train.engine.loop": "1", "edge.qrs": "2"},
    {"torch": "2.12"},
)


def test_what_differs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of, "code", lambda *_: BASE.code)
    assert not unlike(BASE, BASE)
    cases = {
        "with lr 0.001, this is lr 1": replace(BASE, settings={**BASE.settings, "lr": 1}),
        "with network kernel 5, this is network kernel 7": replace(
            BASE, settings={**BASE.settings, "network": {"kernel": 7}}
        ),
        "with torch 2.12, this is torch 2.13": replace(BASE, versions={"torch": "2.13"}),
        "from other data (ptbxl 00013_lr)": replace(
            BASE, data={"ptbxl": {"00012_lr": "a", "00013_lr": "c"}}
        ),
        "from other data (ptbxl, georgia)": replace(BASE, data={"georgia": {"E1": "d"}}),
        "by other code (edge.qrs)": replace(BASE, code={"train.engine.loop": "1", "edge.qrs": "3"}),
    }
    state = tmp_path / "run" / "state"
    claim(state.parent, BASE, [state])
    state.write_bytes(b"")
    claim(state.parent, BASE, [state])
    for words, other in cases.items():
        with pytest.raises(RecordError) as refused:
            claim(state.parent, other, [state])
        remedy = "give another --out, or --restart"
        assert str(refused.value) == f"{state.parent} was made {words}: {remedy}"
        if other.settings != BASE.settings:
            with pytest.raises(RecordError, match="was made with"):
                expect(state.parent, other.settings, [state])
    expect(state.parent, BASE.settings, [state])
    expect(state.parent, {"lr": 0.001}, [state])  # the others are not known yet
    expect(state.parent, {"lr": 1}, [tmp_path / "none"])
    monkeypatch.setattr(of, "code", lambda *_: {**BASE.code, "edge.qrs": "3"})
    with pytest.raises(RecordError, match=r"by other code \(edge.qrs\)"):
        expect(state.parent, BASE.settings, [state])


def test_what_nobody_can_read_is_not_shown() -> None:
    """Digests; and of another network the sizes of its parts."""
    one = {"seed": 0, "windows": "0" * 16, "net": {"kind": "A", "width": 3}}
    told = replace(BASE, settings=one)
    other = replace(BASE, settings={**one, "seed": 1, "windows": "f" * 16})
    assert unlike(told, other) == "with other windows, with seed 0, this is seed 1"
    net = {"kind": "B", "depth": 7}
    other = replace(BASE, settings={"seed": 1, "windows": None, "net": net})
    said = "with other windows, with seed 0, net kind A, this is seed 1, net kind B"
    assert unlike(told, other) == said


def test_long_lists_of_differences_are_cut_short() -> None:
    other = replace(BASE, code={f"train.m{i}": "1" for i in range(9)})
    assert unlike(BASE, other).endswith("(train.engine.loop, edge.qrs, train.m0, 8 more)")


def test_a_folder_without_state_is_anybodys(tmp_path: Path) -> None:
    claim(tmp_path, BASE, [tmp_path / "state"])
    other = replace(BASE, settings={})
    claim(tmp_path, other, [tmp_path / "state"])
    assert of.read(tmp_path) == other


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"settings": 1}', "\x00"])
def test_state_of_which_nothing_says_how_it_was_made_is_refused(
    tmp_path: Path, text: str | None
) -> None:
    (tmp_path / "state").touch()
    if text is not None:
        (tmp_path / NAME).write_text(text)
    with pytest.raises(RecordError, match="nothing says how"):
        claim(tmp_path, BASE, [tmp_path / "state"])
