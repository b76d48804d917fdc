"""A study: many small trainings whose figures fill a table, kept as they come."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tqdm import tqdm

from edge.errors import OutputError, RecordError
from edge.workers import end_with_parent
from train.engine.devices import side_by_side
from train.engine.files import write_text
from train.engine.manifest import NAME, REMEDY, claim, expect, manifest

Job = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function at the top of a module, and its arguments; it returns what JSON can hold."""


@dataclass(frozen=True, slots=True)
class Study:
    """Where a study reads and writes, and how large it is."""

    data: Path
    """Folder of the data sets."""
    out: Path
    """Results, checkpoints, logs and figures."""
    seeds: int = 3
    tiny: bool = False
    """A run of a minute that shows that everything learns, instead of one that measures."""

    @property
    def cache(self) -> Path:
        """Where windows are cut to: all studies beside this one share them."""
        return self.out.parent / "windows"

    @property
    def results(self) -> Path:
        """Where figures are kept."""
        return self.out / "results.json"

    @property
    def runs(self) -> Path:
        """Where jobs keep checkpoints."""
        return self.out / "runs"

    @property
    def _settings(self) -> dict[str, Any]:
        return {"tiny": self.tiny}

    def expect(self) -> None:
        """Refuses early, before windows are cut, what `run` would refuse to go on with."""
        expect(self.out, self._settings, [self.results])

    def run(
        self,
        jobs: Mapping[str, Job],
        data: Mapping[str, Any],
        kept: Mapping[str, Path] | None = None,
    ) -> dict[str, Any]:
        """The result of each job, on all cores; those that an earlier run left are not run again.

        A job's name says its arguments: results are told apart by it. `kept` are the networks that
        jobs write, by the job's name: one that is not there any more is made again.

        `data` is what the jobs learn from (`train.data.windows.learned_from`). RecordError, which
        says what differs, if the results that are there are of other data, code or size. Shows a
        progress bar. Results go to `results.json` as they come.
        """
        path = self.results
        modules = dict.fromkeys(job.__module__ for job, _ in jobs.values())
        mine = manifest(self._settings, data, *modules)
        claim(self.out, mine, [path])
        done = self._done(mine.digest)
        gone = {key for key, network in (kept or {}).items() if not network.exists()}
        left = {key: job for key, job in jobs.items() if key not in done or key in gone}
        # One thread each: small networks gain nothing from more.
        with ProcessPoolExecutor(side_by_side(), get_context("spawn"), end_with_parent) as pool:
            futures = {pool.submit(job, *args): key for key, (job, args) in left.items()}
            bar = tqdm(as_completed(futures), self.out.name, len(futures), unit="run")
            for future in bar:
                # Another command may have added to it meanwhile.
                done = self._done(mine.digest) | {**done, futures[future]: future.result()}
                try:
                    write_text(path, json.dumps(done, indent=1))
                except OSError as error:
                    raise OutputError(f"cannot write {path}: {error}") from error
        return {key: done[key] for key in jobs}

    def _done(self, digest: str) -> dict[str, Any]:
        """The results that are there; RecordError where they are damaged or of another run."""
        path = self.results
        try:
            if not path.exists():
                return {"manifest": digest}
            done: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if done["manifest"] != digest:
                raise ValueError("another run's")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"{path} is damaged or of another run than the {NAME} beside it: {REMEDY}"
            ) from error
        return done
