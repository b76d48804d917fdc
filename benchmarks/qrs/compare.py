"""`edge-bench qrs`: our detector and known ones, same samples, same comparison."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.play import on_all_cores
from benchmarks.qrs import peers
from benchmarks.report import defined, rates_data, spread
from benchmarks.sets import Case, Condition, DataSet, Span, read_case
from edge.qrs import USABLE, Peak, QrsDetector
from train.metrics.aami import CLASS_MAPS, CLASSES
from train.metrics.ec57 import WINDOW_S, Rates, average, match

OURS: Final = "edge"
WIDE_S: Final = 0.3
"""Window in which a detector's constant distance from the reference is measured."""

Index = NDArray[np.int64]


class Protocol(NamedTuple):
    """What is compared."""

    data: DataSet
    leads: Sequence[str]
    """Ours is given all of them, the peers the first."""
    start_s: int
    conditions: Sequence[Condition]
    peers: Sequence[str]
    tolerances_ms: Sequence[float] = ()
    """Match windows that are tried besides the usual one."""


class Tally(NamedTuple):
    """What was counted of one detector; tallies of records add up to their gross."""

    rates: Rates = Rates(0, 0, 0)
    squared_ms: float = 0.0
    """Sum over matched beats of (found minus reference time) squared, in ms²."""

    @property
    def jitter_ms(self) -> float:
        """Root mean square distance of matched beats from their reference; NaN without any."""
        return float(np.sqrt(self.squared_ms / self.rates.tp)) if self.rates.tp else np.nan


class Found(NamedTuple):
    """One detector on one record."""

    tallies: dict[str, Tally]
    """By the name of the case's spans."""
    offset_ms: NDArray[np.float64]
    """Signed distance of each beat matched in the wide window, [n]."""
    symbols: dict[str, Rates]
    """Found and missed by the symbol of the beat, in the span `all`; none has extra ones."""
    tolerances: tuple[Tally, ...]
    """In the span `all`, with each of the protocol's match windows."""
    failure: str | None = None


class Result(NamedTuple):
    """Every detector on one record under one condition."""

    found: dict[str, Found]
    usable: dict[str, Tally]
    """Of our peaks on signal that can be judged alone, by span; their Se is the coverage."""
    delay_ms: NDArray[np.float64]
    """Signal time from each of our peaks to its decision, [n]."""
    back: int
    """Those of our peaks that were found by searchback."""


def detected(mv: NDArray[np.floating], fs: float) -> list[Peak]:
    """R peaks that our streaming detector finds in one lead, [n], or several, [n, leads]."""
    detector = QrsDetector(fs, 1 if mv.ndim == 1 else mv.shape[1])
    return detector.push(mv) + detector.flush()


def measure(protocol: Protocol) -> dict[Condition, dict[str, Result]]:
    """Each record's result under each condition; RecordError where one cannot be read."""
    records = protocol.data.records
    tasks = [(condition, record) for condition in protocol.conditions for record in records]
    results = iter(on_all_cores(partial(_compare, protocol=protocol), tasks))
    return {c: {record: next(results) for record in records} for c in protocol.conditions}


def tally(case: Case, found: Index, window_s: float = WINDOW_S) -> dict[str, Tally]:
    """Counts ascending test beats, [n] samples, against a case's, by the name of its spans.

    As `train.metrics.ec57.compare` does.
    """
    pairs = match(case.beats, found, int(window_s * case.fs + 0.5))
    paired = pairs >= 0
    alone = np.ones(len(found), dtype=bool)
    alone[pairs[paired]] = False
    for first, last in case.vf:
        alone &= (found < first) | (found > last)
    tallies = {}
    for name, spans in case.spans.items():
        counted = _inside(case.beats, spans)
        hit = counted & paired
        error_ms = (found[pairs[hit]] - case.beats[hit]) * (1000 / case.fs)
        extra = alone & _inside(found, spans)
        rates = Rates(*(int(np.count_nonzero(x)) for x in (hit, counted & ~paired, extra)))
        tallies[name] = Tally(rates, float(error_ms @ error_ms))
    return tallies


def by_symbol(case: Case, found: Index) -> dict[str, Rates]:
    """Beats of each symbol in the span `all`, found and missed."""
    hit = match(case.beats, found, int(WINDOW_S * case.fs + 0.5)) >= 0
    counted = _inside(case.beats, case.spans["all"])
    symbols = sorted(set(case.symbol[counted].tolist()))
    of = {symbol: counted & (case.symbol == symbol) for symbol in symbols}
    return {
        symbol: Rates(int(np.count_nonzero(own & hit)), int(np.count_nonzero(own & ~hit)), 0)
        for symbol, own in of.items()
    }


def total(tallies: Iterable[Tally]) -> Tally:
    """The tally of all beats together."""
    each = list(tallies)
    return Tally(pooled(t.rates for t in each), sum(t.squared_ms for t in each))


def pooled(rates: Iterable[Rates]) -> Rates:
    """Rates of all beats together."""
    each = list(rates)
    return Rates(*(sum(r[i] for r in each) for i in range(3)))


def result_data(protocol: Protocol, results: Mapping[str, Result]) -> dict[str, Any]:
    """Every figure of one condition as plain data: by detector, span, and part of the records."""
    every = list(results.values())
    detectors: dict[str, Any] = {}
    for name in (OURS, *protocol.peers):
        found = {record: result.found[name] for record, result in results.items()}
        offsets = np.concatenate([f.offset_ms for f in found.values()])
        detectors[name] = {
            "shift_ms": 0.0 if name == OURS else peers.PEERS[name].shift_ms,
            "offset_ms": spread(offsets)["median"],
            "failures": {record: f.failure for record, f in found.items() if f.failure},
            "counted": _by_span(protocol, {r: f.tallies for r, f in found.items()}),
            "types": _by_type(list(found.values())),
            "tolerances": {
                f"{ms:g}": rates_data(total(f.tolerances[i] for f in found.values()).rates)
                for i, ms in enumerate(protocol.tolerances_ms)
            },
        }
    peaks = sum(len(result.delay_ms) for result in every)
    detectors[OURS] |= {
        "usable": _by_span(protocol, {r: result.usable for r, result in results.items()}),
        "decision_delay_ms": spread(np.concatenate([result.delay_ms for result in every])),
        "found_by_searchback": sum(result.back for result in every) / max(1, peaks),
    }
    return detectors


def _compare(task: tuple[Condition, str], protocol: Protocol) -> Result:
    condition, record = task
    case = read_case(protocol.data, record, protocol.leads, protocol.start_s, condition)
    peaks = detected(case.mv, case.fs)
    windows = protocol.tolerances_ms
    found = {OURS: _found(case, _samples(peaks), None, windows)}
    for name in protocol.peers:
        marks = peers.find(name, case.mv[:, 0], case.fs)
        sample = peers.shifted(name, marks.sample, case.fs)
        found[name] = _found(case, sample, marks.failure, windows)
    return Result(
        found,
        usable=tally(case, _samples(p for p in peaks if p.confidence >= USABLE)),
        delay_ms=np.array([peak.decided - peak.sample for peak in peaks]) * 1000 / case.fs,
        back=sum(peak.searchback for peak in peaks),
    )


def _found(case: Case, sample: Index, failure: str | None, tolerances_ms: Sequence[float]) -> Found:
    pairs = match(case.beats, sample, int(WIDE_S * case.fs + 0.5))
    paired = pairs >= 0
    offset = sample[pairs[paired]] - case.beats[paired]
    return Found(
        tally(case, sample),
        offset.astype(np.float64) * 1000 / case.fs,
        by_symbol(case, sample),
        tuple(tally(case, sample, ms / 1000)["all"] for ms in tolerances_ms),
        failure,
    )


def _by_type(found: Sequence[Found]) -> dict[str, Any]:
    """Se by AAMI class (e, j, n are N), and by symbol."""
    symbols = sorted({symbol for f in found for symbol in f.symbols})
    by = {s: pooled(f.symbols[s] for f in found if s in f.symbols) for s in symbols}
    classes = {
        name: pooled(rates for symbol, rates in by.items() if CLASS_MAPS["papers"][symbol] == name)
        for name in CLASSES
    }
    return {
        what: {
            name: {"tp": r.tp, "fn": r.fn, "se": defined(r.se)}
            for name, r in kinds.items()
            if r.tp + r.fn
        }
        for what, kinds in (("classes", classes), ("symbols", by))
    }


def _samples(peaks: Iterable[Peak]) -> Index:
    return np.sort(np.array([peak.sample for peak in peaks], dtype=np.int64))


def _inside(sample: Index, spans: Sequence[Span]) -> NDArray[np.bool_]:
    inside = np.zeros(len(sample), dtype=bool)
    for first, end in spans:
        inside |= (sample >= first) & (sample < end)
    return inside


def _by_span(protocol: Protocol, tallies: Mapping[str, Mapping[str, Tally]]) -> dict[str, Any]:
    spans = next(iter(tallies.values()))
    return {span: _by_part(protocol, {r: t[span] for r, t in tallies.items()}) for span in spans}


def _by_part(protocol: Protocol, tallies: Mapping[str, Tally]) -> dict[str, Any]:
    parts = {
        part: _summary([tallies[record] for record in records])
        for part, records in protocol.data.parts().items()
    }
    return {"parts": parts, "records": {record: _data(t) for record, t in tallies.items()}}


def _summary(tallies: Sequence[Tally]) -> dict[str, Any]:
    means = {
        rate: defined(average(getattr(t.rates, rate) for t in tallies))
        for rate in ("se", "ppv", "f1")
    }
    return {"gross": _data(total(tallies)), "average": means}


def _data(counted: Tally) -> dict[str, Any]:
    return {**rates_data(counted.rates), "jitter_ms": defined(counted.jitter_ms)}
