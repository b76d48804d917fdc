"""Arrays of the user's own: as a recording of the same samples, and refused in words."""

import re
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

import edge
from edge import demo
from edge.arrays import ArrayReader
from edge.batch import LEAST_S
from edge.cli import run
from edge.events import Beat, Event, Gap, Quality, Stats
from edge.synthetic import LEADS
from firmware_bridge.block import LeadState, SampleBlock

FS = demo.FS
ECG: NDArray[np.float64] = demo.stream()[1].mv
"""The demo's minute, [n, leads], before its leads come off."""


def lines(events: list[Event]) -> list[str]:
    return [event.to_json() for event in events]


@pytest.fixture(scope="module")
def whole() -> list[str]:
    return lines(edge.annotate(ECG, FS, leads=LEADS).events)


def replayed(record: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert run.main(["--replay", str(record), "--speed", "max", "--quiet", "--jsonl", "-"]) == 0
    return capsys.readouterr().out.splitlines()[1:]  # without the session


@pytest.mark.data_required("mitdb")
def test_as_a_replay_of_the_same_record(mitdb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = wfdb.rdrecord(str(mitdb / "208"))
    found = edge.annotate(record.p_signal, record.fs, leads=record.sig_name)
    assert lines(found.events) == replayed(mitdb / "208", capsys)
    assert len(found.beats) > 2900
    assert found.alarms


def test_as_a_replay_of_the_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wfdb.wrsamp(
        "demo", FS, ["uV"] * 2, list(LEADS), ECG * 1000, fmt=["32"] * 2,
        adc_gain=[1e5] * 2, baseline=[0] * 2, write_dir=str(tmp_path),
    )  # fmt: skip
    digital = wfdb.rdrecord(str(tmp_path / "demo")).p_signal
    found = edge.annotate(digital, FS, leads=LEADS, unit="uV")
    assert lines(found.events) == replayed(tmp_path / "demo", capsys)
    labels = [beat.label for beat in found.beats]
    assert {"N", "S", "V"} <= set(labels)
    assert {alarm.name for alarm in found.alarms} >= {"pause"}
    assert isinstance(found.events[-1], Stats)
    assert sum(found.events[-1].beats.values()) == len(found.beats)


@given(st.lists(st.integers(1, len(ECG)), max_size=12))
@settings(max_examples=20, deadline=None)
def test_a_cut_changes_nothing(whole: list[str], cuts: list[int]) -> None:
    monitor = edge.Monitor(fs=FS, leads=LEADS)
    pieces = np.split(ECG, sorted(cuts))
    events = [event for piece in pieces for event in monitor.push(piece)]
    assert lines(events + monitor.flush()) == whole


def test_arrays_are_blocks_without_the_building(whole: list[str]) -> None:
    monitor = edge.Monitor()
    states = (LeadState.UNKNOWN,) * 2
    events = []
    for start in range(0, len(ECG), 77):
        mv = (np.rint(ECG[start : start + 77] * 1e6) * 1e-6).astype(np.float32)
        events += monitor.push(SampleBlock(start, mv, FS, LEADS, states, (False, False)))
    assert lines(events + monitor.flush()) == whole


LOST = st.lists(st.tuples(st.integers(0, len(ECG) - 1), st.integers(1, 2000)), max_size=4)


@given(LOST, st.lists(st.integers(1, len(ECG)), max_size=6))
@settings(max_examples=20, deadline=None)
def test_nan_is_a_lost_sample_where_it_was(lost: list[tuple[int, int]], cuts: list[int]) -> None:
    ecg = ECG.copy()
    for start, n in lost:
        ecg[start : start + n] = np.nan
    monitor = edge.Monitor(fs=FS, leads=LEADS)
    events = [e for piece in np.split(ecg, sorted(cuts)) for e in monitor.push(piece)]
    events += monitor.flush()
    assert lines(events) == lines(edge.annotate(ecg, FS, leads=LEADS).events)
    missing = np.isnan(ecg[:, 0])
    edges = np.flatnonzero(np.diff(missing, prepend=False, append=False)).reshape(-1, 2)
    told = [(e.sample, e.sample + e.lost) for e in events if isinstance(e, Gap)]
    assert told == [(a, b) for a, b in edges.tolist()]
    assert isinstance(events[-1], Stats)
    assert events[-1].sample == len(ECG)
    assert events[-1].lost_samples == missing.sum()
    # No beat in the middle of nothing; a line over 40 ms may bear one.
    for beat in (e for e in events if isinstance(e, Beat)):
        assert not missing[max(0, beat.sample - 20) : beat.sample + 20].all()


def test_nan_in_one_lead_is_no_gap() -> None:
    ecg = ECG.copy()
    ecg[3600:7200, 1] = np.nan
    found = edge.annotate(ecg, FS, leads=LEADS)
    assert not [event for event in found.events if isinstance(event, Gap)]
    said = [(e.lead, e.reason) for e in found.events if isinstance(e, Quality)]
    assert (LEADS[1], "lost") in said
    assert (LEADS[0], "lost") not in said
    assert len([b for b in found.beats if 11 < b.t < 19]) > 5


def test_nothing_but_nan() -> None:
    found = edge.annotate(np.full((1000, 2), np.nan), FS)
    assert found.events[0].type == "gap"
    assert found.events[-1].sample == 1000
    assert not found.beats


def kinds_of_numbers() -> list[tuple[str, Any, str]]:
    uv = np.rint(ECG[:5000] * 1000).astype(np.int64)
    return [
        ("int64", uv, "uV"),
        ("int32", uv.astype(np.int32), "µV"),  # the micro sign
        ("int16", uv.astype(np.int16), "μV"),  # and the Greek letter
        ("float32", uv.astype(np.float32), "UV"),
        ("big-endian", uv.astype(">f8"), "uv"),
        ("Fortran", np.asfortranarray(uv), "uV"),
        ("strided", np.repeat(uv, 2, axis=0)[::2], "uV"),
        ("read-only", np.broadcast_to(uv, uv.shape), "uV"),
        ("lists", uv.tolist(), "uV"),
        ("tuples", tuple(map(tuple, uv.tolist())), "uV"),
        ("data frame", pd.DataFrame(uv), "uV"),
        ("objects", uv.astype(object), "uV"),
        ("decimals", [[Decimal(i) for i in row] for row in uv.tolist()], "uV"),
        ("nV", uv * 1000, "nV"),
        ("mV", uv / 1000, "mV"),
        ("V", uv / 1e6, "V"),
    ]


@pytest.mark.parametrize(
    ("samples", "unit"), [pytest.param(x, unit, id=name) for name, x, unit in kinds_of_numbers()]
)
def test_any_numbers_in_any_voltage(samples: ArrayLike, unit: str) -> None:
    expected = edge.annotate(np.rint(ECG[:5000] * 1000) / 1000, FS)
    found = edge.annotate(samples, FS, unit=unit)
    assert lines(found.events) == lines(expected.events)
    assert found.scale is None


def test_one_lead_needs_no_second_dimension() -> None:
    one = edge.annotate(ECG[:, 0], FS)
    assert lines(one.events) == lines(edge.annotate(ECG[:, :1], FS, leads=["lead 0"]).events)
    series = pd.Series(ECG[:, 0], index=np.arange(len(ECG)) / FS)
    assert lines(edge.annotate(series, FS).events) == lines(one.events)


def test_what_is_masked_is_lost() -> None:
    mask = np.zeros(ECG.shape, bool)
    mask[3600:7200] = True
    counts = np.ma.MaskedArray(np.rint(ECG * 1000).astype(np.int16), mask)
    [gap] = [e for e in edge.annotate(counts, FS, unit="uV").events if isinstance(e, Gap)]
    assert (gap.sample, gap.lost) == (3600, 3600)


@pytest.mark.parametrize("factor", [1e-6, 0.003, 1, 200, 1e5])
def test_an_unknown_unit_changes_little_and_is_told(factor: float) -> None:
    known = edge.annotate(ECG, FS)
    found = edge.annotate(ECG * factor + 5 * factor, FS, unit=None)
    assert found.scale is not None
    assert np.array(found.scale) * factor == pytest.approx(1, rel=0.5)
    assert [beat.sample for beat in found.beats] == [beat.sample for beat in known.beats]
    same = [a.label == b.label for a, b in zip(found.beats, known.beats, strict=True)]
    assert sum(same) >= 0.97 * len(same)


def test_an_unknown_unit_of_a_dead_lead() -> None:
    ecg = np.column_stack([ECG[:, 0] * 300, np.full(len(ECG), 512), np.full(len(ECG), np.nan)])
    found = edge.annotate(ecg, FS, unit=None)
    assert found.scale is not None
    assert found.scale[1:] == (1, 1)
    assert len(found.beats) > 60


def test_a_long_array_is_not_copied_whole() -> None:
    """24 h of two leads in 16 bits; as float64 they would be 1 GB for a step and its result."""
    samples = np.lib.stride_tricks.as_strided(np.zeros(2, np.int16), (24 * 3600 * 360, 2), (0, 2))
    reader = ArrayReader(360, None, "uV")
    tracemalloc.start()
    try:
        assert sum(len(block) for block in reader.blocks(samples)) == len(samples)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def sentence(samples: Any, fs: Any = FS, **options: Any) -> str:
    with pytest.raises(ValueError, match=r"^[ -~µ…]+$") as caught:
        edge.annotate(samples, fs, **options)
    text = str(caught.value)
    assert 10 < len(text) < 200
    return text


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (ECG.T, r"transposed: give \[n, leads\]"),
        (ECG.T[:1], "transposed"),
        (ECG[:1], "transposed"),
        ([], "0 s of signal"),
        (np.empty((0, 2)), "0 s of signal"),
        (np.empty((1000, 0)), "0 lead"),
        (ECG[: int(LEAST_S * FS) - 1], "at least 2 s"),
        (3.0, r"shape \(\)"),
        (None, r"shape \(\)"),
        (ECG[:, :, None], "shape"),
        (np.where(ECG > 0.5, np.inf, ECG), "infinite"),
        (np.where(ECG > 0.5, -np.inf, ECG), "infinite"),
        (ECG * 1000000, r"lead 0 exceed 2\.1 V: name the unit"),
        (ECG + 1e300, "exceed"),
        (ECG.astype(complex), "type complex128"),
        (ECG > 0, "type bool"),
        (["I", "II"] * 1000, "type <U2"),
        ([["0.1", "x"]] * 1000, "type"),
        ([{}] * 1000, "no array of numbers"),
        ([[1, 2], [3]] * 1000, "no array of numbers"),
        ({"mv": [1, 2]}, "no array of numbers"),
        (np.zeros(1000, "datetime64[s]"), "type datetime64"),
        (np.zeros(1000, [("a", "f4")]), "type"),
        (b"\x1b[2J" * 1000, "type"),
        ("\x1b[2J", "type"),
    ],
)
def test_what_is_no_ecg_is_refused_in_words(samples: Any, words: str) -> None:
    assert re.search(words, sentence(samples))


@pytest.mark.parametrize(
    "fs",
    [0, -360, 1e9, float("nan"), float("inf"), "360", None, True, 360 + 0j, [360], ECG, "\x1b"],
)
def test_a_rate_that_cannot_be(fs: Any) -> None:
    assert sentence(ECG, fs).startswith("fs must be ")


@pytest.mark.parametrize("fs", [360, np.int16(360), np.float32(360), np.float64(360)])
def test_a_rate_of_any_type(fs: float) -> None:
    assert lines(edge.annotate(ECG[:2000], fs).events) == lines(
        edge.annotate(ECG[:2000], FS).events
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"leads": ["I"]}, "2 lead"),
        ({"leads": ["I", "I"]}, "one name"),
        ({"leads": "II"}, "list of names"),
        ({"leads": [0, 1]}, "list of names"),
        ({"leads": []}, "list of names"),
        ({"leads": ["", "V5"]}, "list of names"),
        ({"unit": 5}, "no voltage"),
        ({"backend": "tpu"}, "litert or onnx"),
        ({"unit": "mmHg"}, "no voltage"),
        ({"unit": "\x1b[2J"}, "no voltage"),
        ({"unit": ""}, "no voltage"),
        ({"alarms": {"pause": -1}}, "pause"),
        ({"alarms": {"nonsense": 1}}, "nonsense"),
    ],
)
def test_an_option_that_cannot_be(options: dict[str, Any], words: str) -> None:
    assert words in sentence(ECG, **options)


def test_names_of_leads_steer_nothing() -> None:
    found = edge.annotate(np.where(ECG > 9, 0, np.nan), FS, leads=["\x1b[2J", "\u202eII"])
    assert all("\\u001b" not in line and "\\u202e" not in line for line in lines(found.events))


@given(st.binary(max_size=200) | st.text() | st.lists(st.none() | st.floats() | st.text()))
@settings(max_examples=50, deadline=None)
def test_whatever_is_given_is_annotated_or_refused_in_one_sentence(samples: Any) -> None:
    try:
        edge.annotate(samples, FS)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_a_monitor_for_arrays_names_its_leads_once() -> None:
    monitor = edge.Monitor(fs=FS)
    monitor.push(ECG[:1000])
    with pytest.raises(ValueError, match="not 2"):
        monitor.push(ECG[:, :1])
    with pytest.raises(ValueError, match="transposed"):
        monitor.push(ECG[:100].T)
    with pytest.raises(ValueError, match="infinite"):
        monitor.push(np.full((3, 2), np.inf))
    events = monitor.push(ECG[1000:]) + monitor.flush()  # nothing of the refused was taken
    assert events[-1].sample == len(ECG)


def test_a_monitor_takes_samples_one_by_one() -> None:
    monitor = edge.Monitor(fs=FS, leads=["I", "II"])
    events = [event for row in ECG[:3600, None] for event in monitor.push(row)]
    assert lines(events + monitor.flush()) == lines(
        edge.annotate(ECG[:3600], FS, leads=["I", "II"]).events
    )
    with pytest.raises(ValueError, match="name the leads"):
        edge.Monitor(fs=FS).push(ECG[:1])


def test_a_monitor_without_a_rate_takes_no_arrays() -> None:
    with pytest.raises(ValueError, match="fs=360"):
        edge.Monitor().push(ECG)
    assert edge.Monitor(fs=FS).flush() == []


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("samples", "unit"),
    [
        (ECG[:7200], "mV"),
        (ECG[:7200] * 1000, "uV"),
        (ECG[:7200] * 0.1, "mV"),
        (np.zeros(3600), "uV"),
        (np.full(3600, 1.0), "V"),
        (np.full((3600, 2), np.nan), "mV"),
        (np.column_stack([ECG[:7200, 0], np.zeros(7200)]), "mV"),
    ],
)
def test_a_likely_unit_is_no_matter(samples: ArrayLike, unit: str) -> None:
    edge.annotate(samples, FS, unit=unit)


@pytest.mark.parametrize("factor", [0.001, 200.0, 1000.0])
def test_an_unlikely_unit_is_told(factor: float) -> None:
    with pytest.warns(UserWarning, match="give their unit"):
        edge.annotate(ECG[:7200] * factor, FS)


def test_a_rate_is_no_model() -> None:
    with pytest.raises(ValueError, match=r"Monitor\(fs=360\)"):
        edge.Monitor(360)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alarms": ["pause"]}, "alarms must map"),
        ({"leads": "MLII"}, "leads must be a list"),
        ({"leads": []}, "leads must be a list"),
    ],
)
def test_a_monitor_refuses_what_it_cannot_use(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        edge.Monitor(**options)


def test_one_sample_of_some_leads_is_not_some_of_one() -> None:
    monitor = edge.Monitor(fs=FS, leads=["I", "II"])
    with pytest.raises(ValueError, match=r"is given as \[1, 2\]"):
        monitor.push(ECG[0])


def test_nothing_is_taken_after_the_end() -> None:
    monitor = edge.Monitor(fs=FS)
    monitor.push(ECG[:1000])
    monitor.flush()
    with pytest.raises(ValueError, match="make a new Monitor"):
        monitor.push(ECG[1000:])
