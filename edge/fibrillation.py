# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Atrial fibrillation: intervals without order, the smallest changes among them too, and no P wave.

Four measures, all independent of the rate and of the gain. Intervals that touch a ventricular,
fusion or unknown beat are left out.

- Steadiness: the share of intervals that are within 6 % of the one before. In fibrillation few
  are; between ectopic beats, single or in bursts, sinus rhythm is steady.
- Agreement: the share of pairs of intervals, whichever, that are within 6 % of each other. It is
  the correlation sum of which sample entropy is made (Richman & Moorman, Am J Physiol
  2000;278:H2039; for fibrillation Lake & Moorman, Am J Physiol 2011;300:H319). Where a sinus node
  breathes, it is large and steadiness is not.
- Clustering: agreement times the median relative change from one interval to the next. Where
  intervals are drawn at random from one hump, the wider it is the fewer agree, and the product
  stays near 0.035 (that of an even spread; of a bell 0.032). Where they jump between a few values,
  as in bigeminy or block, many agree although the changes are large. The product is our own.
- P waves: how much alike the parts before the QRS are, as the mean correlation of any two beats, in
  the lead where it is highest. Sinus beats repeat their P wave; fibrillatory waves meet the QRS at
  any phase, so that the expectation is 0 in every patient.

The first three are taken over the last 32 beats. The limits are round values; where they were
found: docs/rhythm.md.
"""

import math
from array import array
from collections import deque
from statistics import median
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.beats import P_PART, Floats, agreeing
from edge.events import Label
from edge.filters import floats

BEATS: Final = 32
LEAST: Final = 12
"""Changes from one known interval to the next that must be among them, or nothing is said."""
STEADINESS: Final = (0.40, 0.50)
"""Fibrillation begins below the first, if the other measures allow, and ends above the second."""
AGREEMENT: Final = (0.45, 0.50)
"""Likewise."""
CLUSTERING: Final = (0.07, 0.09)
"""Likewise."""
P_WAVES: Final = (0.20, 0.35)
"""Likewise."""
_P_BEATS: Final = 16
_P_LEAST: Final = 3
_BELL: Final = array("d", [1 / 16, 2 / 16, 3 / 16, 4 / 16, 3 / 16, 2 / 16, 1 / 16])
"""Weights of neighbouring samples, 56 ms: what is narrower than a P wave is noise."""
_FIRST: Final = P_PART.start - len(_BELL) // 2
_N: Final = P_PART.stop - P_PART.start
_TINY: Final = 1e-9


class _Beat(NamedTuple):
    r: int
    step: float | None
    """Logarithm of the interval before, where it is known and between normal beats."""
    change: float | None
    """How far it is from the step before, where that is known too."""


class FibrillationWatch:
    """Fed with final beats, says whether the last tens of them fibrillate."""

    def __init__(self, leads: int) -> None:
        self._beats: deque[_Beat] = deque()
        self._steps: deque[float] = deque()  # of these beats, those that are known
        self._changes: deque[float] = deque()  # likewise
        self._agreeing = 0  # pairs of steps
        self._last: float | None = None
        self._usable = False
        self._leads = [PWaves() for _ in range(leads)]
        self._alike: float | None = None

    @property
    def middle(self) -> int:
        """R of the beat that half of the window lies after: since when a new state holds."""
        return self._beats[max(0, len(self._beats) - BEATS // 2 - 1)].r

    def beat(
        self, r: int, label: Label, rr: float | None, window: NDArray[np.floating]
    ) -> bool | None:
        """A beat's R, final label, interval before it in seconds, and window, [leads, SAMPLES].

        NaN is the window of a lead that cannot be judged. True is fibrillation, False another
        rhythm, None neither: too little is known, or it lies between the limits.
        """
        usable = label in ("N", "S", "Q")
        step = math.log(rr) if rr and usable and self._usable else None
        change = None if step is None or self._last is None else abs(step - self._last)
        self._usable, self._last = usable, step
        self._add(_Beat(r, step, change))
        if usable:
            windows = window.astype(np.float64)
            alike = [lead.learn(x) for lead, x in zip(self._leads, windows, strict=True)]
            self._alike = max((a for a in alike if a is not None), default=self._alike)
        changes = self._changes
        if len(changes) < LEAST or self._alike is None:
            return None
        steadiness = agreeing(0.0, changes) / len(changes)
        if steadiness > STEADINESS[1]:
            return False
        agreement = 2 * self._agreeing / (len(self._steps) * (len(self._steps) - 1))
        measures = (
            (steadiness, STEADINESS),
            (agreement, AGREEMENT),
            (agreement * median(changes), CLUSTERING),
            (self._alike, P_WAVES),
        )
        if all(value < on for value, (on, _) in measures):
            return True
        return False if any(value > off for value, (_, off) in measures) else None

    def _add(self, beat: _Beat) -> None:
        if len(self._beats) == BEATS:
            old = self._beats.popleft()
            if old.step is not None:
                self._agreeing -= agreeing(self._steps.popleft(), self._steps)
            if old.change is not None:
                self._changes.popleft()
        if beat.step is not None:
            self._agreeing += agreeing(beat.step, self._steps)
            self._steps.append(beat.step)
        if beat.change is not None:
            self._changes.append(beat.change)
        self._beats.append(beat)


class PWaves:
    """How much alike the last beats' parts before the QRS are, on one lead.

    Each is brought to length one, so that a running mean of them is the longer the more they are
    alike: its square is the mean correlation of any two, once what each has with itself is taken
    away, which is the sum of the squared weights.
    """

    def __init__(self) -> None:
        self._mean = array("d", bytes(8 * _N))
        self._part = array("d", bytes(8 * _N))
        self._own = 0.0
        self._beats = 0

    def learn(self, window: NDArray[np.float64]) -> float | None:
        """Takes a beat in, [SAMPLES]; the mean correlation, None if the lead cannot be judged."""
        length = math.sqrt(self._smooth(floats(window)))
        if math.isnan(length):
            return None
        self._beats = min(self._beats + 1, _P_BEATS)
        share = 1 / self._beats
        square = self._average(share, share / (length + _TINY))
        self._own = (1 - share) ** 2 * self._own + share**2
        if self._beats < _P_LEAST:
            return None
        return (square - self._own) / (1 - self._own)

    def _smooth(self, window: Floats) -> float:
        """The part before the QRS, smoothed, about its straight line; the sum of its squares.

        The line is the baseline's slope, and that of a T wave that ends there at high rates.
        """
        part, middle = self._part, (_N - 1) / 2
        total = moment = squares = 0.0
        for i in range(_N):
            value = 0.0
            for j in range(len(_BELL)):
                value += _BELL[j] * window[_FIRST + i + j]
            part[i] = value
            total += value
            moment += (i - middle) * value
        slope = moment * 12 / (_N * (_N * _N - 1))
        for i in range(_N):
            part[i] -= total / _N + slope * (i - middle)
            squares += part[i] * part[i]
        return squares

    def _average(self, share: float, scale: float) -> float:
        """Takes the part, times a scale, into the mean as a share of it; the mean's square."""
        mean, square = self._mean, 0.0
        for i in range(_N):
            mean[i] = (1 - share) * mean[i] + scale * self._part[i]
            square += mean[i] * mean[i]
        return square
