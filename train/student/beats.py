"""Observations of beats: recordings played through the very code that the device runs.

The detector's own peaks and the annotators' are both learned from, so that neither's jitter is
all there is; and so are the other forms of a recording, which `train.student.forms` makes.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge import replay
from edge.beats import CONTEXT, SAMPLES
from edge.filters import STREAM_FS
from edge.qrs import Peak, QrsDetector
from edge.stream import BeatStream, BeatView, Detector
from edge.workers import end_with_parent
from train.data.mitdb import Annotations, read_annotations, require
from train.data.nstdb import read_noise
from train.data.own import Own
from train.engine.files import load_arrays, save_arrays
from train.engine.manifest import Manifest, contents, manifest, of_arrays
from train.metrics.ec57 import WINDOW_S, match
from train.student.forms import NOISES, SYNTHETIC, Change, Form, Made, forms, make, streamed

Source = Literal["detected", "annotated", "noisy", "synthetic"]
"""Where the peaks come from; `noisy`: detected in noise; `synthetic`: another rhythm, peaks as the
annotators', moved along."""
CHANGES: Final[Mapping[Source, Change]] = {
    "detected": "none",
    "annotated": "none",
    "noisy": "noise",
    "synthetic": "rhythm",
}
"""Of which form of the recordings each set is."""
_JITTER = 1.2
"""Of made peaks, in stream samples: about the detector's own."""
_NO_ECG: Final = np.empty((0, 2, SAMPLES), np.float32)
_NO_CONTEXT: Final = np.empty((0, len(CONTEXT)), np.float32)
"""Of a record none of whose beats is found, or of a class."""


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
    form: NDArray[np.str_]
    """Name of the record's form (`train.student.forms.Form`), [n]."""
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

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of all that is here."""
        return of_arrays(getattr(self, name) for name in Beats.__slots__)

    def by_form(self) -> Iterator[tuple[Form, NDArray[np.int64]]]:
        """Each form that is here, and its rows."""
        names, of = np.unique(self.form, return_inverse=True)
        for i, name in enumerate(names):
            yield Form.named(str(name)), np.flatnonzero(of == i)

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
    keys = np.char.add(np.char.add(beats.form, " "), beats.sample.astype(str))
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
    form: Form,
    classes: Sequence[str],
    noises: Sequence[NDArray[np.float64]] = (),
    *,
    annotated: bool = False,
) -> Beats:
    """Every observation of the beats of a form of a recording that have a label among `classes`.

    `mv` is the recording [n, leads], at the reference's rate; `noises` are those that a noisy form
    is given. Peaks are the detector's, or the annotators' where `annotated`, and in another rhythm,
    where they jitter.
    """
    rng = form.rng()
    made = make(form, mv, reference, noises, rng)
    if form.change == "rhythm":
        jitter = rng.normal(0, _JITTER, len(made.r))
        peaks = np.rint(made.r + jitter).astype(np.int64).clip(0, len(made.mv) - 1)
        return _played(made, ListedPeaks(np.maximum.accumulate(peaks)), form, classes)
    made = streamed(made)
    listed = ListedPeaks(made.r) if annotated else QrsDetector(STREAM_FS, mv.shape[1])
    return _played(made, listed, form, classes)


def collect(
    folder: Path,
    records: Sequence[str],
    cache: Path,
    classes: Sequence[str],
    own: Own | None = None,
) -> dict[Source, Beats]:
    """Observations of all beats of all leads of `records` and `own` ones, a set for each source.

    Kept in `cache` by the digest of their manifest. Shows a progress bar. RecordError where
    `folder`, or nstdb beside it, is missing.
    """
    key = identity(folder, records, cache, classes, own).digest
    names = (*records, *(own.names if own else ()))
    paths: dict[Source, Path] = {s: cache / f"beats-{key}-{s}.npz" for s in get_args(Source)}
    for source, path in paths.items():
        if not path.exists():
            # In the order that rows are drawn in: another one would give another student.
            known = sorted(forms(names, CHANGES[source]), key=lambda form: form.draw)
            jobs = [(folder, form, classes, source == "annotated", own) for form in known]
            with ProcessPoolExecutor(initializer=end_with_parent) as pool:
                parts = pool.map(_observed, *zip(*jobs, strict=True))
                bar = tqdm(parts, f"beats, {source}", len(jobs), unit="rec")
                Beats.concatenate(list(bar)).save(path)
    return {source: Beats.load(path) for source, path in paths.items()}


def identity(
    folder: Path,
    records: Sequence[str],
    cache: Path,
    classes: Sequence[str],
    own: Own | None = None,
) -> Manifest:
    """What `collect` makes observations of; files that `cache` remembers are not read again."""
    settings: dict[str, Any] = {"classes": classes, "context": CONTEXT}
    settings |= {"rhythms": SYNTHETIC, "noises": NOISES}
    if records:
        require(folder)
    require(folder.parent / "nstdb")
    data = contents(folder.parent / "nstdb", NOISES, cache)
    if records:
        data = contents(folder, records, cache) | data
    if own:
        settings["annotator"] = own.annotator
        data = contents(own.folder, own.names, cache) | data
    return manifest(settings, data, __name__)


def _observed(
    folder: Path, form: Form, classes: Sequence[str], annotated: bool, own: Own | None
) -> Beats:
    mv: NDArray[np.floating]
    noisy = form.change == "noise"
    noises = [read_noise(folder.parent / "nstdb", n) for n in NOISES] if noisy else []
    if own and form.record in own.names:
        mv, reference = own.observed(form.record)
    else:
        mv = replay.read(folder / form.record).nv * 1e-6
        reference = read_annotations(folder / form.record)
    return observe(mv, reference, form, classes, noises, annotated=annotated)


def _played(made: Made, detector: Detector, form: Form, classes: Sequence[str]) -> Beats:
    stream = made.mv
    beats = BeatStream(stream.shape[1], detector)
    views = [view for i in range(0, len(stream), 5000) for view in beats.push(stream[i : i + 5000])]
    finals = [v for v in [*views, *beats.flush()] if isinstance(v, BeatView) and v.final]
    found = np.array([v.r for v in finals], dtype=np.int64)
    pairs = match(made.r, found, round(WINDOW_S * STREAM_FS))
    index = {
        int(t): classes.index(name)
        for t, name in zip(pairs, made.label, strict=True)
        if t >= 0 and name in classes
    }
    kept = [(finals[i], c, np.flatnonzero(finals[i].weight)) for i, c in sorted(index.items())]
    rows = [len(leads) for _, _, leads in kept]
    return Beats(
        ecg=np.concatenate([_NO_ECG, *(v.input.ecg[leads] for v, _, leads in kept)]),
        context=np.concatenate([_NO_CONTEXT, *(v.input.context[leads] for v, _, leads in kept)]),
        label=np.repeat([c for _, c, _ in kept], rows).astype(np.int64),
        record=np.full(sum(rows), form.record),
        form=np.full(sum(rows), form.name),
        sample=np.repeat([v.r for v, _, _ in kept], rows).astype(np.int64),
        weight=np.concatenate([np.empty(0), *(v.weight[leads] for v, _, leads in kept)]),
        synthetic=np.full(sum(rows), form.change == "rhythm"),
    )
