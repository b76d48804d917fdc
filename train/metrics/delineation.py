"""Waves from the classes of samples, and how their ends are scored.

Scored as Moskalenko et al. 2020 do (arXiv 2001.04689): every onset and every offset of every P
wave, QRS and T wave of every lead by itself, within 150 ms of the marked one; an end without a
partner is missed, or extra. Ours: pairs are one to one and in time order, as beats are
(`train.metrics.ec57.match`); the part of a lead that was marked, which we take from the marks: LUDB
has none before the first and behind the last QRS of a lead, as a rule, though there are waves. What
is found there may be the partner of a mark (the first onset found 8 ms early is found), but is
never extra.

Post-processing is our choice: not a chain of repairs but one grammar, of which `delineate` finds
the likeliest sentence. A wave lasts at least as long as nearly all that LUDB's cardiologists marked
(99.9 % of its P waves are longer than 36 ms, of QRS 52 ms, of T waves 72 ms); after a QRS comes at
most one T wave, and a T wave comes only after a QRS; P waves may come in any number, or not at all.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from train.metrics.ec57 import Rates, match

WAVES: Final = ("P", "QRS", "T")
"""Of kinds 1, 2 and 3; kind 0 is between waves."""
ENDS: Final = ("onset", "offset")
TOLERANCE_MS: Final = 150
COUNTS: Final = ("tp", "fn", "fp", "error", "squared")
"""Columns of what `compare` counts; errors are sums over the pairs, in ms and ms²."""


_KIND: Final = (0, 1, 2, 0, 3)
"""Kinds of the grammar's states: before a QRS, P, QRS, behind a QRS that still lacks its T, T."""
_AFTER: Final = ((1, 4), (0, 3), (0, 1, 3, 4), (2,), (2, 3))
"""The states that each of them may follow."""
_LEAST_MS: Final = (20, 36, 48, 4, 72)
"""How long each of them lasts, unless it began before the window."""


class Waves(NamedTuple):
    """The waves of one lead in time order, [n] each."""

    kind: NDArray[np.int64]
    """1 for P, 2 for QRS, 3 for T."""
    onset_ms: NDArray[np.int64]
    offset_ms: NDArray[np.int64]
    """The last sample that belongs to the wave."""


class Ends(NamedTuple):
    """How well onsets or offsets were found."""

    rates: Rates
    mean_ms: float
    """Mean error of those found, found minus marked; NaN without any."""
    sd_ms: float
    """Standard deviation of that error."""


def runs(classes: NDArray[np.integer], fs: float) -> Waves:
    """Unbroken runs of one kind as waves; what is not 1 to 3 lies between them. [T] at `fs` Hz."""
    edges = np.flatnonzero(np.diff(classes, prepend=-2, append=-2))
    first, last = edges[:-1], edges[1:] - 1
    kind = classes[first].astype(np.int64)
    wave = kind > 0
    onset, offset = (np.rint(at[wave] * (1000 / fs)).astype(np.int64) for at in (first, last))
    return Waves(kind[wave], onset, offset)


def delineate(log_p: NDArray[np.floating], fs: float) -> list[Waves]:
    """The waves of each lead, or row, that are likeliest under the grammar.

    `log_p` is the logarithm of each kind's probability, [n, 4, T] at `fs` Hz.
    """
    return [runs(classes, fs) for classes in likeliest(log_p, fs)]


def likeliest(log_p: NDArray[np.floating], fs: float) -> NDArray[np.int8]:
    """Viterbi's path with least durations, as kinds, [n, T]."""
    n, _, samples = log_p.shape
    seen = np.moveaxis(np.asarray(log_p, np.float64), 0, 2)[list(_KIND)]  # [state, T, n]
    total = np.concatenate([np.zeros((len(_KIND), 1, n)), seen.cumsum(1)], 1)
    least = [max(1, round(ms * fs / 1000)) for ms in _LEAST_MS]
    best = np.zeros((len(_KIND), samples + 1, n))
    source = np.full(best.shape, -1, np.int8)  # the state before, at the end of the least duration
    for t in range(1, samples + 1):
        for state, after in enumerate(_AFTER):
            best[state, t] = best[state, t - 1] + seen[state, t - 1]
            start = t - least[state]
            if start < 0:
                continue
            for before in after:
                entered = best[before, start] + total[state, t] - total[state, start]
                better = entered > best[state, t]
                best[state, t][better] = entered[better]
                source[state, t][better] = before
    path = np.empty((n, samples), np.int8)
    for row in range(n):
        t, state = samples, int(best[:, samples, row].argmax())
        while t > 0:
            before = source[state, t, row]
            start = t - 1 if before < 0 else t - least[state]
            path[row, start:t] = _KIND[state]
            t, state = start, state if before < 0 else int(before)
    return path


def compare(found: Waves, marked: NDArray[np.integer], fs: float) -> NDArray[np.float64]:
    """Counts the ends of one lead's waves against its marks, [3 waves, 2 ends, 5 `COUNTS`].

    `marked` is a column of `Reference.waves`, [T] at `fs` Hz: -1 where nobody marked anything.
    Counts of leads and records add up. Times are taken to the millisecond.
    """
    reference = runs(marked, fs)
    counts = np.zeros((len(WAVES), len(ENDS), len(COUNTS)))
    for k in range(len(WAVES)):
        mine, theirs = found.kind == k + 1, reference.kind == k + 1
        for e, (test, truth) in enumerate(zip(found[1:], reference[1:], strict=True)):
            test, truth = test[mine], truth[theirs]
            pairs = match(truth, test, TOLERANCE_MS)
            both = pairs >= 0
            error = test[pairs[both]] - truth[both]
            extra = np.delete(test, pairs[both])
            at = np.rint(extra * (fs / 1000)).astype(np.int64)
            inside = (at >= 0) & (at < len(marked))
            extras = np.sum(marked[at[inside]] >= 0)
            counts[k, e] = both.sum(), (~both).sum(), extras, error.sum(), error @ error
    return counts


def ends(counts: NDArray[np.floating]) -> Ends:
    """Rates and errors from the counts, [5], of one wave's onsets or offsets, or of both."""
    tp, fn, fp = (int(n) for n in counts[:3])
    if not tp:
        return Ends(Rates(tp, fn, fp), np.nan, np.nan)
    mean = counts[3] / tp
    return Ends(Rates(tp, fn, fp), float(mean), float(np.sqrt(max(0.0, counts[4] / tp - mean**2))))
