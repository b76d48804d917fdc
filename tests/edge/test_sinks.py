"""Sinks: the annotation file against wfdb, JSON lines, the terminal, and what they refuse."""

import contextlib
import errno
import io
import itertools
import json
import os
import re
import shutil
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edge.clocks import local
from edge.errors import OutputError
from edge.events import (
    Alarm,
    AlarmTotal,
    Beat,
    Clock,
    Gap,
    Label,
    Link,
    Output,
    Quality,
    Reason,
    Rhythm,
    Session,
    Stats,
)
from edge.sinks.jsonl import Jsonl
from edge.sinks.terminal import _ALARMS, Lines, Screen, clock, summary
from edge.sinks.wfdb import Annotations, encode
from edge.view import View
from firmware_bridge.block import LeadState, SampleBlock

LABELS: tuple[Label, ...] = ("N", "S", "V", "F", "Q", "U")


def beat(
    sample: int, label: Label = "N", final: bool = True, fs: float = 360.0, id: int = 0
) -> Beat:
    return Beat(sample, sample / fs, id, label, final, 0.9, 800.0, 1.0, 150.0, False)


@given(
    beats=st.lists(
        st.tuples(st.one_of(st.integers(0, 3000), st.integers(0, 2**33)), st.sampled_from(LABELS)),
        max_size=30,
    ),
    fs=st.one_of(st.just(360.0), st.floats(100, 1000)),
)
def test_wfdb_reads_back_the_annotations(
    tmp_path_factory: pytest.TempPathFactory, beats: list[tuple[int, Label]], fs: float
) -> None:
    folder = tmp_path_factory.getbasetemp()
    sink = Annotations(folder, "r", fs, overwrite=True)
    sample = 0
    samples = []
    for interval, label in beats:
        sample += interval
        samples.append(sample)
        sink.write(beat(sample, label, final=False))
        sink.write(beat(sample, label))
        sink.flush()
    sink.flush()
    # Read before it is closed: the file is whole after every beat.
    found = wfdb.rdann(str(folder / "r"), "edge")
    sink.close()
    assert found.fs == pytest.approx(fs, rel=1e-11)
    assert found.sample.tolist() == samples
    assert found.symbol == ["Q" if label == "U" else label for _, label in beats]
    assert found.aux_note == ["unknown" if label == "U" else "" for _, label in beats]


@given(
    st.lists(
        st.tuples(st.integers(0, 5000), st.integers(1, 41), st.text("abcXYZ 0", max_size=255)),
        max_size=10,
    )
)
def test_any_annotation_can_be_encoded(
    tmp_path_factory: pytest.TempPathFactory, annotations: list[tuple[int, int, str]]
) -> None:
    # wfdb drops an empty note at sample 0.
    annotations = [(1, 1, ""), *annotations]
    path = tmp_path_factory.getbasetemp() / "any.edge"
    path.write_bytes(b"".join(encode(code, gap, aux) for gap, code, aux in annotations) + b"\0\0")
    found = wfdb.rdann(str(path.with_suffix("")), "edge", return_label_elements=["label_store"])
    assert found.sample.tolist() == np.cumsum([gap for gap, _, _ in annotations]).tolist()
    assert found.label_store.tolist() == [code for _, code, _ in annotations]
    assert found.aux_note == [aux for _, _, aux in annotations]


@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("record", ["100", "114", "207"])
def test_real_annotations_are_written_as_wfdb_writes_them(
    mitdb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: str
) -> None:
    ann = wfdb.rdann(str(mitdb / record), "atr", return_label_elements=["label_store", "symbol"])
    wfdb.wrann(
        record, "copy", ann.sample, ann.symbol, aux_note=ann.aux_note, write_dir=str(tmp_path)
    )
    written = b"".join(
        encode(int(code), int(step), aux)
        for code, step, aux in zip(
            ann.label_store, np.diff(ann.sample, prepend=0), ann.aux_note, strict=True
        )
    )
    assert written + b"\0\0" == (tmp_path / f"{record}.copy").read_bytes()


def test_jsonl_writes_every_event_at_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = Jsonl(path)
    events = [beat(10), Gap(20, 0.1, 5, 0.01)]
    for n, event in enumerate(events, 1):
        sink.write(event)
        sink.flush()
        assert len(path.read_text().splitlines()) == n
    sink.close()
    assert [json.loads(line)["type"] for line in path.read_text().splitlines()] == ["beat", "gap"]


@pytest.mark.parametrize("capture", ["capfd", "capsys"])  # with a descriptor, and without one
def test_jsonl_to_standard_output_leaves_it_open(
    request: pytest.FixtureRequest, capture: str
) -> None:
    captured: pytest.CaptureFixture[str] = request.getfixturevalue(capture)
    sink = Jsonl("-")
    sink.write(beat(10))
    sink.flush()
    sink.close()
    assert not sys.stdout.closed
    assert json.loads(captured.readouterr().out)["sample"] == 10


@pytest.mark.parametrize("before", [b"", b"a line\n", b"a line\nhalf"])
def test_jsonl_begins_a_line_after_what_is_there(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(before)
    sink = Jsonl(path)
    sink.write(beat(10))
    sink.flush()
    sink.close()
    after = path.read_bytes()
    assert after.startswith(before)
    assert after.removeprefix(before).lstrip(b"\n") == beat(10).to_json().encode() + b"\n"
    assert b"\n\n" not in after
    assert not after.startswith(b"\n")
    Jsonl(path, overwrite=True).close()
    assert path.read_bytes() == b""


class Disk:
    """Takes so many bytes, whatever a file is written with, and then is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 0
        write, pwrite = os.write, os.pwrite

        def take(data: bytes) -> bytes:
            data = bytes(data[: self.room])
            if not data:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.room -= len(data)
            return data

        monkeypatch.setattr("os.write", lambda fd, data: write(fd, take(data)))
        monkeypatch.setattr(
            "os.pwrite",
            # What is there already takes no room.
            lambda fd, data, at: (
                pwrite(fd, data, at)
                if at + len(data) <= os.fstat(fd).st_size
                else pwrite(fd, take(data), at)
            ),
        )


@given(
    rooms=st.lists(st.integers(0, 400), min_size=1, max_size=12),
    labels=st.lists(st.sampled_from(LABELS), min_size=1, max_size=12),
    freed=st.booleans(),
)
def test_a_full_disk_tears_no_line_and_repeats_none(
    tmp_path_factory: pytest.TempPathFactory,
    rooms: list[int],
    labels: list[Label],
    freed: bool,
) -> None:
    folder = tmp_path_factory.mktemp("full")
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch)
        sinks = Jsonl(folder / "r.jsonl"), Annotations(folder, "r", 360)
        beats = [beat(100 + 300 * i, label, id=i) for i, label in enumerate(labels)]
        for event, room in itertools.zip_longest(beats, rooms):
            disk.room = room or 0
            for sink in sinks:
                if event:
                    sink.write(event)
                with contextlib.suppress(OSError):
                    sink.flush()
        if freed:
            disk.room = 1 << 20
            for sink in sinks:
                sink.flush()
        for sink in sinks:
            sink.close()
    lines = (folder / "r.jsonl").read_text().splitlines()
    assert lines == [event.to_json() for event in beats[: len(lines)]]
    if (folder / "r.edge").exists():  # else the next run would take another name for nothing
        samples = wfdb.rdann(str(folder / "r"), "edge").sample.tolist()
        assert samples == [event.sample for event in beats[: len(samples)]]
    else:
        samples = []
    if freed:
        assert len(lines) == len(samples) == len(beats)


@given(
    happens=st.lists(st.sampled_from(["removed", "moved", "replaced", "kept", "full"]), max_size=6),
    gap=st.sampled_from([300, 5000]),
)
def test_what_is_moved_or_removed_is_begun_anew(
    tmp_path_factory: pytest.TempPathFactory, happens: list[str], gap: int
) -> None:
    """Beats that were not removed are somewhere, whole, and all later ones at the path."""
    folder = tmp_path_factory.mktemp("moved") / "o"
    aside = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch)
        disk.room = 1 << 20
        jsonl, annotations = Jsonl(folder / "r.jsonl"), Annotations(folder, "r", 360)
        kept: list[list[int]] = []
        here: list[int] = []
        waiting: list[int] = []
        for i, what in enumerate(["kept", *happens, "kept"]):
            if what != "full":
                disk.room = 1 << 20
            if what == "removed":
                shutil.rmtree(folder)
                here = waiting
            elif what != "kept" and what != "full":
                (folder / "r.jsonl").rename(aside / f"{i}.jsonl")
                annotations.path.rename(aside / f"{i}.edge")
                kept.append(here[: len(here) - len(waiting)])
                here = waiting
                if what == "replaced":
                    (folder / "r.jsonl").write_text("{}\n")
            elif what == "full":
                disk.room = 30
            event = beat(500 + gap * i)
            here = [*here, event.sample]
            waiting = [*waiting, event.sample] if what == "full" else []
            for sink in (jsonl, annotations):
                sink.write(event)
                if what in ("removed", "full"):
                    with pytest.raises(OSError, match="removed" if what == "removed" else "space"):
                        sink.flush()
                else:
                    sink.flush()
        jsonl.close()
        annotations.close()
    lines = [json.loads(line) for line in (folder / "r.jsonl").read_text().splitlines()]
    assert [line["sample"] for line in lines if line] == here
    assert wfdb.rdann(str(annotations.path.with_suffix("")), "edge").sample.tolist() == here
    for part, file in zip(kept, sorted(aside.glob("*.jsonl")), strict=True):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert [line["sample"] for line in lines if line] == part
        assert wfdb.rdann(str(file.with_suffix("")), "edge").sample.tolist() == part


def test_a_new_file_tells_the_session_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    sink = Jsonl(path)
    session = Session(0, 0.0, "2026-11-29T14:03:10.500Z", "+00:00", "1", "p", 360.0, ("I",), "s")
    for event in (session, beat(10)):
        sink.write(event)
        sink.flush()
    path.rename(tmp_path / "old")
    for event in (beat(20), beat(30)):
        sink.write(event)
        sink.flush()
    sink.close()
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(e["type"], e["sample"]) for e in told] == [("session", 0), ("beat", 20), ("beat", 30)]


def test_annotations_of_before_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "r.edge").write_bytes(b"of before")
    assert Annotations(tmp_path, "r", 360).path.name == "r-2.edge"
    assert Annotations(tmp_path, "r", 360).path.name == "r-3.edge"
    assert (tmp_path / "r.edge").read_bytes() == b"of before"
    sink = Annotations(tmp_path, "r", 360, overwrite=True)
    sink.flush()
    assert sink.path.name == "r.edge"
    assert wfdb.rdann(str(tmp_path / "r"), "edge").sample.tolist() == []


def test_an_unwritable_place_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    for place in (tmp_path, tmp_path / "file" / "events.jsonl", tmp_path / "fifo"):
        with pytest.raises(OutputError, match="cannot write"):
            Jsonl(place)
    with pytest.raises(OutputError, match="cannot write"):
        Annotations(tmp_path / "file", "100", 360)


@given(st.floats(0, 1e7))
def test_clock_is_the_time(t: float) -> None:
    parts = [float(part) for part in clock(t).split(":")]
    assert all(part < 60 for part in parts[1:])
    assert sum(p * 60**i for i, p in enumerate(reversed(parts))) == pytest.approx(t, abs=0.051)


def test_summary_names_what_was_found() -> None:
    text = summary(Stats(3600, 10.0, {"N": 9, "V": 1}, 61.2, 5, {"good": 20}))
    assert "10 beats in 0:10.0, mean rate 61/min" in text
    assert re.search(r"V +1  ventricular", text)
    assert "supraventricular" not in text
    assert "5 samples were lost" in text
    assert "20 good" in text


def test_summary_tells_the_extremes() -> None:
    stats = Stats(3600, 10.0, {"N": 9}, 61.2, 0, {})
    assert len(summary(stats).splitlines()) == 2
    found = replace(
        stats, longest_rr_ms=2345.6, least_rate_bpm=40.4, greatest_rate_bpm=123.0, unusable_s=75.0
    )
    text = summary(found)
    assert "longest RR interval 2346 ms\n" in text
    found = replace(found, longest_rr_t=7.5)
    assert "longest RR interval 2346 ms, until 0:07.5\n" in summary(found)
    start = datetime(2026, 11, 29, 12, 0, 52, tzinfo=UTC).timestamp()
    assert re.search(r"until 0:07\.5 \(\d\d:\d\d:59\)\n", summary(found, start))
    assert "rate from 40 to 123/min" in text
    assert "no lead could be judged for 1:15.0" in text


def test_summary_lists_alarms() -> None:
    alarms = {"asystole": AlarmTotal(1, 75.0), "couplet": AlarmTotal(12, 0.42)}
    alarms["pause"] = AlarmTotal(1, 0.0)  # asystole took its place
    text = summary(Stats(3600, 10.0, {"N": 9}, 61.2, 0, {}, alarms=alarms))
    assert re.search(r"asystole +once +1:15\.0", text)
    assert re.search(r"couplet +12 times +0:00\.4", text)
    assert re.search(r"pause +once$", text, re.MULTILINE)
    assert "alarms" not in summary(Stats(3600, 10.0, {"N": 9}, 61.2, 0, {}))


def test_lines_say_final_beats_and_notices() -> None:
    out = io.StringIO()
    sink = Lines(out)
    sink.write(beat(360, "V", final=False))
    sink.write(beat(360, "V"))
    sink.write(Rhythm(360, 1.0, "regular", 60.0))
    sink.write(Alarm(720, 2.0, "ventricular_run", True, 1.0, "3 in a row", "medium", 100.0))
    sink.write(Alarm(720, 2.0, "asystole", True, 1.0, "no beat for 4 s", "high", 4.0))
    sink.write(Quality(720, 2.0, "II", False, "lead_off"))
    sink.write(Link(720, 2.0, "down", "unplugged"))
    sink.flush()
    sink.close()
    assert [" ".join(line.split()) for line in out.getvalue().splitlines()] == [
        "0:01.0 V RR 800 ms 90%",
        "0:02.0 ventricular run: 3 in a row",
        "0:02.0 asystole: no beat for 4 s (high)",
        "0:02.0 II: lead off",
        "0:02.0 link down: unplugged",
    ]


def block(start: int, n: int = 360) -> SampleBlock:
    return SampleBlock(
        start, np.zeros((n, 2), np.float32), 360.0, ("I", "V1"), (LeadState.ON,) * 2, (False,) * 2
    )


def plain(frame: str) -> list[str]:
    """What a terminal shows of the last frame."""
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", frame).splitlines()


@pytest.mark.parametrize("columns", [20, 80, 200])
def test_screen_shows_beats_where_they_fall(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = io.StringIO()
    screen = Screen(out, "demo")
    screen.show(block(0, 3600))
    screen.write(beat(3240, "N", id=1))
    screen.write(beat(3420, "V", final=False, id=2))
    screen.write(beat(3420, "S", id=2))
    screen.write(Alarm(3500, 9.7, "pause", True, 7.7, "no beat for 2 s", "medium", 2.0))
    screen.write(Quality(3600, 10.0, "V1", False, "noise"))
    screen.write(Rhythm(3600, 10.0, "regular", 72.4))
    out.seek(0)
    out.truncate()
    screen.close()
    lines = plain(out.getvalue())
    assert max(len(line) for line in lines) <= columns - 1
    strip = lines[4]
    # A second before the right edge, and half a second: eight columns a second.
    assert strip.rstrip()[-1] == "S"
    assert strip[-9:] == "N   S    "
    assert lines[5][-11:-8] == "800"
    if columns >= 80:
        assert "72/min  regular" in lines[2]
        assert "I ok" in lines[2]
        assert "V1 noise" in lines[2]
    # The cursor and the terminal's own screen are back.
    assert out.getvalue().startswith("\x1b[?25h\x1b[?1049l")


def test_screen_keeps_what_is_grave_and_shows_the_worst_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out = io.StringIO()
    screen = Screen(out, "demo")
    for active, t in ((True, 9.0), (False, 12.0)):
        for name, text, priority in (
            ("couplet", "2 in a row", "low"),
            ("asystole", "no beat for 4 s", "high"),
        ):
            screen.write(Alarm(0, t, name, active, t, text, priority, None))  # type: ignore[arg-type]
        out.seek(0)
        out.truncate()
        screen.close()
        (line,) = [x for x in plain(out.getvalue()) if "ASYSTOLE" in x]
        shown = (
            "ASYSTOLE: no beat for 4 s COUPLET: 2 in a row" if active else "ASYSTOLE: until 0:12.0"
        )
        assert " ".join(line.split()) == shown


def test_an_acknowledged_alarm_is_quiet_until_it_comes_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen, out = small(120, 24, monkeypatch)
    monkeypatch.delenv("NO_COLOR", raising=False)
    loud = f"\x1b[{_ALARMS['high']}m ASYSTOLE"

    def tell(active: bool, t: float) -> None:
        screen.write(Alarm(0, t, "asystole", active, t, "no beat", "high", 4.0))

    def shown() -> str:
        out.truncate(out.seek(0))
        screen.close()
        return out.getvalue()

    tell(True, 1.0)
    assert loud in shown()
    screen.press("a")
    assert loud not in shown()
    assert "ASYSTOLE: no beat" in shown()
    tell(False, 2.0)
    assert "ASYSTOLE" not in shown()  # who acknowledged it has seen it
    tell(True, 3.0)
    assert loud in shown()
    tell(False, 4.0)
    assert "ASYSTOLE: until" in shown()
    screen.press("A")
    assert "ASYSTOLE" not in shown()


def test_the_frozen_strip_stands_still_and_the_rate_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen, out = small(80, 24, monkeypatch)
    screen.write(beat(300, "V"))
    screen.write(Rhythm(0, 1.0, "regular", 60.0))
    strips = []
    for key, start, rate in ((" ", 360, 61.0), ("", 720, 62.0), (" ", 1080, 63.0)):
        screen.press(key)
        screen.show(block(start))
        screen.write(Rhythm(start, start / 360, "regular", rate))
        out.truncate(out.seek(0))
        screen.close()
        lines = plain(out.getvalue())
        strips.append(lines[4].rindex("V"))
        assert f"{rate:.0f}/min" in lines[2]
        assert ("FROZEN AT" in out.getvalue()) == (start < 1080)
    assert strips[0] == strips[1]
    assert strips[2] == strips[0] - 3 * 8


def test_the_log_uses_the_height(monkeypatch: pytest.MonkeyPatch) -> None:
    for rows, least in ((24, 4), (60, 25), (200, 150)):
        screen, out = small(80, rows, monkeypatch)
        for i in range(400):
            screen.write(Gap(i, float(i), 1, 0.003))
        out.truncate(out.seek(0))
        screen.close()
        lines = plain(out.getvalue())
        assert sum("1 sample lost" in line for line in lines) >= least
        assert "6:39.0  1 sample lost" in lines[-1]
        assert len(lines) == rows - 1


def test_screen_says_that_a_rate_is_wrong_until_the_line_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    screen = Screen(out, "demo")
    for link, wrong in (
        (Link(0, 0.0, "up", "olimex"), False),
        (Link(0, 10.0, "up", "it comes at 125", 125.0), True),
        (Link(0, 15.0, "up", "nothing was read"), True),
        (Link(0, 16.0, "silent", "no bytes"), True),
        (Link(0, 20.0, "down", "gone"), False),
        (Link(0, 30.0, "up", "olimex"), False),
    ):
        screen.write(Rhythm(0, link.t, "tachycardia", 144.2))
        screen.write(link)
        out.seek(0)
        out.truncate()
        screen.close()
        assert (" 144/min  wrong: give --fs 125  tachycardia" in out.getvalue()) == wrong


def test_screen_redraws_in_place_and_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    out = io.StringIO()
    screen = Screen(out, "demo")
    for i in range(50):
        screen.show(block(i * 36, 36))
        now += 0.02
    frames = out.getvalue().split("\x1b[H")[1:]
    assert 5 <= len(frames) <= 11
    assert {frame.count("\n") for frame in frames} == {23}
    assert "waiting for signal" in frames[0]
    assert "waiting for signal" not in frames[-1]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    columns=st.integers(1, 500),
    rows=st.integers(1, 200),
    styled=st.booleans(),
    dots=st.booleans(),
    keys=st.one_of(st.none(), st.text("l \t+-=_aAQ?\x00", max_size=8)),
)
@example(columns=1, rows=1, styled=True, dots=True, keys=" l")
@example(columns=500, rows=200, styled=False, dots=False, keys=None)
@example(columns=20, rows=5, styled=True, dots=True, keys=" ")
def test_screen_fits_any_terminal(
    columns: int, rows: int, styled: bool, dots: bool, keys: str | None
) -> None:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        patch.setenv("LINES", str(rows))
        patch.setenv("NO_COLOR", "" if styled else "1")
        screen = Screen(out, "/dev/serial/by-id/usb-a-long-name" * 3, dots=dots)
        screen.keys = keys is not None
        screen.write(Session(0, 0.0, "2026-11-29T00:24:44.120Z", "+01:00", "1", "p", 360.0, (), ""))
        screen.show(block(0, 36000))
        for i in range(300):
            screen.write(beat(72 * i, "NSVFQU"[i % 6], id=i))  # type: ignore[arg-type]
        screen.write(Alarm(3500, 9.7, "asystole", True, 7.7, "no beat for 2 s" * 9, "high", 2.0))
        screen.write(Output(3600, 10.0, "a file", "failed", 3, "no room " * 30))
        for key in keys or "":
            screen.press(key)
        screen.close()
    frames = re.split(r"\x1b\[H|\x1b\[\?1049l", out.getvalue())[1:]
    assert frames
    for frame in frames:
        assert frame.count("\n") <= rows - 1
        assert all(len(line) <= columns - 1 for line in plain(frame))
    assert bool(re.search(r"\x1b\[[\d;]*m", out.getvalue())) == (styled and min(columns, rows) > 1)


def test_screen_tells_the_time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("time.strftime", lambda text: "14:03:37")
    out = io.StringIO()
    screen = Screen(out, "demo")
    start = "2026-11-29T14:03:10.500Z"
    screen.write(Session(0, 0.0, start, "+00:00", "1", "demo", 360.0, ("I",), "student 3"))
    screen.close()
    head = plain(out.getvalue().split("\x1b[?1049l")[-1])[0]
    assert f"since {local(start)[:-6]}" in head
    assert head.endswith("14:03:37  0:00.0")


def test_screen_marks_what_it_showed_before_the_line_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    screen = Screen(out, "demo")
    screen.show(block(0))
    for event, shown in (
        (Rhythm(0, 1.0, "regular", 75.0), "  75/min  regular         I V1 ok"),
        (Link(0, 2.0, "silent", "no bytes"), "last  75/min  regular         I V1 link silent"),
        (Link(0, 3.0, "down", "gone"), "last  75/min  regular         I V1 link down"),
        (Rhythm(0, 3.1, "unknown", 75.0), "last  75/min  unknown         I V1 link down"),
        (Link(0, 4.0, "up", "back"), "last  75/min  unknown         I V1 ok"),
        (beat(1800), "  75/min  unknown         I V1 ok"),
        (Rhythm(0, 5.0, "asystole", 75.0), "  --/min  asystole        I V1 ok"),
    ):
        screen.write(event)
        out.truncate(out.seek(0))
        screen.close()
        assert plain(out.getvalue())[2] == shown


def test_screen_tells_times_by_the_clock_as_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    out = io.StringIO()
    screen = Screen(out, "demo")
    start = "1970-01-01T00:00:00.000Z"
    screen.write(Session(0, 0.0, start, "+00:00", "1", "demo", 360.0, ("I",), "student 3"))
    screen.write(Clock(360, 1.0, "set", 3600.5 + 86400, "1970-01-02T01:00:01.5Z", "set forward"))
    screen.write(Quality(720, 2.0, "I", False, "noise"))
    screen.close()
    zone = datetime.fromisoformat(start).astimezone().utcoffset() or timedelta()
    there = datetime(1970, 1, 2, 1, 0, 2) + zone
    assert f"{there:%H:%M:%S}    0:02.0  I: noise" in "\n".join(plain(out.getvalue()))


class Slow(io.StringIO):
    """A terminal that takes one frame, and then nothing for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = threading.Event()

    def flush(self) -> None:
        self.ready.wait(10)


@pytest.mark.parametrize("ready", [True, False])
def test_view_shows_the_last_change_in_the_end(ready: bool) -> None:
    """One that comes right after another, and one that comes while the terminal is busy."""
    out = Slow()
    if ready:
        out.ready.set()
    view = View(out, "demo")
    time.sleep(0.15)  # a frame may be drawn again
    view.show(block(0))
    view.write(Link(0, 1.0, "down", "unplugged"))
    out.ready.set()
    end = time.monotonic() + 10
    while "link down: unplugged" not in out.getvalue():
        assert time.monotonic() < end
        time.sleep(0.01)


def small(columns: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Screen, io.StringIO]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(rows))
    out = io.StringIO()
    screen = Screen(out, "demo")
    screen.show(block(0))
    return screen, out


@pytest.mark.parametrize("rows", range(2, 15))
def test_screen_keeps_alarms_on_a_small_terminal(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    screen, out = small(60, rows, monkeypatch)
    screen.write(beat(300))
    screen.write(Rhythm(0, 1.0, "asystole", None))
    screen.write(Alarm(0, 4.0, "asystole", True, 0.0, "no beat for 4 s", "high", 4.0))
    out.truncate(out.seek(0))
    screen.close()
    lines = plain(out.getvalue())
    assert len(lines) <= rows - 1
    assert any("ASYSTOLE: no beat" in line for line in lines)
    assert any("/min" in line for line in lines) == (rows > 2)
    assert any("I V1 ok" in line for line in lines) == (rows > 2)
    assert all(line.strip() for line in lines) or rows > 7


@pytest.mark.parametrize("reason", ["lead_off", "saturated"])
def test_screen_tells_of_the_leads_where_it_is_narrow(
    monkeypatch: pytest.MonkeyPatch, reason: Reason
) -> None:
    screen, out = small(40, 24, monkeypatch)
    screen.write(Rhythm(0, 1.0, "supraventricular_tachycardia", 190.0))
    screen.write(Quality(0, 1.0, "V1", False, reason))
    out.truncate(out.seek(0))
    screen.close()
    lines = plain(out.getvalue())
    assert any(f"{reason.replace('_', ' ')} V1" in line and "ok I" in line for line in lines)


def test_screen_tells_only_the_last_start(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, out = small(100, 24, monkeypatch)
    for start in ("2026-11-29T14:03:10.500Z", "2026-11-29T15:04:11.500Z"):
        screen.write(Session(0, 0.0, start, "+00:00", "1", "demo", 360.0, ("I",), "student 3"))
    out.truncate(out.seek(0))
    screen.close()
    head = plain(out.getvalue())[0]
    assert head.count("since") == 1
    assert f"since {local(start)[:-6]}" in head


def test_screen_is_not_wider_than_screens_are(monkeypatch: pytest.MonkeyPatch) -> None:
    _, out = small(99_999_999, 99_999_999, monkeypatch)
    assert len(out.getvalue()) < 50_000
