"""`edge-bench latency`: where the time of a recording goes, on one core, and a peer's beside it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final
from unittest.mock import patch

from benchmarks.peers import detected, samples, sleepecg_peaks
from benchmarks.play import BLOCK, Leads
from benchmarks.report import Report, table
from edge import replay
from edge.classify import Backend, Classifier
from edge.errors import EdgeError
from edge.filters import Resampler
from edge.monitor import Monitor
from edge.qrs import QrsDetector
from edge.stream import BeatStream

_STAGES: Final[dict[str, tuple[Any, str]]] = {
    "read": (replay, "read"),
    "resample": (Resampler, "push"),
    "detect": (QrsDetector, "push"),
    "windows and features": (BeatStream, "push"),
    "inference": (Classifier, "probabilities"),
    "rhythm and events": (Monitor, "push"),
}
"""What is timed; a stage's time is without that of the stages it calls."""


def latency(
    path: Path,
    leads: Leads = None,
    *,
    model: str,
    backend: Backend | None = None,
    repeats: int = 5,
) -> Report:
    """Medians over `repeats` plays of one record, given by its path without suffix."""
    with _one_core():
        runs = [_stages(path, leads, model, backend) for _ in range(repeats)]
        total = median(_command(path, leads, model, backend) for _ in range(repeats))
        recording = replay.read(path, [0] if leads is None else leads[:1])
        mv, fs = samples(recording), recording.fs
        ours = median(_seconds(lambda: detected(mv, fs)) for _ in range(repeats))
        peer = median(_seconds(lambda: sleepecg_peaks(mv, fs)) for _ in range(repeats))
    duration = len(mv) / fs
    stages = {stage: median(run[stage] for run in runs) for stage in runs[0]}
    per_sample = {stage: 1e6 * seconds / len(mv) for stage, seconds in stages.items()}
    rows = [[s, f"{stages[s]:.3f}", f"{per_sample[s]:.2f}"] for s in stages]
    text = "\n\n".join(
        [
            f"record {recording.name}, {duration / 60:.1f} min at {fs:g} Hz, "
            f"{'all leads' if leads is None else 'lead ' + ', '.join(map(str, leads))}; "
            f"one core, median of {repeats}",
            table(["stage", "s", "µs a sample"], rows),
            f"edge-run --replay --speed max, start included: {total:.2f} s "
            f"({duration / total:.0f} times real time)",
            f"detector alone, one lead: ours {ours:.3f} s, sleepecg (C, offline) {peer:.3f} s: "
            f"ratio {ours / peer:.1f}",
        ]
    )
    data = {
        "record": recording.name,
        "duration_s": duration,
        "fs": fs,
        "leads": "all" if leads is None else [str(lead) for lead in leads],
        "repeats": repeats,
        "stages_s": stages,
        "edge_run_s": total,
        "detector_s": {"ours": ours, "sleepecg": peer},
    }
    return Report(text, data)


def _stages(path: Path, leads: Leads, model: str, backend: Backend | None) -> dict[str, float]:
    """Seconds a stage, of one play with the monitor ready."""
    monitor = Monitor(model, backend=backend)
    with timed() as seconds:
        began = perf_counter()
        for block in replay.blocks(replay.read(path, leads), BLOCK):
            monitor.push(block)
        monitor.flush()
        whole = perf_counter() - began
    return {**seconds, "blocks and the rest": whole - sum(seconds.values())}


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Within, every stage's calls add to its seconds, less the timed calls inside them."""
    seconds = dict.fromkeys(_STAGES, 0.0)
    inside = [0.0]

    def timer(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            inside.append(0.0)
            began = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                took = perf_counter() - began
                seconds[stage] += took - inside.pop()
                inside[-1] += took

        return call

    with ExitStack() as stack:
        for stage, (owner, name) in _STAGES.items():
            stack.enter_context(patch.object(owner, name, timer(stage, getattr(owner, name))))
        yield seconds


def _command(path: Path, leads: Leads, model: str, backend: Backend | None) -> float:
    """Seconds of `edge-run` from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "edge.run", "--replay", str(path), "--speed", "max"]
        command += ["--quiet", "--jsonl", str(Path(folder) / "events.jsonl"), "--model", model]
        command += ["--backend", backend] if backend else []
        for lead in leads or []:
            command += ["--lead", str(lead)]
        began = perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        took = perf_counter() - began
    if done.returncode:
        raise EdgeError(f"edge-run failed: {done.stderr.strip()}")
    return took


def _seconds(function: Callable[[], object]) -> float:
    began = perf_counter()
    function()
    return perf_counter() - began


@contextmanager
def _one_core() -> Iterator[None]:
    """Binds this process and its children to one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
