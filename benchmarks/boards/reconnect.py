"""`edge-bench reconnect`: how soon a pulled plug is told, and how soon beats come after it is back.

In real time, on a pseudo-terminal under a path that stays, which vanishes and comes back.
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tqdm import tqdm

from benchmarks.report import Report
from benchmarks.tables import table
from edge import replay
from edge.events import Beat
from edge.live import follow
from edge.monitor import Monitor
from edge.replay import Recording
from edge.sampled import as_board
from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.emulator import Emulator
from firmware_bridge.faults import Fault, Faults
from firmware_bridge.link import LinkChange, SerialLink

FIRST_S: Final = 10.0
OUT_S: Final = 3.0
IN_S: Final = 10.0
"""Plugged in between two times that it is not."""
_POLL_S = 0.002


@dataclass(slots=True)
class Outcome:
    """One time that the plug was out."""

    protocol: str
    told_s: float
    """From the port's end to the `link` event."""
    up_s: float
    """From the port's return to the `link` event."""
    beat_s: float
    """From the port's return to the first beat's event."""
    beat_signal_s: float
    """The same in seconds of signal: from the first sample to the one that brought the beat."""


def reconnect(path: Path, protocols: Sequence[str], times: int) -> Report:
    """One record as each of these boards, unplugged so often; RecordError if it cannot be read."""
    recording = replay.read(path, [0])
    outcomes = []
    for protocol in tqdm(protocols, unit="protocol"):
        outcomes += measure(recording, protocol, times)
    rows = []
    for protocol in protocols:
        of = [o for o in outcomes if o.protocol == protocol]
        spans = ([o.told_s for o in of], [o.up_s for o in of], [o.beat_s for o in of])
        worst = [f"{max(span):.2f}" for span in (*spans, [o.beat_signal_s for o in of])]
        rows.append([protocol, str(len(of)), *worst])
    header = ["board", "times", "unplug to link", "replug to link", "to first beat", "of signal"]
    text = f"record {recording.name}, plug out for {OUT_S:g} s; the longest of each, in s\n\n"
    return Report(text + table(header, rows), {"outcomes": [asdict(o) for o in outcomes]})


def measure(recording: Recording, protocol: str, times: int) -> list[Outcome]:
    """One board, unplugged so often: what became of each time."""
    board = as_board(recording, PROTOCOLS[protocol])
    pulls = [FIRST_S + i * (OUT_S + IN_S) for i in range(times)]
    script = [Fault("unplug", 0, at, at + OUT_S) for at in pulls]
    outcomes: list[Outcome] = []
    gone: list[float] = []
    back: list[float] = []
    begin: int | None = None  # the first sample after the plug was back
    told_s = up_s = 0.0
    with TemporaryDirectory() as folder:
        path = Path(folder) / "port"
        with (
            Emulator(
                replay.blocks(board, max(1, round(board.fs / 10))),
                protocol,
                link=path,
                faults=Faults(script),
                stay=True,
            ) as emulator,
            _watching(path, gone, back),
            SerialLink(
                emulator.port,
                protocol=protocol,
                fs=board.fs if PROTOCOLS[protocol].fs == "estimated" else None,
                reconnect=True,
            ) as link,
        ):
            for item, events in follow(link, Monitor()):
                now = time.monotonic()
                if isinstance(item, LinkChange):
                    if item.state == "down":
                        told_s = now - gone[-1]
                    elif item.state == "up" and gone:
                        up_s, begin = now - back[-1], -1
                if isinstance(item, SampleBlock) and begin is not None:
                    begin = item.start if begin < 0 else begin
                    if any(isinstance(e, Beat) and e.sample >= begin for e in events):
                        signal_s = (item.start + len(item) - begin) / item.fs
                        outcomes.append(Outcome(protocol, told_s, up_s, now - back[-1], signal_s))
                        begin = None
                        if len(outcomes) == times:
                            break
    return outcomes


@contextmanager
def _watching(path: Path, gone: list[float], back: list[float]) -> Iterator[None]:
    """Notes when a path vanishes and comes back."""
    stop = threading.Event()

    def watch() -> None:
        there = True
        while not stop.wait(_POLL_S):
            if os.path.lexists(path) != there:
                there = not there
                (back if there else gone).append(time.monotonic())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
