"""A study: many small trainings whose figures fill a table, kept as they come."""

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from edge.errors import OutputError, RecordError

Job = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function at the top of a module, and its arguments; it returns what JSON can hold."""


@dataclass(frozen=True, slots=True)
class Study:
    """Where a study reads and writes, and how large it is."""

    data: Path
    """Folder of the data sets."""
    out: Path
    """Results, checkpoints, logs and pictures."""
    seeds: int = 3
    tiny: bool = False
    """A run of a minute that shows that everything learns, instead of one that measures."""

    @property
    def cache(self) -> Path:
        """Where windows are cut to: all studies beside this one share them."""
        return self.out.parent / "windows"

    def run(self, jobs: Mapping[str, Job]) -> dict[str, Any]:
        """The result of each job, on all cores; those that an earlier run left are not run again.

        Shows a progress bar. Results go to `results.json` as they come.
        """
        path = self.out / "results.json"
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            done: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        except ValueError as error:
            raise RecordError(f"{path} is damaged: remove it, and the study begins anew") from error
        except OSError as error:
            raise OutputError(f"cannot write to {self.out}: {error}") from error
        left = {key: job for key, job in jobs.items() if key not in done}
        # One thread each, and as many processes as cores: small networks gain nothing from more.
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(job, *args): key for key, (job, args) in left.items()}
            bar = tqdm(as_completed(futures), self.out.name, len(futures), unit="run")
            for future in bar:
                done[futures[future]] = future.result()
                new = path.with_suffix(".new")
                new.write_text(json.dumps(done, indent=1), "utf-8")
                new.replace(path)
        return {key: done[key] for key in jobs}


def spread(values: list[float], scale: float = 100.0) -> str:
    """Mean and standard deviation over seeds, as tables have them."""
    if len(values) == 1:
        return f"{scale * values[0]:.1f}"
    return f"{scale * np.mean(values):.1f} ± {scale * np.std(values, ddof=1):.1f}"
