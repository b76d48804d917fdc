"""`edge-bench calibration`: whether probabilities mean what they say, and what abstaining buys."""

from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.beats.observations import Observations, classify, observe, read_signal
from benchmarks.beats.protocol import Protocol
from benchmarks.play import on_all_cores
from benchmarks.report import Report, defined, model_name
from benchmarks.sets import STARTS
from benchmarks.tables import digits, percent, table
from edge.bundle import Bundle
from edge.classify import Classifier
from train.data.mitdb import read_annotations
from train.metrics.aami import aami_classes
from train.metrics.ec57 import WINDOW_S, match

BINS: Final = 15
THRESHOLDS: Final = (
    *(0.0, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97),
    *(0.98, 0.99, 0.995, 0.999),
)
"""Of the confidence; the bundle's own is added."""
_FLOOR: Final = 1e-12
RULES: Final = f"""\
Over detected beats that are matched to a reference beat; those that are U for their signal have no
probability, and count as abstained. Confidence is the highest probability. ECE: the distance
of confidence from the share that is right, in {BINS} bins of equal width (Guo et al. 2017), mean
over the beats; in the rows of a class over the beats that were named it. NLL (natural logarithm)
and Brier score (sum over the classes) leave out the reference beats of class Q, which the network
does not know. Coverage is the share that is named, error the share of these that is wrong; F1
over the beats that are named."""


class Judged(NamedTuple):
    """Beats with their probabilities and what they are."""

    probabilities: NDArray[np.float64]
    """[n, K]; a row of NaN where the signal allows none."""
    truth: NDArray[np.int64]
    """Index of the reference class, K for one that the network does not know, [n]."""


def calibration(protocol: Protocol, *, model: str, start_s: int = 0) -> Report:
    """Calibration and coverage of the provisional and of the final observation.

    RecordError where a record is missing or damaged, BundleError where the bundle is.
    """
    manifest = Bundle.load(model).manifest
    task = partial(_record, protocol=protocol, model=model, start_s=start_s)
    records = on_all_cores(task, protocol.paths())
    shipped = manifest.unknown_below
    observed = {
        name: figures(
            Judged(
                *(np.concatenate(parts) for parts in zip(*(r[i] for r in records), strict=True))
            ),
            manifest.classes,
            shipped,
        )
        for i, name in enumerate(("provisional", "final"))
    }
    name = model_name(manifest)
    text = [
        f"{protocol.text('both labels')}\nmodel {name}, int8, temperature "
        f"{manifest.temperature:g}; from {STARTS[start_s]}",
        errors_table(observed),
        *(f"{name} label\n{coverage_table(found, shipped)}" for name, found in observed.items()),
        RULES,
    ]
    data = {
        "protocol": protocol.data("both"),
        "model": name,
        "temperature": manifest.temperature,
        "unknown_below": shipped,
        "start_s": start_s,
        "bins": BINS,
        **observed,
    }
    return Report("\n\n".join(text), data, {"calibration": data})


def figures(judged: Judged, classes: tuple[str, ...], shipped: float) -> dict[str, Any]:
    """Everything that is measured of one kind of observation, as plain data."""
    given = ~np.isnan(judged.probabilities[:, 0])
    p, truth = judged.probabilities[given], judged.truth[given]
    best, confidence = p.argmax(axis=1), p.max(axis=1)
    right = best == truth
    known = truth < len(classes)
    one_hot = np.eye(len(classes))[truth[known]]
    brier = ((p[known] - one_hot) ** 2).sum(axis=1)
    likelihood = p[known, truth[known]]
    return {
        "beats": len(given),
        "no_signal": int(np.count_nonzero(~given)),
        **reliability(confidence, right),
        "nll": _mean(-np.log(np.maximum(likelihood, _FLOOR))),
        "brier": _mean(brier),
        "named": {
            name: reliability(confidence[best == k], right[best == k])
            for k, name in enumerate(classes)
        },
        "coverage": [
            _kept(threshold, best, truth, confidence, len(given), classes)
            for threshold in sorted({*THRESHOLDS, shipped})
        ],
    }


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> dict[str, Any]:
    """The expected calibration error of [n] beats, and the bins that are not empty."""
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    n = np.bincount(place, minlength=BINS)
    filled = n > 0
    said = np.bincount(place, confidence, BINS)[filled] / n[filled]
    was = np.bincount(place, right, BINS)[filled] / n[filled]
    weight = n[filled] / max(len(confidence), 1)
    return {
        "ece": defined(float(weight @ np.abs(said - was)) if len(confidence) else np.nan),
        "reliability": [
            {"beats": int(count), "confidence": defined(float(s)), "right": defined(float(w))}
            for count, s, w in zip(n[filled], said, was, strict=True)
        ],
    }


def errors_table(observed: dict[str, dict[str, Any]]) -> str:
    """Scores of both observations, then the calibration error of each class that was named."""
    rows = []
    for name, found in observed.items():
        scores = [digits(found[name], 4) for name in ("ece", "nll", "brier")]
        rows.append([name, str(found["beats"] - found["no_signal"]), *_said(found), *scores])
        rows += [
            [f"  named {name}", str(_beats(part)), *_said(part), digits(part["ece"], 4), "", ""]
            for name, part in found["named"].items()
        ]
    return table(["label", "beats", "confidence %", "right %", "ECE", "NLL", "Brier"], rows)


def coverage_table(found: dict[str, Any], shipped: float) -> str:
    """A row a threshold; the bundle's own is marked."""
    rows = [
        [
            f"{row['threshold']:g}{'*' if row['threshold'] == shipped else ''}",
            *(percent(row[k]) for k in ("coverage", "error")),
            *(percent(row["f1"][name]) for name in (*"NSV", "macro")),
        ]
        for row in found["coverage"]
    ]
    header = ["U below", "coverage %", "error %", "N F1", "S F1", "V F1", "macro"]
    return table(header, rows) + "\n* the bundle's own"


def _record(path: Path, protocol: Protocol, model: str, start_s: float) -> list[Judged]:
    bundle = Bundle.load(model)
    classifier = Classifier(bundle)
    signal, reference = read_signal(path, protocol.leads), read_annotations(path)
    names = aami_classes(reference.symbol, protocol.class_map).tolist()
    classes = bundle.manifest.classes
    truth = np.array([classes.index(c) if c in classes else len(classes) for c in names])
    found = observe(signal)

    def judged(observed: Observations) -> Judged:
        pairs = match(reference.sample, observed.sample, int(WINDOW_S * signal.fs + 0.5))
        counted = (pairs >= 0) & (reference.sample >= start_s * signal.fs)
        return Judged(observed.probabilities[pairs[counted]], truth[counted])

    return [judged(classify(signal, found, classifier, final=final)) for final in (False, True)]


def _kept(
    threshold: float,
    best: NDArray[np.int64],
    truth: NDArray[np.int64],
    confidence: NDArray[np.float64],
    beats: int,
    classes: tuple[str, ...],
) -> dict[str, Any]:
    kept = confidence >= threshold
    best, truth = best[kept], truth[kept]
    f1s = [
        float(2 * np.sum((best == k) & (truth == k)) / (np.sum(best == k) + np.sum(truth == k)))
        if k in truth
        else np.nan
        for k in range(len(classes))
    ]
    macro = float(np.mean([f1s[classes.index(name)] for name in "NSV"]))
    return {
        "threshold": threshold,
        "coverage": round(np.count_nonzero(kept) / max(beats, 1), 6),
        "error": _mean(best != truth),
        "f1": {
            name: defined(f) for name, f in zip((*classes, "macro"), (*f1s, macro), strict=True)
        },
    }


def _mean(values: NDArray[Any]) -> float | None:
    return defined(float(values.mean()) if len(values) else np.nan)


def _beats(part: dict[str, Any]) -> int:
    return sum(row["beats"] for row in part["reliability"])


def _said(part: dict[str, Any]) -> list[str]:
    """Mean confidence and share that is right, in percent."""
    total = _beats(part)
    return [
        percent(sum(row[k] * row["beats"] for row in part["reliability"]) / total) if total else "-"
        for k in ("confidence", "right")
    ]
