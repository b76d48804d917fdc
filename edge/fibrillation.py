"""Atrial fibrillation: intervals that never come again, and no P wave.

Irregularity is the share of pairs of beats, among the last 32, whose (interval before last, last
interval) agree within 6 % each: the correlation sum that sample entropy with m = 1 counts for
matches of two (Richman & Moorman, Am J Physiol 2000;278:H2039), and near to the density that
the coefficient of sample entropy estimates (Lake & Moorman, Am J Physiol 2011;300:H319); a
relative tolerance makes it independent of the rate. In fibrillation it is a few percent. Every
pattern that repeats, from sinus rhythm to bigeminy, agrees with itself far more often, however
far its intervals are apart. Intervals that touch a ventricular, fusion or unknown beat are left
out.

P-wave evidence is the mean correlation of single beats with the patient's running template before
the QRS, in the lead where it is highest: sinus beats repeat their P wave, and fibrillatory waves
meet the QRS at any phase.

The limits are round values from a broad optimum, found on DS1 of mitdb, cpsc2021 and half of
cinc2017 (docs/rhythm.md).
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from edge.events import Label

BEATS: Final = 32
LEAST: Final = 12
"""Beats with two known intervals that must be among them before anything is said."""
TOLERANCE: Final = 0.06
AGREEING: Final = (0.06, 0.09)
"""Share of agreeing pairs: fibrillation begins below the first, ends above the second."""
P_SIMILARITY: Final = (0.40, 0.55)
"""Likewise for the mean correlation of P waves."""
_P_BEATS: Final = 16


class _Beat(NamedTuple):
    r: int
    steps: tuple[float, float] | None
    """Logarithms of the last two intervals, where both are known and between normal beats."""


class FibrillationWatch:
    """Fed with final beats, says whether the last tens of them fibrillate."""

    def __init__(self, leads: int) -> None:
        self._beats: deque[_Beat] = deque()
        self._agreeing = 0
        self._counted = 0
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
        steps = None if step is None or self._last is None else (self._last, step)
        self._usable, self._last = usable, step
        self._add(_Beat(r, steps))
        if usable:
            self._learn(p_similarity)
        if self._counted < LEAST or self._p_now is None:
            return None
        agreeing = 2 * self._agreeing / (self._counted * (self._counted - 1))
        if agreeing < AGREEING[0] and self._p_now < P_SIMILARITY[0]:
            return True
        if agreeing > AGREEING[1] or self._p_now > P_SIMILARITY[1]:
            return False
        return None

    def _add(self, beat: _Beat) -> None:
        if len(self._beats) == BEATS:
            old = self._beats.popleft().steps
            if old is not None:
                self._counted -= 1
                self._agreeing -= self._like(old)
        if beat.steps is not None:
            self._counted += 1
            self._agreeing += self._like(beat.steps)
        self._beats.append(beat)

    def _like(self, steps: tuple[float, float]) -> int:
        before, last = steps
        return sum(
            abs(b.steps[0] - before) < TOLERANCE and abs(b.steps[1] - last) < TOLERANCE
            for b in self._beats
            if b.steps is not None
        )

    def _learn(self, p_similarity: Sequence[float]) -> None:
        judged = [lead for lead, p in enumerate(p_similarity) if not math.isnan(p)]
        for lead in judged:
            self._p_beats[lead] = min(self._p_beats[lead] + 1, _P_BEATS)
            self._p[lead] += (p_similarity[lead] - self._p[lead]) / self._p_beats[lead]
        if judged:
            self._p_now = max(self._p[lead] for lead in judged)
