"""Recordings as a source of sample blocks: in memory, or read as they are played."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge.arrays import LIKELY_MV, heights
from edge.errors import RecordError
from edge.files import Start, choice, open_file
from edge.leads import asked, select_leads
from edge.marks import Contact
from edge.rates import check_rate
from firmware_bridge.block import NANOVOLT, LeadState, SampleBlock, Step, mv_from_nv
from firmware_bridge.change import LinkChange
from firmware_bridge.text import narrow, printable, unique
from firmware_bridge.units import nanovolts

INVALID = np.iinfo(np.int32).min
"""Value of a sample that the recording marks as invalid."""
_LOOKED = 10  # pieces in which a lead without a unit must move, to have a scale
_STEP_NV = 0.501  # a whole nanovolt may be so far from its step
_VALUES = 48_000  # of all leads of a block, at most: bounds the memory
_MARKS = 8  # values that a marker has at most


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording in memory, as whole nanovolts: what every way of playing it starts from."""

    name: str
    fs: float
    """Sampling rate of the leads, in Hz."""
    leads: tuple[str, ...]
    nv: NDArray[np.int32]
    """Samples in nanovolts, shape [n, leads]; `INVALID` where the recording has none."""
    lost: bool = False
    """As `Opened.lost`."""
    contacts: tuple[Contact, ...] = ()
    """As `Opened.contacts`."""
    steps: tuple[float | None, ...] = ()
    """As `Opened.steps`; empty where none is known."""

    def only(self, leads: Sequence[str | int] | None) -> Self:
        """The same of some leads, None for all; RecordError for one that is not there."""
        columns = select_leads(self.leads, leads)
        names = tuple(self.leads[i] for i in columns)
        place = {column: i for i, column in enumerate(columns)}
        contacts = (c._replace(lead=place[c.lead]) for c in self.contacts if c.lead in place)
        steps = tuple(self.steps[i] for i in columns if self.steps)
        nv = self.nv[:, columns]
        return replace(self, leads=names, nv=nv, contacts=tuple(contacts), steps=steps)

    def pieces(self) -> Iterator[NDArray[np.int32]]:
        """All of them."""
        return iter([self.nv])


class Opened:
    """A file that is open to be played: only what is played is read, a minute at a time."""

    def __init__(
        self,
        record: str | Path,
        leads: Sequence[str | int] | None = None,
        fs: float | None = None,
    ) -> None:
        """`record`: a WFDB record (its path, or that of one of its files), EDF, CSV or NumPy file,
        or a folder of `edge-run --record`, whose hours are one.

        `leads` are channel names (any case) or numbers from 0; by default every one that seems to
        be an ECG. `fs` in Hz is the rate of a CSV or NumPy file, which need not tell one.

        RecordError: there is no such file or lead, it is damaged or impossible, has the chosen
        leads at different rates, or a rate or voltage that cannot be played. ValueError: `leads` is
        no list, or an empty one.
        """
        leads = asked(leads)
        self._doubts: list[str] = []
        self.file = open_file(record, fs, leads)
        self.name = printable(self.file.name)
        names = unique(narrow(channel.name) for channel in self.file.channels)
        chosen = self._asked(names, leads) if leads else choice.leads(self.name, self.file.channels)
        self._columns, self._nv, self._level = self._scaled(names, chosen, all_of=bool(leads))
        self.leads = tuple(names[i] for i in self._columns)
        self.fs = self.file.channels[self._columns[0]].fs
        """Sampling rate of the leads, in Hz."""

    @property
    def began(self) -> Start | None:
        """When its first sample was, where the file tells."""
        return self.file.began

    @property
    def told(self) -> tuple[str, ...]:
        """Sentences: what was found out about the file, and its user should know."""
        return (*self.file.told, *self._doubts)

    @property
    def doubts(self) -> list[LinkChange]:
        """What to tell before the samples: that the file tells another rate than was given."""
        measured = self.file.measured_hz
        if measured is None:
            return []
        text = (
            f"{self.name} has {measured:g} samples a second by what it tells itself, not "
            f"{self.fs:g}: leave fs out, or give {measured:g}"
        )
        return [LinkChange("up", text, measured)]

    @property
    def scale(self) -> tuple[float | None, ...] | None:
        """Millivolts that 1 of each lead is taken for, None where its unit tells; None if all do.

        Those that do not have their usual QRS complex at 1 mV.
        """
        units = [self.file.channels[i].unit for i in self._columns]
        known = [nanovolts(unit or "") is not None for unit in units]
        if all(known):
            return None
        each = zip(known, self._nv.tolist(), strict=True)
        return tuple(None if k else nv * 1e-6 for k, nv in each)

    @property
    def steps(self) -> tuple[float | None, ...]:
        """Nanovolts between samples at least, as the file tells it."""
        each = zip(self._columns, self._nv.tolist(), strict=True)
        steps = ((self.file.channels[i].step, nv) for i, nv in each)
        return tuple(None if step is None else step * nv for step, nv in steps)

    @property
    def lost(self) -> bool:
        """Whether samples that are invalid in all leads never came; else electrodes were off."""
        return self.file.lost

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """What the board said of the leads, in order of time."""
        place = {column: k for k, column in enumerate(self._columns)}
        return tuple(c._replace(lead=place[c.lead]) for c in self.file.contacts if c.lead in place)

    def pieces(self) -> Iterator[NDArray[np.int32]]:
        """The samples in whole nanovolts, [n, leads]; `INVALID` where there are none.

        RecordError where the file turns out to be damaged.
        """
        for piece in self.file.pieces(self._columns):
            with np.errstate(over="ignore"):  # what is infinite is clipped too
                nv = np.rint((piece - self._level) * self._nv).clip(INVALID + 1, -(INVALID + 1))
            yield np.where(np.isnan(nv), INVALID, nv).astype(np.int32)

    def read(self) -> Recording:
        """All of it; RecordError where the file turns out to be damaged, or is too long."""
        try:
            nv = np.concatenate(list(self.pieces()))
        except MemoryError:
            raise RecordError(f"record {self.name} does not fit into memory") from None
        return Recording(self.name, self.fs, self.leads, nv, self.lost, self.contacts, self.steps)

    def _asked(self, names: Sequence[str], leads: Sequence[str | int]) -> list[int]:
        channels = self.file.channels
        chosen = select_leads(names, leads)
        for i in chosen:
            if choice.is_other(channels[i]):
                raise RecordError(
                    f"channel {names[i]} of record {self.name} is in "
                    f"{narrow(channels[i].unit or '')}, not a voltage: choose an ECG lead"
                )
            if not channels[i].held:
                raise RecordError(f"record {self.name} holds no samples of {names[i]}")
        # To the millihertz, which is what a frame on the wire can tell.
        if len({channels[i].fs for i in chosen}) > 1:
            raise RecordError(
                f"record {self.name} has leads at different rates: choose some of one rate with "
                "--lead"
            )
        check_rate(channels[chosen[0]].fs, f"the rate of record {self.name}", RecordError)
        return chosen

    def _scaled(
        self, names: Sequence[str], chosen: list[int], *, all_of: bool
    ) -> tuple[list[int], NDArray[np.float64], NDArray[np.float64]]:
        """Columns, nanovolts a unit of each, and what is 0 there, by the beginning.

        What exceeds 2.1 V is no ECG: it is left out where there is one, or most may be, or it is a
        marker of a few values; else its unit is wrong.
        """
        channels = self.file.channels
        known = [nanovolts(channels[i].unit or "") for i in chosen]
        nv, level = np.array([n or 1.0 for n in known]), np.zeros(len(chosen))
        lost = [n is None for n in known]
        far = np.zeros(len(chosen), bool)
        piece: NDArray[np.float64] | None = None
        for piece in islice(self.file.pieces(chosen), _LOOKED):
            if any(lost):  # until each has moved
                found = 1e6 / heights(piece, channels[chosen[0]].fs)
                for k in np.flatnonzero(lost):
                    valid = piece[~np.isnan(piece[:, k]), k]
                    if len(valid) and valid.min() < valid.max():
                        lost[k], nv[k], level[k] = False, found[k], np.median(valid)
            with np.errstate(over="ignore"):
                far = (np.abs((piece - level) * nv) > -(INVALID + 1)).any(axis=0)
            if not any(lost):
                break
        if piece is None:
            raise RecordError(f"record {self.name} holds no samples")
        fits = [k for k in range(len(chosen)) if not far[k]]
        sure = any(choice.is_named(channels[chosen[k]]) for k in fits) or len(fits) > far.sum()
        for k in np.flatnonzero(far):
            if fits and not all_of and (sure or len(np.unique(piece[:, k])) <= _MARKS):
                self._doubts.append(f"{names[chosen[k]]} of {self.name} exceeds 2.1 V: left out")
                continue
            raise RecordError(
                f"channel {names[chosen[k]]} of record {self.name} exceeds 2.1 V: "
                "the gain or the units in its header are wrong"
            )
        told = [k for k in fits if known[k]]
        self._doubt(
            [names[chosen[k]] for k in told],
            piece[:, told] * nv[told] * 1e-6,
            channels[chosen[0]].fs,
        )
        return [chosen[k] for k in fits], nv[fits], level[fits]

    def _doubt(self, names: Sequence[str], mv: NDArray[np.float64], fs: float) -> None:
        """Tell of leads whose unit makes them much too high, or all of them much too low."""
        usual = heights(mv, fs, still=np.nan)
        low, high = LIKELY_MV
        far = usual > high
        if not far.any() and np.any(usual < low) and not np.any(usual >= low):
            far = usual < low
        if far.any():
            these = ", ".join(name for name, is_far in zip(names, far, strict=True) if is_far)
            least, most = (f"{mv:.3g}" for mv in (usual[far].min(), usual[far].max()))
            height = least if least == most else f"{least} to {most}"
            self._doubts.append(
                f"if there are heartbeats in {these} of {self.name}, their QRS complexes are "
                f"{height} mV high by its unit, which is unlikely: classes and even beats may be "
                "wrong"
            )


def read(
    record: str | Path, leads: Sequence[str | int] | None = None, fs: float | None = None
) -> Recording:
    """Read the ECG leads of a recording; arguments and errors are those of `Opened`."""
    return Opened(record, leads, fs).read()


def unscaled(name: str) -> str:
    """What is said of a recording with leads that have a scale of ours, see `Opened.scale`."""
    return (
        f"{name} has leads without a unit: their usual QRS complex is taken to be 1 mV high, so "
        "trust classes less"
    )


def resampled(recording: Recording, fs: float) -> Recording:
    """The recording at another rate, as a board of that rate would have sampled it.

    By its spectrum, all of it at once, so what is above half of either rate is gone and nothing is
    shifted: sample k is at k / fs seconds. Its ends are mirrored for at least a second. Where the
    recording is invalid its last value is held, and marked as invalid.
    """
    if fs == recording.fs:
        return recording
    up, down = (Fraction(round(fs * 1000), round(recording.fs * 1000))).as_integer_ratio()
    n = len(recording.nv)
    before = -(-round(recording.fs) // down) * down
    after = before + -n % down
    count = -(-n * up // down)
    nv = np.empty((count, len(recording.leads)), np.int32)
    for column, x in enumerate(recording.nv.T):
        valid = x != INVALID
        last = np.maximum.accumulate(np.where(valid, np.arange(n), 0))
        held = np.where(valid[last], x[last], 0).astype(np.float64)
        spectrum = np.fft.rfft(np.pad(held, (before, after), "symmetric"))
        size = (before + n + after) // down * up
        y = np.fft.irfft(spectrum[: size // 2 + 1], size) * (up / down)
        y = np.rint(y[before // down * up :][:count]).clip(INVALID + 1, -(INVALID + 1))
        nearest = np.minimum((2 * np.arange(count) * down + up) // (2 * up), n - 1)
        nv[:, column] = np.where(valid[nearest], y, INVALID)
    return replace(recording, fs=fs, nv=nv, lost=False, contacts=(), steps=())


def blocks(
    recording: Recording | Opened, size: int | None = None, speed: float = math.inf
) -> Iterator[SampleBlock]:
    """Play a recording as blocks of at most `size` samples; by default one every 40 ms.

    At `speed` 1 a block comes when its last sample would have; at infinity at once, in blocks of
    half a minute, or of less where there are many leads. Of a lead most files tell nothing until a
    sample of it is invalid: from then on it is off where they are and on elsewhere.
    """
    most = _VALUES // len(recording.leads)
    size = size or max(1, min(round(recording.fs * min(0.04 * speed, 30.0)), most))
    states = [LeadState.UNKNOWN] * len(recording.leads)
    known = np.zeros(len(recording.leads), bool)
    saturated = [False] * len(recording.leads)
    contacts, told = recording.contacts, 0
    steps = _Steps(recording.steps, len(recording.leads))
    samples = np.array([contact.sample for contact in contacts], np.int64)
    began, at, lost = time.monotonic(), 0, 0
    for nv in _recut(recording.pieces(), size):
        invalid = nv == INVALID
        changes: list[int] = []
        if invalid.any():
            changes = (np.flatnonzero((invalid[1:] != invalid[:-1]).any(axis=1)) + 1).tolist()
        here = samples[np.searchsorted(samples, at) : np.searchsorted(samples, at + len(nv))] - at
        cuts = sorted({0, *changes, *here.tolist(), len(nv)})
        for start, end in pairwise(cuts):
            wait = began + (at + end) / recording.fs / speed - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            while told < len(contacts) and contacts[told].sample <= at + start:
                _, lead, state, rail = contacts[told]
                states[lead] = state or states[lead]
                saturated[lead] = saturated[lead] if rail is None else rail
                told += 1
            off = invalid[start]
            if recording.lost and off.all():
                lost += end - start
                continue
            known |= off
            valid = np.where(off, 0, nv[start:end])
            counts = steps.counts(valid)
            yield SampleBlock(
                start=at + start,
                mv=mv_from_nv(valid),
                fs=recording.fs,
                leads=recording.leads,
                lead_state=tuple(map(_state, off.tolist(), known.tolist(), states)),
                saturated=tuple(saturated),
                lost=lost,
                counts=counts,
                step=steps.step,
            )
            lost = 0
        at += len(nv)


class _Steps:
    """Samples as the file's own numbers, as long as they are any; else they are nanovolts."""

    def __init__(self, steps: Sequence[float | None], leads: int) -> None:
        told = [step if step and step > NANOVOLT.nv else None for step in steps] or [None] * leads
        self.step = tuple(NANOVOLT if nv is None else Step(nv, NANOVOLT.bits) for nv in told)

    def counts(self, nv: NDArray[np.int32]) -> NDArray[np.int64]:
        """Of samples [n, leads]; `step` is theirs from then on."""
        width = np.array([step.nv for step in self.step])
        counts: NDArray[np.float64] = np.rint(nv / width)
        wrong = np.abs(counts * width - nv) > _STEP_NV
        if wrong.any():
            off = wrong.any(axis=0)
            each = zip(self.step, off.tolist(), strict=True)
            self.step = tuple(NANOVOLT if no else step for step, no in each)
            width[off] = NANOVOLT.nv
            counts = np.rint(nv / width)
        return counts.astype(np.int64)


def _state(off: bool, known: bool, told: LeadState) -> LeadState:
    """Of a lead, by its samples, or by what the board said."""
    if off:
        return LeadState.OFF
    if told is LeadState.UNKNOWN and known:
        return LeadState.ON
    return told


def _recut(pieces: Iterator[NDArray[np.int32]], size: int) -> Iterator[NDArray[np.int32]]:
    """The same samples, `size` at a time."""
    rest: NDArray[np.int32] | None = None
    for piece in pieces:
        whole = piece if rest is None or not len(rest) else np.concatenate([rest, piece])
        end = len(whole) // size * size
        yield from (whole[at : at + size] for at in range(0, end, size))
        rest = whole[end:]
    if rest is not None and len(rest):
        yield rest
