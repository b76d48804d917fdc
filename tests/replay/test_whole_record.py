"""Whole recordings through the whole path."""

from pathlib import Path

import pytest

from edge.cli.run import main


@pytest.mark.slow
@pytest.mark.data_required("mitdb")
@pytest.mark.parametrize("record", ["100", "208"])
def test_half_an_hour_over_a_pseudo_terminal_is_the_same(
    mitdb: Path, tmp_path: Path, record: str
) -> None:
    written = {}
    for via in ("direct", "pty"):
        path = tmp_path / via
        argv = ["--replay", str(mitdb / record), "--speed", "max", "--via", via, "--quiet"]
        assert main([*argv, "--jsonl", str(path), "--annotate", str(tmp_path / f"{via}.d")]) == 0
        lines = path.read_text().splitlines()
        written[via] = (
            [line for line in lines if '"type":"link"' not in line][1:],  # without the session
            (tmp_path / f"{via}.d" / f"{record}.edge").read_bytes(),
        )
    assert len(written["direct"][0]) > 4000
    assert written["direct"] == written["pty"]
