"""Names each heartbeat of a stream: blocks of samples in, events out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.live import open
    from edge.monitor import Monitor

__all__ = ["Monitor", "open"]


def __getattr__(name: str) -> Any:
    """Loads what is asked for: the command's first lines are run before all the rest is there."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from edge import live

    return getattr(live, name)
