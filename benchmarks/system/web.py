"""`edge-bench web`: what the page of `edge-run --web` costs, and how soon a mark is seen on it."""

import contextlib
import json
import math
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.play import EDGE_RUN
from benchmarks.report import Report
from benchmarks.system.browser import Tab, chromium, started
from benchmarks.system.live import Clocked, Usage, usage
from benchmarks.tables import table
from edge import replay
from edge.demo import SCRIPT
from edge.errors import EdgeError
from edge.replay import Recording
from edge.synthetic import synthesize
from firmware_bridge.emulator import Emulator, frame_samples

FS: Final = 500.0
LEADS: Final = ("I", "II", "V1", "V5")
_SETTLED_S: Final = 10.0
_LISTEN: Final = """(() => {
  window.seen = [];
  addEventListener("painted", ({ detail }) => {
    const now = performance.timeOrigin + performance.now();
    for (const beat of detail) window.seen.push([now, beat.sample, beat.delay_ms, beat.final]);
  });
})()"""
_SIZE: Final = """performance.getEntriesByType("resource").concat(
  performance.getEntriesByType("navigation")).reduce((sum, e) => sum + e.transferSize, 0)"""


def web(duration_s: float, still: int, model: str) -> Report:
    """Plays four leads at 500 Hz through a pseudo-terminal, and looks at the page in Chromium.

    Beside it `still` other viewers never read. EdgeError where there is no Chromium, or `edge-run`
    fails.
    """
    binary = chromium()
    if binary is None:
        raise EdgeError("this benchmark needs a browser: install Debian's package chromium")
    blocks = Clocked(replay.blocks(_recording(duration_s)))
    with ExitStack() as stack:
        browser = stack.enter_context(started(binary))
        emulator = stack.enter_context(Emulator(blocks))
        command = [*EDGE_RUN, "--port", emulator.port, "--web", "0", "--jsonl", "-", "--quiet"]
        command += ["--duration", str(duration_s), "--model", model]
        process = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        stack.callback(process.kill)
        assert process.stderr
        url = re.search(r"http://[^/\s]+/", process.stderr.readline())
        if not url:
            raise EdgeError("edge-run did not begin")
        events: list[tuple[float, dict[str, Any]]] = []
        reader = threading.Thread(target=_read, args=(process, events))
        reader.start()
        for _ in range(still):
            stack.enter_context(_still(url[0]))
        tab = browser.tab()
        tab.size(1440, 900)
        tab.open(url[0])
        tab.until("document.body?.dataset.frames > 10")
        size = tab.evaluate(_SIZE)
        tab.evaluate(_LISTEN)
        wall_offset = time.time() - time.monotonic()
        first, at = _state(tab, process.pid)
        time.sleep(min(_SETTLED_S, duration_s / 4))
        settled, settled_at = _state(tab, process.pid)
        time.sleep(max(0.0, blocks.began + duration_s - time.monotonic() - 3))
        last, last_at = _state(tab, process.pid)
        seen = tab.evaluate("window.seen")
        reader.join()
    wire = _Wire(blocks.began)
    marks = [
        (now / 1000 - wall_offset - wire.at(sample, delay_ms)) * 1000
        for now, sample, delay_ms, _ in seen
    ]
    told = [
        (now - wire.at(event["sample"], event["delay_ms"])) * 1000
        for now, event in events
        if event["type"] == "beat"
    ]
    stats = next(event for _, event in events if event["type"] == "stats")
    seconds = last.wall_s - settled.wall_s
    figures = {
        "marks": ("marks seen", float(len(marks))),
        "mark_p50_ms": ("frame on the wire to mark on the page, beyond its delay, ms: median",
                        _share(marks, 50)),
        "mark_p95_ms": ("p95", _share(marks, 95)),
        "mark_max_ms": ("most", max(marks, default=math.nan)),
        "event_p50_ms": ("the same to the event on standard output, ms: median", _share(told, 50)),
        "event_p95_ms": ("p95", _share(told, 95)),
        "frames_per_s": ("frames a second", (last_at["frames"] - settled_at["frames"]) / seconds),
        "page_kb": ("page, kB", size / 1000),
        "heap_first_mb": ("heap of the page at first, MB", at["heap"] / 1e6),
        "heap_settled_mb": ("heap after ten seconds, MB", settled_at["heap"] / 1e6),
        "heap_last_mb": ("heap at the end, MB", last_at["heap"] / 1e6),
        "resident_mb": ("resident memory of edge-run, MB", last.resident_mb),
        "resident_first_mb": ("at first", first.resident_mb),
        "cpu_percent": ("CPU share of one core, %", 100 * (last.cpu_s - settled.cpu_s) / seconds),
        "lost_samples": ("samples lost", float(stats["lost_samples"])),
        "missing_events": ("events missing", float(sum(stats["dropped_events"].values()))),
    }  # fmt: skip
    text = (
        f"{len(LEADS)} leads, {FS:g} Hz, {duration_s:g} s in real time through a pseudo-terminal, "
        f"one viewer in Chromium, {still} that never read\n\n"
        + table(
            ["edge-run --web", ""], [[name, f"{value:.1f}"] for name, value in figures.values()]
        )
    )
    data = {"duration_s": duration_s, "still": still, "fs": FS, "leads": len(LEADS)}
    return Report(text, data | {key: round(value, 2) for key, (_, value) in figures.items()})


def picture(path: Path, after_s: float, out: Path) -> Report:
    """Plays a record in real time, and writes the page as a PNG file after some seconds."""
    binary = chromium()
    if binary is None:
        raise EdgeError("this benchmark needs a browser: install Debian's package chromium")
    command = [*EDGE_RUN, "--replay", str(path), "--web", "0", "--quiet"]
    with (
        started(binary) as browser,
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
    ):
        try:
            assert process.stderr
            url = re.search(r"http://[^/\s]+/", process.stderr.readline())
            if not url:
                raise EdgeError("edge-run did not begin")
            tab = browser.tab()
            tab.size(1440, 900)
            tab.open(url[0])
            time.sleep(after_s)
            out.parent.mkdir(parents=True, exist_ok=True)
            tab.picture(out)
        finally:
            process.kill()
    return Report(f"{out}: the page after {after_s:g} s of record {path.name}", {"out": str(out)})


class _Wire:
    """When the emulator had sent the frame that holds a sample."""

    def __init__(self, began: float) -> None:
        self._began, self._frame = began, frame_samples("edge", FS)

    def at(self, sample: int, delay_ms: float) -> float:
        """Of the sample that let an event be given, monotonic seconds."""
        decided = sample + round(delay_ms / 1000 * FS)
        return self._began + (decided // self._frame + 1) * self._frame / FS


def _recording(duration_s: float) -> Recording:
    times = math.ceil((duration_s + 5) / 50)
    script = re.sub(r"[(\[][^)\]]*[)\]]", "", SCRIPT)  # without noise, and no electrode off
    made = synthesize(script * times, FS, np.random.default_rng(5))
    mv = np.concatenate([made.mv, 0.7 * made.mv], axis=1)
    return Recording("made", FS, LEADS, np.rint(mv * 1e6).astype(np.int32))


def _read(process: subprocess.Popen[str], events: list[tuple[float, dict[str, Any]]]) -> None:
    assert process.stdout
    events.extend((time.monotonic(), json.loads(line)) for line in process.stdout)


def _state(tab: Tab, pid: int) -> tuple[Usage, dict[str, float]]:
    tab.call("HeapProfiler.collectGarbage")
    heap = tab.call("Runtime.getHeapUsage")["usedSize"]
    used = usage(pid)
    if used is None:
        raise EdgeError("edge-run has ended")
    return used, {"heap": heap, "frames": int(tab.evaluate("document.body.dataset.frames"))}


@contextlib.contextmanager
def _still(url: str) -> Iterator[None]:
    """A viewer that never reads."""
    where = url.removeprefix("http://").rstrip("/")
    host, _, port = where.rpartition(":")
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((host, int(port)))
        line.sendall(
            f"GET /live HTTP/1.1\r\nHost: {where}\r\nOrigin: http://{where}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        yield


def _share(values: list[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else math.nan
