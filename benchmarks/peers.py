"""`edge-bench qrs`: our detector and sleepecg's, same samples, same comparison."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.play import on_all_cores
from benchmarks.report import Report, defined, percent, rates_data, table
from edge import replay
from edge.errors import EdgeError
from edge.qrs import QrsDetector
from train.data.mitdb import read_annotations
from train.evaluation import WINDOW_S, Counts, average, compare


def samples(recording: replay.Recording) -> NDArray[np.float32]:
    """A one-lead recording as the monitor is given it, in mV, [n]."""
    return np.concatenate([block.mv[:, 0] for block in replay.blocks(recording)])


def detected(mv: NDArray[np.float32], fs: float) -> NDArray[np.int64]:
    """R peaks that our streaming detector finds in one lead."""
    detector = QrsDetector(fs)
    peaks = detector.push(mv) + detector.flush()
    return np.array([peak.sample for peak in peaks], dtype=np.int64)


def sleepecg_peaks(mv: NDArray[np.float32], fs: float) -> NDArray[np.int64]:
    """R peaks that sleepecg (Pan-Tompkins in C, offline, zero-phase) finds in one lead."""
    try:
        from sleepecg.heartbeats import detect_heartbeats
    except ImportError as error:
        raise EdgeError(
            "the peer needs sleepecg: install it with `pip install 'edge-ecg[bench]'`"
        ) from error
    return np.asarray(detect_heartbeats(mv.astype(np.float64), fs), dtype=np.int64)


DETECTORS = {"edge": detected, "sleepecg": sleepecg_peaks}


def qrs(folder: Path, records: Sequence[str], lead: str, start_s: int) -> Report:
    """Detection of every detector on the same lead of each record of `folder`."""
    found = on_all_cores(partial(_compare, lead=lead, start_s=start_s), folder, records)
    by_name = {name: [counts[name] for counts in found] for name in DETECTORS}
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
    text = (
        f"{len(records)} records of {folder.name}, lead {lead}, match window "
        f"{WINDOW_S * 1000:.0f} ms, from {start_s} s\n\n{table(header, rows)}"
    )
    return Report(text, {"protocol": protocol, "detectors": data})


def _compare(path: Path, lead: str, start_s: int) -> dict[str, Counts]:
    recording = replay.read(path, [lead])
    mv = samples(recording)
    reference = read_annotations(path)
    every = ["Q"] * len(reference.sample)
    counts = {}
    for name, detect in DETECTORS.items():
        peaks = detect(mv, recording.fs)
        counts[name] = compare(
            reference.sample,
            every,
            peaks,
            ["Q"] * len(peaks),
            recording.fs,
            start_s=start_s,
            vf=reference.vf,
        )
    return counts
