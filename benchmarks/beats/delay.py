"""`edge-bench delay`: how well beats are named against how much is seen after R."""

from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.beats.counts import counts_data
from benchmarks.beats.observations import Observations, classify, count, observe, read_signal
from benchmarks.beats.protocol import Protocol
from benchmarks.play import on_all_cores
from benchmarks.report import Report, model_name, spread
from benchmarks.sets import STARTS
from benchmarks.tables import percent, table
from edge.beats import PROVISIONAL_SEEN
from edge.bundle import Bundle
from edge.classify import Classifier
from edge.filters import STREAM_FS
from train.data.mitdb import read_annotations
from train.metrics.ec57 import Counts

DELAYS_MS: Final = (100, 150, 200, 250, 400)
_LOOKAHEAD: Final = 2
"""Stream samples that the resampler waits for, from 250 Hz up."""
_SHIPPED: Final = round((PROVISIONAL_SEEN + _LOOKAHEAD) * 1000 / STREAM_FS)
RULES: Final = """\
"within" is what an observation may use: the signal that has arrived by so many ms after R, of which
the resampler keeps back 8 ms; later samples are masked, as for the provisional label. Where the
detector has not decided by then the same masked observation is made when it has: "in time" is the
share that was made within the limit, "given" the signal time from R at which a label came. * marks
the observation that the monitor makes. The network is the same for all: of observations that it was
not trained on, at other delays, it may make less than the signal allows."""


class Point(NamedTuple):
    """One delay's labels in one record, or in all."""

    counts: Counts
    delay_ms: NDArray[np.float64]
    """From R to each label, [n]."""


def delay(protocol: Protocol, *, model: str, start_s: int = 0) -> Report:
    """The provisional observation at several delays, and the final one, of the same beats.

    RecordError where a record is missing or damaged, BundleError where the bundle is.
    """
    bundle = Bundle.load(model)
    limits: list[int | None] = [*sorted({*DELAYS_MS, _SHIPPED}), None]
    task = partial(_record, protocol=protocol, bundle=bundle, limits=limits, start_s=start_s)
    records = on_all_cores(task, protocol.paths())
    points = [_data(limit, [found[i] for found in records]) for i, limit in enumerate(limits)]
    name = model_name(bundle.manifest)
    text = [
        f"{protocol.text('labels by delay')}\nmodel {name}, int8; gross, from {STARTS[start_s]}",
        points_table(points),
        RULES,
    ]
    data = {
        "protocol": protocol.data("by delay"),
        "model": name,
        "start_s": start_s,
        "points": points,
    }
    return Report("\n\n".join(text), data, {"delay": data})


def points_table(points: list[dict[str, Any]]) -> str:
    """A row a delay: when its labels came, and F1 in percent."""
    rows = []
    for point in points:
        given, rates = point["given_ms"], point["gross"]["rates"]
        shares = [point["in_time"], point["unknown"], *(rates[c]["f1"] for c in "NSVF")]
        shares += [point["gross"]["macro_f1"]]
        mark = "*" if point["shipped"] else ""
        rows.append(
            [
                "next R" if point["within_ms"] is None else f"{point['within_ms']}{mark}",
                str(given["median"]),
                str(given["p95"]),
                *(percent(share) for share in shares),
            ]
        )
    header = ["within, ms", "given, ms", "p95", "in time %", "U %"]
    return table([*header, *(f"{c} F1" for c in "NSVF"), "macro"], rows)


def _record(
    path: Path, protocol: Protocol, bundle: Bundle, limits: list[int | None], start_s: float
) -> list[Point]:
    signal, reference = read_signal(path, protocol.leads), read_annotations(path)
    classifier = Classifier(bundle)

    def point(observed: Observations) -> Point:
        label = observed.labels(bundle.manifest)
        return Point(
            count(observed, label, reference, protocol.class_map, start_s), observed.delay_ms
        )

    points = []
    for limit in limits:
        seen = PROVISIONAL_SEEN if limit is None else int(limit * STREAM_FS / 1000) - _LOOKAHEAD
        observed = classify(signal, observe(signal, seen=seen), classifier, final=limit is None)
        points.append(point(observed))
    return points


def _data(limit: int | None, points: list[Point]) -> dict[str, Any]:
    delay_ms = np.concatenate([point.delay_ms for point in points])
    gross = sum((point.counts for point in points), Counts())
    return {
        "within_ms": limit,
        "shipped": limit == _SHIPPED,
        "given_ms": spread(delay_ms),
        "in_time": 1.0 if limit is None else round(float(np.mean(delay_ms <= limit)), 6),
        "unknown": round(gross.unknown / max(1, int(gross.confusion[:, :-1].sum())), 6),
        "gross": counts_data(gross),
    }
