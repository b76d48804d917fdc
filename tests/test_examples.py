"""The examples run as they stand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import edge

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("name", "lines", "says"),
    [
        ("watch_port.py", 50, "pause: no beat"),
        ("own_samples.py", 19, "NNNNNNNNNNVNNNNNNN 0 alarms"),
    ],
)
def test_example(tmp_path: Path, name: str, lines: int, says: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(edge.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert len(done.stdout.splitlines()) >= lines
    assert says in done.stdout
