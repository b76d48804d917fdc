import builtins
import dataclasses
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle import ONNX, TFLITE, Bundle, Quantization
from edge.classify import Backend, Classifier
from edge.errors import BackendError, BundleError
from tests.quantize.synthetic import FEATURES, beats, trained, write
from train.student.training import logits

BACKENDS: tuple[Backend, ...] = ("litert", "onnx")
MODULES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "onnxruntime")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write(tmp_path_factory.mktemp("bundle"))


def inputs(n: int, seed: int = 9) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    made = beats(n, seed)
    return made.ecg, made.context


@pytest.mark.parametrize("backend", BACKENDS)
def test_probabilities_are_the_trained_students(bundle: Bundle, backend: Backend) -> None:
    classifier = Classifier(bundle, backend)
    assert classifier.backend == backend
    test = beats(300, seed=10)
    got = classifier.probabilities(test.ecg, test.context)
    assert got.shape == (300, 4)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.sum(1), 1, rtol=1e-6)
    expected = logits(trained()[1], test).softmax(1).numpy()
    np.testing.assert_allclose(got, expected, atol=0.1)
    assert np.abs(got - expected).mean() < 1e-3
    assert (got.argmax(1) == test.label).mean() > 0.95


def test_back_ends_agree(bundle: Bundle) -> None:
    ecg, context = inputs(500)
    one, two = (Classifier(bundle, backend).probabilities(ecg, context) for backend in BACKENDS)
    assert (one.argmax(1) == two.argmax(1)).mean() >= 0.999
    assert (one == two).mean() >= 0.99


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_row_depends_on_itself_alone_bit_for_bit(bundle: Bundle, backend: Backend) -> None:
    ecg, context = inputs(50)
    classifier = Classifier(bundle, backend)
    together = classifier.probabilities(ecg, context)
    order = np.random.default_rng(0).permutation(50)
    assert np.array_equal(classifier.probabilities(ecg[order], context[order]), together[order])
    again = Classifier(bundle, backend)
    for i in range(50):
        alone = again.probabilities(ecg[i : i + 1], context[i : i + 1])
        assert np.array_equal(alone[0], together[i])
    strided = np.asfortranarray(ecg)
    assert np.array_equal(classifier.probabilities(strided, context), together)


@pytest.mark.parametrize("backend", BACKENDS)
def test_temperature_divides_the_logits(bundle: Bundle, backend: Backend) -> None:
    ecg, context = inputs(50)
    plain = Classifier(bundle, backend).probabilities(ecg, context)
    manifest = dataclasses.replace(bundle.manifest, thresholds={"temperature": 3.0})
    warm = dataclasses.replace(bundle, manifest=manifest)
    got = Classifier(warm, backend).probabilities(ecg, context)
    cube_root = np.cbrt(plain.astype(np.float64))
    np.testing.assert_allclose(got, cube_root / cube_root.sum(1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_rows_give_no_probabilities(bundle: Bundle, backend: Backend) -> None:
    ecg, context = inputs(0)
    assert Classifier(bundle, backend).probabilities(ecg, context).shape == (0, 4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_beyond_the_range_saturate(bundle: Bundle, backend: Backend) -> None:
    ecg = np.full((1, 2, 128), 1e30, np.float32)
    context = np.full((1, FEATURES), -1e30, np.float32)
    classifier = Classifier(bundle, backend)
    far = classifier.probabilities(ecg, context)
    assert np.array_equal(classifier.probabilities(ecg / 1e20, context / 1e20), far)
    assert np.isfinite(far).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bundle: Bundle, value: float) -> None:
    classifier = Classifier(bundle)
    for part in (0, 1):
        arrays = inputs(2)
        arrays[part][1].flat[3] = value
        with pytest.raises(ValueError, match="not finite"):
            classifier.probabilities(*arrays)


def test_other_shapes_are_refused(bundle: Bundle) -> None:
    ecg, context = inputs(3)
    classifier = Classifier(bundle)
    for x, z in ((ecg[:, :1], context), (ecg[:, :, 1:], context), (ecg[0], context[0])):
        with pytest.raises(ValueError, match="do not fit"):
            classifier.probabilities(x, z)
    for z in (context[:2], context[:, :2]):
        with pytest.raises(ValueError, match="do not fit"):
            classifier.probabilities(ecg, z)


def absent(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)  # importing it raises ImportError


def test_what_is_installed_is_used_litert_first(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Classifier(bundle).backend == "litert"
    litert = sys.modules[MODULES[0]]
    absent(monkeypatch, MODULES[0])
    monkeypatch.setitem(sys.modules, "tflite_runtime", ModuleType("tflite_runtime"))
    monkeypatch.setitem(sys.modules, MODULES[1], litert)  # its predecessor, with its interface
    assert Classifier(bundle).backend == "litert"
    absent(monkeypatch, *MODULES[:2])
    assert Classifier(bundle).backend == "onnx"
    with pytest.raises(BackendError, match="litert is not installed: pip install ai-edge-litert"):
        Classifier(bundle, "litert")
    absent(monkeypatch, *MODULES)
    with pytest.raises(BackendError, match="No inference runtime"):
        Classifier(bundle)
    with pytest.raises(BackendError, match="onnx is not installed: pip install onnxruntime"):
        Classifier(bundle, "onnx")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_that_the_runtime_refuses(bundle: Bundle, backend: Backend) -> None:
    """Cannot come from a bundle with good hashes, unless the bundle was made wrong."""
    garbage = dataclasses.replace(bundle, files={TFLITE: b"x" * 500, ONNX: b"x" * 500})
    with pytest.raises(BundleError, match=f"{backend} cannot run the bundle's model") as caught:
        Classifier(garbage, backend)
    assert "\n" not in str(caught.value)


def test_the_legacy_runtime_under_a_numpy_that_it_does_not_know(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tflite-runtime 2.14 imports with NumPy 2, and then fails with a SystemError."""

    def interpreter(**options: object) -> None:
        raise SystemError("returned a result with an exception set")

    legacy = ModuleType(MODULES[1])
    legacy.Interpreter = interpreter  # type: ignore[attr-defined]
    absent(monkeypatch, MODULES[0])
    monkeypatch.setitem(sys.modules, "tflite_runtime", ModuleType("tflite_runtime"))
    monkeypatch.setitem(sys.modules, MODULES[1], legacy)
    with pytest.raises(BackendError, match=r"litert does not work, it may need numpy<2: returned"):
        Classifier(bundle)


def with_input(bundle: Bundle, **changes: Any) -> Bundle:
    spec = dataclasses.replace(bundle.manifest.input, **changes)
    return dataclasses.replace(bundle, manifest=dataclasses.replace(bundle.manifest, input=spec))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_of_other_shapes_than_its_manifest(bundle: Bundle, backend: Backend) -> None:
    others = [
        with_input(bundle, samples=64),
        with_input(bundle, channels=("beat",)),
        with_input(bundle, context=("one",), context_mean=(0.0,), context_std=(1.0,)),
        dataclasses.replace(
            bundle, manifest=dataclasses.replace(bundle.manifest, classes=("N", "V"))
        ),
    ]
    for other in others:
        with pytest.raises(BundleError, match="not those of the bundle's manifest"):
            Classifier(other, backend)


def test_litert_checks_the_scales_too(bundle: Bundle) -> None:
    for name in ("ecg_quantization", "context_quantization", "logits_quantization"):
        with pytest.raises(BundleError, match="not those of the bundle's manifest"):
            Classifier(with_input(bundle, **{name: Quantization(0.123, 0)}), "litert")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_terminal_view_is_not_written_into(
    bundle: Bundle, backend: Backend, capfd: pytest.CaptureFixture[str]
) -> None:
    Classifier(bundle, backend).probabilities(*inputs(1))
    os.write(2, b"still there")
    assert capfd.readouterr() == ("", "still there")


def test_a_closed_stderr_is_no_obstacle(bundle: Bundle) -> None:
    saved = os.dup(2)
    os.close(2)
    try:
        Classifier(bundle, "litert")
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@pytest.mark.parametrize("module", MODULES[::2])
def test_importing_the_classifier_loads_no_runtime(module: str) -> None:
    import subprocess

    code = f"import sys, edge.classify; sys.exit({module!r} in sys.modules)"
    root = Path(builtins.__import__("edge").__file__ or "").parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
