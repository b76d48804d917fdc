"""`edge-bench latency`: where the time of a recording goes, on one core, and a peer's beside it."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time
from typing import Any, Final
from unittest.mock import patch

from tqdm import tqdm

from benchmarks.play import EDGE_RUN
from benchmarks.qrs import peers
from benchmarks.qrs.compare import detected
from benchmarks.report import Leads, Report, leads_data, leads_text
from benchmarks.tables import table
from benchmarks.timing import one_core, seconds
from edge import replay
from edge.bundle import Bundle
from edge.classify import Backend, Classifier
from edge.errors import EdgeError
from edge.events import Beat, Event
from edge.filters import Resampler
from edge.monitor import Monitor
from edge.qrs import QrsDetector
from edge.stream import BeatStream
from firmware_bridge.block import mv_from_nv

_STAGES: Final[dict[str, tuple[Any, str]]] = {
    "read": (replay, "read"),
    "resample": (Resampler, "push"),
    "detect": (QrsDetector, "push"),
    "windows and features": (BeatStream, "push"),
    "inference": (Classifier, "probabilities"),
    "rhythm and events": (Monitor, "push"),
}
"""What is timed; a stage's time is without that of the stages it calls."""
_PER_BEAT: Final = ("windows and features", "inference")


def latency(
    path: Path,
    leads: Leads = None,
    *,
    model: str,
    backend: Backend | None = None,
    repeats: int = 5,
) -> Report:
    """Medians over `repeats` rounds with one record, given by its path without suffix.

    A round is a play in this process with its stages timed, one of `edge-run`, and our detector
    and sleepecg's on one lead. EdgeError where `edge-run` fails or sleepecg is missing, RecordError
    where the record cannot be read.
    """
    lead_count = len(replay.read(path, leads).leads)
    recording = replay.read(path, [0] if leads is None else leads[:1])
    mv, fs = mv_from_nv(recording.nv[:, 0]), recording.fs
    peers.require_peers(["sleepecg"])
    used = Classifier(Bundle.load(model), backend).backend
    peers.find("sleepecg", mv, fs)  # imports and the filter's design are not the detector's time
    with one_core():
        rounds = [
            {
                **_stages(path, leads, model, used),
                "edge-run": _edge_run(path, leads, model, used),
                "ours": seconds(lambda: detected(mv, fs)),
                "sleepecg": seconds(lambda: peers.find("sleepecg", mv, fs)),
            }
            for _ in tqdm(range(repeats), unit="round")
        ]
    stages = {name: median(r[name] for r in rounds) for name in rounds[0]}
    whole, ours, peer = (stages.pop(name) for name in ("edge-run", "ours", "sleepecg"))
    beats = round(stages.pop("beats"))
    us = per_beat(stages, beats, lead_count)
    rows = [[s, f"{stages[s]:.3f}", f"{1e6 * stages[s] / len(mv):.2f}"] for s in stages]
    duration = len(mv) / fs
    text = [
        f"record {recording.name}, {duration / 60:.1f} min at {fs:g} Hz, {leads_text(leads)}, in "
        f"blocks as edge-run plays them; {used}; one core, median of {repeats}",
        table(["stage, CPU time", "s", "µs a sample"], rows),
        f"{beats} beats, each observed twice in each lead (of {lead_count}), CPU time\n"
        + table(
            ["µs", "one observation, one lead", "both, all leads"],
            [[name, *(f"{value:.1f}" for value in both)] for name, both in us.items()],
        ),
        f"edge-run --replay --speed max, start included: {whole:.2f} s "
        f"({duration / whole:.0f} times real time)",
        f"detector alone, one lead: ours {ours:.3f} s, sleepecg (C, offline) {peer:.3f} s: "
        f"ratio {ours / peer:.2f}",
    ]
    data = {
        "record": recording.name,
        "duration_s": duration,
        "fs": fs,
        "leads": leads_data(leads),
        "backend": used,
        "repeats": repeats,
        "stages_s": stages,
        "beats": beats,
        "us": {
            name: dict(zip(("observation", "beat"), values, strict=True))
            for name, values in us.items()
        },
        "edge_run_s": whole,
        "detector_s": {"ours": ours, "sleepecg": peer},
    }
    return Report("\n\n".join(text), data)


def per_beat(stages: dict[str, float], beats: int, leads: int) -> dict[str, list[float]]:
    """Microseconds of one observation in one lead, and of a beat: two of them in all `leads`."""
    us = {s: stages[s] * 1e6 / max(beats, 1) for s in _PER_BEAT}
    us["both"] = sum(us.values())
    us["with rhythm and events"] = us["both"] + stages["rhythm and events"] * 1e6 / max(beats, 1)
    return {name: [beat / (2 * leads), beat] for name, beat in us.items()}


def _stages(path: Path, leads: Leads, model: str, backend: Backend) -> dict[str, float]:
    """CPU seconds a stage, and the number of beats, of a play in the blocks of `edge-run`."""
    monitor = Monitor(model, backend=backend)
    events: list[Event] = []
    with timed() as seconds:
        began = thread_time()
        for block in replay.blocks(replay.read(path, leads)):
            events += monitor.push(block)
        events += monitor.flush()
        whole = thread_time() - began
    beats = sum(isinstance(event, Beat) and event.final for event in events)
    return {**seconds, "blocks and the rest": whole - sum(seconds.values()), "beats": beats}


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Within, every stage's calls add to its seconds, less the timed calls inside them.

    Of CPU time, so that what else the machine does is not counted.
    """
    seconds = dict.fromkeys(_STAGES, 0.0)
    inside = [0.0]

    def timer(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            inside.append(0.0)
            began = thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                took = thread_time() - began
                seconds[stage] += took - inside.pop()
                inside[-1] += took

        return call

    with ExitStack() as stack:
        for stage, (owner, name) in _STAGES.items():
            stack.enter_context(patch.object(owner, name, timer(stage, getattr(owner, name))))
        yield seconds


def _edge_run(path: Path, leads: Leads, model: str, backend: Backend) -> float:
    """Seconds of `edge-run` from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*EDGE_RUN, "--replay", str(path), "--speed", "max"]
        command += ["--quiet", "--jsonl", str(Path(folder) / "events.jsonl")]
        command += ["--model", model, "--backend", backend]
        for lead in leads or []:
            command += ["--lead", str(lead)]
        began = perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        took = perf_counter() - began
    if done.returncode:
        raise EdgeError(f"edge-run failed: {done.stderr.strip()}")
    return took
