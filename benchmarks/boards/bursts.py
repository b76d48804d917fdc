"""An hour of stream as one board, with bursts of faults and quiet between them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge import replay
from edge.errors import RecordError
from edge.events import Beat
from edge.monitor import Monitor
from edge.replay import Recording
from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import PROTOCOLS, FrontEnd, decoder
from firmware_bridge.emulator import frame_samples
from firmware_bridge.faults import FRAME_FAULTS, Board, Fault, Faults, pieces

PERIOD_S: Final = 60.0
BURST_S: Final = 10.0
LEAD_OFF_S: Final = 2.0
"""At the beginning of every third burst electrodes are off, or, in turn, the signal saturates."""
_ROOM = 1.03  # as many faults more, for chance may make them fewer
_LUMP = 700

Quiet = tuple[int, int]
"""Source samples, from the first to before the last, without a fault."""
FinalBeat = tuple[int, str]
"""Its sample and its label."""


class Stream(NamedTuple):
    """What came of an hour: samples by index, and final beats."""

    mv: NDArray[np.float32]
    """[n, leads]; NaN where nothing came."""
    beats: list[FinalBeat]
    lost: int


def joined(recordings: Sequence[Recording]) -> Recording:
    """Recordings one after the other, on the first lead of each; RecordError if rates differ."""
    if len({recording.fs for recording in recordings}) > 1:
        raise RecordError("records of one rate make a stream: choose some of one data set")
    nv = np.concatenate([recording.nv[:, :1] for recording in recordings])
    return Recording("+".join(r.name for r in recordings), recordings[0].fs, ("ECG",), nv)


def _bursts(n: int, fs: float) -> list[tuple[float, float]]:
    """Seconds; the first half minute and the last are quiet."""
    last = round(n / fs / PERIOD_S) - 1
    return [(i * PERIOD_S, i * PERIOD_S + BURST_S) for i in range(1, max(2, last))]


def quiet_stretches(n: int, fs: float) -> list[Quiet]:
    """Where n samples at a rate in Hz are left unharmed: before, between and after the bursts."""
    edges = [0.0, *(t for burst in _bursts(n, fs) for t in burst), n / fs]
    return [
        (round(begin * fs), round(end * fs))
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
    ]


def script(source: Recording, protocol: str, count: int) -> list[Fault]:
    """About `count` faults of frames, each kind as often as the others, and some of electrodes."""
    bursts = _bursts(len(source.nv), source.fs)
    per_frame = _per_frame(source, PROTOCOLS[protocol], protocol)
    frames = len(bursts) * BURST_S * source.fs / per_frame
    # One fault a frame: each kind has what those before it left over.
    share = 1 - max(0.05, 1 - count * _ROOM / frames) ** (1 / len(FRAME_FAULTS))
    script = [Fault(kind, share, *burst) for burst in bursts for kind in FRAME_FAULTS]
    for i, (begin, _) in enumerate(bursts):
        if i % 3 == 1:
            kind = "off" if i % 6 == 1 else "saturate"
            script.append(Fault(kind, 0, begin, begin + LEAD_OFF_S))
    return script


def _per_frame(source: Recording, row: FrontEnd, protocol: str) -> float:
    """Samples for each lump of bytes that an encoder gives."""
    encoder, size, given, seen = row.encoder(), frame_samples(protocol, source.fs), 0, 0
    for piece in pieces(replay.blocks(replace(source, nv=source.nv[:2000])), size):
        given += bool(encoder.encode(piece))
        seen += len(piece)
    return seen / given


def play(source: Recording, protocol: str, faults: Faults, quiet: list[Quiet], seed: int) -> Stream:
    """What comes of a recording that one board sends with these faults, read in random chunks."""
    board = Board(PROTOCOLS[protocol].encoder, faults)
    reader, monitor = decoder(protocol, source.fs), Monitor()
    got: list[SampleBlock] = []
    beats: list[Beat] = []
    waiting = b""
    rng = random.Random(seed)
    for piece in _cut(source, protocol, quiet):
        waiting += b"".join(board.send(piece))
        while len(waiting) > _LUMP:
            size = rng.randint(1, _LUMP) if faults.kinds else len(waiting)
            blocks = reader.feed(waiting[:size])
            waiting = waiting[size:]
            got += blocks
            beats += finals(monitor, blocks)
    blocks = reader.feed(waiting)
    got += blocks
    beats += finals(monitor, blocks)
    beats += [event for event in monitor.flush() if isinstance(event, Beat) and event.final]
    mv = np.full((got[-1].start + len(got[-1]), len(got[0].leads)), np.nan, np.float32)
    for block in got:
        mv[block.start : block.start + len(block)] = block.mv
    return Stream(mv, [(beat.sample, beat.label) for beat in beats], reader.counters.lost)


def _cut(source: Recording, protocol: str, quiet: list[Quiet]) -> Iterator[SampleBlock]:
    """Frame by frame in bursts, where each may be harmed; by seconds in between."""
    size = frame_samples(protocol, source.fs)
    second = size * round(source.fs / size)
    for i, (begin, end) in enumerate(quiet):
        until = quiet[i + 1][0] if i + 1 < len(quiet) else end
        for first, last, step in ((begin, end, second), (end, until, size)):
            part = replace(source, nv=source.nv[first:last])
            for block in replay.blocks(part, max(1, last - first)) if last > first else ():
                yield from pieces([replace(block, start=block.start + first)], step)


def finals(monitor: Monitor, blocks: Sequence[SampleBlock]) -> list[Beat]:
    """The beats that become final with these blocks."""
    return [
        event
        for block in blocks
        for event in monitor.push(block)
        if isinstance(event, Beat) and event.final
    ]
