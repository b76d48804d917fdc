"""The reader against the published counts of the MIT-BIH Arrhythmia Database."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import wfdb

from edge.errors import RecordError
from train.data.mitdb import ALL, DS1, DS2, PACED, read_annotations, subject
from train.metrics.aami import CLASS_MAPS, ClassMap, aami_classes

# Counts of the database's directory (PhysioNet), flutter waves left out.
SYMBOLS = dict(
    zip(
        "NLRV/AfFjaEJQeS",
        (75052, 8075, 7259, 7130, 7028, 2546, 982, 803, 229, 150, 106, 83, 33, 16, 2),
        strict=True,
    )
)


def test_sets_are_disjoint_and_complete() -> None:
    assert len(DS1) == len(DS2) == 22
    assert len(set(DS1 + DS2 + PACED)) == len(ALL) == 48
    assert len({subject(record) for record in ALL}) == 47
    assert subject("202") == subject("201") == "201"


def test_maps_differ_in_escape_beats_only() -> None:
    papers, bxb = CLASS_MAPS["papers"], CLASS_MAPS["bxb"]
    assert papers.keys() == bxb.keys()
    assert {symbol for symbol in papers if papers[symbol] != bxb[symbol]} == set("ejn")
    with pytest.raises(KeyError):
        aami_classes(np.array(["N", "!"]))


@pytest.mark.data_required("mitdb")
def test_every_beat_is_read_once(mitdb: Path) -> None:
    counts: Counter[str] = Counter()
    for record in ALL:
        counts.update(read_annotations(mitdb / record).symbol.tolist())
    assert counts == SYMBOLS
    assert counts.total() == 109_494


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize(
    ("records", "class_map", "expected"),
    [
        (DS1, "papers", (45866, 944, 3788, 415, 8)),
        (DS1, "bxb", (45834, 976, 3788, 415, 8)),
        (DS2, "papers", (44259, 1837, 3221, 388, 7)),
        (DS2, "bxb", (44046, 2050, 3221, 388, 7)),
    ],
)
def test_class_counts(
    mitdb: Path, records: tuple[str, ...], class_map: ClassMap, expected: tuple[int, ...]
) -> None:
    counts: Counter[str] = Counter()
    for record in records:
        counts.update(aami_classes(read_annotations(mitdb / record).symbol, class_map).tolist())
    assert tuple(counts[name] for name in "NSVFQ") == expected


@pytest.mark.data_required("mitdb")
def test_flutter_and_rhythm_of_207(mitdb: Path) -> None:
    annotations = read_annotations(mitdb / "207")
    assert annotations.fs == 360
    assert len(annotations.vf) == 6
    for first, last in annotations.vf:
        assert first < last
        assert not np.any((annotations.sample >= first) & (annotations.sample <= last))
    assert [name for _, name in annotations.rhythm].count("VFL") == 6
    assert annotations.rhythm[0] == (9, "B")


def write_record(
    folder: Path, symbols: str, aux: list[str] | None = None, fs: float | None = None
) -> Path:
    """A header of 250 Hz and annotations, one symbol every 100 samples from 100 on."""
    samples = np.arange(1, len(symbols) + 1) * 100
    wfdb.wrsamp(
        "r",
        fs=250,
        units=["mV"],
        sig_name=["I"],
        p_signal=np.sin(np.arange(samples[-1] + 100))[:, None],
        fmt=["16"],
        write_dir=str(folder),
    )
    wfdb.wrann("r", "atr", samples, list(symbols), aux_note=aux, fs=fs, write_dir=str(folder))
    return folder / "r"


def test_reads_what_was_written(tmp_path: Path) -> None:
    record = write_record(tmp_path, "+N~VQ[!N]+e[!", ["(AFIB", *[""] * 8, "(N", *[""] * 3])
    annotations = read_annotations(record)
    assert annotations.fs == 250
    assert annotations.sample.tolist() == [200, 400, 500, 1100]
    assert annotations.symbol.tolist() == ["N", "V", "Q", "e"]
    assert annotations.rhythm == ((100, "AFIB"), (1000, "N"))
    assert annotations.vf == ((600, 900), (1200, sys.maxsize))


def test_bad_records_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="missing or damaged"):
        read_annotations(tmp_path / "missing")
    record = write_record(tmp_path, "NV")
    record.with_suffix(".hea").unlink()
    with pytest.raises(RecordError, match="sampling rate is missing"):
        read_annotations(record)
    record.with_suffix(".atr").write_bytes(b"\x07")
    with pytest.raises(RecordError, match="missing or damaged"):
        read_annotations(record)
