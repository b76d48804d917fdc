"""The processes that share a training."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, distributed

from edge.errors import OutputError
from train.engine.devices import device

LONGEST: Final = timedelta(days=7)
"""That the first process may take for what the others wait for, such as cutting a million records.
"""


def rank_and_world() -> tuple[int, int]:
    """The rank of this process among those that share the training, and the world size."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


@contextmanager
def shared_by_processes() -> Iterator[None]:
    """Joins the processes that `torchrun` started, if it did."""
    if "WORLD_SIZE" not in os.environ:
        yield
        return
    if device().type == "cuda":
        torch.cuda.set_device(device())
    distributed.init_process_group("nccl" if device().type == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


@contextmanager
def alone(run: Path) -> Iterator[Path]:
    """A run's folder, which no other command writes to meanwhile.

    By a lock on a file beside it, which dies with the process; of processes that share a training
    the first holds it. OutputError where another command does, or the file cannot be made.
    """
    if rank_and_world()[0]:
        yield run
        return
    path = run.with_name(f".{run.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise OutputError(f"cannot write to {run.parent}: {error.strerror}") from error
    with file:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                raise OutputError(
                    f"another command writes to {run}: wait for it, or give another --out"
                ) from None
        yield run


@contextmanager
def one_after_the_other() -> Iterator[None]:
    """The first process goes through before the others do, which find on disk what it left."""
    rank, world = rank_and_world()
    if world == 1:
        yield
        return
    # Its own group: that of the training gives up on who is late by minutes.
    group = distributed.new_group(backend="gloo", timeout=LONGEST)
    if rank:
        distributed.barrier(group)
    yield
    if not rank:
        distributed.barrier(group)
    distributed.destroy_process_group(group)


def gathered(x: Tensor) -> Tensor:
    """The rows of every process, in the order of the batch; gradients find their way back.

    For losses that compare windows with each other: every process then has the whole batch's loss,
    and the mean of their gradients is that of one process.
    """
    rank, world = rank_and_world()
    if world == 1:
        return x
    parts = [torch.empty_like(x) for _ in range(world)]
    distributed.all_gather(parts, x.detach().contiguous())
    # Our own rows keep their history. Each process differentiates through its own rows alone and
    # DDP takes the mean, so they count `world` times; what is added is 0, also in half precision.
    parts[rank] = x.detach() + world * (x - x.detach())
    return torch.stack(parts, 1).flatten(0, 1)


def mean_over_processes(loss: Tensor) -> float:
    """Over the processes."""
    if rank_and_world()[1] > 1:
        distributed.all_reduce(loss)
        loss = loss / rank_and_world()[1]
    return float(loss)
