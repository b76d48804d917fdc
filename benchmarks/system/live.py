"""`edge-bench live`: what `edge-run` costs while it reads one lead from a serial line."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from benchmarks.play import EDGE_RUN
from benchmarks.report import Report
from benchmarks.tables import table
from edge import replay
from edge.classify import Backend
from edge.errors import EdgeError
from firmware_bridge.block import SampleBlock
from firmware_bridge.emulator import Emulator


@dataclass(frozen=True, slots=True)
class Usage:
    """A process at one moment, from Linux's /proc."""

    wall_s: float
    cpu_s: float
    resident_mb: float
    peak_mb: float


def usage(pid: int) -> Usage | None:
    """What a process has used so far; None once it has ended."""
    folder = Path(f"/proc/{pid}")
    try:
        status = dict(
            line.split(":", 1) for line in (folder / "status").read_text().splitlines() if line
        )
        # The fields follow the command's name in parentheses, which may hold anything.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if "VmRSS" not in status:  # a process that ended, but was not waited for
        return None
    ticks = int(fields[11]) + int(fields[12])
    resident, peak = (int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return Usage(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), resident, peak)


class Clocked:
    """Blocks that note when the first of them was asked for: the moment the signal begins."""

    def __init__(self, blocks: Iterator[SampleBlock]) -> None:
        """Nothing has begun yet."""
        self._blocks = blocks
        self.began = 0.0

    def __iter__(self) -> Iterator[SampleBlock]:
        """The blocks; `began` is when the first was asked for, of the monotonic clock."""
        self.began = time.monotonic()
        yield from self._blocks


class _Arrival(NamedTuple):
    """A beat's event as it came out of `edge-run`."""

    wall_s: float
    t: float
    """Its R peak, s of signal."""
    usage: Usage | None


def live(
    path: Path, lead: str, duration_s: float, *, model: str, backend: Backend | None = None
) -> Report:
    """Play one lead of a record in real time through a pseudo-terminal to `edge-run`.

    EdgeError where there is no /proc, where `edge-run` fails, or gives fewer than two beats in
    `duration_s` seconds; RecordError where the record cannot be read.
    """
    if not Path("/proc/self/status").exists():
        raise EdgeError("this benchmark reads /proc, which only Linux has: run it there")
    recording = replay.read(path, [lead])
    blocks = Clocked(replay.blocks(recording))
    launched = time.monotonic()
    with Emulator(blocks) as emulator:
        command = [*EDGE_RUN, "--port", emulator.port, "--jsonl", "-"]
        command += ["--quiet", "--duration", str(duration_s), "--model", model]
        command += ["--backend", backend] if backend else []
        beats = _watch(command, duration_s)
    used = [beat.usage for beat in beats if beat.usage]
    if len(used) < 2:
        raise EdgeError("edge-run gave no two beats in that time: choose a longer --duration")
    first, begin, end = beats[0], used[0], used[-1]
    event_s = first.wall_s - blocks.began
    figures = {
        "resident_mb": ("resident memory, MB", end.resident_mb),
        "peak_mb": ("its peak, MB", end.peak_mb),
        "cpu_percent": (
            "CPU share from the first event on, %",
            100 * (end.cpu_s - begin.cpu_s) / (end.wall_s - begin.wall_s),
        ),
        "start_cpu_s": ("CPU time up to the first event, s", begin.cpu_s),
        "port_open_s": (
            "from the start of edge-run to that of the signal, s",
            blocks.began - launched,
        ),
        "first_r_s": ("R peak of the first beat given, s of signal", first.t),
        "first_event_s": ("its event, s after the signal began", event_s),
        "first_delay_s": ("its event, s after its R peak", event_s - first.t),
    }
    text = (
        f"record {recording.name}, lead {recording.leads[0]}, {recording.fs:g} Hz, "
        f"{duration_s:g} s in real time through a pseudo-terminal\n\n"
        + table(
            ["edge-run --port", ""], [[name, f"{value:.2f}"] for name, value in figures.values()]
        )
    )
    data = {
        "record": recording.name,
        "lead": recording.leads[0],
        "fs": recording.fs,
        "duration_s": duration_s,
        **{key: round(value, 3) for key, (_, value) in figures.items()},
    }
    return Report(text, data)


def _watch(command: Sequence[str], duration_s: float) -> list[_Arrival]:
    """Runs a command and notes the beats on its standard output as they come."""
    beats = []
    with (
        tqdm(total=duration_s, unit="s", bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} s") as bar,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdout
        assert process.stderr
        for line in process.stdout:
            now, event = time.monotonic(), json.loads(line)
            if event["type"] == "beat":
                beats.append(_Arrival(now, event["t"], usage(process.pid)))
                bar.update(event["t"] - bar.n)
        message = process.stderr.read().strip()
    if process.returncode:
        raise EdgeError(f"edge-run failed: {message}")
    return beats
