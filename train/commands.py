"""The commands of `edge-train` that are about the teachers."""

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from firmware_bridge.text import printable
from train.checkpoints import fill, read, save
from train.data.corpora import open_corpus
from train.data.corpus import Corpus
from train.data.joined import Joined
from train.data.named import Named
from train.data.ptbxl import Labels
from train.data.windows import Cut, Windows, cut
from train.diagnosis import DEFAULTS as DIAGNOSIS
from train.diagnosis import TEST_FOLD, diagnose, published
from train.explain import EXPLAINED, explain
from train.loop import FitConfig, Objective, fit, one_after_the_other, place, shared_by_processes
from train.objectives.beatssl import TwoLevel
from train.objectives.ecgnat import MaskedAutoencoder
from train.studies import beatnet, beatssl, delineation, ecgnat, heartbeatai, teaching
from train.study import Study
from train.systems import SYSTEMS, classifier

PRETRAINED: Final[dict[str, tuple[Callable[..., Objective], tuple[str, ...], FitConfig]]] = {
    "ecgnat": (MaskedAutoencoder, ("ptbxl", *ecgnat.OTHERS), ecgnat.PRETRAINING),
    "beatssl": (TwoLevel, beatssl.UNLABELLED, beatssl.PRETRAINING),
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
TASKS: Final = get_args(Labels)


def add(commands: Any, data: argparse.ArgumentParser) -> None:
    """Adds the commands to `edge-train`'s."""
    runs = argparse.ArgumentParser(add_help=False)
    runs.add_argument("--out", type=Path, help="default: runs/NAME")
    runs.add_argument("--tiny", action="store_true", help="a run of a minute that shows it learns")
    trained = argparse.ArgumentParser(add_help=False)
    trained.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    trained.add_argument("--epochs", type=int, help="default: the study's")
    trained.add_argument(
        "--compile", action="store_true", help="torch.compile: for long runs on a GPU"
    )
    one = commands.add_parser(
        "pretrain",
        parents=[data, runs, trained],
        help="learn from records without labels; resumes, and runs under torchrun",
    )
    one.add_argument("--model", choices=sorted(PRETRAINED), required=True)
    one.add_argument(
        "--set",
        action="append",
        dest="sets",
        metavar="NAME",
        help="a data set, or any folder of WFDB records; may be repeated (default: the study's)",
    )
    one.set_defaults(run=_pretrain)
    one = commands.add_parser(
        "finetune",
        parents=[data, runs, trained],
        help="learn PTB-XL's labels (folds 1 to 7, stopped by 8); resumes, runs under torchrun",
    )
    one.add_argument("--model", choices=sorted(SYSTEMS), required=True)
    one.add_argument("--task", choices=TASKS, default=TASKS[0], help="default: %(default)s")
    one.add_argument(
        "--start", type=Path, metavar="FILE", help="begin with the encoder that `pretrain` wrote"
    )
    one.set_defaults(run=_finetune)
    one = commands.add_parser(
        "evaluate",
        parents=[data, runs],
        help="train and measure one system from beginning to end, and print its tables; resumes",
    )
    one.add_argument("--model", choices=sorted(STUDIES), required=True)
    one.add_argument("--seeds", type=int, default=3, metavar="N", help="default: %(default)s")
    one.set_defaults(run=_evaluate)
    one = commands.add_parser(
        "explain",
        parents=[data],
        help="draw what a trained network makes of a real record: attention by lead and beat "
        "(beatnet), what it fills in (ecgnat), nearest beats (beatssl), saliency (heartbeatai)",
    )
    one.add_argument("--model", choices=sorted(EXPLAINED), required=True)
    one.add_argument("--net", type=Path, metavar="FILE", help="default: the one in runs/NAME")
    one.add_argument("--record", metavar="NAME", help="of ptbxl (default: one that is not normal)")
    one.add_argument("--out", type=Path, metavar="PNG", help="default: runs/NAME/NAME.png")
    one.set_defaults(run=_explain)


def _pretrain(args: argparse.Namespace) -> None:
    objective, names, config = PRETRAINED[args.model]
    out = _out(args)
    torch.manual_seed(args.seed)
    task = objective(SYSTEMS[args.model](args.tiny))
    with shared_by_processes():
        with one_after_the_other():
            windows = Joined(
                [cut(_unlabelled(args, name), Cut(), out.parent / "windows")
                 for name in args.sets or names], ()
            )  # fmt: skip
        losses = fit(
            task,
            windows,
            _untested(windows),
            _config(args, config),
            out / "pretraining",
            bar=args.model,
        )
        if place()[0]:
            return
        _tell_skipped(windows)
        path = out / "pretrained.safetensors"
        origin = {"sets": list(args.sets or names), "windows": len(windows), "losses": losses}
        save(path, args.model, task, (), origin | {"seed": args.seed}, tiny=args.tiny)
        print(f"{path}: loss {losses[0]:.3f} to {losses[-1]:.3f} over {len(windows)} windows")


def _finetune(args: argparse.Namespace) -> None:
    out = _out(args)
    with shared_by_processes():
        with one_after_the_other():
            corpus = open_corpus("ptbxl", args.data, args.task)
            windows = cut(corpus, Cut(), out.parent / "windows")
        torch.manual_seed(args.seed)
        net = classifier(args.model, len(windows.classes), tiny=args.tiny)
        if args.start:
            fill(net.encoder, read(args.start), "encoder.")
        config = _config(args, DIAGNOSIS)
        part = published(windows)
        part = replace(part, test=part.validation)
        auc = diagnose(net, windows, part, 1.0, config, out / f"finetuning-{args.task}", args.model)
        if place()[0]:
            return
        _tell_skipped(windows)
        path = out / f"{args.task}.safetensors"
        origin = {"task": args.task, "fit": asdict(config), "validation_auc": auc}
        save(path, args.model, net, windows.classes, origin, tiny=args.tiny)
        print(f"{path}: macro-AUC {100 * auc:.1f} % on fold 8, by which it was stopped")


def _evaluate(args: argparse.Namespace) -> None:
    study = Study(args.data, _out(args), args.seeds, args.tiny)
    print(STUDIES[args.model](study))


def _explain(args: argparse.Namespace) -> None:
    runs = Path("runs") / args.model
    net = args.net or runs / f"{EXPLAINED[args.model]}.safetensors"
    out = args.out or runs / f"{args.model}.png"
    explain(net, args.data, net.parent.parent / "windows", args.record, out)
    print(out)


def _out(args: argparse.Namespace) -> Path:
    return cast(Path, args.out or Path("runs") / (args.model + ("-tiny" if args.tiny else "")))


def _config(args: argparse.Namespace, config: FitConfig) -> FitConfig:
    epochs = args.epochs or (2 if args.tiny else config.epochs)
    least = 0 if args.tiny else config.least_steps
    return replace(config, seed=args.seed, epochs=epochs, least_steps=least, compile=args.compile)


def _unlabelled(args: argparse.Namespace, name: str) -> Corpus:
    corpus = open_corpus(name, args.data)
    return Named(corpus) if args.model == "beatssl" else corpus


def _untested(windows: Joined) -> NDArray[np.int64]:
    """All but PTB-XL's test fold."""
    tested = [r.fold == TEST_FOLD and r.name.startswith("ptbxl") for r in windows.records]
    return np.flatnonzero(~np.array(tested, bool)[windows.column("record")])


def _tell_skipped(windows: Windows) -> None:
    """Names what could not be read."""
    for name, why in windows.skipped.items():
        print(printable(f"skipped {name}: {why}"))
