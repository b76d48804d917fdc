"""Tables as programs, languages and people write them, and what is doubtful in a recording."""

from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RecordError
from edge.files.numerals import apart, number
from edge.replay import INVALID, Opened, read
from tests.edge.test_files import header, hearts, table

N = 2500
X = np.rint(hearts(N, 2) * 2000).astype(int)  # µV
GROUPED: dict[str, Any] = {
    "quoted": lambda x: f'"{x:,}"',
    "point": lambda x: f"{x:,}".replace(",", "."),
    "apostrophe": lambda x: f"{x:,}".replace(",", "'"),
    "typeset apostrophe": lambda x: f"{x:,}".replace(",", "’"),
    "narrow blank": lambda x: f"{x:,}".replace(",", "\u202f"),
    "blank": lambda x: f"{x:,}".replace(",", " "),
    "minus": lambda x: f"{x}".replace("-", "−"),
    "decimals": lambda x: f"{x:,.1f}".replace(",", " ").replace(".", ",").replace(" ", "."),
}


@pytest.mark.parametrize("grouped", GROUPED)
def test_thousands_may_be_set_apart(tmp_path: Path, grouped: str) -> None:
    write, mark = GROUPED[grouped], "," if grouped == "quoted" else ";"
    rows = "".join(f"{4 * i}{mark}{write(a)}{mark}{write(b)}\n" for i, (a, b) in enumerate(X))
    path = table(tmp_path / "t.csv", f"ms{mark}II (µV){mark}V1 (µV)\n{rows}")
    opened = read(path)
    assert opened.leads == ("II", "V1")
    assert np.array_equal(opened.nv, X * 1000)


def test_thousands_may_begin_late(tmp_path: Path) -> None:
    x = np.r_[np.resize(X[:, 0] % 900, 20_000), np.resize(X[:, 0], 5000)]
    for mark in ",.":
        text = "".join(f"{a:,}\n".replace(",", mark) for a in x.tolist())
        assert np.array_equal(read(table(tmp_path / "t.txt", f"II (uV)\n{text}"), fs=250).nv[:, 0],
            x * 1000)  # fmt: skip


@given(st.lists(st.integers(-999_999, 999_999), min_size=2, max_size=40))
def test_what_may_be_a_decimal_mark_is_one(thousandths: list[int]) -> None:
    for mark in ".,":
        cells = [f"{x / 1000:.3f}".replace(".", mark) for x in [5, *thousandths]]
        assert apart(cells) == ""
        assert [number(cell) for cell in cells[1:]] == [x / 1000 for x in thousandths]
    for mark in ".,":
        cells = [f"{x:,}".replace(",", mark) for x in [7, 1234, *thousandths]]
        assert apart(cells) == mark
        assert [number(cell, mark) for cell in cells[2:]] == thousandths


@given(st.text(max_size=12), st.sampled_from(["", ",", ".", ",."]))
def test_any_cell_is_a_number_or_none(cell: str, marks: str) -> None:
    assert not np.isinf(number(cell, marks))
    assert apart([cell, cell]) in ("", ",", ".", ",.")


ROWS = [f"{a / 1000},{b / 1000}" for a, b in X]


@pytest.mark.parametrize("head", [
    "Sample Rate,250 Hz\nII (mV),V1 (mV)\n", "Name,Jane\nfs,250\nII,V1\nmV,mV\n",
    "Abtastrate,250 Hz\n\nII [mV],V1 [mV]\n", "Messrate: 250\nII,V1\n(mV),(mV)\n",
    "Sampling rate (Hz),250\n'II','V1'\n'mV','mV'\n", "# fs=250\nII (mV),V1 (mV)\n",
    "Samples/s: 250\nII (mV),V1 (mV)\n", "Taux d’échantillonnage,250 hertz\nII (mV),V1 (mV)\n",
])  # fmt: skip
def test_names_stand_right_above_the_numbers(tmp_path: Path, head: str) -> None:
    opened = Opened(table(tmp_path / "t.csv", head + "\n".join(ROWS)))
    assert (opened.leads, opened.scale, opened.fs) == (("II", "V1"), None, 250)


def test_a_head_may_have_a_cell_more_or_less(tmp_path: Path) -> None:
    named = "\n".join(f'"{i + 1}" {row.replace(",", " ")}' for i, row in enumerate(ROWS))
    opened = Opened(table(tmp_path / "r.txt", f'"II (mV)" "V1 (mV)"\n{named}'), fs=250)
    assert (opened.leads, opened.scale) == (("II", "V1"), None)
    timed = "\n".join(f"{i / 250:.3f} {row.replace(',', ' ')}" for i, row in enumerate(ROWS))
    head = "  Elapsed time   MLII     V1\n     (seconds)   (mV)   (mV)\n"
    opened = Opened(table(tmp_path / "p.txt", head + timed))
    assert (opened.leads, opened.scale, opened.fs) == (("MLII", "V1"), None, 250)
    sparse = "\n".join(f"{row},{1 if i % 200 == 99 else ''}" for i, row in enumerate(ROWS))
    for text in (sparse, sparse.replace(",1\n", ",\n")):
        opened = Opened(table(tmp_path / "s.csv", f"II (mV),V1 (mV),R peak\n{text}"), fs=250)
        assert (opened.leads, opened.scale) == (("II", "V1"), None)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_an_empty_line_of_a_column_is_no_sample(tmp_path: Path, end: str) -> None:
    lines = [f"{a}" for a in X[:, 0]]
    lines[700:800] = [""] * 100
    nv = read(table(tmp_path / "t.csv", f"II (uV){end}{end.join(lines)}"), fs=250).nv
    if end == "\r\r\n":  # nobody can tell
        assert len(nv) == N - 100
    else:
        assert np.flatnonzero(nv[:, 0] == INVALID).tolist() == [*range(700, 800)]
    spaced = f"{end}{end}".join(map(str, X[:, 0]))
    assert len(read(table(tmp_path / "t.csv", spaced), fs=250).nv) == N


@pytest.mark.parametrize(("head", "column"), [
    ("HR", lambda i: f"{60 + i / 100:.2f}"), ("Temp", lambda i: f"{36 + i / 3000:.4f}"),
    ("battery", lambda i: f"{9000 - 3 * i}"), ("", lambda i: 4 * i), ("idx", lambda i: 10 * i),
    ("Unnamed: 0", lambda i: 2 * i), ("frame", lambda i: 5 * i), ("seq", lambda i: 4 * i),
])  # fmt: skip
def test_what_rises_beside_an_ecg_tells_no_rate(tmp_path: Path, head: str, column: Any) -> None:
    rows = "".join(f"{column(i)},{row}\n" for i, row in enumerate(ROWS))
    path = table(tmp_path / "t.csv", f"{head},II,V1\n{rows}")
    with pytest.raises(RecordError, match="does not tell its rate"):
        Opened(path)
    opened = Opened(path, fs=125)
    assert (opened.leads, opened.doubts) == (("II", "V1"), [])


@pytest.mark.parametrize("name", ["Temps", "Zeit", "Tempo", "sample time", "Uhrzeit", "t", "time"])
def test_what_is_named_as_a_time_tells_one(tmp_path: Path, name: str) -> None:
    rows = "".join(f"{4 * i},{row}\n" for i, row in enumerate(ROWS))
    assert Opened(table(tmp_path / "t.csv", f"{name},II,V1\n{rows}")).fs == 250


def test_rows_that_are_there_twice_are_told(tmp_path: Path) -> None:
    at = np.sort(np.r_[:N, 0:N:50])
    text = "".join(f"{i / 250},{ROWS[i]}\n" for i in at)
    (_, told) = Opened(table(tmp_path / "t.csv", f"time,II,V1\n{text}")).told
    assert told.startswith("t.csv has 50 rows that are there twice")
    lumps = "".join(f"{i // 5 * 5 / 250},{row}\n" for i, row in enumerate(ROWS))
    assert len(Opened(table(tmp_path / "t.csv", f"time,II,V1\n{lumps}")).told) == 1


def test_a_unit_that_is_unlikely_is_told(tmp_path: Path) -> None:
    line = "r.dat 16 {}/{} 16 0 0 0 0 {}\n"
    for gain, unit in ((1, "mV"), (1000, "uV")):
        path = header(tmp_path, "r 1 250 2500\n" + line.format(gain, unit, "II"))
        (told,) = Opened(path).told
        assert "unlikely" in told
    path = header(tmp_path, "r 1 250 2500\n" + line.format(1000, "mV", "II"))
    assert Opened(path).told == ()
    both = np.stack([hearts(N)[:, 0] * 1000, hearts(N)[:, 0] * 30_000], axis=1).round()
    text = "r 2 250 2500\n" + line.format(1000, "mV", "II") + line.format(10, "mV", "V1")
    assert [t.split(" exceeds")[0] for t in Opened(header(tmp_path, text, both)).told] == [
        "V1 of r"
    ]


@pytest.mark.parametrize("name", ["a.edf", "a.bdf", "a.rec", "A.REC"])
def test_an_edf_is_known_by_its_first_byte(tmp_path: Path, name: str) -> None:
    signal = edfio.EdfSignal(hearts(N)[:, 0], 250, label="ECG", physical_dimension="mV")
    edfio.Edf([signal]).write(tmp_path / name)
    opened = Opened(tmp_path / name)
    assert (opened.leads, opened.told) == (("ECG",), ())
    assert sum(map(len, opened.pieces())) == N


def test_arrays_tell_units_and_dates(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", ecg=X, fs=250, unit="uV")
    np.savez(tmp_path / "b.npz", ecg=X, fs=250, units=["uV", "uV"], leads=["II", "V1"])
    np.savez(tmp_path / "c.npz", ecg=X, fs=250, units=["uV", "uV", "uV"])
    for name in "ab":
        opened = Opened(tmp_path / f"{name}.npz")
        assert opened.scale is None
        assert np.array_equal(next(opened.pieces()), X * 1000)
    assert Opened(tmp_path / "c.npz").scale is not None
    for unit, order in (("ns", "<"), ("us", ">"), ("ms", "<")):
        start = np.datetime64("2024-02-28T23:59:59", "ms")
        at = (start + 4 * np.arange(N).astype("m8[ms]")).astype(f"{order}M8[{unit}]")
        both = np.empty(N, [("time", at.dtype), ("II", "i8")])
        both["time"], both["II"] = at, X[:, 0]
        np.save(tmp_path / "d.npy", both)
        np.savez(tmp_path / "e.npz", date=at, II=X[:, 0])
        for name in ("d.npy", "e.npz"):
            opened = Opened(tmp_path / name)
            assert (opened.fs, opened.leads) == (250, ("II",))
