"""Where the waves of a recording begin and end, and the intervals between them.

A delineator marks every lead by itself, and all leads together: those marks are the likeliest under
the mean over the leads of what it says of each, so that they lie in the middle of the leads'. A
cardiologist who lays the leads over each other takes the earliest onset and the latest offset.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.replay import Recording
from train.data.corpus import LEADS
from train.metrics.delineation import WAVES, Waves, likeliest, runs
from train.reading.nets import Net, answered
from train.reading.windows import Seen, seen

ALL: Final = "all"
"""What the leads together are called, beside their names."""
OVERLAP_S: Final = 2.0
"""Of windows, so that no wave is seen at an end of both."""
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
    """Of each lead, and of all together, by name; what the recording's ends cut is left out."""
    intervals: tuple[Interval, ...]
    """Of all leads together."""
    beats: int
    """QRS complexes in all leads together."""

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
            "waves_ms": ends_ms,
        }


def delineated(net: Net, recording: Recording) -> Delineation:
    """The waves in what `train.data.leads.whole` gave; `net` is a delineator."""
    of, fs = seen(recording, **net.facts.window, overlap_s=OVERLAP_S), net.facts.window["fs"]
    starts = np.rint(of.start_s * fs).astype(int).tolist()
    size = of.ecg.shape[2]
    length = starts[-1] + size
    if len(starts) == 1:
        length = min(size, round(len(recording.nv) * fs / recording.fs))
    rows = [LEADS.index(lead) for lead in recording.leads]
    paths = (_marked(net, of, k, rows)[:, :length] for k in range(len(starts)))
    last_ms = round((length - 1) * 1000 / fs)
    waves = {
        lead: _uncut(runs(path, fs), last_ms)
        for lead, path in zip((*recording.leads, ALL), joined(paths, starts, length), strict=True)
    }
    return Delineation(waves, intervals(waves[ALL]), int((waves[ALL].kind == QRS).sum()))


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
    """Without those that begin or end with the recording."""
    inside = (waves.onset_ms > 0) & (waves.offset_ms < last_ms)
    return Waves(*(column[inside] for column in waves))


def intervals(waves: Waves) -> tuple[Interval, ...]:
    """PR, QRS, QT, and QT corrected by the RR interval before it, from QRS onset to QRS onset.

    P is the last one before a QRS, T the one behind it, with no other wave between.
    """
    kind, onset, offset = waves
    at = np.flatnonzero(kind == QRS)
    before, after = (np.append(kind, 0)[at + step] for step in (-1, 1))
    pr = (onset[at] - onset[at - 1])[before == P]
    qt = np.where(after == T, np.append(offset, 0)[at + 1] - onset[at], np.nan)
    rr_s = np.append(np.nan, np.diff(onset[at]))[: len(at)] / 1000
    found = {
        "PR": pr,
        "QRS": offset[at] - onset[at],
        "QT": qt,
        "QTc (Fridericia)": qt / np.cbrt(rr_s),
        "QTc (Bazett)": qt / np.sqrt(rr_s),
    }
    known = {name: ms[~np.isnan(ms)] for name, ms in found.items()}
    return tuple(
        Interval(name, round(np.median(ms)), round(ms.min()), round(ms.max()), len(ms))
        for name, ms in known.items()
        if len(ms)
    )
