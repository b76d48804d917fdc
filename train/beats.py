"""Beats to learn from: recordings played through the very code that the device runs.

Each lead of a record is played alone, so that the model needs no particular one. Peaks are the
detector's own, or the annotators', so that neither's jitter is all that is learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.filters import STREAM_FS, Resampler
from edge.qrs import Peak, QrsDetector
from edge.stream import BeatStream, BeatView, Detector
from train.data.aami import aami_classes
from train.data.mitdb import Annotations
from train.evaluation import WINDOW_S, match

Peaks = Literal["detected", "annotated"]


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Looks at beats, a row each; a beat has two, the provisional and the final one."""

    ecg: NDArray[np.float32]
    """[n, 2, 128]: window and template, as `edge.beats` cuts them."""
    context: NDArray[np.float32]
    """[n, len(edge.beats.CONTEXT)]."""
    label: NDArray[np.int64]
    """Index into the classes, [n]."""
    final: NDArray[np.bool_]
    """[n]."""
    record: NDArray[np.str_]
    """[n]."""
    sample: NDArray[np.int64]
    """R peak at 250 Hz, [n]."""

    def __len__(self) -> int:
        """Number of looks."""
        return len(self.label)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Beats":
        """The looks that a mask or an index list picks."""
        return Beats(*(getattr(self, name)[rows] for name in Beats.__slots__))

    @staticmethod
    def concatenate(parts: Sequence["Beats"]) -> "Beats":
        """All looks of all parts."""
        return Beats(
            *(np.concatenate([getattr(p, name) for p in parts]) for name in Beats.__slots__)
        )

    def save(self, path: Path) -> None:
        """Writes one .npz file."""
        np.savez(path, **{name: getattr(self, name) for name in Beats.__slots__})

    @staticmethod
    def load(path: Path) -> "Beats":
        """Reads what `save` wrote."""
        with np.load(path) as arrays:
            return Beats(*(arrays[name] for name in Beats.__slots__))


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


def look(
    mv: NDArray[np.float64],
    reference: Annotations,
    record: str,
    classes: Sequence[str],
    peaks: Peaks,
) -> Beats:
    """Every look at one lead's beats that have a reference label among `classes`.

    `mv` is [n], at the reference's rate.
    """
    resampler = Resampler(reference.fs, 1)
    stream = resampler.push(mv[:, None])
    r_true = np.rint(reference.sample * STREAM_FS / reference.fs).astype(np.int64)
    detector: Detector
    if peaks == "annotated":
        detector = ListedPeaks(r_true)
    else:
        detector = QrsDetector(STREAM_FS, 1)
    beats = BeatStream(1, detector)
    views = [
        v
        for start in range(0, len(stream), 5000)
        for v in beats.push(stream[start : start + 5000])
        if isinstance(v, BeatView)
    ]
    views += [v for v in beats.flush() if isinstance(v, BeatView)]
    finals = [v.r for v in views if v.final]
    pairs = match(r_true, np.array(finals, dtype=np.int64), round(WINDOW_S * STREAM_FS))
    names = aami_classes(reference.symbol)
    label = {
        finals[t]: classes.index(name)
        for t, name in zip(pairs, names, strict=True)
        if t >= 0 and name in classes
    }
    kept = [v for v in views if v.r in label and v.weight[0]]
    return Beats(
        ecg=np.concatenate([v.input.ecg for v in kept]),
        context=np.concatenate([v.input.context for v in kept]),
        label=np.array([label[v.r] for v in kept], dtype=np.int64),
        final=np.array([v.final for v in kept]),
        record=np.full(len(kept), record),
        sample=np.array([v.r for v in kept], dtype=np.int64),
    )
