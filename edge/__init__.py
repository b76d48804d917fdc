"""Names each heartbeat of a stream: blocks of samples in, events out."""

from edge.live import open
from edge.monitor import Monitor

__all__ = ["Monitor", "open"]
