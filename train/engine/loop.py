"""How teachers are trained: one process or many, resumed to the same result.

Everything random follows from the seed, the epoch and the number of the batch, so a run that was
stopped ends where an unbroken one does. Under `torchrun` each process takes every `world`-th window
of every batch, and draws for its own windows what a single process draws for them: the run follows
the single one to within the order of sums. Checkpoints are safetensors files, nothing else, each
bound to its run's manifest: another network, objective, setting, code or set of windows is refused.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tensorboardX import SummaryWriter
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from edge.errors import OutputError, RecordError
from train.engine import devices
from train.engine.batches import Batch, Batches, stream
from train.engine.checkpoint import Checkpoint, Part
from train.engine.distributed import rank_and_world
from train.engine.epochs import BEGIN, Place, trained
from train.engine.manifest import (
    Manifest,
    claim,
    code,
    described,
    manifest,
    of_arrays,
)
from train.engine.manifest import expect as expect_settings
from train.engine.randomness import RandomStream

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
    """Few windows are gone through several times an epoch, to make about so many steps in all."""
    compile: bool = False
    """Whether torch.compile is used: for long runs on a GPU."""


class Objective(nn.Module):
    """All that is trained together, heads too, and what it is trained for."""

    def forward(self, batch: Batch, random: RandomStream) -> Tensor:
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

    With `run`, a folder, logs go there for TensorBoard and a checkpoint every minute and after each
    epoch, from which a stopped run goes on; RecordError, which says what differs, where that was
    begun otherwise. With `validate`, whose higher is better, the network ends as it was at its
    best, and a run ends early; `told` are the settings that decide what it says. `bar`: its name.
    """
    rank, world = rank_and_world()
    order = _Order(rows, config)
    order.require(world)
    devices.settle()
    on = devices.device()
    precision = devices.half(on)
    net = _shared(objective.to(on), config)
    optimiser = _optimiser(objective, config)
    scaler = torch.amp.GradScaler(on.type, enabled=precision == torch.float16)
    parts: dict[str, Part] = {"weights": objective, "optimiser": optimiser, "scaler": scaler}
    settings = {**_settings(config), **(told or {})}
    digest = _claimed(run, objective, windows, rows, settings, validate) if run else ""
    checkpoint = Checkpoint(run and run / CHECKPOINT, digest, parts)
    kept = checkpoint.load() or {"place": BEGIN, "losses": [], "scores": [], "best": {}}
    begin = Place(*kept.pop("place"))
    losses: list[float] = kept["losses"]
    scores: list[float] = kept["scores"]

    def batches(epoch: int, step: int) -> Iterator[Tensor]:
        mine = order.of(epoch)[step:, rank::world]
        for i, batch in enumerate(stream(windows, mine, on), step):
            at = epoch * order.steps + i
            _pace(optimiser, config, at / order.total)
            torch.manual_seed(config.seed * 1_000_003 + at)  # dropout
            random = RandomStream(config.seed, epoch, i, rank=rank, world=world, device=on)
            with devices.in_half(on, precision):
                loss: Tensor = net(batch, random)
            yield loss

    done = begin.epoch * order.steps + begin.step
    shown = tqdm(None, bar, order.total, disable=not bar or rank > 0, unit="step", initial=done)

    def stepped(place: Place) -> None:
        shown.set_postfix(epoch=place.epoch + 1, loss=f"{place.loss:.4f}", refresh=False)
        shown.update()
        if not rank and checkpoint.due:
            checkpoint.save(place=place, **kept)

    log = _Log(None if rank else run)
    epochs = 0 if _stale(scores, config.patience) else config.epochs
    of = trained(objective, optimiser, epochs, batches, begin, config.clip, scaler, stepped)
    for epoch, loss in of:
        _require_finite(loss, epoch, shown)
        losses.append(loss)
        if validate:
            objective.eval()
            with torch.no_grad():
                scores.append(validate())
        if not validate or scores[-1] == max(scores):
            kept["best"] = _copied(objective)
        if not rank:
            log.tell(epoch, loss, scores, optimiser)
            checkpoint.save(place=Place(epoch + 1), **kept)
        if _stale(scores, config.patience):
            break
    shown.close()
    log.close()
    if kept["best"]:
        objective.load_state_dict(kept["best"])
    objective.eval()
    return losses


@dataclass(frozen=True, slots=True)
class _Order:
    """In which steps windows are gone through."""

    rows: NDArray[np.int64]
    config: FitConfig

    def require(self, world: int) -> None:
        """RecordError where there are none, or none that so many processes can share."""
        if self.config.batch % world:
            raise RecordError(
                f"a batch of {self.config.batch} cannot be shared by {world} processes: give a "
                f"--batch that is a multiple of {world}"
            )
        if not len(self.rows):
            raise RecordError("there is no window to learn from: the chosen records hold none")

    @property
    def repeats(self) -> int:
        """How often an epoch has each window."""
        config = self.config
        return max(1, -(-config.least_steps * config.batch // (config.epochs * len(self.rows))))

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return max(1, self.repeats * len(self.rows) // self.config.batch)

    @property
    def total(self) -> int:
        """Steps of all epochs."""
        return self.config.epochs * self.steps

    def of(self, epoch: int) -> NDArray[np.int64]:
        """The windows of each step of an epoch, over all processes, [steps, batch]."""
        rng = np.random.default_rng([self.config.seed, epoch])
        order = np.concatenate([rng.permutation(self.rows) for _ in range(self.repeats)])
        return np.resize(order, (self.steps, self.config.batch))


def _require_finite(loss: float, epoch: int, shown: "tqdm[Any]") -> None:
    """RecordError, below its bar, where a run has gone astray."""
    if not math.isfinite(loss):
        shown.close()
        raise RecordError(
            f"the loss is {loss} after epoch {epoch + 1}, so nothing is learned: give a lower "
            "learning rate, and --restart"
        )


def _copied(net: nn.Module) -> dict[str, Tensor]:
    """A network's weights as they are now."""
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def _shared(objective: nn.Module, config: FitConfig) -> nn.Module:
    """The objective as it is called: by all processes together, compiled if that is wanted."""
    net = objective
    if rank_and_world()[1] > 1:
        # An encoder's features of beats are not used where records are learned.
        net = DistributedDataParallel(objective, find_unused_parameters=True)
    if config.compile:
        net.compile()
    return net


def _optimiser(objective: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
    """Matrices decay, biases and scales do not."""
    decayed = [p for p in objective.parameters() if p.ndim > 1]
    others = [p for p in objective.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay},
         {"params": others, "weight_decay": 0.0}],
        config.learning_rate,
    )  # fmt: skip


def expect(run: Path, config: FitConfig) -> None:
    """Refuses early, before there are windows, what `fit` would refuse to go on with."""
    expect_settings(run, _settings(config), [run / CHECKPOINT])


def _settings(config: FitConfig) -> dict[str, Any]:
    """What is chosen, and what it is computed on."""
    on = devices.device()
    precision = str(devices.half(on))
    machine = {"processes": rank_and_world()[1], "device": on.type, "precision": precision}
    return {**described(config), **machine}


def _claimed(
    run: Path,
    objective: nn.Module,
    windows: Batches,
    rows: NDArray[np.int64],
    settings: Mapping[str, Any],
    validate: Callable[[], float] | None,
) -> str:
    """Makes a folder that of this run; the digest of its `_manifest`."""
    modules = [validate.__module__] if validate else []
    made = _manifest(objective, windows, rows, settings, modules)
    claim(run, made, [run / CHECKPOINT], main=not rank_and_world()[0])
    return made.digest


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


class _Log:
    """What TensorBoard reads; nothing is noted without a folder."""

    def __init__(self, run: Path | None) -> None:
        """OutputError where nothing can be written there."""
        try:
            if run:
                run.mkdir(parents=True, exist_ok=True)
            self._writer: Any = SummaryWriter(str(run)) if run else None
        except OSError as error:
            raise OutputError(f"cannot write logs to {run}: {error}") from error

    def tell(
        self, epoch: int, loss: float, scores: Sequence[float], optimiser: torch.optim.Optimizer
    ) -> None:
        """Notes an epoch."""
        if not self._writer:
            return
        self._writer.add_scalar("loss", loss, epoch)
        self._writer.add_scalar("learning_rate", optimiser.param_groups[0]["lr"], epoch)
        if scores:
            self._writer.add_scalar("validation", scores[-1], epoch)
        self._writer.flush()

    def close(self) -> None:
        """At the end."""
        if self._writer:
            self._writer.close()


def _stale(scores: list[float], patience: int) -> bool:
    return bool(scores) and len(scores) - 1 - int(np.argmax(scores)) >= patience


def _pace(optimiser: torch.optim.Optimizer, config: FitConfig, part: float) -> None:
    """Sets the learning rate for that part of the steps."""
    for group in optimiser.param_groups:
        group["lr"] = config.learning_rate * _schedule(part)


def _schedule(part: float) -> float:
    """Share of the highest learning rate, after that part of the steps."""
    return part / 0.1 if part < 0.1 else 0.5 * (1 + math.cos(math.pi * (part - 0.1) / 0.9))
