"""`edge-bench faults`: an hour of stream with 10,000 faults by script, as every board.

Faults come in bursts of ten seconds, every minute, so that there is quiet between them in which
every beat must be as without faults. Samples are held against those of the same bytes unharmed,
one by one, by their index.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from benchmarks.boards.bursts import joined, play, quiet_stretches, script
from benchmarks.boards.harm import (
    CONTEXT_S,
    GUARD_S,
    as_placed,
    fit,
    invented,
    quiet_beats,
    shifts_of,
)
from benchmarks.report import Report
from benchmarks.tables import table
from edge import replay
from edge.replay import Recording
from edge.sampled import as_board
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.faults import FRAME_FAULTS, Faults
from train.data.mitdb import read_annotations

RECORDS: Final = ("208", "119")
"""Half an hour each, of DS1."""
FAULTS: Final = 10_000


@dataclass(slots=True)
class Outcome:
    """What became of one board's hour."""

    protocol: str
    sequence: bool
    checksum: bool
    faults: dict[str, int]
    """Of frames; of electrodes, the pieces of the signal that they hold for."""
    samples: int
    lost: int
    """As the decoder counted them."""
    missing: int
    """Unharmed samples that did not come, those of the frames beside a fault."""
    misplaced: int
    """Unharmed samples that came with another index than theirs, or with another value."""
    off_by: int
    """Without a sequence number: the largest error of the index between bursts, in samples."""
    beats: int
    """Between bursts, without faults, that have a class: the unknown ones claim nothing."""
    moved: int
    """Of them, those not found at the same sample."""
    relabelled_soon: int
    """Of them, those with another final label, up to `CONTEXT_S` after a burst."""
    relabelled: int
    """The same, later."""
    invented: int
    """Beats anywhere that have a class, and none within 150 ms without faults, nor an annotated
    one."""
    unsure: int
    """The same of those that are called unknown."""


def measure(
    recording: Recording,
    protocol: str,
    count: int = FAULTS,
    seed: int = 0,
    annotated: Sequence[float] = (),
) -> Outcome:
    """One stream as one board, without faults and with about so many.

    `annotated`: seconds at which somebody has seen a beat.
    """
    row = PROTOCOLS[protocol]
    source = as_board(recording, row)
    fs, n = source.fs, len(source.nv)
    quiet = quiet_stretches(n, fs)
    faults = Faults(script(source, protocol, count), seed)
    clean = play(source, protocol, Faults(), quiet, seed)
    faulty = play(source, protocol, faults, quiet, seed)
    harmed = np.zeros(n, bool)
    for start, end, kind in faults.log:
        harmed[start:end] |= kind not in ("repeat", "split")
    shifts, expected = [0] * len(quiet), clean.beats
    misplaced = missing = 0
    if row.sequence:
        a, b = fit(clean.mv, n), fit(faulty.mv, n)
        came = ~np.isnan(b[:, 0])
        misplaced = int(((a != b).any(axis=1) & came & ~harmed).sum())
        missing = int((~came & ~np.isnan(a[:, 0]) & ~harmed).sum())
    else:
        shifts = shifts_of(clean.mv, faulty.mv, quiet, fs)
        expected = as_placed(clean, faulty, quiet, shifts, fs)
    return Outcome(
        protocol,
        row.sequence,
        row.checksum,
        dict(Counter(window.kind for window in faults.log)),
        n,
        faulty.lost,
        missing,
        misplaced,
        max(map(abs, shifts)),
        *quiet_beats(expected, faulty.beats, quiet, shifts, fs),
        *invented(clean.beats, faulty.beats, quiet, shifts, fs, np.array(annotated) * fs),
    )


def faults(folder: Path, records: Sequence[str], protocols: Sequence[str], seed: int) -> Report:
    """An hour of these records as every one of these boards, with faults drawn from `seed`.

    RecordError where a record cannot be read, or their rates differ.
    """
    parts = [replay.read(folder / record) for record in records]
    recording = joined(parts)
    begins = np.cumsum([0, *(len(part.nv) for part in parts)]) / recording.fs
    annotated = [
        begin + sample / recording.fs
        for record, begin in zip(records, begins, strict=False)
        for sample in read_annotations(folder / record).sample.tolist()
    ]
    outcomes = [
        measure(recording, protocol, seed=seed, annotated=annotated)
        for protocol in tqdm(protocols, unit="protocol")
    ]
    rows = [
        [
            o.protocol,
            "yes" if o.sequence else "no",
            "yes" if o.checksum else "no",
            str(sum(o.faults[kind] for kind in FRAME_FAULTS)),
            str(o.misplaced) if o.sequence else "-",
            str(o.missing) if o.sequence else "-",
            "-" if o.sequence else str(o.off_by),
            str(o.beats),
            str(o.moved),
            str(o.relabelled_soon),
            str(o.relabelled),
            str(o.invented),
            str(o.unsure),
        ]
        for o in outcomes
    ]
    header = ["board", "sequence", "checksum", "faults", "misplaced", "missing", "off by"]
    header += ["beats", "moved", "other label", "later", "invented", "unsure"]
    text = (
        f"records {', '.join(records)}, {len(recording.nv) / recording.fs / 60:.0f} min, seed "
        f"{seed}; faults: of frames;\n"
        "misplaced, missing: unharmed samples; off by: samples, between bursts;\n"
        f"beats: between bursts, from {GUARD_S:g} s after each; later: from {CONTEXT_S:g} s on\n\n"
        + table(header, rows)
    )
    return Report(text, {"seed": seed, "outcomes": [asdict(o) for o in outcomes]})
