"""Distillation: soft targets of a network that sees ten seconds of all leads, for each beat.

A teacher learns DS1's beats in the recordings as they are, in noise, and with synthetic rhythms,
the very forms that the student learns from (`train.student.forms`). It sees what comes after
a beat, and the clean recording where the student's is noisy: more than the student can see, which
is what there is to distil. The prediction for a beat that lies in several windows is that of the
window where it is most central. Teachers learn from the records that their student does, and no
other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edge.errors import RecordError
from edge.filters import STREAM_FS
from edge.replay import INVALID, Recording
from firmware_bridge.block import mv_from_nv
from train.data.corpus import Record, Reference
from train.data.mitdb import DS1, MitDb, read_annotations, subject
from train.data.nstdb import read_noise
from train.data.own import Own
from train.data.windows import AAMI, Cut, Windows, cut
from train.data.windows import identity as of_windows
from train.engine.batches import Batch, each
from train.engine.files import load_arrays, save_arrays
from train.engine.loop import FitConfig, fit
from train.engine.manifest import Manifest, manifest, of_arrays
from train.metrics.aami import aami_classes
from train.metrics.ec57 import WINDOW_S
from train.models.checkpoint import fill, read, save
from train.models.informed import Informed
from train.models.registry import SYSTEMS
from train.objectives.supervised import Augmentation, BeatTask, beat_weight
from train.student.beats import Beats, Source, collect
from train.student.beats import identity as of_beats
from train.student.forms import NOISES, Change, Form, forms, make
from train.student.training import TrainingConfig

CUT: Final = Cut(stride=5.0)
FIT: Final = FitConfig(epochs=2, batch=32, learning_rate=1.5e-3)
TINY_RECORDS: Final = ("119", "208", "209", "223")
"""Of a run that takes a minute: V is in all of them, S in all but 119."""
TINY_FIT: Final = replace(FIT, epochs=1, batch=8, learning_rate=3e-3)
TINY_TRAINING: Final[Mapping[str, Any]] = {"epochs": 2, "normals": 2000, "synthetic_normals": 2000}
"""Fields of the student's `TrainingConfig`."""
SHARE: Final[Mapping[Change, float]] = {"none": 1.0, "noise": 0.5, "rhythm": 0.25}
"""Of the windows of each form, drawn by the seed, that a teacher learns from."""
SMOOTHING: Final = 0.02
"""Of a teacher's labels."""
CHANGES: Final = Augmentation(gain=0.0, flipped=0.15, lead_drop=0.3)
BALANCE: Final = 0.5
"""See `train.objectives.supervised.beat_weight`."""


@dataclass(frozen=True, slots=True)
class Rhythms:
    """Annotated records as a `Corpus`: of each all its forms, which are named as `Form` has it."""

    folder: Path | None
    """Of mitdb; None where none of its records are learned."""
    noise: Path
    """Of nstdb."""
    names: Sequence[str] = DS1
    own: Own | None = None
    """Records besides mitdb's."""

    @property
    def name(self) -> str:
        """Of the windows cut from it."""
        return "own-rhythms" if self.own else "mitdb-rhythms"

    @property
    def classes(self) -> tuple[str, ...]:
        """None: what is learned here are beats."""
        return ()

    @property
    def records(self) -> Sequence[Record]:
        """Of each record all its forms."""
        patients = {name: subject(name) for name in self.names}
        patients |= self.own.patients if self.own else {}
        known = forms([*patients], "none", "noise", "rhythm")
        return [Record(form.name, patients[form.record]) for form in known]

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """One form of a record; RecordError where mitdb or nstdb is missing or damaged."""
        form = Form.named(record.name)
        if self.own and form.record in self.own.names:
            recording, annotations = self.own.signal(form.record)
        else:
            folder = cast(Path, self.folder)
            recording, _ = MitDb(folder).read(Record(form.record, record.patient))
            annotations = read_annotations(folder / form.record)
        if form.change == "none":
            return recording, Reference(annotations.sample, aami_classes(annotations.symbol))
        mv = mv_from_nv(np.where(recording.nv == INVALID, 0, recording.nv))
        noises = [read_noise(self.noise, n) for n in NOISES] if form.change == "noise" else []
        made = make(form, mv, annotations, noises, form.rng())
        nv = np.rint(made.mv * 1e6).astype(np.int32)
        return replace(recording, nv=nv, fs=made.fs), Reference(made.r, made.label)


@dataclass(frozen=True, slots=True)
class Distillation:
    """What teachers of beats and their students learn from, and how the teachers are trained."""

    data: Path
    """Folder of the data sets."""
    cache: Path
    """Observations, windows and soft targets are kept here."""
    records: tuple[str, ...] = DS1
    fit: FitConfig = FIT
    tiny: bool = False
    """Teachers of the tiny size."""
    own: Own | None = None
    """A laboratory's records, learned besides `records`."""

    def observations(self) -> dict[Source, Beats]:
        """The student's observations; read once a process."""
        return _observations(self.data / "mitdb", self.records, self.cache, self.own)

    def windows(self) -> Windows:
        """What teachers learn from and predict; RecordError where they know no lead."""
        if self.own and not self.records and not self.own.has_standard_leads():
            raise RecordError(
                f"no record of {self.own.folder} has a lead that a teacher knows (I, II, MLII … "
                "V6): name them in the headers, or learn from labels alone with --model none"
            )
        return cut(self._rhythms, CUT, self.cache)

    @property
    def _rhythms(self) -> Rhythms:
        mitdb = self.data / "mitdb" if self.records else None
        return Rhythms(mitdb, self.data / "nstdb", self.records, self.own)

    def identity(self, teachers: bool) -> dict[str, Any]:
        """What a student's observations, and windows of its `teachers`, if any, are made of."""
        mitdb = self.data / "mitdb"
        observations = of_beats(mitdb, self.records, self.cache, AAMI, self.own)
        found = {"observations": asdict(observations)}
        if teachers:
            found["windows"] = asdict(of_windows(self._rhythms, CUT, self.cache))
        return found

    def teacher(self, name: str, left_out: Sequence[str] = ()) -> Manifest:
        """What a named teacher that did not learn some records is made of."""
        settings = {"teacher": name, "tiny": self.tiny, "left_out": sorted(left_out)}
        settings |= {"fit": self.fit, "changes": CHANGES, "share": SHARE}
        settings |= {"smoothing": SMOOTHING, "balance": BALANCE}
        return manifest(settings, self.identity(teachers=True), __name__)

    def kept(self, name: str, left_out: Sequence[str] = ()) -> Path:
        """Where a named teacher's network is, once it was taught."""
        return self.cache / f"teacher-{name}-{self.teacher(name, left_out).digest}.safetensors"

    def soft_targets_of(
        self, name: str, left_out: Sequence[str] = (), bar: bool = False
    ) -> dict[Source, NDArray[np.float32]]:
        """Those of a named teacher that did not learn some records, see `soft_targets`.

        Kept by the digest of the teacher's manifest, as its network is; the teacher is taught if it
        was not yet.
        """
        mine, network = self.teacher(name, left_out), self.kept(name, left_out)
        path = self.cache / f"soft-targets-{name}-{mine.digest}.npz"
        observations = self.observations()
        if not (path.exists() and network.exists()):
            windows = in_context(self.windows(), observations)
            torch.manual_seed(self.fit.seed)
            encoder = SYSTEMS[name](self.tiny)
            run = network.with_suffix("")
            net = trained(encoder, windows, left_out, self.fit, run, name if bar else None)
            save_arrays(
                path, {str(s): rows for s, rows in soft_targets(net, windows, observations).items()}
            )
            save(network, name, net, AAMI, {"task": "beats", **mine.summary})
        predicted = load_arrays(path, observations)
        return {source: predicted[source] for source in observations}

    def mean_soft_targets(
        self, names: Sequence[str], left_out: Sequence[str] = (), bar: bool = False
    ) -> dict[Source, NDArray[np.float32]]:
        """Those of several together: the mean of their log probabilities, normalised."""
        each = [self.soft_targets_of(name, left_out, bar) for name in names]
        means = {s: torch.from_numpy(np.mean([of[s] for of in each], 0)) for s in each[0]}
        return {s: mean.log_softmax(1).numpy() for s, mean in means.items()}

    def material(
        self, config: TrainingConfig, left_out: Sequence[str] = (), bar: bool = False
    ) -> tuple[Beats, NDArray[np.float32] | None]:
        """The observations that a student may draw from, and their soft targets.

        Log probabilities [n, K], None without such teachers; of no record that is left out.
        """
        observations = {
            s: of for s, of in self.observations().items() if config.noisy or s != "noisy"
        }
        beats = Beats.concatenate(list(observations.values()))
        rest = ~np.isin(beats.record, left_out)
        if not config.taught_by:
            return beats[rest], None
        given = self.mean_soft_targets(config.taught_by, left_out, bar)
        return beats[rest], np.concatenate([given[s] for s in observations])[rest]


@cache
def _observations(
    folder: Path, records: tuple[str, ...], kept: Path, own: Own | None
) -> dict[Source, Beats]:
    return collect(folder, records, kept, AAMI, own)


def rows_to_learn(windows: Windows, left_out: Sequence[str], seed: int) -> NDArray[np.int64]:
    """The windows that a teacher learns from, when some records are left out."""
    record = windows.column("record")
    known = [Form.named(of.name) for of in windows.records]
    share = [0.0 if of.record in left_out else SHARE[of.change] for of in known]
    drawn = np.random.default_rng(seed).random(len(record))
    return np.flatnonzero(drawn < np.array(share)[record])


_Known = dict[Form, tuple[NDArray[np.int64], NDArray[np.float32]]]
"""Of each form: where a teacher found beats, ascending, at 100 Hz, [n], and log probabilities of
each, [n, K]."""


@dataclass(frozen=True, slots=True, eq=False)
class InContext:
    """Windows with the context features that the device computes of each of their beats."""

    windows: Windows
    context: NDArray[np.float32]
    """[windows, P, F]; NaN where it has none."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What both are made of."""
        return {"windows": self.windows.identity, "context": of_arrays([self.context])}

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """Windows by number."""
        context = torch.from_numpy(self.context[rows])
        return replace(self.windows.batch(rows), context=context)


def in_context(windows: Windows, sets: Mapping[Source, Beats]) -> InContext:
    """Finds the context of every beat of every window, mean over its leads."""
    known = {}
    for source in ("detected", "noisy", "synthetic"):
        beats = sets[source]
        for form, part in beats.by_form():
            sample, beat = np.unique(beats.sample[part], return_inverse=True)
            total = np.zeros((len(sample), beats.context.shape[1]), np.float32)
            np.add.at(total, beat, beats.context[part])
            known[form] = sample * CUT.fs / STREAM_FS, total / np.bincount(beat)[:, None]
    peaks, start = windows.column("peaks").astype(np.int64), windows.column("start")
    record = windows.column("record")
    context = np.full((*peaks.shape, sets["detected"].context.shape[1]), np.nan, np.float32)
    for i, of in enumerate(windows.records):
        rows = np.flatnonzero(record == i)
        if Form.named(of.name) not in known or not (record == i).any():
            continue  # none of its beats is of a class, or no teacher knows its leads
        at, values = known[Form.named(of.name)]
        nearest = _nearest(at, (peaks[rows] + start[rows, None]).ravel())
        nearest[peaks[rows].ravel() < 0] = -1
        found = np.where(nearest[:, None] >= 0, values[nearest], np.nan)
        context[rows] = found.reshape(len(rows), peaks.shape[1], -1)
    return InContext(windows, context)


def trained(
    encoder: nn.Module,
    windows: InContext,
    left_out: Sequence[str],
    config: FitConfig = FIT,
    run: Path | None = None,
    bar: str | None = None,
) -> Informed:
    """Trains an encoder on the beats of DS1 without some records."""
    rows = rows_to_learn(windows.windows, left_out, config.seed)
    context = windows.context[rows]
    net = Informed(encoder, torch.from_numpy(context[~np.isnan(context[:, :, 0])]))
    weight = beat_weight(windows.windows.column("beats")[rows], BALANCE)
    fit(BeatTask(net, weight, CHANGES, SMOOTHING), windows, rows, config, run, bar=bar)
    return net


def reopened(path: Path) -> Informed:
    """The teacher in a file; RecordError where it is damaged or holds no teacher of beats."""
    saved = read(path)
    mean = saved.state.get("mean", torch.zeros(0))
    net = Informed(saved.encoder(), torch.zeros(2, len(mean)))
    fill(net, saved)
    return net.eval()


@torch.no_grad()
def soft_targets(
    net: nn.Module, windows: InContext, sets: Mapping[Source, Beats]
) -> dict[Source, NDArray[np.float32]]:
    """A teacher's log probabilities for the observations of each set, [n, K].

    NaN where it found no such beat. Beats in noise have those that they have without.
    """
    net.eval()
    rows = _predicted(windows.windows)
    parts = [
        net(batch.ecg, batch.leads, batch.peaks, batch.context).log_softmax(2).cpu().numpy()
        for batch in each(net, windows, rows)
    ]
    log = np.concatenate(parts)
    record, start = (windows.windows.column(name)[rows] for name in ("record", "start"))
    peaks = windows.windows.column("peaks")[rows].astype(np.int64)
    place = np.where(peaks >= 0, peaks + start[:, None], -1)
    central = np.abs(peaks - windows.windows.cut.samples / 2)
    known: _Known = {}
    for i, of in enumerate(windows.windows.records):
        part = record == i
        if not part.any():
            continue
        flat = place[part].ravel()
        # Of equal places the one nearest to its window's middle comes first, and is kept.
        order = np.lexsort((central[part].ravel(), flat))
        flat, values = flat[order], log[part].reshape(-1, log.shape[2])[order]
        first = np.flatnonzero(np.diff(flat, prepend=-1) > 0)
        known[Form.named(of.name)] = flat[first], values[first]
    return {source: _at(beats, known) for source, beats in sets.items()}


def _predicted(windows: Windows) -> NDArray[np.int64]:
    """All windows of recordings as they are, of made ones every other, of noisy ones none."""
    change = np.array([Form.named(r.name).change for r in windows.records])
    change = change[windows.column("record")]
    every_other = windows.column("start") % round(2 * CUT.stride * CUT.fs) == 0
    return np.flatnonzero((change == "none") | ((change == "rhythm") & every_other))


def _nearest(at: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.int64]:
    """Which of the ascending places at 100 Hz is nearest to each wanted one; -1: none is near.

    Both are of one form. The detector finds its beats at 250 Hz for the student and at the
    recording's own rate for teachers, so time is all that they have in common. Pairing each with an
    annotated beat, and those by its number, would change 9 pairs of 660,000 in DS1.
    """
    after = np.searchsorted(at, wanted).clip(max=len(at) - 1)
    before = (after - 1).clip(0)
    nearest = np.where(wanted - at[before] < at[after] - wanted, before, after)
    return np.where(np.abs(at[nearest] - wanted) <= WINDOW_S * CUT.fs, nearest, -1)


def _at(beats: Beats, known: _Known) -> NDArray[np.float32]:
    """Those for one set of observations, by form and time."""
    result = np.full((len(beats), len(AAMI)), np.nan, np.float32)
    for form, part in beats.by_form():
        if form.without_noise not in known:  # a record none of whose leads a teacher knows
            continue
        at, values = known[form.without_noise]
        nearest = _nearest(at, beats.sample[part] * CUT.fs / STREAM_FS)
        result[part] = np.where(nearest[:, None] >= 0, values[nearest], np.nan)
    return result
