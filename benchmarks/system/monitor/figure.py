"""A row of the page, and the words in it."""

from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple


class Figure(NamedTuple):
    """A row: what was measured, beside what is asked for."""

    group: str
    what: str
    required: str
    """As makers' manuals quote the standard; "disclosed" where any figure will do."""
    measured: str
    met: bool | None
    """None where nothing is required."""
    makers: str
    """What makers print, by the letters of the page's list of sources."""
    data: dict[str, Any]
    """The figures behind it, for programs."""


def rate_text(rate: float | None) -> str:
    """A rate on display, per minute; "none" where there is none."""
    return "none" if rate is None else f"{rate:.0f}"


def range_text(counted: Sequence[float], tried: Sequence[float], unit: str) -> str:
    """From the least to the largest that is counted, and what is missing between."""
    if not counted:
        return "none"
    holes = [x for x in tried if counted[0] < x < counted[-1] and x not in counted]
    text = f"{counted[0]:g} to {counted[-1]:g} {unit} of {tried[0]:g} to {tried[-1]:g}"
    return text + (f", but not {', '.join(f'{x:g}' for x in holes)}" if holes else "")


def spread_text(seconds: Sequence[float | None]) -> str:
    """Median and range in seconds; and how often never, which is None."""
    known = [s for s in seconds if s is not None]
    if not known:
        return "never"
    text = f"{median(known):.1f} s ({min(known):.1f} to {max(known):.1f})"
    lost = len(seconds) - len(known)
    return text + (f", never in {lost} of {len(seconds)}" if lost else "")


def most(right: dict[float, bool]) -> float:
    """The largest up to which all are right, 0 if none."""
    largest = 0.0
    for value, ok in right.items():
        if not ok:
            break
        largest = value
    return largest


def most_text(largest: float, tried: Sequence[float]) -> str:
    """It in mV, and more where it is the last that was tried."""
    return f"{largest:g} mV" + (" and more" if largest == tried[-1] else "")
