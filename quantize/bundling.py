"""From the folder of a trained float student to an int8 bundle."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from tqdm import tqdm

from edge.beats import BEFORE, CHANNELS, CONTEXT, WINDOW_FS
from edge.bundle import Training
from edge.errors import RecordError
from quantize.compare import compare, table
from quantize.export import write_bundle
from quantize.fakequant import FakeQuant, divergence, fine_tune
from train.data.corpus import Record
from train.data.own import Own
from train.engine.files import sha256
from train.engine.manifest import known, same
from train.models.student import Student, load
from train.student.beats import Beats
from train.student.distillation import Distillation
from train.student.training import BEATS, NOTES, TrainingConfig, folds, logits

UNKNOWN_BELOW = 0.5
CALIBRATION, FINE_TUNING = 8192, 32768
"""Observations that ranges are measured on, and that fine-tuning takes; more gave nothing."""
REMEDY: Final = "train it anew, `edge-train distill --restart` with the options that it had"
UNCALIBRATED: Final = (
    "edge-quantize: the student was not cross-validated, so its probabilities stay as they are: "
    "`edge-train crossval` and then `distill`, both with its options, find a temperature"
)
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


def bundled(args: argparse.Namespace) -> str:
    """What `edge-quantize` does; the table of figures.

    RecordError, which says what differs, where the student was trained by other code or on other
    observations than there are now: int8 is calibrated and fine-tuned on what it learned from.
    """
    student, origin = _checkpoint(args.checkpoint)
    folder, records = args.checkpoint.parent, origin["records"]
    run = known(folder, REMEDY)
    same(folder, run.now(), run, REMEDY)
    torch.set_num_threads(2)  # a fixed number: sums in another order give other weights
    own = _own(origin, args.records)
    setup = Distillation(args.data, folder, tuple(records), own=own)
    learn, _ = setup.material(TrainingConfig(**origin["config"] | {"taught_by": ()}))
    same(folder, replace(run, data={**run.data, BEATS: learn.digest}), run, REMEDY)
    detected = setup.observations()["detected"]
    fold = folds(detected, FOLDS)
    parts = [[record for record in fold if fold[record] == i] for i in range(FOLDS)]
    left_out = max(parts, key=lambda part: int(np.isin(detected.record, part).sum()))
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
    temperature = origin["temperature"]
    if temperature is None:
        print(UNCALIBRATED, file=sys.stderr)
    return quantise(
        student,
        training,
        learn[~np.isin(learn.record, left_out)],
        detected[np.isin(detected.record, left_out)],
        args.out,
        name=args.name,
        version=args.version,
        seed=args.seed,
        temperature=1.0 if temperature is None else temperature,
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
        origin = json.loads((path.parent / NOTES).read_text(encoding="utf-8"))
        if origin["sha256"] != sha256(path):
            raise ValueError(f"{NOTES} is of another student")
        return load(path), origin
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise RecordError(
            f"{path} and {NOTES} beside it are not what edge-train writes ({error})"
        ) from None
