"""Single samples that no heart can have made: a damaged byte, a spike at the electrode.

On a board without checksums a harmed sample comes as any number. At 128 Hz it is 8 ms wide, and
after resampling as wide as a QRS complex.
"""

from typing import Final

import numpy as np

from edge.filters import Array

MOST_MV: Final = 8.0
"""More than this from one sample to the next is no ECG, whose largest QRS complexes have 5 mV."""
LONGEST: Final = 2
"""Samples that are taken for missing at most: what stays longer is a step, and is believed."""


class Jumps:
    """Takes from a stream, [n, leads] in mV, what jumps and comes back; NaN is "no signal"."""

    def __init__(self, leads: int) -> None:
        self._last = np.full(leads, np.nan)  # the last sample that was believed, or NaN
        self._out = [0] * leads  # samples since that were not

    def push(self, x: Array) -> Array:
        """The same samples, NaN where they are no ECG."""
        before = np.concatenate([self._last[None], x[:-1]])
        steps = np.abs(x - before[: len(x)])
        if not any(self._out) and not (steps > MOST_MV).any():
            if len(x):
                self._last = x[-1].copy()
            return x
        x = x.copy()
        for lead in range(x.shape[1]):
            for i, value in enumerate(x[:, lead].tolist()):
                if abs(value - self._last[lead]) > MOST_MV and self._out[lead] < LONGEST:
                    x[i, lead] = np.nan
                    self._out[lead] += 1
                else:
                    self._last[lead] = value
                    self._out[lead] = 0
        return x
