"""Made data sets on disk, small enough that a command goes through them within seconds."""

import os
import pickle
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import wfdb

from edge.synthetic import LEADS, synthesize
from tests.conftest import data_dir
from train.student import crossval
from train.student.distillation import TINY_RECORDS
from train.studies import harness

SHOWN = "00012_lr"
"""A record that `some_sets` holds whatever else it does."""
SYMBOLS = {"N": "N", "S": "A", "V": "V"}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small networks gain nothing from more, and two tests at a time lose."""
    torch.set_num_threads(1)


class Inline:
    """A pool without processes: importing torch takes a process longer than its work here."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> "Inline":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """What another process would find, which gets no more than can be sent to it."""
        done: Future[Any] = Future()
        sent, given = pickle.loads(pickle.dumps((work, args)))
        done.set_result(pickle.loads(pickle.dumps(sent(*given))))
        return done


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies and cross-validation start no other."""
    for module in (crossval, harness):
        monkeypatch.setattr(module, "ProcessPoolExecutor", Inline)


def write(folder: Path, name: str, mv: np.ndarray, leads: list[str], fs: float = 360) -> None:
    """A WFDB record, [n, leads]."""
    folder.mkdir(parents=True, exist_ok=True)
    wfdb.wrsamp(
        name,
        fs=fs,
        units=["mV"] * mv.shape[1],
        sig_name=leads,
        p_signal=mv,
        fmt=["16"] * mv.shape[1],
        write_dir=str(folder),
    )


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one test finds what another has trained, and the windows that any process has cut."""
    here = tmp_path_factory.getbasetemp()
    folder = (here.parent if "PYTEST_XDIST_WORKER" in os.environ else here) / "runs"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def some_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data sets, ptbxl with every third of its records."""
    data = tmp_path_factory.mktemp("sets")
    for whole in data_dir().iterdir():
        if whole.name != "ptbxl":
            (data / whole.name).symlink_to(whole)
    for i, header in enumerate(sorted((data_dir() / "ptbxl").rglob("*.hea"))):
        if i % 3 == 0 or header.stem == SHOWN:
            folder = data / header.parent.relative_to(data_dir())
            folder.mkdir(parents=True, exist_ok=True)
            for file in header.parent.glob(f"{header.stem}.*"):
                (folder / file.name).symlink_to(file)
    for file in (data_dir() / "ptbxl").glob("*.csv"):
        (data / "ptbxl" / file.name).symlink_to(file)
    return data


@pytest.fixture(scope="session")
def made_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder: of mitdb the records of a tiny run, two minutes each, and nstdb's noises."""
    data = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in TINY_RECORDS:
        order = rng.permutation(["NNNNN", "NNNVNN", "NNSNNN", "NNVNNS"] * 6)
        made = synthesize("NNN" + "".join(order), 360.0, rng, rng.uniform(0.7, 0.9))
        write(data / "mitdb", name, made.mv, list(LEADS))
        sample, label = zip(*made.beats, strict=True)
        wfdb.wrann(
            name,
            "atr",
            np.array([18, *sample]),
            ["+", *(SYMBOLS[of] for of in label)],
            aux_note=["(N", *[""] * len(sample)],
            write_dir=str(data / "mitdb"),
        )
    for name in ("bw", "ma"):
        noise = rng.normal(0, 0.3, (360 * 600, 2))
        write(data / "nstdb", name, noise, ["noise1", "noise2"])
    return data
