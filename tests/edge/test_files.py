"""Files of every kind that is played: which channels, which samples, and what is refused."""

import contextlib
import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import edge
from edge import files, replay
from edge.cli.run import main
from edge.errors import RecordError
from edge.events import Beat
from edge.files import Channel, choice
from edge.leads import wire_names
from edge.replay import INVALID, Opened, read
from edge.sinks.terminal import Lines, Screen
from firmware_bridge.units import nanovolts
from tests.edge.test_replay import write_record

FORMATS = ["8", "16", "24", "32", "61", "80", "160", "212", "310", "311", "508", "516", "524"]


def hearts(n: int, leads: int = 1, fs: float = 250.0) -> np.ndarray:
    """Millivolts [n, leads]: narrow peaks, 75 a minute, on a slow wave."""
    t = np.arange(n) / fs
    beat = np.exp(-0.5 * (((t % 0.8) - 0.4) / 0.012) ** 2) + 0.05 * np.sin(t)
    return np.stack([beat * (1 + 0.1 * k) for k in range(leads)], axis=1)


def beats(record: Path, **asked: Any) -> int:
    return sum(isinstance(e, Beat) and e.final for e in edge.play(record, **asked))


# Format 8 holds differences, of which wfdb itself reads none with a skew.
@pytest.mark.parametrize(
    ("skew", "fmt"),
    [(skew, fmt) for skew in (0, 3) for fmt in FORMATS if not (skew and fmt == "8")],
)
def test_every_format_is_read_in_pieces_as_wfdb_reads_it_whole(
    tmp_path: Path, fmt: str, skew: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, rng = 1301, np.random.default_rng(1)
    gain = {"24": 1e5, "32": 1e7, "524": 1e5}.get(fmt, 200.0)
    if fmt.startswith("5"):
        bits = int(fmt) - 500
        digital = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (n, 2))
        wfdb.wrsamp("r", 200, ["mV"] * 2, ["I", "II"], d_signal=digital, fmt=[fmt] * 2,
            adc_gain=[gain] * 2, baseline=[3, 0], write_dir=str(tmp_path))  # fmt: skip
    else:
        (tmp_path / "r.dat").write_bytes(rng.bytes(8 * n + 5))
        (tmp_path / "r.hea").write_text(
            f"r 2 200 {n}\nr.dat {fmt}+5 {gain}(3)/mV 16 0 7 0 0 I\n"
            f"r.dat {fmt}:{skew}+5 {gain}/mV 16 0 -7 0 0 II\n"
        )
    expected = wfdb.rdrecord(str(tmp_path / "r"), smooth_frames=False).e_p_signal
    monkeypatch.setattr("edge.files.wfdb.PIECE_S", 0.5)
    got = read(tmp_path / "r").nv
    assert len(got) == n
    for column, physical in enumerate(expected):
        want = np.where(np.isnan(physical), INVALID, np.rint(physical * 1e6))
        assert got[:, column].tolist() == want.tolist()


@pytest.mark.parametrize("ending", ["", ".hea", ".dat", ".atr", ".anything"])
def test_any_file_of_a_record_means_the_record(tmp_path: Path, ending: str) -> None:
    write_record(tmp_path)
    assert Opened(tmp_path / f"r{ending}").leads == ("I", "II")


def header(folder: Path, text: str | bytes, nv: np.ndarray | None = None) -> Path:
    """A record `r` of ten seconds of beats, or of what is given, under that header."""
    x = np.rint(hearts(2500) * 1000) if nv is None else nv
    (folder / "r.dat").write_bytes(x.astype("<i2").tobytes())
    (folder / "r.hea").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / "r"


@pytest.mark.parametrize("unit", [
    b"uV", b"UV", "µV".encode(), "μV".encode(), "µV".encode("latin-1"), "µV".encode("cp437"),
    "µV".encode().decode("latin-1").encode(), "\ufffdV".encode(), b"?V", b"microvolts",
    b"microvolt", b"mcV",
])  # fmt: skip
def test_a_microvolt_is_one_in_any_spelling(tmp_path: Path, unit: bytes) -> None:
    path = header(tmp_path, b"r 1 250 2500\nr.dat 16 1/" + unit + b" 16 0 0 0 0 II\n")
    opened = Opened(path)
    assert opened.scale is None
    assert max(piece.max() for piece in opened.pieces()) == pytest.approx(1.05e6, rel=0.05)


@pytest.mark.parametrize("unit", ["NU", "adu", "bits", "counts", "LSB", "n/u", "?", "x10^3", "AU"])
def test_an_ecg_needs_no_unit(tmp_path: Path, unit: str) -> None:
    path = header(tmp_path, f"r 1 250 2500\nr.dat 16 1000/{unit} 16 0 0 0 0 ECG\n")
    opened = Opened(path)
    assert opened.scale
    assert opened.scale[0] == pytest.approx(1.0, rel=0.05)
    assert Opened(path, ["ECG"]).scale == opened.scale
    session, *_ = edge.play(path)
    assert json.loads(session.to_json())["scale"] == list(opened.scale)
    lines, screen = Lines(out := io.StringIO()), Screen(view := io.StringIO(), "r")
    for sink in (lines, screen):
        sink.write(session)
    lines.flush()
    screen.close()
    assert out.getvalue().endswith("250 Hz, ECG, scale unknown\n")
    assert any("edge-ecg" in r and "scale unknown" in r for r in view.getvalue().splitlines())
    assert 10 <= beats(path) <= 13


@pytest.mark.parametrize(
    "unit", ["mmHg", "%", "bpm", "degC", "g", "mg", "Ohm", "L/min", "ms", "°C"]
)
def test_what_has_another_unit_is_no_ecg(tmp_path: Path, unit: str) -> None:
    path = header(tmp_path, f"r 1 250 2500\nr.dat 16 1000/{unit} 16 0 0 0 0 x\n")
    for leads in (None, ["x"]):
        with pytest.raises(RecordError, match=r"no ECG lead|not a voltage"):
            Opened(path, leads)


@pytest.mark.parametrize("rate", [
    "nan", "inf", "-inf", "-250", "0", "", "none", "250Hz", "1e999", "abc", "0x1F4", "-0", "/250",
])  # fmt: skip
def test_an_impossible_rate_is_refused_in_a_sentence(
    tmp_path: Path, rate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = header(tmp_path, f"r 1 {rate} 2500\nr.dat 16 1000 16 0 0 0 0 II\n" if rate else
        "r 1\nr.dat 16 1000 16 0 0 0 0 II\n")  # fmt: skip
    assert main(["--replay", str(path), "--quiet", "--speed", "max"]) == 5
    told = capsys.readouterr().err
    assert "samples a second" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("rest", [
    "12:00:00", "12:00:00 01/01/2020", "12:00 1/1/70", "0:0:0 00/00/0000", "25:61:99 31/02/2020",
    "10:44:18.529 99/99/99", "08:26:04 1994-10-26", "[12:00:00.000 01/01/2020]", "noon yesterday",
    "12:00:00.123456789 01/13/2020",
])  # fmt: skip
def test_a_date_is_no_reason_to_refuse(tmp_path: Path, rest: str) -> None:
    path = header(tmp_path, f"r 1 250 2500 {rest}\nr.dat 16 1000/mV 16 0 0 0 0 II\n")
    assert len(read(path).nv) == 2500


def test_a_header_that_is_cut_is_refused(tmp_path: Path) -> None:
    text = "r 2 250 2500\nr.dat 16 1000/mV 16 0 0 0 0 II\n"
    with pytest.raises(RecordError, match="1 lines of 2"):
        read(header(tmp_path, text))
    for cut in range(1, len(text) - 1):
        takes(header(tmp_path, text[:cut]))


@pytest.mark.parametrize(("line", "says"), [
    ("r.dat 16 nan/mV 16 0 0 0 0 II", "gain"), ("r.dat 16 inf 16 0 0 0 0 II", "gain"),
    ("r.dat 999 200 16 0 0 0 0 II", "damaged"), ("r.dat", "damaged"),
    ("gone.dat 16 200", "missing"),
    ("r.dat 516 200", "damaged"), ("/r.dat 16 200", "incomplete|missing|damaged"),
])  # fmt: skip
def test_impossible_signals_are_refused(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(RecordError, match=says) as told:
        read(header(tmp_path, f"r 1 250 2500\n{line}\n"))
    assert "\n" not in str(told.value)


def test_channels_of_other_rates_and_markers_stand_beside_the_ecg(tmp_path: Path) -> None:
    slow, fast = np.zeros(1000), hearts(4000, 2, 500)
    marker = np.where(np.arange(4000) % 500 < 5, 5000.0, 0.0)
    wfdb.wrsamp(
        "r", 125, ["mV", "mV", "mV", "mV", "NU"], ["II", "box", "level", "GSR foot", "PLETH"],
        e_p_signal=[fast[:, 0], marker, slow, slow, slow], samps_per_frame=[4, 4, 1, 1, 1],
        fmt=["16"] * 5, adc_gain=[1000.0, 6.0, 10.0, 10.0, 10.0], baseline=[0] * 5,
        write_dir=str(tmp_path),
    )  # fmt: skip
    opened = Opened(tmp_path / "r")
    assert (opened.leads, opened.fs) == (("II",), 500)
    with pytest.raises(RecordError, match=r"box of record r exceeds 2\.1 V"):
        Opened(tmp_path / "r", ["box"])
    with pytest.raises(RecordError, match="different rates"):
        Opened(tmp_path / "r", ["II", "level"])


def test_what_most_exceed_is_left_out_where_no_channel_has_a_name(tmp_path: Path) -> None:
    x = np.concatenate([hearts(1000, 2) * 1000, np.arange(1000)[:, None] * 1000], axis=1)
    edfio.Edf(
        [
            edfio.EdfSignal(x[:, k], 250, label=f"sig {k}", physical_dimension=unit)
            for k, unit in enumerate(["uV", "uV", "mV"])
        ]
    ).write(tmp_path / "a.edf")
    assert Opened(tmp_path / "a.edf").leads == ("sig 0", "sig 1")
    with pytest.raises(RecordError, match=r"exceeds 2\.1 V"):
        Opened(tmp_path / "a.edf", ["sig 0", "sig 2"])


def test_what_is_recorded_beside_an_ecg_is_told_by_its_name() -> None:
    names = ["CO2", "SpO2", "Chin1-Chin2", "LOC-A2", "R Leg", "Thorax", "Airflow", "C4-A1"]
    for name in names:
        channels = [Channel(other, "uV", 250) for other in [name, "ECG", "C3"]]
        assert choice.leads("r", channels) == [1]
    assert choice.leads("r", channels[1:]) == [0, 1]
    assert choice.leads("r", [channels[0], channels[2]]) == [1]


def test_an_eeg_is_no_ecg() -> None:
    names = ["Fp2-F4", "C4-A1", "P7-O1", "FT9-FT10", "Cz", "O2", "C3-M2", "EEG T3"]
    with pytest.raises(RecordError, match="no ECG lead among its channels Fp2-F4"):
        choice.leads("r", [Channel(name, "uV", 250) for name in names])
    assert len(choice.leads("r", [Channel(f"C{i}", "uV", 250) for i in range(1, 7)])) == 6


@pytest.mark.parametrize("skew", ["212051616", "99999999999999999999", "2501"])
def test_a_skew_beyond_the_end_is_refused(tmp_path: Path, skew: str) -> None:
    with pytest.raises(RecordError, match="skew"):
        read(header(tmp_path, f"r 1 250 2500\nr.dat 16:{skew} 1000/mV 16 0 0 0 0 II\n"))


KINDS = {
    "wearable": ("w 4 1 60\nw.dat 16x500 1(1)/uV 15 0 0 0 0 ECG\nw.dat 16x50 2/mg 13 0 0 0 0 Acc\n"
        "w.dat 16 1(1) 15 0 0 0 0 Marker\nw.dat 16x5 1/ms 15 0 0 0 0 HRV\n", ("ECG",), 500),
    "frames, no length": ("d 4 15.5\nd.dat 16x32 1000 16 0 0 0 0 ECG\nd.dat 16x2 1000 16 0 0 0 0 "
        "foot GSR\nd.dat 16 1.0/bpm 16 0 0 0 0 HR\nd.dat 16 100 16 0 0 0 0 tag\n", ("ECG",), 496),
    "files apart": ("p 3 62.5/1000 800\np1.dat 16x4 200/mV 14 8192 0 0 0 II\np1.dat 16x4 200/mV "
        "14 8192 0 0 0 V\np2.dat 212x2 16(800)/mmHg 12 2048 0 0 0 ABP\n", ("II", "V"), 250),
    "no units": ("x 4 125 800  8:26:04 26/10/1994\nx.dat 212x4 2000 12 0 0 0 0 III \nx.dat 212x4 "
        "2000 12 0 0 0 0 V \nx.dat 212 2000 12 0 0 0 0 PLETH \nx.dat 212 20/mmHg 12 0 0 0 0 PAP \n",
        ("III", "V"), 500),
    "fetal": ("f 2 500 2000\nf.dat 61 200 16 0 0 0 0 FECG\nf.dat 61 200 16 0 0 0 0 UC\n",
        ("FECG", "UC"), 500),
    "angle": ("a 3 250/24000 900 15:08:2 \na.dat 16 64.02(4)/mmHg 16 0 0 0 0 ABP\na.dat 16 6554/mV "
        "16 0 0 0 0 ECG\na.dat 16 174.8(9)/degrees 16 0 0 0 0 Angle\n", ("ECG",), 250),
    "from EDF": ("e 3 1 20\ne.dat 16x200 32.7675/uV 15 0 0 0 0 ECG\ne.dat 16x200 32.7/° 15 0 0 0 "
        "0 sine\ne.dat 16x51 32767.5 15 0 0 0 0 EDF Annotations\n", ("ECG",), 200),
    "unnamed": ("n 2 200 800\nn.dat 16 200/mV\nn.dat 16 200/mV 11 0\n",
        ("channel 0", "channel 1"), 200),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_records_that_wfdb_ships(tmp_path: Path, kind: str) -> None:
    text, leads, fs = KINDS[kind]
    name = text[0]
    (tmp_path / f"{name}.hea").write_text(text)
    for line in text.splitlines()[1:]:
        rng = np.random.default_rng(0)
        (tmp_path / line.split()[0]).write_bytes(rng.integers(0, 4, 90_000, np.uint8).tobytes())
    recording = read(tmp_path / name)
    assert (recording.leads, recording.fs) == (leads, fs)
    expected = wfdb.rdrecord(str(tmp_path / name), smooth_frames=False)
    for column, lead in enumerate(leads):
        at = expected.sig_name.index(lead) if lead in expected.sig_name else column
        want = expected.e_p_signal[at] * (1e3 if expected.units[at] == "uV" else 1e6)
        assert recording.nv[:, column].tolist() == np.rint(want).tolist()


def test_a_record_of_many_segments_is_one_stream(tmp_path: Path) -> None:
    x = np.rint(hearts(5000) * 1000)
    for name, part, unit in (("a", x[:2000], "1000/mV"), ("b", x[3000:], "1/uV")):
        (tmp_path / f"{name}.dat").write_bytes(part.astype("<i2").tobytes())
        lines = f"{name} 1 250 {len(part)}\n{name}.dat 16 {unit} 16 0 0 0 0 II\n"
        (tmp_path / f"{name}.hea").write_text(lines)
    (tmp_path / "layout.hea").write_text(
        "layout 3 250 0\n~ 0 1/mmHg 9 0 0 0 0 ABP\n~ 0 200/mV 9 0 0 0 0 II\n~ 0 1/mV 9 0 0 0 0 V\n"
    )
    (tmp_path / "m.hea").write_text("m/4 3 250 5000\nlayout 0\na 2000\n~ 1000\nb 2000\n")
    recording = read(tmp_path / "m")
    assert recording.leads == ("II",)
    expected = np.rint(x[:, 0] * 1000)
    expected[2000:3000] = INVALID
    assert recording.nv[:, 0].tolist() == expected.tolist()
    for lead in ("V", "ABP"):
        with pytest.raises(RecordError, match=r"no samples of V|not a voltage"):
            Opened(tmp_path / "m", [lead])
    (tmp_path / "gap.hea").write_text("gap/2 3 250 1000\nlayout 0\n~ 1000\n")
    with pytest.raises(RecordError, match="holds no samples of II"):
        Opened(tmp_path / "gap")


def test_only_what_is_played_is_read(tmp_path: Path) -> None:
    n = 250 * 3600
    header(tmp_path, f"r 1 250 {n}\nr.dat 16 1000/mV 16 0 0 0 0 II\n", np.zeros(n))
    pieces = Opened(tmp_path / "r").pieces()
    assert len(next(pieces)) == 250 * files.PIECE_S
    with (tmp_path / "r.dat").open("r+b") as file:  # what is not read yet may be gone
        file.truncate(250 * 70 * 2)
    with pytest.raises(RecordError, match="damaged"):
        list(pieces)


def table(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


ROWS = (hearts(2500, 2) * [1.0, 0.5]).tolist()


@pytest.mark.parametrize("make", [
    lambda a, b, i: f"{a},{b}\n", lambda a, b, i: f"{i / 250},{a},{b}\r\n",
    lambda a, b, i: f"{i}\t{a}\t{b}\r", lambda a, b, i: f"{a};{b};\n".replace(".", ","),
    lambda a, b, i: f"  {a}   {b} \n", lambda a, b, i: f'"{a}","{b}"\n',
    lambda a, b, i: f"'0:{i / 250:06.3f}',{a},{b}\n", lambda a, b, i: f"{i},{a:.9e},{b:.9e}\n",
], ids=range(8))  # fmt: skip
def test_a_table_is_read_however_it_is_written(tmp_path: Path, make: Any) -> None:
    text = "".join(make(a, b, i) for i, (a, b) in enumerate(ROWS))
    for name in ("t.csv", "t.TXT", "t.tsv"):
        recording = read(table(tmp_path / name, text), fs=250)
        assert recording.nv.shape == (2500, 2)
        assert recording.fs == 250
        shape = recording.nv / np.ptp(recording.nv, axis=0)
        np.testing.assert_allclose(
            np.diff(shape, axis=0), np.diff(ROWS, axis=0) / np.ptp(ROWS, axis=0), atol=1e-4
        )


@pytest.mark.parametrize(("text", "columns"), [
    ("0,50\n-0,05\n1,10\n", [[0.5, -0.05, 1.1]]), ("ECG\n5,1\n6,2\n4,3\n", [[5.1, 6.2, 4.3]]),
    ("0,5 1,5\n0,6 -1,6\n0,4 1,7\n", [[0.5, 0.6, 0.4], [1.5, -1.6, 1.7]]),
    ("5,1\n6,2\n4,3\n", [[5, 6, 4], [1, 2, 3]]), ("a,b\n5,01\n6,2\n4,3\n", [[5, 6, 4], [1, 2, 3]]),
    ("5, 01\n6, 2\n4, 3\n", [[5, 6, 4], [1, 2, 3]]), ("1,5E-1\n2,50e+1\n", [[0.15, 25]]),
])  # fmt: skip
def test_a_comma_may_be_a_decimal_one(
    tmp_path: Path, text: str, columns: list[list[float]]
) -> None:
    path = table(tmp_path / "t.csv", text)
    file = files.open_file(path, 250)
    (piece,) = file.pieces(range(len(file.channels)))
    assert piece.T.tolist() == columns


def test_a_head_of_a_table_names_channels_and_units(tmp_path: Path) -> None:
    rows = "".join(f"'0:{i / 250:06.3f}',{1000 * a},{b},{i % 7}\n" for i, (a, b) in enumerate(ROWS))
    head = "'Elapsed time','MLII','V5','resp'\n'hh:mm:ss.mmm','uV','mV','mV'\n"
    opened = Opened(table(tmp_path / "t.csv", head + rows), fs=250)
    assert (opened.leads, opened.scale) == (("MLII", "V5"), None)
    nv = next(opened.pieces())
    np.testing.assert_allclose(nv * 1e-6, ROWS[: len(nv)], atol=1e-6)
    head = "# made by hand\ntime [s],II (µV),V5 [mV],x\n"
    opened = Opened(table(tmp_path / "u.csv", (head + rows).encode("latin-1")), ["II"], fs=250)
    assert opened.scale is None


@pytest.mark.parametrize("clock", [
    lambda i: i, lambda i: 1.7e9 + i / 250, lambda i: i * 4 + i % 3, lambda i: i // 10,
    lambda i: i % 16, lambda i: i % 256 * 5, lambda i: i if i % 99 else "",
], ids=range(7))  # fmt: skip
@pytest.mark.parametrize("head", ["", "ts,lead\n"])
def test_a_clock_or_a_counter_is_no_lead(tmp_path: Path, clock: Any, head: str) -> None:
    text = head + "".join(f"{clock(i)},{a}\n" for i, (a, _) in enumerate(ROWS))
    assert Opened(table(tmp_path / "t.csv", text), fs=250).leads == (
        ("lead",) if head else ("column 1",)
    )


@pytest.mark.parametrize("x", [np.repeat([0, 4095], 1250), np.r_[np.arange(1250), np.zeros(1250)]])
def test_a_lead_that_stays_or_rises_for_a_while_is_one(tmp_path: Path, x: np.ndarray) -> None:
    text = "II\n" + "".join(f"{a}\n" for a in x[-2400:])
    assert Opened(table(tmp_path / "t.csv", text), fs=250).leads == ("II",)


@pytest.mark.parametrize("word", ["N", "a note", "x{}"])
@pytest.mark.parametrize("head", ["", "II,note\n", "Version,1.90\nDevice,x y\n"])
def test_words_beside_the_numbers_are_no_lead(tmp_path: Path, word: str, head: str) -> None:
    text = head + "".join(f"{a},{word.format(i)}\n" for i, (a, _) in enumerate(ROWS))
    recording = read(table(tmp_path / "t.csv", text), fs=250)
    assert recording.nv.shape == (2500, 1)


def test_a_table_with_a_row_a_lead_is_refused(tmp_path: Path) -> None:
    text = "\n".join(",".join(map(str, lead)) for lead in np.transpose(ROWS))
    with pytest.raises(RecordError, match=r"2500 columns and 2 rows .* a row a sample"):
        Opened(table(tmp_path / "t.csv", text), fs=250)


def test_a_cell_without_a_number_is_no_sample(tmp_path: Path) -> None:
    lines = [f"{a},{b}" for a, b in ROWS]
    lines[5], lines[6], lines[7], lines[8] = "1,", "nan,2", "x,inf", "3"
    nv = read(table(tmp_path / "t.csv", "\n".join(lines)), fs=250).nv
    assert (nv[4:10] == INVALID).tolist() == [
        [False, False], [False, True], [True, False], [True, True], [False, True], [False, False],
    ]  # fmt: skip


@pytest.mark.parametrize("save", [
    lambda p, x: np.save(p / "a.npy", x), lambda p, x: np.savez(p / "a.npz", x=x, fs=250),
    lambda p, x: np.savez_compressed(p / "a.npz", x), lambda p, x: np.save(p / "a.npy", x[:, 0]),
    lambda p, x: np.save(p / "a.npy", (x * 1000).astype(np.int16)),
    lambda p, x: np.save(p / "a.npy", (x * 1e6 + 8e6).astype(np.int32)),
])  # fmt: skip
def test_arrays_are_played(tmp_path: Path, save: Any) -> None:
    save(tmp_path, hearts(5000, 2))
    (path,) = tmp_path.iterdir()
    assert 22 <= beats(path, fs=250) <= 26


@pytest.mark.parametrize("x", [
    np.zeros((0, 2)), np.zeros((2, 5000)), np.array(["a"]), np.zeros((3, 3, 3)),
    np.zeros(5, complex),
    np.array([{}], dtype=object), np.array(3.0),
])  # fmt: skip
def test_arrays_that_cannot_be_are_refused(tmp_path: Path, x: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", x)
    with pytest.raises(RecordError) as told:
        read(tmp_path / "a.npy", fs=250)
    assert "\n" not in str(told.value)


def test_a_bdf_is_read_in_pieces_and_equals_edfio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.files.edf.PIECE_S", 2.5)
    path, note = tmp_path / "a.bdf", edfio.EdfAnnotation(1, None, "x")
    signals = [edfio.BdfSignal(x, 250, label="II") for x in hearts(250 * 12, 2).T]
    edfio.Bdf(signals, annotations=[note] * 20).write(path)
    pieces = list(files.open_file(path).pieces([1, 0]))
    assert len(pieces) > 3
    expected = [signal.data for signal in edfio.read_bdf(path).signals]
    np.testing.assert_array_equal(np.concatenate(pieces), np.stack(expected[::-1], axis=1))


def test_what_is_beyond_numbers_is_no_warning(tmp_path: Path) -> None:
    x = hearts(2500)
    x[2000] = 1e308
    np.save(tmp_path / "a.npy", x)
    with pytest.raises(RecordError, match=r"exceeds 2\.1 V"):
        read(tmp_path / "a.npy", fs=250)
    (tmp_path / "b.npy").write_bytes((tmp_path / "a.npy").read_bytes().replace(b"<f8", b"|a8"))
    with pytest.raises(RecordError, match=r"type \|S8"):
        read(tmp_path / "b.npy", fs=250)


def test_what_is_read_whole_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.files.arrays._MOST", 1 << 20)
    np.savez_compressed(tmp_path / "a.npz", np.zeros(200_000))  # 1.6 MB, of some bytes
    with pytest.raises(RecordError, match=r"more than 1 MB.*\.npy"):
        read(tmp_path / "a.npz", fs=250)


def test_what_numpy_has_pickled_is_not_run_and_its_advice_not_told(tmp_path: Path) -> None:
    for data in (pickle.dumps(hearts(99)), b"", b"\x93NUMPY\x01\x00", np.lib.format.magic(1, 0)):
        (tmp_path / "a.npy").write_bytes(data)
        with pytest.raises(RecordError) as told:
            read(tmp_path / "a.npy", fs=250)
        assert "ickle" not in str(told.value)
    x = hearts(2500)
    x[2000] = np.inf
    np.save(tmp_path / "a.npy", x)
    with pytest.raises(RecordError, match="infinite"):
        read(tmp_path / "a.npy", fs=250)


@pytest.mark.parametrize("kind", [edfio.EdfSignal, edfio.BdfSignal])
@pytest.mark.parametrize("unit", ["mV", "uV", "µV", ""])
def test_edf_is_played(tmp_path: Path, kind: Any, unit: str) -> None:
    x = hearts(250 * 30)[:, 0] * {"mV": 1, "": 1}.get(unit, 1000)
    signals = [
        kind(x, 250, label="ECG II", physical_dimension=unit.replace("µ", "u")),
        kind(np.sin(np.arange(750)), 25, label="Resp", physical_dimension="mV"),
    ]
    whole, ending = (edfio.Edf, "edf") if kind is edfio.EdfSignal else (edfio.Bdf, "bdf")
    path = tmp_path / f"a.{ending}"
    whole(signals, annotations=[edfio.EdfAnnotation(1, None, "x")]).write(path)
    data = path.read_bytes().replace(b"uV", b"\xb5V") if unit == "µV" else path.read_bytes()
    path.write_bytes(data)
    opened = Opened(path)
    assert (opened.leads, opened.fs, opened.scale is None) == (("ECG II",), 250, bool(unit))
    assert sum(map(len, opened.pieces())) == 250 * 30
    assert 34 <= beats(path) <= 38


def test_a_rate_is_asked_for_where_the_file_has_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "a.npy", hearts(2500))
    write_record(tmp_path)
    argv = ["--quiet", "--speed", "max", "--replay"]
    assert main([*argv, str(tmp_path / "a.npy")]) == 5
    assert "give --fs" in capsys.readouterr().err
    assert main([*argv, str(tmp_path / "a.npy"), "--fs", "250"]) == 0
    assert main([*argv, str(tmp_path / "r"), "--fs", "250"]) == 5
    assert "tells its own rate" in capsys.readouterr().err
    for name in ("gone.csv", "gone.npy", "gone.edf", "gone"):
        with pytest.raises(RecordError, match=r"no file|no record"):
            Opened(tmp_path / name, fs=250 if name[4:] in (".csv", ".npy") else None)


@pytest.mark.parametrize("ending", [*files.TABLES, *files.ARRAYS, *files.EDF, ".hea", ".dat", ""])
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    fs = 250 if ending in files.TABLES + files.ARRAYS else None
    (tmp_path / f"folder{ending}").mkdir()
    (tmp_path / f"empty{ending}").touch()
    (tmp_path / f"loop{ending}").symlink_to(f"loop{ending}")
    os.mkfifo(tmp_path / f"fifo{ending}")  # nobody writes to it
    for name in ("folder", "empty", "loop", "fifo", "gone", "a" * 300, "nul\0", "\n", "ü 💓"):
        for path in (tmp_path / f"{name}{ending}", f"~/{name}{ending}", f"~no-one/{name}{ending}"):
            with pytest.raises(RecordError) as told:
                Opened(path, fs=fs)
            assert "\n" not in str(told.value)
            assert "Errno" not in str(told.value)


@pytest.mark.parametrize("name", ["ä ö 💓", "~tilde", "-dash", "a.b.c", "%s{}", 'r\'s "q"'])
def test_a_name_may_be_any(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    np.save(f"./{name}.npy", hearts(2500))
    header(tmp_path, "r 1 250 2500\nr.dat 16 1000/mV 16 0 0 0 0 II\n")
    (tmp_path / "r.hea").rename(f"{name}.hea")
    (tmp_path / "link.NPY").symlink_to(f"{name}.npy")
    for path in (f"{name}.npy", f"./{name}.npy", f"~/{name}.npy", "link.NPY"):
        assert len(read(path, fs=250).nv) == 2500
    for path in (name, f"{name}.hea", f"~/{name}", str(tmp_path / name)):
        assert len(read(path).nv) == 2500


@pytest.mark.parametrize("name", ["a.xlsx", "a.mat", "a.dat", "a.csv.gz", "a.json", "a"])
def test_a_file_of_no_kind_that_is_read_is_told_which_are(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    for fs in (None, 250):
        with pytest.raises(RecordError, match=r"no header .*\.hea beside it, and is no EDF"):
            Opened(tmp_path / name, fs=fs)


HEADERS = [
    b"r 1 250 2500\nr.dat 16 1000/mV 16 0 0 0 0 II\n",
    b"m/2 1 250 99\nl 0\nr 99\n",
    b"r 2 250/1(2) 0 1:2:3 4/5/6\nr.dat 212x3:2+7 1e3(5)/uV\nr.dat 212 0 0 0 0 0 0 V\n",
    b"",
]
damage = st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=0, max_size=4)), max_size=8)


def damaged(data: bytes, damages: list[tuple[int, bytes]]) -> bytes:
    """The bytes with others in the place of some."""
    for at, new in damages:
        at %= len(data) + 1
        data = data[:at] + new + data[at + len(new) // 2 :]
    return data


def takes(path: Path) -> None:
    """It plays, or is refused in one sentence: nothing else comes out."""
    with contextlib.suppress(RecordError):  # whose text is one line, whatever it is made of
        opened = Opened(path, fs=250 if path.suffix in files.TABLES + files.ARRAYS else None)
        for _, block in zip(range(3), replay.blocks(opened), strict=False):
            assert np.isfinite(block.mv).all()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(HEADERS), damage, st.binary(max_size=300))
@example(HEADERS[0], [(2, b"\x00")], b"")
def test_any_record_plays_or_is_refused(
    tmp_path: Path, text: bytes, damages: list[tuple[int, bytes]], data: bytes
) -> None:
    (tmp_path / "r.dat").write_bytes(data * 20)
    (tmp_path / "l.hea").write_bytes(damaged(HEADERS[0], damages))
    (tmp_path / "r.hea").write_bytes(damaged(text, damages))
    takes(tmp_path / "r")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from("0123456789.,;\t -+eEx'\"#:µ\n\r\x00"), max_size=400), damage)
def test_any_table_plays_or_is_refused(
    tmp_path: Path, text: str, damages: list[tuple[int, bytes]]
) -> None:
    takes(table(tmp_path / "t.csv", damaged(text.encode(), damages)))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage, st.sampled_from([".npy", ".npz", ".edf", ".bdf"]))
def test_any_file_plays_or_is_refused(
    tmp_path: Path, damages: list[tuple[int, bytes]], ending: str
) -> None:
    path = tmp_path / f"whole{ending}"
    if not path.exists():
        x = hearts(500)
        match ending:
            case ".npy":
                np.save(path, x)
            case ".npz":
                np.savez(path, x)
            case ".edf":
                edfio.Edf([edfio.EdfSignal(x[:, 0], 250, label="II")]).write(path)
            case _:
                edfio.Bdf([edfio.BdfSignal(x[:, 0], 250, label="II")]).write(path)
    broken = tmp_path / f"broken{ending}"
    broken.write_bytes(damaged(path.read_bytes(), damages))
    takes(broken)


NAMES = [
    *("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V6", "V4R", "V", "MLII", "ML2", "MV2", "MCL1"),
    *("CM5", "CC5", "D3", "V1-V2", "E-S", "A-I", "ECG", "ECG1", "ECG_2", "EKG", "X", "Vz"),
    *("ecg.lead.II", "FECG", "mod.V1", "avl"),
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_leads_are_known(name: str) -> None:
    assert choice.is_named(Channel(name, None, 250))


@pytest.mark.parametrize("name", ["Resp", "ABP", "PLETH", "HR", "marker", "Fp2-F4", "C4-A1", "IV"])
def test_other_names_are_none(name: str) -> None:
    assert not choice.is_named(Channel(name, None, 250))


@given(st.lists(st.text(max_size=40), min_size=1, max_size=20))
def test_wire_names_fit_and_differ(names: list[str]) -> None:
    wire = wire_names(names)
    assert len(set(wire)) == len(wire) == len(names)
    assert all(1 <= len(name.encode()) <= 16 for name in wire)


@given(st.text(max_size=8))
def test_any_unit_is_a_voltage_or_none(unit: str) -> None:
    nv = nanovolts(unit)
    assert nv in (None, 1.0, 1e3, 1e6, 1e9)
    assert nanovolts(f"{unit} mmHg") is None


@pytest.mark.parametrize("records", ["-1", "0", "99", "1"])
@pytest.mark.parametrize("ending", ["edf", "bdf"])
def test_a_wrong_count_of_records_plays_what_there_is(
    tmp_path: Path, records: str, ending: str
) -> None:
    whole, kind = (edfio.Edf, edfio.EdfSignal) if ending == "edf" else (edfio.Bdf, edfio.BdfSignal)
    path = tmp_path / f"a.{ending}"
    signals: Any = [kind(hearts(2500)[:, 0], 250, label="II", physical_dimension="mV")]
    whole(signals, data_record_duration=1).write(path)
    data = path.read_bytes()
    wrong = data[:236] + records.ljust(8).encode() + data[244:]
    path.write_bytes(wrong)
    assert len(read(path).nv) == 2500
    for version in (b" 0", b"", b"0\0\0") if ending == "edf" else ():  # which nobody needs
        path.write_bytes(version.ljust(8) + wrong[8:])
        assert len(read(path).nv) == 2500
    broken = (f"a.{ending} breaks off after 10 of the 99 s that it names: get it again, if there "
              "is more",)  # fmt: skip
    assert Opened(path).told == (broken if records == "99" else ())
    if ending == "bdf":  # which is read by its length; `edfio` refuses such an EDF file
        path.write_bytes(data[:236] + b" " * 8 + data[244:])
        assert len(read(path).nv) == 2500
    for some, words in (
        (data[:512], r"no samples|damaged"), (data[:511], "ends within its header"),
        (data[:100], "ends within its header"), (data[1:], "is no EDF or BDF file"),
    ):  # fmt: skip
        path.write_bytes(some)
        with pytest.raises(RecordError, match=words):
            read(path)
