"""`edge-bench probing`: what boards are taken for, at the speed that is theirs and at others.

The reader listens at each of four speeds in turn. Where that is the board's, it must be recognised
for sure; where it is not, the bytes are what a UART makes of them, and nothing may be sure. Boards
that speak USB have no speed: they are right at every one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from benchmarks.report import Report
from benchmarks.tables import percent, table
from edge import replay
from edge.replay import Recording
from edge.sampled import as_board
from firmware_bridge.decoders import PROTOCOLS, Guess, Prober
from firmware_bridge.emulator import frame_samples
from firmware_bridge.faults import pieces
from firmware_bridge.identify import PROBE_S
from firmware_bridge.uart import Line
from train.data.mitdb import ALL

SPEEDS: Final = (9600, 57600, 115200, 230400)
_LUMP = 256


@dataclass(slots=True)
class Outcome:
    """One board at one speed of its own, over all recordings and speeds of the reader."""

    protocol: str
    baud: int
    right: int = 0
    unsure: int = 0
    """At its own speed: not recognised, or not for sure."""
    wrong: int = 0
    """At its own speed: taken for another, for sure."""
    silent: int = 0
    """At other speeds: rightly nothing for sure."""
    guessed: int = 0
    """At other speeds: right all the same."""
    misled: int = 0
    """At other speeds: taken for another, for sure."""


def probing(data: Path, protocols: Sequence[str]) -> Report:
    """All of mitdb, and the noise of nstdb, each from its middle, as every one of these boards.

    RecordError where one cannot be read.
    """
    recordings = [replay.read(data / "mitdb" / record) for record in ALL]
    recordings += [replay.read(data / "nstdb" / noise) for noise in ("bw", "ma")]
    outcomes = []
    for protocol in tqdm(protocols, unit="protocol"):
        for baud in PROTOCOLS[protocol].bauds:
            outcome = Outcome(protocol, baud)
            for recording in recordings:
                _listen(outcome, recording)
            outcomes.append(outcome)
    foreign = _foreign(len(recordings))
    rows = [
        [
            f"{o.protocol} {o.baud}",
            *(str(n) for n in (o.right, o.unsure, o.wrong, o.silent, o.guessed, o.misled)),
        ]
        for o in outcomes
    ]
    own = sum(o.right + o.unsure + o.wrong for o in outcomes)
    right = sum(o.right for o in outcomes) / own if own else 0.0
    mistaken = sum(o.wrong + o.misled for o in outcomes)
    text = (
        f"{len(recordings)} recordings, {PROBE_S:g} s of each, reader at "
        f"{', '.join(map(str, SPEEDS))} baud and at the board's\n\n"
        + table(["board, baud", "right", "unsure", "wrong", "silent", "guessed", "misled"], rows)
        + f"\n\nat the board's speed right for sure: {percent(right)} % of {own}"
        f"\ntaken for another for sure, at any speed: {mistaken}"
        f"\nnoise and text of {len(recordings)} kinds taken for a board for sure: {foreign}"
    )
    return Report(
        text,
        {
            "outcomes": [asdict(o) for o in outcomes],
            "right": right,
            "mistaken": mistaken,
            "foreign": foreign,
        },
    )


def sent(recording: Recording, protocol: str, baud: int, reader: int | None) -> bytes:
    """What is read of the first `PROBE_S` seconds at the reader's speed; None: at the board's."""
    row = PROTOCOLS[protocol]
    whole = as_board(recording, row)
    board = replace(whole, nv=whole.nv[: round(PROBE_S * whole.fs)])
    encoder = row.encoder()
    line = Line(baud, reader) if reader else None
    data, idle_s = b"", 0.0
    for piece in pieces(replay.blocks(board), frame_samples(protocol, board.fs)):
        part = encoder.encode(piece)
        idle_s += len(piece) / board.fs - 10 * len(part) / baud
        if part:
            data += line.carry(part, max(0.0, idle_s)) if line else part
            idle_s = min(0.0, idle_s)
    return data


def guess(data: bytes) -> Guess | None:
    """What a prober makes of it that is given lumps until it is sure."""
    prober, said = Prober(), None
    for at in range(0, len(data), _LUMP):
        said = prober.feed(data[at : at + _LUMP])
        if said and said.sure:
            break
    return said


def _listen(outcome: Outcome, recording: Recording) -> None:
    middle = len(recording.nv) // 2
    some = replace(recording, nv=recording.nv[middle : middle + round(2 * PROBE_S * recording.fs)])
    for reader in sorted({*SPEEDS, outcome.baud}):
        own = reader == outcome.baud
        data = sent(some, outcome.protocol, outcome.baud, None if own else reader)
        said = guess(data)
        name = said.name if said and said.sure else None
        if own:
            outcome.right += name == outcome.protocol
            outcome.unsure += name is None
            outcome.wrong += name not in (None, outcome.protocol)
        else:
            outcome.silent += name is None
            outcome.guessed += name == outcome.protocol
            outcome.misled += name not in (None, outcome.protocol)


def _foreign(count: int) -> int:
    """Noise, and text that other devices send, taken for a board for sure."""
    return sum(bool((said := guess(data)) and said.sure) for data in strangers(count))


def strangers(count: int) -> Iterator[bytes]:
    """Bytes of no board: random ones, of few values, zeros and ones, and lines of text."""
    rng = np.random.default_rng(0)
    for i in range(count):
        size = 20_000
        match i % 4:
            case 0:
                yield rng.integers(0, 256, size, np.uint8).tobytes()
            case 1:
                yield rng.choice(rng.integers(0, 256, 4, np.uint8), size).tobytes()
            case 2:
                yield bytes([int(rng.choice([0, 255]))]) * size
            case _:
                fixes = rng.integers(0, 60, (400, 2))
                yield b"".join(b"$GPGGA,12%02d%02d,4807.0,N,,\r\n" % (m, s) for m, s in fixes)
