"""Time that calls take, and the one core they are bound to."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter


def seconds(function: Callable[[], object]) -> float:
    """Seconds that a call takes, of the wall clock."""
    began = perf_counter()
    function()
    return perf_counter() - began


@contextmanager
def one_core() -> Iterator[None]:
    """Binds this process and its children to one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
