"""Real recordings that boards are tried with, and the trial."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.report import Report
from benchmarks.sets import missing
from benchmarks.tables import percent, table
from edge import replay

Kind = TypeVar("Kind")
Excerpt = tuple[NDArray[np.float64], float]
"""Two leads in millivolts, shape [n, 2], and their rate in Hz."""
_FIFTY: Final = (
    ("mitdb", 20),
    ("ludb", 10),
    ("ptbxl", 8),
    ("cinc2015", 6),
    ("qtdb", 4),
    ("svdb", 1),
)
"""Of each data set so many, and one of the noise."""


def excerpt(
    recording: Excerpt, seconds: float, fs: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Some seconds of it from anywhere, at another rate in Hz and a random height: [n, 2], mV."""
    mv, own_fs = recording
    n = int(seconds * own_fs)
    at = int(rng.integers(0, max(1, len(mv) - n)))
    some = mv[at : at + n]
    t = np.arange(int(seconds * fs)) / fs * own_fs
    height = rng.uniform(0.4, 1.5)
    sampled = [height * np.interp(t, np.arange(len(some)), x - np.median(x)) for x in some.T]
    return np.stack(sampled, axis=1)


def fifty(data: Path) -> list[Excerpt]:
    """Fifty recordings of many kinds: two leads in millivolts, and the rate in Hz.

    A RecordError where one of their data sets is missing or damaged.
    """
    found: list[Excerpt] = []
    for name, many in _FIFTY:
        headers = sorted((data / name).rglob("*.hea"))
        if not headers:
            raise missing(data / name, name)
        for i in range(many):
            header = headers[i * len(headers) // many]
            recording = replay.read(header)
            mv = np.asarray(recording.nv[:, [0, -1]] * 1e-6, np.float64)
            found.append((mv[: round(300 * recording.fs)], recording.fs))
    noise = replay.read(data / "nstdb" / "ma")
    return [*found, (np.asarray(noise.nv[:100_000, :2] * 1e-6, np.float64), noise.fs)]


def tried(
    data: Path,
    what: str,
    kinds: Mapping[str, Kind],
    judge: Callable[[Kind, Excerpt, np.random.Generator], str],
    verdicts: Sequence[str],
    false: str,
) -> Report:
    """What is made of the bytes of each kind, over the fifty recordings: a row each, and totals.

    `what`: the word for a kind; `verdicts` of `judge`: the first is "right", the third the false
    one, for which `false` is the words. A RecordError where a recording is missing or damaged.
    """
    counts = {name: Counter[str]() for name in kinds}
    for seed, recording in enumerate(tqdm(fifty(data), unit="recording")):
        for i, (name, kind) in enumerate(kinds.items()):
            counts[name][judge(kind, recording, np.random.default_rng([seed, i]))] += 1
    outcomes: list[dict[str, Any]] = [
        {what: name} | {verdict: count[verdict] for verdict in verdicts}
        for name, count in counts.items()
    ]
    total = sum(count.total() for count in counts.values())
    right, _, wrong = (sum(c[verdict] for c in counts.values()) for verdict in verdicts[:3])
    text = table([what, *verdicts], [list(map(str, outcome.values())) for outcome in outcomes])
    text += f"\n\nright: {percent(right / total)} % of {total}; {false}: {wrong}"
    return Report(text, {"outcomes": outcomes, "right": right / total, verdicts[2]: wrong})
