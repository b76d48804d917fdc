"""Training of the student: beats of DS1, augmented, balanced; cross-validated over records.

Looks of both kinds, provisional and final, go through one network. Everything random follows
from the seed and the epoch, so that a resumed run ends where an unbroken one does.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from edge import replay
from edge.beats import CONTEXT, SAMPLES
from train.augment import ectopy
from train.beats import Beats, Peaks, look
from train.data.mitdb import read_annotations, require
from train.models.student import Student, StudentConfig, save

CACHE_VERSION = 3
"""Raised when the same recordings give other beats, because the runtime has changed."""
BATCH = 256


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Every choice of a training run; chosen by cross-validation over DS1's records."""

    seed: int = 0
    epochs: int = 6
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    normals: int = 80_000
    """N looks drawn for an epoch, anew for each; of the other classes all are taken."""
    balance: float = 0.4
    """Classes weigh as their share to the power of minus this: 0 as they are, 1 all alike."""
    averaging: float = 0.99
    """Of the moving average of the weights that becomes the student, a batch."""
    label_smoothing: float = 0.02
    gain: float = 0.15
    """Standard deviation of the logarithm of each look's gain."""
    noise: float = 0.06
    """Largest standard deviation of white noise, in QRS heights."""
    context_noise: float = 0.05
    flipped: float = 0.15
    """Share of looks with the lead's polarity turned."""


def collect(
    folder: Path, records: Sequence[str], cache: Path, classes: Sequence[str]
) -> dict[Peaks, Beats]:
    """Looks at all beats of both leads of `records`, a set for each way to find the peaks.

    Kept in `cache` under a key of its settings. Shows a progress bar. RecordError where `folder`
    is missing.
    """
    require(folder)
    key = hashlib.sha256(json.dumps([CACHE_VERSION, CONTEXT, classes, list(records)]).encode())
    paths: dict[Peaks, Path] = {
        "detected": cache / f"beats-{key.hexdigest()[:12]}-detected.npz",
        "annotated": cache / f"beats-{key.hexdigest()[:12]}-annotated.npz",
    }
    cache.mkdir(parents=True, exist_ok=True)
    for peaks, path in paths.items():
        if not path.exists():
            job = partial(_record, folder, classes, peaks)
            with ProcessPoolExecutor() as pool:
                parts = list(
                    tqdm(pool.map(job, records), f"beats, {peaks} peaks", len(records), unit="rec")
                )
            Beats.concatenate(parts).save(path)
    return {peaks: Beats.load(path) for peaks, path in paths.items()}


def _record(folder: Path, classes: Sequence[str], peaks: Peaks, record: str) -> Beats:
    recording = replay.read(folder / record)
    reference = read_annotations(folder / record)
    mv = recording.nv * 1e-6
    return Beats.concatenate([look(lead, reference, record, classes, peaks) for lead in mv.T])


def folds(beats: Beats, count: int) -> dict[str, int]:
    """Records to `count` folds, each with its share of every class as far as records allow.

    Greedy: the records richest in rare beats first, each to the fold where they are rarest.
    """
    classes = int(beats.label.max()) + 1
    per_record = {
        str(record): np.bincount(beats.label[beats.record == record], minlength=classes)
        for record in np.unique(beats.record)
    }
    total = sum(per_record.values(), np.zeros(classes, dtype=np.int64))
    shares = {record: n / total for record, n in per_record.items()}
    load = np.zeros((count, classes))
    result = {}
    for record in sorted(shares, key=lambda r: -shares[r].max()):
        heaviest = (load + shares[record]).max(axis=1) + (load + shares[record]).sum(axis=1) / 10
        fold = int(heaviest.argmin())
        load[fold] += shares[record]
        result[record] = fold
    return result


def train(
    beats: Beats,
    model: StudentConfig,
    config: TrainingConfig,
    checkpoint: Path | None = None,
    progress: Callable[[int, float], object] = lambda epoch, loss: None,
) -> Student:
    """Trains a student on `beats`; goes on from `checkpoint` if that file is there.

    `progress` is called after each epoch with its number from 1 and its mean loss.
    """
    torch.set_num_threads(1)  # sums in another order would give other weights
    torch.manual_seed(config.seed)
    student = Student(model)
    student.fit_context(torch.from_numpy(beats.context))
    rows = [np.flatnonzero(beats.label == c) for c in range(len(model.classes))]
    taken = [min(len(rows[0]), config.normals), *(len(r) for r in rows[1:])]
    share = torch.tensor(taken, dtype=torch.float32).clamp(min=1) / sum(taken)
    weight = (share[0] / share) ** config.balance
    steps = sum(taken) // BATCH
    optimiser = torch.optim.AdamW(
        student.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.epochs * steps
    )
    average = get_ema_multi_avg_fn(config.averaging)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(student, multi_avg_fn=average, use_buffers=True)
    parts: dict[str, Any] = {
        "student": student,
        "averaged": averaged,
        "optimiser": optimiser,
        "schedule": schedule,
    }
    done = 0
    if checkpoint and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        done = state.pop("epoch")
        for name, part in parts.items():
            part.load_state_dict(state[name])
    for epoch in range(done, config.epochs):
        rng = np.random.default_rng([config.seed, epoch])
        torch.manual_seed(config.seed * 1000 + epoch)  # dropout
        generator = torch.Generator().manual_seed(config.seed * 1000 + epoch)
        order = np.concatenate([rng.choice(rows[0], taken[0], replace=False), *rows[1:]])
        rng.shuffle(order)
        student.train()
        total = 0.0
        for batch in order[: steps * BATCH].reshape(steps, BATCH):
            ecg, context, label = augmented(beats, batch, model.classes, config, generator)
            loss = F.cross_entropy(
                student(ecg, context), label, weight, label_smoothing=config.label_smoothing
            )
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            averaged.update_parameters(student)
            total += loss.item()
        progress(epoch + 1, total / steps)
        if checkpoint:
            state = {name: part.state_dict() for name, part in parts.items()}
            torch.save(state | {"epoch": epoch + 1}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
    student.load_state_dict(averaged.module.state_dict())
    return student.eval()


def augmented(
    beats: Beats,
    rows: NDArray[np.int64],
    classes: tuple[str, ...],
    config: TrainingConfig,
    rng: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """A batch: windows [B, 2, T], context [B, F], labels [B], all of it changed at random."""
    ecg, context = tensors(beats, rows)
    label = torch.from_numpy(beats.label[rows])
    ecg, context, label = ectopy(ecg, context, label, classes, rng)
    n = len(label)
    seen = ecg[:, :1] != 0  # what is not seen yet stays so
    level = config.noise * torch.rand(n, 1, 1, generator=rng) ** 3
    ecg[:, :1] += level * seen * torch.randn(n, 1, SAMPLES, generator=rng)
    sign = 1 - 2.0 * (torch.rand(n, 1, 1, generator=rng) < config.flipped)
    ecg *= sign * torch.exp(config.gain * torch.randn(n, 1, 1, generator=rng))
    context += config.context_noise * (context != 0) * torch.randn(context.shape, generator=rng)
    return ecg, context, label


def tensors(beats: Beats, rows: slice | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Windows [n, C, T] and contexts [n, F] of some looks."""
    return torch.from_numpy(beats.ecg[rows]), torch.from_numpy(beats.context[rows])


@torch.no_grad()
def logits(model: nn.Module, beats: Beats) -> Tensor:
    """Logits of all looks, [n, K]."""
    parts = range(0, len(beats), BATCH)
    return torch.cat([model(*tensors(beats, slice(i, i + BATCH))) for i in parts])


def write(student: Student, config: TrainingConfig, records: Sequence[str], folder: Path) -> Path:
    """Writes the weights, and beside them where they come from."""
    path = folder / "student.safetensors"
    save(student, path)
    origin = {"data": "mitdb 1.0.0", "records": list(records), "config": asdict(config)}
    (folder / "training.json").write_text(json.dumps(origin, indent=2) + "\n", encoding="utf-8")
    return path
