"""How many samples a second arrive, told early, from arrivals that may be late but never early."""

from typing import NamedTuple

SOON_S = 10.0
"""A rate is told from arrivals over so long at least."""
LONG_S = 60.0
"""After so long the next one is begun: nothing is kept for ever."""
FAR = 0.03
"""A board's true rate is nearer to its nominal one than by this part of it."""


class _Arrival(NamedTuple):
    at_s: float
    end: int
    """Samples up to then, lost ones counted."""


class Pace:
    """The rate of one unbroken stretch.

    Of all lines of samples over time that no arrival is above, it is the one that is nearest in
    the middle: an edge of the upper hull (S. B. Moon et al., "Estimation and removal of clock skew
    from network delay measurements", INFOCOM 1999, minimise the sum of distances instead). So a
    backlog or a late start bends only the ends. Where no arrival is later than the longest wait
    between two, twice that wait over the stretch bounds the error: a lump counts as what it hides.
    """

    def __init__(self) -> None:
        self._hull: list[_Arrival] = []
        self._last_s = self._wait_s = 0.0

    @property
    def span_s(self) -> float:
        """From the first arrival to the last."""
        return self._last_s - self._hull[0].at_s if self._hull else 0.0

    @property
    def error(self) -> float:
        """Bound of the rate's error as a part of it."""
        return 2 * self._wait_s / self.span_s

    def add(self, at_s: float, end: int) -> None:
        """So many samples had arrived at `at_s`; neither may go back."""
        if self._hull:
            self._wait_s = max(self._wait_s, at_s - self._last_s)
        self._last_s = at_s
        hull = self._hull
        while len(hull) > 1 and (hull[-1].end - hull[-2].end) * (at_s - hull[-2].at_s) <= (
            end - hull[-2].end
        ) * (hull[-1].at_s - hull[-2].at_s):
            hull.pop()
        hull.append(_Arrival(at_s, end))

    def rate_hz(self, least_s: float = SOON_S) -> float | None:
        """None before `least_s` seconds."""
        if self.span_s < least_s:
            return None
        middle = self._hull[0].at_s + self.span_s / 2
        i = next(i for i, arrival in enumerate(self._hull) if arrival.at_s >= middle)
        before, after = self._hull[i - 1 : i + 1]
        return (after.end - before.end) / (after.at_s - before.at_s)

    def far(self, fs: float) -> float | None:
        """The rate where it is surely another than `fs` Hz."""
        rate = self.rate_hz()
        return rate if rate is not None and abs(rate / fs - 1) > FAR + self.error else None
