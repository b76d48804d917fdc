"""The clock that the line is timed by."""

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds since some moment; they go on while the machine is suspended, and never jump."""
    return time.clock_gettime(_CLOCK)
