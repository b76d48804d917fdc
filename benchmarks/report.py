"""What a benchmark returns, and plain data for it: numbers that JSON can hold."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Manifest
from train.metrics.ec57 import Rates

Leads = Sequence[str | int] | None
"""Leads by name or index; None for all there are."""


class Report(NamedTuple):
    """What a benchmark found: for people, and for programs."""

    text: str
    data: dict[str, Any]
    kept: Mapping[str, Any] = {}
    """What a bundle's manifest may keep of it."""


def leads_text(leads: Leads) -> str:
    """Which leads, in words."""
    return "all leads" if leads is None else f"lead {', '.join(map(str, leads))}"


def leads_data(leads: Leads) -> str | list[str]:
    """Which leads, as plain data: "all", or their names and indices."""
    return "all" if leads is None else [str(lead) for lead in leads]


def model_name(manifest: Manifest) -> str:
    """A bundle's name and version."""
    return f"{manifest.name} {manifest.version}"


def rates_data(rates: Rates) -> dict[str, float | int | None]:
    """Counts and rates as plain data; None where a rate is undefined."""
    shares = {"se": rates.se, "ppv": rates.ppv, "f1": rates.f1}
    return {
        **rates._asdict(),
        **{name: defined(share) for name, share in shares.items()},
    }


def spread(values: NDArray[np.float64]) -> dict[str, float | None]:
    """Median, 95th percentile and maximum of [n] values; None where there are none."""
    if not len(values):
        return {"median": None, "p95": None, "max": None}
    return {
        "median": round(float(np.median(values)), 1),
        "p95": round(float(np.percentile(values, 95)), 1),
        "max": round(float(values.max()), 1),
    }


def defined(value: float) -> float | None:
    """A number for JSON, with six digits; None where it is NaN: undefined."""
    return None if math.isnan(value) else round(value, 6)
