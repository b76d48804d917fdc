"""A recording as the windows that a network was taught on, whatever its leads, rate and length."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.replay import INVALID, Recording
from train.data.corpus import LEADS, standard_lead
from train.data.preparation import prepare, r_peaks, repeated

PEAKS_PER_S: Final = 5.0
LEAST_S: Final = 2.0
"""Of signal: less holds no beat and what is before it."""
_FROM_I_AND_II: Final = {
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}
"""Einthoven's and Goldberger's leads as sums of I and II."""


class Seen(NamedTuple):
    """What a network sees of a recording."""

    ecg: NDArray[np.float32]
    """[W, 12, T] in millivolts; 0 where a lead is not there."""
    leads: NDArray[np.bool_]
    """Whether a lead is there, [W, 12]."""
    peaks: NDArray[np.int64]
    """R peaks as samples of the window, [W, P]; -1 behind the last."""
    start_s: NDArray[np.float64]
    """Of each window, [W]."""
    told: tuple[str, ...]
    """Sentences about what was missing, and what was made of it."""


def whole(recording: Recording) -> tuple[Recording, tuple[str, ...]]:
    """The twelve leads of a recording, in order, as far as they are there, and what was missing.

    Those that Einthoven's law gives are calculated; a flat lead is a missing one. RecordError where
    none is left, or there is too little signal.
    """
    known = {standard_lead(lead): i for i, lead in enumerate(recording.leads)}
    held: dict[str, NDArray[np.int32]] = {}
    flat: list[str] = []
    for lead in LEADS:
        if lead in known:
            nv = recording.nv[:, known[lead]]
            valid = nv[nv != INVALID]
            if len(valid) and valid.min() < valid.max():
                held[lead] = nv
            else:
                flat.append(lead)
    if not held:
        raise RecordError(f"record {recording.name} has none of the twelve standard leads")
    if len(recording.nv) < LEAST_S * recording.fs:
        raise RecordError(
            f"record {recording.name} has {len(recording.nv) / recording.fs:.3g} s of signal: "
            f"{LEAST_S:g} s are the least"
        )
    made = []
    if "I" in held and "II" in held:
        i, ii = held["I"], held["II"]
        absent = (i == INVALID) | (ii == INVALID)
        for lead, (a, b) in _FROM_I_AND_II.items():
            if lead not in held:
                sum_ = np.rint(a * i + b * ii).clip(INVALID + 1, -(INVALID + 1))
                held[lead] = np.where(absent, INVALID, sum_).astype(np.int32)
                made.append(lead)
    missing = [lead for lead in LEADS if lead not in held]
    told = []
    if flat:
        told.append(f"{', '.join(flat)}: no signal, as if not there")
    if made:
        told.append(f"{', '.join(made)}: calculated from I and II")
    if missing:
        told.append(
            f"{', '.join(missing)}: missing; the figures of the network are of twelve leads, "
            "with fewer it is worse by an unknown amount"
        )
    leads = tuple(lead for lead in LEADS if lead in held)
    nv = np.stack([held[lead] for lead in leads], 1)
    return Recording(recording.name, recording.fs, leads, nv), tuple(told)


def seen(
    recording: Recording, fs: float, seconds: float, highpass_hz: float, overlap_s: float = 0.0
) -> Seen:
    """The windows of what `whole` gave; the last one ends with the recording.

    They overlap by `overlap_s`, and there by more, if need be, so that all of it is seen. A
    recording that is shorter than a window begins again behind its end, as in training.
    """
    prepared = prepare(recording, fs, highpass_hz)
    size = round(fs * seconds)
    r = np.rint(r_peaks(recording) * fs / recording.fs).astype(np.int64)
    mv, r = repeated(prepared, r, size)
    step = size - round(fs * overlap_s)
    starts = list(range(0, max(1, len(mv) - size + 1), step))
    if len(mv) - starts[-1] > size:
        starts.append(len(mv) - size)
    place = [LEADS.index(lead) for lead in recording.leads]
    ecg = np.zeros((len(starts), len(LEADS), size), np.float32)
    leads = np.zeros((len(starts), len(LEADS)), bool)
    leads[:, place] = True
    peaks = np.full((len(starts), round(PEAKS_PER_S * seconds)), -1, np.int64)
    for k, start in enumerate(starts):
        part = mv[start : start + size].T
        ecg[k, place, : part.shape[1]] = part.astype(np.float16)  # as windows are kept
        inside = r[(r >= start) & (r < start + size)][: peaks.shape[1]] - start
        peaks[k, : len(inside)] = inside
    told: tuple[str, ...] = ()
    if len(prepared) < size:
        told = (f"{len(prepared) / fs:.3g} s of signal, repeated: networks see {seconds:g} s",)
    return Seen(ecg, leads, peaks, np.array(starts) / fs, told)
