"""The bounds of the sampling rate: every way in has the same ones, and says so alike."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.batch import annotate
from edge.cli.values import rate
from edge.errors import RecordError
from edge.filters import Resampler
from edge.live import follow
from edge.monitor import Monitor
from edge.rates import check_rate, possible
from edge.replay import Opened
from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.errors import ProtocolError

X = np.random.default_rng(0).normal(size=3000)


def board(fs: float) -> None:
    """Samples of a board with that rate, to the first event."""
    mv = X[:, None].astype(np.float32)
    block = SampleBlock(0, mv, fs, ("II",), (LeadState.UNKNOWN,), (False,))
    next(follow([block], Monitor()))


@pytest.mark.parametrize("fs", [59.9, 1000.1, 1e9])
@pytest.mark.parametrize(
    ("enter", "error"),
    [
        (lambda fs, path: rate(str(fs)), ArgumentTypeError),
        (lambda fs, path: annotate(X, fs), ValueError),
        (lambda fs, path: Monitor(fs=fs), ValueError),
        (lambda fs, path: Resampler(fs, 1), ValueError),
        (lambda fs, path: board(fs), ProtocolError),
        (lambda fs, path: Opened(path, fs=fs), RecordError),
        (lambda fs, path: Opened(path, [0], fs=fs), RecordError),
    ],
)
def test_every_way_in_says_the_same(
    enter: Callable[[float, Path], object], error: type[Exception], fs: float, tmp_path: Path
) -> None:
    path = tmp_path / "x.npy"
    np.save(path, X)
    with pytest.raises(error, match=r"must be from 60 to 1000 Hz, not '?\d+") as refused:
        enter(fs, path)
    assert type(refused.value) is error
    for inside in (60.0, 1000.0):
        enter(inside, path)


@given(st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none()))
def test_whatever_is_given_is_a_rate_or_refused(fs: object) -> None:
    good = type(fs) in (int, float) and 60 <= fs <= 1000  # type: ignore[operator]
    assert possible(fs) is good
    if not good:
        with pytest.raises(ValueError, match=r"^it must be from 60 to 1000 Hz, not "):
            check_rate(fs, "it", ValueError)
