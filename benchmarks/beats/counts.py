"""Counts of beats by class as tables and as plain data."""

from collections.abc import Mapping
from typing import Any

from benchmarks.report import defined, rates_data
from benchmarks.tables import digits, percent, table
from train.metrics.ec57 import REFERENCE_ROWS, TEST_COLUMNS, Counts, Rates, average


def rates_by_name(counts: Counts) -> dict[str, Rates]:
    """Every rate that is printed, by its name, QRS first."""
    return {
        "QRS": counts.qrs,
        "VEB (EC57)": counts.veb,
        "SVEB (EC57)": counts.sveb,
        **{name: counts.of(name) for name in "NSVF"},
    }


def confusion_table(counts: Counts) -> str:
    """Beats: reference classes down, test labels across."""
    header = ["reference", *TEST_COLUMNS[:-1], "missed"]
    rows = [
        ["extra" if name == "O" else name, *(str(n) for n in row)]
        for name, row in zip(REFERENCE_ROWS, counts.confusion.tolist(), strict=True)
    ]
    rows[-1][-1] = "-"
    return table(header, rows)


def rates_table(records: Mapping[str, Counts]) -> str:
    """Gross (pooled beats) and average (mean of the records where it is defined), in percent."""
    gross = sum(records.values(), Counts())
    each = [rates_by_name(counts) for counts in records.values()]
    rows = []
    for name, rates in rates_by_name(gross).items():
        mean = [average(getattr(f[name], part) for f in each) for part in ("se", "ppv", "f1")]
        rows.append([name, *map(percent, (rates.se, rates.ppv, rates.f1, *mean)), *map(str, rates)])
    rows.append(["macro-F1 of N, S, V", "", "", percent(gross.macro_f1), *[""] * 6])
    return table(
        ["gross, average", "Se", "+P", "F1", "Se avg", "+P avg", "F1 avg", "TP", "FN", "FP"], rows
    )


def record_table(records: Mapping[str, Counts]) -> str:
    """A row a record: Se and +P in percent, matched peaks' jitter in ms."""
    rows = []
    for record, counts in records.items():
        rates = [counts.qrs, *(counts.of(name) for name in "NSVF")]
        shares = [percent(share) for r in rates for share in (r.se, r.ppv)]
        qrs = counts.qrs
        found = [str(qrs.tp + qrs.fn), str(qrs.fn), str(qrs.fp), str(counts.unknown)]
        rows.append([record, *found, *shares, digits(counts.jitter_ms)])
    names = [f"{name} {part}" for name in ("QRS", *"NSVF") for part in ("Se", "+P")]
    return table(["record", "beats", "missed", "extra", "U", *names, "jitter"], rows)


def counts_data(counts: Counts) -> dict[str, Any]:
    """One record's counts, or a gross, as plain data."""
    return {
        "confusion": {
            row: dict(zip(TEST_COLUMNS, values, strict=True))
            for row, values in zip(REFERENCE_ROWS, counts.confusion.tolist(), strict=True)
        },
        "rates": {name: rates_data(rates) for name, rates in rates_by_name(counts).items()},
        "macro_f1": defined(counts.macro_f1),
        "jitter_ms": defined(counts.jitter_ms),
    }


def f1_data(counts: Counts) -> dict[str, float | None]:
    """F1 of N, S, V and their mean as plain data."""
    by_class = {name: defined(counts.of(name).f1) for name in "NSV"}
    return {**by_class, "macro": defined(counts.macro_f1)}


def set_data(records: Mapping[str, Counts]) -> dict[str, Any]:
    """Gross, average and every record as plain data."""
    each = [rates_by_name(counts) for counts in records.values()]
    return {
        "gross": counts_data(sum(records.values(), Counts())),
        "average": {
            name: {
                part: defined(average(getattr(f[name], part) for f in each))
                for part in ("se", "ppv", "f1")
            }
            for name in rates_by_name(Counts())
        },
        "records": {record: counts_data(counts) for record, counts in records.items()},
    }
