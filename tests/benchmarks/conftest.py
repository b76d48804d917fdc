"""A made-up record with reference annotations."""

from pathlib import Path

import numpy as np
import pytest
import wfdb

from edge.synthetic import LEADS, synthesize


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
