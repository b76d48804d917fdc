"""`edge-bench int8`: what quantising costs end to end, and whether the two runtimes agree."""

from functools import partial
from itertools import combinations
from typing import Final

import numpy as np

from benchmarks.play import Engine, on_all_cores, play
from benchmarks.report import Report, counts_data, defined, percent, table
from benchmarks.score import STARTS, Protocol, compare_all
from edge.bundle import Bundle
from train.evaluation import Counts

ENGINES: Final[tuple[Engine, ...]] = ("float", "litert", "onnx")
"""The float ONNX model, and the int8 one on each runtime."""


def int8(protocol: Protocol, *, model: str, start_s: int = 0) -> Report:
    """The same peaks named by each engine, and the engines compared beat by beat."""
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
    name = f"{bundle.manifest.name} {bundle.manifest.version}"
    rows = [
        [engine, percent(c.macro_f1), *(percent(c.of(name).f1) for name in "NSVF")]
        for engine, c in gross.items()
    ]
    text = [
        f"{protocol.text()}\nmodel {name}; gross, from {STARTS[start_s]}",
        table(["F1, %", "macro (N, S, V)", *"NSVF"], rows),
        "Macro-F1 lost against float, points: "
        + ", ".join(f"{engine} {points:.2f}" for engine, points in drop.items()),
        table(["final labels that agree", "%"], [[k, percent(v)] for k, v in agreement.items()]),
    ]
    data = {
        "protocol": protocol.data(),
        "model": name,
        "start_s": start_s,
        "engines": {engine: counts_data(c) for engine, c in gross.items()},
        "macro_f1_drop_points": {engine: defined(points) for engine, points in drop.items()},
        "agreement": agreement,
    }
    return Report("\n\n".join(text), data)
