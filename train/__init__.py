"""Recordings to models.

Rooms, of which each imports from those before it alone:

- `engine`: the training loop, processes, random streams, prediction; run manifests and files.
- `metrics`: EC57, delineation, classification.
- `data`: recordings with their labels, and the windows cut from them (`engine`, `metrics`).
- `models`: networks, a file each, their registry and checkpoints (`engine`, `metrics`).
- `objectives`: what networks are trained for (`data`, `models` and their likes).
- `student`: its beats, augmentation, teachers, training, cross-validation.
- `studies`: what each system is measured by, a folder each.
- `reading`: what a trained network says of any record (`engine`, `metrics`, `data`, `models`);
  no torch.
- `commands`: what `edge-train` does; `cli` imports the one that was given.
"""

import os
import signal
from typing import Any

from edge.extras import run


def main() -> int:
    """Run `edge-train`; Ctrl-C ends it quietly also while it is imported, which takes seconds.

    Torch is to take large pages, if it is not told otherwise: it looks before its first tensor.
    With them a step of Beat-SSL's pretraining takes three quarters of the time here.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGINT, _stopped)
    return run("train.cli", "train")


def _stopped(*_: Any) -> None:
    """Not by an exception: what is being imported may make another of it."""
    os._exit(130)
