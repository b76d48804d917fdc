"""What tables and arrays tell beside their samples: times, rates, names, and columns of no lead."""

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edge
from edge.cli.run import main
from edge.errors import RecordError
from edge.events import Link, Session
from edge.files.times import Times, told_by
from edge.replay import INVALID, Opened, read
from tests.edge.test_files import hearts, table
from tests.edge.test_replay import write_record

N = 2500
X = hearts(N, 2)
KEPT = np.delete(np.arange(N), slice(1000, 1100))
LATE = datetime(2024, 2, 28, 23, 59, 55)


def day(form: str) -> Callable[[int], str]:
    return lambda i: (LATE + timedelta(seconds=i / 250)).strftime(form)


WRITTEN: dict[str, Callable[[int], str]] = {
    "s": lambda i: f"{i / 250}",
    "ms": lambda i: f"{4 * i}",
    "us": lambda i: f"{4000 * i}",
    "wrapping ms": lambda i: f"{(2**32 - 4000 + 4 * i) % 2**32}",
    "wrapping us": lambda i: f"{(2**32 - 10**6 + 4000 * i) % 2**32}",
    "epoch s": lambda i: f"{1.7e9 + i / 250:.3f}",
    "epoch ms": lambda i: f"{17 * 10**11 + 4 * i}",
    "epoch us": lambda i: f"{17 * 10**14 + 4000 * i}",
    "epoch ns": lambda i: f"{17 * 10**17 + 4 * 10**6 * i}",
    "ISO": day("%Y-%m-%dT%H:%M:%S.%f"),
    "ISO of a zone": day("%Y-%m-%d %H:%M:%S.%f+05:30"),
    "ISO in UTC": day("%Y-%m-%dT%H:%M:%S.%fZ"),
    "time of day": day("%H:%M:%S.%f"),
    "twelve hours": day("%d/%m/%Y %I:%M:%S.%f %p"),
    "quoted minutes": lambda i: f"'{i // 15000}:{i / 250 % 60:06.3f}'",
    "WFDB": day("[%H:%M:%S.%f %d/%m/%Y]"),
    "colon": day("%H:%M:%S:%f"),
}


def times(write: Callable[[int], str], rows: Any = KEPT, head: str = "time,II,V5\n") -> str:
    return head + "".join(f"{write(i)},{X[i % N, 0]:.4f},{X[i % N, 1]:.4f}\n" for i in rows)


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("head", ["", "time,II,V5\n"])
def test_times_tell_the_rate_and_what_is_missing(tmp_path: Path, written: str, head: str) -> None:
    path = table(tmp_path / "t.csv", times(WRITTEN[written], head=head))
    for fs in (None, 256):
        opened = Opened(path, fs=fs)
        assert opened.fs == (fs or 250)
        assert opened.doubts == []
        assert (opened.told == ()) == bool(fs)
        nv = np.concatenate(list(opened.pieces()))
        assert len(nv) == N
        lost = (nv == INVALID).all(axis=1)
        assert np.flatnonzero(~lost).tolist() == KEPT.tolist()


def test_the_same_in_numbers_of_rows_but_for_the_rate(tmp_path: Path) -> None:
    for name, turn in (("n", N), ("", 256), ("time", 200), ("y2", 2**16)):
        text = times(lambda i: f"{(i + 9) % turn}", head=f"{name},II,V5\n")  # noqa: B023
        path = table(tmp_path / "t.csv", text)
        assert read(path, fs=250).nv.shape == (N, 2)
        with pytest.raises(RecordError, match="give --fs"):
            Opened(path)


CLOCKS: dict[str, Callable[[Any, float], Any]] = {
    "s": lambda i, fs: i / fs,
    "epoch": lambda i, fs: np.round(1.7e9 + i / fs, 6),
    "ms": lambda i, fs: np.floor(i * 1000 / fs),
    "rounded ms": lambda i, fs: np.round(i / fs, 3),
    "wrapping us": lambda i, fs: np.floor(i * 1e6 / fs) % 2**32,
    "written down": lambda i, fs: i / fs + np.random.default_rng(7).uniform(0, 0.3 / fs, len(i)),
}


def told(values: np.ndarray, name: str = "time") -> Times | None:
    return told_by(0, values, name, None, stamped=False)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*CLOCKS]),
    st.sampled_from([60, 100, 125, 128, 200, 250, 256, 257, 300, 360, 400, 500]),
    st.lists(st.tuples(st.integers(100, 6000), st.integers(1, 5000)), max_size=4),
    st.integers(200, 9000),
)
def test_gaps_are_as_long_as_the_times_say(
    kind: str, fs: int, gaps: list[tuple[int, int]], size: int
) -> None:
    steps = np.ones(8000, int)
    for at, lost in gaps:
        steps[at] += lost
    rows = steps.cumsum() - 1
    values = CLOCKS[kind](rows, float(fs))
    found = told(values)
    assert found
    assert found.fs == pytest.approx(fs, rel=2e-3)
    pieces = (
        np.stack([values[at : at + size], rows[at : at + size]], axis=1)
        for at in range(0, len(rows), size)
    )
    got = np.concatenate(list(found.filled(pieces, "t.csv")))
    expected = np.full(rows[-1] + 1, np.nan)
    expected[rows] = rows
    if kind in ("s", "epoch", "wrapping us"):
        np.testing.assert_array_equal(got[:, 0], expected)
    else:  # to the quantum of the clock
        assert abs(len(got) - len(expected)) <= len(gaps)
    assert np.array_equal(got[~np.isnan(got[:, 0]), 0], rows)


@given(st.lists(st.floats() | st.integers(0, 9).map(float), min_size=1, max_size=200))
def test_any_numbers_are_times_or_none(values: list[float]) -> None:
    x = np.array(values)
    found = told(np.where(np.abs(x) < 1e100, x, np.nan))
    if found:
        try:
            got = list(found.filled(iter([np.stack([x, x], axis=1)]), "t"))
        except RecordError:
            return
        assert sum(map(len, got)) >= len(x)


def test_lumps_seconds_and_a_late_clock_lose_nothing() -> None:
    i = np.arange(16000)
    late = np.where(np.random.default_rng(1).random(len(i)) < 0.002, 0.03, 0)
    for fs in (100.0, 250.0, 360.0):
        for values in (
            np.floor(i / fs),
            i // 10 * 10 / fs,
            np.maximum.accumulate(i / fs + late),
            np.where(i % 50 == 7, np.nan, i / fs),
        ):
            found = told(values)
            assert found
            assert found.fs == pytest.approx(fs, rel=5e-3)
            pieces = iter([np.stack([values, i], axis=1)])
            assert sum(map(len, found.filled(pieces, "t"))) == len(i)


def test_a_sample_a_second_that_is_missing_leaves_the_scale(tmp_path: Path) -> None:
    rows = [i for i in range(N) if i % 250 != 249]
    path = table(tmp_path / "t.csv", times(WRITTEN["ms"], rows))
    opened = Opened(path)
    assert opened.scale
    assert opened.scale[0] == pytest.approx(1.0, rel=0.05)
    nv = np.concatenate(list(opened.pieces()))
    assert np.flatnonzero(nv[:, 0] == INVALID).tolist() == list(range(249, N - 1, 250))


@pytest.mark.parametrize("ending", ["csv", "npz"])
def test_a_rate_that_the_times_contradict_is_told(
    tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        table(path, times(WRITTEN["ms"]))
    else:
        np.savez(path, II=X[:, 0], fs=250)
    events = list(edge.play(path, fs=500))
    (link,) = [event for event in events if isinstance(event, Link)]
    assert (link.measured_hz, link.t) == (250, 0)
    assert "250 samples a second" in link.detail
    assert isinstance(events[0], Session)
    assert events[0].fs == 500
    assert not [event for event in edge.play(path, fs=256) if isinstance(event, Link)]
    argv = ["--replay", str(path), "--fs", "500", "--speed", "max"]
    for via in ("direct", "pty"):
        assert main([*argv, "--via", via]) == 0
        assert "link up: t has 250 samples a second" in capsys.readouterr().out
    assert main(["--replay", str(path), "--speed", "max"]) == 0
    shown = capsys.readouterr()
    assert "250 Hz" in shown.out
    told = "edge-run: t.csv has 250 samples a second by its time\n"
    assert shown.err.endswith("trust classes less\n" + told * (ending == "csv"))


def test_times_that_go_back_or_far_ahead_are_refused_where_they_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    back = table(tmp_path / "b.csv", times(lambda i: f"{i % 2000 / 250}", range(N)))
    assert main(["--replay", str(back), "--speed", "max", "--quiet"]) == 5
    told = capsys.readouterr().err
    assert "go back by 7.996 s at row 2001 of its samples" in told
    assert told.count("\n") == 1
    ahead = table(tmp_path / "a.csv", times(lambda i: f"{i / 250 + (i > 1999) * 9e5}", range(N)))
    with pytest.raises(RecordError, match="go ahead by 900000 s at row 2001"):
        read(ahead)
    # What a clock is set by, or what two rows are out of order by, is no reason.
    little = table(tmp_path / "l.csv", times(lambda i: f"{i / 250 - (i > 1999) * 0.1}", range(N)))
    assert len(read(little).nv) == N


def test_a_rate_that_cannot_be_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", times(lambda i: f"{i / 2000}", head="time (s),II,V5\n"))
    with pytest.raises(RecordError, match="must be from 60 to 1000 Hz, not 2000"):
        Opened(path)


def test_what_never_moves_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{N - i},7,{a:.4f},{b:.4f},0\n" for i, (a, b) in enumerate(X))
    path = table(tmp_path / "t.csv", f"left,gain,a,b,V1\n{rows}")
    opened = Opened(path, fs=250)
    assert opened.leads == ("V1",)  # the only one with a lead's name
    path = table(tmp_path / "t.csv", f"left,gain,a,b,off\n{rows}")
    opened = Opened(path, fs=250)
    assert opened.leads == ("a", "b")
    assert opened.told == (
        "t.csv does not move in gain, off for its first 10 s: left out, but for --lead",
    )
    assert Opened(path, ["gain", "a"], fs=250).leads == ("gain", "a")
    session, *_ = edge.play(path, fs=250)
    assert isinstance(session, Session)
    assert session.told == opened.told
    assert main(["--replay", str(path), "--fs", "250", "--speed", "max"]) == 0
    assert "does not move in gain, off" in capsys.readouterr().err
    still = table(tmp_path / "s.csv", "II,x\n" + "1,2\n" * N)
    assert Opened(still, fs=250).leads == ("II", "x")


@pytest.mark.parametrize("name", [
    "acc_x", "AccY", "ax", "gyro z", "temperature", "Temp (C)", "HR", "heart rate", "bpm", "SpO2",
    "RR", "battery", "label", "R peaks", "lead_off", "LO+", "quality", "index", "count",
])  # fmt: skip
def test_what_is_named_as_something_else_is_no_lead(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(1).integers(0, 99, N)
    rows = "".join(f"{a:.4f},{b}\n" for a, b in zip(X[:, 0], noise, strict=True))
    path = table(tmp_path / "t.csv", f"signal,{name}\n{rows}")
    assert Opened(path, fs=250).leads == ("signal",)


@pytest.mark.parametrize(("head", "name", "unit"), [
    ("ECG (mV)", "ECG", True), ("Lead II", "Lead II", False), ("'Lead II' [uV]", "Lead II", True),
    ("my own samples", "my own samples", False), ("samples", "samples", False),
])  # fmt: skip
def test_a_single_column_keeps_a_name_with_blanks(
    tmp_path: Path, head: str, name: str, unit: bool
) -> None:
    path = table(tmp_path / "t.txt", f"{head}\n" + "".join(f"{a:.4f}\n" for a in X[:, 0]))
    opened = Opened(path, fs=250)
    assert opened.leads == (name,)
    assert (opened.scale is None) == unit
    two = table(
        tmp_path / "u.txt", "ECG (mV) 'Lead II' (mV)\n" + "".join(f"{a} {b}\n" for a, b in X)
    )
    assert Opened(two, fs=250).leads == ("ECG", "Lead II")


QUOTE = '"'
COMMAS = "".join(f"{4 * i};{a:.4f};{b:.4f}\n" for i, (a, b) in enumerate(X)).replace(".", ",")


@pytest.mark.parametrize("data", [
    ("Zeit (ms);II (µV);V5 (µV)\n" + COMMAS).encode("utf-16"), COMMAS.encode("utf-16-be"),
    ("sep=;\r\nt (ms);II;V5\n" + COMMAS).encode("utf-8-sig"), COMMAS.replace("\n", "\r").encode(),
    COMMAS.replace(";", "|").encode(), COMMAS.encode() + bytes(99999),
    "".join(f'"{line.replace(";", QUOTE + ";" + QUOTE)}"\n' for line in COMMAS.split()).encode(),
], ids=range(7))  # fmt: skip
def test_tables_of_any_country_are_read(tmp_path: Path, data: bytes) -> None:
    opened = Opened(table(tmp_path / "t.csv", data))
    assert (opened.fs, len(opened.leads)) == (250, 2)
    assert sum(map(len, opened.pieces())) == N


@pytest.mark.parametrize(("data", "says"), [
    (gzip.compress(COMMAS.encode()), "packed: unpack it"), (b"PK\3\4" + bytes(99), "packed"),
    (np.random.default_rng(0).bytes(99_999), "no table"), (b"1," * (1 << 21), "does not end"),
    (b"1,2\n" * 2000 + b"1" * (1 << 21), "does not end"), (bytes(99), "no table"),
    ("\n".join(",".join(str(row[0]) for _ in range(98)) for row in X).encode(), "98 channels that"),
])  # fmt: skip
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(RecordError, match=says):
        read(table(tmp_path / "t.csv", data), fs=250)


T = KEPT / 250
FIELDS = np.array(
    [(t, a, [b, 7]) for t, (a, b) in zip(T, X[KEPT], strict=True)],
    [("time", "f8"), ("II", "f4"), ("x", "f8", 2)],
)
NAMED: dict[str, tuple[dict[str, Any], tuple[str, ...] | str]] = {
    "leads": ({"I": X[:, 0], "V1": X[:, 1], "fs": 250}, ("I", "V1")),
    "a rate of one": ({"ecg": X[:, 0], "sampling_rate": np.array([250.0])}, ("ecg",)),
    "labels": (
        {"ecg": X[:, 0], "Fs": 250, "labels": np.arange(N) % 4, "r_peaks": np.arange(9)},
        ("ecg",),
    ),
    "names": ({"x": X, "leads": ["II", "V5"], "fs": 250}, ("II", "V5")),
    "time": ({"x": X[KEPT], "t": T}, ("x 0", "x 1")),
    "time in it": ({"x": np.column_stack([np.arange(N) / 250, X])}, ("x 1", "x 2")),
    "one": ({"arr_0": np.column_stack([T, X[KEPT]])}, ("lead 1", "lead 2")),
    "fields": ({"arr_0": FIELDS}, ("II",)),
    "lengths": ({"a": X[:, 0], "b": X[:99, 0], "fs": 250}, r"lengths.*--lead: a \(2500\), b \(99"),
    "turned": ({"ecg": X.T, "y": np.arange(N) % 5, "fs": 250}, "transposed"),
    "segments": ({"X": np.zeros((9, 9, 9)), "y": np.arange(9), "fs": 250}, "shape"),
    "nothing": ({"fs": 250}, "no column|not|samples"),
    "words": ({"fs": 250, "x": np.array(["a", "b"])}, "type <U1"),
    "no rate": ({"II": X[:, 0], "fs": np.nan}, "give --fs"),
    "two rates": ({"II": X[:, 0], "fs": [250, 360]}, "give --fs"),
}


@pytest.mark.parametrize("kind", NAMED)
def test_arrays_by_their_names(tmp_path: Path, kind: str) -> None:
    arrays, expected = NAMED[kind]
    np.savez(tmp_path / "a.npz", **arrays)
    if isinstance(expected, str):
        with pytest.raises(RecordError, match=expected):
            Opened(tmp_path / "a.npz")
        return
    opened = Opened(tmp_path / "a.npz")
    assert (opened.leads, opened.fs) == (expected, 250)
    assert sum(map(len, opened.pieces())) == N


def test_of_arrays_of_different_lengths_one_is_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=X[:, 0], b=X[:999, 0], fs=250)
    for lead, n in (("a", N), ("B", 999)):
        assert len(read(tmp_path / "a.npz", [lead]).nv) == n
    with pytest.raises(RecordError, match="lengths"):
        read(tmp_path / "a.npz", ["a", "b"])


def test_an_array_with_fields_stays_on_the_disk(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", FIELDS)
    recording = read(tmp_path / "a.npy")
    assert (recording.leads, recording.fs, len(recording.nv)) == (("II",), 250, N)
    assert Opened(tmp_path / "a.npy", ["x 1"]).leads == ("x 1",)


@pytest.mark.parametrize("ending", ["edf", "bdf"])
def test_edf_without_a_rate_or_a_signal_is_told(tmp_path: Path, ending: str) -> None:
    whole, kind = (edfio.Edf, edfio.EdfSignal) if ending == "edf" else (edfio.Bdf, edfio.BdfSignal)
    path, note = tmp_path / f"a.{ending}", edfio.EdfAnnotation(1, None, "x")
    signals: Any = [kind(X[:, 0], 250, label="II", physical_dimension="mV")]
    whole(signals, annotations=[note]).write(path)
    data = path.read_bytes()
    path.write_bytes(data[:244] + b"0       " + data[252:])
    with pytest.raises(RecordError, match="tells no rate: its records last 0 s"):
        Opened(path)
    no_signals: Any = []
    whole(no_signals, annotations=[note]).write(path)
    with pytest.raises(RecordError, match="holds no signal, but annotations"):
        Opened(path)


def each_format(folder: Path) -> list[Path]:
    """The same in every format, with 100 samples missing where that can be."""
    table(folder / "a.csv", times(WRITTEN["time of day"]))
    np.savez(folder / "a.npz", II=X[KEPT, 0], V5=X[KEPT, 1], time=T)
    np.save(folder / "a.npy", np.column_stack([T, X[KEPT]]))
    edfio.Edf(
        [
            edfio.EdfSignal(x, 250, label=n, physical_dimension="mV")
            for x, n in zip(X.T, ["II", "V"], strict=True)
        ]
    ).write(folder / "a.edf")
    write_record(folder)
    return [*(folder / f"a.{ending}" for ending in ("csv", "npz", "npy", "edf")), folder / "r"]


def test_a_library_call_and_a_command_say_the_same(tmp_path: Path) -> None:
    for path in each_format(tmp_path):
        out = tmp_path / f"{path.name}.jsonl"
        argv = ["--replay", str(path), "--speed", "max", "--quiet", "--jsonl", str(out)]
        assert main(argv) == 0
        by_command = [json.loads(line) for line in out.read_text().splitlines()]
        by_call = [json.loads(event.to_json()) for event in edge.play(path)]
        for events in (by_command, by_call):
            del events[0]["start"]
        assert by_command == by_call
        assert sum(event["type"] == "beat" for event in by_call) > 5


def test_a_lead_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    for path in each_format(tmp_path):
        names = ", ".join(Opened(path).leads)
        with pytest.raises(RecordError, match=f"no lead V9: it has {names}"):
            Opened(path, ["V9"])


def polar() -> str:
    head = "Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]\n"
    lumps = (LATE + timedelta(seconds=i // 73 * 73 / 130 + i % 7 / 1e3) for i in range(N))
    return head + "".join(
        f"{lump.isoformat()};{10**17 + int(i * 1e9 / 130)};{i * 1000 / 130:.6f};{1000 * a}\n"
        for i, (lump, a) in enumerate(zip(lumps, X[:, 0], strict=True))
    )


def openbci() -> str:
    head = (
        "%OpenBCI Raw EXG Data\n%Sample Rate = 200 Hz\nSample Index, EXG Channel 0, EXG Channel 1"
    )
    head += ", Accel Channel 0, Other, Timestamp, Timestamp (Formatted)\n"
    late = (1.7e9 + i // 10 / 20 + i % 10 / 1e4 for i in range(N))
    return head + "".join(
        f"{i % 200}.0, {1000 * a:.3f}, 0.0, {i % 9}, 0, {at:.4f}, {LATE + timedelta(seconds=at)}\n"
        for i, (at, a) in enumerate(zip(late, X[:, 0], strict=True))
    )


def bitalino() -> str:
    head = '# OpenSignals\n# {"98:D3": {"sampling rate": 1000, "column": ["nSeq"]}}\n'
    return head + "".join(f"{i % 16}\t1\t0\t{512 + 200 * a:.0f}\t\n" for i, a in enumerate(X[:, 0]))


def watch() -> str:
    head = "Name,Jane Doe\nRecorded Date,2024-03-01 12:00:00\nSample Rate,512 hertz\n\n"
    return head + "Lead,Lead I\nUnit,µV\n\n" + "".join(f"{1000 * a:.3f}\n" for a in X[:, 0])


def neurokit() -> str:
    head = ",ECG_Raw,ECG_Rate,ECG_Quality,ECG_R_Peaks,ECG_T_Offsets\n"
    return head + "".join(
        f"{LATE + timedelta(seconds=i / 500)},{a:.4f},7{i % 9},0.{i % 7},{i % 400 == 0:d},0\n"
        for i, a in enumerate(X[:, 0])
    )


@pytest.mark.parametrize(("make", "leads", "fs"), [
    (polar, ("ecg",), 130), (openbci, ("EXG Channel 0",), 200), (bitalino, ("column 3",), 1000),
    (watch, ("Lead I",), 512), (neurokit, ("ECG_Raw",), 500),
])  # fmt: skip
def test_what_programs_and_watches_write(
    tmp_path: Path, make: Callable[[], str], leads: tuple[str, ...], fs: float
) -> None:
    recording = read(table(tmp_path / "t.csv", make()))
    assert (recording.leads, recording.fs) == (leads, fs)
    assert recording.nv.shape == (N, 1)
    assert not (recording.nv == INVALID).any()


@pytest.mark.parametrize(("kind", "nan"), [("u8", 0x7FF0000000000001), ("u4", 0x7F800001)])
def test_a_signalling_nan_is_an_invalid_sample(tmp_path: Path, kind: str, nan: int) -> None:
    x = X[:, 0].astype(kind.replace("u", "f"))
    x.view(kind)[999] = nan
    np.save(tmp_path / "a.npy", x)
    nv = read(tmp_path / "a.npy", fs=250).nv
    assert np.flatnonzero(nv[:, 0] == INVALID).tolist() == [999]


def test_of_two_rates_that_a_file_tells_the_said_one_is_taken_and_doubted(tmp_path: Path) -> None:
    text = times(WRITTEN["ms"])
    for said, hz in (("# Sampling Rate: 0.5 kHz\n", 500), ("sample_rate=250\n", 250)):
        opened = Opened(table(tmp_path / "t.csv", said + text))
        assert opened.fs == hz
        assert [doubt.measured_hz for doubt in opened.doubts] == [250] * (hz == 500)
