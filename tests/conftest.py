"""Options and fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def data_dir() -> Path:
    """Folder that holds the data sets as sub-folders: `ECG_DATA`, else `../shared/data`."""
    return Path(os.environ.get("ECG_DATA", ROOT.parent / "shared" / "data"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-data", action="store_true", help="fail, not skip, tests without recordings"
    )
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


@pytest.fixture(autouse=True)
def _needs_data(request: pytest.FixtureRequest) -> None:
    """`@pytest.mark.data_required("mitdb")` skips without the set, or fails if it is required."""
    marker = request.node.get_closest_marker("data_required")
    if marker is None:
        return
    for name in marker.args:
        if not (data_dir() / name).is_dir():
            text = (
                f"needs the recordings of {name}: run `edge-train fetch {name} --data DIR` "
                "and set ECG_DATA=DIR"
            )
            if request.config.getoption("--require-data"):
                pytest.fail(text)
            pytest.skip(text)


@pytest.fixture
def mitdb() -> Path:
    """The folder of the MIT-BIH Arrhythmia Database; use with `data_required("mitdb")`."""
    return data_dir() / "mitdb"
