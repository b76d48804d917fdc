"""The loop that all trainings share, teachers' and the student's."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from train.engine.distributed import mean_over_processes


def trained(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    epochs: range,
    batches: Callable[[int], Iterator[Tensor]],
    *,
    clip: float | None = None,
    stepped: Callable[[], object] = lambda: None,
) -> Iterator[tuple[int, float]]:
    """Trains a network; gives the number and the mean loss of each epoch when it is done.

    `batches` computes the loss of one batch of an epoch after the other, each with the weights that
    the one before left; `clip` is the norm that gradients are clipped to; `stepped` is called after
    each step. Whoever asks for the next epoch may validate and write between, or leave off.
    """
    for epoch in epochs:
        net.train()
        total, steps = 0.0, 0
        for loss in batches(epoch):
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if clip is not None:
                nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimiser.step()
            stepped()
            total += mean_over_processes(loss.detach())
            steps += 1
        yield epoch, total / steps
