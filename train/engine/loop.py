"""The training loop that all teachers share: one process or many, resumed to the same result.

Everything random follows from the seed, the epoch and the number of the batch, so a run that was
stopped ends where an unbroken one does. Under `torchrun` each process takes every `world`-th window
of every batch, and draws for its own windows what a single process draws for them: the run follows
the single one to within the order of sums. Checkpoints are safetensors files, nothing else, each
bound to its run's manifest: another network, objective, setting, code or set of windows is refused.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tensorboardX import SummaryWriter
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from edge.errors import OutputError, RecordError
from train.engine.batches import Batch, Batches
from train.engine.distributed import mean_over_processes, place
from train.engine.files import replacing
from train.engine.manifest import (
    NAME,
    REMEDY,
    Manifest,
    claim,
    code,
    described,
    manifest,
    of_arrays,
)
from train.engine.randomness import Dice

CHECKPOINT: Final = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How a network is fitted, whatever its objective."""

    seed: int = 0
    epochs: int = 20
    batch: int = 32
    """Windows a step, over all processes together."""
    learning_rate: float = 1e-3
    """At its highest; it rises over the first tenth of the steps and falls as a cosine."""
    weight_decay: float = 0.05
    clip: float = 1.0
    """Norm that gradients are clipped to."""
    patience: int = 8
    """Epochs without a better validation after which a run with validation ends."""
    least_steps: int = 0
    """Few windows are gone through several times an epoch, to make up so many steps in all."""
    compile: bool = False
    """Whether torch.compile is used: for long runs on a GPU."""


class Objective(nn.Module):
    """All that is trained together, heads too, and what it is trained for."""

    def forward(self, batch: Batch, dice: Dice) -> Tensor:
        """The loss, a mean over the batch's windows."""
        raise NotImplementedError


def fit(
    objective: Objective,
    windows: Batches,
    rows: NDArray[np.int64],
    config: FitConfig,
    run: Path | None = None,
    validate: Callable[[], float] | None = None,
    bar: str | None = None,
    told: Mapping[str, Any] | None = None,
) -> list[float]:
    """Fits the objective on some windows; returns the loss of each epoch.

    With `run`, a folder, logs go there for TensorBoard and a checkpoint after each epoch, from
    which a stopped run goes on; RecordError, which says what differs, where the checkpoint was
    begun otherwise. With `validate`, whose higher is better, the network ends as it was when that
    was best, and a run ends early; `told` are the settings that decide what it says. `bar` names a
    progress bar.
    """
    rank, world = place()
    if config.batch % world:
        raise ValueError(f"a batch of {config.batch} cannot be shared by {world} processes")
    if not len(rows):
        raise RecordError("there is no window to learn from: the chosen records hold none")
    torch.set_num_threads(1)  # sums in another order would give other weights
    device = torch.device("cuda", rank) if torch.cuda.is_available() else torch.device("cpu")
    objective.to(device)
    net: nn.Module = objective
    if world > 1:  # an encoder's features of beats are not used where records are learned
        net = DistributedDataParallel(objective, find_unused_parameters=True)
    if config.compile:
        net.compile()
    repeats = max(1, -(-config.least_steps * config.batch // (config.epochs * len(rows))))
    steps = max(1, repeats * len(rows) // config.batch)
    decayed = [p for p in objective.parameters() if p.ndim > 1]
    others = [p for p in objective.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay},
         {"params": others, "weight_decay": 0.0}],
        config.learning_rate,
    )  # fmt: skip
    state = _State(objective, optimiser)
    if run:
        settings = {**described(config), "processes": world, "device": device.type, **(told or {})}
        modules = [validate.__module__] if validate else []
        made = _manifest(objective, windows, rows, settings, modules)
        claim(run, made, [run / CHECKPOINT], main=not rank)
        state = _State(objective, optimiser, run / CHECKPOINT, made.digest)
    done, progress = state.load()
    losses: list[float] = progress["losses"]
    scores: list[float] = progress["scores"]
    log = _log(run) if run and rank == 0 else None
    with tqdm(total=config.epochs, desc=bar, disable=bar is None or rank > 0, unit="ep") as shown:
        shown.update(done)
        for epoch in range(done, config.epochs):
            if _stale(scores, config.patience):
                break
            rng = np.random.default_rng([config.seed, epoch])
            order = np.concatenate([rng.permutation(rows) for _ in range(repeats)])
            objective.train()
            total = 0.0
            for step in range(steps):
                at = epoch * steps + step
                for group in optimiser.param_groups:
                    group["lr"] = config.learning_rate * _schedule(at / (config.epochs * steps))
                mine = np.resize(order, steps * config.batch)[step * config.batch :]
                batch = _to(windows.batch(mine[: config.batch][rank::world]), device)
                torch.manual_seed(config.seed * 1_000_003 + at)  # dropout
                dice = Dice(config.seed, epoch, step, rank=rank, world=world, device=device)
                with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                    loss = net(batch, dice)
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(objective.parameters(), config.clip)
                optimiser.step()
                total += mean_over_processes(loss.detach())
            losses.append(total / steps)
            objective.eval()
            if validate:
                with torch.no_grad():
                    scores.append(validate())
            better = not validate or scores[-1] == max(scores)
            if log:
                log.add_scalar("loss", losses[-1], epoch)
                log.add_scalar("learning_rate", optimiser.param_groups[0]["lr"], epoch)
                if validate:
                    log.add_scalar("validation", scores[-1], epoch)
                log.flush()
            state.keep(
                epoch + 1, {"losses": losses, "scores": scores}, better=better, main=not rank
            )
            shown.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
            shown.update()
    if log:
        log.close()
    state.take_best()
    objective.eval()
    return losses


def _manifest(
    objective: nn.Module,
    windows: Batches,
    rows: NDArray[np.int64],
    settings: Mapping[str, Any],
    modules: Sequence[str],
) -> Manifest:
    """Of a run that begins with these weights; what parts of the network were told is a setting."""
    weights = objective.state_dict()
    parts: dict[str, Any] = {}
    for name, part in objective.named_modules():
        modules = [*modules, type(part).__module__]
        if code(type(part).__module__):
            parts[name] = {
                k: v.cpu().numpy() if isinstance(v, Tensor) else v
                for k, v in vars(part).items()
                if not (k.startswith("_") or k == "training" or isinstance(v, nn.Module))
            }
        elif not any(part.children()):
            parts[name] = str(part)
    data = {
        **windows.identity,
        "windows that are learned": of_arrays([rows]),
        "first weights": of_arrays(weights[name].cpu().numpy() for name in sorted(weights)),
    }
    return manifest({**settings, "network": parts}, data, __name__, *dict.fromkeys(modules))


def _log(run: Path) -> Any:
    """Where TensorBoard reads."""
    try:
        run.mkdir(parents=True, exist_ok=True)
        return SummaryWriter(str(run))
    except OSError as error:
        raise OutputError(f"cannot write logs to {run}: {error}") from error


def _stale(scores: list[float], patience: int) -> bool:
    return bool(scores) and len(scores) - 1 - int(np.argmax(scores)) >= patience


def _schedule(part: float) -> float:
    """Share of the highest learning rate, after that part of the steps."""
    return part / 0.1 if part < 0.1 else 0.5 * (1 + math.cos(math.pi * (part - 0.1) / 0.9))


def _to(batch: Batch, device: torch.device) -> Batch:
    if device.type == "cpu":
        return batch
    fields: dict[str, Any] = {name: getattr(batch, name) for name in Batch.__slots__}
    return Batch(**{name: f.to(device) for name, f in fields.items() if f is not None})


class _State:
    """What a stopped run needs to go on: weights, the optimiser's moments, the best weights."""

    def __init__(
        self,
        objective: nn.Module,
        optimiser: torch.optim.Optimizer,
        path: Path | None = None,
        digest: str = "",
    ) -> None:
        self._objective, self._optimiser = objective, optimiser
        self._path, self._digest = path, digest
        self._best: dict[str, Tensor] = {}

    def load(self) -> tuple[int, dict[str, Any]]:
        """Epochs done, and their losses and scores; 0 and none where there is no checkpoint."""
        if not self._path or not self._path.exists():
            return 0, {"losses": [], "scores": []}
        try:
            with safe_open(self._path, framework="pt") as file:
                progress = json.loads(file.metadata()["progress"])
                if file.metadata()["manifest"] != self._digest:
                    raise ValueError("another run's")
                found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            parts: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}, "optimiser": {}}
            for name, tensor in found.items():
                part, _, rest = name.partition("/")
                parts[part][rest] = tensor
            self._objective.load_state_dict(parts["weights"])
            moments: dict[int, dict[str, Tensor]] = {}
            for name, tensor in parts["optimiser"].items():
                number, _, moment = name.partition("/")
                moments.setdefault(int(number), {})[moment] = tensor
            state = self._optimiser.state_dict()
            self._optimiser.load_state_dict(state | {"state": moments})
        except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"the checkpoint {self._path} is damaged or of another run than the {NAME} beside "
                f"it: {REMEDY}"
            ) from error
        self._best = parts["best"]
        return int(progress["epoch"]), progress

    def keep(self, epoch: int, progress: dict[str, Any], *, better: bool, main: bool) -> None:
        """Notes the weights if they are the best, and writes the checkpoint."""
        weights = self._objective.state_dict()
        if better:
            self._best = {name: tensor.detach().clone() for name, tensor in weights.items()}
        if not self._path or not main:
            return
        moments = self._optimiser.state_dict()["state"]
        tensors = chain(
            ((f"weights/{name}", tensor) for name, tensor in weights.items()),
            ((f"best/{name}", tensor) for name, tensor in self._best.items()),
            ((f"optimiser/{i}/{n}", t) for i, of in moments.items() for n, t in of.items()),
        )
        metadata = {
            "progress": json.dumps(progress | {"epoch": epoch}),
            "manifest": self._digest,
        }
        try:
            with replacing(self._path) as new:
                save_file({n: t.detach().cpu().clone() for n, t in tensors}, new, metadata)
        except (OSError, SafetensorError) as error:
            raise OutputError(f"cannot write the checkpoint {self._path}: {error}") from error

    def take_best(self) -> None:
        """Puts the best weights back."""
        if self._best:
            self._objective.load_state_dict(self._best)
