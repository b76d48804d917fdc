"""A made-up record with reference annotations."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from edge.synthetic import LEADS, synthesize


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Benchmarks that play records start no other process: it would not be patched."""
    monkeypatch.setattr("benchmarks.play.os.cpu_count", lambda: 1)


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose mitdb holds one record, 100: a minute of made beats."""
    data = tmp_path_factory.mktemp("data")
    write_made(data / "mitdb", "100", "NNNNNNNNSNNNNVNNNN" * 4, seed=1)
    return data


@pytest.fixture(scope="session")
def long_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made beats in mitdb: 100, seven minutes, and another rhythm, 201, five; a noise in nstdb."""
    data = tmp_path_factory.mktemp("long")
    write_made(data / "mitdb", "100", "NNNNNNNNSNNNNVNNNN" * 28, seed=1)
    write_made(data / "mitdb", "201", "VVVVNVVVVVNVVVVVV" * 36, seed=2)
    (data / "nstdb").mkdir()
    noise = np.random.default_rng(3).normal(0, 0.3, (360 * 60, 2))
    write_signal(data / "nstdb", "ma", 360, noise, ["noise1", "noise2"])
    return data


def write_signal(
    folder: Path, record: str, fs: float, mv: NDArray[np.floating], leads: Sequence[str]
) -> None:
    """A record of a signal in mV, [n, leads]."""
    wfdb.wrsamp(
        record,
        fs=fs,
        units=["mV"] * len(leads),
        sig_name=[*leads],
        p_signal=mv,
        fmt=["16"] * len(leads),
        write_dir=str(folder),
    )


def write_made(mitdb: Path, record: str, rhythm: str, *, seed: int) -> None:
    """A made record at 360 Hz with its reference annotations."""
    mitdb.mkdir(exist_ok=True)
    made = synthesize(rhythm, 360.0, np.random.default_rng(seed))
    write_signal(mitdb, record, 360, made.mv, LEADS)
    samples, symbols = zip(*made.beats, strict=True)
    atr = [{"N": "N", "S": "A", "V": "V"}[symbol] for symbol in symbols]
    wfdb.wrann(record, "atr", np.array(samples), atr, write_dir=str(mitdb))
