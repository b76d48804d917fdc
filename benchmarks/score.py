"""`edge-bench score`: the device's beats against the reference annotations."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.play import Leads, Played, on_all_cores, play
from benchmarks.report import (
    Report,
    confusion_table,
    rates_table,
    record_table,
    set_data,
    spread,
    table,
)
from edge.bundle import ONNX, TFLITE, Bundle
from edge.classify import Backend, Classifier
from train.data.aami import ClassMap, aami_classes
from train.data.mitdb import read_annotations
from train.evaluation import WINDOW_S, Counts, compare

STARTS: tuple[int, ...] = (0, 300)
"""Seconds from which beats are counted: the record's begin, and EC57's learning period later."""

_MAPS = {"papers": "e, j and n are N", "bxb": "e, j and n are S"}


def score(
    folder: Path,
    records: Sequence[str],
    leads: Leads = None,
    *,
    model: str,
    backend: Backend | None = None,
    class_map: ClassMap = "papers",
    starts: Sequence[int] = STARTS,
) -> Report:
    """Play records of `folder` through the monitor and compare their final labels.

    Details are those of the first of `starts`; of the others only the rates.
    """
    bundle = Bundle.load(model)
    used = Classifier(bundle, backend).backend
    file = TFLITE if used == "litert" else ONNX
    manifest = bundle.manifest
    protocol = {
        "data": folder.name,
        "records": list(records),
        "leads": "all" if leads is None else [str(lead) for lead in leads],
        "peaks": "detected",
        "labels": "final",
        "class_map": class_map,
        "window_ms": round(WINDOW_S * 1000),
        "start_s": list(starts),
        "model": manifest.name,
        "version": manifest.version,
        "sha256": manifest.files[file].sha256,
        "backend": used,
    }
    task = partial(play, leads=leads, model=model, backend=backend)
    played = on_all_cores(task, folder, records)
    results = {start: compare_all(played, folder, class_map, start) for start in starts}
    first = results[starts[0]]
    labels = _labels(played)

    shown = "all leads" if leads is None else f"lead {', '.join(map(str, leads))}"
    parts = [
        f"{len(records)} records of {folder.name}, {shown}; detected peaks, final labels\n"
        f"model {manifest.name} {manifest.version}, {file} (SHA-256 "
        f"{manifest.files[file].sha256[:12]}), on {used}\n"
        f"match window {WINDOW_S * 1000:.0f} ms, map {class_map}: {_MAPS[class_map]}",
        f"Confusion from {clock(starts[0])}, beats\n"
        + confusion_table(sum(first.values(), Counts())),
    ]
    parts += [f"From {clock(start)}, %\n{rates_table(result)}" for start, result in results.items()]
    parts += [f"Records from {clock(starts[0])}, %\n{record_table(first)}", _labels_text(labels)]
    data = {
        "protocol": protocol,
        "from": {str(start): set_data(result) for start, result in results.items()},
        "labels": labels,
    }
    return Report("\n\n".join(parts), data)


def compare_all(
    played: Sequence[Played], folder: Path, class_map: ClassMap, start_s: float
) -> dict[str, Counts]:
    """Each record's final labels against its reference annotations."""
    counts = {}
    for record in played:
        reference = read_annotations(folder / record.record)
        counts[record.record] = compare(
            reference.sample,
            aami_classes(reference.symbol, class_map),
            record.sample,
            record.final,
            record.fs,
            start_s=start_s,
            vf=reference.vf,
        )
    return counts


def clock(seconds: int) -> str:
    """Minutes and seconds of signal."""
    return f"{seconds // 60}:{seconds % 60:02d}"


def _labels(played: Sequence[Played]) -> dict[str, Any]:
    """How often a final label is U or not the provisional one, and when labels come."""
    final = np.concatenate([p.final for p in played])
    provisional = np.concatenate([p.provisional for p in played])
    return {
        "beats": len(final),
        "unknown": int(np.count_nonzero(final == "U")),
        "changed": int(np.count_nonzero(final != provisional)),
        "provisional_delay_ms": spread(np.concatenate([p.provisional_delay_ms for p in played])),
        "final_delay_ms": spread(np.concatenate([p.final_delay_ms for p in played])),
    }


def _labels_text(labels: dict[str, Any]) -> str:
    beats, unknown, changed = labels["beats"], labels["unknown"], labels["changed"]
    delays = [
        [name, *(str(value) for value in labels[f"{name}_delay_ms"].values())]
        for name in ("provisional", "final")
    ]
    share = 100 / max(beats, 1)
    return (
        f"{unknown} of {beats} beats are U ({unknown * share:.2f} %), "
        f"the final label of {changed} is not the provisional one ({changed * share:.2f} %)\n"
        + table(["label, ms of signal after R", "median", "p95", "max"], delays)
    )
