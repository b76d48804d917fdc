"""Names each heartbeat of a stream: samples in, events out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.batch import Annotation, annotate
    from edge.live import open, play
    from edge.monitor import Monitor

__all__ = ["Annotation", "Monitor", "annotate", "open", "play"]

_FROM = {
    "Annotation": "edge.batch",
    "Monitor": "edge.monitor",
    "annotate": "edge.batch",
    "open": "edge.live",
    "play": "edge.live",
}
"""Loaded when asked for: `edge.cli.start` must run before all that takes a while."""


def __getattr__(name: str) -> Any:
    if name in _FROM:
        return getattr(import_module(_FROM[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
