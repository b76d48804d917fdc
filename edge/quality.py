"""Whether a lead can be judged: when to say "unknown".

Indices, all from the last second of the 250 Hz stream and relative to the patient's own QRS
height, so that no gain needs to be known:

- missing samples (lead off, converter at its rail, lost on the wire: NaN in the stream);
- flat line and saturation: the share of steps that are exactly zero (after the "flat line" index
  of Orphanidou 2015 and others; thresholds our choice);
- muscle noise: the median absolute second difference. Outside the QRS, which fills a tenth of
  a second's samples, a clean ECG has next to none; the median does not see the QRS;
- an excursion many times the QRS height: an electrode that moves.
"""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Reason = Literal["ok", "missing", "flat", "noise"]

FLAT_HEIGHT: Final = 0.04
"""Peak-to-peak of a second, as a share of the QRS height, below which a lead is flat."""
NOISE: Final = 0.1
"""Median absolute second difference, as a share of the QRS height, that is too much to judge."""
EXCURSION: Final = 12.0
"""Peak-to-peak of a second, in QRS heights, that no heart makes."""


def noise_index(stream: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median absolute second difference over 8 ms steps, a lead: [n, leads] to [leads].

    Pairs of samples are averaged first, so that the index means the same at every input rate.
    """
    pairs = stream[: len(stream) // 2 * 2].reshape(-1, 2, stream.shape[1]).sum(axis=1) / 2
    return np.asarray(np.median(np.abs(np.diff(pairs, n=2, axis=0)), axis=0))


def assess(stream: NDArray[np.float64], height: NDArray[np.float64]) -> list[Reason]:
    """Judges a second of stream, [n, leads], each lead against its QRS `height` in mV.

    Where `height` is NaN (no beat yet) only missing samples and exactly flat lines are named.
    """
    span = np.ptp(stream, axis=0)
    noise = noise_index(stream)
    still = (np.diff(stream, axis=0) == 0).mean(axis=0)
    reasons: list[Reason] = []
    for lead in range(stream.shape[1]):
        if np.isnan(span[lead]):
            reasons.append("missing")
        elif still[lead] > 0.8 or span[lead] < FLAT_HEIGHT * height[lead]:
            reasons.append("flat")
        elif noise[lead] > NOISE * height[lead] or span[lead] > EXCURSION * height[lead]:
            reasons.append("noise")
        else:
            reasons.append("ok")
    return reasons
