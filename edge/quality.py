"""Whether a lead can be judged: when to say "unknown".

Indices, all from the last second of the 250 Hz stream and relative to the patient's own QRS
height, so that no gain needs to be known:

- missing samples (lead off, converter at its rail, lost on the wire: NaN in the stream);
- flat line and saturation: the share of steps that are exactly zero (after the "flat line" index
  of Orphanidou 2015 and others; thresholds our choice);
- muscle noise: the median absolute second difference over half a second. Outside the QRS, which
  fills a fifth of its samples, a clean ECG has next to none; the median does not see the QRS;
- an excursion many times the QRS height: an electrode that moves.

Over all leads, `edge.stream` also asks how sure the detector was of the last three beats.
"""

import math
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Reason = Literal["ok", "missing", "flat", "noise"]

FLAT_STEPS: Final = 0.2
"""Share of steps that are not exactly zero below which a lead is flat or at its rail."""
FLAT_HEIGHT: Final = 0.04
"""Peak-to-peak of a second, as a share of the QRS height, below which a lead is flat."""
NOISE: Final = 0.1
"""Median absolute second difference, as a share of the QRS height, that is too much to judge."""
LEAST_NOISE: Final = 0.02
"""Of the same kind: below it a lead is no better for being quieter."""
EXCURSION: Final = 12.0
"""Peak-to-peak of a second, in QRS heights, that no heart makes."""


class Judgement(NamedTuple):
    """What is said of a lead."""

    reason: Reason
    weight: float
    """What it counts beside other leads: the inverse square of its noise; 0 unless ok."""


def assess(stream: NDArray[np.float64], height: NDArray[np.float64]) -> list[Judgement]:
    """Judges a second of stream, [n, leads], each lead against its QRS `height` in mV.

    Where `height` is NaN (no beat yet) only missing samples and exactly flat lines are named.
    """
    pairs = pair_means(stream)
    spans = (pairs.max(axis=0) - pairs.min(axis=0)).tolist()
    steps = pairs[1:] - pairs[:-1]
    still = (np.count_nonzero(steps, axis=0) < FLAT_STEPS * len(steps)).tolist()
    noises = noise_index(steps).tolist()
    judgements = []
    for span, flat, noise, high in zip(spans, still, noises, height.tolist(), strict=True):
        if math.isnan(span):
            judgements.append(Judgement("missing", 0.0))
        elif flat or span < FLAT_HEIGHT * high:
            judgements.append(Judgement("flat", 0.0))
        elif noise > NOISE * high or span > EXCURSION * high:
            judgements.append(Judgement("noise", 0.0))
        else:
            relative = 0.0 if math.isnan(high) else noise / high
            judgements.append(Judgement("ok", (relative + LEAST_NOISE) ** -2))
    return judgements


def drowned(judgement: Judgement) -> Judgement:
    """What is said of a lead whose beats the detector cannot tell from noise."""
    return Judgement("noise", 0.0) if judgement.reason == "ok" else judgement


def pair_means(stream: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of neighbouring samples, so that indices mean the same at every input rate."""
    return np.asarray(
        stream[: len(stream) // 2 * 2].reshape(-1, 2, stream.shape[1]).sum(axis=1) / 2
    )


def noise_index(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median absolute second difference of the worse half, from the first ones, [n, leads].

    Halves, because noise that begins or ends within the second is to be seen too.
    """
    changes = np.abs(steps[1:] - steps[:-1])
    half = max(len(changes) // 2, 1)
    first, second = np.sort(changes[:half], axis=0), np.sort(changes[-half:], axis=0)
    return np.asarray(np.fmax(first[half // 2], second[half // 2]))
