"""Own labels: tables as laboratories write them, what is wrong with them, and what is learned."""

import shutil
import unicodedata
from pathlib import Path

import edfio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from edge import replay
from edge.errors import RecordError
from edge.synthetic import synthesize
from tests.train.conftest import write
from tests.train.made import Made
from train.cli import main
from train.commands.teachers import _headline, _rests_on_few
from train.data.corpus import Record
from train.data.labelled import FEWEST, labelled
from train.data.tables import sheet
from train.data.windows import Cut, cut
from train.models.facts import Statement
from train.studies.diagnosis import FOLDS, Part, dealt, told_apart

PATIENTS = 22
STATES = ["PVC" if i % 2 else "normal" for i in range(PATIENTS)]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of each patient, every second with ventricular beats, and one more of the first."""
    folder = tmp_path_factory.mktemp("data") / "lab"
    for i in range(PATIENTS + 1):
        script = "NNNVNNVNNVNN" if i % 2 else "NNNNNNNNNNNN"
        made = synthesize(script, 250.0, np.random.default_rng(i))
        write(folder / "a", f"r{i}", made.mv, ["II", "V5"], 250)
    return folder


def rows(states: list[str] = STATES) -> list[str]:
    last = f"a/r{PATIENTS},p0,{states[0]}"
    return [f"a/r{i},p{i},{state}" for i, state in enumerate(states)] + [last]


def table(tmp_path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path = tmp_path / "labels.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return path


HEAD = "record,patient,labels"
ONES = [f"a/r{i},p{i},{int(s == 'PVC')},{int(s == 'normal')}" for i, s in enumerate(STATES)]


@pytest.mark.parametrize(
    ("lines", "encoding"),
    [
        ([HEAD, *rows()], "utf-8"),
        ([HEAD, *rows(), "", ",,"], "utf-8-sig"),
        ([HEAD, *(f"{row};" for row in rows())], "utf-8"),
        ([line.replace(",", ";") for line in (HEAD, *rows())], "utf-8-sig"),
        ([line.replace(",", "\t") for line in (HEAD, *rows())], "utf-8"),
        (['Record,"patient",PVC,normal', *(f"{row}.0" for row in ONES),
          f"a/r{PATIENTS},p0,0.0,1.0"], "utf-8"),
        (["sep=;", *(line.replace(",", ";") for line in (HEAD, *rows()))], "utf-8"),
        (["Record,PATIENT,PVC,normal", *ONES, f"a\\r{PATIENTS}.hea,p0,,X"], "utf-8"),
        (["record,patient,PVC,normal,", *(f"{row}," for row in ONES),
          f"a/r{PATIENTS},p0,no,yes"], "utf-8"),
    ],
)  # fmt: skip
def test_tables_of_any_form_say_the_same(
    lines: list[str], encoding: str, lab: Path, tmp_path: Path
) -> None:
    corpus, told = labelled(lab, table(tmp_path, lines, encoding))
    assert corpus.classes == ("PVC", "normal")
    assert not told
    expected = [Record(f"a/r{i}", f"p{i}", (s,)) for i, s in enumerate(STATES)]
    assert [*corpus.records] == [*expected, Record(f"a/r{PATIENTS}", "p0", ("normal",))]


def test_edf_files_are_records_too(lab: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    shutil.copytree(lab, folder)
    mv = replay.read(folder / "a" / "r0").nv.T / 1e6
    for file in (folder / "a").glob("r0.*"):
        file.unlink()
    signals = [
        edfio.EdfSignal(x, 250, label=name, physical_dimension="mV", physical_range=(-8.0, 8.0))
        for x, name in zip(mv, ("ECG II", "V5"), strict=True)
    ]
    edfio.Edf(signals, data_record_duration=len(mv[0]) / 250).write(folder / "a" / "r0.edf")
    lines = [HEAD, *rows()]
    with pytest.raises(RecordError, match=r"names record a/r0, .*of an EDF file with \.edf"):
        labelled(folder, table(tmp_path, lines))
    lines[1] = lines[1].replace("r0", "r0.edf")
    corpus, told = labelled(folder, table(tmp_path, lines))
    assert not told
    windows = cut(corpus, Cut(), tmp_path, bar=False)
    assert not windows.skipped
    same = cut(labelled(lab, table(tmp_path, [HEAD, *rows()])).corpus, Cut(), tmp_path, bar=False)
    first = [np.flatnonzero(of.column("record") == 0) for of in (windows, same)]
    for name, within in (("ecg", 1e-3), ("leads", 0)):
        one, two = (of.rows(n)[name] for of, n in zip((windows, same), first, strict=True))
        np.testing.assert_allclose(one, two, atol=within)
    before = windows.identity
    (folder / "a" / "r0.edf").write_bytes((folder / "a" / "r0.edf").read_bytes()[:-250])
    assert cut(corpus, Cut(), tmp_path, bar=False).identity != before


def test_what_is_left_out_is_told(lab: Path, tmp_path: Path) -> None:
    states = [f"{s};rare" if i < 3 else s for i, s in enumerate(STATES)]
    corpus, told = labelled(lab, table(tmp_path, [HEAD, *rows(states)[:-1]]))
    assert corpus.classes == ("PVC", "normal")
    assert f"does not name record a/r{PATIENTS}: left out" in told[0]
    assert "label rare (3 of 22 patients): left out" in told[1]
    states[4] = "nromal"
    told = labelled(lab, table(tmp_path, [HEAD, *rows(states)[:-1]])).told
    assert "nromal (1 of 22 patients; is it normal?)" in told[1]
    lines = ["record,labels", *(f"a/r{i},{s}" for i, s in enumerate(STATES))]
    corpus, told = labelled(lab, table(tmp_path, lines))
    assert corpus.records[1].patient == "a/r1"
    assert "no column patient: each record is taken for a patient of its own" in told[0]
    rare = [f"{s};{'abcdef'[i % 6]}" for i, s in enumerate(STATES)]
    (said,) = labelled(lab, table(tmp_path, [HEAD, *rows(rare)])).told
    assert all(f" {label} (" in said for label in "abcdef")
    beside = [f"{HEAD},age,AF", *(f"{row},70,1" for row in rows())]
    (said,) = labelled(lab, table(tmp_path, beside)).told
    assert said.endswith("has 2 columns age, AF beside labels: not read")
    cut_off = [HEAD, *rows()]
    cut_off[-1] = cut_off[-1].rpartition(",")[0]
    (told_of,) = labelled(lab, table(tmp_path, cut_off)).told
    assert f"fewer cells than names above them for record a/r{PATIENTS}" in told_of


def test_a_name_is_the_same_however_its_umlauts_are_written(lab: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    shutil.copytree(lab / "a", folder / unicodedata.normalize("NFD", "ä"))
    lines = [HEAD, *(row.replace("a/", "ä/") for row in rows())]
    corpus, told = labelled(folder, table(tmp_path, lines))
    assert not told
    assert len(corpus.read(corpus.records[0])[0].nv)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "does not begin with a line of names"),
        (["a,b", "c,d"], "does not begin with a line of names"),
        (["record,patient", "a/r1,p"], "does not begin with a line of names"),
        ([HEAD], "names no record"),
        ([HEAD, *rows(), "a/r99,p,PVC"], "names record a/r99, which"),
        ([HEAD, *rows(), rows()[3]], "names record a/r3 more than once"),
        ([HEAD, *rows(), "a/r1,p,PVC,normal"], "the line of a/r1 has more cells than names"),
        ([HEAD, "a/r1,,PVC"], "names no patient of record a/r1"),
        ([HEAD, "a/r1,p"], "its column labels is empty"),
        ([HEAD, *rows(["rare"] * 3)], "no label to learn"),
        ([HEAD, *rows(["PVC", "pvc ", *STATES[2:]])], "writes one label as PVC and pvc"),
        ([HEAD, *rows(), f"lab/a/r{PATIENTS},p0,normal"], "its path below that folder"),
        ([HEAD, *rows()[:-1], f"a/r{PATIENTS},P0,normal"], "writes one patient as P0 and p0"),
        ([HEAD, *rows(["\x1b[31mred", *STATES[1:]])], r"control characters: '\x1b[31mred'"),
        (['record,"a;b",PVC', "a/r1,1,2"], "'2' in column PVC is neither"),
        (["record,PVC,age", "a/r1,1,63"], "'63' in column age is neither 1 nor 0"),
        (["record,PVC,PVC", "a/r1,1,1"], "has column PVC more than once"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_sentence(
    lines: list[str], words: str, lab: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecordError, match=r"labels\.csv") as caught:
        labelled(lab, table(tmp_path, lines))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_what_is_no_utf_8_is_refused(encoding: str, lab: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="save it as CSV UTF-8"):
        labelled(lab, table(tmp_path, [HEAD, "a/r1,Müller,PVC"], encoding))
    with pytest.raises(RecordError, match="there is no file"):
        sheet(tmp_path / "none.csv")


class Few:
    """As windows, what folds are dealt by."""

    name = "few"

    def __init__(self, patient: list[int], labels: np.ndarray) -> None:
        self.records = [Record(f"{i}", f"p{p}") for i, p in enumerate(patient)]
        self._columns = {"record": np.arange(len(patient)), "labels": labels}

    def column(self, name: str) -> np.ndarray:
        return self._columns[name]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(FEWEST, 200), st.integers(1, 5))
def test_folds_are_even_and_split_nobody(seed: int, patients: int, classes: int) -> None:
    """Of each label no fold has more than its share and two patients' most."""
    rng = np.random.default_rng(seed)
    patient = np.concatenate([np.arange(patients), rng.integers(0, patients, patients)])
    labels = rng.random((len(patient), classes)) < rng.uniform(0.02, 0.9, classes)
    fold = dealt(Few(patient.tolist(), labels))  # type: ignore[arg-type]
    assert {*np.unique(fold)} == {*range(1, FOLDS + 1)}
    for p in range(patients):
        assert len({*fold[patient == p]}) == 1
    count = np.array([np.bincount(fold, minlength=FOLDS + 1)[1:]])
    most = np.bincount(patient).max()
    assert count.max() - count.min() <= len(patient) / FOLDS + 2 * most


def test_labels_that_a_part_has_from_one_side_alone_are_left_out(tmp_path: Path) -> None:
    windows = cut(Made(6), Cut(), tmp_path, bar=False)

    def part(*records: tuple[int, ...]) -> Part:
        return Part(*(np.flatnonzero(np.isin(windows.column("record"), of)) for of in records))

    everybody = part((0, 1, 2), (3, 4, 5), ())
    assert told_apart(windows, everybody) == (windows, [])
    for rare in (part((0, 1, 2), (3, 4), (5,)), part((0, 1), (3, 4, 5), (2,))):
        some, (told,) = told_apart(windows, rare)
        assert some.classes == windows.classes[:2]
        assert told.startswith("label atrial: left out, in folds 1 to 7, or in fold 8, all windows")
        rows = np.arange(len(windows))
        np.testing.assert_array_equal(
            some.rows(rows)["labels"], windows.rows(rows)["labels"][:, :2]
        )
        np.testing.assert_array_equal(some.rows(rows)["ecg"], windows.rows(rows)["ecg"])
    with pytest.raises(RecordError, match=r"made has no label to learn: .*3 labels"):
        told_apart(windows, part((0, 3), (1, 2), (4, 5)))


def test_the_headline_says_of_how_many_classes_it_is() -> None:
    known = [Statement(name, figures={"test": {"auc": auc}}) for name, auc in
             (("a", 0.7), ("b", None), ("c", 0.9))]  # fmt: skip
    assert _headline(known, "test") == "macro-AUC of 2 of 3 classes 80.0 %"
    assert _headline(known[::2], "test") == "macro-AUC 80.0 %"
    assert _headline(known[1:2], "test") == "no class has cases and others"


def test_an_auc_that_rests_on_few_is_told() -> None:
    known = [Statement(name, figures={"test": {"n": 20, "cases": cases}}) for name, cases in
             (("a", 4), ("b", 5), ("c", 15), ("d", 16), ("e", 0))]  # fmt: skip
    assert _rests_on_few(known, "test") == (
        "fewer than 5 windows have, or lack, a, d, e: AUC says little of that"
    )
    assert _rests_on_few(known[1:3], "test") == ""


def test_own_labels_are_learned(
    lab: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the command line, and from a file that the command line goes over."""
    labels = table(tmp_path, [HEAD, *rows()])
    config = tmp_path / "how.toml"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(lab)
    own = 'model = "beatnet"\nset = "."\nlabels = "~/labels.csv"\n'
    config.write_text(f"{own}tiny = true\nlr = 3e-3\nepochs = 9\n", "utf-8-sig")
    out = tmp_path / "runs" / "own"
    assert main(["finetune", "--config", str(config), "--epochs", "1", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "fold 8" in said
    assert "fold 9" not in said
    nowhere = labels / "own"
    assert main(["finetune", "--config", str(config), "--out", str(nowhere)]) == 8
    assert f"cannot write to {nowhere}: " in capsys.readouterr().err
    with safe_open(out / "lab.safetensors", framework="np") as file:
        told = file.metadata()["manifest"]
    assert '"learning_rate": 0.003' in told
    assert '"epochs": 1' in told
    # Once the test part was looked at, the card does not deny it.
    again = ["finetune", "--config", str(config), "--epochs", "1", "--out", str(out)]
    card = out / "lab-safetensors.md"
    for more, tested in (([], False), (["--test"], True), ([], True)):
        assert main([*again, *more]) == 0
        assert ("fold 9" in capsys.readouterr().out) == tested
        assert ("Figures of the test part" in card.read_text()) == tested
        assert ("not looked at" in card.read_text()) != tested
    # Begun anew, it is gone before anything is learned; another seed is refused before that.
    with monkeypatch.context() as patch:
        patch.setattr("train.commands.teachers.cut", lambda *_: 1 / 0)
        assert main([*again, "--seed", "1"]) == 5
        assert "with seed 0, this is seed 1" in capsys.readouterr().err
        with pytest.raises(ZeroDivisionError):
            main([*again, "--restart"])
    assert not [*out.glob("lab*")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('rate = 1\nmodel = "beatnet"', "says rate, but finetune has no such setting"),
        ("lr = [1]", "lr is a single value"),
        ("lr =", "is no TOML"),
        ('tiny = "false"', 'tiny is true or false, without quotes, not "false"'),
        ("lr = true", "lr is a number, or text, not true"),
    ],
)
def test_a_wrong_config_is_one_sentence(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "how.toml"
    config.write_text(text)
    assert main(["finetune", "--config", str(config)]) == 5
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_folder_needs_a_table(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finetune", "--model", "beatnet", "--set", str(lab)]) == 5
    assert "add --labels TABLE" in capsys.readouterr().err
    assert main(["finetune", "--model", "beatnet", "--labels", "x.csv"]) == 5
    assert "of --set FOLDER" in capsys.readouterr().err
