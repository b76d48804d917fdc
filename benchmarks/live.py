"""`edge-bench live`: what `edge-run` costs while it reads one lead from a serial line."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import Report, table
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


class _Clock:
    """Blocks that note when the first of them was asked for: the moment the signal begins."""

    def __init__(self, blocks: Iterator[SampleBlock]) -> None:
        self._blocks = blocks
        self.began = 0.0

    def __iter__(self) -> Iterator[SampleBlock]:
        self.began = time.monotonic()
        yield from self._blocks


def live(
    path: Path, lead: str, duration_s: float, *, model: str, backend: Backend | None = None
) -> Report:
    """Play one lead of a record in real time through a pseudo-terminal to `edge-run`."""
    if not Path("/proc/self/status").exists():
        raise EdgeError("this benchmark reads /proc, which only Linux has: run it there")
    recording = replay.read(path, [lead])
    clock = _Clock(replay.blocks(recording))
    beats: list[tuple[float, dict[str, Any]]] = []
    used: list[Usage] = []
    launched = time.monotonic()
    with Emulator(clock) as emulator:
        command = [sys.executable, "-m", "edge.run", "--port", emulator.port, "--jsonl", "-"]
        command += ["--quiet", "--duration", str(duration_s), "--model", model]
        command += ["--backend", backend] if backend else []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert process.stderr
            for line in process.stdout:
                now = time.monotonic()
                event = json.loads(line)
                if event["type"] == "beat":
                    beats.append((now, event))
                    reading = usage(process.pid)
                    used += [reading] if reading else []
            message = process.stderr.read().strip()
    if process.returncode or not beats:
        raise EdgeError(f"edge-run failed: {message or 'it gave no beat'}")
    arrived, first = beats[0]
    begin, end = used[0], used[-1]
    data = {
        "record": recording.name,
        "lead": recording.leads[0],
        "fs": recording.fs,
        "duration_s": duration_s,
        "resident_mb": round(end.resident_mb, 1),
        "peak_mb": round(end.peak_mb, 1),
        "cpu_percent": round(100 * (end.cpu_s - begin.cpu_s) / (end.wall_s - begin.wall_s), 2),
        "start_cpu_s": round(begin.cpu_s, 2),
        "port_open_s": round(clock.began - launched, 2),
        "first_event_s": round(arrived - clock.began, 2),
        "first_beat_s": first["t"],
        "first_event_after_beat_s": round(arrived - clock.began - first["t"], 2),
    }
    rows = [
        ["resident memory, MB", f"{data['resident_mb']}"],
        ["its peak, MB", f"{data['peak_mb']}"],
        ["CPU share from the first beat on, %", f"{data['cpu_percent']}"],
        ["CPU time up to the first beat, s", f"{data['start_cpu_s']}"],
        ["start of edge-run to start of the signal, s", f"{data['port_open_s']}"],
        ["first R peak in the signal, s", f"{first['t']:.2f}"],
        ["its event, s of the signal", f"{data['first_event_s']}"],
        ["event after the R peak, s", f"{data['first_event_after_beat_s']}"],
    ]
    text = (
        f"record {recording.name}, lead {recording.leads[0]}, {recording.fs:g} Hz, "
        f"{duration_s:g} s in real time through a pseudo-terminal\n\n"
        + table(["edge-run --port", ""], rows)
    )
    return Report(text, data)
