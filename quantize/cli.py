"""`edge-quantize`: a trained float student becomes an int8 bundle."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from tqdm import tqdm

from edge.beats import BEFORE, CHANNELS, CONTEXT, WINDOW_FS
from edge.bundle import DEFAULT_BUNDLE, Training
from edge.errors import EdgeError, RecordError
from quantize.compare import compare, table
from quantize.export import write_bundle
from quantize.fakequant import FakeQuant, divergence, fine_tune
from train.commands.fetching import data
from train.data.corpus import Record
from train.data.own import Own
from train.engine.files import sha256
from train.models.student import Student, load
from train.student.beats import Beats, collect
from train.student.training import folds, logits

UNKNOWN_BELOW = 0.5
CALIBRATION, FINE_TUNING = 8192, 32768
"""Observations that ranges are measured on, and that fine-tuning takes; more gave nothing."""
FOLDS = 4
"""The largest of so many parts of the training records is left to compare int8 with float on."""


def quantise(
    student: Student,
    training: Training,
    learn: Beats,
    check: Beats,
    out: Path,
    *,
    name: str,
    version: str,
    seed: int,
    temperature: float = 1.0,
) -> str:
    """Quantises a student, writes its bundle to `out`, and gives the table of figures.

    Calibrates and fine-tunes on `learn`. Of PTQ and QAT the one is kept whose probabilities
    diverge less from the float student's on `check`. `temperature` is what the bundle's logits
    are divided by before the softmax.
    """
    learn = learn[np.random.default_rng(seed).permutation(len(learn))[:FINE_TUNING]]
    twins = {"PTQ": FakeQuant(student), "QAT": FakeQuant(student)}
    for twin in twins.values():
        twin.calibrate(learn[np.arange(min(len(learn), CALIBRATION))])
    with tqdm(desc="fine-tuning", unit="step") as bar:

        def progress(step: int, steps: int) -> None:
            bar.total = steps
            bar.update(step - bar.n)

        fine_tune(twins["QAT"], student, learn, seed=seed, progress=progress)
    exact = logits(student, check)
    losses = {kind: divergence(exact, logits(twin, check)) for kind, twin in twins.items()}
    kept = min(losses, key=losses.__getitem__)
    figures = compare(student, twins, check)
    measured = [asdict(f) for f in figures]
    for row in measured:
        del row["us"]  # differs from run to run; a bundle made twice must be the same
    protocol = (
        "final observations of detected beats, each lead alone, of records "
        + ", ".join(sorted(set(check.record.tolist())))
        + "; the float student was trained on them too, calibration and fine-tuning were not"
    )
    write_bundle(
        out,
        student,
        twins[kept],
        name=name,
        version=version,
        fs_hz=WINDOW_FS,
        before_r=BEFORE,
        channels=CHANNELS,
        context=CONTEXT,
        thresholds={"unknown_below": UNKNOWN_BELOW, "temperature": temperature},
        training=training,
        figures={
            "quantisation": {
                "protocol": protocol,
                "kept": kept,
                "divergence_from_float": losses,
                "seed": seed,
                "models": measured,
            }
        },
    )
    spread = ", ".join(f"{kind} {loss:.6f}" for kind, loss in losses.items())
    return f"{protocol}\n\n{table(figures)}\ndivergence from float: {spread}; kept: {kept}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code, that of `edge-run` for the same fault."""
    args = _parser().parse_args(argv)
    try:
        print(_run(args))
    except EdgeError as error:
        print(f"edge-quantize: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("edge-quantize: stopped; no bundle was written", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-quantize", description=__doc__, parents=[data()])
    parser.add_argument(
        "checkpoint", type=Path, help="student.safetensors as edge-train wrote it, with its notes"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write the bundle to")
    parser.add_argument(
        "--records",
        type=Path,
        metavar="DIR",
        help="the folder that edge-train --records learned from, where it did",
    )
    parser.add_argument("--name", default=DEFAULT_BUNDLE, help="default: %(default)s")
    parser.add_argument("--version", default="1", help="of the bundle; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    return parser


def _run(args: argparse.Namespace) -> str:
    student, origin = _checkpoint(args.checkpoint)
    records, classes = origin["records"], student.config.classes
    torch.set_num_threads(2)  # a fixed number: sums in another order give other weights
    own = _own(origin, args.records)
    sets = collect(args.data / "mitdb", records, args.checkpoint.parent, classes, own)
    detected = sets["detected"]
    fold = folds(detected, FOLDS)
    parts = [[record for record in fold if fold[record] == i] for i in range(FOLDS)]
    left_out = max(parts, key=lambda part: int(np.isin(detected.record, part).sum()))
    learn = Beats.concatenate(list(sets.values()))
    if set(left_out) == set(detected.record):
        raise RecordError("one record is not enough: int8 is compared on others than it is made by")
    records = [*records, *(own.names if own else ())]
    training = Training(
        data=origin["data"],
        split=f"records {', '.join(records)}",
        seed=origin["config"]["seed"],
        code_version=_code_version(),
        config=origin["config"]
        | {
            "teachers": origin["teachers"],
            "torch": origin["versions"]["torch"],
        },
    )
    return quantise(
        student,
        training,
        learn[~np.isin(learn.record, left_out)],
        detected[np.isin(detected.record, left_out)],
        args.out,
        name=args.name,
        version=args.version,
        seed=args.seed,
        temperature=origin.get("temperature", 1.0),
    )


def _own(origin: Mapping[str, Any], folder: Path | None) -> Own | None:
    """The laboratory's records that a student learned from."""
    if "own" not in origin:
        if folder:
            raise RecordError(f"the student has learned nothing of {folder}: leave out --records")
        return None
    if folder is None:
        raise RecordError(f"the student has learned from {origin['data']}: add --records FOLDER")
    of = origin["own"]
    return Own(folder, of["annotator"], tuple(Record(*pair) for pair in of["patients"].items()))


def _code_version() -> str:
    try:
        return metadata.version("edge-ecg")
    except metadata.PackageNotFoundError:
        return "not installed"


def _checkpoint(path: Path) -> tuple[Student, dict[str, Any]]:
    """The student, and what `train.student.training.write` noted beside it."""
    try:
        origin = json.loads((path.parent / "training.json").read_text(encoding="utf-8"))
        if origin["sha256"] != sha256(path):
            raise ValueError("training.json is of another student")
        return load(path), origin
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RecordError(
            f"{path} and training.json beside it are not what edge-train writes ({error})"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
