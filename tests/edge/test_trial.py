"""A bundle that may be anything is played, or refused in a sentence; nothing crashes."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge import demo, trial
from edge.bundle import ONNX, TFLITE, Bundle
from edge.classify import Backend, Classifier
from edge.cli.run import main
from edge.errors import EdgeError
from edge.monitor import Monitor
from tests.edge.forked import CODE, forked

SHIPPED = Path(demo.__file__).parent / "bundles" / "student"
MODELS: tuple[tuple[Backend, str], ...] = (("litert", TFLITE), ("onnx", ONNX))
RUNTIMES: dict[Backend, str] = {"litert": "ai_edge_litert.interpreter", "onnx": "onnxruntime"}
AT_ONCE = 3  # each is mostly a process of its own
FUZZED = int(os.environ.get("FUZZED", "200"))
"""Bundles that are tried for each model, with `--slow`."""


def copy(folder: Path, **models: bytes) -> Path:
    """The shipped bundle, elsewhere, with other files that its manifest vouches for."""
    if not folder.exists():
        shutil.copytree(SHIPPED, folder)
    manifest = json.loads((SHIPPED / "manifest.json").read_text())
    for name, content in models.items():
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        manifest["files"][name] = {"sha256": digest, "bytes": len(content)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Bits turned over, words overwritten, or the end cut off."""
    data = np.frombuffer(content, np.uint8).copy()
    match rng.integers(4):
        case 0:
            return data[: rng.integers(len(data))].tobytes()
        case 1:
            at = int(rng.integers(len(data) - 4))
            data[at : at + 4] = rng.choice(np.array([0, 1, 0x7F, 0xFF], np.uint8), 4)
        case _:
            for bit in rng.integers(8 * len(data), size=rng.integers(1, 30)):
                data[bit // 8] ^= 1 << (bit % 8)
    return data.tobytes()


def check(error: EdgeError) -> None:
    """The one sentence, and its exit code."""
    assert str(error).isprintable()
    assert error.exit_code == 6


def used(folder: Path, backend: Backend) -> None:
    """As `edge-run` does: the whole bundle, to a first observation; EdgeError if refused."""
    Monitor(str(folder), backend=backend)


@pytest.mark.parametrize(("backend", "name"), MODELS)
def test_a_right_bundle_is_never_refused(backend: Backend, name: str, tmp_path: Path) -> None:
    used(copy(tmp_path / "elsewhere"), backend)
    used(SHIPPED, backend)


def test_what_is_shipped_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_CODE", "import os; os.abort()")
    Classifier(Bundle.load("student"))


CODES = {
    "import os; os.abort()": r"crashed the runtime \(signal 6\)",
    "import os; os.kill(os.getpid(), 11)": r"crashed the runtime \(signal 11\)",
    "while True: pass": "did not end within 1 s of CPU time",
    "import time; time.sleep(60)": "did not end within 3 s",
    "print('it is bad.'); import sys; sys.exit(6)": "and it is bad: get the bundle again",
}


@pytest.mark.parametrize("code", CODES)
def test_what_ends_another_process_does_not_end_this_one(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 2))\n"
    monkeypatch.setattr(trial, "_CODE", limit + code)
    monkeypatch.setattr(trial, "WAIT_S", 3.0)
    monkeypatch.setattr(trial, "CPU_S", 1)
    trial._end.cache_clear()
    assert main(["--demo", "--speed", "max", "--model", str(copy(tmp_path / "b"))]) == 6
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert re.search(CODES[code], err)
    trial._end.cache_clear()


@pytest.mark.parametrize("code", ["import nothing_like_it", "raise SystemExit(1)", ""])
def test_a_trial_that_cannot_be_made_refuses_nothing(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_CODE", code)
    trial._end.cache_clear()
    used(copy(tmp_path / "b"), "litert")
    trial._end.cache_clear()
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    used(copy(tmp_path / "b"), "litert")
    trial._end.cache_clear()


def test_a_model_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy(tmp_path / "b")
    used(folder, "litert")
    monkeypatch.setattr(subprocess, "run", None)
    used(folder, "litert")


def test_a_trial_finds_the_packages_wherever_it_is_started(tmp_path: Path) -> None:
    """From a folder with other modules of those names, and with a path set in Python alone."""
    (tmp_path / "numpy.py").write_text("raise SystemExit(6)")
    (tmp_path / "edge.py").write_text("raise SystemExit(6)")
    folder = copy(tmp_path / "b")
    code = f"import sys; sys.path[:] = [{str(CODE)!r}] + [p for p in sys.path if p]; import edge; "
    code += f"edge.Monitor({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)


def test_a_model_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.classify.SLOWEST_S", 0.0)
    with pytest.raises(EdgeError, match=r"more than 0 s for one beat"):
        used(SHIPPED, "litert")


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize(("backend", "name"), MODELS)
def test_a_damaged_model(backend: Backend, name: str, number: int, tmp_path: Path) -> None:
    fuzz(backend, name, range(number, number + 1), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "name"), MODELS)
def test_hundreds_of_damaged_models(
    backend: Backend, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In processes that are forked, not started, as are those of `test_a_damaged_model`."""
    modules = "edge.trial", "edge.classify", RUNTIMES[backend]

    def run(
        argv: list[str], *, input: bytes, env: dict[str, str], **_: object
    ) -> subprocess.CompletedProcess[bytes]:
        given, out = (tmp_path / f"{threading.get_ident()}.{end}" for end in ("in", "out"))
        given.write_bytes(input)
        out.write_bytes(b"")
        code = forked(modules, argv[-1], (str(given), str(out), os.devnull), env)
        return subprocess.CompletedProcess(argv, code, out.read_bytes())

    monkeypatch.setattr(subprocess, "run", run)
    fuzz(backend, name, range(100, 100 + FUZZED), tmp_path)


def fuzz(backend: Backend, name: str, seeds: range, folder: Path) -> None:
    content = (SHIPPED / name).read_bytes()

    def one(seed: int) -> None:
        model = damaged(content, np.random.default_rng(seed))
        bundle = copy(folder / str(seed), **{name: model})
        began = time.monotonic()
        try:
            used(bundle, backend)
        except EdgeError as error:
            check(error)
        assert time.monotonic() - began < 90

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, seeds))


def test_damaged_manifests(tmp_path: Path) -> None:
    folder = copy(tmp_path / "b")
    content = (folder / "manifest.json").read_bytes()
    refused = 0
    for seed in range(FUZZED):
        (folder / "manifest.json").write_bytes(damaged(content, np.random.default_rng(seed)))
        try:
            Bundle.load(folder)
        except EdgeError as error:
            refused += 1
            check(error)
    assert refused > FUZZED / 2


def windows() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    spec = Bundle.load(SHIPPED).manifest.input
    return (
        np.zeros((1, len(spec.channels), spec.samples), np.float32),
        np.zeros((1, len(spec.context)), np.float32),
    )


NUMBERS: list[object] = [
    0,
    -1,
    1,
    1e-9,
    1e9,
    -1e9,
    1e300,
    -1e300,
    1e-300,
    255,
    65537,
    2**63,
    True,
    None,
    "1",
    [],
]


@pytest.mark.parametrize(
    "place",
    [
        ("input", "context_mean", 3), ("input", "context_std", 3), ("input", "fs_hz"),
        ("input", "samples"), ("input", "before_r"), ("input", "ecg_quantization", "scale"),
        ("input", "ecg_quantization", "zero_point"), ("input", "logits_quantization", "scale"),
        ("thresholds", "temperature"), ("thresholds", "unknown_below"), ("thresholds", "other"),
        ("classes", 0), ("input", "channels", 0), ("input", "context", 0),
    ],
)  # fmt: skip
def test_any_number_in_a_manifest_works_or_is_refused(
    place: tuple[str | int, ...], tmp_path: Path
) -> None:
    folder = copy(tmp_path / "b")
    for number in NUMBERS:
        manifest = json.loads((SHIPPED / "manifest.json").read_text())
        inner = manifest
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = number
        (folder / "manifest.json").write_text(json.dumps(manifest))
        try:
            classifier = Classifier(Bundle.load(folder), "onnx")
        except EdgeError as error:
            check(error)
            continue
        found = classifier.probabilities(*windows())
        assert np.isfinite(found).all()
        assert found.sum() == pytest.approx(1, rel=1e-5)
        assert 0 <= classifier.unknown_below <= 1


def made(folder: Path, kind: str) -> str:
    """Something that is no bundle of this version."""
    manifest = json.loads((SHIPPED / "manifest.json").read_text())
    match kind:
        case "empty folder":
            folder.mkdir()
        case "file":
            folder.write_text("a bundle?")
        case "model file":
            return str(SHIPPED / TFLITE)
        case "old format" | "new format" | "three leads":
            shutil.copytree(SHIPPED, folder)
            if kind == "three leads":
                manifest["input"]["channels"] = [f"{n} {i}" for i in range(3) for n in ("a", "b")]
            else:
                manifest["format"] = 0 if kind == "old format" else 3
            (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nothing", "There is no bundle"),
        ("file", "There is no bundle"),
        ("model file", "There is no bundle"),
        ("empty folder", "has no file manifest.json"),
        ("old format", "manifest format 0, and this edge-ecg reads format 2"),
        ("new format", "manifest format 3, and this edge-ecg reads format 2"),
        ("three leads", "made for other windows"),
    ],
)
def test_what_is_no_bundle_of_this_version(
    kind: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--demo", "--speed", "max", "--model", made(tmp_path / "b", kind)]) == 6
    out, err = capsys.readouterr()
    assert not out
    assert words in err
    assert err.count("\n") == 1
