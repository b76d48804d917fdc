"""What is installed is what is here, compiled where it should be, and does what its source does."""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import edge.beats
import edge.quality
from edge import demo
from edge.filters import STREAM_FS, Array, Resampler
from edge.mains import Mains
from edge.qrs import QrsDetector
from edge.stream import SECOND
from tests.conftest import COMPILED, ROOT, origin

PACKAGES = ("firmware_bridge", "edge", "train", "quantize", "benchmarks")


def compiled(module: str) -> bool:
    return origin(module).name.endswith(tuple(EXTENSION_SUFFIXES))


@pytest.mark.parametrize("package", PACKAGES)
def test_the_tests_run_what_is_here(package: str) -> None:
    installed = origin(package).parent
    here = [*(ROOT / package).rglob("*.py"), *(ROOT / package).rglob("*.pxd")]
    copies = [installed / path.relative_to(ROOT / package) for path in here]
    other = [
        path.name
        for path, copy in zip(here, copies, strict=True)
        if not copy.exists() or copy.read_bytes() != path.read_bytes()
    ]
    assert not other, "install again, or test what is here with `python -m pytest`"


@pytest.mark.parametrize("module", COMPILED)
def test_what_can_be_is_compiled(module: str, request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--require-compiled"):
        pytest.skip("whether it is depends on the compiler; asked with --require-compiled")
    assert compiled(module)


def test_the_sources_run_beside_the_compiled_modules(pure: dict[str, ModuleType]) -> None:
    for name, module in pure.items():
        assert Path(module.__file__ or "").suffix == ".py"
        assert module is not __import__(name, fromlist=["_"])
    assert pure["edge.qrs"].Resampler is pure["edge.filters"].Resampler
    assert pure["edge.qrs"].QrsDetector is not QrsDetector


needs_compiled = pytest.mark.skipif(not all(map(compiled, COMPILED)), reason="all is pure Python")


@needs_compiled
@pytest.mark.parametrize("chunk", [7, 360, 100_000])
def test_compiled_and_pure_give_the_same_peaks(pure: dict[str, ModuleType], chunk: int) -> None:
    mv = demo.stream()[1].mv
    mv[5000:5100] = np.nan
    detectors = [kind(demo.FS, mv.shape[1]) for kind in (QrsDetector, pure["edge.qrs"].QrsDetector)]
    peaks, expected = (
        [peak for at in range(0, len(mv), chunk) for peak in detector.push(mv[at : at + chunk])]
        + detector.flush()
        for detector in detectors
    )
    assert len(peaks) > 40
    assert peaks == expected


def judged(mv: Array, beats: ModuleType, quality: ModuleType) -> list[object]:
    """Everything that is told of each beat in a stream, [n, leads]."""
    context = beats.BeatContext(mv.shape[1])
    told: list[object] = []
    for peak in QrsDetector(STREAM_FS, mv.shape[1]).push(mv)[1:-1]:
        window = beats.cut(mv, peak.sample, peak.sample + SECOND)
        second = mv[peak.sample - SECOND // 2 : peak.sample + SECOND // 2]
        leads = quality.assess(second, context.height)
        inputs = [*context.input(window, 0.8, None), *context.input(window, 0.8, 1.0)]
        context.learn(window, 0.8, np.array([lead.weight > 0 for lead in leads]))
        told.append((leads, [x.tobytes() for x in inputs]))
    return told


@needs_compiled
def test_compiled_and_pure_give_the_same_beats(pure: dict[str, ModuleType]) -> None:
    mv = Resampler(demo.FS, 2).push(demo.stream()[1].mv)
    mv[5000:5100, 0] = np.nan
    told = judged(mv, edge.beats, edge.quality)
    assert len(told) > 40
    assert told == judged(mv, pure["edge.beats"], pure["edge.quality"])


@needs_compiled
@pytest.mark.parametrize("fs", [128.0, 360.0])
def test_compiled_and_pure_take_out_the_same_hum(pure: dict[str, ModuleType], fs: float) -> None:
    t = np.arange(4000)[:, None] / fs
    mv = 0.2 * np.cos(2 * np.pi * 50.2 * t) + 0.1 * np.cos(2 * np.pi * 59.9 * t + [0.0, 1.0])
    mv += np.random.default_rng(0).normal(0, 0.01, mv.shape)
    mv[1500:1600, 0] = np.nan
    expected = pure["edge.mains"].Mains(fs, 2).push(mv)
    np.testing.assert_array_equal(Mains(fs, 2).push(mv), expected)
