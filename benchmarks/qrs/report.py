"""The figures of `edge-bench qrs` as tables and as plain data."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.qrs.compare import OURS, Protocol, measure, result_data
from benchmarks.qrs.cost import ns_per_sample
from benchmarks.qrs.peers import PEERS
from benchmarks.remade import AFTER_S, BEFORE_S
from benchmarks.report import Report, leads_data, leads_text
from benchmarks.sets import EM_MODEL, STARTS, Condition, read_case
from benchmarks.tables import digits, percent, table
from train.data.nstdb import modelled
from train.metrics.aami import CLASSES
from train.metrics.ec57 import WINDOW_S

_NOISE: Final = """\
Noise of nstdb as nst adds it: clean to 5:00, then two minutes with noise and two without in turn;
signal power from the first 300 normal QRS complexes, noise power from the first 300 s. "all"
counts noisy and clean minutes, from 5:00 as EC57 does; "noisy" the minutes with noise alone."""
_RATES: Final = f"""\
Five minutes of each record, remade with its own beats to another rate. What lies from
{BEFORE_S:g} s before R to {AFTER_S:g} s after it is kept. To be faster, the rest of the interval
(T, pause, P) is squeezed in time; to be slower, T and P are kept too and the pause between them
drawn out, its noise gone through to and fro. Left out are intervals with fibrillation or noise
marks, and those without a pause to draw out."""
_SUDDEN: Final = "The first half keeps the rate that it has; counted is the second."
_TOLERANCE: Final = """\
Marks of nobody lie on one point of a QRS: with a narrow window this compares habits (offset)."""
_LUDB: Final = """\
Each lead has marks of its own, and the first lead's are taken. They leave out beats at the ends of
a record, so counted is what lies from 150 ms before the first mark to 150 ms after the last."""
_COLUMNS: Final = """\
Gross pools the beats; avg is the mean of the records where a rate is defined. shift is taken off
a peer's marks before they are compared: its median distance from the reference on DS1 where that
helps it. offset is the median distance that is left, in a window of 300 ms."""


def report(protocol: Protocol, *, timing: bool) -> Report:
    """Detection under every condition and, on request, what it costs on the first record."""
    results = measure(protocol)
    runs: list[dict[str, Any]] = [
        {
            "noise": condition.noise,
            "snr_db": None if condition.noise is None else condition.snr_db,
            "rate": condition.rate,
            "sudden": condition.sudden,
            "detectors": result_data(protocol, result),
        }
        for condition, result in results.items()
    ]
    data: dict[str, Any] = {"protocol": _protocol_data(protocol), "runs": runs}
    text = [_protocol_text(protocol)]
    remade = [run for run in runs if run["rate"] is not None]
    if remade:
        text += ["== rates", *_rate_tables(remade)]
    for condition, run in zip(results, runs, strict=True):
        if run["rate"] is None:
            model = " (model)" if run["noise"] == "em" and _em_is_a_model(protocol) else ""
            text += [f"== {condition}{model}", *_run_text(run["detectors"])]
    if timing:
        record = protocol.data.records[0]
        case = read_case(protocol.data, record, protocol.leads, 0, Condition())
        costs = ns_per_sample(case, protocol.peers)
        data["ns_per_sample"] = {"record": record, **costs}
        text += ["== time", _speed_text(record, costs)]
    return Report("\n\n".join(text), data)


def _protocol_data(protocol: Protocol) -> dict[str, Any]:
    return {
        "data": protocol.data.name,
        "records": list(protocol.data.records),
        "leads": leads_data(protocol.leads),
        "window_ms": round(WINDOW_S * 1000),
        "start_s": protocol.start_s,
        "tolerances_ms": [*protocol.tolerances_ms],
        "em_is_a_model": _em_is_a_model(protocol),
        "peers": {name: PEERS[name].package for name in protocol.peers},
    }


def _protocol_text(protocol: Protocol) -> str:
    lines = [
        f"{len(protocol.data.records)} records of {protocol.data.name}, "
        f"{leads_text(protocol.leads)}, match window {WINDOW_S * 1000:.0f} ms, "
        f"from {STARTS[protocol.start_s]}",
        _COLUMNS,
    ]
    if len(protocol.leads) > 1:
        lines.insert(1, f"The peers are given lead {protocol.leads[0]}.")
    if protocol.data.name == "ludb":
        lines.append(_LUDB)
    if any(condition.noise for condition in protocol.conditions):
        lines.append(_NOISE)
    if _em_is_a_model(protocol):
        lines.append(EM_MODEL)
    if any(condition.rate for condition in protocol.conditions):
        lines.append(_RATES)
        sudden = any(condition.sudden for condition in protocol.conditions)
        lines.append(_SUDDEN if sudden else "Counted is all of it, from 0:00.")
    return "\n".join(lines)


def _run_text(detectors: Mapping[str, Any]) -> list[str]:
    ours = detectors[OURS]
    delay = ours["decision_delay_ms"]
    text = [_gross_table(detectors, span) for span in ours["counted"]]
    text.append(_type_table(detectors))
    if ours["tolerances"]:
        text.append(_tolerance_table(detectors))
    text += [
        table(["edge, ms of signal after R", *delay], [["decision", *map(digits, delay.values())]])
        + f"\nfound by searchback: {percent(ours['found_by_searchback'])} %",
        _usable_table(ours["usable"]),
    ]
    for name, detector in detectors.items():
        for reason in dict.fromkeys(detector["failures"].values()):
            records = [record for record, why in detector["failures"].items() if why == reason]
            text.append(f"{name}, counted as finding nothing on {', '.join(records)}: {reason}")
    return [*text, _record_table(detectors)]


def _gross_table(detectors: Mapping[str, Any], span: str) -> str:
    rows = []
    for part in detectors[OURS]["counted"][span]["parts"]:
        for name, detector in detectors.items():
            summary = detector["counted"][span]["parts"][part]
            gross, average = summary["gross"], summary["average"]
            rates = [percent(f[rate]) for f in (gross, average) for rate in ("se", "ppv", "f1")]
            counts = [str(gross[count]) for count in ("tp", "fn", "fp")]
            moved = [digits(detector[key]) for key in ("shift_ms", "offset_ms")]
            if part != "all":
                moved = ["", ""]  # they are told once
            rows.append([f"{part} {name}", *rates, *counts, digits(gross["jitter_ms"]), *moved])
    header = [f"{span}, %", "Se", "+P", "F1", "Se avg", "+P avg", "F1 avg", "TP", "FN", "FP"]
    return table([*header, "jitter ms", "shift ms", "offset ms"], rows)


def _rate_tables(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A row a detector, a column a rate: Se / +P, F1, and our Se by class."""
    gross = [
        {name: d["counted"]["all"]["parts"]["all"]["gross"] for name, d in run["detectors"].items()}
        for run in runs
    ]
    rates = [f"{run['rate']:g}/min" for run in runs]
    names = list(gross[0])
    both = [
        [n, *(" / ".join(percent(g[n][r]) for r in ("se", "ppv")) for g in gross)] for n in names
    ]
    f1 = [[n, *(percent(g[n]["f1"]) for g in gross)] for n in names]
    beats = ["beats", *(str(g[OURS]["tp"] + g[OURS]["fn"]) for g in gross)]
    ours = [run["detectors"][OURS]["types"]["classes"] for run in runs]
    classes = [name for name in CLASSES if any(name in of for of in ours)]
    se = [[name, *(percent(of.get(name, {}).get("se")) for of in ours)] for name in classes]
    return [
        table(["Se / +P, %", *rates], [*both, beats]),
        table(["F1, %", *rates], f1),
        table([f"{OURS}, Se by class, %", *rates], se),
    ]


def _type_table(detectors: Mapping[str, Any]) -> str:
    """Se by the class of the beat, and by its symbol."""
    types = {name: detector["types"] for name, detector in detectors.items()}
    kinds = [(what, kind) for what in ("classes", "symbols") for kind in types[OURS][what]]
    counts = [types[OURS][what][kind] for what, kind in kinds]
    rows = [["beats", *(str(c["tp"] + c["fn"]) for c in counts)]]
    for name, of in types.items():
        rows.append([name, *(percent(of[what][kind]["se"]) for what, kind in kinds)])
    heads = [kind if what == "classes" else f"'{kind}'" for what, kind in kinds]
    return table(["Se by class, by 'symbol', %", *heads], rows)


def _tolerance_table(detectors: Mapping[str, Any]) -> str:
    """F1 with each match window."""
    header = [f"{ms} ms" for ms in detectors[OURS]["tolerances"]]
    rows = [
        [name, *(percent(rates["f1"]) for rates in detector["tolerances"].values())]
        for name, detector in detectors.items()
    ]
    return table(["F1 with a window of, %", *header], rows) + f"\n{_TOLERANCE}"


def _em_is_a_model(protocol: Protocol) -> bool:
    folder = protocol.data.folder.parent / "nstdb"
    return any(c.noise == "em" and modelled(folder, "em") for c in protocol.conditions)


def _usable_table(usable: Mapping[str, Any]) -> str:
    rows = [
        [f"{span}, {part}", *(percent(summary["gross"][rate]) for rate in ("ppv", "se"))]
        for span, counted in usable.items()
        for part, summary in counted["parts"].items()
    ]
    return table(["edge, usable peaks alone, %", "+P", "of the beats"], rows)


def _record_table(detectors: Mapping[str, Any]) -> str:
    """A row a record, counted in all of it: our detector, and the F1 of the others."""
    records = {name: d["counted"]["all"]["records"] for name, d in detectors.items()}
    rows = []
    for record, r in records[OURS].items():
        ours = [str(r["tp"] + r["fn"]), str(r["fn"]), str(r["fp"])]
        rates = [percent(r[rate]) for rate in ("se", "ppv", "f1")]
        theirs = [percent(r[record]["f1"]) for name, r in records.items() if name != OURS]
        rows.append([record, *ours, *rates, digits(r["jitter_ms"]), *theirs])
    names = [f"{name} F1" for name in detectors if name != OURS]
    header = ["record", "beats", "missed", "extra", "Se", "+P", "F1", "jitter ms"]
    return table([*header, *names], rows)


def _speed_text(record: str, costs: Mapping[str, Any]) -> str:
    ns: dict[str, float] = costs["median_ns"]
    sleepecg = ns.get("sleepecg")
    rows = [
        [name, digits(cost), "-" if sleepecg is None else f"{cost / sleepecg:.2f}"]
        for name, cost in ns.items()
    ]
    return (
        f"record {record}, one core, median of {costs['repeats']}; ours in chunks of so many "
        f"samples, at most {costs['chunks']} of them\n"
        + table(["ns a sample", "", "of sleepecg's"], rows)
    )
