"""What `edge-bench rhythm` prints: fibrillation by duration, every alarm, and the false ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, get_args

from benchmarks.play import on_all_cores
from benchmarks.report import Leads, Report, defined, leads_data, leads_text, model_name
from benchmarks.rhythm.played import AF, ALARMS, Watched, watch
from benchmarks.rhythm.reference import MARGIN_S, RATE_ERROR, Reference, read_reference
from benchmarks.rhythm.tallies import CLINICAL_S, Durations, Flutter, Tally, durations, tally
from benchmarks.sets import DataSet
from benchmarks.tables import percent, table
from edge.bundle import Bundle
from edge.events import AlarmName
from train.metrics.ec57 import average

N_ONLY: Final = ("100", "101", "103", "112", "115", "121", "122")
"""Records of mitdb that are sinus rhythm throughout, with next to no ectopic beats."""

_RULES: Final = f"""\
Told: an alarm counts from the sample at which it is given. Dated: from when it says that it holds,
to when it says that it ended. Atrial flutter (AFL) is left out, where nothing else is said.
Reference episodes of the other alarms are read off the annotated beats; an alarm and an episode
belong together if they lie at most {MARGIN_S:g} s apart. An episode is found by a worse alarm of
its chain too: a couplet in bigeminy is told as bigeminy. Ventricular alarms in annotated
ventricular flutter or tachycardia, any alarm in flutter, bi- and trigeminy in annotated one, missed
beats in annotated block, and bradycardia where the mean of four intervals is less than
{RATE_ERROR:g}/min above its limit, are not false. Technical alarms are not scored: nobody
annotated noise."""


@dataclass(frozen=True, slots=True)
class _Result:
    watched: Watched
    reference: Reference


def rhythm(data: DataSet, leads: Leads, *, model: str) -> Report:
    """Play records through the monitor and compare its alarms with the annotated rhythm.

    RecordError where a record is missing or damaged, BundleError where the bundle is.
    """
    task = partial(watch, leads=leads, model=model)
    played = on_all_cores(task, [data.folder / record for record in data.records])
    results = {
        w.record: _Result(w, read_reference(data.folder / w.record, w.seconds)) for w in played
    }
    parts = data.parts()
    if clean := [record for record in data.records if record in N_ONLY and data.name == "mitdb"]:
        parts["N only"] = clean
    grouped = {name: [results[record] for record in part] for name, part in parts.items()}
    bundle = Bundle.load(model).manifest
    protocol = {
        "data": data.name,
        "records": list(data.records),
        "leads": leads_data(leads),
        "model": model_name(bundle),
        "margin_s": MARGIN_S,
    }
    text = [
        f"{len(data.records)} records of {data.name}, {leads_text(leads)}; "
        f"model {protocol['model']}",
        f"Atrial fibrillation, by duration\n{_durations_table(grouped)}",
        f"Atrial fibrillation, by episode\n{_af_episodes_table(grouped)}",
        *(
            f"Alarms, {name}: {_hours(part):.2f} h\n{_alarm_table(part)}"
            for name, part in grouped.items()
        ),
        _RULES,
        f"A record a row: seconds of fibrillation, false alarms\n{_record_table(results)}",
    ]
    figures = {
        "protocol": protocol,
        "parts": {name: _part_data(part) for name, part in grouped.items()},
        "records": {record: _record_data(result) for record, result in results.items()},
    }
    return Report("\n\n".join(text), figures)


def _hours(part: Sequence[_Result]) -> float:
    return sum(result.watched.seconds for result in part) / 3600


def _duration(result: _Result, *, dated: bool, flutter: Flutter = "left out") -> Durations:
    return durations(result.watched, result.reference, dated=dated, flutter=flutter)


def _durations_of(
    part: Sequence[_Result], count: Callable[[_Result], Durations]
) -> tuple[Durations, float, float]:
    """Gross, and the mean of records' Se and +P."""
    each = [count(result) for result in part]
    return (
        sum(each, Durations(0, 0, 0)),
        average(d.se for d in each),
        average(d.ppv for d in each),
    )


def _durations_table(grouped: dict[str, list[_Result]]) -> str:
    rows = []
    for name, part in grouped.items():
        for words, count in _COUNTS.items():
            gross, se, ppv = _durations_of(part, count)
            if not any(gross):
                continue
            shares = map(percent, (gross.se, gross.ppv, se, ppv))
            seconds = (f"{s:.0f}" for s in gross)
            rows.append([f"{name}, {words}", *shares, *seconds])
    return table(["", "Se", "+P", "Se avg", "+P avg", "found s", "missed s", "false s"], rows)


_COUNTS: Final[dict[str, Callable[[_Result], Durations]]] = {
    "told": partial(_duration, dated=False),
    "dated": partial(_duration, dated=True),
    **{
        f"dated, flutter as {kind}": partial(_duration, dated=True, flutter=kind)
        for kind in get_args(Flutter)
        if kind != "left out"
    },
}


def _tally(part: Sequence[_Result], name: AlarmName, least_s: float = 0.0) -> Tally:
    each = (tally(result.watched, result.reference, name, least_s) for result in part)
    return sum(each, Tally(0, 0, 0, 0))


def _af_episodes_table(grouped: dict[str, list[_Result]]) -> str:
    rows = []
    for name, part in grouped.items():
        every, long = _tally(part, AF), _tally(part, AF, CLINICAL_S)
        found = [f"{t.found} of {t.reference}" for t in (every, long)]
        right = f"{every.given - every.false} of {every.given}"
        rows.append(
            [
                name,
                percent(every.se),
                found[0],
                percent(long.se),
                found[1],
                percent(every.ppv),
                right,
            ]
        )
    return table(["", "Se", "found", f"Se from {CLINICAL_S:g} s", "found", "+P", "right"], rows)


def _alarm_table(part: Sequence[_Result]) -> str:
    rows = []
    per_day = 24 / _hours(part)
    for name in ALARMS:
        t = _tally(part, name)
        counts = (t.reference, t.found, t.given, t.false)
        rows.append(
            [name, *map(str, counts), percent(t.se), percent(t.ppv), f"{t.false * per_day:.1f}"]
        )
    false = sum(_tally(part, name).false for name in ALARMS)
    hourly = f"{false * per_day / 24:.2f} an hour"
    rows.append(["all", "", "", "", str(false), "", hourly, f"{false * per_day:.1f}"])
    header = ["alarm", "reference", "found", "given", "false", "Se", "+P", "false in 24 h"]
    return table(header, rows)


def _record_table(results: dict[str, _Result]) -> str:
    rows = []
    for record, result in results.items():
        spent = _duration(result, dated=True)
        seconds = [f"{s:.0f}" if any(spent) else "" for s in spent]
        false = [tally(result.watched, result.reference, name).false for name in ALARMS]
        rows.append([record, *seconds, *(str(n) if n else "" for n in false)])
    short = ["".join(word[0] for word in name.split("_")).upper() for name in ALARMS]
    names = [s if "_" in name else name for s, name in zip(short, ALARMS, strict=True)]
    return table(["record", "found", "missed", "false", *names], rows)


def _part_data(part: Sequence[_Result]) -> dict[str, Any]:
    by_duration = {}
    for words, count in _COUNTS.items():
        gross, se, ppv = _durations_of(part, count)
        by_duration[words] = {
            **{f"{name}_s": round(value, 2) for name, value in gross._asdict().items()},
            "se": defined(gross.se),
            "ppv": defined(gross.ppv),
            "se_average": defined(se),
            "ppv_average": defined(ppv),
        }
    hours = _hours(part)
    tallies = {name: _tally(part, name) for name in ALARMS}
    return {
        "hours": round(hours, 4),
        "fibrillation": by_duration,
        "alarms": {name: _tally_data(t, hours) for name, t in tallies.items()},
        "fibrillation_from_30_s": _tally_data(_tally(part, AF, CLINICAL_S), hours),
        "false_per_hour": round(sum(t.false for t in tallies.values()) / hours, 3),
    }


def _tally_data(t: Tally, hours: float) -> dict[str, float | int | None]:
    return {
        **t._asdict(),
        "se": defined(t.se),
        "ppv": defined(t.ppv),
        "false_per_24_h": round(24 * t.false / hours, 2),
    }


def _record_data(result: _Result) -> dict[str, Any]:
    watched, reference = result.watched, result.reference
    return {
        "seconds": round(watched.seconds, 2),
        "fibrillation": {
            "reference": [list(span) for span in reference.episodes.get(AF, [])],
            "flutter": [list(span) for span in reference.allowed.get(AF, [])],
            "told": [list(episode.told) for episode in watched.alarms[AF]],
            "dated": [list(episode.dated) for episode in watched.alarms[AF]],
        },
        "alarms": {
            name: tally(watched, reference, name)._asdict()
            for name in ALARMS
            if watched.alarms[name] or reference.episodes.get(name)
        },
    }
