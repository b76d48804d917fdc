"""Processes that are killed at chosen moments, as by a power cut."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Once, for all processes that are forked; of torch, what its optimizers import.
import torch._dynamo  # noqa: F401

import train.commands.student  # noqa: F401

ROOT = Path(__file__).parents[2]


def killed(work: str, run: Path, moments: Sequence[str]) -> None:
    """Runs `work`, which knows its folder `run`, and kills it as soon as a file is there.

    One process after the other, in the same folder, each killed when the next of the patterns
    `moments` has a file; or, where that is a number, before as many files have been touched there.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-m", "tests.train.killed", work, str(run), *moments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert not done.returncode, done.stderr


def _die_when_there_is(run: Path, moment: str) -> None:
    """When there is such a file, this process and those that it started die.

    At the latest as the next file in `run` is touched.
    """
    os.setpgid(0, 0)
    me, looking, here, left = os.getpid(), False, str(run), int(moment) if moment.isdigit() else 0

    def look(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal looking, left
        if looking or os.getpid() != me or not event.startswith(("open", "os.")):
            return
        if not any(str(of).startswith(here) for of in arguments):
            return
        looking = True
        left -= 1
        if (run.is_dir() and any(run.glob(moment))) or left == 0:
            os.killpg(0, signal.SIGKILL)
        looking = False

    sys.addaudithook(look)


def main(work: str, run: Path, moments: Sequence[str]) -> int:
    """Forks for each moment; 1 where a process came to its end, or failed."""
    for moment in moments:
        child = os.fork()
        if not child:
            _die_when_there_is(run, moment)
            exec(work, {"run": run, "Path": Path})
            os._exit(1)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            print(f"not killed when there was {moment}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
