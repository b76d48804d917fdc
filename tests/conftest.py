"""Options and fixtures that every test may use."""

import gc
import importlib.util
import os
import signal
import sys
import tomllib
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from benchmarks.system.browser import Browser

# Before NumPy and torch are imported, here or in what is started: two tests run at a time, and
# threads that wait for each other on taken cores cost more than they bring.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# A test is no clock: a board, or a busy machine, may take its time.
settings.register_profile("edge", deadline=None)
settings.load_profile("edge")
pytest.register_assert_rewrite("tests.edge.bedside")  # what is asserted there is told too
ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # last: what is installed goes before what is here
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
COMPILED: list[str] = PROJECT["tool"]["edge-ecg"]["compiled"]


def data_dir() -> Path:
    """Folder that holds the data sets as sub-folders: `ECG_DATA`, else `../shared/data`."""
    return Path(os.environ.get("ECG_DATA", ROOT.parent / "shared" / "data"))


def pytest_configure() -> None:
    # A shell's background jobs ignore interrupts, nohup's hang-ups, and what they start does too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-data", action="store_true", help="fail, not skip, tests without recordings"
    )
    parser.addoption(
        "--require-compiled", action="store_true", help="fail if what can be is not compiled"
    )
    parser.addoption(
        "--require-firmware", action="store_true", help="fail, not skip, tests without a toolchain"
    )
    parser.addoption(
        "--require-browser", action="store_true", help="fail, not skip, tests without Chromium"
    )
    parser.addoption("--slow", action="store_true", help="run the slow tests too")


def origin(module: str) -> Path:
    """The file that `module` is imported from."""
    spec = importlib.util.find_spec(module)
    assert spec
    assert spec.origin
    return Path(spec.origin)


def pytest_report_header() -> str:
    return "compiled where possible: " + ", ".join(str(origin(name)) for name in COMPILED)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow = [item for item in items if item.get_closest_marker("slow")]
    if config.getoption("--slow"):
        # Where files are dealt out to several, no one is left with a long one at the end: those
        # with slow tests first, training's before others.
        files = {item.path for item in slow}
        items.sort(key=lambda item: (item.path in files, item.path), reverse=True)
    else:
        for item in slow:
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


def pytest_collection_finish() -> None:
    # What is imported by now stays: looking for garbage need not go through it again and again.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.data_required("mitdb")` skips without the set, or fails if it is required.

    Before any fixture, a module's too, which may read the set.
    """
    marker = item.get_closest_marker("data_required")
    if marker is None:
        return
    for name in marker.args:
        if not (data_dir() / name).is_dir():
            text = (
                f"needs the recordings in {name}/: run `edge-train fetch` for them with "
                "`--data DIR` and set ECG_DATA=DIR"
            )
            if item.config.getoption("--require-data"):
                pytest.fail(text)
            pytest.skip(text)


@pytest.fixture
def data_sets(request: pytest.FixtureRequest) -> Path:
    """The folder that holds the data sets; only with `data_required`, by which CI finds a test."""
    assert request.node.get_closest_marker("data_required")
    return data_dir()


@pytest.fixture
def mitdb(data_sets: Path) -> Path:
    """The folder of the MIT-BIH Arrhythmia Database; only with `data_required`."""
    return data_sets / "mitdb"


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator["Browser"]:
    """A Chromium without a screen."""
    from benchmarks.system.browser import chromium, started

    binary = chromium()
    if binary is None:
        text = "needs a browser: install Debian's package chromium"
        if request.config.getoption("--require-browser"):
            pytest.fail(text)
        pytest.skip(text)
    with started(binary) as running:
        yield running


@pytest.fixture(scope="session")
def pure() -> dict[str, ModuleType]:
    """The sources of the modules in COMPILED, by name, run as Python beside those imported."""
    with patch.dict(sys.modules):  # so that they import each other
        for name in COMPILED:
            source = origin(name).with_name(name.rpartition(".")[2] + ".py")
            loader = SourceFileLoader(name, str(source))
            spec = importlib.util.spec_from_loader(name, loader)
            assert spec
            sys.modules[name] = importlib.util.module_from_spec(spec)
            loader.exec_module(sys.modules[name])
        return {name: sys.modules[name] for name in COMPILED}
