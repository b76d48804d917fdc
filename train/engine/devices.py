"""Where a network is, and what it computes in there."""

import ctypes
import os
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Final

import torch
from torch import Tensor, nn

_MALLOPT: Final = {-1: 2**31 - 1, -3: 2**30}
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h, in bytes."""


def settle() -> None:
    """Makes this process ready to train: one thread, and freed memory stays at hand.

    Sums in another order would give other weights. glibc gives blocks the size of a batch's maps
    back to the system and has them cleared anew in each step, a third of the time of Beat-SSL's
    pretraining here; other C libraries are left as they are.
    """
    torch.set_num_threads(1)
    with suppress(AttributeError, OSError, TypeError):  # none has such a call, or none is found
        for option, size in _MALLOPT.items():
            ctypes.CDLL(None).mallopt(option, size)


def device() -> torch.device:
    """The GPU of this process, by its number on this machine (`LOCAL_RANK`), else the processor."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def side_by_side() -> int:
    """How many trainings run at a time: one a core; where there is a GPU four, which share it."""
    cores = os.cpu_count() or 1
    return min(4, cores) if device().type == "cuda" else cores


def where(net: nn.Module) -> torch.device:
    """The device that a network is on."""
    return next(net.parameters()).device


def half(on: torch.device) -> torch.dtype | None:
    """The half precision that a device is quick in; None where it gains nothing.

    Cards before Ampere only pretend to know bfloat16.
    """
    if on.type != "cuda":
        return None
    known = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if known else torch.float16


def in_half(on: torch.device, precision: torch.dtype | None) -> AbstractContextManager[object]:
    """In which networks are computed with; as they are where there is no such precision."""
    return torch.autocast(on.type, precision) if precision else nullcontext()


def in_full(x: Tensor) -> AbstractContextManager[object]:
    """In which what is computed of `x` is not in half precision, whatever is around it."""
    known = torch.amp.is_autocast_available(x.device.type)
    return torch.autocast(x.device.type, enabled=False) if known else nullcontext()
