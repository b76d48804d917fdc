"""Each benchmark on a made-up record, and the command line around them."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge
from benchmarks.beats.int8 import int8
from benchmarks.beats.protocol import Protocol, compare_all
from benchmarks.cli import main
from benchmarks.play import collect, on_all_cores, play
from benchmarks.system.latency import timed
from benchmarks.system.live import usage
from edge import replay
from edge.bundle import DEFAULT_BUNDLE, figures
from edge.events import Beat, Label
from edge.monitor import Monitor
from edge.stream import BeatStream
from train.data.mitdb import read_annotations


def beat(number: int, label: Label, final: bool, delay_ms: float) -> Beat:
    return Beat(
        number * 300, number * 300 / 360, number, label, final, 1.0, None, 1.0, delay_ms, False
    )


def test_collect_puts_both_labels_of_a_beat_together() -> None:
    events = [
        beat(0, "N", False, 180.0),
        beat(1, "N", False, 190.0),
        beat(0, "S", True, 800.0),
        beat(1, "U", True, 900.0),
    ]
    played = collect("r", 360.0, events)
    assert played.sample.tolist() == [0, 300]
    assert played.final.tolist() == ["S", "U"]
    assert played.provisional.tolist() == ["N", "N"]
    assert played.provisional_delay_ms.tolist() == [180.0, 190.0]
    assert played.final_delay_ms.tolist() == [800.0, 900.0]


def test_score_counts_every_beat(
    made_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "score.json"
    arguments = ["--data", str(made_data), "--set", "100", "--model", DEFAULT_BUNDLE]
    assert main(["score", *arguments, "--lead", "MLII", "--lead", "1", "--json", str(out)]) == 0
    text = capsys.readouterr().out
    data: Any = json.loads(out.read_text())
    reference = read_annotations(made_data / "mitdb" / "100")
    gross = data["from"]["0"]["gross"]
    assert gross["rates"]["QRS"]["tp"] + gross["rates"]["QRS"]["fn"] == len(reference.sample)
    assert gross["rates"]["QRS"]["se"] > 0.95
    assert gross["rates"]["QRS"]["ppv"] > 0.95
    assert sum(gross["confusion"]["V"].values()) == np.count_nonzero(reference.symbol == "V")
    assert set(data["from"]) == {"0", "300"}
    assert data["from"]["300"]["gross"]["rates"]["QRS"]["tp"] == 0  # it lasts a minute
    assert data["protocol"]["leads"] == ["MLII", "1"]
    assert data["protocol"]["window_ms"] == 150
    assert data["labels"]["beats"] == gross["rates"]["QRS"]["tp"] + gross["rates"]["QRS"]["fp"]
    for words in ("1 records of mitdb, lead MLII, 1", "150 ms", "class map papers", "on litert"):
        assert words in text


def test_a_score_is_kept_with_the_bundle_of_a_folder(made_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(Path(edge.__file__).parent / "bundles" / DEFAULT_BUNDLE, folder)
    arguments = ["score", "--data", str(made_data), "--set", "100", "--keep", "made"]
    assert main([*arguments, "--model", str(folder)]) == 0
    kept = figures(folder)["made"]
    assert kept["protocol"]["records"] == ["100"]
    assert kept["from 0 s"]["rates"]["QRS"]["tp"] > 60
    gross = [list(row.values()) for row in kept["from 0 s"]["confusion"].values()]
    assert kept["records"]["100"]["confusion"] == gross
    assert kept["other map"]["class_map"] == "bxb"
    assert kept["other map"]["from 0 s"]["rates"] == kept["from 0 s"]["rates"]  # no e, j or n
    assert main([*arguments, "--model", DEFAULT_BUNDLE]) == 8


def test_int8_plays_the_same_peaks_on_every_engine(made_data: Path) -> None:
    protocol = Protocol(made_data / "mitdb", ["100"], ["MLII"], "papers")
    report = int8(protocol, model=DEFAULT_BUNDLE)
    engines = report.data["engines"]
    assert len({e["rates"]["QRS"]["tp"] for e in engines.values()}) == 1
    assert report.data["agreement"]["litert, onnx"] > 0.99
    assert 0 <= report.data["agreement"]["float, litert"] <= 1


def test_records_keep_their_order_on_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.play.os.cpu_count", lambda: 2)
    assert on_all_cores(str, range(8)) == [str(i) for i in range(8)]


def test_engine_float_is_another_model_on_the_same_beats(made_data: Path) -> None:
    path = made_data / "mitdb" / "100"
    exact, quantised = (play(path, ["0"], DEFAULT_BUNDLE, e) for e in ("float", "litert"))
    assert exact.sample.tolist() == quantised.sample.tolist()
    assert exact.final_delay_ms.tolist() == quantised.final_delay_ms.tolist()


@pytest.mark.data_required("mitdb")
def test_the_reference_against_itself_is_perfect(mitdb: Path) -> None:
    reference = read_annotations(mitdb / "207")
    label = {"L": "N", "R": "N", "A": "S", "V": "V", "E": "V"}
    events = [
        Beat(s, s / 360, i, label[c], final, 1.0, None, 1.0, 0.0, False)  # type: ignore[arg-type]
        for i, (s, c) in enumerate(
            zip(reference.sample.tolist(), reference.symbol.tolist(), strict=True)
        )
        for final in (False, True)
    ]
    played = collect("207", 360.0, events)
    counts = compare_all([played], Protocol(mitdb, ["207"], None, "papers"), 0)["207"]
    assert counts.qrs == (len(reference.sample), 0, 0)
    assert counts.jitter_ms == 0
    assert all(counts.of(name).f1 == 1 for name in "NSV")


def test_stages_do_not_change_the_play_and_are_taken_off(made_data: Path) -> None:
    path = made_data / "mitdb" / "100"
    plain = play(path, None, DEFAULT_BUNDLE, "litert")
    before = Monitor.push, BeatStream.push, replay.read
    with timed() as seconds:
        watched = play(path, None, DEFAULT_BUNDLE, "litert")
    assert (Monitor.push, BeatStream.push, replay.read) == before
    assert watched.final.tolist() == plain.final.tolist()
    assert min(seconds.values()) > 0


@pytest.mark.slow
def test_latency_and_live_run_edge_run(
    made_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc: run on Linux")
    out = tmp_path / "figures.json"
    arguments = ["--data", str(made_data), "--model", DEFAULT_BUNDLE, "--json", str(out)]
    assert main(["latency", *arguments, "--repeats", "1"]) == 0
    latency: Any = json.loads(out.read_text())
    assert set(latency["stages_s"]) > {"read", "detect", "inference"}
    assert latency["edge_run_s"] > 0
    assert latency["beats"] > 60
    us = latency["us"]
    assert us["both"]["beat"] > us["inference"]["beat"] > 0
    assert us["both"]["observation"] == pytest.approx(us["both"]["beat"] / 4)
    assert main(["live", *arguments, "--duration", "6"]) == 0
    live: Any = json.loads(out.read_text())
    assert 0 < live["resident_mb"] <= live["peak_mb"]
    assert 0 < live["first_r_s"] < live["first_event_s"]
    assert "resident memory, MB" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("browser")
def test_web_looks_at_the_page(
    made_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    arguments = ["--duration", "12", "--still", "2", "--recorder", "--terminal", "--json", str(out)]
    assert main(["web", *arguments]) == 0
    found: Any = json.loads(out.read_text())
    assert found["marks"] > 5
    assert found["recorder"]
    assert found["terminal"]
    assert found["lost_samples"] == found["missing_events"] == 0
    assert 0 < found["mark_p50_ms"] <= found["mark_p95_ms"] <= found["mark_max_ms"]
    assert found["page_kb"] < 300
    assert "frames a second" in capsys.readouterr().out
    picture = tmp_path / "out" / "page.png"
    arguments = ["--data", str(made_data), "--duration", "5", "--picture", str(picture)]
    assert main(["web", *arguments]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_web_without_a_browser_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["web"]) == 1
    assert "needs a browser: install Debian's package chromium" in capsys.readouterr().err


def test_usage_of_this_process_and_of_none() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc: run on Linux")
    now = usage(os.getpid())
    assert now
    assert 0 < now.resident_mb <= now.peak_mb
    assert now.cpu_s > 0
    assert usage(2**22 + 1) is None  # above the kernel's highest process number


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["score", "--data", ".", "--set", "100,999"], 2, "mitdb has no record 999"),
        (["score", "--data", ".", "--set", "ds1", "--start", "60"], 2, "invalid choice"),
        ([], 2, "COMMAND"),
        (["decode", "--repeats", "0"], 2, "0 is not 1 or more"),
        (["decode", "--duration", "nan"], 2, "nan is not between"),
        (["overflow", "--stand", "-1"], 2, "-1 is not between"),
        (["web", "--still", "17"], 2, "17 is not between"),
        (["qrs", "--set", "ds1", "--snr", "inf"], 2, "inf is not between"),
        (["qrs", "--data", "/nowhere", "--set", "ds1"], 5, "edge-train fetch mitdb"),
        (["qrs", "--set", "ds1"], 5, "data/mitdb"),
        (["layouts", "--data", "/nowhere"], 5, "get the data set mitdb"),
        (["live", "--data", "/nowhere", "--record", "100"], 5, "no record 100"),
        (["score", "--data", "/nowhere", "--set", "ds1", "--model", "/nowhere"], 6, "bundle"),
    ],
)
def test_faults_have_a_sentence_and_a_code(
    arguments: list[str],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("ECG_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    try:
        returned = main(arguments)
    except SystemExit as usage_error:
        returned = int(usage_error.code or 0)
    assert returned == code
    assert words in capsys.readouterr().err


def test_unwritable_json_is_an_output_error(
    made_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["qrs", "--data", str(made_data), "--set", "100", "--json", str(made_data)]
    assert main(arguments) == 8
    assert "cannot write" in capsys.readouterr().err
