"""`edge-bench score --noise`: how well beats are named in noise."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from benchmarks.beats.counts import f1_data
from benchmarks.beats.observations import classify, count, detect, observe
from benchmarks.beats.protocol import Protocol
from benchmarks.play import on_all_cores
from benchmarks.report import Report, defined, model_name
from benchmarks.sets import EM_MODEL, Condition, DataSet, read_case
from benchmarks.tables import percent, table
from edge.bundle import Bundle
from edge.classify import Backend, Classifier
from train.data import nstdb
from train.data.mitdb import read_annotations
from train.metrics.ec57 import Counts

SPANS: Final = ("all", "noisy")
RULES: Final = """\
Noise of nstdb as nst adds it: clean to 5:00, then two minutes with noise and two without in turn.
"all" counts from 5:00, noisy and clean minutes; "noisy" the minutes with noise alone, and in the
clean row the same minutes without. U is the share of the detected beats that is called unknown,
each of them a miss of its class."""


def noise(
    protocol: Protocol,
    conditions: Sequence[Condition],
    *,
    model: str,
    backend: Backend | None = None,
) -> Report:
    """Final labels under every condition, gross.

    RecordError where a record is missing or damaged, BundleError where the bundle is.
    """
    data_set = DataSet(protocol.folder.name, protocol.folder, tuple(protocol.records))
    protocol.paths()
    bundle = Bundle.load(model)
    tasks = [(condition, record) for condition in conditions for record in data_set.records]
    job = partial(_record, data=data_set, protocol=protocol, bundle=bundle, backend=backend)
    found = iter(on_all_cores(job, tasks))
    runs = []
    for condition in conditions:
        records = [next(found) for _ in data_set.records]
        spans = {
            span: _figures(sum((record[span] for record in records), Counts())) for span in SPANS
        }
        snr = None if condition.noise is None else condition.snr_db
        runs.append({"noise": condition.noise, "snr_db": snr, **spans})
    name = model_name(bundle.manifest)
    text = [f"{protocol.text()}\nmodel {name}, int8; gross", runs_table(runs), RULES]
    folder = protocol.folder.parent / "nstdb"
    em_is_a_model = any(c.noise == "em" and nstdb.modelled(folder, "em") for c in conditions)
    if em_is_a_model:
        text.append(EM_MODEL)
    data = {
        "protocol": protocol.data(),
        "model": name,
        "em_is_a_model": em_is_a_model,
        "runs": runs,
    }
    return Report("\n\n".join(text), data, {"noise": data})


def runs_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """A row a condition: F1 and the share of U in percent."""
    rows = []
    for run in runs:
        condition = Condition() if run["noise"] is None else Condition(run["noise"], run["snr_db"])
        shares = [x for s in SPANS for x in (*run[s]["f1"].values(), run[s]["unknown"])]
        rows.append([str(condition), *map(percent, shares)])
    names = [*runs[0]["all"]["f1"], "U"]
    header = [name if span == "all" else f"{name} {span}" for span in SPANS for name in names]
    return table(["F1, %", *header], rows)


def _record(
    task: tuple[Condition, str],
    data: DataSet,
    protocol: Protocol,
    bundle: Bundle,
    backend: Backend | None,
) -> dict[str, Counts]:
    condition, record = task
    case = read_case(data, record, protocol.leads, 0, condition)
    reference = read_annotations(data.folder / record)
    signal = detect(record, case.mv, case.fs)
    observed = classify(signal, observe(signal), Classifier(bundle, backend))
    label = observed.labels(bundle.manifest)
    counted = partial(count, observed, label, reference, protocol.class_map)
    stretches = [(first / case.fs, end / case.fs) for first, end in nstdb.stretches(len(case.mv))]
    return {
        "all": counted(nstdb.CLEAN_S),
        "noisy": sum((counted(*stretch) for stretch in stretches), Counts()),
    }


def _figures(gross: Counts) -> dict[str, Any]:
    found = gross.qrs.tp + gross.qrs.fp
    return {
        "f1": {"QRS": defined(gross.qrs.f1), **f1_data(gross)},
        "unknown": round(gross.unknown / max(found, 1), 6),
    }
