"""Records on all cores: done as they come, and one that kills its process costs no other."""

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, Final, Protocol

from edge.archive.records import stamp
from edge.workers import end_with_parent

WAITING: Final = 4
"""Records a worker, so that none waits for this process."""
Row = dict[str, Any]
Done = tuple[str, list[list[int]], Row]
"""A record's name, the sizes and times of its files when it was begun, and its row."""


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    """Processes that end with this one, and at once where it is stopped."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begun)
    try:
        yield pool
    except BaseException:
        for child in active_children():
            child.kill()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _begun() -> None:
    """In a new process: Ctrl-C is the parent's, and its end, however it comes, is this one's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def here(
    left: dict[str, Path], work: Callable[[str, Path], Row], workers: int
) -> Generator[Done, None, None]:
    """All records, as they are done, in processes of this machine; `work` is at a module's top.

    One that kills its process costs no other: those that were under way then are done again, one
    at a time, and what kills its process then is bad.
    """
    todo, most = deque(left.items()), WAITING * workers
    while todo:
        suspects = deque[tuple[str, Path]]()
        with _pool(workers) as pool:
            for name, seen, future in each(pool.submit, wait, work, todo, lambda: most):
                try:
                    yield name, seen, future.result()
                except BrokenProcessPool:
                    suspects.append((name, left[name]))
        while suspects:
            with _pool(1) as alone:
                for name, seen, future in each(alone.submit, wait, work, suspects, lambda: 1):
                    try:
                        yield name, seen, future.result()
                    except BrokenProcessPool:
                        yield name, seen, bad(name, "it killed the process that read it")


class Result(Protocol):
    """A future, of a pool or a cluster."""

    def result(self) -> Row:
        """The row, once it is there."""


def each(
    submit: Callable[..., Result],
    wait: Callable[..., Any],
    work: Callable[[str, Path], Row],
    todo: deque[tuple[str, Path]],
    most: Callable[[], int],
) -> Iterator[tuple[str, list[list[int]], Result]]:
    """Takes records off `todo`; gives each one's name, files, and result when that is there.

    `submit` and `wait` are those of `concurrent.futures`, or another's like them. So many records
    wait, or run, as `most` says then. Ends where there are none, or the pool is broken.
    """
    running: dict[Result, tuple[str, list[list[int]]]] = {}
    broken = False
    while True:
        room = most() - len(running)
        while todo and room > 0 and not broken:
            name, path = todo[0]
            seen = stamp(path)
            try:
                running[submit(work, name, path)] = name, seen
            except BrokenProcessPool:
                broken = True
                break
            todo.popleft()
            room -= 1
        if not running:
            return
        for future in wait(list(running), return_when=FIRST_COMPLETED).done:
            yield *running.pop(future), future


def bad(name: str, error: str) -> Row:
    """Of a record that cannot be used, with the reason in a sentence."""
    return {"record": name, "error": error}
