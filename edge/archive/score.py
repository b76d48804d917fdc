"""One recording as a row of figures, and its beats as an annotation file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from edge.alarms import RULES
from edge.archive.records import beside
from edge.bundle import Bundle
from edge.classify import Backend
from edge.errors import EdgeError, OutputError
from edge.events import Event, Session
from edge.files import ARRAYS, TABLES
from edge.live import played
from edge.monitor import Monitor
from edge.replay import Opened
from edge.report.counts import Counter
from edge.report.found import LABELS, gather
from edge.sinks import writing
from edge.sinks.wfdb import Annotations

FIELDS: Final[dict[str, type]] = {
    "record": str,
    "error": str,
    "seconds": float,
    "fs": float,
    "leads": list,
    "unit_known": bool,
    **{f"beats_{label}": int for label in LABELS},
    "share_seen": float,
    "rate_least": float,
    "rate_mean": float,
    "rate_greatest": float,
    "longest_rr_s": float,
    "couplets": int,
    "runs": int,
    "s_runs": int,
    "af_burden": float,
    "mean_nn_ms": float,
    "sdnn_ms": float,
    "rmssd_ms": float,
    "pnn50": float,
    **{f"alarms_{name}": int for name in RULES},
}
"""Columns and their types. Each of a record that cannot be scored is null but `record` and `error`,
one sentence; the others mean what `edge.report.counts.Counts` says."""


@dataclass(frozen=True, slots=True)
class How:
    """What decides a row, besides the recording."""

    model: str
    leads: tuple[str, ...] | None = None
    fs: float | None = None
    """Of CSV and NumPy files, in Hz; those of other kinds tell their own."""
    backend: Backend | None = None


def scored(name: str, record: Path, how: How, annotations: Path) -> dict[str, Any]:
    """The row, as `FIELDS` has it; the beats go to `annotations`/NAME.edge.

    OutputError where they cannot be written: that is no fault of the recording.
    """
    row: dict[str, Any] = dict.fromkeys(FIELDS)
    row["record"] = name
    try:
        bundle = _bundle(how.model)
        fs = how.fs if record.suffix.casefold() in TABLES + ARRAYS else None
        opened = Opened(record, how.leads, fs)
        events = played(opened, Monitor(bundle, backend=how.backend), bundle)
        found = gather(_annotated(events, annotations / beside(name)))
    except OutputError:
        raise
    except EdgeError as error:
        return row | {"error": str(error)}
    except Exception as error:  # one defect must not cost the archive
        return row | {"error": f"a defect of this program: {type(error).__name__}: {error}"}
    counts = Counter(found).whole()
    session, hrv = found.session, counts.hrv
    row |= {
        "seconds": found.seconds,
        "fs": session.fs,
        "leads": list(session.leads),
        "unit_known": session.scale is None,
        **{f"beats_{label}": counts.beats.get(label, 0) for label in LABELS},
        "share_seen": counts.share_seen,
        "rate_least": counts.least,
        "rate_mean": counts.mean,
        "rate_greatest": counts.greatest,
        "longest_rr_s": counts.longest_rr,
        "couplets": counts.couplets,
        "runs": counts.runs,
        "s_runs": counts.s_runs,
        "af_burden": counts.burden,
        "mean_nn_ms": hrv.mean_nn_ms,
        "sdnn_ms": hrv.sdnn_ms,
        "rmssd_ms": hrv.rmssd_ms,
        "pnn50": hrv.pnn50,
        **{f"alarms_{n}": sum(e.name == n for e in found.episodes) for n in RULES},
    }
    return row


def _annotated(events: Iterable[Event], path: Path) -> Iterator[Event]:
    """The same events, whose beats are written on the way."""
    sink: Annotations | None = None
    for event in events:
        if sink is None and isinstance(event, Session) and event.fs:
            sink = Annotations(path.parent, path.name, event.fs, overwrite=True)
        if sink:
            sink.write(event)
        yield event
    if sink:
        with writing(sink.path):
            sink.flush()
            sink.close()


@lru_cache(maxsize=1)
def _bundle(name: str) -> Bundle:
    """Loaded once in each process."""
    return Bundle.load(name)
