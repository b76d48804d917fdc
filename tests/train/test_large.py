"""CODE-15 % and MIMIC-IV-ECG, made in the layout that they are published in."""

import csv
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RecordError
from edge.replay import INVALID
from tests.train.test_corpora import check
from train.data.code15 import ABNORMALITIES, Code15
from train.data.corpora import open_corpus
from train.data.corpus import LEADS, Record
from train.data.mimic import REPORTS, MimicEcg, shared
from train.data.windows import Cut, cut

EXAMS = (  # exam, patient, abnormalities, part, samples
    (1169160, 523632, ("1dAVb", "SB"), 0, 2800),
    (2873686, 1724173, (), 0, 4000),
    (168405, 51421, ("RBBB", "AF"), 1, 4096),
    (271011, 1737282, ("LBBB",), 1, 0),
    (99, 1, ("ST",), 7, 4000),  # its file is not there
)


def write_code15(folder: Path) -> dict[int, np.ndarray]:
    """Its files; each exam's signal, [n, 12] in mV."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    columns = ["exam_id", "age", "is_male", "nn_predicted_age", *ABNORMALITIES, "patient_id"]
    with (folder / "exams.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([*columns, "death", "timey", "normal_ecg", "trace_file"])
        for exam, patient, said, part, _ in EXAMS:
            held = [name in said for name in ABNORMALITIES]
            row = [exam, 50, True, 51.2, *held, patient, "", "", not said]
            table.writerow([*row, f"exams_part{part}.hdf5"])
    signals = {}
    for part in (0, 1):
        of = [row for row in EXAMS if row[3] == part]
        tracings = np.zeros((len(of) + 1, 4096, 12), np.float32)  # the last is of no exam
        for i, (exam, *_, samples) in enumerate(of):
            before = (4096 - samples) // 2
            signals[exam] = rng.normal(0, 0.3, (samples, 12)).astype(np.float32)
            tracings[i, before : before + samples] = signals[exam]
        with h5py.File(folder / f"exams_part{part}.hdf5", "w") as file:
            file["exam_id"] = np.array([*(row[0] for row in of), 0])
            file["tracings"] = tracings
    return signals


def test_code15_is_read_without_the_zeros_around_it(tmp_path: Path) -> None:
    signals = write_code15(tmp_path / "code15")
    corpus = open_corpus("code15", tmp_path)
    assert corpus.classes == ABNORMALITIES
    assert [(r.name, r.patient, r.labels) for r in corpus.records] == [
        ("exams_part0/1169160", "523632", ("1dAVb", "SB")),
        ("exams_part0/2873686", "1724173", ()),
        ("exams_part1/168405", "51421", ("RBBB", "AF")),
        ("exams_part1/271011", "1737282", ("LBBB",)),
    ]
    for record, exam in zip(corpus.records[:3], signals, strict=False):
        recording, reference = corpus.read(record)
        check(corpus, recording, reference)
        assert (recording.fs, recording.leads) == (400.0, LEADS)
        np.testing.assert_allclose(recording.nv / 1e6, signals[exam], atol=1e-6)
    with pytest.raises(RecordError, match=r"exam 271011 of .* holds no signal"):
        corpus.read(corpus.records[3])
    other = open_corpus("code15", tmp_path, "shared")
    assert [r.labels for r in other.records] == [(), (), ("AF", "RBBB"), ("LBBB",)]


def test_code15_becomes_windows_of_one_rate(tmp_path: Path) -> None:
    write_code15(tmp_path / "code15")
    windows = cut(open_corpus("code15", tmp_path), Cut(), tmp_path / "windows", bar=False)
    assert list(windows.skipped) == ["exams_part1/271011"]
    rows = windows.rows(np.arange(len(windows)))
    assert rows["ecg"].shape == (3, 12, 1000)
    assert rows["leads"].all()
    seven = rows["ecg"][0]  # seconds, begun again
    assert np.array_equal(seven[:, 700:], seven[:, :300])
    assert seven[:, 650:700].any()


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_code15_may_hold_what_is_no_number(value: str, tmp_path: Path) -> None:
    write_code15(tmp_path / "code15")
    with h5py.File(tmp_path / "code15" / "exams_part0.hdf5", "r+") as file:
        file["tracings"][1, 1000, 3] = float(value)
    corpus = Code15(tmp_path / "code15")
    recording, _ = corpus.read(corpus.records[1])
    assert np.argwhere(recording.nv == INVALID).tolist() == [[1000 - 48, 3]]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "exams.csv").unlink(), r"exams\.csv is missing or damaged"),
        (lambda folder: (folder / "exams.csv").write_text("a,b\n1,2\n"), r"exams\.csv is missing"),
        (
            lambda folder: (folder / "exams.csv").write_bytes(b"\xff\xfe\0"),
            r"exams\.csv is missing",
        ),
        (lambda folder: [p.unlink() for p in folder.glob("*.hdf5")], "fetch code15"),
    ],
)
def test_a_damaged_code15_is_refused(damage, words: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    write_code15(tmp_path / "code15")
    damage(tmp_path / "code15")
    with pytest.raises(RecordError, match=words):
        _ = Code15(tmp_path / "code15").records


@cache
def some_hdf5() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        with h5py.File(f"{name}/x.hdf5", "w") as file:
            file["exam_id"] = np.array([1169160, 2873686])
            file["tracings"] = np.ones((2, 50, 12), np.float32)
        return Path(name, "x.hdf5").read_bytes()


@given(st.data())
def test_no_bytes_of_hdf5_raise_anything_but_a_record_error(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        whole = bytearray(some_hdf5())
        for at in data.draw(st.lists(st.integers(0, 3000), max_size=8)):
            whole[at] = data.draw(st.integers(0, 255))
        size = data.draw(st.sampled_from([len(whole), 5000, 700, 8, 0]))
        Path(name, "exams_part0.hdf5").write_bytes(whole[:size])
        for exam in (1169160, 2873686):
            with suppress(RecordError):
                Code15(Path(name)).read(Record(f"exams_part0/{exam}", "1"))


STUDIES = (  # subject, study, statements
    (10000032, 40689238, ("Sinus rhythm", "Possible anterior infarct - age undetermined", "")),
    (
        10000032,
        44458630,
        ("Sinus tachycardia with PVCs.", "RBBB with left anterior fascicular block"),
    ),
    (10000117, 45090959, ("Atrial fibrillation", "Sinus rhythm  ", "Incomplete RBBB")),
)


def write_mimic(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    records = (folder / "record_list.csv").open("w", newline="")
    measured = (folder / "machine_measurements.csv").open("w", newline="")
    with records, measured:
        listed, said = csv.writer(records), csv.writer(measured)
        listed.writerow(["subject_id", "study_id", "file_name", "ecg_time", "path"])
        reports = [f"report_{i}" for i in range(REPORTS)]
        said.writerow(["subject_id", "study_id", "cart_id", "ecg_time", *reports, "rr_interval"])
        for subject, study, statements in STUDIES:
            place = f"files/p{str(subject)[:4]}/p{subject}/s{study}"
            time = "2180-07-23 08:44:00"
            listed.writerow([subject, study, study, time, f"{place}/{study}"])
            filled = [*statements, *[""] * (REPORTS - len(statements))]
            said.writerow([subject, study, 6848296, time, *filled, 659])
            (folder / place).mkdir(parents=True)
            wfdb.wrsamp(
                str(study), fs=500, units=["mV"] * 12,
                sig_name=["I", "II", "III", "aVR", "aVF", "aVL", *(f"V{i}" for i in range(1, 7))],
                p_signal=rng.normal(0, 0.3, (5000, 12)), fmt=["16"] * 12,
                write_dir=str(folder / place),
            )  # fmt: skip


def test_mimic_has_what_the_machine_said(tmp_path: Path) -> None:
    folder = tmp_path / "mimic-iv-ecg"
    write_mimic(folder)
    corpus = open_corpus("mimic-iv-ecg", tmp_path)
    assert corpus.classes[0] == "Sinus rhythm"  # the commonest
    assert len(corpus.classes) == 6
    first, second, third = corpus.records
    assert first.name == "files/p1000/p10000032/s40689238/40689238"
    assert (first.patient, second.patient, third.patient) == ("10000032", "10000032", "10000117")
    assert third.labels == ("Atrial fibrillation", "Sinus rhythm", "Incomplete RBBB")
    for record in corpus.records:
        assert set(record.labels) <= set(corpus.classes)
        recording, reference = corpus.read(record)
        check(corpus, recording, reference)
        assert (recording.fs, recording.nv.shape) == (500.0, (5000, 12))
    assert recording.leads[4:6] == ("aVF", "aVL")
    other = open_corpus("mimic-iv-ecg", tmp_path, "shared")
    assert [r.labels for r in other.records] == [("SR",), ("SR", "PVC", "RBBB"), ("SR", "AF")]
    (folder / f"{second.name}.dat").unlink()
    windows = cut(other, Cut(), tmp_path / "windows", bar=False)
    assert list(windows.skipped) == [second.name]
    assert len(windows) == 2


def test_only_the_commonest_statements_are_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mimic(tmp_path / "mimic-iv-ecg")
    monkeypatch.setattr("train.data.mimic.COMMONEST", 2)
    corpus = MimicEcg(tmp_path / "mimic-iv-ecg")
    assert corpus.classes == ("Sinus rhythm", "Atrial fibrillation")
    assert [r.labels for r in corpus.records][1] == ()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("Sinus bradycardia", ["SR"]),
        ("Sinus rhythm with PAC(s)", ["SR", "PAC"]),
        ("Atrial premature complex(es)", ["PAC"]),
        ("Supraventricular premature complexes", ["PAC"]),
        ("Multiple ventricular premature complexes", ["PVC"]),
        ("Atrial flutter with rapid ventricular response", ["AF"]),
        ("Left bundle branch block", ["LBBB"]),
        ("Incomplete left bundle branch block", []),
        ("Incomplete RBBB", []),
        ("RBBB", ["RBBB"]),
        ("Possible atrial flutter", []),
        ("Consider left bundle branch block", []),
        ("Sinus rhythm or ectopic atrial rhythm", []),
        ("Atrial fibrillation is no longer present", []),
        ("Normal ECG", []),
        ("", []),
    ],
)
def test_what_a_statement_says_of_what_sets_share(statement: str, said: list[str]) -> None:
    assert shared(statement) == said
    assert shared(statement.upper()) == said


@pytest.mark.parametrize("name", ["record_list.csv", "machine_measurements.csv"])
@pytest.mark.parametrize("content", [None, b"", b"a,b\n1,2\n", b"\xff\xfe\0", b'"\n'])
def test_a_damaged_table_of_mimic_is_refused(
    name: str, content: bytes | None, tmp_path: Path
) -> None:
    write_mimic(tmp_path / "mimic-iv-ecg")
    path = tmp_path / "mimic-iv-ecg" / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    corpus = MimicEcg(tmp_path / "mimic-iv-ecg")
    with pytest.raises(RecordError, match=f"{name} is missing or damaged"):
        _ = corpus.records
