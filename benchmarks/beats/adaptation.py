"""`edge-bench adaptation`: what knowing the patient gives, and how soon another is forgotten."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.beats.counts import f1_data
from benchmarks.beats.observations import Signal, classify, count, observe, read_signal
from benchmarks.beats.protocol import Protocol
from benchmarks.play import on_all_cores
from benchmarks.report import Report, model_name, spread
from benchmarks.tables import percent, table
from edge import replay
from edge.beats import QRS_PART
from edge.bundle import Bundle
from edge.classify import Classifier
from edge.errors import RecordError
from edge.filters import STREAM_FS
from edge.leads import select_leads
from edge.stream import BeatView
from train.data.mitdb import DS1, read_annotations, subject
from train.metrics.ec57 import WINDOW_S, Counts

PERIODS_S: Final = (10, 30, 60, 300)
"""After so long everything that is known of the patient is dropped, again and again."""
SWITCH_S: Final = 300
EDGES_S: Final = (0, 60, 120, 300, 600, 1500)
"""Bounds of the stretches after the switch."""
ARMS: Final = ("own", "nothing", "another's")
SIMILAR: Final = 0.9
"""Correlation of two QRS above which one template is like the other; our choice."""
RULES: Final = f"""\
Everything is causal and without labels. Peaks and signal are the same in all rows, so the same
beats are compared. Above: context and templates are dropped at fixed times, so a row knows the
patient for half its period on average. Below: counted from 5:00, with the patient's own first five
minutes before it, with nothing known at 5:00, and with the first five minutes of another patient
(of DS1) in the place of their own. A template is similar from the first beat at which its QRS
correlates above {SIMILAR} with that of the own one at the same beat."""


class Adapted(NamedTuple):
    """What was counted of one record."""

    forgetting: list[Counts]
    """By period, the last without."""
    stranger: str
    """Whose five minutes were put before."""
    after: list[tuple[Counts, ...]]
    """By stretch after the switch, by arm."""
    beats_until_similar: list[int | None]
    """Beats after the switch until each lead's dominant template is the patient's; None: never."""


def adaptation(protocol: Protocol, *, model: str) -> Report:
    """F1 with the patient forgotten every so often, and after another patient's minutes.

    RecordError where a record is missing or damaged, BundleError where the bundle is.
    """
    bundle = Bundle.load(model)
    task = partial(_record, protocol=protocol, bundle=bundle)
    records = dict(zip(protocol.records, on_all_cores(task, protocol.paths()), strict=True))
    every = list(records.values())
    forgetting = [
        {"every_s": period, "f1": f1_data(sum((r.forgetting[i] for r in every), Counts()))}
        for i, period in enumerate((*PERIODS_S, None))
    ]
    minutes = [
        {
            "from_s": start,
            "to_s": end,
            "f1": {
                arm: f1_data(sum((r.after[i][k] for r in every), Counts()))
                for k, arm in enumerate(ARMS)
            },
        }
        for i, (start, end) in enumerate(pairwise(EDGES_S))
    ]
    alike = [n for r in every for n in r.beats_until_similar]
    other = [n for n in alike if n]
    name = model_name(bundle.manifest)
    data: dict[str, Any] = {
        "protocol": protocol.data(),
        "model": name,
        "forgetting": forgetting,
        "switch": {
            "at_s": SWITCH_S,
            "strangers": {record: r.stranger for record, r in records.items()},
            "after": minutes,
            "leads": len(alike),
            "alike_at_once": alike.count(0),
            "never_alike": alike.count(None),
            "beats_until_alike": spread(np.array(other, dtype=np.float64)),
        },
    }
    text = [
        f"{protocol.text()}\nmodel {name}, int8; gross",
        forgetting_table(forgetting),
        switch_text(data["switch"]),
        RULES,
    ]
    return Report("\n\n".join(text), data, {"adaptation": data})


def forgetting_table(rows: Sequence[dict[str, Any]]) -> str:
    """F1 in percent by period."""
    return table(
        ["forgotten every", "N F1", "S F1", "V F1", "macro"],
        [
            [f"{r['every_s']} s" if r["every_s"] else "never", *map(percent, r["f1"].values())]
            for r in rows
        ],
    )


def switch_text(switch: dict[str, Any]) -> str:
    """F1 in percent by time since the switch, and how soon templates are the patient's."""
    rows = [
        [
            f"{row['from_s'] / 60:g} to {row['to_s'] / 60:g}",
            *(percent(row["f1"][arm][c]) for c in ("S", "V", "macro") for arm in ARMS),
        ]
        for row in switch["after"]
    ]
    header = [f"{c}, {arm}" for c in ("S", "V", "macro") for arm in ARMS]
    beats = switch["beats_until_alike"]
    return (
        table(["minutes after", *header], rows)
        + f"\ndominant templates of {switch['leads']} leads: the other patient's was similar in "
        f"{switch['alike_at_once']};\nin the others the patient's own was dominant again after "
        f"{beats['median']} beats (median; p95 {beats['p95']}, max {beats['max']}), "
        f"in {switch['never_alike']} never"
    )


def spliced(signal: Signal, stranger: Signal, at: int) -> Signal:
    """A signal with its first `at` stream samples, and the peaks in them, from another's."""
    return Signal(
        signal.record,
        signal.fs,
        np.concatenate([stranger.stream[:at], signal.stream[at:]]),
        [p for p in stranger.peaks if p.decided < at] + [p for p in signal.peaks if p.sample >= at],
        signal.last,
    )


def beats_until_similar(own: Sequence[BeatView], other: Sequence[BeatView]) -> list[int | None]:
    """Of each lead, the first beat, from 0, with a similar dominant template; None without one."""
    a, b = (np.array([v.input.ecg[:, 1, QRS_PART] for v in some]) for some in (own, other))
    a, b = (x - x.mean(axis=2, keepdims=True) for x in (a, b))
    power = (a * a).sum(axis=2) * (b * b).sum(axis=2)
    alike = (a * b).sum(axis=2) > SIMILAR * np.sqrt(power)
    return [int(lead.argmax()) if lead.any() else None for lead in alike.T]


def _record(path: Path, protocol: Protocol, bundle: Bundle) -> Adapted:
    columns = select_leads(replay.read(path).leads, protocol.leads)
    signal, reference = read_signal(path, columns), read_annotations(path)
    if len(signal.stream) <= SWITCH_S * STREAM_FS:
        raise RecordError(f"record {path.name} is no longer than {SWITCH_S} s: choose longer ones")
    other = _stranger(path.name)
    classifier = Classifier(bundle)
    at = int(SWITCH_S * STREAM_FS)

    def finals(played: Signal, forget: Sequence[int] = ()) -> list[BeatView]:
        return [v for v in observe(played, forget=forget) if v.final]

    def counted(
        found: list[BeatView], stretches: Sequence[tuple[float, float]] = ((0.0, np.inf),)
    ) -> list[Counts]:
        observed = classify(signal, found, classifier)
        label = observed.labels(bundle.manifest)
        return [count(observed, label, reference, protocol.class_map, *s) for s in stretches]

    steps = [int(period * STREAM_FS) for period in PERIODS_S]
    own = finals(signal)
    arms = {
        "own": own,
        "nothing": finals(signal, [at]),
        "another's": finals(spliced(signal, read_signal(path.parent / other, columns), at)),
    }
    # From where no beat's R can lie before the switch.
    edges = [SWITCH_S + max(edge, WINDOW_S) for edge in EDGES_S]
    stretches = list(pairwise(edges))
    forgetful = [finals(signal, range(n, len(signal.stream), n)) for n in steps]
    return Adapted(
        [counted(found)[0] for found in (*forgetful, own)],
        other,
        list(zip(*(counted(arms[arm], stretches) for arm in ARMS), strict=True)),
        beats_until_similar(*([v for v in arms[a] if v.r >= at] for a in ("own", "another's"))),
    )


def _stranger(record: str) -> str:
    """A record of DS1 that is of another person: the next one where the record is in DS1 itself."""
    start = DS1.index(record) + 1 if record in DS1 else int(record)
    turned = [DS1[(start + i) % len(DS1)] for i in range(len(DS1))]
    return next(r for r in turned if subject(r) != subject(record))
