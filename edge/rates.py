"""The sampling rates that can be watched."""

from numbers import Real
from typing import Final, cast

from firmware_bridge.text import printable

FS_MIN: Final = 60.0
"""In Hz; slower, too few samples are left of a QRS complex."""
FS_MAX: Final = 1000.0
MUST_BE: Final = f"must be from {FS_MIN:g} to {FS_MAX:g} Hz"


def possible(fs: object) -> bool:
    """Whether `fs`, in Hz, is a number within the bounds."""
    number = isinstance(fs, Real) and not isinstance(fs, bool)
    return number and FS_MIN <= cast("float", fs) <= FS_MAX


def check_rate(fs: object, whose: str, error: type[Exception]) -> None:
    """Raises `error` where `fs`, in Hz, is not possible; the sentence begins with `whose`."""
    if not possible(fs):
        said = f"{fs:.7g}" if isinstance(fs, float) else printable(repr(fs), 40)
        raise error(f"{whose} {MUST_BE}, not {said}")
