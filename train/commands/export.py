"""`edge-train export`: a network that needs no torch."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from edge.archive.records import listed
from edge.errors import EdgeError, OutputError, RecordError
from edge.replay import Recording
from edge.replay import read as read_record
from edge.synthetic import synthesize
from edge.whole import made
from firmware_bridge.text import printable
from train.data.corpus import LEADS
from train.data.leads import whole
from train.models.checkpoint import read
from train.models.onnx import quantised, write
from train.reading.card import write_card
from train.reading.nets import ONNX, Net, OnnxNet, opened
from train.reading.reader import probabilities
from train.reading.windows import Seen, seen

EQUAL: Final = 1e-5
"""Logits of ONNX and of torch differ by no more, or nothing is kept."""
RANGES: Final = 256
"""Windows at most that int8's ranges are taken from; as many others show what it costs."""


def export(args: argparse.Namespace) -> None:
    """Runs `edge-train export`."""
    if args.net.suffix == ONNX:
        raise RecordError(f"{args.net} is ONNX already: name what `finetune` wrote")
    net, saved = opened(args.net), read(args.net)
    if not all(tensor.isfinite().all() for tensor in saved.state.values()):
        raise RecordError(f"{args.net} is damaged: it has weights that are no numbers")
    end = f"-int8{ONNX}" if args.int8 else ONNX
    path = args.out or args.net.with_name(f"{args.net.stem}{end}")
    shown = example(saved.facts.window)
    ecg, leads, peaks = map(torch.from_numpy, (shown.ecg, shown.leads, shown.peaks))
    with TemporaryDirectory() as folder:
        exact = Path(folder) / f"exact{ONNX}"
        write(saved, exact, (ecg, leads, peaks))
        off = difference(net, OnnxNet(exact), shown)
        if not off <= EQUAL:
            raise OutputError(
                f"{path} is not written: logits of ONNX and torch differ by {off:.1e}, which is a "
                "fault of the exporter or of this program"
            )
        told = f"Its logits are torch's to {off:.0e}, on made windows."
        if args.int8:
            windows = _windows(args.int8, saved.facts.window)
            ranges, others = (_rows(windows, slice(first, None, 2)) for first in (0, 1))
            small = Path(folder) / f"small{ONNX}"
            quantised(exact, small, ranges._asdict())
            off, otherwise = (of(net, OnnxNet(small), others) for of in (difference, changed))
            what = "samples' kinds" if saved.facts.delineates else "statements"
            sizes = small.stat().st_size / exact.stat().st_size
            told = (
                f"In int8, {sizes:.0%} of the float model's size{', so of no use' * (sizes > 1)}; "
                f"its ranges are of {len(ranges.ecg)} windows of {args.int8.resolve().name}; in "
                f"{len(others.ecg)} others logits differ from torch's by up to {off:.2g}, and "
                f"{otherwise:.1%} of the {what} come out otherwise. The figures of its card are "
                "the float model's."
            )
            exact = small
        with made(path, overwrite=True) as part:
            part.write_bytes(exact.read_bytes())
    card = write_card(saved.facts, path, told)
    print(f"{path}: {told}\n{card}")


def difference(a: Net, b: Net, of: Seen) -> float:
    """The largest between logits; those of a delineator are of leads that are there."""
    apart = np.abs(a.logits(of) - b.logits(of))
    return float((apart[of.leads] if a.facts.delineates else apart).max())


def changed(a: Net, b: Net, of: Seen) -> float:
    """The share of what one says that the other says otherwise.

    Of a delineator that is the likeliest kind of each sample; of others what they state of each
    window, of classes without a threshold nothing.
    """
    if a.facts.delineates:
        said = [net.logits(of).argmax(2)[of.leads] for net in (a, b)]
    else:
        least = [np.inf if s.threshold is None else s.threshold for s in a.facts.statements]
        said = [probabilities(net, of) >= least for net in (a, b)]
    return float((said[0] != said[1]).mean())


def example(window: Mapping[str, float]) -> Seen:
    """Windows of made ECG in which a network does all that it can.

    With twelve leads, with some of them, and with no R peak.
    """
    rng = np.random.default_rng(0)
    two = synthesize("NNNVNNNNSNNNNNNV" * 4, 250.0, rng).mv
    mv = two @ rng.normal(0, 0.7, (2, len(LEADS)))
    recording = Recording("made", 250.0, LEADS, np.rint(mv * 1e6).astype(np.int32))
    found = seen(recording, **window)
    found.leads[1, 3:] = False
    found.ecg[1, 3:] = 0
    found.peaks[2] = -1
    return found


def _windows(folder: Path, window: Mapping[str, float]) -> Seen:
    """Twice as many as ranges are taken from, as many of each record as of any other.

    Of the records below a folder that can be read; the others are named. RecordError where there
    are no two windows.
    """
    paths = [*listed(folder).values()]
    paths = [paths[i] for i in _spread(len(paths), 2 * RANGES)]
    found: list[Seen] = []
    for path in paths:
        try:
            of = seen(whole(read_record(path))[0], **window)
        except EdgeError as error:
            print(printable(f"edge-train: left out {path.name}: {error}"), file=sys.stderr)
            continue
        found.append(_rows(of, _spread(len(of.ecg), -(-2 * RANGES // len(paths)))))
    if sum(len(of.ecg) for of in found) < 2:
        raise RecordError(
            f"{folder} has no two windows of records that can be read, to take ranges from and to "
            "hold them against"
        )
    ecg, leads, peaks, start = (np.concatenate([of[i] for of in found]) for i in range(4))
    return _rows(Seen(ecg, leads, peaks, start, ()), slice(2 * RANGES))


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """Numbers below `count`, so many at most, evenly over all of them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def _rows(of: Seen, rows: slice | NDArray[np.int64]) -> Seen:
    return Seen(of.ecg[rows], of.leads[rows], of.peaks[rows], of.start_s[rows], of.told)
