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

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import edge.monitor
from benchmarks.float_model import FloatClassifier
from benchmarks.report import Leads
from edge import replay
from edge.bundle import Bundle
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
    """Every beat that the monitor labelled in one record, in the order of its final labels: [n]."""

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


def play(path: Path, leads: Leads, model: str, engine: Engine | None) -> Played:
    """One record, by its path without suffix, through the monitor; RecordError if that fails."""
    recording = replay.read(path, leads)
    return collect(recording.name, recording.fs, events(recording, model, engine))


def events(recording: replay.Recording, model: str, engine: Engine | None) -> list[Event]:
    """All events of the monitor on a recording; BundleError where the bundle cannot be used."""
    if engine == "float":
        bundle = Bundle.load(model)
        monitor = Monitor(bundle, classifier=FloatClassifier(bundle))
    else:
        monitor = Monitor(model, backend=engine)
    said = [event for block in replay.blocks(recording) for event in monitor.push(block)]
    return said + monitor.flush()


def on_all_cores(task: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """A task for each record, with a progress bar on stderr.

    Each core has a process of its own; on one core, or for one record, none is started.
    """
    workers = min(len(items), os.cpu_count() or 1)
    if workers <= 1:
        return [task(item) for item in tqdm(items, unit="record")]
    with ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        initializer=signal.signal,  # Ctrl-C is for this process, which ends the others
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        return list(tqdm(pool.map(task, items), total=len(items), unit="record"))
