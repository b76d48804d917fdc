# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Several leads made one: what each counts, by what it was like up to now.

Leads are brought to one gain by their mean energy of 16 s. A lead counts as its peak over its mean
energy of the last second, times the same of 8 s with the lowest peak of four: beats stand out of
a clean lead, now and again, not of noise. A lead that has gone still while another goes on has no
part in it, as one without a signal has none: its gain is kept as it was, so that neither its noise
is blown up nor the scale of the others shrinks. Nor has the scale to do with what is far too small
for a beat: inputs of the board that nothing is connected to. (Our choice; tried on DS1.)
"""

import math
from array import array

BLOCK = 64
"""Stream samples that share their weights."""
_BLOCKS = 64  # kept, and averaged for the gain
_NOW = 4  # blocks of the last second,
_WINDOW, _WINDOWS = 8, 4  # and of 2 s, four times
_LATELY = 16  # blocks of 4 s, whose peak shows whether a lead has gone still:
_STILL, _BESIDE = 1.0, 0.1  # of its mean energy, and of other leads' peaks


class Fusion:
    """Weights of the leads, from the energies of the blocks before."""

    def __init__(self, leads: int, least: float = 0.0) -> None:
        """`least`: an energy that a lead has now and again if it shows any beat."""
        self._leads = leads
        self._least = least
        self._blocks = 0
        self.room = BLOCK
        """Samples that still belong to this block."""
        self._sum = array("d", bytes(8 * leads))  # of the block that is not full yet; NaN: unknown
        self._peak = array("d", bytes(8 * leads))
        self._means = array("d", [float("nan")]) * (_BLOCKS * leads)  # of the blocks before
        self._peaks = array("d", bytes(8 * _BLOCKS * leads))
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
        most = 0.0
        for lead in range(self._leads):
            self._push(lead)
            most = max(most, self._top(lead, 0, _LATELY))
        some = most >= self._least
        for lead in range(self._leads):
            self.share[lead] = self._weighed(lead, most)
            empty = some and self._top(lead, 0, _BLOCKS) < self._least
            if self._inverse[lead] > 0 and not empty:
                alive += 1
                total += math.log(self._inverse[lead])
        self._blocks += 1
        known = 0.0
        scale = math.exp(-total / alive) if alive else 0.0  # their geometric mean
        for lead in range(self._leads):
            known += self.share[lead]
            self.weight[lead] = self.share[lead] * self._inverse[lead] * scale
        if known == 0.0:
            for lead in range(self._leads):
                self.weight[lead] = self.share[lead] = 1.0

    def _push(self, lead: int) -> None:
        """Keep the lead's block."""
        self._means[self._blocks % _BLOCKS * self._leads + lead] = self._sum[lead] / BLOCK
        self._peaks[self._blocks % _BLOCKS * self._leads + lead] = self._peak[lead]
        self._sum[lead] = self._peak[lead] = 0.0

    def _weighed(self, lead: int, most: float) -> float:
        """The lead's share, and its gain made new, unless it has gone still."""
        top = self._top(lead, 0, _LATELY)
        if self._inverse[lead] > 0 and top * self._inverse[lead] < _STILL and top < _BESIDE * most:
            self._means[self._blocks % _BLOCKS * self._leads + lead] = math.nan
            return 0.0
        gain = self._mean(lead, _BLOCKS)
        if gain > 0:
            self._inverse[lead] = 1 / gain
        return self._crest(lead, 1, _NOW) * self._crest(lead, _WINDOWS, _WINDOW)

    def _crest(self, lead: int, windows: int, blocks: int) -> float:
        """The lowest of the last windows' peaks over their mean, of windows with signal."""
        lowest = 0.0
        for window in range(windows):
            if window > 0 and self._blocks < (window + 1) * blocks:
                break  # not a whole one yet
            peak = self._top(lead, window * blocks, (window + 1) * blocks)
            if peak > 0 and (lowest == 0 or peak < lowest):
                lowest = peak
        mean = self._mean(lead, windows * blocks)
        return lowest / mean if mean > 0 else 0.0

    def _top(self, lead: int, first: int, last: int) -> float:
        """The highest peak of some blocks, counted back from this one."""
        top = 0.0
        for back in range(first, last):
            block = (self._blocks - back + _BLOCKS) % _BLOCKS
            top = max(top, self._peaks[block * self._leads + lead])
        return top

    def _mean(self, lead: int, blocks: int) -> float:
        """Mean of the last blocks that are known; 0 where there are none."""
        total = 0.0
        known = 0
        for back in range(blocks):
            block = (self._blocks - back + _BLOCKS) % _BLOCKS
            mean = self._means[block * self._leads + lead]
            if mean >= 0:  # false for NaN
                total += mean
                known += 1
        return total / known if known else 0.0
