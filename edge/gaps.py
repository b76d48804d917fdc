"""Gaps bridged: a straight line where a few samples are missing.

A wireless hop or a full buffer loses a sample now and then. A gap of at most 40 ms is narrower than
a QRS complex, so a line over it leaves the beat to be found and named; one of up to 200 ms costs
the beats that it hits, and no others. Where much is missing, lines would make it all up, so that
only so much of each second is bridged (our choice).
"""

from typing import Final, NamedTuple

import numpy as np

from edge.filters import Array

LONGEST_S: Final = 0.2
"""The longest gap that is bridged."""
SHARE: Final = 0.2
"""How much of the signal may be bridged, over some second."""


class Made(NamedTuple):
    """A gap of one lead that was bridged, in input samples."""

    lead: int
    first: int
    end: int


class Bridge:
    """Fills the short gaps of a stream, [n, leads]; NaN is "no signal".

    Samples are held back while a gap may still turn out to be short, so that the result is the same
    for any cut of the stream: after `push` it lags by at most 200 ms, and after `flush` not at all.
    """

    def __init__(self, fs: float, leads: int) -> None:
        self.longest = int(LONGEST_S * fs)
        """Samples of the longest gap that is bridged."""
        self._most = SHARE * fs
        self._credit = np.full(leads, self._most)
        self._credited = np.zeros(leads, np.int64)  # up to which sample of the stream
        self._held = np.empty((0, leads))
        self._last = np.full(leads, np.nan)  # the row that was given last
        self._given = 0
        self._made: list[Made] = []

    def push(self, x: Array) -> Array:
        """The samples that are certain now."""
        if len(self._held):
            x = np.concatenate([self._held, x])
        missing = np.isnan(x)
        if not missing.any():
            return self._give(x, len(x))
        x = x.copy()
        ready = len(x)
        for lead in range(x.shape[1]):
            ready = min(ready, self._fill(x[:, lead], missing[:, lead], lead))
        return self._give(x, ready)

    def flush(self) -> Array:
        """What is held back, as it is: the stream ends, or a long gap begins."""
        held = self._give(self._held, len(self._held))
        self._last = np.full(len(self._last), np.nan)  # no line is drawn over what comes between
        return held

    def take(self) -> list[Made]:
        """The gaps that were bridged since last taken."""
        made, self._made = self._made, []
        return made

    def _give(self, x: Array, ready: int) -> Array:
        self._held = x[ready:]
        self._given += ready
        if ready:
            self._last = x[ready - 1].copy()
        return x[:ready]

    def _fill(self, x: Array, missing: Array, lead: int) -> int:
        """Bridge one lead's gaps; give the first row of one that is still open, or all rows."""
        edges = np.flatnonzero(np.diff(missing.astype(np.int8), prepend=0, append=0))
        for first, end in edges.reshape(-1, 2).tolist():
            before = x[first - 1] if first else self._last[lead]
            if end - first > self.longest or np.isnan(before):
                continue
            if end == len(x):
                return int(first)
            if self._affords(lead, self._given + first, end - first):
                steps = np.arange(1, end - first + 1) / (end - first + 1)
                x[first:end] = before + (x[end] - before) * steps
                self._made.append(Made(lead, self._given + first, self._given + end))
        return len(x)

    def _affords(self, lead: int, at: int, n: int) -> bool:
        """Whether `n` more samples from `at` may be bridged; they are paid for at once."""
        if at <= self._credited[lead]:  # asked before, while another lead was waited for
            return False
        earned = SHARE * (at - self._credited[lead])
        self._credit[lead] = min(self._most, self._credit[lead] + earned)
        self._credited[lead] = at
        if self._credit[lead] < n:
            return False
        self._credit[lead] -= n
        return True
