"""`edge-bench web`: what the page of `edge-run --web` costs, and how soon a mark is seen on it."""

import contextlib
import json
import math
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
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


def web(
    duration_s: float, still: int, model: str, *, recorder: bool = False, terminal: bool = False
) -> Report:
    """Plays four leads at 500 Hz through a pseudo-terminal, and looks at the page in Chromium.

    Beside it `still` other viewers never read, and a `recorder` and a view on a `terminal` run
    where they are asked for. EdgeError where there is no Chromium, or `edge-run` fails.
    """
    binary = chromium()
    if binary is None:
        raise EdgeError("this benchmark needs a browser: install Debian's package chromium")
    blocks = Clocked(replay.blocks(_recording(duration_s)))
    with ExitStack() as stack:
        browser = stack.enter_context(started(binary))
        emulator = stack.enter_context(Emulator(blocks))
        arguments = ["--model", model, "--port", emulator.port]
        run = _Run(stack, arguments, recorder, terminal)
        for _ in range(still):
            stack.enter_context(_still(run.url))
        tab = browser.tab()
        tab.size(1440, 900)
        tab.open(run.url)
        tab.until("document.body?.dataset.frames > 10")
        size = tab.evaluate(_SIZE)
        tab.evaluate(_LISTEN)
        wall_offset = time.time() - time.monotonic()
        looks = [_state(tab, run.pid)]
        time.sleep(min(_SETTLED_S, duration_s / 4))
        looks.append(_state(tab, run.pid))
        time.sleep(max(0.0, blocks.began + duration_s - time.monotonic() - 3))
        looks.append(_state(tab, run.pid))
        seen = tab.evaluate("window.seen")
        run.end()  # by itself it would wait for what was sent before it began
    wire = _Wire(blocks.began)
    marks = [
        (now / 1000 - wall_offset - wire.at(sample, delay_ms)) * 1000
        for now, sample, delay_ms, _ in seen
    ]
    told = [
        (now - wire.at(event["sample"], event["delay_ms"])) * 1000
        for now, event in run.events
        if event["type"] == "beat"
    ]
    stats = next(event for _, event in run.events if event["type"] == "stats")
    figures = _figures(marks, told, looks, size, stats)
    beside = ", recorded" * recorder + ", on a terminal of 80 by 24" * terminal
    text = (
        f"{len(LEADS)} leads, {FS:g} Hz, {duration_s:g} s in real time through a pseudo-terminal, "
        f"one viewer in Chromium, {still} that never read{beside}\n\n"
        + table(
            ["edge-run --web", ""], [[name, f"{value:.1f}"] for name, value in figures.values()]
        )
    )
    data = {"duration_s": duration_s, "still": still, "fs": FS, "leads": len(LEADS)}
    data |= {"recorder": recorder, "terminal": terminal}
    return Report(text, data | {key: round(value, 2) for key, (_, value) in figures.items()})


def _figures(
    marks: list[float],
    told: list[float],
    looks: list[tuple[Usage, dict[str, float]]],
    size: float,
    stats: dict[str, Any],
) -> dict[str, tuple[str, float]]:
    """Each with its name; `looks`: at first, settled, at the end."""
    (first, at), (settled, settled_at), (last, last_at) = looks
    seconds = last.wall_s - settled.wall_s
    return {
        "marks": ("marks seen", float(len(marks))),
        "mark_p50_ms": ("frame on the wire to mark on the page, beyond its delay, ms: median",
                        _share(marks, 50)),
        "mark_p95_ms": ("p95", _share(marks, 95)),
        "mark_max_ms": ("most", max(marks, default=math.nan)),
        "event_p50_ms": ("the same to the event as JSON, ms: median", _share(told, 50)),
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


class _Run:
    """`edge-run` with the page, and its events as they come."""

    def __init__(
        self, stack: ExitStack, arguments: list[str], recorder: bool, terminal: bool
    ) -> None:
        """EdgeError where it does not begin."""
        read_end, write_end = os.pipe()
        command = [*EDGE_RUN, *arguments, "--web", "0", "--jsonl", f"/dev/fd/{write_end}"]
        out = subprocess.DEVNULL
        if recorder:
            command += ["--record", stack.enter_context(TemporaryDirectory())]
        if terminal:
            glass, out = os.openpty()
            stack.callback(os.close, out)
            threading.Thread(target=_drain, args=(glass,), daemon=True).start()
        else:
            command.append("--quiet")
        process = stack.enter_context(
            subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                pass_fds=(write_end,),
                env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
            )
        )
        os.close(write_end)
        stack.callback(process.kill)
        self.pid = process.pid
        self.events: list[tuple[float, dict[str, Any]]] = []
        self._reader = threading.Thread(target=self._read, args=(read_end,))
        self._reader.start()
        assert process.stderr
        url = re.search(r"http://[^/\s]+/", process.stderr.readline())
        if not url:
            raise EdgeError("edge-run did not begin")
        self.url = url[0]

    def end(self) -> None:
        """Stop it, and take its last events."""
        os.kill(self.pid, signal.SIGTERM)
        self._reader.join()

    def _read(self, fd: int) -> None:
        with open(fd) as lines:
            self.events.extend((time.monotonic(), json.loads(line)) for line in lines)


def _drain(fd: int) -> None:
    with contextlib.suppress(OSError):  # nobody shows anything on it any more
        while os.read(fd, 1 << 16):
            pass
    os.close(fd)


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
