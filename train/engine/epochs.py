"""The loop that all trainings share, teachers' and the student's."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from train.engine.distributed import mean_over_processes


class Place(NamedTuple):
    """How far a training has come."""

    epoch: int = 0
    """Epochs before this one."""
    step: int = 0
    """Steps of this one that are done."""
    total: float = 0.0
    """Sum of their losses."""

    @property
    def loss(self) -> float:
        """Mean over the epoch so far."""
        return self.total / self.step


BEGIN: Final = Place()


def plain() -> torch.amp.GradScaler:
    """What leaves losses as they are."""
    return torch.amp.GradScaler(enabled=False)


def trained(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    epochs: int,
    batches: Callable[[int, int], Iterator[Tensor]],
    begin: Place = BEGIN,
    clip: float | None = None,
    scaler: torch.amp.GradScaler | None = None,
    stepped: Callable[[Place], object] = lambda place: None,
) -> Iterator[tuple[int, float]]:
    """Trains a network; gives the number and the mean loss of each epoch when it is done.

    `batches` computes the loss of one batch of an epoch after the other, from a step on, each with
    the weights that the one before left; `clip` is the norm that gradients are clipped to; `scaler`
    is for half precision that gradients would get lost in; `stepped` is called after each step.
    Whoever asks for the next epoch may validate and write between, or leave off.
    """
    scaler = scaler or plain()
    place = begin
    while place.epoch < epochs:
        net.train()
        for loss in batches(place.epoch, place.step):
            optimiser.zero_grad()
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            if clip is not None:
                scaler.unscale_(optimiser)
                nn.utils.clip_grad_norm_(net.parameters(), clip)
            scaler.step(optimiser)
            scaler.update()
            total = place.total + mean_over_processes(loss.detach())
            place = place._replace(step=place.step + 1, total=total)
            stepped(place)
        yield place.epoch, place.loss
        place = Place(place.epoch + 1)
