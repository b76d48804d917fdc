"""Beats to learn from: recordings played through the very code that the device runs.

The detector's own peaks and the annotators' are both learned from, so that neither's jitter is
all there is; recordings with the noise of nstdb added, and recordings with another rhythm, which
`train.student.rhythms` makes.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge import replay
from edge.beats import CONTEXT
from edge.filters import STREAM_FS, Resampler
from edge.mains import Mains
from edge.qrs import Peak, QrsDetector
from edge.stream import BeatStream, BeatView, Detector
from train.data.mitdb import Annotations, read_annotations, require
from train.data.nstdb import read_noise, stressed
from train.engine.files import load_arrays, save_arrays
from train.engine.manifest import Manifest, contents, manifest
from train.metrics.aami import aami_classes
from train.metrics.ec57 import WINDOW_S, match
from train.student.rhythms import Staged, restage

Source = Literal["detected", "annotated", "noisy", "synthetic"]
"""Where the peaks come from; `noisy`: detected in noise; `made`: another rhythm, peaks as the
annotators', moved along."""

NOISES: Final = ("bw", "ma")
"""Of nstdb; its `em` is left for tests."""
SYNTHETIC: Final = 4
"""Rhythms made of each record."""
SINUS = ("N", "SBR")
"""The annotators' rhythms that others are made of: normal, and sinus bradycardia."""
_JITTER = 1.2
"""Of made peaks, in stream samples: about the detector's own."""


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Final observations of beats, a row for each lead of each beat."""

    ecg: NDArray[np.float32]
    """[n, 2, 128]: window and template, as `edge.beats` cuts them."""
    context: NDArray[np.float32]
    """[n, len(edge.beats.CONTEXT)]."""
    label: NDArray[np.int64]
    """Index into the classes, [n]."""
    record: NDArray[np.str_]
    """[n]."""
    sample: NDArray[np.int64]
    """R peak at 250 Hz, [n]."""
    weight: NDArray[np.float64]
    """What the lead counts beside the beat's other ones, [n]."""
    synthetic: NDArray[np.bool_]
    """Whether the rhythm is made, [n]."""

    def __len__(self) -> int:
        """Number of observations."""
        return len(self.label)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Beats":
        """The observations that a mask or an index list picks."""
        return Beats(*(getattr(self, name)[rows] for name in Beats.__slots__))

    @staticmethod
    def concatenate(parts: Sequence["Beats"]) -> "Beats":
        """All observations of all parts."""
        return Beats(
            *(np.concatenate([getattr(p, name) for p in parts]) for name in Beats.__slots__)
        )

    def save(self, path: Path) -> None:
        """Writes one .npz file; OutputError where that fails."""
        save_arrays(path, {name: getattr(self, name) for name in Beats.__slots__})

    @staticmethod
    def load(path: Path) -> "Beats":
        """Reads what `save` wrote; RecordError where it is damaged."""
        arrays = load_arrays(path, Beats.__slots__)
        return Beats(*(arrays[name] for name in Beats.__slots__))


def fuse(
    beats: Beats, probabilities: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """A beat's observations made one, as the monitor does: first rows [m], probabilities [m, K]."""
    keys = np.char.add(np.char.add(beats.record, " "), beats.sample.astype(str))
    _, first, beat = np.unique(keys, return_index=True, return_inverse=True)
    fused = np.zeros((len(first), probabilities.shape[1]))
    np.add.at(fused, beat, beats.weight[:, None] * probabilities)
    return first, fused / fused.sum(axis=1, keepdims=True)


class ListedPeaks:
    """Gives known peaks as a detector would, each 100 ms after its R."""

    DELAY = 25

    def __init__(self, r: NDArray[np.int64]) -> None:
        """`r`: R peaks as stream samples, ascending."""
        self._r = r
        self._given = 0
        self._end = 0

    def push(self, samples: NDArray[np.float64]) -> list[Peak]:
        """Peaks whose delay has passed."""
        self._end += len(samples)
        return self._until(int(np.searchsorted(self._r, self._end - self.DELAY)))

    def skip(self, n: int) -> None:
        """Samples that never came."""
        self._end += n

    def flush(self) -> list[Peak]:
        """The peaks that are left."""
        return self._until(len(self._r))

    def _until(self, stop: int) -> list[Peak]:
        peaks = [Peak(int(r), int(r) + self.DELAY, 1.0, False) for r in self._r[self._given : stop]]
        self._given = stop
        return peaks


def observe(
    mv: NDArray[np.floating],
    reference: Annotations,
    record: str,
    classes: Sequence[str],
    source: Source,
    seed: int = 0,
    noises: Sequence[NDArray[np.float64]] = (),
) -> Beats:
    """Every observation of the beats of `mv` that have a label among `classes`.

    `mv` is [n, leads], at the reference's rate; `seed` is for what is made, `noises` for `noisy`.
    """
    rng = draws(record, seed)
    if source != "synthetic":
        if source == "noisy":
            mv = stressed(mv.astype(np.float64), reference, noises, rng)
        stream, r, label = _streamed(mv, reference)
        listed = ListedPeaks(r) if source == "annotated" else QrsDetector(STREAM_FS, mv.shape[1])
        return _played(stream, listed, r, label, record, classes, synthetic=False)
    stream, r, label = resynthesised(mv, reference, rng)
    peaks = np.rint(r + rng.normal(0, _JITTER, len(r))).astype(np.int64).clip(0, len(stream) - 1)
    peaks = np.maximum.accumulate(peaks)
    return _played(stream, ListedPeaks(peaks), r, label, record, classes, synthetic=True)


def collect(
    folder: Path, records: Sequence[str], cache: Path, classes: Sequence[str]
) -> dict[Source, Beats]:
    """Observations of all beats of all leads of `records`, a set for each source.

    Kept in `cache` by the digest of their manifest. Shows a progress bar. RecordError where
    `folder`, or nstdb beside it, is missing.
    """
    key = identity(folder, records, cache, classes).digest
    paths: dict[Source, Path] = {s: cache / f"beats-{key}-{s}.npz" for s in get_args(Source)}
    for source, path in paths.items():
        if not path.exists():
            seeds = range(SYNTHETIC if source == "synthetic" else 1)
            jobs = [(folder, record, classes, source, i) for i, record in product(seeds, records)]
            with ProcessPoolExecutor() as pool:
                parts = pool.map(_record, *zip(*jobs, strict=True))
                bar = tqdm(parts, f"beats, {source}", len(jobs), unit="rec")
                Beats.concatenate(list(bar)).save(path)
    return {source: Beats.load(path) for source, path in paths.items()}


def identity(folder: Path, records: Sequence[str], cache: Path, classes: Sequence[str]) -> Manifest:
    """What `collect` makes observations of; files that `cache` remembers are not read again."""
    require(folder)
    require(folder.parent / "nstdb")
    settings = {"classes": classes, "context": CONTEXT, "rhythms": SYNTHETIC, "noises": NOISES}
    data = contents(folder, records, cache) | contents(folder.parent / "nstdb", NOISES, cache)
    return manifest(settings, data, __name__)


def _record(folder: Path, record: str, classes: Sequence[str], source: Source, seed: int) -> Beats:
    mv = replay.read(folder / record).nv * 1e-6
    noises = [read_noise(folder.parent / "nstdb", n) for n in NOISES] if source == "noisy" else []
    return observe(mv, read_annotations(folder / record), record, classes, source, seed, noises)


def draws(record: str, seed: int) -> np.random.Generator:
    """Where all that is random about a record's beats comes from."""
    return np.random.default_rng([*record.encode(), seed])


def resynthesised(
    mv: NDArray[np.floating], reference: Annotations, rng: np.random.Generator
) -> Staged:
    """A recording [n, leads], at the reference's rate, with another rhythm, at 250 Hz."""
    stream, r, label = _streamed(mv, reference)
    return restage(stream, r, label, _sinus(reference, label), rng)


def _streamed(mv: NDArray[np.floating], reference: Annotations) -> Staged:
    """The same at 250 Hz as the device sees it."""
    mv = Mains(reference.fs, mv.shape[1]).push(mv.astype(np.float64))
    stream = Resampler(reference.fs, mv.shape[1]).push(mv)
    r = np.rint(reference.sample * STREAM_FS / reference.fs).astype(np.int64)
    return Staged(stream, r, aami_classes(reference.symbol))


def _sinus(reference: Annotations, label: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Normal beats between normal ones, where the annotators' rhythm is sinus or has no name."""
    beats = np.concatenate([[""], label, [""]])
    normal = (beats[:-2] == "N") & (beats[1:-1] == "N") & (beats[2:] == "N")
    for i, (start, name) in enumerate(reference.rhythm):
        stop = reference.rhythm[i + 1][0] if i + 1 < len(reference.rhythm) else np.inf
        if name not in SINUS:
            normal[(reference.sample >= start) & (reference.sample < stop)] = False
    return np.asarray(normal)


def _played(
    stream: NDArray[np.float64],
    detector: Detector,
    r: NDArray[np.int64],
    label: NDArray[np.str_],
    record: str,
    classes: Sequence[str],
    *,
    synthetic: bool,
) -> Beats:
    beats = BeatStream(stream.shape[1], detector)
    views = [view for i in range(0, len(stream), 5000) for view in beats.push(stream[i : i + 5000])]
    finals = [v for v in [*views, *beats.flush()] if isinstance(v, BeatView) and v.final]
    found = np.array([v.r for v in finals], dtype=np.int64)
    pairs = match(r, found, round(WINDOW_S * STREAM_FS))
    index = {
        int(t): classes.index(name)
        for t, name in zip(pairs, label, strict=True)
        if t >= 0 and name in classes
    }
    kept = [(finals[i], c, np.flatnonzero(finals[i].weight)) for i, c in sorted(index.items())]
    rows = [len(leads) for _, _, leads in kept]
    return Beats(
        ecg=np.concatenate([v.input.ecg[leads] for v, _, leads in kept]),
        context=np.concatenate([v.input.context[leads] for v, _, leads in kept]),
        label=np.repeat([c for _, c, _ in kept], rows).astype(np.int64),
        record=np.full(sum(rows), record),
        sample=np.repeat([v.r for v, _, _ in kept], rows).astype(np.int64),
        weight=np.concatenate([v.weight[leads] for v, _, leads in kept]),
        synthetic=np.full(sum(rows), synthetic),
    )
