"""`edge-bench int8`: what quantising costs end to end, and whether the two runtimes agree."""

from collections.abc import Mapping
from functools import partial
from itertools import combinations
from typing import Any, Final

import numpy as np

from benchmarks.beats.counts import counts_data
from benchmarks.beats.protocol import Protocol, compare_all
from benchmarks.play import Engine, on_all_cores, play
from benchmarks.report import Report, defined, model_name
from benchmarks.sets import STARTS
from benchmarks.tables import percent, table
from edge.bundle import Bundle
from train.metrics.ec57 import Counts

ENGINES: Final[tuple[Engine, ...]] = ("float", "litert", "onnx")
"""The float ONNX model, and the int8 one on each runtime."""


def int8(protocol: Protocol, *, model: str, start_s: int = 0) -> Report:
    """The same peaks labelled by each engine, and the engines compared beat by beat.

    RecordError where a record is missing or damaged, BundleError where the bundle is.
    """
    bundle = Bundle.load(model)
    gross, labels = {}, {}
    for engine in ENGINES:
        task = partial(play, leads=protocol.leads, model=model, engine=engine)
        played = on_all_cores(task, protocol.paths())
        gross[engine] = sum(compare_all(played, protocol, start_s).values(), Counts())
        labels[engine] = np.concatenate([p.final for p in played])
    drop = {e: 100 * (gross["float"].macro_f1 - gross[e].macro_f1) for e in ENGINES[1:]}
    agreement = {
        f"{a}, {b}": float(np.mean(labels[a] == labels[b])) for a, b in combinations(ENGINES, 2)
    }
    name = model_name(bundle.manifest)
    data: dict[str, Any] = {
        "protocol": protocol.data(),
        "model": name,
        "start_s": start_s,
        "engines": {engine: counts_data(c) for engine, c in gross.items()},
        "macro_f1_drop_points": {engine: defined(points) for engine, points in drop.items()},
        "agreement": agreement,
    }
    head = f"{protocol.text()}\nmodel {name}; gross, from {STARTS[start_s]}"
    return Report(f"{head}\n\n{engines_text(data)}", data, {"int8": data})


def engines_text(data: Mapping[str, Any]) -> str:
    """F1 by engine in percent, what int8 loses, and how often the engines agree."""
    rows = [
        [engine, percent(c["macro_f1"]), *(percent(c["rates"][name]["f1"]) for name in "NSVF")]
        for engine, c in data["engines"].items()
    ]
    lost = ", ".join(f"{engine} {x:.2f}" for engine, x in data["macro_f1_drop_points"].items())
    agree = [[engines, percent(share)] for engines, share in data["agreement"].items()]
    return (
        table(["F1, %", "macro (N, S, V)", *"NSVF"], rows)
        + f"\n\nMacro-F1 lost against float, points: {lost}\n\n"
        + table(["final labels that agree", "%"], agree)
    )
