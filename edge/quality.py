# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Whether a lead can be judged: when to say "unknown".

Indices, all from the last second of the 250 Hz stream and relative to the patient's own QRS
height, so that no gain needs to be known:

- missing samples (lead off, converter at its rail, lost on the wire: NaN in the stream);
- quiet: no wave, or none like a beat and steps that are nearly all exactly zero (after the "flat
  line" index of Orphanidou 2015 and others; thresholds our choice). Between the beats of a slow
  heart a second may be so; only `FLAT_S` of them in a row are a flat line;
- muscle noise: the median absolute second difference over half a second. Outside the QRS, which
  fills a fifth of its samples, a clean ECG has next to none; the median does not see the QRS;
- an excursion many times the QRS height: an electrode that moves.

Over all leads, `edge.stream` also asks how sure the detector was of the last three beats.
"""

import math
from array import array
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.filters import floats

State = Literal["ok", "missing", "quiet", "flat", "noise"]

FLAT_STEPS: Final = 0.2
"""Share of steps that are not exactly zero below which a lead is quiet, or at its rail."""
FLAT_HEIGHT: Final = 0.04
"""Peak-to-peak of a second, as a share of the QRS height, below which a lead is quiet."""
FLAT_S: Final = 4
"""Quiet seconds in a row that make a lead flat: a heart that stands still, as far as anyone can
know."""
NOISE: Final = 0.1
"""Median absolute second difference, as a share of the QRS height, that is too much to judge."""
LEAST_NOISE: Final = 0.02
"""Of the same kind: below it a lead is no better for being quieter."""
LEAST: Final = 8
"""Samples that there is anything to say of."""
WAVE: Final = 0.5
"""Of the QRS height, a wave that is no rest: between the beats of a clean signal all may be exactly
still."""
UNKNOWN_MV: Final = 0.32
"""Height of a QRS that is not known yet, for a wave: the least that is counted is half of it."""
EXCURSION: Final = 12.0
"""Peak-to-peak of a second, in QRS heights, that no heart makes."""


class Judgement(NamedTuple):
    """What is said of a lead."""

    state: State
    weight: float
    """What it counts beside other leads: the inverse square of its noise; 0 unless ok."""


def assess(stream: NDArray[np.float64], height: NDArray[np.float64]) -> list[Judgement]:
    """Judges a second of stream, [n, leads], each lead against its QRS `height` in mV.

    Where `height` is NaN (no beat yet) only missing samples and exactly flat lines are named.
    What is kept of the second may be less; of nearly nothing all is missing.
    """
    if len(stream) < LEAST:
        return [Judgement("missing", 0.0)] * len(height)
    x = floats(stream)
    return [_judge(*indices(x, lead), high) for lead, high in enumerate(height.tolist())]


def _judge(span: float, moving: float, noise: float, back: float, height: float) -> Judgement:
    if math.isnan(span):
        return Judgement("missing", 0.0)
    known = not math.isnan(height)
    wave = back > WAVE * (height if known else UNKNOWN_MV)
    if (moving < FLAT_STEPS and not wave) or span < FLAT_HEIGHT * height:
        return Judgement("quiet", 0.0)
    if noise > NOISE * height or span > EXCURSION * height:
        return Judgement("noise", 0.0)
    relative = noise / height if known else 0.0
    return Judgement("ok", (relative + LEAST_NOISE) ** -2)


def indices(x: "memoryview[float]", lead: int) -> tuple[float, float, float, float]:
    """Of a lead of `x`, [n, leads]: peak to peak, share of steps that are not exactly zero, noise,
    the median absolute second difference, and how far it came back: peak to peak less what its end
    is from its beginning, which a step leaves nothing of. NaN where a sample is missing.

    All from the means of neighbouring samples, so that they mean the same at every input rate.
    The noise is that of the worse half: what begins or ends within the second is to be seen too.
    """
    before = lowest = highest = first = (x[0, lead] + x[1, lead]) / 2
    step = 0.0
    moving = 0
    pairs = len(x) // 2
    changes = array("d", bytes(8 * pairs))
    for i in range(pairs):
        mean = (x[2 * i, lead] + x[2 * i + 1, lead]) / 2
        if mean != mean:  # NaN
            return math.nan, 0.0, math.nan, math.nan
        lowest, highest = min(lowest, mean), max(highest, mean)
        moving += mean != before
        last, step = step, mean - before
        before = mean
        if i > 1:
            changes[i - 2] = abs(step - last)
    half = (pairs - 2) // 2
    noise = max(_median(changes, 0, half), _median(changes, pairs - 2 - half, pairs - 2))
    span = highest - lowest
    return span, moving / (pairs - 1), noise, span - abs(before - first)


def _median(x: "array[float]", first: int, last: int) -> float:
    """The upper median of a part, which is put into another order; Hoare's selection."""
    middle = (first + last) // 2
    last -= 1
    while first < last:
        pivot = x[middle]
        i, j = first, last
        while i <= j:
            while x[i] < pivot:
                i += 1
            while x[j] > pivot:
                j -= 1
            if i <= j:
                x[i], x[j] = x[j], x[i]
                i += 1
                j -= 1
        if j < middle:
            first = i
        if i > middle:
            last = j
    return x[middle]


def drowned(judgement: Judgement) -> Judgement:
    """What is said of a lead whose beats the detector cannot tell from noise."""
    return Judgement("noise", 0.0) if judgement.state == "ok" else judgement
