"""Trained networks to read with, from safetensors (which needs torch) or from ONNX."""

import json
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.errors import BackendError, RecordError
from train.models.facts import KEY, Facts, damaged
from train.reading.windows import Seen

ONNX: Final = ".onnx"
_AT_A_TIME: Final = 64


class Net(Protocol):
    """A network with its facts."""

    facts: Facts
    path: Path

    def logits(self, seen: Seen) -> NDArray[np.float64]:
        """Of windows, [W, K], or of a delineator [W, 12, 4, T]."""


def opened(path: Path) -> Net:
    """The network in a file; RecordError where there is none that can read a record."""
    if path.suffix == ONNX:
        net: Net = OnnxNet(path)
    else:
        try:
            from train.reading.torched import TorchNet
        except ModuleNotFoundError as error:
            raise BackendError(
                f"{path} needs {error.name}, which is not installed: `pip install '.[train]'`, or "
                "`edge-train export` it where torch is"
            ) from None
        net = TorchNet(path)
    if not (net.facts.window and (net.facts.statements or net.facts.delineates)):
        raise RecordError(f"{path} has no calibration: `edge-train finetune` writes what can read")
    return net


def answered(net: Net, seen: Seen) -> NDArray[np.float64]:
    """Its logits; RecordError where they are no numbers, as of damaged weights."""
    logits = net.logits(seen)
    if not np.isfinite(logits).all():
        raise damaged(net.path)
    return logits


class OnnxNet:
    """One that ONNX Runtime runs."""

    def __init__(self, path: Path) -> None:
        """Opens what `edge-train export` wrote; RecordError where it did not."""
        try:
            import onnxruntime
        except ModuleNotFoundError:
            raise BackendError(f"{path} needs ONNX Runtime: `pip install '.[diagnose]'`") from None
        self.path = path
        if not path.is_file():
            raise RecordError(f"there is no trained network {path}: export one first")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            told = json.loads(self._session.get_modelmeta().custom_metadata_map[KEY])
        # What is damaged surfaces in ONNX Runtime as exceptions of its own.
        except Exception as error:
            raise damaged(path) from error
        self.facts = Facts.of_json(told, path)
        self._inputs = {value.name for value in self._session.get_inputs()}

    def logits(self, seen: Seen) -> NDArray[np.float64]:
        """Of windows, [W, K], or of a delineator [W, 12, 4, T]."""
        parts = []
        for i in range(0, len(seen.ecg), _AT_A_TIME):
            some = slice(i, i + _AT_A_TIME)
            given = {"ecg": seen.ecg[some], "leads": seen.leads[some], "peaks": seen.peaks[some]}
            known = {name: x for name, x in given.items() if name in self._inputs}
            parts.append(self._session.run(None, known)[0])
        return np.concatenate(parts).astype(np.float64)
