"""Where the waves of a recording begin and end, and the intervals between them.

A delineator marks every lead by itself, and all leads together: those marks are the likeliest under
the mean over the leads of what it says of each, so that they lie in the middle of the leads'. A
cardiologist who lays the leads over each other takes the earliest onset and the latest offset.

Where signal is missing nobody knows what waves there were. A stretch between two gaps of all leads
is read by itself, like a recording of its own, in the leads that have enough signal there; a gap of
one lead takes what touches it from that lead alone.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import compress, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening

from edge.replay import INVALID, Recording
from train.data.corpus import LEADS
from train.data.leads import LEAST_S
from train.metrics.delineation import WAVES, Waves, likeliest, runs
from train.reading.nets import Net, answered
from train.reading.windows import Seen, seen

ALL: Final = "all"
"""What the leads together are called, beside their names."""
OVERLAP_S: Final = 2.0
"""Of windows, so that no wave is seen at an end of both."""
GAP_S: Final = 0.1
"""Of missing signal: what is shorter hides no wave."""
P, QRS, T = range(1, 4)


@dataclass(frozen=True, slots=True)
class Interval:
    """Over the beats of a recording that have it, in ms."""

    name: str
    median_ms: int
    least_ms: int
    greatest_ms: int
    beats: int


@dataclass(frozen=True, slots=True)
class Delineation:
    """What a delineator marked."""

    waves: dict[str, Waves]
    """Of each lead, and of all together, by name; what an end of the signal cut is left out."""
    intervals: tuple[Interval, ...]
    """Of all leads together."""
    beats: int
    """QRS complexes in all leads together."""
    stretches: int
    """Of signal that were read, each by itself."""
    read_s: float
    """How long they are together."""

    def as_json(self) -> dict[str, Any]:
        """What JSON holds: of each wave its onset and its offset."""
        ends_ms = {
            lead: {
                name: np.stack(waves[1:], 1)[waves.kind == k + 1].tolist()
                for k, name in enumerate(WAVES)
            }
            for lead, waves in self.waves.items()
        }
        return {
            "intervals": [asdict(interval) for interval in self.intervals],
            "beats": self.beats,
            "stretches": self.stretches,
            "read_s": self.read_s,
            "waves_ms": ends_ms,
        }


def delineated(net: Net, recording: Recording) -> Delineation:
    """The waves in what `train.data.leads.whole` gave; `net` is a delineator."""
    absent, fs = recording.nv == INVALID, recording.fs
    gone, silent = _gone(absent, fs), _gone(absent.all(1, keepdims=True), fs)[:, 0]
    edges = np.flatnonzero(np.diff(silent, prepend=True, append=True)).reshape(-1, 2)
    none = Waves(*np.empty((3, 0), np.int64))
    waves = {name: [none] for name in (*recording.leads, ALL)}
    read_s = 0.0
    for first, end in edges.tolist():
        there = (~absent[first:end]).sum(0) >= LEAST_S * fs
        if there.any():
            names = [*compress(recording.leads, there)]
            part = replace(recording, nv=recording.nv[first:end]).only(names)
            found = _waves(net, part, gone[first:end, there], round(first * 1000 / fs))
            read_s += (end - first) / fs
            for name, of in found.items():
                waves[name].append(of)
    together = waves[ALL][1:]
    whole = {name: Waves(*map(np.concatenate, zip(*of, strict=True))) for name, of in waves.items()}
    beats = int((whole[ALL].kind == QRS).sum())
    return Delineation(whole, intervals(*together), beats, len(together), round(read_s, 3))


def _gone(absent: NDArray[np.bool_], fs: float) -> NDArray[np.bool_]:
    """Which of the samples that are `absent`, [n, columns], are in gaps of `GAP_S` or more."""
    if not absent.any():
        return absent
    gaps: NDArray[np.bool_] = binary_opening(absent, np.ones((math.ceil(GAP_S * fs), 1), bool))
    return gaps


def _waves(
    net: Net, recording: Recording, gone: NDArray[np.bool_], start_ms: int
) -> dict[str, Waves]:
    """Of a stretch that begins there, by the names of its leads, and of all together.

    What is `gone`, [n, leads], is known from the whole recording.
    """
    of, fs = seen(recording, **net.facts.window, overlap_s=OVERLAP_S), net.facts.window["fs"]
    starts = np.rint(of.start_s * fs).astype(int).tolist()
    size = of.ecg.shape[2]
    length = starts[-1] + size
    if len(starts) == 1:
        length = min(size, round(len(recording.nv) * fs / recording.fs))
    nearest = np.rint(np.arange(length) * recording.fs / fs).astype(int).clip(max=len(gone) - 1)
    gone = gone[nearest].T
    rows = [LEADS.index(lead) for lead in recording.leads]
    at = np.arange(size) % length  # a short one begins again
    paths = (
        _marked(net, of, k, rows, gone[:, start + at])[:, :length] for k, start in enumerate(starts)
    )
    found = {}
    for name, path, without in zip(
        (*recording.leads, ALL), joined(paths, starts, length), [*gone, gone.all(0)], strict=True
    ):
        kind, onset_ms, offset_ms = runs(_uncut(path, without), fs)
        found[name] = Waves(kind, onset_ms + start_ms, offset_ms + start_ms)
    return found


def _marked(
    net: Net, of: Seen, k: int, rows: Sequence[int], gone: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """The kind of each sample of a window, of some leads and of these together, [n + 1, T].

    Together are at each sample those that are not `gone`, [n, T].
    """
    one = slice(k, k + 1)
    logits = answered(net, Seen(of.ecg[one], of.leads[one], of.peaks[one], of.start_s[one], ()))
    known = logits[0, rows]
    known = known - np.logaddexp.reduce(known, 1, keepdims=True)
    counts = (~gone | gone.all(0))[:, None]
    mean = (known * counts).sum(0, keepdims=True) / counts.sum(0)
    return likeliest(np.concatenate([known, mean]), net.facts.window["fs"])


def joined(
    paths: Iterable[NDArray[np.int8]], starts: Sequence[int], length: int
) -> NDArray[np.int8]:
    """What was marked in windows that overlap as one, [n, length].

    Of two windows one ends, and the other begins, where they mark the same, next to the middle of
    what both have seen, so that no wave is cut there.
    """
    whole: list[NDArray[np.int8]] = []
    end = 0
    for start, path in zip(starts, paths, strict=True):
        whole = whole or [np.zeros(length, np.int8) for _ in path]
        shared = end - start
        end = start + path.shape[1]
        for old, new in zip(whole, path, strict=True):
            same = np.flatnonzero(old[start : start + shared] == new[:shared])
            at = int(same[np.abs(same - shared // 2).argmin()]) if len(same) else shared // 2
            old[start + at : end] = new[at:]
    return np.stack(whole)


def _uncut(path: NDArray[np.int8], gone: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Without the waves that begin or end with the recording, or touch what is `gone`, [T]."""
    edge = np.pad(gone, 1, constant_values=True)
    known = path.copy()
    bounds = np.flatnonzero(np.diff(path, prepend=-1, append=-1))
    for first, end in pairwise(bounds.tolist()):
        if edge[first : end + 2].any():
            known[first:end] = 0
    return known


def intervals(*stretches: Waves) -> tuple[Interval, ...]:
    """PR, QRS, QT, and QT corrected by the RR interval before it, from QRS onset to QRS onset.

    P is the last one before a QRS, T the one behind it, with no other wave between. No interval
    reaches from one stretch of signal into another.
    """
    found = [_ms(*waves) for waves in stretches]
    names = found[0] if found else ()
    every = {name: np.concatenate([ms[name] for ms in found]) for name in names}
    known = {name: ms[~np.isnan(ms)] for name, ms in every.items()}
    return tuple(
        Interval(name, round(np.median(ms)), round(ms.min()), round(ms.max()), len(ms))
        for name, ms in known.items()
        if len(ms)
    )


def _ms(
    kind: NDArray[np.int64], onset: NDArray[np.int64], offset: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Each interval of each beat of a stretch that has it, or NaN."""
    at = np.flatnonzero(kind == QRS)
    before, after = (np.append(kind, 0)[at + step] for step in (-1, 1))
    qt = np.where(after == T, np.append(offset, 0)[at + 1] - onset[at], np.nan)
    rr_s = np.append(np.nan, np.diff(onset[at]))[: len(at)] / 1000
    return {
        "PR": np.where(before == P, onset[at] - onset[at - 1], np.nan),
        "QRS": (offset[at] - onset[at]).astype(np.float64),
        "QT": qt,
        "QTc (Fridericia)": qt / np.cbrt(rr_s),
        "QTc (Bazett)": qt / np.sqrt(rr_s),
    }
