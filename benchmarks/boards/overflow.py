"""`edge-bench overflow`: where samples are put when nobody has read for longer than buffers last.

In real time, on a pseudo-terminal whose other end drops what there is no room for, as a UART does.
"""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Report
from benchmarks.tables import table
from edge import replay
from edge.replay import Recording
from edge.sampled import as_board
from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import PROTOCOLS, decoder
from firmware_bridge.emulator import Emulator
from firmware_bridge.link import SerialLink

BEFORE_S: Final = 12.0
AFTER_S: Final = 5.0
_WINDOW = 24  # samples that are enough to know a piece again
_FS = 360.0
_AT_ONCE = 4  # boards


@dataclass(slots=True)
class Outcome:
    """What became of one board's stream while its reader stood still."""

    protocol: str
    stood_s: float
    dropped: int
    """Bytes that there was no room for."""
    missing: int
    """Samples of the board that did not come."""
    lost: int
    """Samples that were counted as lost."""
    before: int
    """Samples that came and lay in the buffer or had been read before."""
    misplaced: int
    """Of them, those whose index is not theirs."""
    off_by: int
    """By how many samples the index is off from the gap on."""
    off_ms: float


def overflow(protocols: Sequence[str], stood_s: float, seed: int) -> Report:
    """Noise as each of these boards, whose reader does nothing for so many seconds."""
    with ProcessPoolExecutor(_AT_ONCE) as pool:
        outcomes = list(pool.map(partial(measure, stood_s=stood_s, seed=seed), protocols))
    rows = [
        [
            o.protocol,
            str(o.dropped),
            str(o.missing),
            str(o.lost),
            str(o.before),
            str(o.misplaced),
            str(o.off_by),
            f"{o.off_ms:.1f}",
        ]
        for o in outcomes
    ]
    header = ["board", "bytes dropped", "samples missing", "counted", "before", "misplaced"]
    header += ["off by", "in ms"]
    text = f"nobody reads for {stood_s:g} s; before: samples before the gap; off by: after it\n\n"
    return Report(text + table(header, rows), {"outcomes": [asdict(o) for o in outcomes]})


def measure(protocol: str, stood_s: float, seed: int = 0) -> Outcome:
    """One board, whose reader stands still for `stood_s` seconds."""
    source = _noise(protocol, BEFORE_S + stood_s + AFTER_S, seed)
    known = _unharmed(source, protocol)
    got: list[SampleBlock] = []
    stood = False
    here, there = multiprocessing.Pipe()
    # A thread of this process would send late, whenever something is decoded here.
    board = multiprocessing.Process(target=_play, args=(source, protocol, there))
    board.start()
    with SerialLink(here.recv(), protocol=protocol, fs=source.fs) as link:
        began = time.monotonic()
        for item in link:
            if isinstance(item, SampleBlock):
                got.append(item)
            if not stood and time.monotonic() - began > BEFORE_S:
                stood = True
                time.sleep(stood_s)
        dropped, lost = here.recv(), link.counters.lost
    board.join()
    mv = np.full((got[-1].start + len(got[-1]), known.shape[1]), np.nan, np.float32)
    for block in got:
        mv[block.start : block.start + len(block)] = block.mv
    came = np.flatnonzero(~np.isnan(mv[:, 0]))
    # The longest gap; shorter ones are damage that the decoder saw beside it.
    cut = int(np.diff(came).argmax()) + 1
    origin = _place(known, mv[came[:_WINDOW]], came[0])
    end = _place(known, mv[came[-_WINDOW:]], came[-_WINDOW])
    aligned = mv[came[:cut]], known[came[:cut] + origin]
    wrong = np.abs(aligned[0] - aligned[1]).max(axis=1) > 0.01
    off_by = int(end - origin)
    missing = int(came[-1] + end - came[0] - origin + 1 - len(came))
    return Outcome(
        protocol,
        stood_s,
        dropped,
        missing,
        lost,
        cut,
        int(wrong.sum()),
        off_by,
        abs(off_by) / source.fs * 1e3,
    )


def _play(source: Recording, protocol: str, told: Connection) -> None:
    """The board: tells its port, and at the end how many bytes there was no room for."""
    with Emulator(replay.blocks(source), protocol, overrun=True) as emulator:
        told.send(emulator.port)
        emulator.wait()
        told.send(emulator.overrun)


def _noise(protocol: str, seconds: float, seed: int) -> Recording:
    """Of 0.3 mV, slow enough for boards that send differences: every stretch is another."""
    rng = np.random.default_rng(seed)
    nv = np.rint(rng.normal(0, 1e5, (round(seconds * _FS), 1))).astype(np.int32)
    made = Recording("noise", _FS, ("ECG",), nv)
    return as_board(made, PROTOCOLS[protocol])


def _unharmed(source: Recording, protocol: str) -> NDArray[np.float32]:
    encoder, reader = PROTOCOLS[protocol].encoder(), decoder(protocol, source.fs)
    data = b"".join(encoder.encode(block) for block in replay.blocks(source))
    return np.concatenate([block.mv for block in reader.feed(data)])


def _place(known: NDArray[np.float32], piece: NDArray[np.float32], index: int) -> int:
    """By how much the piece's index is less than that of where it is known from."""
    windows = np.lib.stride_tricks.sliding_window_view(known, len(piece), axis=0)
    unlike = ((windows - piece.T) ** 2).sum(axis=(1, 2))
    return int(unlike.argmin()) - int(index)
