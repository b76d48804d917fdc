"""`edge-bench qrs`: our detector and sleepecg's, same samples, same comparison."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.play import on_all_cores
from benchmarks.report import Report, defined, percent, rates_data, spread, table
from edge import replay
from edge.errors import EdgeError
from edge.qrs import Peak, QrsDetector
from train.data.mitdb import read_annotations
from train.evaluation import WINDOW_S, Counts, average, compare


def samples(recording: replay.Recording) -> NDArray[np.float32]:
    """A one-lead recording as the monitor is given it, in mV, [n]."""
    return np.concatenate([block.mv[:, 0] for block in replay.blocks(recording)])


def detected(mv: NDArray[np.float32], fs: float) -> list[Peak]:
    """R peaks that our streaming detector finds in one lead."""
    detector = QrsDetector(fs)
    return detector.push(mv) + detector.flush()


def sleepecg_peaks(mv: NDArray[np.float32], fs: float) -> NDArray[np.int64]:
    """R peaks that sleepecg (Pan-Tompkins in C, offline, zero-phase) finds in one lead."""
    try:
        from sleepecg.heartbeats import detect_heartbeats
    except ImportError as error:
        raise EdgeError(
            "the peer needs sleepecg: install it with `pip install 'edge-ecg[bench]'`"
        ) from error
    return np.asarray(detect_heartbeats(mv.astype(np.float64), fs), dtype=np.int64)


class _Found(NamedTuple):
    """One record's comparison."""

    counts: dict[str, Counts]
    """By detector."""
    delay_ms: NDArray[np.float64]
    """Signal time from each of our peaks to its decision, [n]."""
    back: int
    """Those of our peaks that were found on looking back."""


def qrs(folder: Path, records: Sequence[str], lead: str, start_s: int) -> Report:
    """Detection of every detector on the same lead of each record of `folder`."""
    found = on_all_cores(partial(_compare, lead=lead, start_s=start_s), folder, records)
    by_name = {name: [f.counts[name] for f in found] for name in found[0].counts}
    rows, data = [], {}
    for name, each in by_name.items():
        gross = sum(each, Counts())
        means = [average(getattr(c.qrs, part) for c in each) for part in ("se", "ppv")]
        shares = map(percent, (gross.qrs.se, gross.qrs.ppv, *means))
        rows.append([name, *shares, *map(str, gross.qrs), f"{gross.jitter_ms:.1f}"])
        data[name] = {
            "gross": rates_data(gross.qrs),
            "average": {"se": defined(means[0]), "ppv": defined(means[1])},
            "jitter_ms": defined(gross.jitter_ms),
            "records": {record: rates_data(c.qrs) for record, c in zip(records, each, strict=True)},
        }
    header = ["QRS, %", "Se", "+P", "Se avg", "+P avg", "TP", "FN", "FP", "jitter ms"]
    protocol = {
        "data": folder.name,
        "records": list(records),
        "lead": lead,
        "window_ms": round(WINDOW_S * 1000),
        "start_s": start_s,
    }
    delay = spread(np.concatenate([f.delay_ms for f in found]))
    back = sum(f.back for f in found) / max(1, sum(len(f.delay_ms) for f in found))
    times = table(["edge, ms of signal after R", *delay], [["decision", *map(str, delay.values())]])
    text = (
        f"{len(records)} records of {folder.name}, lead {lead}, match window "
        f"{WINDOW_S * 1000:.0f} ms, from {start_s} s\n\n{table(header, rows)}\n\n{times}\n"
        f"found on looking back: {percent(back)} %"
    )
    timing = {"decision_delay_ms": delay, "found_on_looking_back": back}
    return Report(text, {"protocol": protocol, "detectors": data, "edge": timing})


def _compare(path: Path, lead: str, start_s: int) -> _Found:
    recording = replay.read(path, [lead])
    mv, fs = samples(recording), recording.fs
    reference = read_annotations(path)
    every = ["Q"] * len(reference.sample)
    ours = detected(mv, fs)
    peaks = {
        "edge": np.array([peak.sample for peak in ours], dtype=np.int64),
        "sleepecg": sleepecg_peaks(mv, fs),
    }
    counts = {
        name: compare(
            reference.sample,
            every,
            found,
            ["Q"] * len(found),
            fs,
            start_s=start_s,
            vf=reference.vf,
        )
        for name, found in peaks.items()
    }
    delay = np.array([peak.decided - peak.sample for peak in ours]) * 1000 / fs
    return _Found(counts, delay, sum(peak.searchback for peak in ours))
