"""The report: what it counts, draws and says, of any recording, however hostile."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
import zlib
from collections import Counter as Tally
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import edfio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import edge
from edge.alarms import RULES
from edge.cli.report import main, parse
from edge.events import Alarm, Beat, Gap, Quality, Session, Stats
from edge.files import Start
from edge.replay import Opened
from edge.report import drawings, html, layout, pdf
from edge.report.clock import Clock, lasted
from edge.report.counts import Counter, hours
from edge.report.found import Found, gather
from edge.report.layout import Block, Document, Drawing, Heading, Items, Label, Paragraph, Table
from edge.report.strips import ROW_S, Strip, choose, leads
from edge.synthetic import synthesize
from tests.edge.test_files import header

FS = 250.0
SCRIPT = "NNNNNNNNVNNNNNNNNSNNNNNNVVNNNNNNNNNNVVVNNNNNNNN-NNNNNNNNNNNN[NNNNNNNN]NNNNNNNNNN"
VOID = {"meta", "col", "br", "img", "link", "input", "hr"}


class Read(HTMLParser):
    """What a browser makes of a page; fails where tags do not fit."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Tally[str] = Tally()
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        assert not any(name.startswith("on") or name in ("href", "src") for name, _ in attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data if self._open[-1:] != ["style"] else ""


def written(record: Path, folder: Path, *more: str) -> Read:
    out = folder / "report.html"
    assert main([str(record), "-o", str(out), "--overwrite", *more]) == 0
    return Read(out.read_text(encoding="utf-8"))


def saved(folder: Path, mv: NDArray[Any], names: list[str], fs: float = FS) -> Path:
    np.savez(folder / "r.npz", mv=mv, fs=fs, leads=np.array(names), units=np.array(["mV"]))
    return folder / "r.npz"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = synthesize(SCRIPT, FS, np.random.default_rng(0))
    mv = made.mv.copy()
    for start, end in made.lead_off:
        mv[start:end] = np.nan
    return saved(tmp_path_factory.mktemp("made"), mv, ["MLII", "V5"])


def row(read: Read, name: str) -> str:
    match = re.search(rf"{name}(.*?)(?:Summary|Heart rate|Longest RR|Ventricular|Supra|Atrial)",
        read.words)  # fmt: skip
    assert match
    return match[1]


def test_it_says_what_the_events_say(record: Path, tmp_path: Path) -> None:
    read = written(record, tmp_path)
    events = list(edge.play(record))
    final = [e for e in events if isinstance(e, Beat) and e.final]
    labels = Tally(beat.label for beat in final)
    beats = row(read, "Beats")
    assert beats.startswith(f"{len(final)}: normal {labels['N']} (")
    assert f"supraventricular {labels['S']} (" in beats
    assert f"ventricular {labels['V']} (" in beats
    alarms = Tally(e.name for e in events if isinstance(e, Alarm) and e.active)
    assert alarms
    for name, count in alarms.items():
        shown = rf"{name.replace('_', ' ')}{RULES[name].priority}{count}\d"
        assert re.search(shown, read.words), name
        assert f"Alarm ({RULES[name].priority}): {name.replace('_', ' ')}" in read.words
    longest = max(e.rr_ms or 0 for e in final) / 1000
    assert f"Longest pause, {longest:.2f} s" in read.words
    assert "Fastest ventricular run, 3 beats" in read.words
    assert "A ventricular couplet" in read.words
    assert "no signal: an electrode off" in read.words
    assert read.words.count("No medical device") == 2
    assert read.tags["script"] == 0


def test_it_loads_nothing(record: Path, tmp_path: Path) -> None:
    written(record, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert not re.search(r"https?:|url\(|@import|<link|<img|<script", text)
    assert "Content-Security-Policy" in text


def test_a_pdf_says_on_each_page_that_it_is_no_medical_device(record: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.PDF"
    assert main([str(record), "-o", str(out)]) == 0
    data = out.read_bytes()
    assert data.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type /Page\b", data))
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
    texts = [zlib.decompressobj().decompress(s) for s in streams if s[:1] == b"x"]
    drawn = [text for text in texts if b" Tj" in text]
    assert len(drawn) == pages > 2
    assert all(b"No medical device" in text for text in drawn)


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("\u5fc3\u7535\u56fe", "XinDianTu"),
        ("\u0437\u0430\u043f\u0438\u0441\u044c", "zapis'"),
        ("M\u00fcller 3 \u03bcV", "M\u00fcller 3 \u00b5V"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_a_name_in_any_script_is_readable_in_a_pdf(name: str, spelt: str, tmp_path: Path) -> None:
    pdf.write(Document(name, name, [Heading(name, 1), Items([name])]), tmp_path / "r.pdf")
    streams = re.findall(
        rb"stream\r?\n(.*?)\r?\nendstream", (tmp_path / "r.pdf").read_bytes(), re.DOTALL
    )
    texts = [zlib.decompressobj().decompress(s) for s in streams if s[:1] == b"x"]
    drawn = b"".join(text for text in texts if b" Tj" in text)
    assert drawn.count(b"(" + spelt.encode("latin-1")) == 3  # heading, item, foot
    assert b"?" not in drawn
    assert (b"is spelt in Latin letters" in drawn) is not (name[0] in "Me")


@pytest.mark.parametrize("name", ["x.html", "x.pdf"])
def test_a_disk_that_is_full_leaves_nothing(
    name: str, record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        assert main([str(record), "-o", str(tmp_path / name)]) == 8
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    told = capsys.readouterr().err
    assert re.fullmatch(rf"edge-report: cannot write \S+{name}: File too large\n", told)
    assert not list(tmp_path.iterdir())


def test_a_report_that_is_there_is_left(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.html"
    out.write_text("mine")
    assert main([str(record), "-o", str(out)]) == 8
    assert "--overwrite" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert main([str(record), "-o", str(out), "--overwrite"]) == 0
    assert out.read_text().startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"]


def test_without_a_name_it_is_the_records_here(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(record)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["r-report.html"]
    assert (tmp_path / "r-report.html").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    ("out", "code"),
    [("file/x.html", 8), ("folder.html", 8), ("x.txt", 2), ("", 2), ("/dev/full", 2)],
)
def test_what_cannot_be_written_is_said(
    out: str, code: int, record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.html").mkdir()
    path = out if out.startswith("/") or not out else str(tmp_path / out)
    command = [str(record), "-o", path, "--overwrite"]
    if code == 2:
        with pytest.raises(SystemExit, match="2"):
            main(command)
    else:
        assert main(command) == code
    assert capsys.readouterr().err.splitlines()[-1].startswith("edge-report: ")


def test_a_signal_leaves_no_half_report(tmp_path: Path) -> None:
    mv = np.zeros((round(3600 * FS), 2))
    record, out = saved(tmp_path, mv, ["I", "II"]), tmp_path / "out"
    command = [sys.executable, "-m", "edge.cli.report", str(record), "-o", str(out / "x.html")]
    with subprocess.Popen(command) as process:
        while not (out.exists() and list(out.iterdir())):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 130
    assert not list(out.iterdir())


def test_no_recording_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none"), "-o", str(tmp_path / "x.html")]) == 5
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_without_fpdf2_it_is_said_what_to_install(
    record: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "fpdf", None)
    monkeypatch.delitem(sys.modules, "edge.report.pdf", raising=False)
    monkeypatch.delattr("edge.report.pdf", raising=False)
    assert main([str(record), "-o", str(tmp_path / "x.pdf")]) == 7
    assert "pip install '.[report]'" in capsys.readouterr().err


def _noise(n: int, leads: int) -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(0, 0.3, (n, leads))


@pytest.mark.parametrize("kind", ["ten seconds", "flat", "noise", "gap", "nothing", "twelve leads"])
@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_any_signal_gives_a_report(kind: str, suffix: str, tmp_path: Path) -> None:
    n, hearts = round(60 * FS), synthesize("N" * 70, FS, np.random.default_rng(0)).mv[:, :1]
    mv = {
        "ten seconds": hearts[: round(10 * FS)],
        "flat": np.zeros((n, 1)),
        "noise": _noise(n, 2),
        "gap": np.concatenate([hearts[:n], np.full((10 * n, 1), np.nan), hearts[:n]]),
        "nothing": np.where(np.arange(n)[:, None] == 5, 0.1, np.full((n, 1), np.nan)),
        "twelve leads": np.repeat(hearts[:n], 12, axis=1) * np.linspace(0.3, 3, 12),
    }[kind]
    names = [f"lead{i}" for i in range(mv.shape[1])]
    out = tmp_path / f"x.{suffix}"
    assert main([str(saved(tmp_path, mv, names)), "-o", str(out)]) == 0
    assert out.stat().st_size > 2000
    if suffix == "html":
        read = Read(out.read_text())
        assert read.tags["svg"] >= 3
        if kind == "gap":
            assert re.search(r"No lead can10 min 0\d s", read.words)
            assert re.search(r"\(16\.\d%\)", row(read, "Analysable"))


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=y>&amp;\x1b[31m\u202eII"


def test_what_a_recording_is_called_is_no_markup(tmp_path: Path) -> None:
    mv = synthesize("NNNNNNNNNNVNNNNN", FS, np.random.default_rng(0)).mv
    path = saved(tmp_path, mv, [HOSTILE, "</svg></style><script>"])
    named = path.rename(tmp_path / "<b onclick=x>&'\"<script>a.npz")
    read = written(named, tmp_path)
    assert "<script>a" in read.words
    assert not read.tags["script"] + read.tags["img"] + read.tags["b"]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", (tmp_path / "report.html").read_text())
    assert main([str(named), "-o", str(tmp_path / "x.pdf")]) == 0


@settings(max_examples=30)
@given(st.text(max_size=50), st.text(max_size=50))
def test_no_text_is_markup(one: str, other: str) -> None:
    class Kept:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

    def blocks(a: str, b: str) -> list[Block]:
        line = layout.Path([[(0, 0), (1, 1)]], "#000000")
        drawing = Drawing(a, 10, [Label(1, 1, b), line], a, b)
        return [Heading(a), Paragraph(b), Items([a]), Table([a], [[b]], [1]), drawing]

    out, plain = Kept(), Kept()
    html.write(Document(one, other, blocks(one, other)), out)  # type: ignore[arg-type]
    html.write(Document("", "", blocks("x", "x")), plain)  # type: ignore[arg-type]
    expected = Read(plain.text).tags
    expected["p"] -= not one  # a note that is empty has no paragraph
    assert Read(out.text).tags == expected


def found(labels: str, rr: list[float], fs: float = FS, seconds: float | None = None) -> Found:
    """As `gather` makes it, of beats with these intervals before them; NaN is a gap of 10 s."""
    t = np.cumsum([10 if r != r else r for r in rr])
    end = float(t[-1]) + 1 if seconds is None else seconds
    session = Session(0, 0.0, "2026-11-29T00:24:44.120Z", "+00:00", "1", "r", fs, ("II",), "b 1")
    beats = [
        Beat(round(at * fs), at, i, label, True, 1.0, None if r != r else r * 1000, 1.0, 0.0, False)  # type: ignore[arg-type]
        for i, (at, label, r) in enumerate(zip(t.tolist(), labels, rr, strict=True))
    ]
    stats = Stats(round(end * fs), end, {}, None, 0, {})
    return gather([session, *beats, stats])


def test_couplets_and_runs_are_of_beats_in_a_row_with_signal_between() -> None:
    labels = "NVNVVNVVVNSSSNVVVV"
    rr = [0.8] * len(labels)
    rr[16] = np.nan  # in the last row of four
    counts = Counter(found(labels, rr)).whole()
    assert (counts.couplets, counts.runs, counts.s_runs) == (3, 1, 1)
    assert counts.beats == {"N": 5, "S": 3, "V": 10}


def test_no_interval_of_an_unknown_beat_is_known() -> None:
    whole = Counter(found("NNUNN", [0.8, 0.9, 3.0, 3.0, 0.7])).whole()
    assert whole.longest_rr == pytest.approx(0.9)
    assert whole.mean == pytest.approx(60 / 0.8)


@given(
    st.lists(
        st.tuples(st.sampled_from("NNNNSVFQU"), st.floats(0.2, 3) | st.just(np.nan)),
        min_size=1,
        max_size=30,
    ),
    st.floats(0, 3600),
)
def test_hours_have_all_beats_once(beats: list[tuple[str, float]], first: float) -> None:
    it = found("".join(label for label, _ in beats), [rr * 400 for _, rr in beats])
    counter = Counter(it)
    parts = hours(it.seconds, first)
    assert parts[0][0] == 0
    assert parts[-1][1] == it.seconds
    each = [counter.between(a, b) for a, b in parts]
    whole = counter.whole()
    assert all(b == c for (_, b), (c, _) in pairwise(parts))
    for label in "NSVFQU":
        assert sum(of.beats.get(label, 0) for of in each) == whole.beats.get(label, 0)
    assert sum(of.runs for of in each) == whole.runs
    assert max(of.longest_rr or 0 for of in each) == (whole.longest_rr or 0)


def test_what_no_lead_shows_is_not_analysable() -> None:
    session = Session(0, 0.0, "", "", "1", "r", FS, ("I", "II"), "b")
    events = [
        session,
        Quality(0, 10.0, "I", False, "noise"),
        Quality(0, 20.0, "II", False, "lead_off"),
        Gap(0, 22.0, 500, 2.0),
        Quality(0, 30.0, "I", True, "ok"),
        Quality(0, 40.0, "II", True, "ok"),
        Gap(0, 50.0, 2500, 10.0),
        Quality(0, 90.0, "I", False, "noise"),
        Stats(0, 100.0, {}, None, 0, {}),
    ]
    it = gather(events)
    assert [(u.start, u.end, u.why) for u in it.unseen] == [(20, 30, "lead_off"), (50, 60, "lost")]
    assert it.lost == {"I": 30.0, "II": 20.0}
    assert Counter(it).whole().seen_s == pytest.approx(80)


def test_every_kind_of_alarm_is_shown_and_not_all_of_it() -> None:
    session = Session(0, 0.0, "", "", "1", "r", FS, ("I",), "b")
    events: list[Any] = [session]
    for i, name in enumerate(RULES):
        for k in range(50):
            at = 1000.0 * i + 20 * k
            events.append(Alarm(0, at, name, True, at, "so", RULES[name].priority, None))
            events.append(Alarm(0, at, name, False, at + 1 + k / 10, "", "low", None))
    events.append(Stats(0, 30_000.0, {}, None, 0, {}))
    it = gather(events)
    chosen = choose(it, Counter(it), str)
    assert all(0 < chosen.shown[name] < 10 for name in RULES)
    assert len(chosen.strips) <= chosen.shown.total() + 1
    titles = "\n".join(title for s in chosen.strips for title in (s.title, *s.also))
    for i, name in enumerate(RULES):
        assert f"{name.replace('_', ' ')}, so, {1000.0 * i + 20 * 49}" in titles  # the longest


def lines(drawing: Drawing, colour: str) -> list[Any]:
    return [
        line
        for shape in drawing.shapes
        if isinstance(shape, layout.Path) and shape.stroke == colour
        for line in shape.lines
    ]


@pytest.mark.parametrize("fs", [60.0, 250.0, 360.0, 1000.0])
def test_a_strip_is_true_to_scale(fs: float) -> None:
    it = found("NNNNNNN", [1.0] * 7, seconds=20.0)
    n = round(ROW_S * fs)
    mv = np.zeros((n, 1), np.float32)
    mv[np.arange(n) / fs >= 2.0] = 0.0
    at = np.arange(n) / fs
    mv[(at >= 4.0) & (at < 4.2)] = 1.0
    strip = Strip("s", 0.0, 1, mv=mv)
    trace = np.array([p for line in lines(drawings.strip(strip, it, fs, ["II"], str), "#000000")
        for p in line if len(line) > 6])  # fmt: skip
    assert np.ptp(trace[:, 1]) == pytest.approx(10)
    high = trace[trace[:, 1] == trace[:, 1].min(), 0]
    left = trace[:, 0].min()
    assert high.min() - left == pytest.approx(4.0 * 25, abs=2 * 25 / fs + 0.2)
    assert np.ptp(high) == pytest.approx(0.2 * 25, abs=3 * 25 / fs + 0.2)
    ticks = [line[0][0] for line in lines(drawings.strip(strip, it, fs, ["II"], str), "#333333")]
    assert np.diff(ticks) == pytest.approx(25.0)
    assert ticks[0] - left == pytest.approx(25.0)


@pytest.mark.parametrize("mv", [0.0, 1e-3, 5.0, 2000.0, np.nan])
def test_a_strip_of_any_height_stays_on_its_paper(mv: float) -> None:
    it = found("NNN", [1.0] * 3, seconds=20.0)
    signal = np.full((round(ROW_S * FS), 2), mv, np.float32)
    signal[100:700, 0] = -mv
    drawing = drawings.strip(Strip("s", 0.0, 1, mv=signal), it, FS, ["I", "II"], str)
    assert drawing.height < 130
    for shape in drawing.shapes:
        for line in shape.lines if isinstance(shape, layout.Path) else []:
            assert all(0 <= x <= 180.001 and 0 <= y <= drawing.height for x, y in line)


def test_of_twelve_leads_those_of_a_rhythm_are_drawn() -> None:
    twelve = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    assert [twelve[i] for i in leads(twelve)] == ["II", "V1", "V5"]
    assert leads(["x", "y"]) == [0, 1]


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_clocks_are_changed_in_the_night_and_not_in_the_recording() -> None:
    start = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)  # 0:30 in Berlin; at 3:00 it is 2:00
    clock = Clock(Start(start, True), 6 * 3600)
    assert clock.began() == "25 Oct 2026, 00:30:00 (UTC +01:00 and +02:00, as clocks are changed)"
    assert clock.until(3600.0) == 1800
    assert [clock.time(h * 3600) for h in (2, 3)] == ["02:30:00", "02:30:00"]
    own = Clock(Start(start.replace(tzinfo=None), True), 6 * 3600)
    assert own.time(3 * 3600) == "25 Oct 01:30:00"  # a clock without a zone goes on
    assert own.began() == "24 Oct 2026, 22:30:00, by the recording's own clock"


def test_a_night_without_a_date_has_days() -> None:
    clock = Clock(Start(datetime(2000, 1, 1, 23, 59, 30), False), 86400.0)
    assert [clock.time(t) for t in (0, 30, 86400)] == [
        "day 1 23:59:30", "day 2 00:00:00", "day 2 23:59:30",
    ]  # fmt: skip
    assert Clock(None, 1e6).time(270_000.4) == "75:00:00"


def test_a_trend_of_days_names_them() -> None:
    days = found("N" * 20, [0.8] * 20, seconds=72 * 3600.0)
    clock = Clock(Start(datetime(2026, 3, 1, 21, 30), True), days.seconds)
    shapes = drawings.trend(days, Counter(days), clock).shapes
    told = [shape.text for shape in shapes if isinstance(shape, Label) and ":00" in shape.text]
    assert told == ["06:00", "12:00", "18:00"] * 3
    said = {shape.text for shape in shapes if isinstance(shape, Label)}
    assert {"2 Mar", "3 Mar", "4 Mar"} <= said


@given(st.datetimes(), st.sampled_from([10.0, 300.0, 3600.0, 21600.0, 86400.0]))
def test_ticks_are_at_round_times_of_day(at: datetime, step: float) -> None:
    first = Clock(Start(at, True), 1e5).until(step)
    assert 0 < first <= step
    past = at.hour * 3600 + at.minute * 60 + at.second + at.microsecond * 1e-6 + first
    assert abs(past - step * round(past / step)) < 1e-6
    assert Clock(None, 1e5).until(step) == step


@given(st.datetimes(), st.floats(0, 1e7), st.booleans())
def test_any_start_has_times(at: datetime, seconds: float, dated: bool) -> None:
    for start in (Start(at, dated), Start(at.replace(tzinfo=UTC), dated)):
        clock = Clock(start, seconds)
        assert clock.began()
        assert re.search(r"\d\d:\d\d:\d\d$", clock.time(seconds))


@given(st.floats(0, 1e6))
def test_durations_are_said(seconds: float) -> None:
    assert re.fullmatch(r"\d+\.\d s|\d+ min \d\d s|\d+ h \d\d min", lasted(seconds))


def test_files_tell_when_they_began(tmp_path: Path) -> None:
    lines = "\nr.dat 16 1000/mV 16 0 0 0 0 II\n"
    for words, said in {
        "23:59:30 29/11/2026": Start(datetime(2026, 11, 29, 23, 59, 30), True),
        "1:02:03.5": Start(datetime(2000, 1, 1, 1, 2, 3, 500_000), False),
        "25:00:00": None,
        "12:00:00 31/02/2026": None,
        "": None,
    }.items():
        assert Opened(header(tmp_path, f"r 1 250 2500 {words}{lines}")).began == said
    utc = Opened(header(tmp_path, f"r 1 250 2500 0:0:1{lines}# 2026-11-29 00:24:44.12+00:00\n"))
    assert utc.began == Start(datetime(2026, 11, 29, 0, 24, 44, 120_000, UTC), True)
    mv = synthesize("NNNNNNNNNNNNNNN", FS, np.random.default_rng(0)).mv[:2500, 0]
    signal = edfio.EdfSignal(mv, 250, label="II", physical_dimension="mV")
    when = datetime(2026, 1, 2, 3, 4, 5)
    day = edfio.Recording(startdate=when.date())
    edfio.Edf([signal], starttime=when.time(), recording=day).write(tmp_path / "e.edf")
    assert Opened(tmp_path / "e.edf").began == Start(when, True)
    edfio.Edf([signal], starttime=when.time()).write(tmp_path / "x.edf")
    began = Opened(tmp_path / "x.edf").began
    assert began
    assert (began.at.hour, began.dated) == (3, False)
    edfio.Edf([signal]).write(tmp_path / "y.edf")
    assert Opened(tmp_path / "y.edf").began is None
    rows = enumerate(mv.tolist())
    stamps = [f"2026-11-29T23:59:{i / 250:09.6f},{x}" for i, x in rows]
    (tmp_path / "t.csv").write_text("time,II (mV)\n" + "\n".join(stamps))
    assert Opened(tmp_path / "t.csv").began == Start(datetime(2026, 11, 29, 23, 59), True)
    (tmp_path / "u.csv").write_text("unix,II (mV)\n" + "\n".join(
        f"{1.8e9 + i / 250:.3f},{x}" for i, x in enumerate(mv.tolist())))  # fmt: skip
    assert Opened(tmp_path / "u.csv").began == Start(datetime.fromtimestamp(1.8e9, UTC), True)
    assert Opened(saved(tmp_path, mv[:, None], ["II"])).began is None


def test_help_and_options() -> None:
    args = parse(["r", "-o", "x.pdf", "--lead", "II", "--fs", "250"])
    assert (args.record, args.out.name, args.lead, args.fs) == ("r", "x.pdf", ["II"], 250)
