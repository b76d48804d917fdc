"""From windows to class probabilities, on whichever inference runtime a board has."""

import importlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.bundle import ONNX, TFLITE, Bundle, Quantization
from edge.errors import BackendError, BundleError, EdgeError
from edge.trial import survive
from firmware_bridge.text import printable

Backend = Literal["litert", "onnx"]
SLOWEST_S = 1.0
"""A model that takes longer for one window, in CPU time, cannot follow a heart; a student takes
some 10 µs."""
SIGN = np.uint8(0x80)
"""Turns int8, read as uint8, into the unsigned number 128 above it, and back."""


class _Runtime(Protocol):
    """An inference runtime with a model loaded, int8 in and out; each window is run alone."""

    def run(self, ecg: NDArray[np.int8], context: NDArray[np.int8]) -> list[NDArray[np.int8]]:
        """[n, C, T] and [n, F] to n times logits [K]."""
        ...


class Classifies(Protocol):
    """What names beats for a monitor: a `Classifier`, or one that stands in its place."""

    classes: tuple[str, ...]
    """AAMI classes, in the order of the probabilities."""
    unknown_below: float
    """Confidence from 0 to 1 below which a beat is U."""

    def probabilities(
        self, ecg: NDArray[np.float32], context: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Probabilities [n, K] of windows [n, C, T] with context features [n, F]."""
        ...


class Classifier:
    """A bundle on a runtime. Deterministic: a row's result depends on that row alone."""

    def __init__(self, bundle: Bundle, backend: Backend | None = None) -> None:
        """Loads the model; without `backend` LiteRT if it is installed, else ONNX Runtime.

        The model is run once, on zeros; one that nobody vouches for in a process of its own
        before, because it may crash the runtime. BackendError when the runtime is not installed,
        BundleError when the model cannot be loaded or run, takes `SLOWEST_S` for one window, or
        has other shapes than its manifest says.
        """
        spec = bundle.manifest.input
        self.classes = bundle.manifest.classes
        self.unknown_below = bundle.manifest.unknown_below
        self._window = len(spec.channels), spec.samples
        self._mean = np.array(spec.context_mean, np.float32)
        self._std = np.array(spec.context_std, np.float32)
        self._ecg, self._context = spec.ecg_quantization, spec.context_quantization
        # Logits are int8, so the softmax needs the exponential of 256 differences at most.
        step = spec.logits_quantization.scale / bundle.manifest.temperature
        self._exp = np.exp(-step * np.arange(256.0))
        self.backend, self._runtime = _open(bundle, backend)
        began = time.process_time()
        with _refusals(self.backend):
            self.probabilities(np.zeros((1, *self._window), np.float32), self._mean[None])
        if time.process_time() - began > SLOWEST_S:
            raise BundleError(
                f"The model of the bundle {bundle.manifest.name} takes more than {SLOWEST_S:g} s "
                "for one beat: make the bundle again with edge-quantize."
            )

    def probabilities(
        self, ecg: NDArray[np.float32], context: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Probabilities [n, K] of windows [n, C, T] with context features [n, F], as in training.

        ValueError when a shape is not the bundle's, or a value is not finite.
        """
        if ecg.shape[1:] != self._window or context.shape != (len(ecg), len(self._mean)):
            raise ValueError(
                f"windows of shape {ecg.shape} with context {context.shape} do not fit the "
                f"bundle's [n, {self._window[0]}, {self._window[1]}] and [n, {len(self._mean)}]"
            )
        ecg_q = to_int8(ecg, self._ecg)
        context_q = to_int8((context - self._mean) / self._std, self._context)
        found = self._runtime.run(ecg_q, context_q)
        logits = np.array(found, np.intp).reshape(-1, len(self.classes))
        weights = self._exp[logits.max(axis=1, keepdims=True) - logits]
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def to_int8(x: NDArray[np.floating[Any]], q: Quantization) -> NDArray[np.int8]:
    """Real values to int8, half to even, saturating."""
    steps = np.rint(x / np.float32(q.scale)) + np.float32(q.zero_point)
    if not np.isfinite(steps).all():
        raise ValueError("a window or its context holds values that are not finite")
    return np.asarray(steps.clip(-128, 127), np.int8)


def _open(bundle: Bundle, backend: Backend | None) -> tuple[Backend, _Runtime]:
    if backend not in (None, *_RUNTIMES):
        raise ValueError(f"backend must be {' or '.join(_RUNTIMES)}, not {str(backend)[:40]!r}")
    for name, (modules, runtime, package) in _RUNTIMES.items():
        if backend not in (None, name):
            continue
        for module in modules:
            try:
                found = importlib.import_module(module)
            except ImportError:
                continue
            survive(bundle, name)
            with _refusals(name):
                return name, runtime(bundle, found)
        if backend == name:
            raise BackendError(
                f"The back end {name} is not installed: pip install {package}, or use another one."
            )
    raise BackendError(
        "No inference runtime is installed: pip install ai-edge-litert, or onnxruntime where "
        "there is no wheel of it."
    )


class _LiteRT:
    """LiteRT, or its predecessor tflite-runtime, which has the same interface."""

    def __init__(self, bundle: Bundle, module: Any) -> None:
        with _quiet():
            self._model = module.Interpreter(model_content=bundle.files[TFLITE], num_threads=1)
            self._model.allocate_tensors()
        spec, classes = bundle.manifest.input, len(bundle.manifest.classes)
        ins = {tensor["name"]: tensor for tensor in self._model.get_input_details()}
        outs = self._model.get_output_details()
        found = {
            name: (tuple(tensor["shape"]), tensor["dtype"], tensor["quantization"])
            for name, tensor in (ins | {"logits": outs[0]}).items()
        }
        expected = {
            name: (shape, np.int8, (np.float32(q.scale), q.zero_point))
            for name, shape, q in (
                ("ecg", (1, 1, spec.samples, len(spec.channels)), spec.ecg_quantization),
                ("context", (1, 1, 1, len(spec.context)), spec.context_quantization),
                ("logits", (1, 1, 1, classes), spec.logits_quantization),
            )
        }
        if found != expected:
            raise _mismatch(TFLITE)
        self._ecg, self._context = ins["ecg"]["index"], ins["context"]["index"]
        self._logits = outs[0]["index"]

    def run(self, ecg: NDArray[np.int8], context: NDArray[np.int8]) -> list[NDArray[np.int8]]:
        model, logits = self._model, []
        ecg = np.ascontiguousarray(ecg.transpose(0, 2, 1))[:, None, None]
        for window, features in zip(ecg, context[:, None, None, None], strict=True):
            model.set_tensor(self._ecg, window)
            model.set_tensor(self._context, features)
            model.invoke()
            logits.append(model.get_tensor(self._logits)[0, 0, 0])
        return logits


class _Onnx:
    """ONNX Runtime. Its model is unsigned: what is int8 here has 128 added there."""

    def __init__(self, bundle: Bundle, module: Any) -> None:
        options = module.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._model = module.InferenceSession(
            bundle.files[ONNX],
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # to the same provider, which it announces on standard output
        )
        spec = bundle.manifest.input
        tensors = [*self._model.get_inputs(), *self._model.get_outputs()]
        if {tensor.name: (tensor.shape, tensor.type) for tensor in tensors} != {
            "ecg": ([1, len(spec.channels), spec.samples], "tensor(uint8)"),
            "context": ([1, len(spec.context), 1], "tensor(uint8)"),
            "logits": ([1, len(bundle.manifest.classes), 1], "tensor(uint8)"),
        }:
            raise _mismatch(ONNX)

    def run(self, ecg: NDArray[np.int8], context: NDArray[np.int8]) -> list[NDArray[np.int8]]:
        windows = ecg.view(np.uint8)[:, None] ^ SIGN
        features = context.view(np.uint8)[:, None, :, None] ^ SIGN
        return [
            (self._model.run(["logits"], {"ecg": w, "context": f})[0][0, :, 0] ^ SIGN).view(np.int8)
            for w, f in zip(windows, features, strict=True)
        ]


_RUNTIMES: dict[Backend, tuple[tuple[str, ...], type[_LiteRT] | type[_Onnx], str]] = {
    "litert": (
        ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"),
        _LiteRT,
        "ai-edge-litert",
    ),
    "onnx": (("onnxruntime",), _Onnx, "onnxruntime"),
}
"""By name, in order of preference: modules to try, the class around them, the package."""


@contextmanager
def _refusals(runtime: str) -> Iterator[None]:
    """One sentence for what a runtime says against a model; its exceptions have no common base."""
    try:
        yield
    except EdgeError:
        raise
    except SystemError as error:  # tflite-runtime under a numpy that it does not know
        raise BackendError(f"{runtime} does not work, it may need numpy<2: {error}.") from None
    except Exception as error:
        reason = printable(str(error), 300).rstrip(".")
        raise BundleError(
            f"{runtime} cannot run the bundle's model: {reason or type(error).__name__}."
        ) from None


def _mismatch(name: str) -> BundleError:
    return BundleError(
        f"The inputs or outputs of {name} are not those of the bundle's manifest: "
        "make the bundle again with edge-quantize."
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Discards what is written to file descriptor 2 meanwhile.

    LiteRT's C++ logger announces its XNNPACK delegate there, in the middle of a terminal view,
    and its Python package has no way to set a level. Errors come as exceptions all the same.
    """
    try:
        saved = os.dup(2)
    except OSError:  # closed: nothing to hide
        yield
        return
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
