"""A bundle's float model, for a monitor to name beats with."""

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from edge.bundle import ONNX_FLOAT, Bundle


class FloatClassifier:
    """The bundle's float model in the place of its int8 one, on ONNX Runtime."""

    def __init__(self, bundle: Bundle) -> None:
        """Loads the model, without its quantisation; it runs on one thread."""
        spec = bundle.manifest.input
        self.classes = bundle.manifest.classes
        self.unknown_below = bundle.manifest.unknown_below
        self._mean, self._std = np.array(spec.context_mean), np.array(spec.context_std)
        # In training, context is clipped to what int8 can hold.
        q = spec.context_quantization
        self._low, self._high = ((end - q.zero_point) * q.scale for end in (-128, 127))
        options = SessionOptions()
        options.intra_op_num_threads = 1
        self._model = InferenceSession(bundle.files[ONNX_FLOAT], options)
        self._temperature = bundle.manifest.temperature

    def probabilities(
        self, ecg: NDArray[np.float32], context: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """As `edge.classify.Classifier.probabilities`: [n, K] of [n, C, T] and [n, F]."""
        z = ((context - self._mean) / self._std).clip(self._low, self._high).astype(np.float32)
        rows = [
            self._model.run(["logits"], {"ecg": e[None], "context": c[None, :, None]})[0][0, :, 0]
            for e, c in zip(ecg, z, strict=True)
        ]
        logits = np.array(rows) / self._temperature
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
