"""A made-up record with reference annotations, and a bundle with random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
import wfdb

from edge.beats import BEFORE, CONTEXT, SAMPLES, WINDOW_FS
from edge.bundle import Training
from edge.synthetic import LEADS, synthesize
from quantize.export import write_bundle
from quantize.fakequant import Beats, FakeQuant
from train.models.student import Student, StudentConfig


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose mitdb holds one record, 100: a minute of made beats."""
    data = tmp_path_factory.mktemp("data")
    (data / "mitdb").mkdir()
    made = synthesize("NNNNNNNNSNNNNVNNNN" * 4, 360.0, np.random.default_rng(1))
    folder = str(data / "mitdb")
    wfdb.wrsamp(
        "100",
        fs=360,
        units=["mV"] * len(LEADS),
        sig_name=list(LEADS),
        p_signal=made.mv,
        fmt=["16"] * len(LEADS),
        write_dir=folder,
    )
    samples, symbols = zip(*made.beats, strict=True)
    atr = [{"N": "N", "S": "A", "V": "V"}[symbol] for symbol in symbols]
    wfdb.wrann("100", "atr", np.array(samples), atr, write_dir=folder)
    return data


@pytest.fixture(scope="session")
def made_bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a bundle whose model knows nothing."""
    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    student = Student(StudentConfig(context=len(CONTEXT))).eval()
    twin = FakeQuant(student)
    twin.calibrate(
        Beats(
            rng.standard_normal((64, 2, SAMPLES)).astype(np.float32),
            rng.standard_normal((64, len(CONTEXT))).astype(np.float32),
            np.zeros(64, np.int64),
        )
    )
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(
        folder,
        student,
        twin,
        name="made",
        version="1",
        fs_hz=WINDOW_FS,
        before_r=BEFORE,
        channels=("beat", "template"),
        context=CONTEXT,
        thresholds={},
        training=Training("none", "none", 3, "none", {}),
        figures={},
    )
    return str(folder)
