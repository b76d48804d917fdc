"""A laboratory's own records: what is learned of them, and what is left alone."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RecordError
from edge.synthetic import synthesize
from tests.train.conftest import SYMBOLS, write
from train.cli import main
from train.data.corpus import Record
from train.data.own import Own, own
from train.engine.files import sha256
from train.models.student import load
from train.student.beats import Beats
from train.student.crossval import left_out
from train.student.distillation import TINY_RECORDS, Distillation
from train.student.forms import Form

pytestmark = pytest.mark.usefixtures("one_process")

SPLIT = """\
record;patient;part
ward/a;anna;train
b;anna;Train
c;carl;
paced;eve;
test;dora;test
"""


def record(
    folder: Path,
    name: str,
    *,
    fs: float = 250.0,
    leads: Sequence[str] = ("MLII", "V5"),
    gap: bool = False,
    annotator: str = "atr",
    odd: bool = False,
    paced: bool = False,
) -> None:
    """Half a minute of made beats with annotations; the first lead is off for a while in a gap."""
    at, base = (folder / name).parent, Path(name).name
    made = synthesize("NNNNVNNSNNN" * 4, fs, np.random.default_rng(len(name)), 0.8)
    mv = made.mv[:, : len(leads)].copy()
    if gap:
        mv[len(mv) // 3 : len(mv) // 2, 0] = np.nan
    write(at, base, mv, list(leads), fs)
    sample, label = zip(*made.beats, strict=True)
    symbol = ["/" if paced else SYMBOLS[of] for of in label]
    marks = [(sample[0] - 5, "+"), *zip(sample, symbol, strict=True)]
    marks += [(sample[9] + 20, "Z")] * odd
    marks.sort()
    samples, symbols = zip(*marks, strict=True)
    wfdb.wrann(
        base,
        annotator,
        np.array(samples),
        list(symbols),
        custom_labels=[("Z", "ours")] if odd else None,
        aux_note=["(N" if symbol == "+" else "" for symbol in symbols],
        write_dir=str(at),
    )


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of other rates and leads than mitdb's, of three patients; the test's is nonsense."""
    folder = tmp_path_factory.mktemp("own") / "laboratory"
    folder.mkdir()
    record(folder, "ward/a", fs=128, leads=("ECG", "ECG 2"), annotator="qrs")
    record(folder, "b", fs=500, leads=("I",), annotator="qrs")
    record(folder, "c", gap=True, annotator="qrs", odd=True)
    record(folder, "paced", annotator="qrs", paced=True)
    for suffix in ("hea", "dat", "qrs"):
        (folder / f"test.{suffix}").write_bytes(b"nobody reads this")
    (folder / "split.csv").write_text(SPLIT)
    return folder


@pytest.fixture
def run(made_sets: Path, laboratory: Path, tmp_path: Path) -> Callable[..., int]:
    """A command on the laboratory's records, tiny."""
    split = ("--records", laboratory, "--split", laboratory / "split.csv", "--annotator", "qrs")
    tiny = ("--tiny", "--epochs", "1", "--model", "none", "--data", made_sets, "--out", tmp_path)
    return lambda command, *more: main([command, *map(str, (*split, *tiny, *more))])


def test_a_student_learns_from_the_part_to_train_and_nothing_else_is_read(
    run: Callable[..., int],
    laboratory: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("distill") == 0
    said = capsys.readouterr().err
    assert "1 test record is neither read nor learned from" in said
    assert "record c: marks that WFDB does not know are taken for no beats: Z (1)" in said
    assert "no beat of class F is learned from" in said
    origin = json.loads((tmp_path / "training.json").read_text("utf-8"))
    assert origin["records"] == []
    assert origin["own"] == {
        "annotator": "qrs",
        "patients": {"ward/a": "anna", "b": "anna", "c": "carl", "paced": "eve"},
    }
    assert str(laboratory.parent) not in json.dumps(origin)
    load(tmp_path / "student.safetensors")
    learned = [Beats.load(path) for path in tmp_path.glob("beats-*.npz")]
    assert {str(name) for beats in learned for name in beats.record} == {"ward/a", "b", "c"}
    # Whatever the test's records hold, it is the same run.
    before = sha256(tmp_path / "student.safetensors")
    (laboratory / "test.dat").write_bytes(b"nor this")
    (tmp_path / "student.safetensors").unlink()
    assert run("distill") == 0
    assert sha256(tmp_path / "student.safetensors") == before
    assert len([*tmp_path.glob("beats-*.npz")]) == len(learned)
    # A student is not taken for that of another run, whose checkpoint was begun or is gone.
    (tmp_path / "checkpoint.safetensors").unlink()
    assert run("distill", "--seed", "1") == 5
    assert "was made with seed 0, this is seed 1" in capsys.readouterr().err


def test_cross_validation_holds_patients_out(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("crossval") == 0
    shown, said = capsys.readouterr()
    assert "4 records of laboratory" in shown
    assert "2 folds over patients" in shown
    assert "no beat of class F is learned from" in said


def test_a_teacher_and_ds1_teach_beside_own_records(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("distill", "--with-ds1", "--model", "ecgnat") == 0
    assert "no beat of class F" in capsys.readouterr().err
    origin = json.loads((tmp_path / "training.json").read_text("utf-8"))
    assert origin["records"] == list(TINY_RECORDS)
    assert set(origin["own"]["patients"]) == {"ward/a", "b", "c", "paced"}
    assert (tmp_path / origin["teachers"]["ecgnat"]["file"]).is_file()
    learned = [Beats.load(path) for path in tmp_path.glob("beats-*.npz")]
    names = {str(name) for beats in learned for name in beats.record}
    assert names == {"ward/a", "b", "c", *TINY_RECORDS}


def test_beats_lie_where_they_lay_at_every_rate(laboratory: Path) -> None:
    found = own(laboratory, "qrs", laboratory / "split.csv").learned()
    for name in found.names:
        mv, reference = found.observed(name)
        assert reference.fs == 360
        # Made R peaks are the steepest place about: of the last lead, which is never off.
        steep = np.abs(np.diff(mv[:, -1]))
        inner = reference.sample[1:-1]
        near = [steep[at - 18 : at + 18].max() for at in inner]
        between = [np.median(steep[at + 60 : at + 120]) for at in inner]
        assert np.median(near) > 5 * np.median(between)
    gap = np.isnan(found.observed("c")[0])
    assert 0.1 < gap[:, 0].mean() < 0.2
    assert not gap[:, 1].any()


def test_a_teacher_that_knows_none_of_the_leads_is_refused(
    laboratory: Path, tmp_path: Path
) -> None:
    unnamed = replace(own(laboratory, "qrs").learned(), records=())
    with pytest.raises(RecordError, match="--model none"):
        Distillation(tmp_path, tmp_path, (), own=unnamed).windows()


@given(st.lists(st.tuples(st.integers(0, 6), st.lists(st.integers(0, 3), max_size=8)), max_size=12))
def test_no_patient_is_in_two_folds(given: list[tuple[int, list[int]]]) -> None:
    names = [f"r{i}" for i in range(len(given))]
    rows = [(name, label) for name, (_, beats) in zip(names, given, strict=True) for label in beats]
    n = len(rows)
    record = np.array([name for name, _ in rows], dtype="U9")
    label = np.array([label for _, label in rows], dtype=np.int64)
    whole = np.zeros(n, np.int64)
    flat = np.zeros((n, 1), np.float32)
    beats = Beats(flat, flat, label, record, record, whole, np.zeros(n), whole > 0)
    of = dict(zip(names, (f"p{patient}" for patient, _ in given), strict=True))

    class Given(Distillation):
        def observations(self) -> dict[str, Beats]:  # type: ignore[override]
            return {"detected": beats}

    records = tuple(Record(name, of[name]) for name in names)
    setup = Given(Path(), Path(), (), own=Own(Path("lab"), "atr", records))
    patients = {of[str(name)] for name in record}
    if len(patients) < 2:
        with pytest.raises(RecordError, match="two patients"):
            left_out(setup)
        return
    parts = left_out(setup)
    seen = [{of[name] for name in part} for part in parts]
    assert set.union(*seen) == patients
    assert sum(map(len, seen)) == len(patients)
    for part, whom in zip(parts, seen, strict=True):
        assert {name for name in names if of[name] in whom} == set(part)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin with the line record,patient,part"),
        ("a,b\n", "does not begin with the line record,patient,part"),
        ("record,patient\n", "names no record"),
        ("record,patient\nb\n", "the line b is not of a record and its patient"),
        ("record,patient\nb,p,test\n", "the line b,p,test is not of a record and its patient"),
        ("record,patient\nb,p\nb,p\n", "names record b more than once"),
        ("record,patient\nx,p\n", "names record x, of which"),
        (
            "record,patient,part\nb,anna,train\nc,anna,test\n",
            "has patient anna in test and train: all records of one patient belong to one part",
        ),
        ("record,patient,part\nb,p,1\nc,q,train\n", "has train beside fold 1"),
        ("record,patient,part\nb,p,test\n", "has no record to learn from: all are of the test"),
        (b"\xff\xfe\x00", "is no text in UTF-8"),
    ],
)
def test_a_split_that_cannot_be_followed_is_refused(
    run: Callable[..., int],
    tmp_path: Path,
    text: str | bytes,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    split = tmp_path / "bad.csv"
    split.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert run("distill", "--split", str(split)) == 5
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("edge-train: ")
    assert words in error


@given(st.binary(max_size=200))
def test_any_bytes_are_a_split_or_refused(
    tmp_path_factory: pytest.TempPathFactory, laboratory: Path, content: bytes
) -> None:
    split = tmp_path_factory.getbasetemp() / "any.csv"
    split.write_bytes(b"record,patient,part\n" * (len(content) % 2) + content)
    with suppress(RecordError):
        found = own(laboratory, "qrs", split)
        names = {r.name for r in (*found.records, *found.test)}
        assert names <= {"ward/a", "b", "c", "paced", "test"}


def test_what_is_missing_is_named(laboratory: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="holds no WFDB record"):
        own(tmp_path)
    with pytest.raises(RecordError, match="is no folder"):
        own(tmp_path / "nowhere")
    with pytest.raises(RecordError, match=r"^there is no file .*split\.csv$"):
        own(laboratory, "qrs", tmp_path / "split.csv")
    with pytest.raises(RecordError, match=r"no annotations NAME\.atr"):
        own(laboratory)
    some = tmp_path / "some.csv"
    some.write_text("record,patient\nc,carl\n")
    found = own(laboratory, "qrs", some)
    assert found.names == ("c",)
    assert found.told == (f"{some} does not name 4 records b, paced, test, …: left out",)
    assert "patient of its own" in own(laboratory, "qrs").told[0]


@pytest.mark.parametrize("more", [["--split", "x.csv"], ["--annotator", "qrs"], ["--with-ds1"]])
def test_what_is_of_own_records_needs_them(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["distill", "--data", str(tmp_path), "--out", str(tmp_path), *more]) == 5
    assert "add it" in capsys.readouterr().err


def test_a_record_that_is_called_as_one_of_ds1_is_not_taken_for_it(
    made_sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path / "lab", "119")
    more = ["--records", str(tmp_path / "lab"), "--with-ds1", "--out", str(tmp_path)]
    assert main(["distill", "--tiny", "--data", str(made_sets), *more]) == 5
    assert "called as DS1's (119)" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a rhythm 1", "a noise 0"])
def test_a_record_that_is_called_as_what_is_made_of_one_is_refused(
    name: str, made_sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path / "lab", "a")
    for end in ("hea", "atr"):
        (tmp_path / "lab" / f"a.{end}").rename(tmp_path / "lab" / f"{name}.{end}")
    more = ["--records", str(tmp_path / "lab"), "--out", str(tmp_path)]
    assert main(["distill", "--tiny", "--data", str(made_sets), *more]) == 5
    assert "rename it" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["my record", "ward/a noise", "a rhythm b", "x"])
def test_forms_of_any_record_keep_its_name(name: str) -> None:
    for form in (Form(name), Form(name, "noise"), Form(name, "rhythm", 3)):
        assert Form.named(form.name) == form
