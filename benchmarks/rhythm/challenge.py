"""What `edge-bench rhythm --set cinc2017` prints: fibrillation by record."""

from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.play import events, on_all_cores
from benchmarks.report import Report, defined, model_name
from benchmarks.rhythm.played import AF, ALARMS, Watched, collect
from benchmarks.tables import percent, table
from edge.bundle import Bundle
from train.data import cinc2017
from train.data.mitdb import require
from train.metrics.ec57 import Rates


def challenge(folder: Path, *, model: str) -> Report:
    """The records of cinc2017: is fibrillation alarmed where the annotators say A, and only there?

    The limits were chosen on records with even numbers, so both halves are told. RecordError where
    one is missing or damaged.
    """
    require(folder)
    reference = cinc2017.read_reference(folder)
    paths = [folder / record for record in reference]
    played = on_all_cores(partial(_challenge_watched, model=model), paths)
    halves = {
        "odd": [w for w in played if int(w.record[1:]) % 2],
        "even, chosen on": [w for w in played if not int(w.record[1:]) % 2],
    }
    rows: list[list[str]] = []
    data: dict[str, dict[str, Any]] = {}
    for name, half in halves.items():
        counts = {
            kind: [bool(w.alarms[AF]) for w in half if reference[w.record] == kind]
            for kind in cinc2017.CLASSES
        }
        said = {kind: sum(alarmed) for kind, alarmed in counts.items()}
        rates = Rates(said["A"], len(counts["A"]) - said["A"], said["N"] + said["O"])
        cells = [f"{said[kind]} of {len(counts[kind])}" for kind in cinc2017.CLASSES]
        rows.append([name, *cells, *map(percent, (rates.se, rates.ppv, rates.f1))])
        sinus = [w for w in half if reference[w.record] == "N"]
        hours = sum(w.seconds for w in sinus) / 3600
        data[name] = {
            "alarmed": {k: {"records": len(counts[k]), "alarmed": said[k]} for k in counts},
            "se": defined(rates.se),
            "ppv": defined(rates.ppv),
            "f1": defined(rates.f1),
            "sinus_hours": round(hours, 4),
            "alarms_in_sinus": {a: sum(len(w.alarms[a]) for w in sinus) for a in ALARMS},
        }
    bundle = Bundle.load(model).manifest
    sinus_rows = [
        [alarm, *(str(half["alarms_in_sinus"][alarm]) for half in data.values())]
        for alarm in ALARMS
    ]
    hours_text = ", ".join(f"{half['sinus_hours']:.2f} h {name}" for name, half in data.items())
    header = ["records", "A", "N", "O", "~ (left out)", "Se", "+P", "F1"]
    text = [
        f"{len(played)} records of cinc2017; model {model_name(bundle)}",
        f"Records in which fibrillation is alarmed, of each class\n{table(header, rows)}",
        f"Alarms in records of class N ({hours_text}); no beat of them is annotated\n"
        + table(["alarm", *data], sinus_rows),
    ]
    protocol = {
        "data": "cinc2017",
        "records": list(reference),
        "model": model_name(bundle),
    }
    return Report("\n\n".join(text), {"protocol": protocol, "parts": data})


def _challenge_watched(path: Path, model: str) -> Watched:
    recording = cinc2017.read_recording(path)
    said = events(recording, model, None)
    return collect(recording.name, len(recording.nv) / recording.fs, said)
