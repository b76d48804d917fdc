"""Atrial fibrillation: intervals that hardly ever come again, in no order, and no P wave.

Three measures over the last 32 beats, all independent of the rate. Intervals that touch a
ventricular, fusion or unknown beat are left out.

- Agreement: the share of pairs of intervals that agree within 6 %. It is the correlation sum of
  which sample entropy is made (Richman & Moorman, Am J Physiol 2000;278:H2039; for fibrillation
  Lake & Moorman, Am J Physiol 2011;300:H319), and small where intervals spread widely.
- Clustering: agreement times the median relative change from one interval to the next. Where
  intervals are drawn at random from one hump, the wider it is the fewer agree, and the product
  stays near 0.035 (that of an even spread; of a bell 0.032). Where they jump between a few values,
  as in bigeminy or block, many agree although the changes are large. The product is our own.
- P waves: the mean correlation of single beats with the patient's running template before the
  QRS, in the lead where it is highest. Sinus beats repeat their P wave; fibrillatory waves meet
  the QRS at any phase.

The limits are round values from a broad optimum; where they were found: docs/rhythm.md.
"""

import math
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from edge.events import Label

BEATS: Final = 32
LEAST: Final = 12
"""Changes from one known interval to the next that must be among them, or nothing is said."""
TOLERANCE: Final = 0.06
AGREEMENT: Final = (0.30, 0.36)
"""Fibrillation begins below the first, if the other two measures allow, and ends above the
second."""
CLUSTERING: Final = (0.07, 0.09)
"""Likewise."""
P_SIMILARITY: Final = (0.40, 0.55)
"""Likewise."""
_P_BEATS: Final = 16


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
        self._p = [0.0] * leads
        self._p_beats = [0] * leads
        self._p_now: float | None = None

    @property
    def middle(self) -> int:
        """R of the beat that half of the window lies after: since when a new state holds."""
        return self._beats[max(0, len(self._beats) - BEATS // 2 - 1)].r

    def beat(
        self, r: int, label: Label, rr: float | None, p_similarity: Sequence[float]
    ) -> bool | None:
        """A beat's R, final label, interval before it in seconds, and P similarity of each lead.

        NaN is the similarity of a lead that cannot be judged. True is fibrillation, False
        another rhythm, None neither: too little is known, or it lies between the limits.
        """
        usable = label in ("N", "S", "Q")
        step = math.log(rr) if rr and usable and self._usable else None
        change = None if step is None or self._last is None else abs(step - self._last)
        self._usable, self._last = usable, step
        self._add(_Beat(r, step, change))
        if usable:
            self._learn(p_similarity)
        if len(self._changes) < LEAST or self._p_now is None:
            return None
        agreement = 2 * self._agreeing / (len(self._steps) * (len(self._steps) - 1))
        measures = (
            (agreement, AGREEMENT),
            (agreement * median(self._changes), CLUSTERING),
            (self._p_now, P_SIMILARITY),
        )
        if all(value < on for value, (on, _) in measures):
            return True
        return False if any(value > off for value, (_, off) in measures) else None

    def _add(self, beat: _Beat) -> None:
        if len(self._beats) == BEATS:
            old = self._beats.popleft()
            if old.step is not None:
                self._agreeing -= self._agreeing_with(self._steps.popleft())
            if old.change is not None:
                self._changes.popleft()
        if beat.step is not None:
            self._agreeing += self._agreeing_with(beat.step)
            self._steps.append(beat.step)
        if beat.change is not None:
            self._changes.append(beat.change)
        self._beats.append(beat)

    def _agreeing_with(self, step: float) -> int:
        return sum(abs(other - step) < TOLERANCE for other in self._steps)

    def _learn(self, p_similarity: Sequence[float]) -> None:
        judged = [lead for lead, p in enumerate(p_similarity) if not math.isnan(p)]
        for lead in judged:
            self._p_beats[lead] = min(self._p_beats[lead] + 1, _P_BEATS)
            self._p[lead] += (p_similarity[lead] - self._p[lead]) / self._p_beats[lead]
        if judged:
            self._p_now = max(self._p[lead] for lead in judged)
