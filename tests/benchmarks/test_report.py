"""Tables and plain data made from counts."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.beats.counts import (
    confusion_table,
    counts_data,
    rates_table,
    record_table,
    set_data,
)
from benchmarks.report import spread
from benchmarks.tables import percent, table
from train.metrics.ec57 import Counts

cells = st.text(alphabet="abc019-.", min_size=1)


def some_counts() -> Counts:
    """100 N of which 90 are found, one of them as V; 2 extra V; 4 V found; one U."""
    counts = Counts()
    counts.confusion[0, 0] = 89
    counts.confusion[0, 2] = 1
    counts.confusion[0, 6] = 10
    counts.confusion[2, 2] = 3
    counts.confusion[2, 5] = 1
    counts.confusion[5, 2] = 2
    return counts


@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1))
def test_table_keeps_its_cells_in_columns(rows: list[list[str]]) -> None:
    lines = table(rows[0], rows[1:]).splitlines()
    assert len(lines) == len(rows)
    assert len({len(line) for line in lines}) == 1
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for line, row in zip(lines, rows, strict=True):
        ends = np.cumsum(widths) + np.array([0, 2, 4])
        assert [line[: ends[0]].strip(), line[ends[0] : ends[1]].strip()] == row[:2]
        assert line[ends[1] :].strip() == row[2]


def test_rates_by_hand() -> None:
    lines = rates_table({"100": some_counts(), "101": Counts()}).splitlines()
    found = {line.split("  ")[0]: line.split() for line in lines}
    assert found["QRS"][1:3] == ["90.38", "97.92"]  # 94 of 104, 94 of 96
    assert found["QRS"][-3:] == ["94", "10", "2"]
    assert found["V"][1:4] == ["75.00", "50.00", "60.00"]
    assert found["V"][4:7] == ["75.00", "50.00", "60.00"]  # the empty record is no part of it
    assert found["VEB (EC57)"][2:4] == ["75.00", "50.00"]
    assert found["S"][1:4] == ["-", "-", "-"]
    assert "U" in confusion_table(some_counts()).splitlines()[0]
    row = record_table({"100": some_counts()}).splitlines()[1].split()
    assert row[:5] == ["100", "104", "10", "2", "1"]


def test_data_is_json_and_says_undefined() -> None:
    data: Any = json.loads(
        json.dumps(set_data({"100": some_counts(), "101": Counts()}), allow_nan=False)
    )
    assert list(data["gross"]["confusion"]["N"].items()) == list(
        zip("NSVFQUO", (89, 0, 1, 0, 0, 0, 10), strict=True)
    )
    assert data["gross"]["rates"]["V"]["f1"] == pytest.approx(0.6)
    assert data["records"]["101"]["rates"]["QRS"]["se"] is None
    assert data["average"]["V"]["se"] == 0.75
    assert counts_data(Counts())["macro_f1"] is None


def test_numbers() -> None:
    assert percent(0.99995) == "100.00"
    assert percent(0.5) == "50.00"
    assert percent(math.nan) == "-"
    assert spread(np.array([])) == {"median": None, "p95": None, "max": None}
    assert spread(np.arange(101.0)) == {"median": 50.0, "p95": 95.0, "max": 100.0}
