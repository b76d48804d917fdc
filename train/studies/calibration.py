"""How sure a trained classifier may be of each class, and from where on it says so.

Platt's scaling (1999), a slope and a shift for each class, fitted to the validation fold: the
likeliest ones under a prior that holds where cases are few (the slope's logarithm normal around 0
with deviation 1, the shift around 0 with 3), so that a slope is never negative and a class without
a case has finite figures. A class is stated from the probability on that gives the best F1 there.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from sklearn.metrics import precision_recall_curve, roc_auc_score

from train.data.windows import Windows
from train.engine.prediction import predict
from train.models.encoder import Classifier
from train.models.facts import Statement
from train.studies.diagnosis import Part

SLOPES: Final = 1.0
SHIFTS: Final = 3.0
"""Deviations of the priors."""
BINS: Final = 10
FEWEST_CASES: Final = 5
"""Of a class in the validation fold, and as many others, for a threshold to be chosen by them."""


def statements(
    net: Classifier, windows: Windows, part: Part, *, test: bool
) -> tuple[Statement, ...]:
    """Each class's calibration and threshold by the validation part, and its figures there.

    With `test`, on the test part too: for once, when nothing is chosen any more.
    """
    labels = windows.column("labels").astype(bool)
    parts = {"validation": part.validation} | ({"test": part.test} if test else {})
    logits = {name: predict(net, windows, rows).astype(np.float64) for name, rows in parts.items()}
    holds = {name: labels[rows] for name, rows in parts.items()}
    found = []
    for k, name in enumerate(windows.classes):
        x, y = logits["validation"][:, k], holds["validation"][:, k]
        slope, shift = platt(x, y)
        threshold = best_threshold(_logistic(slope * x + shift), y)
        figures = {
            of: measured(logits[of][:, k], holds[of][:, k], slope, shift, threshold)
            for of in logits
        }
        found.append(Statement(name, slope, shift, threshold, figures))
    return tuple(found)


def platt(logit: NDArray[np.float64], holds: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and shift; both [n]."""

    def loss(x: NDArray[np.float64]) -> float:
        z = np.exp(x[0]) * logit + x[1]
        prior = (x[0] / SLOPES) ** 2 / 2 + (x[1] / SHIFTS) ** 2 / 2
        return float(np.logaddexp(0, np.where(holds, -z, z)).sum() + prior)

    found = optimize.minimize(loss, np.zeros(2), method="Nelder-Mead").x
    return float(np.exp(found[0])), float(found[1])


def best_threshold(p: NDArray[np.float64], holds: NDArray[np.bool_]) -> float | None:
    """Where F1 is best, in the middle between two probabilities; None for few cases or others."""
    if min(holds.sum(), (~holds).sum()) < FEWEST_CASES:
        return None
    precision, recall, at = precision_recall_curve(holds, p)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(f1[:-1].argmax())
    return float((at[best] + (at[best - 1] if best else 0.0)) / 2)


def measured(
    logit: NDArray[np.float64],
    holds: NDArray[np.bool_],
    slope: float = 1.0,
    shift: float = 0.0,
    threshold: float | None = None,
) -> dict[str, float | None]:
    """Figures of a class: None where it has no case, or nothing else; shares, not %."""
    n, cases = len(holds), int(holds.sum())
    p = _logistic(slope * logit + shift)
    stated = p >= (np.inf if threshold is None else threshold)
    hits = int((stated & holds).sum())
    return {
        "n": n,
        "cases": cases,
        "auc": float(roc_auc_score(holds, logit)) if 0 < cases < n else None,
        "calibration_error_before": calibration_error(_logistic(logit), holds),
        "calibration_error": calibration_error(p, holds),
        "sensitivity": hits / cases if cases and threshold is not None else None,
        "specificity": int((~stated & ~holds).sum()) / (n - cases)
        if cases < n and threshold is not None
        else None,
        "ppv": hits / int(stated.sum()) if stated.any() else None,
    }


def calibration_error(p: NDArray[np.float64], holds: NDArray[np.bool_]) -> float | None:
    """Mean distance of what is said from what holds, over ten equal ranges of probability (ECE)."""
    if not len(p):
        return None
    at = (p * BINS).astype(int).clip(max=BINS - 1)
    off = [abs(p[at == b].sum() - holds[at == b].sum()) for b in range(BINS)]
    return float(np.sum(off) / len(p))


def described(windows: Windows, part: Part) -> dict[str, dict[str, Any]]:
    """Of each part its windows, records and patients."""
    record = windows.column("record")
    found = {}
    for name in ("train", "validation", "test"):
        known = np.unique(record[getattr(part, name)])
        patients = {windows.records[i].patient for i in known}
        found[name] = {
            "windows": len(getattr(part, name)),
            "records": len(known),
            "patients": len(patients),
        }
    return found


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    p: NDArray[np.float64] = 1 / (1 + np.exp(-x))
    return p
