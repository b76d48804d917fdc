"""Records through the deployed path: the replay, the monitor, int8, detected peaks."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions
from tqdm import tqdm

import edge.monitor
from benchmarks.report import Leads
from edge import replay
from edge.bundle import ONNX_FLOAT, Bundle
from edge.classify import Backend
from edge.events import Beat, Event
from edge.monitor import Monitor

_START = "import sys; sys.path.insert(0, {!r}); from edge.cli.start import main; sys.exit(main())"
EDGE_RUN = (sys.executable, "-P", "-c", _START.format(str(Path(edge.monitor.__file__).parents[1])))
"""The command `edge-run` of the package that this process runs, whatever the folder."""
Engine = Backend | Literal["float"]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """Every beat that the monitor named in one record, in the order of its final labels."""

    record: str
    fs: float
    sample: NDArray[np.int64]
    """R peaks at the record's own rate, [n]."""
    final: NDArray[np.str_]
    provisional: NDArray[np.str_]
    final_delay_ms: NDArray[np.float64]
    provisional_delay_ms: NDArray[np.float64]


def collect(record: str, fs: float, events: Iterable[Event]) -> Played:
    """Both labels of each beat among a record's events."""
    provisional: dict[int, Beat] = {}
    final: dict[int, Beat] = {}
    for event in events:
        if isinstance(event, Beat):
            (final if event.final else provisional)[event.id] = event
    pairs = [(provisional[number], beat) for number, beat in final.items()]
    return Played(
        record,
        fs,
        sample=np.array([beat.sample for _, beat in pairs], dtype=np.int64),
        final=np.array([beat.label for _, beat in pairs], dtype="U1"),
        provisional=np.array([first.label for first, _ in pairs], dtype="U1"),
        final_delay_ms=np.array([beat.delay_ms for _, beat in pairs], dtype=np.float64),
        provisional_delay_ms=np.array([first.delay_ms for first, _ in pairs], dtype=np.float64),
    )


class FloatClassifier:
    """The bundle's float model in the place of `edge.classify.Classifier`, on ONNX Runtime."""

    def __init__(self, bundle: Bundle, backend: None = None) -> None:
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
        """As `Classifier.probabilities`."""
        z = ((context - self._mean) / self._std).clip(self._low, self._high).astype(np.float32)
        rows = [
            self._model.run(["logits"], {"ecg": e[None], "context": c[None, :, None]})[0][0, :, 0]
            for e, c in zip(ecg, z, strict=True)
        ]
        logits = np.array(rows) / self._temperature
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def play(path: Path, leads: Leads, model: str, engine: Engine | None) -> Played:
    """One record, by its path without suffix, through the monitor."""
    recording = replay.read(path, leads)
    return collect(recording.name, recording.fs, events(recording, model, engine))


def events(recording: replay.Recording, model: str, engine: Engine | None) -> list[Event]:
    """All that the monitor says of a recording."""
    if engine == "float":
        with patch.object(edge.monitor, "Classifier", FloatClassifier):
            monitor = Monitor(model)
    else:
        monitor = Monitor(model, backend=engine)
    said = [event for block in replay.blocks(recording) for event in monitor.push(block)]
    return said + monitor.flush()


def on_all_cores(task: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """A task for each record, with a progress bar on stderr."""
    workers = min(len(items), os.cpu_count() or 1)
    with ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        initializer=signal.signal,  # Ctrl-C is for this process, which ends the others
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        return list(tqdm(pool.map(task, items), total=len(items), unit="record"))
