"""Scores of labels and of probabilities."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score


def macro_auc(labels: NDArray[np.generic], scores: NDArray[np.floating]) -> float:
    """Mean area under the ROC curve over classes that some windows have and others lack; [n, K]."""
    known = [k for k in range(labels.shape[1]) if 0 < labels[:, k].sum() < len(labels)]
    return float(np.mean([roc_auc_score(labels[:, k], scores[:, k]) for k in known]))


def tally(
    label: NDArray[np.int64], truth: NDArray[np.int64], classes: Sequence[str]
) -> NDArray[np.int64]:
    """For each class its true positives, and the beats predicted plus those that are so, [K, 2].

    Tallies of parts add up to that of the whole.
    """
    named, true = (x[:, None] == np.arange(len(classes)) for x in (label, truth))
    return np.stack([(named & true).sum(0), named.sum(0) + true.sum(0)], 1)


def f1_of(tallied: NDArray[np.int64], classes: Sequence[str]) -> dict[str, float]:
    """F1 of each class (NaN-free: 0 where there is none), and of N, S and V `macro`."""
    each = 2 * tallied[:, 0] / np.maximum(tallied[:, 1], 1)
    scores = dict(zip(classes, each.tolist(), strict=True))
    return scores | {"macro": float(np.mean([scores[name] for name in "NSV"]))}


def f1(
    label: NDArray[np.int64], truth: NDArray[np.int64], classes: Sequence[str]
) -> dict[str, float]:
    """F1 of beats' labels, see `f1_of`."""
    return f1_of(tally(label, truth, classes), classes)
