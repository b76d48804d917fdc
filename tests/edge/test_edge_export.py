"""Exports: what edfio, pyedflib and pandas find in them, and what is played from them again."""

import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import wfdb
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from edge import demo, edf, export, marks
from edge.cli.export import main
from edge.errors import OutputError, RecordError
from edge.events import Alarm, Beat, Label, Rhythm
from edge.export import Lead
from edge.files import Start
from edge.marks import Mark
from edge.replay import INVALID, Opened, blocks, read
from edge.sampled import as_board
from edge.sinks.recorder import Recorder
from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import PROTOCOLS, decoder
from tests.edge.recordings import session

edfio = pytest.importorskip("edfio")
pyedflib = pytest.importorskip("pyedflib")
LOST = 777


def sent(protocol: str, seconds: int = 10) -> list[SampleBlock]:
    """What a board's decoder makes of some seconds of the demo."""
    row, heart = PROTOCOLS[protocol], demo.stream()[0]
    heart = as_board(replace(heart, nv=heart.nv[: seconds * 360]), row)
    encoder, reader = row.encoder(), decoder(protocol, heart.fs if row.fs == "estimated" else None)
    return [
        b
        for piece in blocks(heart, round(4 * heart.fs))
        for b in reader.feed(encoder.encode(piece))
    ]


def record(folder: Path, found: list[SampleBlock]) -> None:
    """A recording of them with a gap before the last one, labels, a rhythm and an alarm."""
    found[-1] = replace(found[-1], start=found[-1].start + LOST)
    recorder = Recorder(folder)
    fs = found[0].fs
    recorder.write(session(fs=fs, leads=found[0].leads))
    for piece in found:
        recorder.samples(piece)
    labels: tuple[Label, ...] = ("N", "S", "V", "F", "Q", "U")
    for i, label in enumerate(labels):
        recorder.write(Beat(50 + 37 * i, 0.0, i, label, True, 0.9, None, 1.0, 0.0, False))
    recorder.write(Rhythm(300, 300 / fs, "atrial_fibrillation", 80.0))
    recorder.write(Alarm(301, 3.0, "pause", True, 1.0, "no beat, for 2 s", "medium", 2.0))
    recorder.close()


def notes(path: Path) -> list[Mark]:
    found = export.load(path).notes
    return [mark for mark in found if mark.text != "end of recording"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_boards_recording_comes_back_from_edf_and_csv(tmp_path: Path, protocol: str) -> None:
    found = sent(protocol)
    record(tmp_path / "ecg", found)
    leads = list(range(len(found[0].leads)))
    wanted = read(tmp_path / "ecg", leads)
    step = np.array([step.nv for step in found[-1].step])
    wide = any(s.bits > 16 for s in found[-1].step)
    chosen = [arg for lead in leads for arg in ("--lead", str(lead))]
    for name in ("a.bdf", "a.csv", *(() if wide else ("a.edf",))):
        out = tmp_path / name
        assert main([str(tmp_path / "ecg"), str(out), *chosen]) == 0
        again = read(out, leads)
        assert again.leads == wanted.leads
        assert again.fs == pytest.approx(wanted.fs, abs=5e-4)
        assert np.array_equal(again.nv == INVALID, wanted.nv == INVALID)
        assert (wanted.nv == INVALID).sum() == LOST * len(leads)
        there = wanted.nv != INVALID
        numbers = np.rint(again.nv / step), np.rint(wanted.nv / step)
        assert np.array_equal(numbers[0][there], numbers[1][there])
        assert np.abs(again.nv - wanted.nv.astype(np.int64)).max() <= 1
        if out.suffix != ".csv":
            assert notes(out) == notes(tmp_path / "ecg")
            played = list(blocks(Opened(out, leads)))
            assert sum(b.lost for b in played) == LOST
            assert {s for b in played for s in b.lead_state} == {
                s for b in blocks(Opened(tmp_path / "ecg", leads)) for s in b.lead_state
            }


def test_what_16_bits_do_not_hold_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path / "ecg", sent("cyton"))
    assert main([str(tmp_path / "ecg"), str(tmp_path / "a.edf")]) == 0
    said = capsys.readouterr().err
    assert "16 bits do not hold all of CH1: it is rounded to " in said
    assert "where its steps are 0.02235 µV; a .bdf file has 24 bits" in said
    wanted, again = read(tmp_path / "ecg"), read(tmp_path / "a.edf")
    span = np.ptp(np.where(wanted.nv == INVALID, 0, wanted.nv), axis=0)
    off = np.abs(again.nv - wanted.nv.astype(np.float64)).max(axis=0)
    assert (off <= 0.6 * span / 65000 + 1).all()


@pytest.mark.parametrize("name", ["a.edf", "a.bdf"])
def test_edfio_and_pyedflib_find_samples_annotations_and_the_start(
    tmp_path: Path, name: str
) -> None:
    found = sent("olimex")
    record(tmp_path / "ecg", found)
    out = tmp_path / name
    main([str(tmp_path / "ecg"), str(out)])
    counts = np.concatenate([b.counts[:, 0] for b in found if b.counts is not None])
    gap = found[-1].start - LOST
    header = wfdb.rdheader(str(next((tmp_path / "ecg").glob("*.hea")).with_suffix("")))
    opened: Any = (edfio.read_edf if name.endswith("edf") else edfio.read_bdf)(out)
    assert opened.startdatetime == header.base_datetime
    (signal,) = opened.signals
    assert (signal.label, signal.physical_dimension) == ("ECG", "uV")
    length = gap + LOST + len(found[-1])
    filled = np.concatenate([signal.digital[:gap], signal.digital[gap + LOST : length]])
    assert np.array_equal(filled, counts)
    told = [(a.onset * 250, a.text) for a in opened.annotations]
    assert [text for _, text in told][:8] == [
        "N", "S", "V", "F", "Q", "Q unknown", "(AFIB",
        "alarm on pause medium 2.000 s ago: no beat, for 2 s",
    ]  # fmt: skip
    assert [round(at, 6) for at, _ in told][:6] == [50, 87, 124, 161, 198, 235]
    (lost,) = [a for a in opened.annotations if a.text.startswith("gap")]
    assert (lost.onset, lost.duration) == pytest.approx((gap / 250, LOST / 250))
    with pyedflib.EdfReader(str(out)) as other:
        assert other.filetype == (1 if name.endswith("edf") else 3)  # EDF+, BDF+
        assert np.array_equal(other.readSignal(0, digital=True), signal.digital)
        assert [str(text) for text in other.readAnnotations()[2]] == [text for _, text in told]


def test_csv_has_times_empty_gaps_and_a_table_of_annotations(tmp_path: Path) -> None:
    found = sent("olimex")
    record(tmp_path / "ecg", found)
    main([str(tmp_path / "ecg"), str(tmp_path / "a.csv")])
    table = pandas.read_csv(tmp_path / "a.csv")
    assert list(table.columns) == ["time (s)", "ECG (mV)"]
    assert np.allclose(table["time (s)"], np.arange(len(table)) / 250, atol=1e-6)
    gap = found[-1].start - LOST
    empty = np.flatnonzero(table["ECG (mV)"].isna())
    assert (empty[0], empty[-1], len(empty)) == (gap, gap + LOST - 1, LOST)
    notes = pandas.read_csv(tmp_path / "a.annotations.csv", keep_default_na=False)
    assert list(notes["symbol"])[:7] == ["N", "S", "V", "F", "Q", "Q", "+"]
    assert notes["text"][7] == "alarm on pause medium 2.000 s ago: no beat, for 2 s"
    start = datetime.fromisoformat("2026-11-29T00:24:44.120Z")
    first = datetime.fromisoformat(notes["utc"][0])
    assert (first - start).total_seconds() == pytest.approx(50 / 250)


@given(
    step=st.one_of(st.floats(1.0, 1e6), st.sampled_from([22.35174447, 1.0, 6154.0, 1714.4])),
    base=st.one_of(st.just(0.0), st.floats(-1e9, 1e9)),
    bits=st.sampled_from([16, 24]),
    data=st.data(),
)
@example(step=5.0, base=15322146.0, bits=16, data=None)
@example(step=2.00001, base=10000114.75, bits=16, data=None)
@settings(max_examples=60, deadline=None)
def test_a_header_tells_each_number_to_a_tenth_of_a_step(
    step: float, base: float, bits: int, data: st.DataObject | None
) -> None:
    room = min((1 << bits) * 63 // 64, int(4e9 / step))
    least = data.draw(st.integers(-room, room)) if data else 0
    span = data.draw(st.integers(0, room)) if data else 0
    assume(max(abs(base + least * step), abs(base + (least + span) * step)) < -(INVALID + 1))
    scale = edf.Scale(Lead("II", step, base, least, least + span), bits)
    low, high = scale.digital
    first, last = scale.physical
    assert -(1 << bits - 1) <= low < high < 1 << bits - 1
    for number in (first, last):
        text = edfio.edf_signal.encode_float(number).decode()
        assert float(text) == number
        assert "e" not in text
    values = np.unique(np.linspace(least, least + span, 1000).astype(np.int64))
    nv = np.rint(base + values * step)
    assert scale.step == step
    digits = scale.digits(nv.astype(np.int32))
    uv = first + (digits - low) * (last - first) / (high - low)
    # Steps that nearly fit into what eight characters hold, 10 nV from 10 mV on, may all miss it.
    ends = np.array(scale.physical)
    digit = max(1, round(10 ** (np.ceil(np.log10(np.abs(ends) + 1)) + (ends < 0) - 4).max()))
    reached = np.sort(np.arange(512) * step % digit)  # `room` leaves so many numbers free
    missed = np.diff(reached, append=reached[0] + digit).max() / 2
    assert np.abs(uv * 1e3 - base - values * step).max() < 0.1 * step + 1 / step + missed


@given(fs=st.floats(60, 1000), length=st.integers(1, 10**8))
@example(fs=250.0, length=21_600_000)
@example(fs=84.57, length=1_000_003)
@settings(deadline=None)
def test_a_data_record_tells_the_rate(fs: float, length: int) -> None:
    fs = round(fs, 3)
    n, duration = edf.data_record(fs, length)
    assert round(float(n / duration), 3) == fs
    assert 1 <= duration <= 61
    assert len(f"{float(duration):.12g}") <= 8


def test_a_record_of_others_is_written_with_their_annotations(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    signal = np.round(rng.normal(0, 100, (4000, 2))) * 0.005
    signal[100:200, 0] = np.nan
    wfdb.wrsamp(
        "100", 360, ["mV", "mV"], ["MLII", "V5"], signal, fmt=["212", "212"],
        adc_gain=[200, 200], baseline=[0, 0], write_dir=str(tmp_path),
        base_time=datetime(1, 1, 1, 12, 0, 0).time(), base_date=datetime(2001, 2, 3).date(),
    )  # fmt: skip
    samples, symbols = np.array([10, 300, 700, 900]), ["N", "A", "+", "!"]
    wfdb.wrann(
        "100", "atr", samples, symbols, aux_note=["", "", "(AFL", ""], write_dir=str(tmp_path)
    )
    out = tmp_path / "100.edf"
    assert main([str(tmp_path / "100"), str(out), "--annotations", "atr"]) == 0
    opened = edfio.read_edf(out)
    assert opened.startdatetime == datetime(2001, 2, 3, 12)
    told = [(round(a.onset * 360), a.text) for a in opened.annotations]
    assert told == [
        (10, "N"),
        (100, "invalid 100 samples, 0.278 s, lead 0"),
        (300, "A"),
        (700, "(AFL"),
        (900, "!"),
        (4000, "end of recording"),
    ]
    wanted, again = read(tmp_path / "100"), read(out)
    assert np.array_equal(wanted.nv == INVALID, again.nv == INVALID)
    assert np.abs(again.nv - wanted.nv.astype(np.int64)).max() <= 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main([str(out), str(tmp_path / "again.bdf")]) == 0  # and on from there
    assert [m for m in notes(tmp_path / "again.bdf") if m.symbol != '"'] == [
        m for m in notes(out) if m.symbol != '"'
    ]


def test_what_cannot_be_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "ecg", sent("olimex", 3))
    ecg, out = str(tmp_path / "ecg"), str(tmp_path / "a.csv")
    assert main([ecg, out]) == 0
    for args, code, said in (
        ([ecg, out], OutputError.exit_code, "is there already"),
        ([ecg, out, "--overwrite"], 0, "annotations: "),
        ([ecg, f"{out}/b.csv"], OutputError.exit_code, "cannot write"),
        ([f"{ecg}/none", out], RecordError.exit_code, "no record none"),
        ([ecg, out, "--lead", "V9"], RecordError.exit_code, "no lead V9"),
        ([str(tmp_path), out], RecordError.exit_code, "is a folder"),
        ([ecg, str(tmp_path / "b.edf"), "--annotations", "atr"], RecordError.exit_code, "ecg.atr"),
    ):
        capsys.readouterr()
        assert main(args) == code
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert said in lines[0]
    with pytest.raises(SystemExit):
        main([ecg, "a.txt"])
    assert {path.name for path in tmp_path.iterdir()} == {"ecg", "a.csv", "a.annotations.csv"}


@given(
    symbol=st.sampled_from('NSVFQ+~"AL|!'),
    text=st.text(st.characters(codec="ascii", exclude_characters="\0\x14\x15"), max_size=40),
)
def test_marks_are_read_as_they_were_written(symbol: str, text: str) -> None:
    text = {"+": f"({text}", '"': f"note {text}"}.get(symbol, text).strip()
    if symbol not in '+"' and "\n" in text:
        return
    assert marks.read_words(7, marks.words(Mark(7, symbol, text))) == Mark(7, symbol, text)


def test_a_table_without_a_rate_takes_one_and_its_scale_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heart = demo.stream()[0]
    table, out = tmp_path / "t.csv", tmp_path / "t.edf"
    table.write_text("II\n" + "\n".join(map(str, heart.nv[:3600, 0] // 1000)))
    assert main([str(table), str(out)]) == RecordError.exit_code
    assert "does not tell its rate" in capsys.readouterr().err
    assert main([str(table), str(out), "--fs", "250"]) == 0
    told = capsys.readouterr().err
    assert "II has no unit: 1 is written as" in told
    assert read(out).fs == 250
    assert np.abs(read(out).nv - read(table, fs=250).nv).max() < 100
    assert main([str(out), str(tmp_path / "u.edf"), "--fs", "250"]) == RecordError.exit_code


@settings(max_examples=20)
@given(gain=st.integers(1, 2000), base=st.integers(-20_000, 20_000))
def test_whole_numbers_are_the_steps_of_an_array(
    gain: int, base: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What a converter counts is in EDF+ as it was, whatever 1 is taken for."""
    folder = tmp_path_factory.mktemp("whole")
    mv = demo.stream()[0].nv[:3600, 0] * 1e-6
    counts = np.rint(base + mv * gain).astype(np.int32)
    np.save(folder / "x.npy", counts)
    assert edf.write(export.load(folder / "x.npy", fs=250), folder / "x.edf") == []
    with pyedflib.EdfReader(str(folder / "x.edf")) as file:
        shown = file.readSignal(0, digital=True)[: len(counts)]
    assert np.ptp(shown - counts) == 0


@pytest.mark.parametrize(
    ("start", "shown", "date", "column"),
    [
        ("2026-03-29T23:59:59", "2026-03-30T00:00:00.500", "2026-03-29 23:59:59", "clock"),
        ("2026-03-29T23:59:59+02:00", "2026-03-29T22:00:00.500Z", "2026-03-29 21:59:59", "utc"),
        ("1969-07-20T02:56:15", "1969-07-20T02:56:16.500", "1985-01-01 02:56:15", "clock"),
        (None, "", "1985-01-01 00:00:00", "clock"),
    ],
)
def test_a_start_is_as_the_recording_tells_it(
    start: str | None, shown: str, date: str, column: str, tmp_path: Path
) -> None:
    began = Start(datetime.fromisoformat(start), dated=True) if start else None
    source = tmp_path / "x.npz"
    np.savez(source, mv=demo.stream()[0].nv[:1000, 0] * 1e-6, fs=250)
    given = replace(export.load(source), start=began, notes=[Mark(375, "N", "")])
    given = replace(given, start=began and began._replace(at=utc(began.at)))
    export.write_csv(given, tmp_path / "x.csv")
    head, row = (tmp_path / "x.annotations.csv").read_text().splitlines()
    assert head.split(",")[1] == column
    assert row.split(",")[1] == shown
    edf.write(given, tmp_path / "x.edf")
    with pyedflib.EdfReader(str(tmp_path / "x.edf")) as reader:
        assert str(reader.getStartdatetime()) == date


def utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at


def test_times_of_a_table_are_kept(tmp_path: Path) -> None:
    rows = [f"2026-03-29T01:00:00.{i * 4:03}Z,{i % 7}" for i in range(250)]
    (tmp_path / "t.csv").write_text("\n".join(["time,II (mV)", *rows]))
    assert main([str(tmp_path / "t.csv"), str(tmp_path / "t.edf")]) == 0
    with pyedflib.EdfReader(str(tmp_path / "t.edf")) as reader:
        assert str(reader.getStartdatetime()) == "2026-03-29 01:00:00"


def test_what_is_there_is_left_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path / "ecg", sent("olimex", 3))
    (tmp_path / "a.annotations.csv").write_text("mine")
    monkeypatch.setattr(Opened, "pieces", lambda _: pytest.fail("it is read"))
    for out in ("a.csv", "ecg.edf"):
        (tmp_path / "ecg.edf").mkdir(exist_ok=True)
        more = ["--overwrite"] if out == "ecg.edf" else []
        assert main([str(tmp_path / "ecg"), str(tmp_path / out), *more]) == OutputError.exit_code
        capsys.readouterr()
    (tmp_path / "link.csv").symlink_to("/dev/null")
    assert main([str(tmp_path / "ecg"), str(tmp_path / "link.csv"), "--overwrite"]) == 8
    assert "what is there is no file" in capsys.readouterr().err
    assert (tmp_path / "link.csv").is_symlink()
    assert not (tmp_path / "a.csv").exists()
    assert (tmp_path / "a.annotations.csv").read_text() == "mine"
