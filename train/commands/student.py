"""What the commands of `edge-train` do that are about the student."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from tqdm import tqdm

from edge.errors import RecordError
from train.data.mitdb import DS1
from train.data.own import ANNOTATOR, Own, own
from train.data.windows import AAMI
from train.engine.distributed import alone
from train.engine.manifest import expect, restart
from train.models.registry import TEACHERS
from train.models.student import StudentConfig
from train.student.beats import Beats
from train.student.crossval import (
    STEPS,
    HeldOut,
    calibrated,
    cross_validate,
    described_folds,
    keep_temperature,
    kept_temperature,
    left_out,
    seeds,
    table,
    temperature,
)
from train.student.distillation import TINY_FIT, TINY_RECORDS, TINY_TRAINING, Distillation
from train.student.forms import Form
from train.student.training import (
    MODEL,
    NOTES,
    STUDENT,
    TrainingConfig,
    checkpoints,
    settings,
    train,
    write,
)
from train.studies.report import over

DEFAULTS: Final = TrainingConfig(taught_by=("ecgnat",))
"""Of the student that is shipped; of the four its teacher was the best to learn from."""
TAUGHT_BY: Final[Mapping[str, tuple[str, ...]]] = {
    **{name: (name,) for name in TEACHERS},
    "blind": ("blind",),
    "ensemble": TEACHERS,
    "none": (),
}
TEMPERATURE: Final = "temperature.json"
"""What `crossval` leaves beside the student."""


def distill(args: argparse.Namespace) -> None:
    """Runs `edge-train distill`."""
    setup, config = _setup(args), _config(args)
    with alone(setup.cache) as out:
        _distil(args, setup, config, out)


def _distil(
    args: argparse.Namespace, setup: Distillation, config: TrainingConfig, out: Path
) -> None:
    checkpoint = out / "checkpoint.safetensors"
    if args.restart:
        restart(checkpoint, *out.glob("checkpoint-*.safetensors"), out / STUDENT, out / NOTES)
    state = [*checkpoints(checkpoint, config.students), out / STUDENT]
    expect(out, settings(MODEL, config), state)
    known = kept_temperature(out / TEMPERATURE, setup, config)
    beats, soft_targets = setup.material(config, bar=True)
    if setup.own:
        _tell(_lacking(beats))
    shape = "{l_bar}{bar}| {n:.2f}/{total} epochs [{elapsed}<{remaining}{postfix}]"
    with tqdm(total=config.epochs * (config.students + 1), desc="student", bar_format=shape) as bar:

        def progress(epoch: int, loss: float) -> None:
            bar.set_postfix(loss=f"{loss:.4f}")

        def stepped(epochs: float) -> None:
            bar.update(epochs - bar.n)

        student = train(beats, MODEL, config, checkpoint, progress, soft_targets, stepped)
    if known is None:
        print(
            f"{out} has no {TEMPERATURE}: probabilities stay as they are; `edge-train crossval` "
            "with the same options finds one, and `distill` then writes it down",
            file=sys.stderr,
        )
    else:
        print(f"temperature {known:g}, as {out / TEMPERATURE} has it", file=sys.stderr)
    teachers = {name: setup.kept(name) for name in config.taught_by}
    print(write(student, config, setup.records, known, out, teachers, setup.own))


def crossval(args: argparse.Namespace) -> None:
    """Runs `edge-train crossval`."""
    setup, config = _setup(args), _config(args)
    if setup.own:
        _tell(_lacking(Beats.concatenate([*setup.observations().values()])))
    held = _validated(setup, args.seeds, {"student": (MODEL, config)})
    print(table(held, AAMI))
    _print_folds(setup)
    found = temperature(held["student"])
    of = range(config.seed, config.seed + args.seeds)
    keep_temperature(setup.cache / TEMPERATURE, found, calibrated(setup, config, of))
    print(f"temperature {found:g}: `edge-train distill` with the same options writes it down")


def steps(args: argparse.Namespace) -> None:
    """Runs `edge-train steps`."""
    config = _config(args)
    steps = {
        name: (replace(MODEL, **architecture), replace(config, **training))
        for name, (training, architecture) in STEPS.items()
    }
    held = _validated(_setup(args), args.seeds, steps)
    held["S in fibrillation too"] = [
        HeldOut(*(replace(said, fibrillates=np.zeros_like(said.fibrillates)) for said in h))
        for h in held["as it is"]
    ]
    print(table(held, AAMI))


def _print_folds(setup: Distillation) -> None:
    """Which records each was, and what was found in them."""
    for fold, records, *beats in described_folds(setup):
        named = ", ".join(f"{n} {c}" for n, c in zip(beats, AAMI, strict=True))
        print(f"fold {fold}: {records} ({named})")


def _setup(args: argparse.Namespace) -> Distillation:
    name = "student" + "-own" * bool(args.records) + "-tiny" * args.tiny
    out = args.out or Path("runs") / name
    of_mitdb: tuple[str, ...] = TINY_RECORDS if args.tiny else DS1
    own = _own(args, of_mitdb)
    if own and not args.with_ds1:
        of_mitdb = ()
    if args.tiny:
        return Distillation(args.data, out, of_mitdb, TINY_FIT, tiny=True, own=own)
    return Distillation(args.data, out, of_mitdb, own=own)


def _own(args: argparse.Namespace, of_mitdb: Sequence[str]) -> Own | None:
    """The laboratory's records, if any are asked for; what is not learned of them is told."""
    if not args.records:
        if args.split or args.with_ds1 or args.annotator:
            raise RecordError("--split, --annotator and --with-ds1 are for --records: add it")
        return None
    found = own(args.records, args.annotator or ANNOTATOR, args.split)
    _tell(*found.told)
    if found.test:
        test = "test record is" if len(found.test) == 1 else "test records are"
        _tell(f"{len(found.test)} {test} neither read nor learned from")
    same = sorted({r.name for r in (*found.records, *found.test)} & {*of_mitdb})
    if args.with_ds1 and same:
        raise RecordError(
            f"{args.records} has records that are called as DS1's ({', '.join(same)}): "
            "rename them, or leave out --with-ds1"
        )
    if formed := [name for name in found.names if Form.named(name).record != name]:
        raise RecordError(
            f"{', '.join(formed)}: what is made of a record, in noise or as another rhythm, is "
            "called so here: rename it"
        )
    found = found.learned()
    for name in found.names:
        if strange := found.strange(name):
            counts = ", ".join(f"{symbol} ({n})" for symbol, n in sorted(strange.items()))
            _tell(f"record {name}: marks that WFDB does not know are taken for no beats: {counts}")
    return found


def _lacking(beats: Beats) -> str:
    """What a student of these beats will never say."""
    lacking = [c for i, c in enumerate(AAMI) if not (beats.label == i).any()]
    if not lacking:
        return ""
    return (
        f"no beat of class {', '.join(lacking)} is learned from: "
        "the student will hardly ever say it"
    )


def _tell(*sentences: str) -> None:
    for sentence in filter(None, sentences):
        print(f"edge-train: {sentence}", file=sys.stderr)


def _config(args: argparse.Namespace) -> TrainingConfig:
    """What is asked for; `steps` has no teachers."""
    config = replace(DEFAULTS, **TINY_TRAINING) if args.tiny else DEFAULTS
    return replace(
        config,
        seed=args.seed,
        epochs=args.epochs or config.epochs,
        taught_by=TAUGHT_BY[getattr(args, "model", "none")],
        students=getattr(args, "students", 0),
    )


def _validated(
    setup: Distillation, count: int, trainings: Mapping[str, tuple[StudentConfig, TrainingConfig]]
) -> dict[str, list[HeldOut]]:
    runs = [run for training in trainings.values() for run in seeds(*training, count)]
    held = cross_validate(setup, runs)
    of, by = ("Four records of DS1" if setup.tiny else "DS1"), "records"
    if setup.own:
        beside = f", {of} learned beside each" if setup.records else ""
        of, by = f"{len(setup.own.records)} records of {setup.own.folder.name}", f"patients{beside}"
    print(
        f"{of}, {len(left_out(setup))} folds over {by}, detected "
        "peaks, both leads fused, float; final and provisional observations, and final ones in "
        f"noise of nstdb at 24 to 0 dB; F1 in %, {over(count)}"
    )
    parts = [held[i : i + count] for i in range(0, len(held), count)]
    return dict(zip(trainings, parts, strict=True))
