"""A recording as the windows that a network was taught on, whatever its leads, rate and length."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.replay import Recording
from train.data.corpus import LEADS
from train.data.preparation import prepare, r_peaks, repeated

PEAKS_PER_S: Final = 5.0


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


def seen(
    recording: Recording, fs: float, seconds: float, highpass_hz: float, overlap_s: float = 0.0
) -> Seen:
    """The windows of what `train.data.leads.whole` gave; the last one ends with the recording.

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
