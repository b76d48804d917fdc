"""`edge-bench qrs`: what is counted, for whom, on which recordings."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.cli import main
from benchmarks.qrs import peers
from benchmarks.qrs.compare import Tally, by_symbol, pooled, tally, total
from benchmarks.qrs.cost import ns_per_sample
from benchmarks.qrs.peers import PEERS, Peer
from benchmarks.sets import Case, Condition, data_set, read_case
from edge.errors import RecordError
from train.data.mitdb import ALL, DS2, read_annotations
from train.metrics.ec57 import compare

samples = st.lists(st.integers(0, 3000), unique=True, max_size=30).map(sorted)


def case(beats: list[int], spans: list[tuple[float, float]], vf: tuple[int, int]) -> Case:
    clear = [beat for beat in beats if not vf[0] <= beat <= vf[1]]
    mv = np.zeros((1, 1), np.float32)
    sample, symbol = np.array(clear, dtype=np.int64), np.full(len(clear), "N")
    return Case(mv, 360.0, sample, symbol, (vf,), {"all": spans})


@given(samples, samples, st.sampled_from([0.0, 5.0]), st.integers(0, 3000))
def test_a_tally_is_what_the_evaluation_counts(
    beats: list[int], found: list[int], start_s: float, fibrillates: int
) -> None:
    vf = (fibrillates, fibrillates + 500)
    made = case(beats, [(start_s * 360, np.inf)], vf)
    test = np.array(found, dtype=np.int64)
    counts = compare(
        made.beats, ["Q"] * len(made.beats), test, ["Q"] * len(test), 360, start_s=start_s, vf=[vf]
    )
    counted = tally(made, test)["all"]
    assert counted.rates == counts.qrs
    assert counted.jitter_ms == pytest.approx(counts.jitter_ms, nan_ok=True)


@given(samples, samples, st.floats(0, 3001), st.floats(0, 3001))
def test_tallies_of_stretches_add_up(
    beats: list[int], found: list[int], a: float, b: float
) -> None:
    test = np.array(found, dtype=np.int64)
    cuts = [0.0, min(a, b), max(a, b), np.inf]
    parts = list(pairwise(cuts))
    each = [tally(case(beats, [part], (9999, 9999)), test)["all"] for part in parts]
    whole = tally(case(beats, parts, (9999, 9999)), test)["all"]
    assert total(each).rates == whole.rates
    assert total(each).squared_ms == pytest.approx(whole.squared_ms)


@given(samples, samples, st.integers(0, 3000), st.data())
def test_symbols_add_up_to_the_tally(
    beats: list[int], found: list[int], start: int, data: st.DataObject
) -> None:
    made = case(beats, [(start, np.inf)], (9999, 9999))
    symbol = data.draw(st.lists(st.sampled_from("NVA"), min_size=len(beats), max_size=len(beats)))
    made = made._replace(symbol=np.array(symbol, dtype="U1"))
    test = np.array(found, dtype=np.int64)
    each, rates = by_symbol(made, test), tally(made, test)["all"].rates
    assert pooled(each.values()) == rates._replace(fp=0)
    assert set(each) == {s for b, s in zip(beats, symbol, strict=True) if b >= start}


@given(samples, samples, st.floats(8, 150), st.floats(0, 150))
def test_a_wider_window_finds_no_less(
    beats: list[int], found: list[int], ms: float, more: float
) -> None:
    made, test = case(beats, [(0, np.inf)], (9999, 9999)), np.array(found, dtype=np.int64)
    narrow = tally(made, test, ms / 1000)["all"].rates
    wide = tally(made, test, 0.150)["all"].rates
    assert narrow.tp <= wide.tp
    assert narrow.tp + narrow.fn == wide.tp + wide.fn


def knows(data: Path, move: int) -> Callable[[Any, NDArray[np.float64], float], Any]:
    return lambda module, mv, fs: read_annotations(data / "mitdb" / "100").sample + move


def nothing(module: Any, mv: NDArray[np.float64], fs: float) -> Any:
    raise ZeroDivisionError("no beats here")


def test_a_peer_is_shifted_and_may_fail(
    made_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, find, shift_ms in (
        ("late", knows(made_data, 72), 200.0),
        ("unshifted", knows(made_data, 18), 0.0),
        ("broken", nothing, 0.0),
    ):
        monkeypatch.setitem(PEERS, name, Peer("made", "math", find, shift_ms))
    out = tmp_path / "qrs.json"
    arguments = ["--data", str(made_data), "--set", "100", "--json", str(out)]
    assert main(["qrs", *arguments, "--peers", "late", "unshifted", "broken"]) == 0
    detectors = json.loads(out.read_text())["runs"][0]["detectors"]
    gross = {n: d["counted"]["all"]["parts"]["all"]["gross"] for n, d in detectors.items()}
    beats = len(read_annotations(made_data / "mitdb" / "100").sample)
    assert gross["late"] == {
        "tp": beats, "fn": 0, "fp": 0, "se": 1, "ppv": 1, "f1": 1, "jitter_ms": 0,
    }  # fmt: skip
    assert detectors["late"]["offset_ms"] == 0
    assert gross["unshifted"]["jitter_ms"] == detectors["unshifted"]["offset_ms"] == 50
    assert (gross["broken"]["fn"], gross["broken"]["f1"]) == (beats, 0)
    assert gross["edge"]["se"] > 0.95
    assert "broken, counted as finding nothing on 100: ZeroDivision" in capsys.readouterr().out


def test_every_peer_finds_the_beats_of_a_made_record(made_data: Path) -> None:
    peers.require_peers(list(PEERS))
    mitdb = data_set(made_data, ["100"])
    made = read_case(mitdb, "100", ["0"], 0, Condition())
    for name in PEERS:
        marks = peers.find(name, made.mv[:, 0], made.fs)
        assert marks.failure is None, name
        found = tally(made, peers.shifted(name, marks.sample, made.fs))["all"].rates
        assert found.f1 > 0.9, name


def test_a_missing_package_is_named(
    made_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PEERS, "absent", Peer("some-package", "no_such_module", nothing))
    arguments = ["qrs", "--data", str(made_data), "--set", "100", "--peers", "absent"]
    assert main(arguments) == 1
    assert "needs some-package: install it" in capsys.readouterr().err


def test_noise_needs_a_record_of_its_rate_and_length(made_data: Path) -> None:
    mitdb = data_set(made_data, ["100"])  # a minute
    with pytest.raises(RecordError, match="longer than five minutes"):
        read_case(mitdb, "100", ["0"], 0, Condition("ma", 6.0))


@pytest.mark.parametrize("name", ["cpsc2021", "ludb", "qtdb"])
def test_a_missing_data_set_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError, match=f"get the data set {name}"):
        data_set(tmp_path, name)


def test_the_parts_of_mitdb(made_data: Path) -> None:
    parts = data_set(made_data, ALL).parts()
    assert {name: len(records) for name, records in parts.items()} == {
        "all": 48, "DS1": 22, "DS2": 22, "paced": 4,
    }  # fmt: skip
    assert list(data_set(made_data, DS2).parts()) == ["all"]
    assert list(data_set(made_data, ["118", "119", *DS2]).parts()) == ["all", "DS1", "DS2"]


def test_rates_types_and_tolerances(
    made_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, picture = tmp_path / "qrs.json", tmp_path / "qrs.svg"
    arguments = ["qrs", "--data", str(made_data), "--set", "100", "--json", str(out)]
    assert main([*arguments, "--tolerance", "150", "20"]) == 0
    run = json.loads(out.read_text())["runs"][0]["detectors"]["edge"]
    assert list(run["tolerances"]) == ["20", "150"]
    gross = run["counted"]["all"]["parts"]["all"]["gross"]
    assert run["tolerances"]["150"]["f1"] == gross["f1"]
    for kinds in run["types"].values():
        assert sum(kind["tp"] for kind in kinds.values()) == gross["tp"]
        assert sum(kind["fn"] for kind in kinds.values()) == gross["fn"]
    assert list(run["types"]["classes"]) == ["N", "S", "V"]
    assert list(run["types"]["symbols"]) == ["A", "N", "V"]
    assert "F1 with a window of" in capsys.readouterr().out

    rates = ["--rates", "40", "120", "--plot", str(picture)]
    assert main([*arguments, *rates]) == 0
    runs = json.loads(out.read_text())["runs"]
    assert [(r["rate"], r["sudden"], r["noise"]) for r in runs] == [
        (40, False, None), (120, False, None),
    ]  # fmt: skip
    text = capsys.readouterr().out
    assert "remade with its own beats" in text
    assert "all of it, from 0:00" in text
    assert "40/min" in text
    assert "== clean" not in text
    assert "beats a minute, remade" in picture.read_text()
    assert main([*arguments, "--rates", "120", "--sudden"]) == 0
    assert "counted is the second" in capsys.readouterr().out
    after = json.loads(out.read_text())["runs"][0]["detectors"]["edge"]["counted"]["all"]
    before = runs[1]["detectors"]["edge"]["counted"]["all"]
    beats = [sum(x["parts"]["all"]["gross"][k] for k in ("tp", "fn")) for x in (after, before)]
    assert 0 < beats[0] < beats[1]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--rates", "19"],
        ["--rates", "fast"],
        ["--tolerance", "7"],
        ["--rates", "60", "--noise", "ma"],
        ["--rates", "60", "--start", "300"],
        ["--sudden"],
    ],
)
def test_what_does_not_go_together_is_a_usage_error(made_data: Path, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["qrs", "--data", str(made_data), "--set", "100", *wrong])
    assert stop.value.code == 2


def test_a_model_of_electrode_motion_says_so(
    long_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, picture = tmp_path / "qrs.json", tmp_path / "qrs.svg"
    arguments = ["qrs", "--data", str(long_data), "--set", "100", "--json", str(out)]
    arguments += ["--snr", "0", "--plot", str(picture), "--noise"]
    for noise, model in (("em", True), ("ma", False)):
        assert main([*arguments, noise]) == 0
        assert json.loads(out.read_text())["protocol"]["em_is_a_model"] is model
        text, drawn = capsys.readouterr().out, picture.read_text()
        assert ("MODEL, not the recording" in text) is model
        assert (f"== {noise} at 0 dB (model)" in text) is model
        for words in ("a model, not em", "model of em at 0 dB"):
            assert (words in drawn) is model


@pytest.mark.data_required("qtdb")
def test_beats_of_qtdb(mitdb: Path) -> None:
    qtdb = data_set(mitdb.parent, "qtdb")
    assert len(qtdb.records) == 34
    cases = [read_case(qtdb, record, ["0"], 0, Condition()) for record in qtdb.records]
    assert {c.fs for c in cases} == {250.0}
    symbols = np.concatenate([c.symbol for c in cases])
    assert np.count_nonzero(symbols == "S") == 352
    assert np.count_nonzero(symbols == "V") == 273


@pytest.mark.data_required("cpsc2021")
def test_beats_of_cpsc2021(mitdb: Path) -> None:
    cpsc2021 = data_set(mitdb.parent, "cpsc2021")
    twelve = [r for r in cpsc2021.records if r.split("_")[1] in ("101", "21", "35", "8")]
    cases = {r: read_case(cpsc2021, r, ["II"], 0, Condition()) for r in twelve}
    assert {c.fs for c in cases.values()} == {200.0}
    assert len(cases["data_101_9"].beats) == 318  # 289 N and 29 A
    assert len(cases["data_8_3"].beats) == 326  # 321 N and 5 V


@pytest.mark.data_required("ludb")
def test_marks_of_ludb(mitdb: Path) -> None:
    ludb = data_set(mitdb.parent, "ludb")
    assert list(ludb.records) == [str(number) for number in range(1, 201)]
    beats = {}
    for lead in ("i", "ii"):
        cases = [read_case(ludb, record, [lead], 0, Condition()) for record in ludb.records]
        beats[lead] = sum(len(c.beats) for c in cases)
        for c in cases:
            ((first, end),) = c.spans["all"]
            # 150 ms at 500 Hz, ends included
            assert (first, end) == (c.beats[0] - 75, c.beats[-1] + 76)
            assert c.mv.shape == (5000, 1)
    assert beats == {"i": 1829, "ii": 1831}


@pytest.mark.data_required("mitdb", "nstdb")
def test_noise_from_end_to_end(
    mitdb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, picture = tmp_path / "qrs.json", tmp_path / "qrs.svg"
    arguments = ["qrs", "--data", str(mitdb.parent), "--set", "118,100", "--lead", "1"]
    arguments += ["--noise", "none", "ma", "--snr", "12", "0"]
    assert main([*arguments, "--lead", "V1"]) == 5
    assert "no lead V1" in capsys.readouterr().err  # in record 100
    arguments += ["--lead", "0", "--json", str(out), "--plot", str(picture)]
    assert main(arguments) == 0
    data: Any = json.loads(out.read_text())
    assert [(run["noise"], run["snr_db"]) for run in data["runs"]] == [
        (None, None), ("ma", 12.0), ("ma", 0.0),
    ]  # fmt: skip
    counted = [run["detectors"]["edge"]["counted"] for run in data["runs"]]
    beats = [read_annotations(mitdb / record).sample for record in ("118", "100")]
    after = sum(int(np.count_nonzero(b >= 300 * 360)) for b in beats)
    for noisy in counted[1:]:
        for span in ("all", "noisy"):
            gross = noisy[span]["parts"]["all"]["gross"]
            records = noisy[span]["records"].values()
            assert gross["tp"] + gross["fn"] == sum(r["tp"] + r["fn"] for r in records)
        gross = noisy["all"]["parts"]["all"]["gross"]
        assert gross["tp"] + gross["fn"] == after
    f1 = [c["noisy"]["parts"]["all"]["gross"]["f1"] for c in counted[1:]]
    assert counted[0]["all"]["parts"]["all"]["gross"]["f1"] > f1[0] > f1[1]
    assert data["protocol"]["leads"] == ["1", "0"]
    assert "muscle (ma)" in picture.read_text()
    text = capsys.readouterr().out
    for words in ("== ma at 0 dB", "The peers are given lead 1.", "usable peaks alone"):
        assert words in text


def test_an_undrawable_picture_is_an_output_error(made_data: Path, tmp_path: Path) -> None:
    arguments = ["qrs", "--data", str(made_data), "--set", "100"]
    assert main([*arguments, "--plot", str(tmp_path / "qrs.png")]) == 0
    assert (tmp_path / "qrs.png").read_bytes().startswith(b"\x89PNG")
    assert main([*arguments, "--plot", str(tmp_path / "none" / "qrs.png")]) == 8
    assert main([*arguments, "--plot", str(tmp_path / "qrs.nothing")]) == 8


def test_speed_of_every_chunk(made_data: Path) -> None:
    made = read_case(data_set(made_data, ["100"]), "100", ["0"], 0, Condition())
    part = made._replace(mv=made.mv[:3600])
    costs = ns_per_sample(part, ["sleepecg"], repeats=1)["median_ns"]
    assert list(costs) == ["edge, 1", "edge, 36", "edge, 360", "edge, whole", "sleepecg"]
    assert min(costs.values()) > 0


def test_no_beats_are_no_jitter() -> None:
    assert np.isnan(Tally().jitter_ms)
