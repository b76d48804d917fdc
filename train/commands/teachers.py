"""What the commands of `edge-train` do that are about the teachers."""

import argparse
import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray

from edge.errors import EdgeError, OutputError, RecordError
from firmware_bridge.text import printable
from train.commands import explain as explaining
from train.data.cache import WINDOWS
from train.data.corpora import CORPORA, open_corpus
from train.data.corpus import Corpus
from train.data.joined import Joined
from train.data.labelled import labelled
from train.data.ludb import Ludb
from train.data.preparation import HIGHPASS_HZ
from train.data.pseudolabels import PseudoLabelled
from train.data.windows import Cut, Windows, cut
from train.engine.distributed import (
    alone,
    one_after_the_other,
    rank_and_world,
    shared_by_processes,
)
from train.engine.files import write_text
from train.engine.loop import FitConfig, Objective, expect, fit
from train.engine.manifest import restart, summary
from train.models.checkpoint import fill, read, save
from train.models.delineator import Delineator
from train.models.facts import DELINEATOR, Statement
from train.models.registry import NETWORKS, SYSTEMS, classifier
from train.objectives.beatssl import TwoLevel
from train.objectives.delineation import WaveTask
from train.objectives.ecgnat import MaskedAutoencoder
from train.reading.card import card_of, tested, write_card
from train.studies.beatnet import study as beatnet
from train.studies.beatssl import jobs as beatssl_jobs
from train.studies.beatssl import study as beatssl
from train.studies.calibration import FEWEST_CASES, described, statements
from train.studies.delineation import jobs as delineation_jobs
from train.studies.delineation import study as delineation
from train.studies.diagnosis import diagnose, parted, tested_fold, told_apart, untested
from train.studies.ecgnat import jobs as ecgnat_jobs
from train.studies.ecgnat import study as ecgnat
from train.studies.harness import Study
from train.studies.heartbeatai import study as heartbeatai
from train.studies.recipes import RECIPES
from train.studies.teaching import study as teaching

PRETRAINED: Final[dict[str, tuple[Callable[..., Objective], tuple[str, ...], FitConfig]]] = {
    "ecgnat": (MaskedAutoencoder, ("ptbxl", *ecgnat_jobs.OTHERS), ecgnat_jobs.PRETRAINING),
    "beatssl": (TwoLevel, beatssl_jobs.UNLABELLED, beatssl_jobs.PRETRAINING),
}
"""Systems that learn without labels: by what objective, and from which data sets by default."""

TINY: Final = FitConfig(epochs=4, batch=32, learning_rate=3e-3, least_steps=40)
"""Of a tiny pretraining, however few the windows are: enough for the loss to fall."""

_NAMED: Final = 10
"""Records that are named on the screen."""

STUDIES: Final = {
    "beatnet": beatnet.study,
    "ecgnat": ecgnat.study,
    "beatssl": beatssl.study,
    "heartbeatai": heartbeatai.study,
    "delineation": delineation.study,
    "teaching": teaching.study,
}


def pretrain(args: argparse.Namespace) -> None:
    """Runs `edge-train pretrain`."""
    objective, names, config = PRETRAINED[args.model]
    out, config = _out(args), _set(args, TINY if args.tiny else config)
    torch.manual_seed(args.seed)
    task = objective(SYSTEMS[args.model](args.tiny))
    path = out / "pretrained.safetensors"
    with shared_by_processes(), alone(out / "pretraining") as run:
        with one_after_the_other():
            if args.restart and not rank_and_world()[0]:
                restart(run, path)
            expect(run, config)
            sets = [_unlabelled(args, name) for name in args.sets or names]
            windows = Joined([_cut(corpus, Cut(), out) for corpus in sets], ())
        _tell_skipped(windows, run)
        rows = untested(windows)
        _require(args.batch, rows)
        losses = fit(task, windows, rows, config, run, bar=args.model)
        if rank_and_world()[0]:
            return
        origin = {"sets": list(args.sets or names), "windows": len(windows), "losses": losses}
        save(path, args.model, task, (), origin | {"run": summary(run)})
        print(f"{path}: loss {losses[0]:.3f} to {losses[-1]:.3f} over {len(windows)} windows")


def finetune(args: argparse.Namespace) -> None:
    """Runs `edge-train finetune`."""
    if args.model == DELINEATOR:
        _delineator(args)
        return
    out = _out(args)
    start = read(args.start) if args.start else None
    corpus, told = _labelled(args)
    of_set = "" if corpus.name == "ptbxl" and not args.labels else corpus.name
    name = "-".join(filter(None, (of_set, args.task)))
    path = out / f"{name}.safetensors"
    recipe = RECIPES[args.model]
    config = recipe.started if start else recipe.scratch
    config = _set(args, replace(config, epochs=2, least_steps=0) if args.tiny else config)
    with shared_by_processes(), alone(out / f"finetuning-{name}") as run:
        with one_after_the_other():
            if args.restart and not rank_and_world()[0]:
                restart(run, path, card_of(path))
            expect(run, config)
            whole = _cut(corpus, Cut(), out)
        _tell_skipped(whole, run)
        part = parted(whole)
        _require(args.batch, part.train)
        windows, left = told_apart(whole, part) if args.labels else (whole, [])
        _tell(*told, *left)
        torch.manual_seed(args.seed)
        net = classifier(args.model, len(windows.classes), tiny=args.tiny)
        if start:
            fill(net.encoder, start, "encoder.")
        stopped = replace(part, test=part.validation)
        auc = diagnose(net, windows, stopped, 1.0, config, run, args.model, recipe.task)
        if rank_and_world()[0]:
            return
        origin = {"set": corpus.name, "task": args.task, "validation_auc": auc, "run": summary(run)}
        origin["parts"] = described(windows, part)
        origin["skipped"] = len(whole.skipped)
        origin["tiny"] = args.tiny
        test = args.test or _tested(path, run)
        known = statements(net, windows, part, test=test)
        facts = save(path, args.model, net, windows.classes, origin, _seen(windows), known)
        last = tested_fold(windows)
        print(
            f"{path}: {_headline(known, 'validation')} on fold {last - 1}, by which it was "
            "calibrated"
        )
        if test:
            print(f"{path}: {_headline(known, 'test')} on fold {last}")
        for of, fold in (("validation", last - 1), *([("test", last)] if test else [])):
            if few := _rests_on_few(known, of):
                print(f"{path}: in fold {fold} {few}")
        if whole.skipped:
            print(f"{path}: without {len(whole.skipped)} records that could not be read")
        print(write_card(facts, path))


def _delineator(args: argparse.Namespace) -> None:
    """Likewise, of waves, which LUDB alone has marks of."""
    if args.set not in (None, "ludb") or args.task or args.labels or args.start:
        raise RecordError(
            f"a {DELINEATOR} learns the waves that are marked in ludb, from its beginning: it goes "
            "without --set, --task, --labels and --start"
        )
    out, corpus = _out(args), Ludb(args.data / "ludb")
    config = _set(args, delineation_jobs.TINY_FIT if args.tiny else delineation_jobs.FIT)
    path = out / "ludb.safetensors"
    with shared_by_processes(), alone(out / "finetuning-ludb") as run:
        with one_after_the_other():
            if args.restart and not rank_and_world()[0]:
                restart(run, path, card_of(path))
            expect(run, config)
            windows = _cut(corpus, delineation_jobs.CUT, out)
        torch.manual_seed(args.seed)
        net = cast(Delineator, NETWORKS[DELINEATOR](args.tiny))
        part = parted(windows)
        _require(args.batch, part.train)
        task = WaveTask(net, windows.cut.fs)
        fit(task, windows, part.train, config, run, bar=DELINEATOR)
        if rank_and_world()[0]:
            return
        test = args.test or _tested(path, run)
        parts = {"validation": part.validation} | ({"test": part.test} if test else {})
        found = {
            name: delineation_jobs.figures(net, corpus, windows, rows)
            for name, rows in parts.items()
        }
        origin = {"set": corpus.name, "parts": described(windows, part), "run": summary(run)}
        facts = save(path, DELINEATOR, net, (), origin | {"delineation": found}, _seen(windows))
        last = tested_fold(windows)
        for of, fold in zip(found.values(), (last - 1, last), strict=False):
            least = min(end["sensitivity"] for end in of.values())
            print(f"{path}: of each kind of end at least {100 * least:.1f} % found on fold {fold}")
        print(write_card(facts, path))


def _tested(path: Path, run: Path) -> bool:
    """Whether this run's network is there, measured on the test part: that is not taken back."""
    try:
        facts = read(path).facts
    except EdgeError:  # none, or a damaged one
        return False
    measured = tested(facts.statements) or "test" in facts.origin.get("delineation", {})
    return measured and facts.origin.get("run") == summary(run)


def _labelled(args: argparse.Namespace) -> tuple[Corpus, Sequence[str]]:
    """What `finetune` learns from, and sentences about it; settles the name of its labels."""
    if args.labels:
        if args.task or not args.set:
            raise RecordError("--labels is of the records of --set FOLDER, and goes without --task")
        return labelled(Path(args.set), args.labels)
    known = CORPORA.get(args.set or "ptbxl")
    if args.set and not known and Path(args.set).is_dir():
        raise RecordError(
            f"the records of the folder {args.set} have no labels: add --labels TABLE"
        )
    args.task = args.task or (next(iter(known[1])) if known else None)
    return open_corpus(args.set or "ptbxl", args.data, args.task), ()


def evaluate(args: argparse.Namespace) -> None:
    """Runs `edge-train evaluate`."""
    study = Study(args.data, _out(args), args.seeds, args.tiny)
    if args.restart:
        restart(study.results, study.runs)
    study.expect()
    print(STUDIES[args.model](study))


def explain(args: argparse.Namespace) -> None:
    """Runs `edge-train explain`."""
    name = f"{explaining.EXPLAINED[args.model]}.safetensors"
    whole, tiny = (Path("runs") / f"{args.model}{end}" / name for end in ("", "-tiny"))
    net = args.net or (tiny if tiny.exists() and not whole.exists() else whole)
    out = args.out or net.parent / f"{args.model}.png"
    beside = net.parent.parent / WINDOWS.name  # of the folder that it was trained in
    cache = beside if beside.is_dir() else WINDOWS
    explaining.explain(args.model, net, args.data, cache, args.record, out)
    print(f"{out}: by {net}")


def _out(args: argparse.Namespace) -> Path:
    return cast(Path, args.out or Path("runs") / (args.model + ("-tiny" if args.tiny else "")))


def _cut(corpus: Corpus, how: Cut, out: Path) -> Windows:
    """Windows are kept beside `out`, for other runs; OutputError where that cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror}") from error
    return cut(corpus, how, out.parent / WINDOWS.name)


def _headline(known: Sequence[Statement], part: str) -> str:
    """Macro-AUC, and of how many classes if some have none."""
    aucs = [auc for s in known if (auc := s.figures[part]["auc"]) is not None]
    if not aucs:
        return "no class has cases and others"
    some = f" of {len(aucs)} of {len(known)} classes" if len(aucs) < len(known) else ""
    return f"macro-AUC{some} {100 * np.mean(aucs):.1f} %"


def _rests_on_few(known: Sequence[Statement], part: str) -> str:
    """A sentence about classes whose AUC says little; "" if there are none."""
    counts = {s.name: [s.figures[part][of] or 0 for of in ("n", "cases")] for s in known}
    rare = [k for k, (n, cases) in counts.items() if min(cases, n - cases) < FEWEST_CASES]
    few = f"fewer than {FEWEST_CASES} windows have, or lack, {', '.join(rare)}"
    return f"{few}: AUC says little of that" if rare else ""


def _seen(windows: Windows) -> dict[str, float]:
    """What the header of a file says of the windows that its network sees."""
    return {"fs": windows.cut.fs, "seconds": windows.cut.seconds, "highpass_hz": HIGHPASS_HZ}


def _require(batch: int | None, rows: NDArray[np.int64]) -> None:
    """RecordError for a batch, as it was typed, of more windows than there are: it takes memory.

    That there are none is another mistake, which `fit` tells.
    """
    if batch and batch > len(rows) > 0:
        raise RecordError(f"{len(rows)} windows are learned: give a --batch of no more")


def _set(args: argparse.Namespace, config: FitConfig) -> FitConfig:
    """With what was typed."""
    return replace(
        config,
        seed=args.seed,
        epochs=args.epochs or config.epochs,
        batch=args.batch or config.batch,
        learning_rate=args.lr or config.learning_rate,
        compile=args.compile,
    )


def _unlabelled(args: argparse.Namespace, name: str) -> Corpus:
    corpus = open_corpus(name, args.data)
    return PseudoLabelled(corpus) if args.model == "beatssl" else corpus


def _tell(*sentences: str) -> None:
    """Before anything is learned, by the first of several processes."""
    if not rank_and_world()[0]:
        for sentence in sentences:
            print(printable(f"edge-train: {sentence}"), file=sys.stderr)


def _tell_skipped(windows: Windows, run: Path) -> None:
    """Names what could not be read, the first of many; all of many in a table in the run's folder.

    OutputError where that cannot be written.
    """
    if rank_and_world()[0]:
        return
    skipped = [f"skipped {name}: {why}" for name, why in windows.skipped.items()]
    more = len(skipped) - _NAMED
    path, lines = run / "skipped.csv", StringIO()
    csv.writer(lines).writerows([("record", "why"), *windows.skipped.items()])
    try:
        path.unlink(missing_ok=True)
        if more > 0:
            run.mkdir(exist_ok=True)
            write_text(path, lines.getvalue())
            skipped[_NAMED:] = [f"skipped {more} more records: {path} names all of them"]
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    _tell(*skipped)
