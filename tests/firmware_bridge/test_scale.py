"""Scales: measured from pulses, kept in a file that people edit."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal

from edge import demo
from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.calibration import WAIT_S, Boards, Pulse, config_file
from firmware_bridge.errors import CalibrationError


def wave(
    fs: float, mv: float, coupling_hz: float, cut_hz: float, noise_mv: float, duty: float = 0.5
) -> NDArray[np.float64]:
    """Fifteen seconds of a 1 Hz square wave, as a front end gives it."""
    t = np.arange(round(15 * fs)) / fs
    x = mv * ((t + 0.3) % 1 < duty)
    if coupling_hz:
        x = signal.sosfilt(signal.butter(1, coupling_hz, "high", fs=fs, output="sos"), x)
    if cut_hz:
        x = signal.sosfilt(signal.butter(2, cut_hz, fs=fs, output="sos"), x)
    return x + np.random.default_rng(1).normal(0, noise_mv, len(x)) + 0.4


def measure(x: NDArray[np.float64], fs: float, size: int = 37) -> float | None:
    pulse = Pulse()
    for at in range(0, len(x), size):
        mv = x[at : at + size, None].astype(np.float32)
        block = SampleBlock(at, mv, fs, ("I",), (LeadState.ON,), (False,))
        if (scale := pulse.take(block)) is not None:
            return scale
    return None


@settings(deadline=None, max_examples=25)
@given(
    fs=st.sampled_from([125.0, 190.3, 250.0, 500.0]),
    mv=st.floats(0.1, 30),
    coupling_hz=st.sampled_from([0.0, 0.05, 0.5]),
    cut_hz=st.sampled_from([0.0, 40.0]),
    duty=st.sampled_from([0.2, 0.5]),
)
def test_a_square_wave_is_measured(
    fs: float, mv: float, coupling_hz: float, cut_hz: float, duty: float
) -> None:
    scale = measure(wave(fs, mv, coupling_hz, cut_hz, 0.01 * mv, duty), fs)
    assert scale == pytest.approx(1 / mv, rel=0.04)


@pytest.mark.parametrize("sign", [1, -1])
def test_turned_leads_measure_the_same(sign: int) -> None:
    assert measure(sign * wave(250, 0.8, 0.05, 40, 0.005), 250) == pytest.approx(1.25, rel=0.03)


def test_however_the_samples_are_cut() -> None:
    x = wave(250, 1.3, 0.05, 40, 0.01)
    scales = [measure(x, 250, size) for size in (1, 7, 250, 4000)]
    assert scales[0] is not None
    assert scales == [scales[0]] * 3 + [scales[-1]]
    assert scales[-1] == pytest.approx(scales[0], rel=0.02)


def test_heartbeats_are_no_pulse() -> None:
    recording, _ = demo.stream()
    x = recording.nv[:, 0] * 1e-6
    with pytest.raises(CalibrationError, match="no steady pulse"):
        measure(np.concatenate([x, x]), recording.fs)


def test_silence_is_no_pulse() -> None:
    with pytest.raises(CalibrationError, match="type the scale"):
        measure(np.zeros(round(WAIT_S * 250) + 100), 250.0)


def test_the_file_is_in_the_users_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_file() == tmp_path / "edge-ecg" / "boards.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_file() == tmp_path / ".config" / "edge-ecg" / "boards.toml"


names = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)
scales = st.floats(0, exclude_min=True, allow_infinity=False)


@settings(deadline=None)
@given(usb=st.dictionaries(names, scales, max_size=5), protocols=st.dictionaries(names, scales))
def test_what_is_stored_is_read_back(
    usb: dict[str, float], protocols: dict[str, float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("config") / "new" / "boards.toml"
    boards = Boards(path)
    for name, scale in usb.items():
        boards.store(name, "edge-of-the-usb", scale)
    for name, scale in protocols.items():
        boards.store(None, name, scale)
    again = Boards(path)
    assert all(again.scale(name, "none") == scale for name, scale in usb.items())
    assert all(again.scale(None, name) == scale for name, scale in protocols.items())
    assert again.scale("unknown" * 6, "unknown" * 7) == 1.0  # longer than any name
    if usb or protocols:
        tables = tomllib.loads(path.read_text())
        assert set(tables.get("usb", {})) == set(usb)
        assert [p.name for p in path.parent.iterdir()] == ["boards.toml"]


def test_a_boards_own_scale_goes_before_its_protocols(tmp_path: Path) -> None:
    boards = Boards(tmp_path / "boards.toml")
    assert boards.store(None, "olimex", 2.0) == 'protocol."olimex"'
    assert boards.store("2341:0043:7", "olimex", 3.0) == 'usb."2341:0043:7"'
    assert boards.scale("2341:0043:7", "olimex") == 3
    assert boards.scale("2341:0043:8", "olimex") == 2
    assert boards.scale(None, "edge") == 1


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_a_mistake_is_not_stored(scale: float, tmp_path: Path) -> None:
    path = tmp_path / "boards.toml"
    with pytest.raises(CalibrationError, match="a scale must be"):
        Boards(path).store(None, "edge", scale)
    assert not path.exists()


@pytest.mark.parametrize(
    "text",
    [
        b"[usb",
        b"\xff",
        b"[other.x]\nscale = 1.0",
        b"usb = 1",
        b"[usb.x]",
        b"[usb.x]\nscale = '1'",
        b"[usb.x]\nscale = true",
        b"[usb.x]\nscale = nan",
        b"[usb.x]\nscale = 0",
        b"[usb]\nx = 2.0",
        b"x = " + b"[" * 100_000,
        b"#" * ((1 << 20) + 1),
    ],
)
def test_a_file_that_cannot_be_used_is_said_in_one_line(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "boards.toml"
    path.write_bytes(text)
    with pytest.raises(CalibrationError, match="mend it, or remove it") as refused:
        Boards(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    boards = Boards(tmp_path / "boards.toml")
    boards._path = tmp_path / "file" / "boards.toml"
    with pytest.raises(CalibrationError, match="cannot write"):
        boards.store(None, "edge", 2.0)
