"""`edge-bench faults`: an hour of stream with 10,000 faults by script, as every board.

Faults come in bursts of ten seconds, every minute, so that there is quiet between them in which
every beat must be as without faults. Samples are held against those of the same bytes unharmed,
one by one, by their index.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.report import Report, table
from edge import replay
from edge.errors import RecordError
from edge.events import Beat
from edge.monitor import Monitor
from edge.replay import Recording
from edge.sampled import as_board
from firmware_bridge.block import LeadState, SampleBlock
from firmware_bridge.decoders import PROTOCOLS, FrontEnd, decoder
from firmware_bridge.emulator import frame_samples
from firmware_bridge.faults import FRAME_FAULTS, Board, Fault, Faults, pieces
from train.data.mitdb import read_annotations
from train.evaluation import WINDOW_S

RECORDS: Final = ("208", "119")
"""Half an hour each, of DS1."""
FAULTS: Final = 10_000
PERIOD_S: Final = 60.0
BURST_S: Final = 10.0
LEAD_OFF_S: Final = 2.0
"""At the beginning of every third burst electrodes are off, or, in turn, the signal saturates."""
GUARD_S: Final = 3.0
"""Quiet this near to a burst is not counted: a beat is judged by 2 s after it, too."""
CONTEXT_S: Final = 10.0
"""After a burst a label knows less of the beats before it for so long, and may be another."""
_ROOM = 1.03  # as many faults more, for chance may make them fewer
_LUMP = 700
_STRETCH = 500  # samples that are enough to know a piece of ECG again
_FURTHEST = 1000  # samples lost or made in one burst
_LIKE = 0.1  # mean square of what a piece that is known again differs by, as a part of its variance

Quiet = tuple[int, int]
"""Source samples, from the first to before the last, without a fault."""


@dataclass(slots=True)
class Outcome:
    """What became of an hour."""

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


class Stream(NamedTuple):
    """What came of an hour: samples by index, and final beats."""

    mv: NDArray[np.float32]
    """NaN where nothing came."""
    beats: list[tuple[int, str]]
    lost: int


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
    quiet = _quiet(n, fs)
    faults = Faults(_script(source, protocol, count), seed)
    clean = _play(source, protocol, Faults(), quiet, seed)
    faulty = _play(source, protocol, faults, quiet, seed)
    harmed = np.zeros(n, bool)
    for start, end, kind in faults.log:
        harmed[start:end] |= kind not in ("repeat", "split")
    shifts, expected = [0] * len(quiet), clean.beats
    misplaced = missing = 0
    if row.sequence:
        a, b = _fit(clean.mv, n), _fit(faulty.mv, n)
        came = ~np.isnan(b[:, 0])
        misplaced = int(((a != b).any(axis=1) & came & ~harmed).sum())
        missing = int((~came & ~np.isnan(a[:, 0]) & ~harmed).sum())
    else:
        shifts = _shifts(clean.mv, faulty.mv, quiet, fs)
        expected = _as_placed(clean, faulty, quiet, shifts, fs)
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
        *_quiet_beats(expected, faulty.beats, quiet, shifts, fs),
        *_extra(clean.beats, faulty.beats, quiet, shifts, fs, np.array(annotated) * fs),
    )


def faults(folder: Path, records: Sequence[str], protocols: Sequence[str], seed: int) -> Report:
    """An hour of these records as every one of these boards."""
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


def _quiet(n: int, fs: float) -> list[Quiet]:
    edges = [0.0, *(t for burst in _bursts(n, fs) for t in burst), n / fs]
    return [
        (round(begin * fs), round(end * fs))
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
    ]


def _script(source: Recording, protocol: str, count: int) -> list[Fault]:
    """Every kind of fault that frames may have, as often, and some of the electrodes'."""
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


def _play(
    source: Recording, protocol: str, faults: Faults, quiet: list[Quiet], seed: int
) -> Stream:
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
            beats += _final(monitor, blocks)
    blocks = reader.feed(waiting)
    got += blocks
    beats += _final(monitor, blocks)
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


def _final(monitor: Monitor, blocks: Sequence[SampleBlock]) -> list[Beat]:
    return [
        event
        for block in blocks
        for event in monitor.push(block)
        if isinstance(event, Beat) and event.final
    ]


def _fit(mv: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Exactly n samples."""
    return np.pad(mv[:n], ((0, max(0, n - len(mv))), (0, 0)), constant_values=np.nan)


def _shifts(
    clean: NDArray[np.float32], faulty: NDArray[np.float32], quiet: list[Quiet], fs: float
) -> list[int]:
    """By how many samples each quiet stretch came too late, by what it looks like."""
    shifts = [0]
    for begin, end in quiet[1:]:
        at = begin + round(GUARD_S * fs)
        size = min(_STRETCH, end - at)
        known = clean[at : at + size].T
        tried = np.arange(shifts[-1] - _FURTHEST, shifts[-1] + _FURTHEST)
        tried = tried[(at + tried >= 0) & (at + tried + size <= len(faulty))]
        windows = np.lib.stride_tricks.sliding_window_view(faulty, size, axis=0)[at + tried]
        # Least squares: where a sample is a mean of many, these may be other ones.
        unlike = ((windows - known) ** 2).mean(axis=(1, 2))
        best = tried[unlike == np.nanmin(unlike)]
        if np.nanmin(unlike) > _LIKE * known.var(axis=1).mean():
            raise RuntimeError(f"the signal from sample {at} on is nowhere near where it was")
        shifts.append(int(min(best, key=lambda shift: abs(shift - shifts[-1]))))
    return shifts


def _as_placed(
    clean: Stream, faulty: Stream, quiet: list[Quiet], shifts: list[int], fs: float
) -> list[tuple[int, str]]:
    """Final beats of the quiet stretches as they came, at their index, and unharmed bursts between.

    A beat is found, and named, by how the samples lie to the 4 ms of the monitor's own stream: this
    and the sample's number are all that the board's missing count may change.
    """
    guard = round(fs)
    parts = [faulty.mv[: quiet[0][1]]]
    for (_, end), (begin, until), before, after in zip(
        quiet, quiet[1:], shifts, shifts[1:], strict=False
    ):
        burst = clean.mv[end : begin + guard]
        half, more = len(burst) // 2, after - before
        parts += [burst[: half + min(more, 0)], np.full((max(more, 0), burst.shape[1]), np.nan)]
        parts += [burst[half:], faulty.mv[begin + guard + after : until + after]]
    monitor, beats = Monitor(), list[Beat]()
    mv, leads = np.concatenate(parts), tuple(f"{i}" for i in range(clean.mv.shape[1]))
    came = np.flatnonzero(~np.isnan(mv[:, 0]))
    for rows in np.split(came, np.flatnonzero(np.diff(came) > 1) + 1):
        states, saturated = (LeadState.UNKNOWN,) * len(leads), (False,) * len(leads)
        block = SampleBlock(int(rows[0]), mv[rows], fs, leads, states, saturated)
        beats += _final(monitor, [block])
    beats += [event for event in monitor.flush() if isinstance(event, Beat) and event.final]
    return [(beat.sample, beat.label) for beat in beats]


def _quiet_beats(
    expected: list[tuple[int, str]],
    faulty: list[tuple[int, str]],
    quiet: list[Quiet],
    shifts: list[int],
    fs: float,
) -> tuple[int, int, int, int]:
    """Beats between bursts that have a class; of them moved, relabelled soon and later."""
    counted = moved = soon = late = 0
    labels = dict(faulty)
    for (begin, end), shift in zip(quiet, shifts, strict=True):
        for sample, label in expected:
            at = sample - shift
            if label != "U" and begin + GUARD_S * fs <= at < end - GUARD_S * fs:
                counted += 1
                moved += sample not in labels
                changed = labels.get(sample, label) != label
                recent = at < begin + CONTEXT_S * fs
                soon += changed and recent
                late += changed and not recent
    return counted, moved, soon, late


def _extra(
    clean: list[tuple[int, str]],
    faulty: list[tuple[int, str]],
    quiet: list[Quiet],
    shifts: list[int],
    fs: float,
    annotated: NDArray[np.float64],
) -> tuple[int, int]:
    """Beats without one near, in the signal unharmed: those with a class, and the unknown ones."""
    times = np.append(annotated, [sample for sample, _ in clean])
    extra = []
    for sample, label in faulty:
        # In a burst the index moves from the shift before it to the one after it.
        i = max(k for k, (begin, _) in enumerate(quiet) if k == 0 or begin + shifts[k] <= sample)
        near = shifts[i : i + 2] if sample - shifts[i] >= quiet[i][1] else shifts[i : i + 1]
        low, high = sample - max(near) - WINDOW_S * fs, sample - min(near) + WINDOW_S * fs
        if not np.any((times >= low) & (times <= high)):
            extra.append(label)
    unsure = extra.count("U")
    return len(extra) - unsure, unsure
