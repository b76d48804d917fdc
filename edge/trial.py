"""A model tried once where it can do no harm: in a process of its own.

The runtimes are C++, and a damaged or hostile model can make them crash, which nothing in Python
can catch. So a model that does not come with this package is loaded and run once by another Python
first; what ends that one shall not end the stream. Costs another start of Python, NumPy and the
runtime, once a process for each model: docs/bundle.md.
"""

import functools
import os
import pickle
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Final

from edge.bundle import Bundle
from edge.errors import BundleError

CPU_S: Final = 30
"""CPU time that a trial may take: some 0.3 s is usual, a few seconds on a small board."""
WAIT_S: Final = 120.0
"""And time by the clock."""
DATA_BYTES: Final = 1 << 30
"""And memory, of which some 0.1 GB are usual."""
_CODE: Final = "from edge.trial import child; child()"


def survive(bundle: Bundle, backend: str) -> None:
    """BundleError where the model cannot be loaded and run once, whatever that does to a process.

    A trusted bundle is not tried.
    """
    if not bundle.trusted and (end := _end(pickle.dumps((bundle, backend)))):
        raise BundleError(
            f"The model of the bundle {bundle.manifest.name} was tried with {backend}, and {end}: "
            "get the bundle again, or make it again with edge-quantize."
        )


@functools.lru_cache(maxsize=8)
def _end(given: bytes) -> str:
    """What came of a process that tries the model, as words for people; nothing if it is well."""
    # The same packages as here, wherever they come from, and nothing from the current folder.
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    with suppress(OSError):  # no process can be started: then there is no trial either
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", _CODE],
                input=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path},
                timeout=WAIT_S,
            )
        except subprocess.TimeoutExpired:
            return f"it did not end within {WAIT_S:g} s"
        if done.returncode == -signal.SIGXCPU:
            return f"it did not end within {CPU_S} s of CPU time"
        if done.returncode < 0:
            return f"it crashed the runtime (signal {-done.returncode})"
        if done.returncode == BundleError.exit_code:
            return done.stdout.decode(errors="replace").rstrip(".\n")
    return ""


def child() -> None:
    """Tries the model that standard input brings: crashes, or says what is wrong with it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES, DATA_BYTES))
    from edge.classify import Classifier

    bundle, backend = pickle.load(sys.stdin.buffer)
    try:
        Classifier(replace(bundle, trusted=True), backend)
    except BundleError as error:
        print(error)
        sys.exit(BundleError.exit_code)
