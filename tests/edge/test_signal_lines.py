"""What is made of a WFDB header's lines of signals, against wfdb itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

wfdb_header = pytest.importorskip("wfdb.io._header")

from edge.files.wfdb import _fields  # noqa: E402

LINE = "d_lr.dat 212x2:3+24 1000.5(-12)/mV 16 -7 -119 1508 0 lead aVR"


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    """Some lines of signals, cut short and with a few characters changed."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        line = list(LINE[: draw(st.integers(0, len(LINE)))])
        for place in draw(st.lists(st.integers(0, len(LINE) - 1), max_size=3)):
            line[place : place + 1] = draw(st.sampled_from(["", " ", *"0/():x+-.e9a"]))
        found.append("".join(line))
    return found


@given(lines())
def test_is_what_wfdb_makes_of_them(some: list[str]) -> None:
    try:
        expected = wfdb_header._parse_signal_lines(some)
    except Exception:
        with pytest.raises(ValueError):  # noqa: PT011
            _fields(some)
        return
    assert repr(_fields(some)) == repr(expected)  # types too, and NaN
