"""Beat-by-beat comparison with the reference annotations, after ANSI/AAMI EC57.

The rules are those of the WFDB tool `bxb`: a match window of 150 ms, ends included; one to one;
test beats without a partner in reference-marked ventricular fibrillation are not counted.
One difference, our choice: beats are matched over the whole record and counted from the start
on, so a test beat just behind the start whose partner lies before it is dropped, not extra.

Pure functions on arrays; the end of the record is the end of the lists.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from train.metrics.aami import CLASSES

WINDOW_S: Final = 0.150

REFERENCE_ROWS: Final = (*CLASSES, "O")
"""Rows of a confusion matrix: the reference class; O holds extra test beats."""
TEST_COLUMNS: Final = (*CLASSES, "U", "O")
"""Columns: the test label; U beats are found but named "unknown"; O holds missed beats."""

_EXTRA = REFERENCE_ROWS.index("O")
_MISSED = TEST_COLUMNS.index("O")


class Rates(NamedTuple):
    """Sensitivity, positive predictivity and F1 from counts; NaN where undefined.

    Without reference beats there is neither sensitivity nor F1, without claims no predictivity.
    """

    tp: int
    fn: int
    fp: int

    @property
    def se(self) -> float:
        """Sensitivity, 0 to 1."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else math.nan

    @property
    def ppv(self) -> float:
        """Positive predictivity, 0 to 1."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of the two, 0 to 1."""
        if not self.tp + self.fn:
            return math.nan
        return 2 * self.tp / (2 * self.tp + self.fn + self.fp)


def _no_counts() -> NDArray[np.int64]:
    return np.zeros((len(REFERENCE_ROWS), len(TEST_COLUMNS)), dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """What a comparison counted; counts of records add up to their gross."""

    confusion: NDArray[np.int64] = field(default_factory=_no_counts)
    """Shape [6, 7]: `REFERENCE_ROWS` by `TEST_COLUMNS`."""
    squared_ms: float = 0.0
    """Sum over matched beats of (test minus reference time) squared, in ms²."""

    def __add__(self, other: "Counts") -> "Counts":
        """Both comparisons pooled."""
        return Counts(self.confusion + other.confusion, self.squared_ms + other.squared_ms)

    @property
    def qrs(self) -> Rates:
        """Detection, every class counted; a beat labelled U is detected."""
        missed = int(self.confusion[:, _MISSED].sum())
        extra = int(self.confusion[_EXTRA].sum())
        return Rates(int(self.confusion.sum()) - missed - extra, missed, extra)

    @property
    def jitter_ms(self) -> float:
        """Root mean square distance of matched beats from their reference, in ms."""
        matched = self.qrs.tp
        return math.sqrt(self.squared_ms / matched) if matched else math.nan

    @property
    def unknown(self) -> int:
        """Test beats labelled U, matched or extra."""
        return int(self.confusion[:, TEST_COLUMNS.index("U")].sum())

    def of(self, name: str) -> Rates:
        """End-to-end rates of one class.

        A missed beat is a false negative of its class, and so is one labelled U, which is a
        claim of nothing and so no false positive. Every beat wrongly given the class is a
        false positive, extra beats and beats of reference F and Q too.
        """
        return self._rates(name, REFERENCE_ROWS)

    @property
    def veb(self) -> Rates:
        """EC57's V: a V given to a reference F or Q is not a false positive."""
        return self._rates("V", ("N", "S", "V", "O"))

    @property
    def sveb(self) -> Rates:
        """EC57's S as `bxb` counts it: an S given to a reference Q is not a false positive.

        The tool `sumstats` also leaves out those given to a reference F; this does not.
        """
        return self._rates("S", ("N", "S", "V", "F", "O"))

    def _rates(self, name: str, rows: Sequence[str]) -> Rates:
        row, column = REFERENCE_ROWS.index(name), TEST_COLUMNS.index(name)
        tp = int(self.confusion[row, column])
        claimed = sum(int(self.confusion[REFERENCE_ROWS.index(r), column]) for r in rows)
        return Rates(tp, int(self.confusion[row].sum()) - tp, claimed - tp)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of N, S and V; NaN if one is undefined."""
        return sum(self.of(name).f1 for name in "NSV") / 3


def match(reference: NDArray[np.int64], test: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """Pair two ascending lists of sample indices, one to one, in time order.

    Of the two beats at hand the earlier is paired with the later if they are at most `window`
    samples apart and the later is nearer to it than to the beat that follows it in its own
    list (a tie goes to the following one); else it stays alone.

    Returns the index into `test` for each reference beat, -1 where it is missed.
    """
    ref, tst = reference.tolist(), test.tolist()
    pairs = np.full(len(ref), -1, dtype=np.int64)
    r = t = 0
    while r < len(ref) and t < len(tst):
        if tst[t] < ref[r]:
            nearer = t + 1 == len(tst) or ref[r] - tst[t] < abs(ref[r] - tst[t + 1])
        else:
            nearer = r + 1 == len(ref) or tst[t] - ref[r] < abs(tst[t] - ref[r + 1])
        if nearer and abs(ref[r] - tst[t]) <= window:
            pairs[r] = t
            r += 1
            t += 1
        elif tst[t] < ref[r]:
            t += 1
        else:
            r += 1
    return pairs


def compare(
    reference: NDArray[np.int64],
    reference_class: Sequence[str] | NDArray[np.str_],
    test: NDArray[np.int64],
    test_label: Sequence[str] | NDArray[np.str_],
    fs: float,
    *,
    start_s: float = 0.0,
    vf: Iterable[tuple[int, int]] = (),
) -> Counts:
    """Count one record's test beats against its reference beats.

    Both lists are sample indices at `fs` Hz in any order, with a class of N, S, V, F, Q each,
    the test beats also U. Counted are pairs and missed beats whose reference, and extra beats
    that themselves, lie at or after `start_s` seconds. Reference beats must not lie in `vf`,
    first and last samples of ventricular fibrillation; extra beats there are not counted.
    """
    order = np.argsort(reference, kind="stable")
    reference = np.asarray(reference, dtype=np.int64)[order]
    rows = np.array([REFERENCE_ROWS.index(c) for c in reference_class], dtype=np.int64)[order]
    order = np.argsort(test, kind="stable")
    test = np.asarray(test, dtype=np.int64)[order]
    columns = np.array([TEST_COLUMNS.index(c) for c in test_label], dtype=np.int64)[order]

    pairs = match(reference, test, int(WINDOW_S * fs + 0.5))
    start = start_s * fs
    counted = reference >= start
    found = pairs >= 0
    extra = test >= start
    extra[pairs[found]] = False
    for first, last in vf:
        extra &= (test < first) | (test > last)

    confusion = _no_counts()
    both, missed = counted & found, counted & ~found
    for row, column in zip(rows[both], columns[pairs[both]], strict=True):
        confusion[row, column] += 1
    for row in rows[missed]:
        confusion[row, _MISSED] += 1
    for column in columns[extra]:
        confusion[_EXTRA, column] += 1
    error_ms = (test[pairs[both]] - reference[both]) * (1000 / fs)
    return Counts(confusion, float(error_ms @ error_ms))


def average(values: Iterable[float]) -> float:
    """Mean over the records where a figure is defined; NaN if it is nowhere."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan
