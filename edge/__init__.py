"""Names each heartbeat of a stream: samples in, events out."""

from edge.batch import Annotation, annotate
from edge.live import open
from edge.monitor import Monitor

__all__ = ["Annotation", "Monitor", "annotate", "open"]
