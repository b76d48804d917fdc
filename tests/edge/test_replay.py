"""Recordings: what is read, what is refused, and how it is played."""

import time
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample

from edge.errors import RecordError
from edge.replay import INVALID, Recording, blocks, read, resampled
from firmware_bridge.block import LeadState, mv_from_nv


def write_record(
    folder: Path,
    fs: float = 250,
    names: tuple[str, ...] = ("I", "II"),
    units: tuple[str, ...] = ("mV", "mV"),
    n: int = 1000,
) -> np.ndarray:
    """A record `r` of small random numbers; returns what was written, in its units."""
    digital = np.random.default_rng(0).integers(-2000, 2000, (n, len(names)))
    k = len(names)
    wfdb.wrsamp(
        "r", fs, list(units), list(names), d_signal=digital, fmt=["16"] * k,
        adc_gain=[200.0] * k, baseline=[7] * k, write_dir=str(folder),
    )  # fmt: skip
    return (digital - 7) / 200


@pytest.mark.parametrize(("unit", "nanovolts"), [("nV", 1), ("uV", 1e3), ("mV", 1e6), ("V", 1e9)])
def test_units_become_nanovolts(tmp_path: Path, unit: str, nanovolts: float) -> None:
    written = write_record(tmp_path, units=(unit, "mV"), names=("a", "b"), n=50) * nanovolts
    if np.abs(written).max() > np.iinfo(np.int32).max:
        with pytest.raises(RecordError, match=r"exceeds 2\.1 V"):
            read(tmp_path / "r")
        return
    recording = read(tmp_path / "r", ["a"])
    assert recording.nv.shape == (50, 1)
    np.testing.assert_allclose(recording.nv[:, 0], written[:, 0], atol=0.5)


def test_default_leads_are_the_voltages_of_the_heart(tmp_path: Path) -> None:
    write_record(
        tmp_path,
        names=("MLII", "ABP", "Resp", "EEG C4", "aVR"),
        units=("mV", "mmHg", "mV", "uV", "mV"),
    )
    assert read(tmp_path / "r").leads == ("MLII", "aVR")
    assert read(tmp_path / "r.hea", ["avr", "0"]).leads == ("aVR", "MLII")
    assert read(tmp_path / "r", ["EEG C4"]).leads == ("EEG C4",)
    with pytest.raises(RecordError, match="ABP of record r is in mmHg"):
        read(tmp_path / "r", ["ABP"])


def test_leads_of_one_name_stay_apart(tmp_path: Path) -> None:
    write_record(tmp_path)
    header = (tmp_path / "r.hea").read_text()
    (tmp_path / "r.hea").write_text(header.replace(" II\n", " ECG\n").replace(" I\n", " ECG\n"))
    assert read(tmp_path / "r").leads == ("ECG 0", "ECG 1")


def test_names_from_a_file_steer_no_terminal(tmp_path: Path) -> None:
    write_record(tmp_path)
    header = (tmp_path / "r.hea").read_text()
    (tmp_path / "r.hea").write_text(header.replace(" II\n", " I\x1b[2JI\n"))
    assert read(tmp_path / "r").leads == ("I", "I?[2JI")


def test_fast_leads_of_a_mixed_record_keep_their_rate(tmp_path: Path) -> None:
    fast, slow = np.arange(400.0), np.arange(100.0)
    wfdb.wrsamp(
        "r", 125, ["mV", "mV", "mmHg"], ["I", "II", "ABP"], e_p_signal=[fast, fast, slow],
        samps_per_frame=[4, 4, 1], fmt=["16"] * 3, adc_gain=[10.0] * 3, baseline=[0] * 3,
        write_dir=str(tmp_path),
    )  # fmt: skip
    recording = read(tmp_path / "r")
    assert recording.fs == 500
    assert recording.nv[:, 0].tolist() == (fast * 1_000_000).tolist()
    (tmp_path / "r.hea").write_text((tmp_path / "r.hea").read_text().replace("mmHg", "mV"))
    assert read(tmp_path / "r").leads == ("I", "II")
    with pytest.raises(RecordError, match="different rates"):
        read(tmp_path / "r", ["I", "ABP"])


def test_invalid_samples_are_a_lead_off(tmp_path: Path) -> None:
    signal = np.zeros((100, 2))
    signal[20:40, 1] = np.nan
    wfdb.wrsamp("r", 250, ["mV"] * 2, ["I", "II"], signal, fmt=["16"] * 2, write_dir=str(tmp_path))
    recording = read(tmp_path / "r")
    assert ((recording.nv == INVALID) == np.isnan(signal)).all()
    played = list(blocks(recording, 30))
    assert [b.start for b in played] == [0, 20, 30, 40, 60, 90]
    states = [b.lead_state for b in played]
    assert {s[0] for s in states} == {LeadState.UNKNOWN}
    assert [s[1] is LeadState.OFF for s in states] == [False, True, True, False, False, False]
    assert all((b.mv == 0).all() for b in played)


def fill(text: str) -> str:
    return f"r 1 250 1000\nr.dat 16 200 16 0 0 0 0 {text}\n"


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (None, "no record r in"),
        ("", "damaged"),
        ("nonsense", "damaged"),
        (fill("I").replace("r.dat", "gone.dat"), "gone.dat is missing"),
        (fill("I").replace("1000", "2000"), "damaged"),
        (fill("I").replace("1000", "99999999999999"), "damaged"),
        (fill("I").replace("250", "50"), "60 to 1000 Hz, not 50"),
        (fill("I").replace("250", "2000"), "60 to 1000 Hz, not 2000"),
        (fill("Resp"), "no ECG lead among its channels Resp"),
        (fill("I").replace("200 ", "200/mmHg "), "no ECG lead"),
        ("r 0 250 1000\n", "damaged|no signal"),
    ],
)
def test_bad_records_get_one_sentence(tmp_path: Path, header: str | None, says: str) -> None:
    (tmp_path / "r.dat").write_bytes(bytes(2000))
    if header is not None:
        (tmp_path / "r.hea").write_text(header)
    with pytest.raises(RecordError, match=says) as refusal:
        read(tmp_path / "r")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("lead", ["V5", "2", "-1", ""])
def test_an_unknown_lead_lists_those_there_are(tmp_path: Path, lead: str) -> None:
    write_record(tmp_path)
    with pytest.raises(RecordError, match="it has I, II"):
        read(tmp_path / "r", [lead])


@given(
    n=st.integers(1, 300),
    size=st.one_of(st.none(), st.integers(1, 400)),
    off=st.lists(st.tuples(st.integers(0, 299), st.integers(1, 50)), max_size=4),
)
def test_blocks_are_the_recording(n: int, size: int | None, off: list[tuple[int, int]]) -> None:
    nv = np.random.default_rng(n).integers(-(10**9), 10**9, (n, 2), dtype=np.int32)
    for start, length in off:
        nv[start : start + length, length % 2] = INVALID
    played = list(blocks(Recording("r", 250.0, ("a", "b"), nv), size))
    assert [b.start for b in played] == [0, *np.cumsum([len(b) for b in played])[:-1]]
    assert max(len(b) for b in played) <= (size or 1000)
    mv = np.concatenate([b.mv for b in played])
    states = np.concatenate(
        [np.tile([s is LeadState.OFF for s in b.lead_state], (len(b), 1)) for b in played]
    )
    assert (states == (nv == INVALID)).all()
    assert (mv == np.where(nv == INVALID, 0, mv_from_nv(nv))).all()


def test_speed_is_kept_by_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(time, "sleep", sleep)
    recording = Recording("r", 250.0, ("a",), np.zeros((1000, 1), np.int32))
    arrivals = [now for _ in blocks(recording, 100, speed=2.0)]
    np.testing.assert_allclose(arrivals, 0.2 * np.arange(1, 11))


@pytest.mark.data_required("mitdb")
def test_mitdb_is_what_wfdb_says(mitdb: Path) -> None:
    recording = read(mitdb / "100")
    physical = wfdb.rdrecord(str(mitdb / "100")).p_signal
    assert (recording.name, recording.fs, recording.leads) == ("100", 360.0, ("MLII", "V5"))
    np.testing.assert_allclose(recording.nv * 1e-6, physical, atol=1e-6)


@given(
    st.sampled_from([100.0, 125.0, 250.0, 360.0, 500.0]),
    st.sampled_from([100.0, 125.0, 128.0, 190.0, 250.0, 500.0]),
    st.integers(500, 5000),
    st.floats(0.5, 20),
)
def test_another_rate_is_the_same_wave(fs: float, other: float, n: int, hz: float) -> None:
    def wave(rate: float, count: int) -> np.ndarray:
        t = np.arange(count) / rate
        return np.rint(1e6 * (np.cos(2 * np.pi * hz * t) + 0.2 * np.sin(7 * t) + 0.3))

    nv = wave(fs, n)[:, None].astype(np.int32)
    got = resampled(Recording("r", fs, ("II",), nv), other)
    assert got.fs == other
    assert (len(got.nv) - 1) / other < n / fs <= len(got.nv) / other + 1e-9
    inside = slice(round(other / 4), -round(other / 4))  # a mirror bends the wave at its ends
    error = got.nv[inside, 0] - wave(other, len(got.nv))[inside]
    assert np.abs(error).max() < 3e4


def test_other_rate_against_scipy() -> None:
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(0, 1e4, 3600)) * np.hanning(3600)
    got = resampled(Recording("r", 360.0, ("II",), np.rint(x)[:, None].astype(np.int32)), 250.0)
    expected = resample(x, 2500)
    assert np.abs(got.nv[250:-250, 0] - expected[250:-250]).max() < 300


def test_invalid_stays_invalid_at_another_rate() -> None:
    nv = np.full((1000, 2), 5, np.int32)
    nv[300:400, 1] = INVALID
    got = resampled(Recording("r", 250.0, ("I", "II"), nv), 125.0).nv
    assert (got[:, 0] == 5).all()
    assert np.flatnonzero(got[:, 1] == INVALID).tolist() == list(range(150, 200))
    assert (got[got[:, 1] != INVALID, 1] == 5).all()


def test_the_same_rate_is_the_same_recording() -> None:
    recording = Recording("r", 250.0, ("II",), np.zeros((10, 1), np.int32))
    assert resampled(recording, 250.0) is recording
