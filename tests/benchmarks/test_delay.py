"""The delay curve ends where the score begins."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.beats.counts import counts_data
from benchmarks.beats.delay import DELAYS_MS
from benchmarks.beats.protocol import Protocol, compare_all
from benchmarks.cli import main
from benchmarks.play import play
from edge.bundle import DEFAULT_BUNDLE


@pytest.fixture
def curve(made_data: Path, tmp_path: Path) -> Any:
    out, picture = tmp_path / "figures.json", tmp_path / "picture.png"
    arguments = ["delay", "--data", str(made_data), "--set", "100", "--lead", "0"]
    assert main([*arguments, "--json", str(out), "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    return json.loads(out.read_text())


def test_the_last_point_is_the_score_and_the_shipped_one_the_provisional_label(
    curve: Any, made_data: Path
) -> None:
    protocol = Protocol(made_data / "mitdb", ["100"], ["0"], "papers")
    played = play(made_data / "mitdb" / "100", ["0"], DEFAULT_BUNDLE, None)
    final = compare_all([played], protocol, 0)["100"]
    assert curve["points"][-1]["gross"] == json.loads(json.dumps(counts_data(final)))
    assert curve["points"][-1]["given_ms"]["median"] == np.median(played.final_delay_ms)
    shipped = next(point for point in curve["points"] if point["shipped"])
    confusion = compare_all([first(played)], protocol, 0)["100"].confusion
    assert [list(row.values()) for row in shipped["gross"]["confusion"].values()] == (
        confusion.tolist()
    )


def first(played: Any) -> Any:
    """A play whose final labels are the provisional ones."""
    return type(played)(
        *(played.record, played.fs, played.sample, played.provisional, played.provisional),
        *(played.final_delay_ms, played.provisional_delay_ms),
    )


def test_nothing_later_than_the_limit_is_used(curve: Any) -> None:
    points = curve["points"]
    limits = [point["within_ms"] for point in points]
    assert limits[-1] is None
    assert limits[:-1] == sorted(limits[:-1])
    assert set(DELAYS_MS) < set(limits)
    for point in points[:-1]:
        given = point["given_ms"]["median"]
        assert given <= point["within_ms"] or point["in_time"] < 0.5
        assert 0 <= point["in_time"] <= 1
    at_200 = next(point for point in points if point["within_ms"] == 200)
    assert 190 < at_200["given_ms"]["median"] <= 200
    assert at_200["in_time"] > 0.9
