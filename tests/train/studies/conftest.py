"""Studies run in one process here, and look into each data set once."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from train.engine import manifest


@pytest.fixture
def one_process(one_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing changes a data set meanwhile, so that not every job need look for it."""
    known: dict[tuple[object, ...], dict[str, str]] = {}

    def contents(folder: Path, names: Iterable[str], kept: Path) -> dict[str, str]:
        key = (folder, *names, kept)
        if key not in known:
            known[key] = manifest.contents(folder, names, kept)
        return known[key]

    monkeypatch.setattr("train.data.windows.contents", contents)
