"""Where the waves of a recording begin and end, and the intervals between them.

A delineator marks every lead by itself, and all leads together: those marks are the likeliest under
the mean over the leads of what it says of each, so that they lie in the middle of the leads'. A
cardiologist who lays the leads over each other takes the earliest onset and the latest offset.

Where signal is missing nobody knows what waves there were, and a flat line among the leads would
spoil what is said of the others. So each stretch in which the same leads go on is read by itself,
like a recording of its own, and no interval reaches from one into another.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import compress, pairwise
from typing import Any, Final, NamedTuple

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
GAP_S: Final = 0.04
"""Of missing signal, two samples at least: what is shorter hides no wave (our choice)."""
P, QRS, T = range(1, 4)
CUT_T_MS: Final = 100
"""How far before the end of a stretch the rest of a cut T wave may end (our choice)."""


class Stretch(NamedTuple):
    """Samples from `first` on and before `end`, and which leads go on there, [leads]."""

    first: int
    end: int
    leads: NDArray[np.bool_]


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
    fs = recording.fs
    none = Waves(*np.empty((3, 0), np.int64))
    waves = {name: [none] for name in (*recording.leads, ALL)}
    read_s = 0.0
    for first, end, leads in stretches(~_gone(recording.nv == INVALID, fs), LEAST_S * fs):
        part = replace(recording, nv=recording.nv[first:end])
        found = _waves(net, part.only([*compress(recording.leads, leads)]))
        start_ms = round(first * 1000 / fs)
        for name, (kind, onset_ms, offset_ms) in found.items():
            waves[name].append(Waves(kind, onset_ms + start_ms, offset_ms + start_ms))
        read_s += (end - first) / fs
    together = waves[ALL][1:]
    whole = {name: Waves(*map(np.concatenate, zip(*of, strict=True))) for name, of in waves.items()}
    beats = int((whole[ALL].kind == QRS).sum())
    return Delineation(whole, intervals(*together), beats, len(together), round(read_s, 3))


def _gone(absent: NDArray[np.bool_], fs: float) -> NDArray[np.bool_]:
    """Which of the samples that are `absent`, [n, leads], are in gaps of `GAP_S` or more."""
    if not absent.any():
        return absent
    size = max(2, math.ceil(GAP_S * fs))
    gaps: NDArray[np.bool_] = binary_opening(absent, np.ones((size, 1), bool))
    return gaps


def stretches(there: NDArray[np.bool_], least: float) -> list[Stretch]:
    """Where which leads go on, of which leads are `there`, [n, leads]; `least` samples or more.

    Leads that come or go begin a new one. One that is too short goes on, in the leads that it has
    in common with the next, until it is not; what is too short still is left out.
    """
    edges = (np.flatnonzero((there[1:] != there[:-1]).any(1)) + 1).tolist()
    found: list[Stretch] = []
    for first, end in pairwise([0, *edges, len(there)]):
        leads = there[first]
        if found and found[-1].end == first:
            start, _, before = found[-1]
            both = before & leads
            if both.any() and first - start < least:
                first = min(end, max(first, math.ceil(start + least)))
                found[-1] = Stretch(start, first, both)
        if first < end and leads.any():
            found.append(Stretch(first, end, leads))
    alike: list[Stretch] = []
    for of in found:
        if alike and alike[-1].end == of.first and (alike[-1].leads == of.leads).all():
            alike[-1] = alike[-1]._replace(end=of.end)
        else:
            alike.append(of)
    return [of for of in alike if of.end - of.first >= least]


def _waves(net: Net, recording: Recording) -> dict[str, Waves]:
    """Of a stretch, by the names of its leads, and of all together."""
    of, fs = seen(recording, **net.facts.window, overlap_s=OVERLAP_S), net.facts.window["fs"]
    starts = np.rint(of.start_s * fs).astype(int).tolist()
    size = of.ecg.shape[2]
    length = starts[-1] + size
    if len(starts) == 1:
        length = min(size, round(len(recording.nv) * fs / recording.fs))
    rows = [LEADS.index(lead) for lead in recording.leads]
    paths = (_marked(net, of, k, rows)[:, :length] for k in range(len(starts)))
    last_ms = round((length - 1) * 1000 / fs)
    return {
        lead: _uncut(runs(path, fs), last_ms)
        for lead, path in zip((*recording.leads, ALL), joined(paths, starts, length), strict=True)
    }


def _marked(net: Net, of: Seen, k: int, rows: Sequence[int]) -> NDArray[np.int8]:
    """The kind of each sample of a window, of some leads and of these together, [n + 1, T]."""
    one = slice(k, k + 1)
    logits = answered(net, Seen(of.ecg[one], of.leads[one], of.peaks[one], of.start_s[one], ()))
    known = logits[0, rows]
    known = known - np.logaddexp.reduce(known, 1, keepdims=True)
    return likeliest(np.concatenate([known, known.mean(0, keepdims=True)]), net.facts.window["fs"])


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


def _uncut(waves: Waves, last_ms: int) -> Waves:
    """Without those that begin or end with the stretch, and T waves that nearly do.

    Of a T wave that is cut off the rest looks like one that ends early.
    """
    inside = (waves.onset_ms > 0) & (waves.offset_ms < last_ms)
    inside &= (waves.kind != T) | (waves.offset_ms < last_ms - CUT_T_MS)
    return Waves(*(column[inside] for column in waves))


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
