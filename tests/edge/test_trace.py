"""The trace of the terminal view: no spike is lost, gaps are seen, and it fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.sinks.trace import CELLS_PER_S, Trace, cell
from firmware_bridge.block import LeadState, SampleBlock

ON, OFF = LeadState.ON, LeadState.OFF


def block(start: int, mv: np.ndarray, fs: float, state: LeadState = ON) -> SampleBlock:
    leads = tuple(f"L{i}" for i in range(mv.shape[1]))
    n = len(leads)
    return SampleBlock(start, mv.astype(np.float32), fs, leads, (state,) * n, (False,) * n)


@settings(max_examples=40)
@given(
    fs=st.sampled_from([60.0, 125.0, 360.0, 1000.0]),
    at_s=st.floats(1.5, 8.5),
    offset=st.sampled_from([0.0, -300.0, 5.0]),
    dots=st.booleans(),
    size=st.integers(7, 400),
)
def test_a_spike_of_one_sample_stands_out_where_it_is(
    fs: float, at_s: float, offset: float, dots: bool, size: int
) -> None:
    n, spike = round(10 * fs), round(at_s * fs)
    mv = np.full((n, 1), offset)
    period = round(1.7 * fs)
    mv[spike % period :: period] += 1.0
    trace = Trace(("L0",))
    for start in range(0, n, size):
        trace.push(block(start, mv[start : start + size], fs))
    width, rows = 80, 8
    lines, mv_row = trace.draw(0, cell(10.0), width, rows, 0, dots)
    assert [len(line) for line in lines] == [width] * rows
    assert 1 / rows <= mv_row <= 1
    here = width - 1 - cell(10.0) + cell(spike / fs)
    tall = [sum(line[column] != " " for line in lines) for column in range(width)]
    assert tall[here] > max(tall[here - 3], tall[here + 3])


@pytest.mark.parametrize(("state", "word"), [(ON, " gap "), (OFF, " lead off ")])
@pytest.mark.parametrize("dots", [False, True])
def test_what_is_no_signal_is_told_apart(state: LeadState, word: str, dots: bool) -> None:
    rng = np.random.default_rng(1)
    trace = Trace(("L0", "L1"))
    signal = rng.normal(size=(720, 2))
    trace.push(block(0, signal, 360))
    if state is OFF:
        trace.push(block(720, signal, 360, OFF))
    trace.push(block(1440, signal, 360))
    for lead in range(2):
        lines, _ = trace.draw(lead, cell(6.0), 6 * CELLS_PER_S + 1, 6, 0, dots)
        assert word in lines[3]
        others = "".join(line[20:30] for i, line in enumerate(lines) if i != 3)
        assert not others.strip()


@settings(max_examples=40)
@given(
    blocks=st.lists(
        st.tuples(st.integers(0, 10**7), st.integers(0, 5000), st.sampled_from([0, 1, 1e-9, 1e30])),
        max_size=6,
    ),
    bad=st.sampled_from([np.nan, np.inf, -np.inf, 0.0]),
    cells=st.integers(1, 999),
    rows=st.integers(1, 12),
    zoom=st.integers(-9, 9),
    dots=st.booleans(),
)
def test_any_samples_can_be_drawn(
    blocks: list[tuple[int, int, float]],
    bad: float,
    cells: int,
    rows: int,
    zoom: int,
    dots: bool,
) -> None:
    rng = np.random.default_rng(1)
    trace, next_ = Trace(("L0", "L1", "L2")), 0
    for lost, n, size in blocks:
        mv = rng.normal(size=(n, 3)) * size
        mv[: n // 3, 0] = bad
        mv[:, 2] = np.nan
        trace.push(block(next_ + lost, mv, 1000.0))
        next_ += lost + n
        for lead in range(3):
            lines, mv_row = trace.draw(lead, cell(next_ / 1000), cells, rows, zoom, dots)
            assert [len(line) for line in lines] == [cells] * rows
            assert mv_row > 0
            allowed = set(" _-`|x. leadofgp") | {chr(0x2800 + i) for i in range(256)}
            assert set("".join(lines)) <= allowed


def test_an_artefact_does_not_make_the_beats_small() -> None:
    mv = np.zeros((3600, 1))
    mv[100::360] = 1.0
    alone, spoilt = Trace(("L0",)), Trace(("L0",))
    alone.push(block(0, mv, 360))
    mv[1000:1100] = 200.0
    spoilt.push(block(0, mv, 360))
    drawn = [trace.draw(0, cell(10.0), 80, 8, 0, True)[1] for trace in (alone, spoilt)]
    assert drawn[0] == drawn[1]


def test_a_copy_stands_still() -> None:
    mv = np.random.default_rng(1).normal(size=(3600, 1))
    trace = Trace(("L0",))
    trace.push(block(0, mv, 360))
    frozen = trace.copy()
    before = frozen.draw(0, cell(10.0), 80, 8, 0, True)
    trace.push(block(3600, mv * 3, 360))
    assert frozen.draw(0, cell(10.0), 80, 8, 0, True) == before
