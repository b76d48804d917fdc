# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Several leads made one: what each counts, by what it was like up to now.

Leads are brought to one gain by their mean energy of 16 s, and count as the square of their
peak over their mean energy of 1 s: beats stand out of a clean lead, not of noise. A lead beside
dead ones keeps its own scale. (Our choice; tried on DS1.)
"""

import math
from array import array

BLOCK = 64
"""Stream samples that share their weights."""
_SHARE_BLOCKS = 4
_GAIN_BLOCKS = 64


class Fusion:
    """Weights of the leads, from the energies of the blocks before."""

    def __init__(self, leads: int) -> None:
        self._leads = leads
        self._blocks = 0
        self.room = BLOCK
        """Samples that still belong to this block."""
        self._sum = array("d", bytes(8 * leads))  # of the block that is not full yet; NaN: unknown
        self._peak = array("d", bytes(8 * leads))
        self._means = array("d", [float("nan")]) * (_GAIN_BLOCKS * leads)  # of the blocks before
        self._peaks = array("d", bytes(8 * _SHARE_BLOCKS * leads))
        self._inverse = array("d", bytes(8 * leads))  # one over the last known gain; 0 before any
        self.weight = array("d", [1.0]) * leads
        """Multiplies a lead's value, `[leads]`."""
        self.share = array("d", [1.0]) * leads
        """What the lead counts of the whole, `[leads]`."""

    def add(self, lead: int, energy: float) -> None:
        """One energy of this block."""
        self._sum[lead] += energy
        if energy > self._peak[lead]:
            self._peak[lead] = energy

    def count(self, n: int) -> None:
        """`n` samples have been added; those of a full block count from here on."""
        self.room -= n
        if self.room == 0:
            self.room = BLOCK
            self._close()

    def _close(self) -> None:
        total = 0.0
        alive = 0
        for lead in range(self._leads):
            share, gain = self._push(lead)
            if gain > 0:
                self._inverse[lead] = gain
            if self._inverse[lead] > 0:
                alive += 1
                total += math.log(self._inverse[lead])
            self.share[lead] = share
        self._blocks += 1
        known = 0.0
        scale = math.exp(-total / alive) if alive else 0.0  # their geometric mean
        for lead in range(self._leads):
            known += self.share[lead]
            self.weight[lead] = self.share[lead] * self._inverse[lead] * scale
        if known == 0.0:
            for lead in range(self._leads):
                self.weight[lead] = self.share[lead] = 1.0

    def _push(self, lead: int) -> tuple[float, float]:
        """Keep the lead's block; give its share, and one over its gain."""
        self._means[self._blocks % _GAIN_BLOCKS * self._leads + lead] = self._sum[lead] / BLOCK
        self._peaks[self._blocks % _SHARE_BLOCKS * self._leads + lead] = self._peak[lead]
        self._sum[lead] = self._peak[lead] = 0.0
        recent, peak, crest = self._mean(lead, _SHARE_BLOCKS), 0.0, 0.0
        for block in range(_SHARE_BLOCKS):
            peak = max(peak, self._peaks[block * self._leads + lead])
        if recent > 0:
            crest = peak / recent
        gain = self._mean(lead, _GAIN_BLOCKS)
        return crest * crest, 1 / gain if gain > 0 else 0.0

    def _mean(self, lead: int, blocks: int) -> float:
        """Mean of the last blocks that are known; 0 where there are none."""
        total = 0.0
        known = 0
        for back in range(blocks):
            block = (self._blocks - back + _GAIN_BLOCKS) % _GAIN_BLOCKS
            mean = self._means[block * self._leads + lead]
            if mean >= 0:  # false for NaN
                total += mean
                known += 1
        return total / known if known else 0.0
