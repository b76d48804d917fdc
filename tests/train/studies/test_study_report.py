"""What studies report with: numbers, tables, and files that are there or are said not to be."""

import math
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from edge.errors import OutputError
from train.engine.markdown import table
from train.studies.report import page, publish, save, spread


@pytest.mark.parametrize(
    ("values", "places", "text"),
    [
        ([0.5], 1, "50.0"),
        ([0.25, 0.75], 1, "50.0 ± 35.4"),
        ([0.5, 0.5, 0.5], 2, "50.00 ± 0.00"),
        ([math.nan], 1, "–"),
    ],
)
def test_shares_are_told_in_percent_with_their_deviation(
    values: list[float], places: int, text: str
) -> None:
    assert spread(values, places) == text


def test_a_report_is_written_with_its_tables_and_figures(tmp_path: Path) -> None:
    text = page("One.", table(["a", "b"], [["< 1", "<x>"], [2, "y|z"]]))
    assert text == "One.\n\n| a | b |\n| --- | --- |\n| < 1 | \\<x> |\n| 2 | y\\|z |\n"
    publish(tmp_path, text, {"drawn.png": Figure()})
    assert (tmp_path / "report.md").read_text("utf-8") == text
    assert (tmp_path / "drawn.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to"):
        publish(tmp_path / "file", "text")
    for name in ("file/drawn.png", "drawn.unknown"):
        with pytest.raises(OutputError, match="cannot write the figure"):
            save(Figure(), tmp_path / name)
