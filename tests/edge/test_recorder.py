"""The recorder: every file against wfdb, against what came, and played again."""

import random
import shutil
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import demo, marks
from edge.cli import run
from edge.errors import OutputError, RecordError
from edge.events import Alarm, Clock, Event, Label, Quality, Rhythm
from edge.replay import Opened, blocks, read
from edge.sampled import as_board
from edge.sinks.recorder import Recorder
from firmware_bridge.block import LeadState, SampleBlock, Step
from firmware_bridge.decoders import PROTOCOLS, decoder
from tests.edge.recordings import (
    FS,
    START,
    STEP,
    beat,
    block,
    digital,
    notes,
    recorded,
    records,
    session,
)


def in_range(bits: int) -> Any:
    most = (1 << bits - 1) - 1
    return st.integers(-most, most)


@given(
    bits=st.sampled_from([10, 16, 24, 32]),
    data=st.data(),
    fs=st.one_of(st.just(250.0), st.floats(50, 2000)),
    nv=st.floats(1e-3, 1e6),
)
@settings(max_examples=40, deadline=None)
def test_every_number_is_in_the_file_and_a_lost_one_is_invalid(
    tmp_path_factory: pytest.TempPathFactory, bits: int, data: st.DataObject, fs: float, nv: float
) -> None:
    folder = tmp_path_factory.mktemp("rec")
    step, at, wanted, items = Step(nv, bits), 0, list[int | None](), list[SampleBlock | Event]()
    for _ in range(data.draw(st.integers(1, 5))):
        lost = data.draw(st.integers(0, 9)) * bool(at)
        counts = data.draw(st.lists(in_range(bits), min_size=1, max_size=50))
        items.append(block(at + lost, counts, fs=fs, step=step))
        wanted += [None] * lost + counts
        at += lost + len(counts)
    recorder = Recorder(folder)
    recorder.write(session(fs=fs))
    for item in items:
        assert isinstance(item, SampleBlock)
        recorder.samples(item)
    recorder.close()
    (record,) = records(folder)
    found = wfdb.rdrecord(record, physical=False)
    width = int(found.fmt[0])
    invalid = -(1 << width - 1)
    assert digital(record)[:, 0].tolist() == [invalid if x is None else x for x in wanted]
    assert found.fs == pytest.approx(fs, rel=1e-11)
    assert found.adc_gain[0] * nv == pytest.approx(1e6)
    start = datetime.fromisoformat(START)
    assert found.base_datetime == start.replace(tzinfo=None)
    gaps = [gap[0] for _, _, text in notes(record) if (gap := marks.read_gap(text))]
    assert sum(gaps) == wanted.count(None)


def test_labels_rhythms_alarms_and_noise_are_annotations(tmp_path: Path) -> None:
    alarm = Alarm(600, 2.4, "pause", True, 1.2, "no beat for 2 s", "medium", 2.0)
    labels: tuple[Label, ...] = ("N", "S", "V", "F", "Q", "U")
    beats = [beat(100 + 50 * i, label, i) for i, label in enumerate(labels)]
    recorded(
        tmp_path,
        [
            block(0, range(1000), LeadState.ON),
            *beats,
            replace(beats[0], final=False),
            Rhythm(400, 1.6, "atrial_fibrillation", 80.0),
            Rhythm(500, 2.0, "atrial_fibrillation", 85.0),
            alarm,
            Quality(700, 2.8, "II", False, "noise"),
            replace(alarm, active=False, sample=800, t=3.2, since=3.0),
            block(1000, range(100), LeadState.OFF),
        ],
    )
    (record,) = records(tmp_path)
    assert notes(record) == [
        (1, '"', "lead 0 on II"),
        (100, "N", ""),
        (150, "S", ""),
        (200, "V", ""),
        (250, "F", ""),
        (300, "Q", ""),
        (350, "Q", "unknown"),
        (400, "+", "(AFIB"),
        (600, '"', "alarm on pause medium 1.200 s ago: no beat for 2 s"),
        (700, "~", "noise 0 II"),
        (800, '"', "alarm off pause medium 0.200 s ago: no beat for 2 s"),
        (1000, '"', "lead 0 off II"),
    ]


def test_a_label_that_comes_late_stands_where_it_belongs(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.write(session())
    for second in range(30):
        recorder.samples(block(250 * second, range(250)))
        recorder.write(Quality(250 * second + 249, second + 1.0, "II", True, "ok"))
        recorder.write(beat(250 * second + 10, id=second))
        recorder._urgent = True
        recorder.flush()
        (record,) = records(tmp_path)  # at any moment
        assert wfdb.rdrecord(record).sig_len == 250 * (second + 1)
        assert [x for x, symbol, _ in notes(record) if symbol == "N"] == list(
            range(10, 250 * second + 11, 250)
        )
    recorder.close()


def test_a_new_file_begins_at_each_full_hour(tmp_path: Path) -> None:
    fs, size, n = 60.0, 240, 3 * 216_000
    events = (
        Rhythm(50, 5.0, "bigeminy", 80.0),
        Alarm(60, 6.0, "bigeminy", True, 5.0, "bigeminy", "low", None),
        Quality(70, 7.0, "II", False, "noise"),
    )
    recorder = Recorder(tmp_path)
    recorder.write(session("2026-11-29T00:30:00.030Z", fs))
    for at in range(0, n, size):
        recorder.samples(block(at, range(at, at + size), LeadState.ON, fs))
        for event in events if at == 480 else ():
            recorder.write(event)
        if at == 108_240:  # of a beat of the hour before
            recorder.write(beat(107_990))
    recorder.close()
    found = records(tmp_path)
    assert [Path(record).name for record in found] == [
        "20261129T003000Z", "20261129T010000Z", "20261129T020000Z", "20261129T030000Z",
    ]  # fmt: skip
    assert np.concatenate([digital(r)[:, 0] for r in found]).tolist() == list(range(n))
    for record in found[1:]:
        start = wfdb.rdheader(record).base_datetime
        assert (start.minute, start.second, start.microsecond // 17_000) == (0, 0, 0)
        assert [text for sample, _, text in notes(record) if sample < 2] == [
            "(B", "noise 0 II", "lead 0 on II", "alarm still bigeminy low: bigeminy",
        ]  # fmt: skip
    assert (107_990, "N", "") in notes(found[0])
    nv = read(tmp_path).nv[:, 0]
    assert np.abs(nv - np.arange(n) * STEP.nv).max() <= 0.501


@pytest.mark.parametrize(("lost", "files"), [(60 * 250, 1), (60 * 250 + 1, 2), (10**6, 2)])
def test_a_long_gap_begins_a_file_and_is_a_gap_again(tmp_path: Path, lost: int, files: int) -> None:
    recorded(tmp_path, [block(0, range(500)), block(500 + lost, range(500))])
    assert len(records(tmp_path)) == files
    last = wfdb.rdheader(records(tmp_path)[-1])
    if files == 2:
        assert last.base_datetime == datetime.fromisoformat(START).replace(tzinfo=None) + timedelta(
            seconds=(500 + lost) / FS
        )
    played = list(blocks(Opened(tmp_path)))
    assert sum(b.lost for b in played) == lost
    assert sum(map(len, played)) == 1000
    assert played[-1].start + len(played[-1]) == 1000 + lost
    assert {state for b in played for state in b.lead_state} == {LeadState.UNKNOWN}


def test_two_runs_are_played_as_far_apart_as_they_were(tmp_path: Path) -> None:
    recorded(tmp_path, [block(0, range(500))], "2026-11-29T10:00:00.000Z")
    recorded(tmp_path, [block(0, range(500))], "2026-11-29T10:30:02.000Z")
    played = list(blocks(Opened(tmp_path)))
    assert sum(b.lost for b in played) == 1800 * 250
    recorded(tmp_path, [block(0, range(500))], "2026-11-29T10:30:03.000Z")  # its clock was set
    opened = Opened(tmp_path)
    assert sum(b.lost for b in blocks(opened)) == 1801 * 250
    assert "before 20261129T103002Z ends" in opened.told[0]
    recorded(tmp_path, [block(0, range(500))], "2027-11-29T10:30:03.000Z")
    assert "more than 30 days after" in Opened(tmp_path).told[1]


def test_boards_that_differ_are_not_joined(tmp_path: Path) -> None:
    recorded(tmp_path, [block(0, range(500))])
    recorded(tmp_path, [block(0, range(500), fs=500.0)], "2026-11-29T10:30:02.000Z")
    with pytest.raises(RecordError, match="II at 250 Hz and of II at 500 Hz: give one of them"):
        Opened(tmp_path)


def test_a_clock_that_is_set_begins_a_file_with_the_right_start(tmp_path: Path) -> None:
    recorded(
        tmp_path,
        [
            block(0, range(500)),
            Clock(500, 2.0, "set", 3600.0, "2026-11-29T01:24:46.120Z", "it is set forward."),
            block(500, range(500)),
        ],
    )
    _, second = records(tmp_path)
    assert wfdb.rdheader(second).base_datetime == datetime(2026, 11, 29, 1, 24, 46, 120_000)
    assert notes(second)[0] == (1, '"', "clock: it is set forward.")
    assert len(read(tmp_path).nv) == 1000  # of one run: nothing lies between


def test_the_boards_clock_is_corrected_by_the_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, rate in (("fast", 1.01), ("slow", 0.99)):
        now = datetime.fromisoformat("2026-11-29T00:50:00.000Z").timestamp()
        recorder = Recorder(tmp_path / name, live=True)
        recorder.write(session("2026-11-29T00:50:00.000Z"))
        for at in range(0, 700 * 250, 250):
            now += 1 / rate
            late = random.Random(at).choice([0.0, 0.3, 4.0])
            monkeypatch.setattr(time, "time", lambda t=now + late: t)
            recorder.samples(block(at, range(250)))
        recorder.close()
        _, second = records(tmp_path / name)
        header = wfdb.rdheader(second)
        first_sample = int(header.comments[-1].split()[-1])
        true = datetime(2026, 11, 29, 0, 50) + timedelta(seconds=first_sample / 250 / rate)
        assert abs((header.base_datetime - true).total_seconds()) < 1.5
        assert abs(first_sample / 250 - first_sample / 250 / rate) > 5  # it would have been wrong


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    for ending in (".dat", ".hea", ".edge"):
        (tmp_path / f"20261129T002444Z{ending}").write_text("mine")
        recorded(tmp_path, [block(0, range(500))])
        assert (tmp_path / f"20261129T002444Z{ending}").read_text() == "mine"
        (tmp_path / f"20261129T002444Z{ending}").unlink()
    assert [path.name for path in sorted(tmp_path.glob("*.hea"))] == [
        "20261129T002444Z-2.hea", "20261129T002444Z-3.hea", "20261129T002444Z-4.hea",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        Recorder(tmp_path / "file" / "folder")


def test_samples_go_on_where_the_folder_is_removed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "ecg")
    recorder.write(session())
    recorder.samples(block(0, range(500)))
    recorder.flush()
    shutil.rmtree(tmp_path / "ecg")
    recorder._urgent = True
    with pytest.raises(OSError, match="removed"):
        recorder.flush()
    recorder.samples(block(500, range(500)))
    recorder.close()
    (record,) = records(tmp_path / "ecg")
    assert digital(record)[:, 0].tolist() == list(range(500))
    assert "sample 500" in wfdb.rdheader(record).comments[-1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_board_is_recorded_to_its_last_bit_and_played_again(
    tmp_path: Path, protocol: str
) -> None:
    row = PROTOCOLS[protocol]
    heart = demo.stream()[0]
    heart = as_board(replace(heart, nv=heart.nv[: 12 * 360]), row)
    encoder, reader = row.encoder(), decoder(protocol, heart.fs if row.fs == "estimated" else None)
    sent = [b for piece in blocks(heart) for b in reader.feed(encoder.encode(piece))]
    recorder = Recorder(tmp_path)
    recorder.write(session(fs=sent[0].fs, leads=sent[0].leads))
    for piece in sent:
        recorder.samples(piece)
    recorder.close()
    counts = np.concatenate([b.counts for b in sent if b.counts is not None])
    mv = np.concatenate([b.mv for b in sent])
    record = records(tmp_path)[-1]
    found = wfdb.rdrecord(record)
    assert np.array_equal(digital(record), counts[-found.sig_len :])
    assert np.abs(found.p_signal - mv[-found.sig_len :]).max() < 0.51e-6 + 1e-7 * np.abs(mv).max()
    again = list(blocks(Opened(tmp_path, list(range(len(heart.leads))))))
    assert again[0].fs == pytest.approx(sent[0].fs, abs=5e-4)
    assert again[0].leads == sent[0].leads
    assert np.array_equal(np.concatenate([b.mv for b in again]), mv)


def test_a_run_that_is_recorded_gives_the_same_events_again(tmp_path: Path) -> None:
    def events(*args: str) -> list[str]:
        file = tmp_path / "events.jsonl"
        run.main([*args, "--quiet", "--speed", "max", "--jsonl", str(file), "--overwrite"])
        kinds = ('"session"', '"link"', '"stats"')
        lines = file.read_text().splitlines()
        return [line for line in lines if not any(kind in line for kind in kinds)]

    live = events("--demo", "--record", str(tmp_path / "ecg"))
    found = records(tmp_path / "ecg")  # two, where a full hour lies in it
    labels = [s for record in found for _, s, _ in notes(record) if s in "NSVFQ"]
    assert len(labels) == sum('"final":true' in line for line in live) > 50
    assert events("--replay", str(tmp_path / "ecg")) == live
    assert events("--replay", str(tmp_path / "ecg"), "--via", "pty") == live
    if len(found) == 1:
        assert events("--replay", f"{found[0]}.dat") == live


@given(numbers=st.lists(st.integers(0, 1023), min_size=300, max_size=600), name=st.booleans())
@settings(max_examples=20, deadline=None)
def test_whole_numbers_of_text_are_kept_as_they_are(numbers: list[int], name: bool) -> None:
    reader = decoder("csv" if name else "ad8232", 200.0)
    lines = [f"ecg:{n}\n" if name else f"{n}\n" for n in numbers]
    found = [b for line in lines for b in reader.feed(line.encode())]
    counts = [int(c) for b in found if b.counts is not None for c in b.counts[:, 0]]
    if all(b.step[0].nv > 1 for b in found):  # some are taken for volts, or are no signal
        sent = numbers[len(numbers) - len(counts) :]
        assert len({n - c for n, c in zip(sent, counts, strict=True)}) <= 2  # its zero may settle


def test_decimals_of_text_are_kept_to_the_nanovolt() -> None:
    reader = decoder("csv", 200.0)
    mv = [round(0.001234 * (i % 100) - 0.05, 6) for i in range(600)]
    found = [b for x in mv for b in reader.feed(f"ecg:{x:.6f} mV\n".encode())]
    counts = [int(c) for b in found if b.counts is not None for c in b.counts[:, 0]]
    assert {b.step[0].nv for b in found} == {1.0}
    assert counts == [round(x * 1e6) for x in mv][-len(counts) :]


def test_a_part_of_a_block_is_one() -> None:
    whole = replace(block(100, range(50)), lost=3, device_time_s=1.0)
    first, rest = whole.part(0, 20), whole.part(20)
    assert (first.start, len(first), first.lost, first.device_time_s) == (100, 20, 3, 1.0)
    assert (rest.start, len(rest), rest.lost) == (120, 30, 0)
    assert rest.device_time_s == pytest.approx(1.0 + 20 / FS)
    assert rest.counts is not None
    assert rest.counts[0, 0] == 20
