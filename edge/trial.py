"""A model tried once where it can do no harm: in a process of its own.

The runtimes are C++, and a damaged or hostile model can make them crash, which nothing in Python
can catch. So a model that does not come with this package is loaded and run once by another Python
first; what ends that one shall not end the stream. Costs another start of Python, NumPy and the
runtime, once a process for each model: docs/bundles.md.
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
_CODE: Final = "from edge.trial import child; child()"


def survive(bundle: Bundle, backend: str) -> None:
    """BundleError where loading the model and running it once ends, or stalls, the process.

    What the runtime merely refuses is for who loads it here to tell. A trusted bundle is not tried.
    """
    if not bundle.trusted and (end := _end(pickle.dumps((bundle, backend)))):
        raise BundleError(
            f"The model of the bundle {bundle.manifest.name} {end} when it was tried with {backend}"
            ": get the bundle again, or make it again with edge-quantize."
        )


@functools.lru_cache(maxsize=8)
def _end(given: bytes) -> str:
    """How a process that tries the model ended, as words for people; nothing if of itself."""
    # The same packages as here, wherever they come from, and nothing from the current folder.
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    with suppress(OSError):  # no process can be started: then there is no trial either
        try:
            code = subprocess.run(
                [sys.executable, "-P", "-c", _CODE],
                input=given,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
                timeout=WAIT_S,
            ).returncode
        except subprocess.TimeoutExpired:
            return f"did not end within {WAIT_S:g} s"
        if code == -signal.SIGXCPU:
            return f"did not end within {CPU_S} s of CPU time"
        if code < 0:
            return f"crashed the runtime (signal {-code})"
    return ""


def child() -> None:
    """Tries the model that standard input brings; crashes, or ends whatever comes of it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    from edge.classify import Classifier

    bundle, backend = pickle.load(sys.stdin.buffer)
    Classifier(replace(bundle, trusted=True), backend)
