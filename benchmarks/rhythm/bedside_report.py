"""What `edge-bench alarms` prints: each kind of bedside alarm, and every record."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.play import on_all_cores
from benchmarks.report import Leads, Report, defined, leads_data, leads_text, model_name, spread
from benchmarks.rhythm.bedside import IMPLYING, Judged, Verdicts, judge, verdicts
from benchmarks.tables import digits, percent, table
from edge.bundle import Bundle
from train.data.cinc2015 import EVENT_S, KINDS, read_alarms

_RULES: Final = f"""\
In real time: each record is played to 5:00, where the bedside monitor alarmed, and no further. Our
answer is "true" if an alarm that implies the bedside monitor's is on at some moment of the
{EVENT_S:g} s before, counted from when it is told to when its end is told:
{{}}
Score: 100 (TP + TN) / (TP + TN + FP + 5 FN). Delay: seconds from the event's beginning, by our own
dating (nobody has annotated it), to our alarm, where both alarms are true."""


def alarms(folder: Path, leads: Leads, *, model: str) -> Report:
    """Play the records of cinc2015 through the monitor and compare its alarms with the bedside's.

    RecordError where a record, or the list of them, is missing or damaged.
    """
    task = partial(judge, folder=folder, leads=leads, model=model)
    judged = on_all_cores(task, read_alarms(folder))
    bundle = Bundle.load(model).manifest
    named = model_name(bundle)
    parts: dict[str, list[Judged]] = {}
    for kind in KINDS:
        if part := [j for j in judged if j.bedside.kind == kind]:
            parts[kind] = part
    parts["all"] = judged
    implied = "\n".join(f"  {kind}: {', '.join(names)}" for kind, names in IMPLYING.items())
    text = [
        f"{len(judged)} records of cinc2015, {leads_text(leads)}; model {named}",
        _kinds_table(parts),
        _RULES.format(implied),
        f"True alarms that are missed, false ones that are given too\n{_errors_table(judged)}",
    ]
    figures = {
        "protocol": {
            "data": "cinc2015",
            "records": len(judged),
            "leads": leads_data(leads),
            "model": named,
            "window_s": EVENT_S,
            "implying": {kind: list(names) for kind, names in IMPLYING.items()},
        },
        "kinds": {kind: _part_data(part) for kind, part in parts.items()},
        "records": {j.bedside.record: _record_data(j) for j in judged},
    }
    return Report("\n\n".join(text), figures)


def _kinds_table(parts: dict[str, list[Judged]]) -> str:
    rows = []
    for kind, part in parts.items():
        v = verdicts(part)
        late = _delays(part)
        delays = [digits(late[name]) for name in ("median", "p95")]
        rows.append(
            [
                kind,
                *(str(v.tp + v.fn), str(v.tp), percent(v.tpr)),
                *(str(v.fp + v.tn), str(v.fp), percent(v.tnr)),
                f"{v.score:.1f}",
                *delays,
            ]
        )
    header = ["alarm", "true", "found", "TPR", "false", "given", "TNR", "score", "delay s", "95 %"]
    return table(header, rows)


def _delays(part: Sequence[Judged]) -> dict[str, float | None]:
    return spread(np.array([j.delay_s for j in part if j.bedside.true and j.answer]))


def _errors_table(judged: Sequence[Judged]) -> str:
    rows = [
        [
            j.bedside.record,
            j.bedside.kind,
            "missed" if j.bedside.true else "false",
            ", ".join(f"{a.name} {a.told:.1f}" for a in j.on) or "nothing",
        ]
        for j in judged
        if j.bedside.true != (j.answer is not None)
    ]
    return table(["record", "bedside", "", "ours, told at"], rows)


def _part_data(part: Sequence[Judged]) -> dict[str, Any]:
    v: Verdicts = verdicts(part)
    return {
        **v._asdict(),
        "tpr": defined(v.tpr),
        "tnr": defined(v.tnr),
        "score": defined(v.score),
        "delay_s": _delays(part),
    }


def _record_data(j: Judged) -> dict[str, Any]:
    return {
        "block": j.bedside.block,
        "kind": j.bedside.kind,
        "true": j.bedside.true,
        "alarmed": j.answer is not None,
        "delay_s": defined(j.delay_s),
        "on": [alarm._asdict() for alarm in j.on],
    }
