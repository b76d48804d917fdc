"""`edge-bench score`: the device's beats against the reference annotations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from benchmarks.beats.counts import (
    confusion_table,
    counts_data,
    rates_table,
    record_table,
    set_data,
)
from benchmarks.beats.protocol import MAPS, Protocol, compare_all
from benchmarks.play import Engine, Played, collect, events, on_all_cores, play
from benchmarks.report import Leads, Report, model_name, spread
from benchmarks.sets import STARTS
from benchmarks.tables import percent, table
from edge import replay
from edge.bundle import ONNX, TFLITE, Bundle
from edge.classify import Backend, Classifier
from edge.errors import RecordError
from train.data.mitdb import require_within
from train.data.own import Own
from train.metrics.aami import CLASS_MAPS, CLASSES, ClassMap
from train.metrics.ec57 import Counts

RULES: Final = """\
Gross pools the beats; avg is the mean of the records where a rate is defined. A beat named U is
detected, and a miss of its class. VEB and SVEB are counted as bxb does: V on a reference F or Q,
and S on a reference Q, are no false positives (sumstats leaves out S on F too). In the rows N to F
every wrong claim is one, extra beats' too."""


def score(
    protocol: Protocol,
    *,
    model: str,
    backend: Backend | None = None,
    starts: Sequence[int] = tuple(STARTS),
    own: Own | None = None,
) -> Report:
    """Play records through the monitor and compare their final labels.

    Details are those of the first of `starts`; of the others only the rates. Of a laboratory's
    `own` records those that cannot be read are left out and named; RecordError where none can.
    """
    bundle = Bundle.load(model)
    used = Classifier(bundle, backend).backend
    file = TFLITE if used == "litert" else ONNX
    sha256 = bundle.manifest.files[file].sha256
    notes: list[str] = []
    if own:
        tried = on_all_cores(
            partial(_tried, own=own, leads=protocol.leads, model=model, engine=used),
            protocol.records,
        )
        played = [record for record in tried if isinstance(record, Played)]
        lost = [record for record in tried if isinstance(record, str)]
        if not played:
            raise RecordError(f"none of {len(lost)} records can be scored; {lost[0]}")
        protocol = replace(protocol, records=[record.record for record in played])
        notes = [*own.told, *_strange(own, protocol.records)]
        notes += [f"left out, {len(lost)} of {len(tried)}: {sentence}" for sentence in lost]
    else:
        task = partial(play, leads=protocol.leads, model=model, engine=used)
        played = on_all_cores(task, protocol.paths())
    results = {start: compare_all(played, protocol, start) for start in starts}
    other = replace(protocol, class_map="bxb" if protocol.class_map == "papers" else "papers")
    by_other = {
        start: sum(compare_all(played, other, start).values(), Counts()) for start in starts
    }
    first = results[starts[0]]
    labels = _labels(played)
    name = model_name(bundle.manifest)
    text = [
        f"{protocol.text()}\nmodel {name}: int8 {file} (SHA-256 {sha256[:12]}) on {used}",
        f"Beats, from {STARTS[starts[0]]}\n{confusion_table(sum(first.values(), Counts()))}",
        *(f"%, from {STARTS[start]}\n{rates_table(result)}" for start, result in results.items()),
        f"F1 under class map {other.class_map}: {MAPS[other.class_map]}\n{_f1_table(by_other)}",
        RULES,
        f"%, from {STARTS[starts[0]]}\n{record_table(first)}",
        _labels_text(labels),
    ]
    if own:
        text.insert(1, "\n".join([_map_text(protocol.class_map), *notes]))
    data = {
        "protocol": protocol.data(),
        "model": {"name": name, "file": file, "sha256": sha256, "backend": used},
        "from": {str(start): set_data(result) for start, result in results.items()},
        "other_map": {
            "class_map": other.class_map,
            "from": {str(start): counts_data(gross) for start, gross in by_other.items()},
        },
        "labels": labels,
    } | ({"notes": notes} if own else {})
    return Report("\n\n".join(text), data, _kept(data))


def _tried(name: str, *, own: Own, leads: Leads, model: str, engine: Engine | None) -> Played | str:
    """One of the own records, or why it cannot be scored."""
    try:
        recording = replay.read(own.folder / name, leads)
        require_within(own.beats(name).at(recording.fs), recording)
        said = events(recording, model, engine)
    except RecordError as error:
        return f"{name}: {error}"
    return collect(name, recording.fs, said)


def _strange(own: Own, records: Sequence[str]) -> list[str]:
    """Sentences on annotations whose symbols are not WFDB's."""
    found = [(name, own.strange(name)) for name in records]
    return [
        f"{name}: marks that WFDB does not know are taken for no beats: "
        + ", ".join(f"{symbol} ({n})" for symbol, n in sorted(strange.items()))
        for name, strange in found
        if strange
    ]


def _map_text(class_map: ClassMap) -> str:
    """Which of WFDB's symbols are of which class."""
    table = CLASS_MAPS[class_map]
    of = {name: " ".join(s for s, known in table.items() if known == name) for name in CLASSES}
    known = ", ".join(f"{name} of {symbols}" for name, symbols in of.items())
    return f"reference: {known}; every other mark is no beat"


def _kept(of: dict[str, Any]) -> dict[str, Any]:
    """What a bundle keeps of a score: its protocol, gross figures, and confusions by record."""
    records = next(iter(of["from"].values()))["records"]
    return {
        "protocol": of["protocol"],
        **{f"from {start} s": found["gross"] for start, found in of["from"].items()},
        "other map": {
            "class_map": of["other_map"]["class_map"],
            **{f"from {start} s": gross for start, gross in of["other_map"]["from"].items()},
        },
        "records": {
            record: {
                "confusion": [list(row.values()) for row in found["confusion"].values()],
                "jitter_ms": found["jitter_ms"],
            }
            for record, found in records.items()
        },
        "labels": of["labels"],
    }


def _f1_table(gross: Mapping[int, Counts]) -> str:
    rows = [
        [STARTS[start], *(percent(c.of(name).f1) for name in "NSVF"), percent(c.macro_f1)]
        for start, c in gross.items()
    ]
    return table(["gross, from", *"NSVF", "macro (N, S, V)"], rows)


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
