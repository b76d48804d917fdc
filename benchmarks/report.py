"""Figures as text tables and as plain data for JSON."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from train.evaluation import REFERENCE_ROWS, TEST_COLUMNS, Counts, Rates, average

Leads = Sequence[str | int] | None
"""Leads by name or index; None for all there are."""


class Report(NamedTuple):
    """What a benchmark found: for people, and for programs."""

    text: str
    data: dict[str, Any]
    kept: Mapping[str, Any] = {}
    """What a bundle's manifest may keep of it."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their longest cell, the first flush left, the others right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [header, *rows]
    )


def leads_text(leads: Leads) -> str:
    """Which leads, in words."""
    return "all leads" if leads is None else f"lead {', '.join(map(str, leads))}"


def leads_data(leads: Leads) -> str | list[str]:
    """Which leads, as plain data."""
    return "all" if leads is None else [str(lead) for lead in leads]


def percent(value: float) -> str:
    """A share with two digits; `-` where it is undefined."""
    return "-" if math.isnan(value) else f"{100 * value:.2f}"


def shown(share: float | None) -> str:
    """A share of plain data, as `percent`."""
    return percent(math.nan if share is None else share)


def figures(counts: Counts) -> dict[str, Rates]:
    """Every rate that is printed, by its name."""
    return {
        "QRS": counts.qrs,
        "VEB (EC57)": counts.veb,
        "SVEB (EC57)": counts.sveb,
        **{name: counts.of(name) for name in "NSVF"},
    }


def confusion_table(counts: Counts) -> str:
    """Reference classes down, test labels across."""
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
    each = [figures(counts) for counts in records.values()]
    rows = []
    for name, rates in figures(gross).items():
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
        jitter = "-" if math.isnan(counts.jitter_ms) else f"{counts.jitter_ms:.1f}"
        qrs = counts.qrs
        found = [str(qrs.tp + qrs.fn), str(qrs.fn), str(qrs.fp), str(counts.unknown)]
        rows.append([record, *found, *shares, jitter])
    names = [f"{name} {part}" for name in ("QRS", *"NSVF") for part in ("Se", "+P")]
    return table(["record", "beats", "missed", "extra", "U", *names, "jitter"], rows)


def rates_data(rates: Rates) -> dict[str, float | int | None]:
    """Counts and rates as plain data; None where undefined."""
    shares = {"se": rates.se, "ppv": rates.ppv, "f1": rates.f1}
    return {
        **rates._asdict(),
        **{name: defined(share) for name, share in shares.items()},
    }


def counts_data(counts: Counts) -> dict[str, Any]:
    """One record's counts, or a gross, as plain data."""
    return {
        "confusion": {
            row: dict(zip(TEST_COLUMNS, values, strict=True))
            for row, values in zip(REFERENCE_ROWS, counts.confusion.tolist(), strict=True)
        },
        "rates": {name: rates_data(rates) for name, rates in figures(counts).items()},
        "macro_f1": defined(counts.macro_f1),
        "jitter_ms": defined(counts.jitter_ms),
    }


def f1_data(counts: Counts) -> dict[str, float | None]:
    """F1 of N, S, V and their mean as plain data."""
    by_class = {name: defined(counts.of(name).f1) for name in "NSV"}
    return {**by_class, "macro": defined(counts.macro_f1)}


def set_data(records: Mapping[str, Counts]) -> dict[str, Any]:
    """Gross, average and every record as plain data."""
    each = [figures(counts) for counts in records.values()]
    return {
        "gross": counts_data(sum(records.values(), Counts())),
        "average": {
            name: {
                part: defined(average(getattr(f[name], part) for f in each))
                for part in ("se", "ppv", "f1")
            }
            for name in figures(Counts())
        },
        "records": {record: counts_data(counts) for record, counts in records.items()},
    }


def spread(values: NDArray[np.float64]) -> dict[str, float | None]:
    """Median, 95th percentile and maximum; None where there are no values."""
    if not len(values):
        return {"median": None, "p95": None, "max": None}
    return {
        "median": round(float(np.median(values)), 1),
        "p95": round(float(np.percentile(values, 95)), 1),
        "max": round(float(values.max()), 1),
    }


def defined(value: float) -> float | None:
    """A number for JSON; None where it is undefined."""
    return None if math.isnan(value) else round(value, 6)
