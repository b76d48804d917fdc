"""Recordings as a source of sample blocks: any record that `wfdb` reads.

`wfdb` is imported only when a record is read, so that a board does without it.
"""

import math
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.arrays import nanovolts
from edge.errors import RecordError
from edge.filters import FS_MAX, FS_MIN
from edge.leads import select_leads
from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.text import narrow, printable, unique

INVALID = np.iinfo(np.int32).min
"""Value of a sample that the recording marks as invalid."""

_NOT_ECG = re.compile(r"resp|eeg|emg|eog|pleth|ppg|pcg|stim|trig|mark", re.IGNORECASE)
"""How the names of channels begin that are recorded in volts beside an ECG."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording in memory, as whole nanovolts: what every way of playing it starts from."""

    name: str
    fs: float
    """Sampling rate of the leads, in Hz."""
    leads: tuple[str, ...]
    nv: NDArray[np.int32]
    """Samples in nanovolts, shape [n, leads]; `INVALID` where the recording has none."""


def read(record: str | Path, leads: Sequence[str | int] | None = None) -> Recording:
    """Read the ECG leads of a WFDB record.

    `record` is the record's path, with or without `.hea`. `leads` are channel names (any case)
    or channel numbers from 0; by default every channel that is measured in volts and not named
    like a respiration, EEG, EMG, EOG, pulse, heart-sound or marker channel.

    Raises:
        RecordError: The record is missing or damaged, holds no such lead, has its leads at
            different rates, or a rate or voltage that cannot be played.

    """
    path = Path(record)
    if path.suffix == ".hea":
        path = path.with_suffix("")
    raw = _read_wfdb(path)
    names = unique(narrow(name or f"channel {i}") for i, name in enumerate(raw.sig_name))
    scales = [nanovolts(unit) for unit in raw.units]
    if leads:
        chosen = select_leads(names, leads)
        for i in chosen:
            if scales[i] is None:
                raise RecordError(
                    f"channel {names[i]} of record {path.name} is in {narrow(raw.units[i])}, "
                    "not a voltage: choose an ECG lead"
                )
    else:
        chosen = [
            i for i, name in enumerate(names) if scales[i] is not None and not _NOT_ECG.match(name)
        ]
        if not chosen:
            raise RecordError(
                f"record {path.name} has no ECG lead among its channels {', '.join(names)}: "
                "name one with --lead if there is"
            )
    # To the millihertz, which is what a frame on the wire can tell.
    rates = {round(float(raw.fs * raw.samps_per_frame[i]), 3) for i in chosen}
    if len(rates) > 1:
        raise RecordError(
            f"record {path.name} has leads at different rates: choose some of one rate with --lead"
        )
    fs = rates.pop()
    if not FS_MIN <= fs <= FS_MAX:
        raise RecordError(
            f"record {path.name} was sampled at {fs:g} Hz: "
            f"only {FS_MIN:g} to {FS_MAX:g} Hz can be played"
        )
    nv = np.empty((len(raw.e_p_signal[chosen[0]]), len(chosen)), np.int32)
    for column, i in enumerate(chosen):
        volts = np.rint(raw.e_p_signal[i] * scales[i])
        invalid = np.isnan(volts)
        if np.any(np.abs(volts[~invalid]) > np.iinfo(np.int32).max):
            raise RecordError(
                f"channel {names[i]} of record {path.name} exceeds 2.1 V: "
                "the gain or the units in its header are wrong"
            )
        nv[:, column] = np.where(invalid, INVALID, volts)
    if not len(nv):
        raise RecordError(f"record {path.name} holds no samples")
    return Recording(printable(path.name), fs, tuple(names[i] for i in chosen), nv)


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
    return replace(recording, fs=fs, nv=nv)


def blocks(
    recording: Recording, size: int | None = None, speed: float = math.inf
) -> Iterator[SampleBlock]:
    """Play a recording as blocks of at most `size` samples; by default one every 40 ms.

    At `speed` 1 a block comes when its last sample would have; at infinity at once, in blocks of
    four seconds.
    A lead that has invalid samples anywhere is off where they are and on elsewhere;
    of every other lead a file does not tell, so its state is unknown.
    """
    size = size or max(1, round(recording.fs * min(0.04 * speed, 4.0)))
    invalid = recording.nv == INVALID
    known = invalid.any(axis=0)
    changes = np.flatnonzero((invalid[1:] != invalid[:-1]).any(axis=1)) + 1
    starts = np.union1d(np.arange(0, len(invalid), size), changes).tolist()
    saturated = (False,) * len(recording.leads)
    began = time.monotonic()
    for start, end in zip(starts, [*starts[1:], len(invalid)], strict=True):
        wait = began + end / recording.fs / speed - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        off = invalid[start]
        yield SampleBlock(
            start=start,
            mv=mv_from_nv(np.where(off, 0, recording.nv[start:end])),
            fs=recording.fs,
            leads=recording.leads,
            lead_state=tuple(
                LeadState.OFF if o else LeadState.ON if k else LeadState.UNKNOWN
                for o, k in zip(off.tolist(), known.tolist(), strict=True)
            ),
            saturated=saturated,
        )


def _read_wfdb(path: Path) -> Any:
    """The `wfdb` record with every channel in physical units, at its own rate."""
    # os.path: where pathlib raises (no permission, a name too long, none at all), it says no.
    if not os.path.isfile(f"{path}.hea"):  # noqa: PTH113
        raise RecordError(
            f"no record {path.name} in {path.parent}: give the path of its .hea file "
            "without the extension"
        )
    try:
        import wfdb
    except ImportError:
        raise RecordError(
            "reading records needs wfdb: install it with `pip install 'edge-ecg[replay]'`"
        ) from None
    try:
        raw = wfdb.rdrecord(str(path), smooth_frames=False)
    except FileNotFoundError as error:
        missing = Path(error.filename).name if error.filename else "a signal file"
        raise RecordError(f"record {path.name} is incomplete: {missing} is missing") from None
    # A damaged file surfaces in wfdb as almost any exception, memory errors included.
    except Exception as error:
        raise RecordError(
            f"record {path.name} cannot be read: get it again, it is damaged or not as wfdb "
            f"expects it ({printable(str(error), 200)})"
        ) from None
    if not raw.e_p_signal:
        raise RecordError(f"record {path.name} has no signal")
    return raw
