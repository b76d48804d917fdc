"""What the commands of `edge-train` do that are about the teachers."""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray

from firmware_bridge.text import printable
from train.commands import explain as explaining
from train.data.corpora import open_corpus
from train.data.corpus import Corpus
from train.data.joined import Joined
from train.data.pseudolabels import PseudoLabelled
from train.data.windows import Cut, Windows, cut
from train.engine.distributed import one_after_the_other, rank_and_world, shared_by_processes
from train.engine.loop import FitConfig, Objective, fit
from train.engine.manifest import read as read_manifest
from train.engine.manifest import restart
from train.models.checkpoint import fill, read, save
from train.models.registry import SYSTEMS, classifier
from train.objectives.beatssl import TwoLevel
from train.objectives.ecgnat import MaskedAutoencoder
from train.studies.beatnet import study as beatnet
from train.studies.beatssl import jobs as beatssl_jobs
from train.studies.beatssl import study as beatssl
from train.studies.delineation import study as delineation
from train.studies.diagnosis import TEST_FOLD, diagnose, published
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
    out = _out(args)
    torch.manual_seed(args.seed)
    task = objective(SYSTEMS[args.model](args.tiny))
    with shared_by_processes():
        run = out / "pretraining"
        with one_after_the_other():
            if args.restart and not rank_and_world()[0]:
                restart(run)
            windows = Joined(
                [cut(_unlabelled(args, name), Cut(), out.parent / "windows")
                 for name in args.sets or names], ()
            )  # fmt: skip
        losses = fit(
            task,
            windows,
            _untested(windows),
            _config(args, config),
            run,
            bar=args.model,
        )
        if rank_and_world()[0]:
            return
        _tell_skipped(windows)
        path = out / "pretrained.safetensors"
        origin = {"sets": list(args.sets or names), "windows": len(windows), "losses": losses}
        save(path, args.model, task, (), origin | {"run": made(run)})
        print(f"{path}: loss {losses[0]:.3f} to {losses[-1]:.3f} over {len(windows)} windows")


def finetune(args: argparse.Namespace) -> None:
    """Runs `edge-train finetune`."""
    out = _out(args)
    with shared_by_processes():
        run = out / f"finetuning-{args.task}"
        with one_after_the_other():
            if args.restart and not rank_and_world()[0]:
                restart(run)
            corpus = open_corpus("ptbxl", args.data, args.task)
            windows = cut(corpus, Cut(), out.parent / "windows")
        torch.manual_seed(args.seed)
        net = classifier(args.model, len(windows.classes), tiny=args.tiny)
        if args.start:
            fill(net.encoder, read(args.start), "encoder.")
        recipe = RECIPES[args.model]
        config = _config(args, recipe.started if args.start else recipe.scratch)
        part = published(windows)
        part = replace(part, test=part.validation)
        auc = diagnose(net, windows, part, 1.0, config, run, args.model, recipe.task)
        if rank_and_world()[0]:
            return
        _tell_skipped(windows)
        path = out / f"{args.task}.safetensors"
        origin = {"task": args.task, "validation_auc": auc, "run": made(run)}
        save(path, args.model, net, windows.classes, origin)
        print(f"{path}: macro-AUC {100 * auc:.1f} % on fold 8, by which it was stopped")


def evaluate(args: argparse.Namespace) -> None:
    """Runs `edge-train evaluate`."""
    study = Study(args.data, _out(args), args.seeds, args.tiny)
    if args.restart:
        restart(study.results, study.runs)
    print(STUDIES[args.model](study))


def explain(args: argparse.Namespace) -> None:
    """Runs `edge-train explain`."""
    name = f"{explaining.EXPLAINED[args.model]}.safetensors"
    whole, tiny = (Path("runs") / f"{args.model}{end}" / name for end in ("", "-tiny"))
    net = args.net or (tiny if tiny.exists() and not whole.exists() else whole)
    out = args.out or net.parent / f"{args.model}.png"
    cache = net.parent.parent / "windows"
    explaining.explain(args.model, net, args.data, cache, args.record, out)
    print(out)


def made(run: Path) -> dict[str, Any]:
    """What a file says of the run folder that it came from."""
    found = read_manifest(run)
    return found.summary if found else {}


def _out(args: argparse.Namespace) -> Path:
    return cast(Path, args.out or Path("runs") / (args.model + ("-tiny" if args.tiny else "")))


def _config(args: argparse.Namespace, config: FitConfig) -> FitConfig:
    epochs = args.epochs or (2 if args.tiny else config.epochs)
    least = 0 if args.tiny else config.least_steps
    return replace(config, seed=args.seed, epochs=epochs, least_steps=least, compile=args.compile)


def _unlabelled(args: argparse.Namespace, name: str) -> Corpus:
    corpus = open_corpus(name, args.data)
    return PseudoLabelled(corpus) if args.model == "beatssl" else corpus


def _untested(windows: Joined) -> NDArray[np.int64]:
    """All but PTB-XL's test fold; no other set has folds."""
    tested = [r.fold == TEST_FOLD for r in windows.records]
    return np.flatnonzero(~np.array(tested, bool)[windows.column("record")])


def _tell_skipped(windows: Windows) -> None:
    """Names what could not be read."""
    for name, why in windows.skipped.items():
        print(printable(f"skipped {name}: {why}"))
