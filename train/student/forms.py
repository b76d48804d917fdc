"""The forms of a recording that are learned from: as it is, in noise, and with another rhythm.

Each is made here, and here alone, and both views are cut from it: the student's observations
(`train.student.beats`) and the teachers' windows (`train.student.distillation`). Both carry its
identity, by which what teachers say comes to the observations that it is said of.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from edge.filters import STREAM_FS, Resampler
from edge.mains import Mains
from train.data.mitdb import Annotations
from train.data.nstdb import stressed
from train.metrics.aami import aami_classes
from train.student.rhythms import with_other_rhythm

Change = Literal["none", "noise", "rhythm"]
"""What was done to a recording: nothing, noise of nstdb added, sinus rhythm put into another."""

NOISES: Final = ("bw", "ma")
"""Of nstdb; its `em` is left for tests."""
SYNTHETIC: Final = 4
"""Rhythms made of each record."""
SINUS: Final = ("N", "SBR")
"""The annotators' rhythms that others are made of: normal, and sinus bradycardia."""


@dataclass(frozen=True, slots=True)
class Form:
    """The identity of one form of one recording."""

    record: str
    change: Change = "none"
    draw: int = 0
    """Of how many that are changed in the same way, this is which."""

    @property
    def name(self) -> str:
        """As arrays and windows hold it: `101`, `101 noise 0`, `101 rhythm 3`."""
        changed = self.change != "none"
        return f"{self.record} {self.change} {self.draw}" if changed else self.record

    @staticmethod
    def named(name: str) -> "Form":
        """The form that has this `name`."""
        changed = re.fullmatch("(.+) (noise|rhythm) ([0-9]+)", name)
        if changed is None:
            return Form(name)
        record, change, draw = changed.groups()
        return Form(record, cast(Change, change), int(draw))

    @property
    def without_noise(self) -> "Form":
        """The recording whose beats lie where this one's do, without noise."""
        return Form(self.record) if self.change == "noise" else self

    def rng(self) -> np.random.Generator:
        """Where all that is random about it comes from."""
        return np.random.default_rng([*self.record.encode(), self.draw])


def forms(records: Sequence[str], *changes: Change) -> list[Form]:
    """The forms of some records that are changed in these ways, a record's one after the other."""
    draws = {"none": 1, "noise": 1, "rhythm": SYNTHETIC}
    return [Form(r, change, i) for r in records for change in changes for i in range(draws[change])]


class Made(NamedTuple):
    """One form of a recording."""

    mv: NDArray[np.float64]
    """[n, leads]."""
    fs: float
    r: NDArray[np.int64]
    """The annotators' beats, ascending, as samples at `fs`."""
    label: NDArray[np.str_]
    """AAMI class of each."""


def make(
    form: Form,
    mv: NDArray[np.floating],
    reference: Annotations,
    noises: Sequence[NDArray[np.float64]],
    rng: np.random.Generator,
) -> Made:
    """One form of a recording, `mv` [n, leads] at the reference's rate, NaN without signal.

    With another rhythm it is at 250 Hz, as the device sees it, and flat where there is no signal.
    `rng` is the form's own.
    """
    label = aami_classes(reference.symbol)
    made = Made(mv.astype(np.float64), reference.fs, reference.sample, label)
    absent = np.isnan(made.mv)
    if form.change == "noise":
        noisy = stressed(_held(made.mv, absent), reference, noises, rng)
        return made._replace(mv=np.where(absent, np.nan, noisy))
    if form.change == "rhythm":
        stream, _, r, _ = streamed(made._replace(mv=_held(made.mv, absent)))
        other = with_other_rhythm(stream, r, label, _sinus(reference, label), rng)
        return Made(other.stream, STREAM_FS, other.r, other.label)
    return made


def _held(mv: NDArray[np.float64], absent: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The last value where there is none, 0 before the first."""
    last = np.maximum.accumulate(np.where(absent, -1, np.arange(len(mv))[:, None]))
    return np.where(last < 0, 0.0, np.take_along_axis(mv, last.clip(0), 0))


def streamed(made: Made) -> Made:
    """What is at a board's rate, at 250 Hz as the device sees it."""
    leads = made.mv.shape[1]
    mv = Resampler(made.fs, leads).push(Mains(made.fs, leads).push(made.mv))
    return Made(mv, STREAM_FS, np.rint(made.r * STREAM_FS / made.fs).astype(np.int64), made.label)


def _sinus(reference: Annotations, label: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Normal beats between normal ones, where the annotators' rhythm is sinus or has no name."""
    beats = np.concatenate([[""], label, [""]])
    normal = (beats[:-2] == "N") & (beats[1:-1] == "N") & (beats[2:] == "N")
    for i, (start, name) in enumerate(reference.rhythm):
        stop = reference.rhythm[i + 1][0] if i + 1 < len(reference.rhythm) else np.inf
        if name not in SINUS:
            normal[(reference.sample >= start) & (reference.sample < stop)] = False
    return np.asarray(normal)
