"""`edge-bench replay`: recordings through a board's bytes on a pseudo-terminal, and without them.

What the board would have sampled is worked out twice: by its encoder and decoder with a
pseudo-terminal between them, and here, from the rate, step and range that its makers give. The
events of both must be equal.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from tqdm import tqdm

from benchmarks.report import Report
from benchmarks.tables import table
from edge import replay
from edge.events import Beat, Event, Link
from edge.live import Item, follow
from edge.monitor import Monitor
from edge.replay import Recording
from edge.sampled import as_board
from firmware_bridge.block import SampleBlock, mv_from_nv
from firmware_bridge.decoders import PROTOCOLS, decoder, ganglion
from firmware_bridge.emulator import Emulator
from firmware_bridge.link import SerialLink

RECORDS: Final = ("100", "208", "232")


class Resolution(NamedTuple):
    """What a board's converter makes of a voltage."""

    step_nv: float
    low: int
    """The least code, zero being no voltage."""
    high: int
    within: int = 0
    """Steps by which the wire may change a sample."""
    slew: int = 0
    """Steps that a sample may be from the one before it on the wire; 0: any."""


def _bits(step_nv: float, bits: int, within: int = 0) -> Resolution:
    return Resolution(step_nv, -(1 << bits - 1), (1 << bits - 1) - 1, within)


RESOLUTIONS: Final = {
    "edge": _bits(1, 32),
    "ads1292r": _bits(6154, 16),
    "ads1293": Resolution(2 * 2.4e9 / 3.5 / 2**23, -0x400000, 0x3FFFFF),
    "max30003": _bits(1e9 / 20 / 2**15, 16),
    "max30001": _bits(1e9 / 20 / 2**17, 18),
    "max86150": _bits(4 * 12247 / 76, 16),
    "healthypi4": _bits(6154, 16),
    "healthypi5": _bits(1e9 / 20 / 2**17, 18),
    "healthypi6": _bits(1000, 32),
    "daisy": _bits(4.5e9 / 24 / (2**23 - 1), 24),
    "cyton": _bits(4.5e9 / 24 / (2**23 - 1), 24),
    # Differences have 19 bits, the last of which is the sign, so they are even or odd.
    "ganglion": _bits(1.2e9 / (2**23 - 1) / 1.5 / 51, 24, within=2)._replace(slew=2**19 - 2),
    "chords": _bits(5e9 / 2**14 / 1000, 14),
    "spikershield": _bits(5e9 / 1024 / 1000, 10),
    "olimex": _bits(5e9 / 1024 / 2848, 10),
    "bitalino": _bits(3.3e9 / 1024 / 1100, 10),
    "csv": _bits(1e9 / 1100 * 1e-4, 32, within=1),  # four decimals, either way of a half
    "ad8232": Resolution(5e9 / 1023 / 1100, -338, 1023 - 338, within=1),  # either way of a half
}
"""Of the boards that the encoders are."""
_UNSENT = 3
"""Samples that a stream's end may keep back: some frames hold two, or wait for the next."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record as one board."""

    protocol: str
    record: str
    fs: float
    samples: int
    unsent: int
    """Of its last samples, those that never came."""
    beats: int
    deviation_nv: int
    """Largest difference of a sample from what the board's converter makes of the record."""
    equal: bool
    """Whether the events are, and the samples as near as the wire allows."""
    wall_s: float
    """Of the way over the pseudo-terminal."""


def quantised(recording: Recording, protocol: str) -> Recording:
    """A recording, at the board's rate, as its converter would give it."""
    step, low, high, _, slew = RESOLUTIONS[protocol]
    mv = mv_from_nv(recording.nv).astype(np.float64)
    codes = np.rint(mv * (1e6 / step)).clip(low, high)
    if slew:
        for i in np.flatnonzero(np.arange(len(codes)) % ganglion.CYCLE):
            codes[i] = codes[i - 1] + (codes[i] - codes[i - 1]).clip(-slew, slew)
    return replace(recording, nv=np.rint(codes * step).astype(np.int32))


def compare(recording: Recording, protocol: str) -> Outcome:
    """Play a recording, which is resampled for it, as one board, both ways."""
    board = as_board(recording, PROTOCOLS[protocol])
    began = time.monotonic()
    by_wire, events = _over_pty(board, protocol)
    wall_s = time.monotonic() - began
    came = np.concatenate([block.mv for block in by_wire])
    came = came[: len(board.nv)]
    exact = quantised(replace(board, nv=board.nv[: len(came)]), protocol)
    off_by = round(np.abs(came.astype(np.float64) - mv_from_nv(exact.nv)).max() * 1e6)
    step, within = RESOLUTIONS[protocol].step_nv, RESOLUTIONS[protocol].within
    # Where the wire may change samples, its own are replayed, without the pseudo-terminal.
    blocks = _in_memory(board, protocol) if within else replay.blocks(exact)
    state = by_wire[0].lead_state
    direct = (replace(block, lead_state=state) for block in blocks)
    end = by_wire[-1].start + len(by_wire[-1])
    unsent = len(board.nv) - end
    whole = 0 <= unsent <= _UNSENT and end == len(came)
    return Outcome(
        protocol,
        recording.name,
        board.fs,
        len(came),
        unsent,
        sum(isinstance(event, Beat) and event.final for event in events),
        off_by,
        whole and off_by <= math.ceil(within * step) and events == _events(direct),
        wall_s,
    )


def replays(folder: Path, records: Sequence[str], protocols: Sequence[str]) -> Report:
    """Whole records as every one of these boards; RecordError where one cannot be read."""
    outcomes = []
    recordings = [replay.read(folder / record) for record in records]
    for protocol in tqdm(protocols, unit="protocol"):
        outcomes += [compare(recording, protocol) for recording in recordings]
    rows = [
        [
            f"{o.protocol} {o.record}",
            f"{o.fs:g}",
            str(o.samples),
            str(o.beats),
            str(o.deviation_nv),
            "equal" if o.equal else "DIFFERENT",
            f"{o.wall_s:.1f}",
        ]
        for o in outcomes
    ]
    text = (
        "whole records through each board's bytes on a pseudo-terminal, against direct replay at "
        "its rate and resolution\n\n"
        + table(["board, record", "Hz", "samples", "beats", "off, nV", "events", "s"], rows)
    )
    return Report(text, {"outcomes": [asdict(o) for o in outcomes]})


def _over_pty(board: Recording, protocol: str) -> tuple[list[SampleBlock], list[Event]]:
    row = PROTOCOLS[protocol]
    blocks: list[SampleBlock] = []

    def kept(items: SerialLink) -> Iterator[Item]:
        for item in items:
            if isinstance(item, SampleBlock):
                blocks.append(item)
            yield item

    fs = board.fs if row.fs == "estimated" else None
    with (
        Emulator(replay.blocks(board), protocol, None) as emulator,
        SerialLink(emulator.port, protocol=protocol, fs=fs, clock=None) as link,
    ):
        events = _events(kept(link))
    return blocks, events


def _in_memory(board: Recording, protocol: str) -> Iterator[SampleBlock]:
    encoder, reader = PROTOCOLS[protocol].encoder(), decoder(protocol, board.fs)
    for block in replay.blocks(board):
        yield from reader.feed(encoder.encode(block))


def _events(items: Iterator[Item]) -> list[Event]:
    """What the monitor says, the line's own state left out."""
    return [
        event
        for _, events in follow(items, Monitor())
        for event in events
        if not isinstance(event, Link)
    ]
