"""From teacher to student: what a network that sees ten seconds of all leads says of each beat.

A teacher learns DS1's beats in the recordings as they are, in noise, and with made rhythms, the
very ones that the student learns from (`train.beats`). It may look at what comes after a beat, and
at the clean recording where the student's is noisy: it knows more than the student can see, which
is what there is to teach. Of a beat that lies in several windows it is asked where the beat is most
central. Teachers learn from the records that their student does, and no other.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from edge.filters import STREAM_FS
from edge.replay import INVALID, Recording
from firmware_bridge.block import mv_from_nv
from train.beats import Beats, Source, draws, remade
from train.data.corpus import Record, Reference
from train.data.mitdb import DS1, MitDb, read_annotations, subject
from train.data.nstdb import read_noise, stressed
from train.data.windows import AAMI, Cut, Windows, cut
from train.evaluation import WINDOW_S
from train.loop import FitConfig, fit
from train.models.encoder import Classifier
from train.student import MADE, NOISES
from train.supervised import Augmentation, BeatTask, beat_weight, said
from train.systems import classifier

CUT: Final = Cut(stride=5.0)
FIT: Final = FitConfig(epochs=2, batch=32, learning_rate=1.5e-3)
SHARE_OF_MADE: Final = 0.5
"""Of the windows of made rhythms, drawn by the seed, that a teacher learns from."""
SMOOTHING: Final = 0.02
"""Of a teacher's labels."""
CHANGES: Final = Augmentation(gain=0.0, flipped=0.15, lead_drop=0.3)
BALANCE: Final = 0.3
"""See `train.supervised.beat_weight`."""


@dataclass(frozen=True, slots=True)
class Rhythms:
    """DS1 as a `Corpus`, each record as it is (`101`), in noise (`101 noisy`), remade (`101 0`)."""

    folder: Path
    """Of mitdb; nstdb lies beside it."""

    @property
    def name(self) -> str:
        """Of the windows cut from it."""
        return "mitdb-rhythms"

    @property
    def classes(self) -> tuple[str, ...]:
        """None: what is learned here are beats."""
        return ()

    @property
    def records(self) -> Sequence[Record]:
        """Of each record of DS1 all its forms."""
        forms = ["", " noisy", *(f" {i}" for i in range(MADE))]
        return [Record(f"{name}{form}", subject(name)) for name in DS1 for form in forms]

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """One form of a record; RecordError where mitdb or nstdb is missing or damaged."""
        name, _, form = record.name.partition(" ")
        recording, reference = MitDb(self.folder).read(Record(name, record.patient))
        if not form:
            return recording, Reference(reference.beats, reference.aami)
        annotations = read_annotations(self.folder / name)
        mv = mv_from_nv(np.where(recording.nv == INVALID, 0, recording.nv)).astype(np.float64)
        if form == "noisy":
            noises = [read_noise(self.folder.parent / "nstdb", n) for n in NOISES]
            mv = stressed(mv, annotations, noises, draws(name, 0))
            nv = np.rint(mv * 1e6).astype(np.int32)
            return replace(recording, nv=nv), Reference(reference.beats, reference.aami)
        staged = remade(mv, annotations, draws(name, int(form)))
        nv = np.rint(staged.stream * 1e6).astype(np.int32)
        return replace(recording, nv=nv, fs=STREAM_FS), Reference(staged.r, staged.label)


def rhythms(data: Path, cache: Path) -> Windows:
    """All windows that teachers of beats learn from and are asked about."""
    return cut(Rhythms(data / "mitdb"), CUT, cache)


def learnt_rows(windows: Windows, left_out: Sequence[str], seed: int) -> NDArray[np.int64]:
    """The windows that a teacher learns from, when some records are left out."""
    names = [r.name.partition(" ") for r in windows.records]
    record = windows.column("record")
    usable = np.array([name not in left_out for name, _, _ in names])[record]
    made = np.array([form.isdigit() for _, _, form in names])[record]
    drawn = np.random.default_rng(seed).random(len(record)) < SHARE_OF_MADE
    return np.flatnonzero(usable & (~made | drawn))


def taught(
    net: Classifier,
    windows: Windows,
    left_out: Sequence[str],
    config: FitConfig = FIT,
    run: Path | None = None,
    bar: str | None = None,
) -> Classifier:
    """Teaches a classifier of beats on DS1 without some records."""
    rows = learnt_rows(windows, left_out, config.seed)
    weight = beat_weight(windows.column("beats")[rows], BALANCE)
    fit(BeatTask(net, weight, CHANGES, SMOOTHING), windows, rows, config, run, bar=bar)
    return net


def lessons(
    net: Classifier, windows: Windows, sets: dict[Source, Beats]
) -> dict[Source, NDArray[np.float32]]:
    """What a teacher says of every look of every set, log probabilities [n, K]; NaN where nothing.

    Of beats in noise it says what it says of them without.
    """
    every = np.arange(len(windows))
    log = torch.from_numpy(said(net, windows, every)).log_softmax(2).numpy()
    record, start = windows.column("record"), windows.column("start")
    peaks = windows.column("peaks").astype(np.int64)
    place = np.where(peaks >= 0, peaks + start[:, None], -1)
    central = np.abs(peaks - windows.cut.samples / 2)
    known: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}
    for i, of in enumerate(windows.records):
        rows = record == i
        flat = place[rows].ravel()
        # Of equal places the one nearest to its window's middle comes first, and is kept.
        order = np.lexsort((central[rows].ravel(), flat))
        flat, values = flat[order], log[rows].reshape(-1, log.shape[2])[order]
        first = np.flatnonzero(np.diff(flat, prepend=-1) > 0)
        known[of.name] = flat[first], values[first]
    return {source: _asked(beats, source, known) for source, beats in sets.items()}


def _asked(
    beats: Beats, source: Source, known: dict[str, tuple[NDArray[np.int64], NDArray[np.float32]]]
) -> NDArray[np.float32]:
    """The answers for one set of looks, by record, form and time."""
    result = np.full((len(beats), len(AAMI)), np.nan, np.float32)
    starts = np.flatnonzero(np.concatenate([[True], beats.record[1:] != beats.record[:-1]]))
    seen: dict[str, int] = {}
    for start, stop in zip(starts, [*starts[1:], len(beats)], strict=True):
        name = str(beats.record[start])
        form = seen.get(name, 0)  # a record's made rhythms come one after the other
        seen[name] = form + 1
        at, values = known[f"{name} {form}" if source == "made" else name]
        wanted = beats.sample[start:stop] * CUT.fs / STREAM_FS
        after = np.searchsorted(at, wanted).clip(1, len(at) - 1)
        nearest = np.where(wanted - at[after - 1] < at[after] - wanted, after - 1, after)
        near = np.abs(at[nearest] - wanted) <= WINDOW_S * CUT.fs
        result[start:stop][near] = values[nearest[near]]
    return result


def cached_lessons(
    name: str,
    data: Path,
    cache: Path,
    sets: dict[Source, Beats],
    left_out: Sequence[str],
    config: FitConfig = FIT,
) -> dict[Source, NDArray[np.float32]]:
    """The lessons of a named teacher that did not see some records, taught if they are not yet."""
    how = asdict(config), asdict(CHANGES), SHARE_OF_MADE, SMOOTHING, BALANCE
    settings = [name, sorted(left_out), *how]
    key = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:12]
    path = cache / f"lessons-{name}-{key}.npz"
    if not path.exists():
        windows = rhythms(data, cache)
        torch.manual_seed(config.seed)
        net = classifier(name, len(AAMI), of_beats=True)
        run = cache / f"teacher-{name}-{key}"
        given = lessons(taught(net, windows, left_out, config, run), windows, sets)
        unfinished = path.with_suffix(".new.npz")
        np.savez(unfinished, allow_pickle=False, **{str(s): rows for s, rows in given.items()})
        unfinished.replace(path)
    with np.load(path) as arrays:
        return {source: arrays[source] for source in sets}


def lessons_of(
    names: Sequence[str],
    data: Path,
    cache: Path,
    sets: dict[Source, Beats],
    left_out: Sequence[str],
    config: FitConfig = FIT,
) -> dict[Source, NDArray[np.float32]]:
    """What several teachers say together: the mean of their log probabilities, made to add up."""
    each = [cached_lessons(name, data, cache, sets, left_out, config) for name in names]
    means = {s: torch.from_numpy(np.mean([of[s] for of in each], 0)) for s in sets}
    return {s: mean.log_softmax(1).numpy() for s, mean in means.items()}
