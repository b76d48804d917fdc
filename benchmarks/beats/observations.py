"""Observations of beats, and their probabilities, by the monitor's code at other settings than its.

A recording's peaks are found once; what comes after them can then be played again and again.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Leads
from edge import replay
from edge.beats import PROVISIONAL_SEEN, BeatContext
from edge.bundle import Manifest
from edge.classify import Classifier
from edge.filters import STREAM_FS, Resampler
from edge.mains import Mains
from edge.naming import Naming
from edge.qrs import LEAST_MV, Peak, QrsDetector
from edge.rhythm import RhythmWatch
from edge.stream import BeatStream, BeatView
from firmware_bridge.block import mv_from_nv
from train.data.mitdb import Annotations
from train.metrics.aami import ClassMap, aami_classes
from train.metrics.ec57 import Counts, compare

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Signal:
    """A recording as the detector left it."""

    record: str
    fs: float
    stream: Array
    """At 250 Hz, [n, leads]; NaN where there is no signal."""
    peaks: list[Peak]
    """In stream samples, as they were decided."""
    last: list[Peak]
    """Those that only the end of the recording decided."""

    @cached_property
    def resampler(self) -> Resampler:
        """Tells the recording's samples from those of the stream."""
        return Resampler(self.fs, self.stream.shape[1])


class Replayed:
    """Gives a signal's peaks as its detector did."""

    def __init__(self, signal: Signal) -> None:
        """Nothing is given yet."""
        self._peaks, self._last = signal.peaks, signal.last
        self._decided = [peak.decided for peak in signal.peaks]
        self._given = 0
        self._end = 0

    def push(self, samples: Array) -> list[Peak]:
        """The peaks that are decided with these samples."""
        self._end += len(samples)
        start, self._given = self._given, bisect_left(self._decided, self._end)
        return self._peaks[start : self._given]

    def skip(self, n: int) -> None:
        """Samples that never came."""
        self._end += n

    def flush(self) -> list[Peak]:
        """The peaks that the end decides."""
        return self._last


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """One observation of each beat of a recording, in time order."""

    record: str
    fs: float
    sample: NDArray[np.int64]
    """R peaks at the record's own rate, [n]."""
    delay_ms: Array
    """Signal time from R to the observation, [n]."""
    probabilities: Array
    """Of each class over all leads, [n, K]; a row of NaN where the signal allows none."""

    def labels(self, manifest: Manifest) -> NDArray[np.str_]:
        """What the monitor names each beat, [n]."""
        names = np.array([*manifest.classes, "U"])
        known = self.probabilities.max(axis=1) >= manifest.unknown_below  # NaN is not
        return names[np.where(known, self.probabilities.argmax(axis=1), len(names) - 1)]


def read_signal(path: Path, leads: Leads) -> Signal:
    """A recording, by its path without suffix, and the peaks in it; RecordError if that fails."""
    recording = replay.read(path, leads)
    mv = mv_from_nv(recording.nv)
    mv[recording.nv == replay.INVALID] = np.nan
    return detect(recording.name, mv, recording.fs)


def detect(record: str, mv: NDArray[np.float32], fs: float) -> Signal:
    """Samples in mV, [n, leads], at `fs` Hz, NaN where there is no signal; and their peaks."""
    leads = mv.shape[1]
    stream = Resampler(fs, leads).push(Mains(fs, leads).push(mv.astype(np.float64)))
    detector = QrsDetector(STREAM_FS, leads, LEAST_MV)
    return Signal(record, fs, stream, detector.push(stream), detector.flush())


def observe(
    signal: Signal, *, seen: int = PROVISIONAL_SEEN, forget: Sequence[int] = ()
) -> list[BeatView]:
    """Both observations of every beat, in the order of signal time.

    `seen`: stream samples after R that the provisional one waits for. `forget`: stream samples
    before which all that is known of the patient is dropped.
    """
    leads = signal.stream.shape[1]
    beats = BeatStream(leads, Replayed(signal), seen)
    first, *others = np.split(signal.stream, forget)
    found = beats.push(first)
    for part in others:
        beats.context = BeatContext(leads)
        found += beats.push(part)
    found += beats.flush()
    return [view for view in found if isinstance(view, BeatView)]


def classify(
    signal: Signal, seen: Sequence[BeatView], classifier: Classifier, *, final: bool = True
) -> Observations:
    """The probabilities of the final or of the provisional ones among some views.

    The final ones are needed either way, in order of time: they tell the rhythm.
    """
    resampler, naming = signal.resampler, Naming(classifier, RhythmWatch(signal.stream.shape[1]))
    nothing = np.full(len(classifier.classes), np.nan)
    rows = []
    named = [view for view in seen if view.final or not final]
    for view, each in zip(named, naming.classified(named), strict=True):
        row = naming.probabilities(view, each)
        if view.final:
            naming.learn(view, naming.label(row)[0])
        if view.final == final:
            rows.append(nothing if row is None else row)
    wanted = [view for view in seen if view.final == final]
    sample = np.array([resampler.position(v.r) for v in wanted], dtype=np.int64)
    given = np.array([resampler.arrival(v.at) for v in wanted], dtype=np.int64)
    return Observations(
        signal.record,
        signal.fs,
        sample,
        (given - sample) * 1000 / signal.fs,
        np.array(rows).reshape(-1, len(nothing)),
    )


def count(
    observed: Observations,
    label: NDArray[np.str_],
    reference: Annotations,
    class_map: ClassMap,
    start_s: float = 0.0,
    end_s: float = np.inf,
) -> Counts:
    """Labels against the reference, of the beats from `start_s` on and before `end_s`."""
    truth = aami_classes(reference.symbol, class_map)

    def since(s: float) -> Counts:
        return compare(
            *(reference.sample, truth, observed.sample, label, observed.fs),
            start_s=s,
            vf=reference.vf,
        )

    counts = since(start_s)
    if end_s == np.inf:
        return counts
    later = since(end_s)
    return Counts(counts.confusion - later.confusion, counts.squared_ms - later.squared_ms)
