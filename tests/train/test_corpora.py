"""Every data set as a corpus: what its files say, on real recordings and on made ones."""

import ast
import contextlib
import csv
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.replay import Recording
from train.data import ludb
from train.data.cinc2021 import Cinc2021
from train.data.corpora import CORPORA, open_corpus
from train.data.corpus import LEADS, Corpus, Reference, standard_lead
from train.data.cpsc2021 import Cpsc2021
from train.data.folder import Folder
from train.data.ludb import Ludb
from train.data.mitdb import DS1, DS2, read_annotations, rhythm_spans
from train.data.ptbxl import SUPERCLASSES, PtbXl

FOLDERS = {name: folder for name, (folder, _) in CORPORA.items()}
TOO_LARGE = ("code15", "mimic-iv-ecg")
"""For tests on what was recorded; they are in test_large.py."""
AT_HAND = {name: of for name, of in CORPORA.items() if name not in TOO_LARGE}
needs_all = pytest.mark.data_required(*sorted({folder for folder, _ in AT_HAND.values()}))
every_set = pytest.mark.parametrize(
    ("name", "labels"),
    [
        pytest.param(name, labels, marks=pytest.mark.data_required(folder))
        for name, (folder, makers) in AT_HAND.items()
        for labels in makers
    ],
)


def check(corpus: Corpus, recording: Recording, reference: Reference) -> None:
    """What holds for every recording of every data set."""
    n = len(recording.nv)
    assert recording.nv.shape == (n, len(recording.leads))
    assert all(standard_lead(lead) for lead in recording.leads)
    assert reference.aami.shape == reference.beats.shape
    assert set(reference.aami.tolist()) <= {*"NSVFQ", ""}
    assert np.all(np.diff(reference.beats) > 0)
    assert np.all((reference.beats >= 0) & (reference.beats < n))
    assert all(0 <= span.start < span.stop <= n for span in reference.spans)
    assert {span.label for span in reference.spans} <= set(corpus.classes)
    if reference.waves is not None:
        assert reference.waves.shape == recording.nv.shape
        assert set(np.unique(reference.waves).tolist()) <= {-1, 0, 1, 2, 3}


@every_set
def test_records_and_what_is_read_of_them(data_sets: Path, name: str, labels: str) -> None:
    corpus = open_corpus(name, data_sets, labels)
    assert corpus.name == name
    records = corpus.records
    assert records is corpus.records  # read once
    assert len({record.name for record in records}) == len(records) > 0
    assert len(set(corpus.classes)) == len(corpus.classes)
    for record in records:
        assert set(record.labels) <= set(corpus.classes)
        assert len(set(record.labels)) == len(record.labels)
        assert record.patient
    for record in records[:: max(1, len(records) // 5)]:
        check(corpus, *corpus.read(record))


@needs_all
def test_label_sets_are_of_the_same_records(data_sets: Path) -> None:
    for name, (_, makers) in AT_HAND.items():
        corpora = [open_corpus(name, data_sets, labels) for labels in (*makers, None)]
        sets = [[(r.name, r.patient, r.fold) for r in corpus.records] for corpus in corpora]
        assert all(records == sets[0] for records in sets)
        assert corpora[-1] == corpora[0]


@pytest.mark.data_required("mitdb")
def test_mitdb_is_ds1_and_its_labels_are_the_annotators(data_sets: Path) -> None:
    corpus = open_corpus("mitdb", data_sets)
    assert not {record.name for record in corpus.records} & set(DS2)
    assert [record.name for record in corpus.records] == list(DS1)
    beats: Counter[str] = Counter()
    singles: Counter[str] = Counter()
    symbols: Counter[str] = Counter()
    for record in corpus.records:
        _, reference = corpus.read(record)
        beats.update(reference.aami.tolist())
        singles.update(s.label for s in reference.spans if s.label not in ("SR", "AF"))
        symbols.update(wfdb.rdann(str(data_sets / "mitdb" / record.name), "atr").symbol)
    assert [beats[name] for name in "NSVFQ"] == [45866, 944, 3788, 415, 8]
    assert singles == {
        "PAC": symbols["A"] + symbols["a"] + symbols["J"] + symbols["S"],
        "PVC": symbols["V"],
        "LBBB": symbols["L"],
        "RBBB": symbols["R"],
    }


@pytest.mark.data_required("ptbxl")
def test_ptbxl_says_what_its_tables_say(data_sets: Path) -> None:
    folder = data_sets / "ptbxl"
    with (folder / "ptbxl_database.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "scp_statements.csv").open(newline="") as file:
        statements = list(csv.DictReader(file))
    corpora = {kind: open_corpus("ptbxl", data_sets, kind) for kind in CORPORA["ptbxl"][1]}
    assert corpora["superclass"].classes == SUPERCLASSES
    assert len(corpora["all"].classes) == len(statements) == 71
    assert len(corpora["rhythm"].classes) == 12
    for records in (corpus.records for corpus in corpora.values()):
        assert Counter(r.fold for r in records) == Counter(int(row["strat_fold"]) for row in rows)
    for superclass in SUPERCLASSES:
        codes = {s[""] for s in statements if s["diagnostic_class"] == superclass}
        assert sum(superclass in r.labels for r in corpora["superclass"].records) == sum(
            bool(codes & ast.literal_eval(row["scp_codes"]).keys()) for row in rows
        )
    for record, row in zip(corpora["all"].records, rows, strict=True):
        assert set(record.labels) == ast.literal_eval(row["scp_codes"]).keys()
    rhythm = {r.name: set(r.labels) for r in corpora["rhythm"].records}
    assert all(rhythm[r.name] <= set(r.labels) for r in corpora["all"].records)


@pytest.mark.data_required("ludb")
@pytest.mark.parametrize(
    ("numbers", "missing", "doubtful"),
    [
        ((1, 7, 34, 95, 104, 111, 198), {"p": 0, "N": 0, "t": 0}, 0),
        # 8 has a QRS without peak and one without end; 116 a T without end and two crowds of T.
        ((8, 116), {"p": 0, "N": 1, "t": 9}, 3),
        pytest.param(range(1, 201), {"p": 0, "N": 1, "t": 9}, 3, marks=pytest.mark.slow, id="all"),
    ],
)
def test_ludb_waves_are_those_marked(
    data_sets: Path,
    numbers: Sequence[int],
    missing: dict[str, int],
    doubtful: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wfdb, "rdann", lru_cache(1)(wfdb.rdann))  # it is slow, and asked twice
    header = lru_cache(1)(wfdb.io.record.rdheader)  # likewise, and for each lead
    monkeypatch.setattr(wfdb.io.record, "rdheader", header)
    peaks: Counter[str] = Counter()
    kinds: Counter[int] = Counter()
    found = 0
    for path in (data_sets / "ludb" / "data" / str(number) for number in numbers):
        for lead in LEADS:
            peaks.update(wfdb.rdann(str(path), lead.lower()).symbol)
            waves = ludb.read_waves(path, lead)
            kinds.update(waves.kind.tolist())
            found += len(waves.doubtful)
            assert np.all((waves.onset <= waves.peak) & (waves.peak <= waves.offset))
            assert np.all(waves.offset[:-1] < waves.onset[1:])
    assert {symbol: peaks[symbol] - kinds[kind] for symbol, kind in ludb.KINDS.items()} == missing
    assert found == doubtful
    if len(numbers) == 200:
        assert kinds[1] == 16797  # P waves, as Kalyakulina et al. 2020 count them


@pytest.mark.data_required("ludb")
def test_ludb_labels_and_mask(data_sets: Path) -> None:
    corpus = open_corpus("ludb", data_sets)
    assert len(corpus.records) == 200
    said = Counter(label for record in corpus.records for label in record.labels)
    assert said["Sinus rhythm"] == 143
    assert said["Atrial fibrillation"] == 15
    shared = open_corpus("ludb", data_sets, "shared")
    counts = Counter(label for record in shared.records for label in record.labels)
    assert counts["SR"] == 143 + 25 + 8 + 4 + 2
    assert counts["AF"] == 15 + 3
    assert counts["LBBB"] == counts["RBBB"] == 4
    _, reference = corpus.read(corpus.records[0])
    waves = ludb.read_waves(data_sets / "ludb" / "data" / "1", "ii")
    assert reference.waves is not None
    column = reference.waves[:, 1]
    assert np.all(column[reference.beats] == 2)
    assert np.all(column[: waves.onset[0]] == -1)
    assert np.all(column[waves.offset[-1] + 1 :] == -1)
    assert np.all(column[waves.onset[0] : waves.offset[-1] + 1] >= 0)


@pytest.mark.data_required("cpsc2021")
def test_cpsc2021_rhythms_cover_records_from_end_to_end(data_sets: Path) -> None:
    corpus = Cpsc2021(data_sets / "cpsc2021")
    records = {record.name: record for record in corpus.records}
    labels: dict[str, set[str]] = {}
    for name in ("data_8_3", "data_21_7", "data_35_4", "data_101_6"):
        recording, reference = corpus.read(records[name])
        spans = reference.spans
        assert spans[0].start == 0
        assert spans[-1].stop == len(recording.nv)
        assert all(one.stop == other.start for one, other in pairwise(spans))
        labels[records[name].patient] = {span.label for span in spans}
    # What the headers' comments call persistent, non and paroxysmal.
    assert labels == {"8": {"AF"}, "21": {"SR"}, "35": {"SR"}, "101": {"SR", "AF"}}


@pytest.mark.data_required("cinc2021", "cpsc2018")
def test_both_styles_of_headers_have_their_codes(data_sets: Path) -> None:
    georgia = Cinc2021(data_sets / "cinc2021", "snomed", "E")
    assert {r.name: r.labels for r in georgia.records}["E07503"] == ("253352002", "427084000")
    extra = open_corpus("cpsc-extra", data_sets, "snomed")
    assert {r.name: r.labels for r in extra.records}["Q0012"] == (
        *("164867002", "413844008", "426627000"),
    )
    both = Cinc2021(data_sets / "cinc2021", "snomed")
    assert both.name == "cinc2021"
    chapman = open_corpus("chapman", data_sets, "snomed")
    assert set(both.records) == {*georgia.records, *chapman.records}


# One record of each set with all files that are read for it.
DAMAGED = {
    "mitdb": "101",
    "ptbxl": "records100/00000/00001_lr",
    "ludb": "data/1",
    "cinc2017": "A00109",
    "cpsc2021": "data_8_3",
    "georgia": "E07503",
    "cpsc-extra": "Q1804",
}


@pytest.mark.parametrize(
    ("name", "record"),
    [
        pytest.param(name, record, marks=pytest.mark.data_required(FOLDERS[name]))
        for name, record in DAMAGED.items()
    ],
)
def test_a_damaged_file_is_refused_by_the_records_name(
    data_sets: Path, name: str, record: str, tmp_path: Path
) -> None:
    source = data_sets / FOLDERS[name]
    known = next(r for r in open_corpus(name, data_sets).records if r.name == record)
    corpus = open_corpus(name, tmp_path)
    at = tmp_path / FOLDERS[name] / record
    at.parent.mkdir(parents=True)
    files = sorted((source / record).parent.glob(f"{at.name}.*"))
    for file in files:
        shutil.copyfile(file, at.parent / file.name)
    corpus.read(known)
    for file in (at.parent / file.name for file in files):
        whole = file.read_bytes()
        for damaged in (None, b"", whole[: len(whole) // 2], bytes(range(256)) * 20):
            if damaged is None:
                file.unlink()
            else:
                file.write_bytes(damaged)
            with pytest.raises(RecordError, match=rf"\b{at.name}\b"):
                corpus.read(known)
        file.write_bytes(whole)
    corpus.read(known)


@pytest.mark.parametrize("name", CORPORA)
def test_a_missing_set_is_refused_with_what_to_do(name: str, tmp_path: Path) -> None:
    corpus = open_corpus(name, tmp_path)
    with pytest.raises(RecordError, match="fetch"):
        _ = corpus.records
    (tmp_path / FOLDERS[name]).mkdir()
    if name != "mitdb":  # whose records are known
        with pytest.raises(RecordError, match=r"get it again|fetch"):
            _ = corpus.records


def test_names_are_checked(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no labels 'superclass': it has rhythm, shared"):
        open_corpus("ludb", tmp_path, "superclass")
    with pytest.raises(RecordError, match="no data set and no folder"):
        open_corpus(str(tmp_path / "none"), tmp_path)
    with pytest.raises(RecordError, match="have no labels"):
        open_corpus(str(tmp_path), tmp_path, "shared")


def write_record(
    path: Path, fs: float = 100, leads: tuple[str, ...] = LEADS
) -> NDArray[np.float64]:
    """A record of a second; gives its samples in mV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mv = np.random.default_rng(len(path.name)).normal(size=(int(fs), len(leads)))
    wfdb.wrsamp(
        path.name,
        fs=fs,
        units=["mV"] * len(leads),
        sig_name=list(leads),
        p_signal=mv,
        fmt=["16"] * len(leads),
        write_dir=str(path.parent),
    )
    return mv


def made_ptbxl(folder: Path) -> Path:
    """PTB-XL's layout with three records, the third of which is not there."""
    folder.mkdir()
    (folder / "scp_statements.csv").write_text(
        ",description,diagnostic,form,rhythm,diagnostic_class\n"
        "IMI,inferior infarction,1.0,,,MI\nCLBBB,block,1.0,,,CD\n"
        "PVC,ectopic beat,,1.0,,\nAFIB,fibrillation,,,1.0,\nSTACH,tachycardia,,,1.0,\n"
    )
    rows = [
        "1,15709.0,\"{'IMI': 0.0, 'CLBBB': 100.0, 'AFIB': 0.0}\",3,1_lr,1_hr",
        "2,15709.0,\"{'PVC': 100.0, 'STACH': 0.0}\",3,2_lr,2_hr",
        '3,7.0,"{}",9,3_lr,3_hr',
    ]
    for i, rate in ((i, rate) for i in (1, 2) for rate in (100, 500)):
        write_record(folder / f"{i}_{'lr' if rate == 100 else 'hr'}", rate)
    (folder / "ptbxl_database.csv").write_text(
        "ecg_id,patient_id,scp_codes,strat_fold,filename_lr,filename_hr\n" + "\n".join(rows)
    )
    return folder


def test_reads_a_made_ptbxl(tmp_path: Path) -> None:
    folder = made_ptbxl(tmp_path / "ptbxl")
    labels = {
        kind: [r.labels for r in open_corpus("ptbxl", tmp_path, kind).records]
        for kind in CORPORA["ptbxl"][1]
    }
    assert labels == {
        "superclass": [("MI", "CD"), (), ()],
        "all": [("IMI", "CLBBB", "AFIB"), ("PVC", "STACH"), ()],
        "rhythm": [("AFIB",), ("STACH",), ()],
        "shared": [("AF", "LBBB"), ("SR", "PVC"), ()],
    }
    corpus = PtbXl(folder)
    first, _, third = corpus.records
    assert (first.name, first.patient, first.fold) == ("1_lr", "15709", 3)
    check(corpus, *corpus.read(first))
    with pytest.raises(RecordError, match="no record 3_lr"):
        corpus.read(third)
    fast = PtbXl(folder, hz=500)
    assert fast.read(fast.records[0])[0].fs == 500


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("scp_codes", "{'NORM': "),
        ("scp_codes", "[1, 2]"),
        ("scp_codes", "(" * 500),
        ("scp_codes", "{[]: 1}"),
        ("strat_fold", "x"),
        ("patient_id", "inf"),
        ("filename_lr", None),
    ],
)
def test_a_damaged_ptbxl_table_is_refused(column: str, value: str | None, tmp_path: Path) -> None:
    folder = made_ptbxl(tmp_path / "ptbxl")
    path = folder / "ptbxl_database.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [key for key in rows[0] if value is not None or key != column]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row | {column: value} for row in rows)
    with pytest.raises(RecordError, match=r"ptbxl_database\.csv is missing or damaged"):
        _ = PtbXl(folder).records


def test_a_folder_of_records_has_all_below_it(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no recording in WFDB or EDF"):
        _ = Folder(tmp_path).records
    written = {name: write_record(tmp_path / name, leads=("MLII",)) for name in ("b", "a/c")}
    corpus = open_corpus(str(tmp_path), Path("unused"))
    assert corpus.name == tmp_path.name
    assert [(r.name, r.labels, r.fold) for r in corpus.records] == [
        ("a/c", (), None),
        ("b", (), None),
    ]
    for record in corpus.records:
        recording, reference = corpus.read(record)
        check(corpus, recording, reference)
        np.testing.assert_allclose(recording.nv / 1e6, written[record.name], atol=1e-3)


def test_standard_leads() -> None:
    for lead in LEADS:
        assert (
            standard_lead(lead)
            == standard_lead(lead.lower())
            == standard_lead(lead.upper())
            == lead
        )
    assert standard_lead("MLII") == "II"
    assert [standard_lead(name) for name in ("ECG Lead I", "EKG avr", "Lead II ", "ECG_V1")] == [
        "I", "aVR", "II", "V1"
    ]  # fmt: skip
    assert all(
        standard_lead(name) is None for name in ("ECG", "V7", "", "II 1", "resp", "ECG 1", "ECGI")
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 1000), st.sampled_from(["N", "SBR", "AFIB", "AFL", "B", "VT"])),
        unique_by=lambda mark: mark[0],
    ),
    st.integers(1, 1000),
)
def test_rhythm_spans_say_for_each_sample_what_the_last_mark_does(
    marks: list[tuple[int, str]], n: int
) -> None:
    marks = sorted(mark for mark in marks if mark[0] < n)
    said = dict.fromkeys(range(n), "")
    for span in rhythm_spans(marks, n):
        for sample in range(span.start, span.stop):
            assert not said[sample]
            said[sample] = span.label
    labels = {"N": "SR", "SBR": "SR", "AFIB": "AF", "AFL": "AF"}
    for sample in range(n):
        last = [rhythm for start, rhythm in marks if start <= sample][-1:]
        assert said[sample] == (labels.get(last[0], "") if last else "")


@given(st.lists(st.tuples(st.sampled_from("pNt"), *[st.integers(0, 30)] * 3)), st.integers(1, 50))
def test_waves_are_read_as_they_were_written(
    gaps: list[tuple[str, int, int, int]], first: int
) -> None:
    """Of waves that are well marked nothing is lost, and the mask is theirs."""
    symbols, samples, at = [], [], first
    for symbol, rise, fall, pause in gaps:
        symbols += ["(", symbol, ")"]
        samples += [at, at + rise, at + rise + fall]
        at += rise + fall + pause + 1
    if not symbols:
        return
    with tempfile.TemporaryDirectory() as folder:
        wfdb.wrann("r", "i", np.array(samples), symbols, write_dir=folder)
        waves = ludb.read_waves(Path(folder) / "r", "I")
    assert waves.doubtful == ()
    assert waves.onset.tolist() == samples[::3]
    assert waves.peak.tolist() == samples[1::3]
    assert waves.offset.tolist() == samples[2::3]
    assert waves.kind.tolist() == [ludb.KINDS[symbol] for symbol in symbols[1::3]]
    mask = ludb.mask(waves, at + 5)
    assert np.all(
        (mask >= 0) == ((np.arange(at + 5) >= samples[0]) & (np.arange(at + 5) <= samples[-1]))
    )
    assert np.count_nonzero(mask > 0) == np.sum(waves.offset - waves.onset + 1)


@pytest.mark.parametrize(
    ("marks", "waves", "doubtful"),
    [
        ([("(", 5), ("N", 8), (")", 12)], [(5, 8, 12)], []),
        ([("N", 8), (")", 12)], [(8, 8, 12)], []),
        ([("N", 8), ("(", 9), (")", 12)], [(8, 8, 12)], []),
        ([("(", 1), ("(", 2), ("t", 4), ("t", 5), ("t", 6), (")", 8), (")", 9)], [(1, 5, 9)], []),
        ([("(", 1), (")", 3), ("(", 5), ("t", 6), (")", 7)], [(5, 6, 7)], [(1, 4)]),
        ([("(", 5), ("t", 6), (")", 7), ("(", 9), ("p", 12)], [(5, 6, 7)], [(9, 12)]),
    ],
)
def test_marks_out_of_the_ordinary(
    marks: list[tuple[str, int]],
    waves: list[tuple[int, int, int]],
    doubtful: list[tuple[int, int]],
    tmp_path: Path,
) -> None:
    symbols, samples = zip(*marks, strict=True)
    wfdb.wrann("r", "ii", np.array(samples), list(symbols), write_dir=str(tmp_path))
    read = ludb.read_waves(tmp_path / "r", "II")
    assert list(zip(read.onset, read.peak, read.offset, strict=True)) == waves
    assert list(read.doubtful) == doubtful
    mask = ludb.mask(read, 20)
    for start, stop in doubtful:
        assert np.all(mask[start : stop + 1] == -1)


def test_a_damaged_ludb_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ludb.csv").write_text("ID,Rhythms\n1,Sinus rhythm\n")
    with pytest.raises(RecordError, match=r"ludb\.csv is missing or damaged"):
        _ = Ludb(tmp_path).records


@given(st.data())
def test_no_bytes_of_annotations_raise_anything_but_a_record_error(data: st.DataObject) -> None:
    content = data.draw(st.binary(max_size=60)) + bytes(data.draw(st.sampled_from([0, 2])))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "r.hea").write_text("r 1 500 5000\nr.dat 16 200/mV 16 0 0 0 0 i\n")
        for extension in ("atr", "i"):
            (Path(folder) / f"r.{extension}").write_bytes(content)
        with contextlib.suppress(RecordError):
            read_annotations(Path(folder) / "r")
        with contextlib.suppress(RecordError):
            ludb.mask(ludb.read_waves(Path(folder) / "r", "I"), 5000)
