"""What detectors cost on one core."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.qrs import peers
from benchmarks.qrs.compare import detected
from benchmarks.sets import Case
from benchmarks.timing import one_core, seconds
from edge.qrs import QrsDetector

CHUNKS: Final = (1, 36, 360)
"""Samples of a push: at 360 Hz one, 100 ms and a second."""
_PUSHES: Final = 20_000
"""As many at most in a round; sample by sample, that is a minute of a recording."""


def ns_per_sample(case: Case, names: Sequence[str], repeats: int = 5) -> dict[str, Any]:
    """Median time over rounds in which every detector has its turn.

    Ours is given the case's leads in chunks and whole; the peers, by name, the first lead whole.
    """
    mv, lead = case.mv, case.mv[:, 0].astype(np.float64)
    tasks: dict[str, tuple[int, Callable[[], object]]] = {}
    for size in CHUNKS:
        part = mv[: size * _PUSHES]
        tasks[f"edge, {size}"] = (len(part), partial(_in_chunks, part, case.fs, size))
    tasks["edge, whole"] = (len(mv), partial(detected, mv, case.fs))
    for name in names:
        tasks[name] = (len(mv), partial(peers.find, name, lead, case.fs))
        peers.find(name, lead, case.fs)  # its imports and caches are not the detector's time
    with one_core():
        rounds = [
            {name: 1e9 * seconds(task) / n for name, (n, task) in tasks.items()}
            for _ in tqdm(range(repeats), unit="round")
        ]
    medians = {name: round(median(r[name] for r in rounds), 1) for name in tasks}
    return {"repeats": repeats, "chunks": _PUSHES, "median_ns": medians}


def _in_chunks(mv: NDArray[np.float32], fs: float, size: int) -> None:
    detector = QrsDetector(fs, mv.shape[1])
    for start in range(0, len(mv), size):
        detector.push(mv[start : start + size])
    detector.flush()
